//! Versions of layers that were published in Lambda, which must fit the functions that use them.

use std::sync::Arc;

use super::{Context, PipelineError};
use crate::aws::AwsLayerVersions;
use crate::event::Event;
use crate::finding::{Code, Finding, Help, Setting};
use crate::layer_version::FetchedLayerVersion;
use crate::project::{Function, Layer, LayerVersionArn, Source, SourceKind, VersionSource};

/// Brings a version of a layer, which must fit the function that uses it.
pub(super) async fn bring(
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
        Err(PipelineError::LayerVersion { source, .. }) if source.is_layers() => {
            let finding =
                Finding::error(Code::UnusableSource, layer.source_place.clone(), source.to_string());
            return Ok(Err(Finding { help: source.help().map(Help::from), ..finding }));
        }
        Err(error) => return Err(error),
    };
    if !ignore_compatibility {
        if let Some(finding) = mismatch(&fetched, layer, function) {
            return Ok(Err(finding));
        }
        if is_new && let Some(warning) = undeclared(&fetched, layer) {
            context.reporter.report(Event::Finding(warning));
        }
    }
    let path = fetched.blob.path;
    Ok(Ok(Source { path, kind: SourceKind::Zip, follow: false, exclude: Vec::new() }))
}

/// Fetches a version of a layer, unless it is here, and pins it.
pub(super) async fn fetch(
    arn: &LayerVersionArn,
    context: &Context,
) -> Result<FetchedLayerVersion, PipelineError> {
    let expected = context.pins.layer_version(arn);
    let reporter = Arc::clone(&context.reporter);
    let layers = AwsLayerVersions::new(context.aws.clone(), context.store.clone(), reporter);
    let fetched = layers
        .fetch_version(arn, expected.as_ref())
        .await
        .map_err(|source| PipelineError::LayerVersion { arn: arn.to_string(), source })?;
    context.pins.pin_layer_version(arn, fetched.sha256.clone());
    Ok(fetched)
}

/// Whether a layer says that it is not for a function.
fn mismatch(fetched: &FetchedLayerVersion, layer: &Layer, function: &Function) -> Option<Finding> {
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

/// Whether a layer does not say what it is for, which need not mean anything.
fn undeclared(fetched: &FetchedLayerVersion, layer: &Layer) -> Option<Finding> {
    let what = match (fetched.runtimes.is_empty(), fetched.architectures.is_empty()) {
        (false, false) => return None,
        (true, true) => "runtimes and architectures",
        (true, false) => "runtimes",
        (false, true) => "architectures",
    };
    let message = format!("the layer `{}` does not declare for which {what} it is", layer.name);
    let help = Help::from("check that it is compatible").or(Setting::IgnoreCompatibility);
    Some(Finding::warning(Code::UndeclaredLayer, layer.source_place.clone(), message).help(help))
}
