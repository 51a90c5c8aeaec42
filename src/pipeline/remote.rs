//! Layers that are not files of this machine: versions of layers of Lambda, and files of other images. They are brought
//! here, checked, before they become trees.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bytes::{self, RemoteImage};
use super::error::full_text;
use super::{BaseError, Context, PipelineError, blocking};
use crate::extract::{self, Extracted};
use crate::image::Layer as ImageLayer;
use crate::plan;
use crate::problem::{DocumentPath, Problem};
use crate::project::{Architecture, Function, ImageFiles, Layer, LayerSource, Repository, Source};
use crate::tree::{FileIndex, Tree};

/// A layer that was brought here.
#[derive(Clone)]
pub(super) enum Brought {
    /// A zip in the store.
    Zip(Source),
    /// Files of an image.
    Files(Arc<Tree>),
}

/// A layer of another image that already is a tree of files and nothing else, so that it can be used as it is.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) tree: Arc<Tree>,
    pub(super) layer: ImageLayer,
    /// Where it lies.
    pub(super) origin: Repository,
}

impl Ready {
    /// Whether it can be used for a tree on a base.
    pub(super) fn is(&self, tree: &Arc<Tree>, base: &FileIndex) -> bool {
        // A tree that was changed for one function is another one.
        Arc::ptr_eq(&self.tree, tree) && extract::suits(tree, base)
    }
}

/// What was brought.
#[derive(Default)]
pub(super) struct AllBrought {
    sources: BTreeMap<(LayerSource, Architecture), Brought>,
    /// Layers that need not be made.
    pub(super) ready: Vec<Ready>,
    /// What is wrong with what the definition names.
    pub(super) problems: Vec<Problem>,
}

impl AllBrought {
    /// What was brought of a source for an architecture; nothing if there was a problem with it.
    pub(super) fn get(&self, source: &LayerSource, architecture: Architecture) -> Option<&Brought> {
        self.sources.get(&(source.clone(), architecture))
    }
}

/// Brings the layers of functions that lie elsewhere.
///
/// # Errors
/// When a layer cannot be had although the definition is right.
pub(super) async fn bring_all(
    functions: &[&Function],
    context: &Context,
) -> Result<AllBrought, PipelineError> {
    let mut all = AllBrought::default();
    let mut seen = BTreeSet::new();
    for function in functions {
        for layer in &function.layers {
            let key = (layer.source.clone(), function.architecture);
            let is_new = seen.insert((layer.name.clone(), key.clone()));
            match &layer.source {
                LayerSource::Files(_) => {}
                LayerSource::Version(version) => {
                    let brought = version::bring(layer, version, function, is_new, context).await?;
                    match brought {
                        Ok(zip) => drop(all.sources.insert(key, Brought::Zip(zip))),
                        Err(problem) => all.problems.push(problem),
                    }
                }
                LayerSource::Image(files) if is_new => {
                    match files_of(layer, files, function.architecture, context).await? {
                        Ok((tree, ready)) => {
                            all.sources.insert(key, Brought::Files(tree));
                            all.ready.extend(ready);
                        }
                        Err(problem) => all.problems.push(problem),
                    }
                }
                LayerSource::Image(_) => {}
            }
        }
    }
    Ok(all)
}

type Files = (Arc<Tree>, Option<Ready>);

/// The files of an image.
async fn files_of(
    layer: &Layer,
    files: &ImageFiles,
    architecture: Architecture,
    context: &Context,
) -> Result<Result<Files, Problem>, PipelineError> {
    match extract(files, architecture, context).await {
        Ok(files) => Ok(Ok(files)),
        Err(error) if error.is_definitions() => {
            let at = DocumentPath::keys(&["layers", &layer.name, "image"]);
            let message =
                format!("failed to take `{}` of `{}`: {}", files.path, files.reference, full_text(&error));
            Ok(Err(Problem { help: error.help(), ..Problem::new("unusable-source", at, message) }))
        }
        Err(source) => Err(PipelineError::Base { base: files.reference.to_string(), source }),
    }
}

async fn extract(
    files: &ImageFiles,
    architecture: Architecture,
    context: &Context,
) -> Result<Files, BaseError> {
    let ImageFiles { reference, path, to } = files.clone();
    let origin = reference.repository().clone();
    let RemoteImage { layers, .. } = bytes::remote_image(&reference, architecture, context).await?;
    let known = {
        let (layers, path, to, store) = (layers.clone(), path.clone(), to.clone(), context.store.clone());
        blocking(move || Ok::<_, BaseError>(extract::recorded(&layers, &path, &to, &store).transpose()?))
    };
    let extracted = match known.await? {
        Some(extracted) => extracted,
        None => {
            bytes::bring(layers.iter().map(|layer| (layer, &origin)), context).await?;
            let store = context.store.clone();
            blocking(move || Ok::<_, BaseError>(extract::extract(&layers, &path, &to, &store)?)).await?
        }
    };
    let Extracted { tree, ready } = extracted;
    let tree = Arc::new(plan::image_tree(tree)?);
    let ready = ready.map(|layer| Ready { tree: Arc::clone(&tree), layer, origin });
    Ok((tree, ready))
}

