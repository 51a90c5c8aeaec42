//! Layers to read, made with the `tar` crate.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

/// An entry of a layer. Its mode is 0755 for a directory and 0644 for everything else.
#[derive(Debug, Clone)]
pub(crate) struct TestEntry {
    pub(crate) header: Header,
    pub(crate) name: Vec<u8>,
    pub(crate) target: Vec<u8>,
    pub(crate) content: Vec<u8>,
}

pub(crate) fn entry(kind: EntryType, name: &str, target: &str, content: &str) -> TestEntry {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_700_000_000);
    header.set_size(content.len() as u64);
    TestEntry { header, name: name.into(), target: target.into(), content: content.into() }
}

/// An entry as `name/`, `name -> target` (a symbolic link), `name => target` (a hard link) or `name: content`.
pub(crate) fn parsed(text: &str) -> TestEntry {
    if let Some((name, target)) = text.split_once(" -> ") {
        entry(EntryType::Symlink, name, target, "")
    } else if let Some((name, target)) = text.split_once(" => ") {
        entry(EntryType::Link, name, target, "")
    } else if text.ends_with('/') {
        entry(EntryType::Directory, text, "", "")
    } else {
        let (name, content) = text.split_once(": ").unwrap_or((text, text));
        entry(EntryType::Regular, name, "", content)
    }
}

impl TestEntry {
    /// Declares the size of its content.
    pub(crate) fn sized(mut self) -> Self {
        self.header.set_size(self.content.len() as u64);
        self
    }

    pub(crate) fn mode(mut self, mode: u32) -> Self {
        self.header.set_mode(mode);
        self
    }

    /// Writes its blocks, with a GNU record in front for a long name. A short name is written unchecked.
    fn write(&self, archive: &mut Builder<Vec<u8>>) {
        let mut header = self.header.clone();
        let mut record = |kind, bytes: &[u8], field: &mut [u8]| {
            if bytes.len() <= field.len() {
                field[..bytes.len()].copy_from_slice(bytes);
                return;
            }
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            archive.append(&header, bytes).unwrap();
        };
        record(EntryType::GNULongName, &self.name, &mut header.as_old_mut().name);
        record(EntryType::GNULongLink, &self.target, &mut header.as_old_mut().linkname);
        header.set_cksum();
        archive.append(&header, &self.content[..]).unwrap();
    }
}

pub(crate) fn tar(entries: &[TestEntry]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    for entry in entries {
        entry.write(&mut archive);
    }
    archive.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
