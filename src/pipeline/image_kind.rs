//! The two kinds of images that a build can make: whole ones, and those for engines, whose own layers stay plain tars.

use std::sync::Arc;

use crate::files::FileIndex;
use crate::image::{BaseImage, DockerImage, DockerLayer, Image, ImageError, Layer, NewLayer};
use crate::layer::{self, LayerError, TarLayer};
use crate::project::RunConfig;
use crate::store::{Digest, Store};
use crate::tree::Tree;

/// All that the layer of a tree depends on.
pub(super) struct LayerSource<'a> {
    pub(super) key: &'a Digest,
    pub(super) tree: &'a Arc<Tree>,
    pub(super) base: &'a Arc<FileIndex>,
    pub(super) mtime: u64,
}

/// A kind of image.
pub(super) trait Product: Sized {
    /// What it has for a layer.
    type Layer: Clone + Send + From<Layer> + Into<DockerLayer>;

    /// Makes a layer, or finds it; tells whether it was found.
    fn layer(source: &LayerSource<'_>, store: &Store) -> Result<(Self::Layer, bool), LayerError>;

    /// Puts layers on a base.
    fn assemble(
        base: &BaseImage,
        added: &[NewLayer<Self::Layer>],
        run: &RunConfig,
        created: &str,
    ) -> Result<Self, ImageError>;
}

impl Product for Image {
    type Layer = Layer;

    fn layer(source: &LayerSource<'_>, store: &Store) -> Result<(Layer, bool), LayerError> {
        let LayerSource { key, tree, base, mtime } = source;
        layer::build(tree, base, *mtime, key, store)
    }

    fn assemble(
        base: &BaseImage,
        added: &[NewLayer],
        run: &RunConfig,
        created: &str,
    ) -> Result<Self, ImageError> {
        Self::assemble(base, added, run, created)
    }
}

impl Product for DockerImage {
    type Layer = DockerLayer;

    fn layer(source: &LayerSource<'_>, store: &Store) -> Result<(DockerLayer, bool), LayerError> {
        let LayerSource { key, tree, base, mtime } = source;
        if let Some(tar) = TarLayer::find(tree, base, *mtime, key, store) {
            return Ok((DockerLayer::Tar(tar), true));
        }
        // Its `diff_id` is known too: no file need be read unless the engine lacks it, and none even then.
        if let Some(built) = layer::find(key, store).filter(|known| known.blob.is_present()) {
            return Ok((DockerLayer::Gzip(built), true));
        }
        Ok((DockerLayer::Tar(TarLayer::read(tree, base, *mtime, key, store)?), false))
    }

    fn assemble(
        base: &BaseImage,
        added: &[NewLayer<DockerLayer>],
        run: &RunConfig,
        created: &str,
    ) -> Result<Self, ImageError> {
        Self::assemble(base, added, run, created)
    }
}
