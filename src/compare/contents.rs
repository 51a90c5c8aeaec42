//! The contents of some files of an image: their digests, and what the manifests of packages declare.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::{LayerReadError, Origin, TarEntries, node_manifest, read_layer};
use crate::layer::Layer;
use crate::store::{Digest, HashingReader};

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Contents {
    digests: BTreeMap<Origin, Digest>,
    packages: BTreeMap<Origin, (String, String)>,
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
        if let Some(package) = node_manifest(name, &mut hashed)? {
            self.packages.insert(origin, package);
        }
        self.digests.insert(origin, hashed.finish()?);
        Ok(())
    }

    /// The digest of a file's content, if it was read.
    pub(super) fn digest(&self, origin: Origin) -> Option<&Digest> {
        self.digests.get(&origin)
    }

    /// Name and version of the package of Node.js whose manifest was read.
    pub(super) fn package(&self, origin: Origin) -> Option<&(String, String)> {
        self.packages.get(&origin)
    }
}
