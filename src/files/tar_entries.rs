//! The entries of a tar stream from an untrusted source, one after another, with their contents.
//!
//! The `tar` crate reads the records that extend an entry, for example a long name, into memory without a limit, and rejects
//! attributes that contain a line feed. This reader limits the size of records and accepts any bytes in them. Nothing here
//! knows what an entry means to an image.

use std::io::{self, Read};

use tar::{EntryType, GnuExtSparseHeader, Header};

use crate::tree::{LISTED_PATH, LISTING_LIMIT};

/// The size of everything in a tar archive is a multiple of this.
const BLOCK: u64 = 512;

/// The most bytes of a record that extends an entry. Linux allows names of 4096 bytes and attributes of 64 KiB.
const RECORD_LIMIT: u64 = 1024 * 1024;

/// Why an archive is not read on.
pub(super) const MORE_THAN_LIMG_LISTS: &str = "it has more files than limg can list";

/// Reads one entry after another. As a reader it reads the content of the last entry.
pub struct TarEntries<R> {
    input: R,
    /// What the entries so far count against [`LISTING_LIMIT`].
    listed: usize,
    /// The unread bytes of the last entry's content.
    content: u64,
    /// The bytes that fill its last block.
    padding: u64,
    /// Whether there was a record that applies to all entries after it.
    has_global_record: bool,
}

/// An entry of a tar archive.
#[derive(Debug)]
pub struct TarEntry {
    /// Its name, as written.
    pub name: String,
    /// The target of a link, as written.
    pub target: String,
    /// Whether both are valid UTF-8. Otherwise invalid bytes in them have been replaced.
    pub is_text: bool,
    /// Its type.
    pub kind: EntryType,
    /// Its permission bits, including setuid, setgid and sticky.
    pub mode: u32,
    /// The size of its content in bytes.
    pub size: u64,
    /// When it was last modified, in seconds since 1970, if the archive has it in a valid form.
    pub modified: Option<i64>,
    /// Whether the archive leaves out the holes of its content.
    pub is_sparse: bool,
    /// Whether it belongs to user and group 0 and has nothing that a ustar header cannot express, for example an extended
    /// attribute.
    pub is_plain: bool,
    /// How the archive has it.
    pub raw: RawEntry,
}

/// An entry as its archive has it, for a copy of it.
#[derive(Debug, Clone)]
pub struct RawEntry {
    /// Its header.
    pub header: Header,
    /// Its name, of any length.
    pub name: Vec<u8>,
    /// The target of a link, of any length.
    pub target: Vec<u8>,
    /// What pax records say of it besides its name and target, by key, in their order.
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// The blocks between header and content that list the parts of a sparse file.
    pub sparse_map: Vec<u8>,
}

