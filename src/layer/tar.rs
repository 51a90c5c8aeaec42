//! A tree as a tar archive: every header field set by us, so that nothing of the machine shows.
//!
//! The rules come from what Lambda is known to accept: the full chain of folders before what they hold, only
//! directories, files and symbolic links, owner 0, modes that any user can read. POSIX pax headers appear only where the
//! ustar format cannot hold a name or a size.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, BufWriter, Read, Write};

use tar::{Builder, EntryType, Header};

use super::LayerError;
use super::bytecode;
use crate::project::ImagePath;
use crate::tree::{
    Content, FileIndex, FileNode, IndexEntry, Node, Tree, TreeError, ZipEntry, source_of_bytecode,
};

/// The largest size that the 11 octal digits of a ustar header can hold: 8 GiB less one byte.
const USTAR_SIZE: u64 = 0o777_7777_7777;

/// What the size of a file is filled up to.
const BLOCK: u64 = 512;

/// The longest name and link target in a ustar header's own fields.
const USTAR_NAME: usize = 100;

/// The size of the smallest files that are taken over as a zip archive has them, in bytes unpacked. Smaller ones are better
/// off in a common block of the compressor.
pub(super) const TAKEN_OVER: u64 = 16 * 1024;

/// One entry of the archive.
pub(super) struct LayerEntry<'a> {
    /// Where it stands.
    pub(super) path: Cow<'a, ImagePath>,
    /// Its permission bits.
    pub(super) mode: u32,
    /// What it is; nothing for a folder that the tree implies without naming it.
    pub(super) node: Option<&'a Node>,
}

/// The entries of a layer in their order: the tree's nodes and every folder above them.
pub(super) fn entries<'a>(tree: &'a Tree, base: &FileIndex) -> Vec<LayerEntry<'a>> {
    let mut implied = BTreeSet::new();
    let mut last = "";
    for (path, _) in tree.iter() {
        // What stands in the same folder comes together, but for what lies below.
        if std::mem::replace(&mut last, path.folder()) == path.folder() {
            continue;
        }
        // The folders above one that is known are looked at when that is.
        let mut above = path.parent();
        while let Some(folder) =
            above.filter(|folder| tree.get(folder).is_none() && !implied.contains(folder))
        {
            above = folder.parent();
            implied.insert(folder);
        }
    }
    let mode = |path: &ImagePath, node: Option<&Node>| match node {
        Some(Node::File(FileNode { executable: false, .. })) => 0o644,
        Some(Node::File(_)) => 0o755,
        Some(Node::Symlink(_)) => 0o777,
        // An entry for a folder of the base replaces the base's own, so it must carry the base's mode.
        None | Some(Node::Directory) => match base.get(path.as_str()) {
            Some(IndexEntry::Directory(mode)) => *mode,
            _ => 0o755,
        },
    };
    let entry = |path: Cow<'a, ImagePath>, node| LayerEntry { mode: mode(&path, node), path, node };
    let mut entries = Vec::with_capacity(tree.iter().len() + implied.len());
    let mut implied = implied.into_iter().peekable();
    for (path, node) in tree.iter() {
        while let Some(folder) = implied.next_if(|folder| folder < path) {
            entries.push(entry(Cow::Owned(folder), None));
        }
        entries.push(entry(Cow::Borrowed(path), Some(node)));
    }
    entries
}

/// What an archive is written to.
pub(super) trait TarOutput: Write {
    /// Takes the bytes of an entry of a zip archive over as they are deflated there, and says so; or leaves them to be
    /// handled like all others. Asked for the entries that [`deflated`] gives, and for no others. If they cannot be read,
    /// something later fails, with a [`TreeError`].
    fn take_over(&mut self, _entry: &ZipEntry) -> io::Result<bool> {
        Ok(false)
    }

    /// Takes it on to read the bytes of a file, of which there are `size`, and says so; or leaves them to be written. If they
    /// cannot be read, something later fails, with a [`TreeError`].
    fn take_on(&mut self, _content: &Content, _size: u64) -> io::Result<bool> {
        Ok(false)
    }
}

impl<W: Write> TarOutput for BufWriter<W> {}

/// The entry of a zip archive whose deflated bytes an output may take over for a file, if it is one.
fn deflated<'a>(path: &ImagePath, file: &'a FileNode) -> Option<&'a ZipEntry> {
    match &file.content {
        Content::Zip(entry) if entry.is_deflated() && entry.size() >= TAKEN_OVER => {
            Some(entry).filter(|_| !may_be_adjusted(path))
        }
        _ => None,
    }
}

/// Whether a file may get other bytes than it has: the header of bytecode says when its source was modified.
fn may_be_adjusted(path: &ImagePath) -> bool {
    source_of_bytecode(path).is_some()
}

/// Whether the bytes of the archive decide alone what an output that takes over entries of zip archives makes of them.
pub(super) fn has_no_deflated(tree: &Tree) -> bool {
    tree.iter().all(|(path, node)| !matches!(node, Node::File(file) if deflated(path, file).is_some()))
}

