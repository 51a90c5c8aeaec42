//! Layers that are not files of this machine: layer versions of Lambda, and files of other images. They are fetched
//! and checked before they become trees.

use std::collections::{BTreeMap, BTreeSet};

use super::context::{Context, blocking};
use super::error::{BaseError, PipelineError};
use super::remote_image::{self, RemoteImage};
use super::{layer_bytes, layer_version, source_trees};
use crate::extract::{self, Extracted};
use crate::failure::{Failure as _, FailureKind};
use crate::files::{FileIndex, SourceTree};
use crate::finding::{Code, Finding};
use crate::image::Layer as ImageLayer;
use crate::project::{Architecture, Function, ImageFiles, Layer, LayerSource, Repository, Source};
use crate::shared::{Shared, SharedId};
use crate::text::with_causes;
use crate::tree::Tree;

/// A remote layer that is on this machine.
#[derive(Clone)]
pub(super) enum RemoteLayer {
    /// A zip in the store.
    Zip(Source),
    /// Files of an image.
    Files(SourceTree),
}

/// A layer of another image that contains exactly the files of a tree, and can be used instead of making one.
#[derive(Clone)]
pub(super) struct ReusableLayer {
    tree: SharedId,
    pub(super) layer: ImageLayer,
    /// The repository that contains it.
    pub(super) origin: Repository,
}

impl ReusableLayer {
    /// Whether it can replace the layer of a tree on a base.
    pub(super) fn replaces(&self, tree: &Shared<Tree>, base: &FileIndex) -> bool {
        // A tree that was changed for one function has another identity.
        self.tree == tree.id() && extract::fits_base(tree, base)
    }
}

/// The remote layers of some functions.
#[derive(Default)]
pub(super) struct RemoteLayers {
    layers: BTreeMap<(LayerSource, Architecture), RemoteLayer>,
    pub(super) reusable: Vec<ReusableLayer>,
}

impl RemoteLayers {
    /// The layer of a source for an architecture; none if there is a finding about it.
    pub(super) fn get(&self, source: &LayerSource, architecture: Architecture) -> Option<&RemoteLayer> {
        self.layers.get(&(source.clone(), architecture))
    }
}

/// Loads the remote layers of functions. Also returns findings about layers that cannot be used.
///
/// # Errors
/// When a layer cannot be fetched for a reason outside the definition.
pub(super) async fn load_all(
    functions: &[&Function],
    context: &Context,
) -> Result<(RemoteLayers, Vec<Finding>), PipelineError> {
    let (mut all, mut findings) = (RemoteLayers::default(), Vec::new());
    let mut seen = BTreeSet::new();
    // Layers that no function can use: they need not be tried for another one.
    let mut unusable = BTreeSet::new();
    for function in functions {
        for layer in &function.layers {
            let key = (layer.source.clone(), function.architecture);
            let is_new = seen.insert((layer.name.clone(), key.clone()));
            match &layer.source {
                LayerSource::Version(_) if unusable.contains(&layer.name) => {}
                LayerSource::Version(version) => {
                    match layer_version::load(layer, version, function, is_new, context).await? {
                        Ok(zip) => drop(all.layers.insert(key, RemoteLayer::Zip(zip))),
                        Err(finding) => {
                            if finding.code == Code::UnusableSource {
                                unusable.insert(layer.name.clone());
                            }
                            findings.push(finding);
                        }
                    }
                }
                LayerSource::Image(files) if is_new => {
                    match load_files(layer, files, function.architecture, context).await? {
                        Ok((tree, reusable)) => {
                            all.layers.insert(key, RemoteLayer::Files(tree));
                            all.reusable.extend(reusable);
                        }
                        Err(finding) => findings.push(finding),
                    }
                }
                LayerSource::Image(_)
                | LayerSource::Files(_)
                | LayerSource::Packages(_)
                | LayerSource::Built(_) => {}
            }
        }
    }
    Ok((all, findings))
}

type FilesOfImage = (SourceTree, Option<ReusableLayer>);

/// Loads files of an image. The inner error is a finding about the definition.
async fn load_files(
    layer: &Layer,
    files: &ImageFiles,
    architecture: Architecture,
    context: &Context,
) -> Result<Result<FilesOfImage, Finding>, PipelineError> {
    match extract(files, architecture, context).await {
        Ok(files) => Ok(Ok(files)),
        Err(error) if error.kind() == FailureKind::User => {
            let ImageFiles { reference, path, .. } = files;
            let message = format!("failed to read `{path}` of `{reference}`: {}", with_causes(&error));
            let finding = Finding::error(Code::UnusableSource, layer.source_place.clone(), message);
            Ok(Err(finding.optional_help(error.help())))
        }
        Err(source) => Err(PipelineError::Base { base: files.reference.to_string(), source }),
    }
}

async fn extract(
    files: &ImageFiles,
    architecture: Architecture,
    context: &Context,
) -> Result<FilesOfImage, BaseError> {
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
    let tree = source_trees::read(tree)?;
    let reusable = reusable_layer.map(|layer| ReusableLayer { tree: tree.tree.id(), layer, origin });
    Ok((tree, reusable))
}
