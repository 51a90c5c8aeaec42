//! The tar of a layer with its corrections, entry by entry.

use std::collections::BTreeSet;
use std::io::{self, Cursor, Read, Write};

use tar::EntryType;

use super::change::Done;
use super::entries::{is_special, new_entry, parents};
use super::script;
use super::survey::{Survey, copied};
use super::write_entry::write_entry;
use crate::check::image::LayerCorrections;
use crate::extract::Pack;
use crate::files::{OverlayFile, OverlayNode, RawEntry, TarEntries, TarEntry, entry_path, is_whiteout};
use crate::project::{ImagePath, is_in};
use crate::store::Blob;
use crate::tree::IMAGE_SIZE_LIMIT;
use crate::units::limit;

/// The blocks of zeros that end an archive (POSIX pax, "ustar Interchange Format").
const END: [u8; 1024] = [0; 1024];

/// What is known of the layers below, and of the entries of this layer that were written.
#[derive(Default)]
pub(super) struct Below {
    /// The paths of folders, and of symbolic links, which may lead to some.
    pub(super) folders: BTreeSet<String>,
    /// The paths of entries that were left out, and to which no hard link can lead any more.
    removed: BTreeSet<ImagePath>,
}

/// Rewrites one layer.
pub(super) struct Rewriter<'a> {
    wanted: &'a LayerCorrections,
    survey: &'a Survey,
    contents: Option<&'a Pack>,
    mtime: u64,
    below: &'a mut Below,
    /// The paths of folders whose entry was written before its turn.
    moved: BTreeSet<String>,
    /// How many bytes hard links have become.
    copied: u64,
    done: Done,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(
        wanted: &'a LayerCorrections,
        survey: &'a Survey,
        contents: Option<&'a Pack>,
        mtime: u64,
        below: &'a mut Below,
    ) -> Self {
        let (moved, done) = (BTreeSet::new(), Done::default());
        Self { wanted, survey, contents, mtime, below, moved, copied: 0, done }
    }

    /// What was changed.
    pub(super) fn finish(self) -> Done {
        self.done
    }

    /// Copies the entries of a tar with their corrections. Records that apply to all of its entries are left out, as Docker ignores
    /// them.
    ///
    /// # Errors
    /// When it is not a tar archive, or the output fails.
    pub(super) fn rewrite(&mut self, tar: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
        let mut entries = TarEntries::new(tar);
        while let Some(entry) = entries.next_entry()? {
            match entry_path(&entry.name) {
                Some(path) => self.entry(entry, path, &mut entries, output)?,
                // The root, or a name that is placed nowhere.
                None => write_entry(output, entry.raw, entry.size, &mut entries)?,
            }
        }
        output.write_all(&END)
    }

    fn entry(
        &mut self,
        mut entry: TarEntry,
        path: ImagePath,
        content: &mut dyn Read,
        output: &mut dyn Write,
    ) -> io::Result<()> {
        let leads_nowhere =
            |target: &str| entry_path(target).is_some_and(|target| self.below.removed.contains(&target));
        let is_lost = is_special(&entry, &path) && self.wanted.has_special
            || entry.kind.is_hard_link() && leads_nowhere(&entry.target);
        if is_lost {
            return self.remove(path, &entry.raw.name, output);
        }
        if is_whiteout(&path) && self.deletes_nothing(&path) {
            self.done.whiteouts.push(path.to_string());
            return Ok(());
        }
        self.below.removed.remove(&path);
        let was_moved = self.moved.remove(path.as_str());
        if was_moved && entry.kind.is_dir() {
            return Ok(());
        }
        self.parents(&entry.raw.name, output)?;
        if !entry.kind.is_dir() && self.below.folders.contains(path.as_str()) {
            self.forget_folder(&path);
        }
        if entry.kind.is_dir() || entry.kind.is_symlink() {
            self.below.folders.insert(path.to_string());
        }
        if entry.kind.is_hard_link() {
            return self.hard_link(entry.raw, &path, output);
        }
        if entry.kind.is_file() && !entry.is_sparse {
            return self.file(entry.raw, &path, entry.size, content, output);
        }
        if !entry.kind.is_symlink() {
            self.open(&path, &mut entry.raw)?;
        }
        write_entry(output, entry.raw, entry.size, content)
    }

    /// Something else takes the place of a folder: what was in it is gone.
    fn forget_folder(&mut self, path: &ImagePath) {
        let is_outside = |other: &String| !is_in(other, path.as_str());
        self.below.folders.retain(is_outside);
        self.moved.retain(is_outside);
    }

    /// Writes a hard link: as what it links to, if it must not stay one and can be copied.
    fn hard_link(&mut self, raw: RawEntry, path: &ImagePath, output: &mut dyn Write) -> io::Result<()> {
        let node = self.survey.links.get(path);
        if let Some(OverlayNode::Symlink(target)) = node {
            self.done.copied.insert(path.to_string());
            let raw = RawEntry { target: target.as_bytes().to_owned(), ..raw };
            return write_entry(output, retyped(raw, EntryType::Symlink, 0o777), 0, &mut io::empty());
        }
        let file = node.and_then(copied);
        let Some((file, blob)) = file.and_then(|file| Some((file, self.content(file)?))) else {
            return write_entry(output, raw, 0, &mut io::empty());
        };
        self.done.copied.insert(path.to_string());
        self.copied = self.copied.saturating_add(blob.size);
        if self.copied > IMAGE_SIZE_LIMIT {
            let limit = limit(IMAGE_SIZE_LIMIT);
            let why = format!(
                "the copies of its hard links are larger than Lambda's limit of {limit} for an image"
            );
            return Err(io::Error::other(why));
        }
        let raw = retyped(RawEntry { target: Vec::new(), ..raw }, EntryType::Regular, file.mode);
        let mut content = blob.open().map_err(io::Error::other)?;
        self.file(raw, path, blob.size, &mut content, output)
    }

    /// Leaves an entry out. What it hides of a layer below stays hidden by a whiteout (OCI image specification, layer.md), unlike
    /// an earlier entry of its own layer at its path, which no tool writes.
    fn remove(&mut self, path: ImagePath, name: &[u8], output: &mut dyn Write) -> io::Result<()> {
        self.done.removed.push(path.to_string());
        if self.survey.hiding.contains(&path) {
            self.parents(name, output)?;
            let own = name.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
            let (folder, own) = name.split_at(own);
            let whiteout = new_entry(EntryType::Regular, [folder, b".wh.", own].concat(), 0o644, self.mtime);
            write_entry(output, whiteout, 0, &mut io::empty())?;
        }
        self.below.removed.insert(path);
        Ok(())
    }

    /// Whether a whiteout has no folder, so that there is nothing to delete in it.
    fn deletes_nothing(&self, path: &ImagePath) -> bool {
        let folder = path.folder();
        self.wanted.lacks_parents && !folder.is_empty() && !self.below.folders.contains(folder)
    }

    /// Writes a file, with other line endings if it needs them.
    fn file(
        &mut self,
        mut raw: RawEntry,
        path: &ImagePath,
        size: u64,
        content: &mut dyn Read,
        output: &mut dyn Write,
    ) -> io::Result<()> {
        self.open(path, &mut raw)?;
        if !self.wanted.scripts.contains(path) || size > script::LIMIT {
            return write_entry(output, raw, size, content);
        }
        let mut script = Vec::new();
        content.take(size).read_to_end(&mut script)?;
        let script = script::unix(&script);
        self.done.scripts.insert(path.to_string());
        write_entry(output, raw, script.len() as u64, &mut Cursor::new(script))
    }

    /// Gives all users the access to a folder or file that they lack.
    fn open(&mut self, path: &ImagePath, raw: &mut RawEntry) -> io::Result<()> {
        let Some(bits) = self.wanted.bits.get(path) else { return Ok(()) };
        let mode = raw.header.mode()?;
        if mode & bits == *bits {
            return Ok(());
        }
        let becomes_program = !raw.header.entry_type().is_dir() && mode & 0o111 == 0 && bits & 0o111 != 0;
        let list = if becomes_program { &mut self.done.executable } else { &mut self.done.opened };
        list.insert(path.to_string());
        raw.header.set_mode(mode | bits);
        Ok(())
    }

    /// Writes the folders above an entry that neither this layer, so far, nor one below has an entry for.
    fn parents(&mut self, name: &[u8], output: &mut dyn Write) -> io::Result<()> {
        if !self.wanted.lacks_parents {
            return Ok(());
        }
        for (path, name) in parents(name) {
            if self.below.folders.contains(&path) {
                continue;
            }
            let raw = match self.survey.late.get(&path) {
                Some(late) => {
                    self.moved.insert(path.clone());
                    let mut raw = late.clone();
                    if let Ok(path) = path.parse() {
                        self.open(&path, &mut raw)?;
                    }
                    raw
                }
                None => new_entry(EntryType::Directory, name, 0o755, self.mtime),
            };
            write_entry(output, raw, 0, &mut io::empty())?;
            self.done.parents.push(path.clone());
            self.below.folders.insert(path);
        }
        Ok(())
    }

    /// Where the content of a file is.
    fn content(&self, file: &OverlayFile) -> Option<Blob> {
        let pack = self.contents?;
        let content = &pack.files.get(&file.origin)?.content;
        let offset = pack.blob.offset + content.offset;
        Some(Blob { offset, size: content.size, ..pack.blob.clone() })
    }
}

/// The entry of a hard link as one of another type.
fn retyped(mut raw: RawEntry, kind: EntryType, mode: u32) -> RawEntry {
    raw.header.set_entry_type(kind);
    raw.header.set_mode(mode);
    raw
}