#[cfg(feature = "aws")]
pub(super) mod version {
    //! Versions of layers of Lambda.

    use super::*;
    use crate::aws::{self, FetchedLayer};
    use crate::event::Event;
    use crate::pipeline::Pinning;
    use crate::project::{LayerVersionArn, SourceKind, VersionSource};

    /// Brings a version of a layer, which must fit the function that uses it.
    pub(super) async fn bring(
        layer: &Layer,
        version: &VersionSource,
        function: &Function,
        is_new: bool,
        context: &Context,
    ) -> Result<Result<Source, Problem>, PipelineError> {
        let VersionSource { arn, ignore_compatibility } = version;
        if context.pinning == Pinning::Locked && context.lock().layer(arn).is_none() {
            let at = DocumentPath::keys(&["layers", &layer.name, "arn"]);
            let message = format!("limg.lock has no pin for `{arn}`");
            let help = "run the command without `--locked` and commit limg.lock";
            return Ok(Err(Problem::new("unusable-source", at, message).help(help)));
        }
        let fetched = fetch(arn, context).await?;
        if !ignore_compatibility {
            if let Some(problem) = mismatch(&fetched, layer, function) {
                return Ok(Err(problem));
            }
            if is_new && let Some(warning) = undeclared(&fetched, layer) {
                context.reporter.report(Event::Warning(warning));
            }
        }
        let path = fetched.blob.path;
        Ok(Ok(Source { path, kind: SourceKind::Zip, follow: false, exclude: Vec::new() }))
    }

    /// Fetches a version of a layer, unless it is here, and pins it.
    pub(in crate::pipeline) async fn fetch(
        arn: &LayerVersionArn,
        context: &Context,
    ) -> Result<FetchedLayer, PipelineError> {
        let expected = match context.pinning {
            Pinning::Renew => None,
            Pinning::Add | Pinning::Locked => context.lock().layer(arn).cloned(),
        };
        let fetched =
            aws::fetch_layer(&context.aws, arn, expected.as_ref(), &context.store, &context.reporter)
                .await
                .map_err(|source| PipelineError::LayerVersion { arn: arn.to_string(), source })?;
        context.lock().pin_layer(arn, fetched.sha256.clone());
        Ok(fetched)
    }

    /// Whether a layer says that it is not for a function.
    fn mismatch(fetched: &FetchedLayer, layer: &Layer, function: &Function) -> Option<Problem> {
        let lacks =
            |declared: &[String], own: &str| !declared.is_empty() && declared.iter().all(|it| it != own);
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
            "the layer `{}` is for {}, and the function `{}` is {own}",
            layer.name,
            declared.join(", "),
            function.name
        );
        let at = DocumentPath::keys(&["layers", &layer.name, "arn"]);
        Some(Problem::new("incompatible-layer", at, message).help(
            "use the layer's version for that, or say `ignore_compatibility: true` if you know that it works",
        ))
    }

    /// Whether a layer does not say what it is for, which need not mean anything.
    fn undeclared(fetched: &FetchedLayer, layer: &Layer) -> Option<Problem> {
        let what = match (fetched.runtimes.is_empty(), fetched.architectures.is_empty()) {
            (false, false) => return None,
            (true, true) => "runtimes and architectures",
            (true, false) => "runtimes",
            (false, true) => "architectures",
        };
        let message = format!("the layer `{}` does not say for which {what} it is", layer.name);
        let at = DocumentPath::keys(&["layers", &layer.name, "arn"]);
        Some(
            Problem::new("undeclared-layer", at, message)
                .help("look at where it comes from; `ignore_compatibility: true` says that you have"),
        )
    }
}

#[cfg(not(feature = "aws"))]
pub(super) mod version {
    //! Versions of layers of Lambda, which a limg without AWS cannot fetch.

    use super::*;
    use crate::project::VersionSource;

    pub(super) async fn bring(
        layer: &Layer,
        version: &VersionSource,
        _function: &Function,
        _is_new: bool,
        _context: &Context,
    ) -> Result<Result<Source, Problem>, PipelineError> {
        let at = DocumentPath::keys(&["layers", &layer.name, "arn"]);
        let message = format!("this limg was built without AWS and cannot fetch `{}`", version.arn);
        Ok(Err(Problem::new("unusable-source", at, message).help("download it and name its `path`")))
    }
}
