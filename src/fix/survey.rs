//! What must be known of a layer before it is rewritten: entries depend on later ones, and on the layers below.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use super::entries::{is_special, parents};
use crate::check::image::LayerCorrections;
use crate::files::{
    LayerReadError, Origin, Overlay, OverlayFile, OverlayNode, RawEntry, TarEntries, entry_path, read_layer,
};
use crate::image::Layer;
use crate::project::ImagePath;

/// Reads layers, the lowest first.
#[derive(Default)]
pub(super) struct Surveyor {
    image: Overlay,
}

/// What is known of a layer.
#[derive(Default)]
pub(super) struct Survey {
    /// The paths of its folders, and of its symbolic links, which may lead to some.
    pub(super) folders: BTreeSet<String>,
    /// Its folders whose entry comes after something in them, by their paths.
    pub(super) late: BTreeMap<String, RawEntry>,
    /// Its special files and hard links that hide something of a layer below.
    pub(super) hiding: BTreeSet<ImagePath>,
    /// What its hard links that must become copies are.
    pub(super) links: BTreeMap<ImagePath, OverlayNode>,
}

impl Survey {
    /// The entries whose contents are copied.
    pub(super) fn origins(&self) -> impl Iterator<Item = Origin> {
        self.links.values().filter_map(|node| copied(node)).map(|file| file.origin)
    }
}

/// The file that a hard link is, if it can be copied: the archive must have all of its content.
pub(super) fn copied(node: &OverlayNode) -> Option<&OverlayFile> {
    match node {
        OverlayNode::File(file) if !file.is_sparse => Some(file),
        _ => None,
    }
}

impl Surveyor {
    /// Reads the next layer. `below` has the paths of the folders in the layers below.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub(super) fn add(
        &mut self,
        layer: &Layer,
        wanted: &LayerCorrections,
        below: &BTreeSet<String>,
    ) -> Result<Survey, LayerReadError> {
        let Layer { blob, digest, diff_id, .. } = layer;
        let may_remove = wanted.has_special || !wanted.hard_links.is_empty();
        let hiding = if may_remove { self.hiding(layer)? } else { BTreeSet::new() };
        let mut survey = Survey { hiding, ..Survey::default() };
        let (mut missing, mut links) = (BTreeSet::new(), Vec::new());
        self.image.add_blob(blob, digest, diff_id, |entry, path, _| {
            let Some(path) = path.filter(|path| !is_special(entry, path)) else { return Ok(()) };
            if wanted.lacks_parents {
                let own = parents(&entry.raw.name).map(|(parent, _)| parent);
                missing.extend(own.filter(|own| !below.contains(own) && !survey.folders.contains(own)));
                if entry.kind.is_dir() && missing.contains(path.as_str()) {
                    survey.late.entry(path.to_string()).or_insert_with(|| entry.raw.clone());
                }
            }
            if entry.kind.is_dir() || entry.kind.is_symlink() {
                survey.folders.insert(path.to_string());
            }
            let is_wanted = wanted.hard_links.contains(path)
                || wanted.bits.contains_key(path)
                || wanted.scripts.contains(path);
            if entry.kind.is_hard_link() && is_wanted {
                links.push(path.clone());
            }
            Ok(())
        })?;
        for link in links {
            if let Some(found) = self.image.get(link.as_str()) {
                survey.links.insert(link, found.node.clone());
            }
        }
        Ok(survey)
    }

    /// The special files and hard links of a layer that hide something of the layers so far.
    fn hiding(&self, layer: &Layer) -> Result<BTreeSet<ImagePath>, LayerReadError> {
        let Layer { blob, digest, diff_id, .. } = layer;
        let work = |tar: &mut dyn Read| -> io::Result<_> {
            let (mut entries, mut hiding) = (TarEntries::new(tar), BTreeSet::new());
            while let Some(entry) = entries.next_entry()? {
                let Some(path) = entry_path(&entry.name) else { continue };
                let may_go = entry.kind.is_hard_link() || is_special(&entry, &path);
                if may_go && self.image.get(path.as_str()).is_some() {
                    hiding.insert(path);
                }
            }
            Ok(hiding)
        };
        let failed = |source| LayerReadError::Tar { layer: digest.clone(), source };
        read_layer(blob, digest, diff_id, |tar| work(tar).map_err(failed)).map(|(hiding, _)| hiding)
    }
}
