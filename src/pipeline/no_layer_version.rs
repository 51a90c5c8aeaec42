//! What takes the place of layer versions in a limg without AWS, which cannot fetch them.

use super::remote_layers::UNUSABLE;
use super::{Context, PipelineError};
use crate::problem::{DocumentPath, Problem};
use crate::project::{Function, Layer, LayerVersionArn, Source, VersionSource};

/// Refuses a version of a layer.
#[expect(clippy::unused_async, reason = "it stands for what fetches")]
pub(super) async fn bring(
    layer: &Layer,
    version: &VersionSource,
    _function: &Function,
    _is_new: bool,
    _context: &Context,
) -> Result<Result<Source, Problem>, PipelineError> {
    let at = DocumentPath::keys(&["layers", &layer.name, "arn"]);
    let message = format!("this limg was built without AWS and cannot fetch `{}`", version.arn);
    Ok(Err(Problem::new(UNUSABLE, at, message).help("download it and name its `path`")))
}

/// Leaves a version's pin as it is.
#[expect(clippy::unused_async, reason = "it stands for what fetches")]
pub(super) async fn fetch(_arn: &LayerVersionArn, _context: &Context) -> Result<(), PipelineError> {
    Ok(())
}
