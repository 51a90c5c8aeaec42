//! Archives written byte by byte, so that every field can have any value (APPNOTE.TXT 4.3), and what limg reads from
//! them.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use flate2::{Compression, Crc, write::DeflateEncoder};

use crate::project::{ImagePath, Source, SourceKind};
use crate::text::with_causes;
use crate::tree::{Node, Tree, TreeError};

pub(super) const DOS: u8 = 0;
pub(super) const UNIX: u8 = 3;

/// An entry with all the fields that a test may change.
#[derive(Debug, Clone)]
pub(super) struct NewEntry {
    pub(super) name: Vec<u8>,
    /// The name in the local header, if it differs.
    pub(super) local_name: Option<Vec<u8>>,
    pub(super) system: u8,
    pub(super) attributes: u32,
    pub(super) flags: u16,
    pub(super) method: u16,
    /// The bytes in the archive.
    pub(super) data: Vec<u8>,
    pub(super) size: u32,
    pub(super) crc32: u32,
    pub(super) extra: Vec<u8>,
    /// The declared position of the local header, if it is not the real one.
    pub(super) header: Option<u32>,
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// An ordinary file, made on Unix and not compressed.
pub(super) fn file(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> NewEntry {
    let content = content.as_ref();
    NewEntry {
        name: name.as_ref().to_vec(),
        local_name: None,
        system: UNIX,
        attributes: 0o100_644 << 16,
        flags: 0,
        method: 0,
        data: content.to_vec(),
        size: u32::try_from(content.len()).unwrap(),
        crc32: crc32(content),
        extra: Vec::new(),
        header: None,
    }
}

pub(super) fn directory(name: &str) -> NewEntry {
    file(name, "").mode(0o040_755)
}

pub(super) fn link(name: &str, target: impl AsRef<[u8]>) -> NewEntry {
    file(name, target).mode(0o120_777)
}

impl NewEntry {
    pub(super) fn mode(self, mode: u32) -> Self {
        Self { attributes: mode << 16, ..self }
    }

    pub(super) fn made_on(self, system: u8, attributes: u32) -> Self {
        Self { system, attributes, ..self }
    }

    pub(super) fn deflated(self) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&self.data).unwrap();
        Self { data: encoder.finish().unwrap(), method: 8, ..self }
    }

    pub(super) fn with_extra(mut self, id: u16, content: &[u8]) -> Self {
        self.extra.extend(id.to_le_bytes());
        self.extra.extend(u16::try_from(content.len()).unwrap().to_le_bytes());
        self.extra.extend(content);
        self
    }

    /// The fields that local and central headers share, from the required version to the length of the extra fields.
    fn common(&self, name: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [20, self.flags, self.method, 0, 0x21] {
            bytes.extend(number.to_le_bytes());
        }
        for number in [self.crc32, u32::try_from(self.data.len()).unwrap(), self.size] {
            bytes.extend(number.to_le_bytes());
        }
        for length in [name.len(), self.extra.len()] {
            bytes.extend(u16::try_from(length).unwrap().to_le_bytes());
        }
        bytes
    }
}

/// An archive of these entries.
pub(super) fn archive(entries: &[NewEntry]) -> Vec<u8> {
    let (mut bytes, mut central) = (Vec::new(), Vec::new());
    for entry in entries {
        let header = entry.header.unwrap_or(u32::try_from(bytes.len()).unwrap());
        let name = entry.local_name.as_ref().unwrap_or(&entry.name);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(entry.common(name));
        bytes.extend(name);
        bytes.extend(&entry.extra);
        bytes.extend(&entry.data);

        central.extend(b"PK\x01\x02");
        central.extend([20, entry.system]);
        central.extend(entry.common(&entry.name));
        central.extend([0; 6]);
        central.extend(entry.attributes.to_le_bytes());
        central.extend(header.to_le_bytes());
        central.extend(&entry.name);
        central.extend(&entry.extra);
    }
    // As tools without zip64 do, which may write more.
    let count = u16::try_from(entries.len() % 65_536).unwrap().to_le_bytes();
    let start = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let size = u32::try_from(central.len()).unwrap().to_le_bytes();
    bytes.extend(central);
    bytes.extend(b"PK\x05\x06");
    bytes.extend([0; 4]);
    for field in [&count[..], &count, &size, &start, &[0; 2]] {
        bytes.extend(field);
    }
    bytes
}

/// An archive on disk.
pub(super) struct Zip(tempfile::TempDir);

impl Zip {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let zip = Self(tempfile::tempdir().unwrap());
        std::fs::write(zip.path(), bytes).unwrap();
        zip
    }

    pub(super) fn of(entries: &[NewEntry]) -> Self {
        Self::new(&archive(entries))
    }

    pub(super) fn path(&self) -> PathBuf {
        self.0.path().join("layer.zip")
    }

    pub(super) fn load(&self) -> Result<Tree, TreeError> {
        self.load_without(&[])
    }

    pub(super) fn load_without(&self, exclude: &[&str]) -> Result<Tree, TreeError> {
        let exclude = exclude.iter().map(|pattern| (*pattern).to_owned()).collect();
        let source = Source { exclude, ..Source::new(self.path(), SourceKind::Zip) };
        Tree::load(&source, &"/opt".parse().unwrap())
    }

    /// The error of loading, with its causes.
    pub(super) fn error(&self) -> String {
        with_causes(&self.load().unwrap_err())
    }
}

/// The content of a tree by path: `d` for a directory, `> target` for a link, `x` or `-` and the bytes for a file.
pub(super) fn shown(tree: &Tree) -> Vec<(String, String)> {
    tree.iter().map(|(path, node)| (path.as_str()["/opt/".len()..].to_owned(), show(node))).collect()
}

pub(super) fn show(node: &Node) -> String {
    match node {
        Node::Directory => "d".to_owned(),
        Node::Symlink(target) => format!("> {target}"),
        Node::File(file) => {
            let mut content = Vec::new();
            file.content.open().unwrap().read_to_end(&mut content).unwrap();
            assert_eq!(file.size, content.len() as u64);
            let mode = if file.executable { 'x' } else { '-' };
            format!("{mode} {}", content.escape_ascii())
        }
    }
}

/// Reads a file as a layer does: exactly the declared number of bytes.
pub(super) fn read(tree: &Tree, path: &str) -> Result<Vec<u8>, String> {
    let path: ImagePath = format!("/opt/{path}").parse().unwrap();
    let Some(Node::File(file)) = tree.get(&path) else { panic!("no file at {path}") };
    let mut content = vec![0; usize::try_from(file.size).unwrap()];
    let mut reader = file.content.open().map_err(|error| with_causes(&error))?;
    reader.read_exact(&mut content).map_err(|error| with_causes(&error))?;
    Ok(content)
}

pub(super) fn adjustments(tree: &Tree) -> Vec<String> {
    tree.adjustments().iter().map(|adjustment| format!("{}: {}", adjustment.path, adjustment.what)).collect()
}
