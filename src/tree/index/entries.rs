//! The entries of a foreign tar stream, without their contents.
//!
//! The `tar` crate reads the records that extend an entry, such as a long name, whole, however large a stranger has made
//! them; here they have a limit.

use std::io::{self, Read};

use tar::{EntryType, GnuExtSparseHeader, Header, PaxExtensions};

/// The size of everything in a tar archive is a multiple of this.
const BLOCK: u64 = 512;

/// The most bytes of a record that extends an entry. Linux takes names of 4096 bytes and attributes of 64 KiB.
const RECORD_LIMIT: u64 = 1024 * 1024;

/// What an entry counts beside its names against [`LISTING_LIMIT`].
const ENTRY_SIZE: usize = 128;

/// The most bytes that the list of a layer's entries may take: enough for a million files.
const LISTING_LIMIT: usize = 256 * 1024 * 1024;

/// Reads one entry after another.
pub(super) struct Entries<R> {
    input: R,
    listed: usize,
}

/// An entry.
pub(super) struct TarEntry {
    pub(super) name: String,
    /// Of a link its target.
    pub(super) target: String,
    pub(super) kind: EntryType,
    pub(super) mode: u32,
}

/// What the records in front of an entry say of it.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
}

impl<R: Read> Entries<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, listed: 0 }
    }

    /// The next entry; nothing at the end of the archive.
    pub(super) fn next(&mut self) -> io::Result<Option<TarEntry>> {
        let mut extension = Extension::default();
        while let Some(header) = self.header()? {
            let size = header.entry_size()?;
            match header.entry_type() {
                EntryType::GNULongName => extension.name = Some(self.text(size)?),
                EntryType::GNULongLink => extension.target = Some(self.text(size)?),
                EntryType::XHeader => extension.read(&self.record(size)?)?,
                EntryType::XGlobalHeader => self.skip(size)?,
                kind => {
                    self.skip_sparse_map(&header)?;
                    if has_content(kind) {
                        self.skip(extension.size.unwrap_or(size))?;
                    }
                    return self.listed(&header, extension).map(Some);
                }
            }
        }
        Ok(None)
    }

    fn listed(&mut self, header: &Header, extension: Extension) -> io::Result<TarEntry> {
        let name = extension.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let target = extension.target.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
        let target = target.unwrap_or_default();
        self.listed += name.len() + target.len() + ENTRY_SIZE;
        if self.listed > LISTING_LIMIT {
            return Err(refused("it has more files than limg can list"));
        }
        Ok(TarEntry {
            name: String::from_utf8_lossy(&name).into_owned(),
            target: String::from_utf8_lossy(&target).into_owned(),
            kind: header.entry_type(),
            mode: header.mode()? & 0o7777,
        })
    }

    /// The next header; nothing at a block of zeros, which ends an archive.
    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut header = Header::new_old();
        self.input.read_exact(header.as_mut_bytes())?;
        let bytes = header.as_bytes();
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        // The checksum counts as spaces in itself (POSIX pax, "ustar Interchange Format").
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        if sum(&bytes[..148]) + 8 * 32 + sum(&bytes[156..]) == header.cksum()? {
            Ok(Some(header))
        } else {
            Err(refused("a header has a wrong checksum"))
        }
    }

    /// The content of a record that extends an entry.
    fn record(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > RECORD_LIMIT {
            return Err(refused("a name or attribute is larger than 1 MiB"));
        }
        let mut record = Vec::new();
        self.input.by_ref().take(padded(size)?).read_to_end(&mut record)?;
        record.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        Ok(record)
    }

    /// A record that is a text, without the NUL that ends it.
    fn text(&mut self, size: u64) -> io::Result<Vec<u8>> {
        let mut text = self.record(size)?;
        text.truncate(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
        Ok(text)
    }

    /// The map of a sparse file may go on behind its header.
    fn skip_sparse_map(&mut self, header: &Header) -> io::Result<()> {
        let is_sparse = header.entry_type().is_gnu_sparse();
        let mut goes_on = is_sparse && header.as_gnu().is_some_and(tar::GnuHeader::is_extended);
        while goes_on {
            let mut map = GnuExtSparseHeader::new();
            self.input.read_exact(map.as_mut_bytes())?;
            goes_on = map.is_extended();
        }
        Ok(())
    }

    fn skip(&mut self, size: u64) -> io::Result<()> {
        let size = padded(size)?;
        if io::copy(&mut self.input.by_ref().take(size), &mut io::sink())? == size {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

impl Extension {
    /// Takes what a record of pax says.
    fn read(&mut self, record: &[u8]) -> io::Result<()> {
        for pair in PaxExtensions::new(record) {
            let pair = pair?;
            match pair.key_bytes() {
                b"path" => self.name = Some(pair.value_bytes().to_owned()),
                b"linkpath" => self.target = Some(pair.value_bytes().to_owned()),
                b"size" => self.size = pair.value().ok().and_then(|size| size.parse().ok()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether bytes follow a header of this kind, whatever size it names: as Go's `archive/tar`, and hence Docker, sees it.
fn has_content(kind: EntryType) -> bool {
    !(kind.is_hard_link()
        || kind.is_symlink()
        || kind.is_dir()
        || kind.is_character_special()
        || kind.is_block_special()
        || kind.is_fifo())
}

fn padded(size: u64) -> io::Result<u64> {
    size.checked_next_multiple_of(BLOCK).ok_or_else(|| refused("a file has no possible size"))
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
