//! Layer versions of Lambda that functions use: fetched, pinned, and checked for compatibility.

use super::context::Context;
use super::error::PipelineError;
use crate::event::Event;
use crate::failure::Failure as _;
use crate::finding::{Code, Finding, Help, Setting};
use crate::layer_version::{FetchedLayerVersion, LayerVersionError};
use crate::project::{Function, Layer, LayerVersionArn, Source, SourceKind, VersionSource};

/// Fetches the layer version that a layer of a function stands for. The inner error is a finding about the definition.
/// `is_new` is whether no other function has used the layer before, so that warnings about it appear once.
pub(super) async fn load(
    layer: &Layer,
    version: &VersionSource,
    function: &Function,
    is_new: bool,
    context: &Context,
) -> Result<Result<Source, Finding>, PipelineError> {
    let VersionSource { arn, ignore_compatibility } = version;
    if context.pins.are_locked() && context.pins.layer_version(arn).is_none() {
        let message = format!("limg.lock has no pin for `{arn}`");
        let help = "run the command without `--locked` and commit limg.lock";
        return Ok(Err(Finding::error(Code::UnusableSource, layer.source_place.clone(), message).help(help)));
    }
    let fetched = match fetch(arn, context).await {
        Ok(fetched) => fetched,
        Err(PipelineError::LayerVersion { source: LayerVersionError::Unusable(failure), .. }) => {
            let finding =
                Finding::error(Code::UnusableSource, layer.source_place.clone(), failure.to_string());
            return Ok(Err(finding.optional_help(failure.help())));
        }
        Err(error) => return Err(error),
    };
    if !ignore_compatibility {
        if let Some(finding) = incompatibility(&fetched, layer, function) {
            return Ok(Err(finding));
        }
        if is_new && let Some(warning) = undeclared_compatibility(&fetched, layer) {
            context.reporter.report(Event::Finding(warning));
        }
    }
    let path = fetched.blob.path;
    Ok(Ok(Source::new(path, SourceKind::Zip)))
}

/// Fetches a layer version, unless the store has it, and pins it.
pub(super) async fn fetch(
    arn: &LayerVersionArn,
    context: &Context,
) -> Result<FetchedLayerVersion, PipelineError> {
    let expected = context.pins.layer_version(arn);
    let fetched = context
        .layer_versions
        .fetch(arn, expected.as_ref())
        .await
        .map_err(|source| PipelineError::LayerVersion { arn: arn.to_string(), source })?;
    context.pins.pin_layer_version(arn, fetched.sha256.clone());
    Ok(fetched)
}

/// The finding if the layer declares that it is not for the function.
fn incompatibility(fetched: &FetchedLayerVersion, layer: &Layer, function: &Function) -> Option<Finding> {
    let lacks = |declared: &[String], own: &str| !declared.is_empty() && declared.iter().all(|it| it != own);
    let runtime = function.base.contract.as_str();
    let architecture = function.architecture.name();
    let (own, declared) = if lacks(&fetched.architectures, architecture) {
        (architecture, &fetched.architectures)
    } else if lacks(&fetched.runtimes, runtime) {
        (runtime, &fetched.runtimes)
    } else {
        return None;
    };
    let message = format!(
        "the layer `{}` is for {}, but the function `{}` is {own}",
        layer.name,
        declared.join(", "),
        function.name
    );
    let help = Help::from("use a version of the layer for it").or(Setting::IgnoreCompatibility);
    Some(Finding::error(Code::IncompatibleLayer, layer.source_place.clone(), message).help(help))
}

/// The warning if the layer does not declare what it is for. It may be compatible nevertheless.
fn undeclared_compatibility(fetched: &FetchedLayerVersion, layer: &Layer) -> Option<Finding> {
    let what = match (fetched.runtimes.is_empty(), fetched.architectures.is_empty()) {
        (false, false) => return None,
        (true, true) => "runtimes or architectures",
        (true, false) => "runtimes",
        (false, true) => "architectures",
    };
    let message = format!("the layer `{}` declares no compatible {what}", layer.name);
    let help = Help::from("check that it is compatible").or(Setting::IgnoreCompatibility);
    Some(Finding::warning(Code::UndeclaredLayer, layer.source_place.clone(), message).help(help))
}
