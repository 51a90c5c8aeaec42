//! What takes the place of layer versions in a limg without AWS, which cannot fetch them.

use super::{Context, PipelineError};
use crate::finding::{Code, Finding, Setting};
use crate::project::{Function, Layer, LayerVersionArn, Source, VersionSource};

/// Refuses a version of a layer.
#[expect(clippy::unused_async, reason = "it stands for what fetches")]
pub(super) async fn bring(
    layer: &Layer,
    version: &VersionSource,
    _function: &Function,
    _is_new: bool,
    _context: &Context,
) -> Result<Result<Source, Finding>, PipelineError> {
    let message = format!("this limg was built without AWS and cannot fetch `{}`", version.arn);
    Ok(Err(
        Finding::error(Code::UnusableSource, layer.source_place.clone(), message).help(Setting::LayerFiles)
    ))
}

/// Leaves a version's pin as it is.
#[expect(clippy::unused_async, reason = "it stands for what fetches")]
pub(super) async fn fetch(_arn: &LayerVersionArn, _context: &Context) -> Result<(), PipelineError> {
    Ok(())
}