/// What the records in front of an entry add to it.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    modified: Option<i64>,
    is_sparse: bool,
    has_more: bool,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<R: Read> TarEntries<R> {
    /// Starts at the beginning of an archive.
    pub fn new(input: R) -> Self {
        Self::after(0, input)
    }

    /// Starts at the beginning of an archive that shares the limit of its list with others, whose entries count `listed`.
    pub fn after(listed: usize, input: R) -> Self {
        Self { input, listed, content: 0, padding: 0, has_global_record: false }
    }

    /// What the entries so far, those of the other archives included, count against the limit.
    pub fn listed(&self) -> usize {
        self.listed
    }

    /// The next entry, or `None` at the end of the archive. The unread rest of the content before it is skipped.
    ///
    /// # Errors
    /// When it is not a tar archive, ends within an entry, or has more entries than the limit allows.
    pub fn next_entry(&mut self) -> io::Result<Option<TarEntry>> {
        self.skip_content()?;
        let mut extension = Extension::default();
        while let Some(header) = self.header()? {
            let size = header.entry_size()?;
            match header.entry_type() {
                EntryType::GNULongName => extension.name = Some(self.text(size)?),
                EntryType::GNULongLink => extension.target = Some(self.text(size)?),
                EntryType::XHeader => extension.read(&self.record(size)?)?,
                EntryType::XGlobalHeader => {
                    self.has_global_record = true;
                    self.begin_content(size)?;
                    self.skip_content()?;
                }
                kind => {
                    let sparse_map = self.sparse_map(&header)?;
                    let size = if has_content(kind) { extension.size.unwrap_or(size) } else { 0 };
                    self.begin_content(size)?;
                    return self.entry(header, sparse_map, extension, size).map(Some);
                }
            }
        }
        Ok(None)
    }

    fn entry(
        &mut self,
        header: Header,
        sparse_map: Vec<u8>,
        extension: Extension,
        size: u64,
    ) -> io::Result<TarEntry> {
        let name = extension.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let target = extension.target.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
        let target = target.unwrap_or_default();
        self.listed += name.len() + target.len() + LISTED_PATH;
        if self.listed > LISTING_LIMIT {
            return Err(invalid(MORE_THAN_LIMG_LISTS));
        }
        // Before POSIX there was no type for directories: their names end with a slash.
        let is_old_directory = header.as_old().linkflag == [0] && name.ends_with(b"/");
        let is_root = |id: io::Result<u64>| id.is_ok_and(|id| id == 0);
        Ok(TarEntry {
            is_text: std::str::from_utf8(&name).is_ok() && std::str::from_utf8(&target).is_ok(),
            name: String::from_utf8_lossy(&name).into_owned(),
            target: String::from_utf8_lossy(&target).into_owned(),
            kind: if is_old_directory { EntryType::Directory } else { header.entry_type() },
            mode: header.mode()? & 0o7777,
            size,
            modified: extension
                .modified
                .or_else(|| header.mtime().ok().and_then(|seconds| seconds.try_into().ok())),
            is_sparse: extension.is_sparse || header.entry_type().is_gnu_sparse(),
            is_plain: is_root(header.uid())
                && is_root(header.gid())
                && !extension.has_more
                && !self.has_global_record,
            raw: RawEntry { header, name, target, attributes: extension.attributes, sparse_map },
        })
    }

    /// The next header, or `None` at a block of zeros, which ends an archive, and at the end of the stream.
    ///
    /// Go's tar reader, and hence Docker, accepts a layer without the blocks that end it, and one whose last file does not
    /// fill its block. Some tools write such layers (`umoci insert` of 0.4).
    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut header = Header::new_old();
        let read = self.read_up_to(header.as_mut_bytes())?;
        let bytes = header.as_bytes();
        if bytes[..read].iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        if read < bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // The checksum counts as spaces in itself (POSIX pax, "ustar Interchange Format").
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        if sum(&bytes[..148]) + 8 * 32 + sum(&bytes[156..]) == header.cksum()? {
            Ok(Some(header))
        } else {
            Err(invalid("a header has a wrong checksum"))
        }
    }

    /// Reads a record that extends an entry.
    fn record(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > RECORD_LIMIT {
            return Err(invalid("a name or attribute is larger than 1 MiB"));
        }
        let mut record = Vec::new();
        self.begin_content(size)?;
        self.by_ref().take(size).read_to_end(&mut record)?;
        self.skip_content()?;
        Ok(record)
    }

    /// Reads a record that is a text, without the NUL that ends it.
    fn text(&mut self, size: u64) -> io::Result<Vec<u8>> {
        let mut text = self.record(size)?;
        text.truncate(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
        Ok(text)
    }

    /// Reads the rest of a sparse file's map, which may continue after the header.
    fn sparse_map(&mut self, header: &Header) -> io::Result<Vec<u8>> {
        let is_sparse = header.entry_type().is_gnu_sparse();
        let mut goes_on = is_sparse && header.as_gnu().is_some_and(tar::GnuHeader::is_extended);
        let mut whole = Vec::new();
        while goes_on {
            let mut map = GnuExtSparseHeader::new();
            self.input.read_exact(map.as_mut_bytes())?;
            whole.extend_from_slice(map.as_bytes());
            if whole.len() as u64 > RECORD_LIMIT {
                return Err(invalid("a file has more holes than limg reads"));
            }
            goes_on = map.is_extended();
        }
        Ok(whole)
    }

    fn begin_content(&mut self, size: u64) -> io::Result<()> {
        let padded = size.checked_next_multiple_of(BLOCK);
        let padded = padded.ok_or_else(|| invalid("a file has an impossible size"))?;
        (self.content, self.padding) = (size, padded - size);
        Ok(())
    }

    fn skip_content(&mut self) -> io::Result<()> {
        io::copy(&mut *self, &mut io::sink())?;
        let padding = std::mem::take(&mut self.padding);
        io::copy(&mut self.input.by_ref().take(padding), &mut io::sink())?;
        Ok(())
    }

    /// Fills a buffer, or reads to the end of the stream if that comes first.
    fn read_up_to(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl<R: Read> Read for TarEntries<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = usize::try_from(self.content).map_or(buffer.len(), |left| left.min(buffer.len()));
        if limit == 0 {
            return Ok(0);
        }
        let read = self.input.read(&mut buffer[..limit])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.content -= read as u64;
        Ok(read)
    }
}

impl Extension {
    /// Reads a pax record: lines of the form `LENGTH KEY=VALUE`. The length is that of the whole line, since a value may
    /// contain line feeds (POSIX pax, "pax Extended Header").
    fn read(&mut self, mut record: &[u8]) -> io::Result<()> {
        while !record.is_empty() {
            let (key, value, rest) =
                first_pair(record).ok_or_else(|| invalid("an extended header is malformed"))?;
            let text = || std::str::from_utf8(value).unwrap_or_default();
            match key {
                b"path" if !self.is_sparse => self.name = Some(value.to_owned()),
                b"linkpath" => self.target = Some(value.to_owned()),
                b"size" => self.size = text().parse().ok(),
                // Without fractions, as in the headers of Python's bytecode files.
                b"mtime" => self.modified = text().split('.').next().and_then(|text| text.parse().ok()),
                b"uid" | b"gid" => self.has_more |= text() != "0",
                b"path" | b"atime" | b"ctime" | b"uname" | b"gname" => {}
                _ => self.has_more = true,
            }
            if !matches!(key, b"path" | b"linkpath") {
                self.attributes.push((key.to_owned(), value.to_owned()));
            }
            if key.starts_with(b"GNU.sparse.") {
                self.is_sparse = true;
                if key == b"GNU.sparse.name" {
                    self.name = Some(value.to_owned());
                }
            }
            record = rest;
        }
        Ok(())
    }
}

/// The key and value of a pax record's first line, and the rest of the record.
fn first_pair(record: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = record.iter().position(|byte| *byte == b' ')?;
    let length = std::str::from_utf8(&record[..space]).ok()?.parse().ok()?;
    let (line, rest) = record.split_at_checked(length)?;
    let pair = line.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    Some((&pair[..equals], &pair[equals + 1..], rest))
}

/// Whether content follows a header of this type. For other types, Go's `archive/tar`, and hence Docker, ignores the size.
fn has_content(kind: EntryType) -> bool {
    !(kind.is_hard_link()
        || kind.is_symlink()
        || kind.is_dir()
        || kind.is_character_special()
        || kind.is_block_special()
        || kind.is_fifo())
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
