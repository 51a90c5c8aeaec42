//! Which of the findings about an image can be corrected by rewriting entries of its layers.
//!
//! The rules decide: what they find and this file lists is the same by construction. How a layer is rewritten is known elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::{ImageSubject, access, archives, working_directory};
use crate::files::{FileProgram, IndexEntry, ScriptFault};
use crate::plan::EXTENSIONS;
use crate::project::ImagePath;
use crate::runtime::WRAPPER_VARIABLE;

/// The permission bits with which everyone can enter a folder or run a program, and those with which everyone can read a file.
const OPEN: u32 = 0o555;
const READABLE: u32 = 0o444;

/// What must change in a layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LayerCorrections {
    /// The permission bits that folders and files lack.
    pub bits: BTreeMap<ImagePath, u32>,
    /// Scripts with Windows line endings or a byte order mark.
    pub scripts: BTreeSet<ImagePath>,
    /// Hard links that Lambda is reported to reject.
    pub hard_links: BTreeSet<ImagePath>,
    /// Whether there are entries in folders that have none.
    pub lacks_parents: bool,
    /// Whether there are devices, pipes and the like.
    pub has_special: bool,
}

/// What must change in each layer, the lowest first.
#[must_use]
pub(crate) fn correctable(subject: &ImageSubject<'_>) -> Vec<LayerCorrections> {
    let facts = subject.files.layers.iter();
    let mut layers: Vec<_> = facts
        .map(|facts| LayerCorrections {
            hard_links: archives::hard_links(facts).collect(),
            lacks_parents: facts.without_parent.0 > 0,
            has_special: facts.special.0 > 0,
            ..LayerCorrections::default()
        })
        .collect();
    // What is seen at a path comes from the layer that the index names.
    let mut at = |path: &ImagePath, correct: &mut dyn FnMut(&mut LayerCorrections, u32)| {
        let (mode, layer) = match subject.files.index.get(path.as_str()) {
            Some(IndexEntry::Directory { mode, layer } | IndexEntry::File { mode, layer, .. }) => {
                (*mode, *layer)
            }
            _ => return,
        };
        if let Some(layer) = usize::try_from(layer).ok().and_then(|layer| layers.get_mut(layer)) {
            correct(layer, mode);
        }
    };
    let (mut folders, files) = access::closed(subject);
    let on_the_way = working_directory::closed_folders(subject);
    folders.extend(on_the_way.iter().map(|(folder, _)| folder));
    for folder in folders {
        at(folder, &mut |layer, mode| *layer.bits.entry(folder.clone()).or_default() |= OPEN & !mode);
    }
    for file in files {
        at(file, &mut |layer, mode| {
            let bits = if mode & 0o111 == 0 { READABLE } else { OPEN };
            *layer.bits.entry(file.clone()).or_default() |= bits & !mode;
        });
    }
    for path in programs(subject) {
        let Some(program) = subject.files.content(path.as_str()).and_then(|content| content.program.as_ref())
        else {
            continue;
        };
        let is_correctable_script = matches!(
            program,
            FileProgram::DamagedScript(ScriptFault::CarriageReturn | ScriptFault::ByteOrderMark)
        );
        let can_start =
            is_correctable_script || matches!(program, FileProgram::Script(_) | FileProgram::Elf(..));
        at(&path, &mut |layer, mode| {
            if can_start && mode & 0o001 == 0 {
                *layer.bits.entry(path.clone()).or_default() |= OPEN & !mode;
            }
            if is_correctable_script {
                layer.scripts.insert(path.clone());
            }
        });
    }
    layers
}

/// The files that Lambda starts, where all links end.
fn programs(subject: &ImageSubject<'_>) -> Vec<ImagePath> {
    let is_link = |path: &&str| matches!(subject.files.index.get(path), Some(IndexEntry::Symlink { .. }));
    let entry_point = subject.program().filter(|path| !is_link(path));
    let extensions = subject.files.index.entries_in(EXTENSIONS).map(|(path, _)| path.as_str());
    let started = entry_point.into_iter().chain(subject.variable(WRAPPER_VARIABLE)).chain(extensions);
    let absolute = started.filter(|path| path.starts_with('/'));
    absolute.filter_map(|path| subject.resolve(path).ok()?.path.parse().ok()).collect()
}
