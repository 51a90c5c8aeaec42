//! Layers that are not files of this machine: versions of layers of Lambda, and files of other images. They are brought
//! here, checked, before they become trees.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::layer_bytes;
use super::load_trees::placed_tree;
use super::remote_image::{self, RemoteImage};
use super::{BaseError, Context, PipelineError, blocking, layer_version};
use crate::extract::{self, Extracted};
use crate::failure::{Failure as _, FailureKind};
use crate::files::{FileIndex, SourceTree};
use crate::finding::{Code, Finding};
use crate::image::Layer as ImageLayer;
use crate::project::{Architecture, Function, ImageFiles, Layer, LayerSource, Repository, Source};
use crate::text::with_causes;
use crate::tree::Tree;

/// A layer that was brought here.
#[derive(Clone)]
pub(super) enum Brought {
    /// A zip in the store.
    Zip(Source),
    /// Files of an image.
    Files(SourceTree),
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
        Arc::ptr_eq(&self.tree, tree) && extract::fits_base(tree, base)
    }
}

/// What was brought.
#[derive(Default)]
pub(super) struct AllBrought {
    sources: BTreeMap<(LayerSource, Architecture), Brought>,
    /// Layers that need not be made.
    pub(super) ready: Vec<Ready>,
    /// Findings about what the definition names.
    pub(super) findings: Vec<Finding>,
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
    // Layer versions that cannot be used: another request for another function would not change that.
    let mut unusable = BTreeSet::new();
    for function in functions {
        for layer in &function.layers {
            let key = (layer.source.clone(), function.architecture);
            let is_new = seen.insert((layer.name.clone(), key.clone()));
            match &layer.source {
                LayerSource::Version(_) if unusable.contains(&layer.name) => {}
                LayerSource::Version(version) => {
                    let brought = layer_version::load(layer, version, function, is_new, context).await?;
                    match brought {
                        Ok(zip) => drop(all.sources.insert(key, Brought::Zip(zip))),
                        Err(finding) => {
                            if finding.code == Code::UnusableSource {
                                unusable.insert(layer.name.clone());
                            }
                            all.findings.push(finding);
                        }
                    }
                }
                LayerSource::Image(files) if is_new => {
                    match files_of(layer, files, function.architecture, context).await? {
                        Ok((tree, ready)) => {
                            all.sources.insert(key, Brought::Files(tree));
                            all.ready.extend(ready);
                        }
                        Err(finding) => all.findings.push(finding),
                    }
                }
                LayerSource::Image(_) | LayerSource::Files(_) => {}
            }
        }
    }
    Ok(all)
}

type Files = (SourceTree, Option<Ready>);

/// The files of an image.
async fn files_of(
    layer: &Layer,
    files: &ImageFiles,
    architecture: Architecture,
    context: &Context,
) -> Result<Result<Files, Finding>, PipelineError> {
    match extract(files, architecture, context).await {
        Ok(files) => Ok(Ok(files)),
        Err(error) if error.kind() == FailureKind::User => {
            let ImageFiles { reference, path, .. } = files;
            let message = format!("failed to read `{path}` of `{reference}`: {}", with_causes(&error));
            let finding = Finding::error(Code::UnusableSource, layer.source_place.clone(), message);
            Ok(Err(Finding { help: error.help(), ..finding }))
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
    let RemoteImage { layers, .. } = remote_image::read(&reference, architecture, context).await?;
    let known = {
        let (layers, path, to, store) = (layers.clone(), path.clone(), to.clone(), context.store.clone());
        blocking(move || Ok::<_, BaseError>(extract::recorded(&layers, &path, &to, &store).transpose()?))
    };
    let extracted = if let Some(extracted) = known.await? {
        extracted
    } else {
        layer_bytes::fetch(layers.iter().map(|layer| (layer, &origin)), context).await?;
        let store = context.store.clone();
        blocking(move || Ok::<_, BaseError>(extract::extract(&layers, &path, &to, &store)?)).await?
    };
    let Extracted { tree, reusable_layer } = extracted;
    let tree = placed_tree(tree)?;
    let ready = reusable_layer.map(|layer| Ready { tree: Arc::clone(&tree.tree), layer, origin });
    Ok((tree, ready))
}