/// Writes the archive and gives the writer back.
pub(super) fn write<W: TarOutput>(
    tree: &Tree,
    base: &FileIndex,
    mtime: u64,
    output: W,
) -> Result<W, LayerError> {
    let mut archive = Builder::new(output);
    for entry in entries(tree, base) {
        match entry.node {
            None | Some(Node::Directory) => {
                let name = format!("{}/", entry.path.relative());
                let header = header(EntryType::Directory, entry.mode, mtime);
                append(&mut archive, header, &name, None).map_err(LayerError::write(&entry.path))?;
            }
            Some(Node::Symlink(target)) => {
                let header = header(EntryType::Symlink, entry.mode, mtime);
                append(&mut archive, header, entry.path.relative(), Some(target))
                    .map_err(LayerError::write(&entry.path))?;
            }
            Some(Node::File(file)) => {
                let header = header(EntryType::Regular, entry.mode, mtime);
                let header = complete(&mut archive, header, entry.path.relative(), None, file.size)
                    .map_err(LayerError::write(&file.content))?;
                write_file(archive.get_mut(), &header, &entry.path, tree, file, mtime)?;
            }
        }
    }
    archive.into_inner().map_err(LayerError::compress)
}

fn header(kind: EntryType, mode: u32, mtime: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(mtime);
    header.set_size(0);
    header
}

/// Writes a file under its header.
fn write_file(
    output: &mut impl TarOutput,
    header: &Header,
    path: &ImagePath,
    tree: &Tree,
    file: &FileNode,
    mtime: u64,
) -> Result<(), LayerError> {
    let failed = || LayerError::write(&file.content);
    output.write_all(header.as_bytes()).map_err(failed())?;
    let is_taken = match deflated(path, file) {
        Some(entry) => output.take_over(entry).map_err(failed())?,
        None if may_be_adjusted(path) => false,
        None => output.take_on(&file.content, file.size).map_err(failed())?,
    };
    if !is_taken {
        let content = Exactly { inner: file.content.open()?, left: file.size };
        let mut content = bytecode::refresh(content, path, tree, file, mtime).map_err(failed())?;
        io::copy(&mut content, output).map_err(failed())?;
    }
    let padding = file.size.next_multiple_of(BLOCK) - file.size;
    io::copy(&mut io::repeat(0).take(padding), output).map(drop).map_err(failed())
}

/// Appends an entry that has no content.
fn append<W: Write>(
    archive: &mut Builder<W>,
    header: Header,
    name: &str,
    target: Option<&str>,
) -> io::Result<()> {
    let header = complete(archive, header, name, target, 0)?;
    archive.append(&header, io::empty())
}

/// Completes a header, and appends a pax header for it where the ustar fields cannot hold what it says.
fn complete<W: Write>(
    archive: &mut Builder<W>,
    mut header: Header,
    name: &str,
    target: Option<&str>,
    size: u64,
) -> io::Result<Header> {
    let mut records = Vec::new();
    // Without a pax record the encoding of a name is undefined, so only ASCII goes without.
    if !name.is_ascii() || header.set_path(name).is_err() {
        records.extend(pax_record("path", name));
        set_name(&mut header, name);
    }
    if let Some(target) = target {
        if target.is_ascii() && target.len() <= USTAR_NAME {
            header.set_link_name_literal(target)?;
        } else {
            records.extend(pax_record("linkpath", target));
        }
    }
    if size <= USTAR_SIZE {
        header.set_size(size);
    } else {
        records.extend(pax_record("size", &size.to_string()));
    }
    if !records.is_empty() {
        let mut extension = self::header(EntryType::XHeader, 0o644, header.mtime()?);
        set_name(&mut extension, "PaxHeaders/entry");
        extension.set_size(records.len() as u64);
        extension.set_cksum();
        archive.append(&extension, &records[..])?;
    }
    header.set_cksum();
    Ok(header)
}

/// Sets the name field to as much ASCII of a name as fits; a pax record carries the whole.
fn set_name(header: &mut Header, name: &str) {
    if let Some(ustar) = header.as_ustar_mut() {
        // A name that did not fit may have left its first half here.
        ustar.prefix.fill(0);
    }
    let field = &mut header.as_old_mut().name;
    field.fill(0);
    let ascii = name.bytes().map(|byte| if byte.is_ascii() { byte } else { b'_' });
    for (place, byte) in field.iter_mut().zip(ascii) {
        *place = byte;
    }
}

/// A pax record, `LENGTH KEY=VALUE\n`, whose length counts its own digits (POSIX, pax, "Extended Header").
fn pax_record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}").into_bytes()
}

/// Fills a buffer with all bytes of a file; fails if it is of another size.
pub(super) fn read_exactly(content: &Content, buffer: &mut [u8]) -> Result<(), TreeError> {
    let mut exactly = Exactly { inner: content.open()?, left: buffer.len() as u64 };
    exactly
        .read_exact(buffer)
        .and_then(|()| exactly.read(&mut [0]).map(drop))
        .map_err(|source| TreeError::Read { what: content.to_string(), source })
}

/// Reads exactly as many bytes as were announced, or fails: a tar entry of another size would spoil all that follow.
struct Exactly<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            return match self.inner.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::other("it holds more bytes than it was listed with")),
            };
        }
        let limit = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.inner.read(&mut buffer[..limit])?;
        if read == 0 {
            return Err(io::Error::other(format!(
                "it holds {} bytes fewer than it was listed with",
                self.left
            )));
        }
        self.left -= read as u64;
        Ok(read)
    }
}
