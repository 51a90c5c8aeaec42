//! Built images.

use std::collections::BTreeMap;

use super::layer_bytes::Origin;
use crate::event::Provenance;
use crate::image::{Image, ImageLayer};
use crate::project::RunConfig;
use crate::store::Digest;

/// A function's image.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    /// The function's name.
    pub name: String,
    /// The image's name, which functions that share it have in common.
    pub image_name: String,
    /// The image.
    pub image: Image,
    /// How the function runs. The command of a shared image may be that of another function.
    pub run: RunConfig,
    /// The base as the definition names it.
    pub base: String,
    /// The digest of the base's config.
    pub base_config: Digest,
    /// Where to get the bytes of layers that the store does not have, by the digests of their blobs.
    pub origins: BTreeMap<Digest, Origin>,
    /// The layers on the base, the lowest first.
    pub layers: Vec<BuiltLayer>,
    /// The path of the runtime interface emulator in the image, if it has one.
    pub emulator: Option<String>,
    /// Whether the image has a `/tmp` that everyone can write to.
    pub has_tmp: bool,
}

/// A layer on a base.
#[derive(Debug, Clone)]
pub(crate) struct BuiltLayer {
    /// What it contains.
    pub name: String,
    /// The digest of its blob, if it has one.
    pub digest: Option<Digest>,
    /// The digest of its tar.
    pub diff_id: Digest,
    /// The size of its blob in bytes, if it has one.
    pub size: Option<u64>,
    /// Where it comes from.
    pub provenance: Provenance,
}

impl BuiltLayer {
    pub(super) fn new(name: String, layer: &ImageLayer, provenance: Provenance) -> Self {
        let blob = layer.blob();
        Self {
            name,
            digest: blob.map(|blob| blob.digest.clone()),
            diff_id: layer.diff_id().clone(),
            size: blob.map(|blob| blob.size),
            provenance,
        }
    }
}

/// Which of some functions share an image.
pub(super) struct Images {
    /// For each image, the position of the first function that uses it.
    first: Vec<usize>,
    /// For each function, the position of its image among these.
    of_functions: Vec<usize>,
}

impl Images {
    pub(super) fn of(built: &[Built]) -> Self {
        Self::of_names(built.iter().map(|built| built.image_name.as_str()))
    }

    pub(super) fn of_names<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let (mut first, mut known) = (Vec::new(), BTreeMap::new());
        let of_functions = names.enumerate().map(|(position, name)| {
            *known.entry(name).or_insert_with(|| {
                first.push(position);
                first.len() - 1
            })
        });
        let of_functions = of_functions.collect();
        Self { first, of_functions }
    }

    /// One item for each image, out of one for each function.
    pub(super) fn unique<T: Clone>(&self, items: &[T]) -> Vec<T> {
        self.first.iter().filter_map(|position| items.get(*position).cloned()).collect()
    }

    /// One item for each function, out of one for each image.
    pub(super) fn for_each<T: Clone>(&self, items: &[T]) -> Vec<T> {
        self.of_functions.iter().filter_map(|position| items.get(*position).cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_that_share_an_image_share_its_results() {
        let images = Images::of_names(["orders", "mail", "orders", "pay", "mail"].into_iter());
        assert_eq!(images.unique(&[0, 1, 2, 3, 4]), [0, 1, 3]);
        assert_eq!(images.for_each(&["orders", "mail", "pay"]), ["orders", "mail", "orders", "pay", "mail"]);
    }
}
