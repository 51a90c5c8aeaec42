//! Writes a tree as a tar archive. Every header field is set here, so the archive does not depend on the machine.
//!
//! The form is one that Lambda is known to accept: all parent folders before their contents; only directories, files and
//! symbolic links; owner 0; modes that any user can read. POSIX pax headers are used only where a name or size does not fit
//! into a ustar header.

use std::io::{self, BufWriter, Read, Write};

use tar::{Builder, EntryType, Header};

use super::bytecode;
use super::entries::{deflated, entries, may_be_adjusted};
use super::{LayerError, OnProgress, Recipe};
use crate::project::ImagePath;
use crate::tree::{Content, FileNode, Node, TreeError, ZipEntry};

/// The largest size that fits into the 11 octal digits of a ustar header: 8 GiB minus one byte.
const USTAR_SIZE: u64 = 0o777_7777_7777;

/// The content of a file is padded to a multiple of this.
const BLOCK: u64 = 512;

/// The size of a ustar header's fields for the name and the link target.
const USTAR_NAME: usize = 100;

/// A writer for an archive. It may read file contents itself, later or on another thread; if that fails, a later call fails
/// with a [`TreeError`].
pub(super) trait TarOutput: Write {
    /// Appends the content of a zip entry by copying its deflated data, and returns true; or returns false, and the caller
    /// writes the content. Called only for the entries that [`deflated`] returns.
    fn append_deflated(&mut self, _entry: &ZipEntry) -> io::Result<bool> {
        Ok(false)
    }

    /// Appends the content of a file of `size` bytes, and returns true; or returns false, and the caller writes the content.
    fn append_file(&mut self, _content: &Content, _size: u64) -> io::Result<bool> {
        Ok(false)
    }
}

impl<W: Write> TarOutput for BufWriter<W> {}

/// Writes the archive and returns the writer.
pub(super) fn write<W: TarOutput>(
    recipe: &Recipe,
    output: W,
    progress: OnProgress<'_>,
) -> Result<W, LayerError> {
    let Recipe { tree, base, mtime, .. } = recipe;
    let mtime = *mtime;
    let mut archive = Builder::new(output);
    let mut packed = Packed { bytes: 0, progress };
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
                write_file(archive.get_mut(), &header, &entry.path, file, recipe, &mut packed)?;
            }
        }
    }
    archive.into_inner().map_err(LayerError::compress)
}

/// The header of an empty entry without a name, owned by root. `mtime` is in seconds since 1970.
pub(crate) fn header(kind: EntryType, mode: u32, mtime: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(mtime);
    header.set_size(0);
    header
}

/// Writes the header and content of a file.
fn write_file(
    output: &mut impl TarOutput,
    header: &Header,
    path: &ImagePath,
    file: &FileNode,
    recipe: &Recipe,
    packed: &mut Packed<'_>,
) -> Result<(), LayerError> {
    let failed = || LayerError::write(&file.content);
    output.write_all(header.as_bytes()).map_err(failed())?;
    let is_appended = match deflated(path, file) {
        Some(entry) => output.append_deflated(entry).map_err(failed())?,
        None if may_be_adjusted(path) => false,
        None => output.append_file(&file.content, file.size).map_err(failed())?,
    };
    if is_appended {
        packed.add(file.size);
    } else {
        let content = Exactly::open(&file.content, file.size)?;
        let content = bytecode::adjust(content, path, &recipe.tree, file, recipe.mtime).map_err(failed())?;
        io::copy(&mut Counted { content, packed }, output).map_err(failed())?;
    }
    let padding = file.size.next_multiple_of(BLOCK) - file.size;
    io::copy(&mut io::repeat(0).take(padding), output).map(drop).map_err(failed())
}

/// How much of the files has been packed.
struct Packed<'a> {
    bytes: u64,
    progress: OnProgress<'a>,
}

impl Packed<'_> {
    fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        (self.progress)(self.bytes);
    }
}

/// Counts the content of a file while it is packed.
struct Counted<'a, 'p, R> {
    content: R,
    packed: &'a mut Packed<'p>,
}

impl<R: Read> Read for Counted<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.packed.add(read as u64);
        Ok(read)
    }
}

/// Appends an entry without content.
fn append<W: Write>(
    archive: &mut Builder<W>,
    header: Header,
    name: &str,
    target: Option<&str>,
) -> io::Result<()> {
    let header = complete(archive, header, name, target, 0)?;
    archive.append(&header, io::empty())
}

/// Completes a header, and appends a pax header first if the values do not fit into the ustar fields.
fn complete<W: Write>(
    archive: &mut Builder<W>,
    mut header: Header,
    name: &str,
    target: Option<&str>,
    size: u64,
) -> io::Result<Header> {
    let mut records = Vec::new();
    // Without a pax record the encoding of a name is undefined, so only ASCII names do without.
    if !name.is_ascii() || header.set_path(name).is_err() {
        records.extend(pax_record(b"path", name.as_bytes()));
        set_name(&mut header, name);
    }
    if let Some(target) = target {
        if target.is_ascii() && target.len() <= USTAR_NAME {
            header.set_link_name_literal(target)?;
        } else {
            records.extend(pax_record(b"linkpath", target.as_bytes()));
        }
    }
    if size <= USTAR_SIZE {
        header.set_size(size);
    } else {
        records.extend(pax_record(b"size", size.to_string().as_bytes()));
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

/// Sets the name field to the start of the name, with `_` for each byte that is not ASCII; a pax record has the whole name.
fn set_name(header: &mut Header, name: &str) {
    if let Some(ustar) = header.as_ustar_mut() {
        // A name that did not fit may have left its first part here.
        ustar.prefix.fill(0);
    }
    let field = &mut header.as_old_mut().name;
    field.fill(0);
    let ascii = name.bytes().map(|byte| if byte.is_ascii() { byte } else { b'_' });
    for (place, byte) in field.iter_mut().zip(ascii) {
        *place = byte;
    }
}

/// A pax record, `LENGTH KEY=VALUE\n`; the length includes its own digits (POSIX, pax, "Extended Header").
pub(crate) fn pax_record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key, b"=", value, b"\n"].concat();
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    [length.to_string().as_bytes(), &rest].concat()
}

/// Fills a buffer with the content of a file; fails if the file has another size.
pub(super) fn read_exactly(content: &Content, buffer: &mut [u8]) -> Result<(), TreeError> {
    let mut exactly = Exactly::open(content, buffer.len() as u64)?;
    let read = exactly.read_exact(buffer).and_then(|()| exactly.read(&mut [0]));
    read.map(drop).map_err(TreeError::reading(content))
}

/// Reads exactly the expected number of bytes or fails with a [`TreeError`]: a tar entry of another size would corrupt all
/// that follow.
struct Exactly<'a> {
    content: &'a Content,
    bytes: Box<dyn Read + 'a>,
    left: u64,
}

impl<'a> Exactly<'a> {
    fn open(content: &'a Content, size: u64) -> Result<Self, TreeError> {
        Ok(Self { content, bytes: content.open()?, left: size })
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            // Reading the end also makes sure that the file has not changed.
            return match self.bytes.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::other("it has more bytes than when it was listed")),
            };
        }
        let limit = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.bytes.read(&mut buffer[..limit])?;
        if read == 0 {
            let why = format!("it has {} bytes fewer than when it was listed", self.left);
            return Err(io::Error::other(why));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.read_some(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    return read.map_err(|error| io::Error::other(TreeError::reading(self.content)(error)));
                }
            }
        }
    }
}
