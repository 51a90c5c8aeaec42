//! The contents of some files of an image: their digests, and the text of manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use crate::files::{LayerReadError, Origin, TarEntries, read_layer};
use crate::layer::Layer;
use crate::store::{Digest, HashingReader};

/// The most bytes of a manifest that are kept.
const MANIFEST_LIMIT: usize = 1024 * 1024;

/// The manifest of a package of Node.js.
const MANIFEST: &str = "package.json";

/// Whether a path is that of the manifest of a package of Node.js.
fn is_manifest(path: &str) -> bool {
    let folder = path.strip_suffix(MANIFEST).and_then(|path| path.strip_suffix('/'));
    let below =
        folder.and_then(|folder| Some(&folder[folder.rfind("node_modules/")? + "node_modules/".len()..]));
    below.is_some_and(|name| name.matches('/').count() == usize::from(name.starts_with('@')))
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Contents {
    digests: BTreeMap<Origin, Digest>,
    manifests: BTreeMap<Origin, Vec<u8>>,
}

impl Contents {
    /// Reads entries of layers. Layers with none of them are not read.
    ///
    /// # Errors
    /// When a layer cannot be read or is damaged.
    pub(super) fn read(layers: &[Layer], wanted: &BTreeSet<Origin>) -> Result<Self, LayerReadError> {
        let mut contents = Self::default();
        for (number, layer) in (0..).zip(layers) {
            let of_layer = |entry| Origin { layer: number, entry };
            if wanted.range(of_layer(0)..=of_layer(u32::MAX)).next().is_none() {
                continue;
            }
            let damaged = |source| LayerReadError::Tar { layer: layer.digest.clone(), source };
            read_layer(&layer.blob, &layer.digest, &layer.diff_id, |tar| {
                let mut entries = TarEntries::new(tar);
                let mut origin = of_layer(0);
                while let Some(entry) = entries.next_entry().map_err(damaged)? {
                    if wanted.contains(&origin) {
                        contents.add(origin, &entry.name, &mut entries).map_err(damaged)?;
                    }
                    origin.entry += 1;
                }
                Ok::<_, LayerReadError>(())
            })?;
        }
        Ok(contents)
    }

    fn add(&mut self, origin: Origin, name: &str, content: &mut impl std::io::Read) -> std::io::Result<()> {
        let mut hashed = HashingReader::new(content);
        if is_manifest(name) {
            let mut manifest = Vec::new();
            hashed.by_ref().take(MANIFEST_LIMIT as u64).read_to_end(&mut manifest)?;
            self.manifests.insert(origin, manifest);
        }
        self.digests.insert(origin, hashed.finish()?);
        Ok(())
    }

    /// The digest of a file's content, if it was read.
    pub(super) fn digest(&self, origin: Origin) -> Option<&Digest> {
        self.digests.get(&origin)
    }

    /// The text of a manifest, if it was read.
    pub(super) fn manifest(&self, origin: Origin) -> Option<&[u8]> {
        self.manifests.get(&origin).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_of_packages_are_known_by_their_paths() {
        for (path, expected) in [
            ("/var/task/node_modules/ms/package.json", true),
            ("var/task/node_modules/a/node_modules/@s/b/package.json", true),
            ("/var/task/node_modules/ms/lib/package.json", false),
            ("/var/task/package.json", false),
            ("/package.json", false),
        ] {
            assert_eq!(is_manifest(path), expected, "{path}");
        }
    }
}
