//! Wheels that the tests make, and what is installed of them.

use std::io::{Read as _, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::text::with_causes;
use crate::tree::{Node, Tree};
use crate::wheel::{Installation, WheelArchive, WheelError, WheelName, install, record};

pub(super) const INTERPRETER: &str = "/var/lang/bin/python3";

/// A wheel of any content.
#[derive(Debug, Clone)]
pub(super) struct NewWheel {
    package: String,
    /// Paths, contents and Unix modes, without `RECORD`.
    files: Vec<(String, Vec<u8>, u32)>,
    /// `RECORD`, if it is not that of the files.
    record: Option<String>,
    links: Vec<(String, String)>,
}

/// A wheel of version 1 of a package, with its metadata.
pub(super) fn wheel(package: &str) -> NewWheel {
    NewWheel { package: package.to_owned(), files: Vec::new(), record: None, links: Vec::new() }
        .info("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        .info("METADATA", &format!("Metadata-Version: 2.1\nName: {package}\nVersion: 1\n"))
}

impl NewWheel {
    pub(super) fn file(self, path: &str, content: &str) -> Self {
        self.with_mode(path, content.as_bytes(), 0o644)
    }

    pub(super) fn with_mode(mut self, path: &str, content: &[u8], mode: u32) -> Self {
        self.files.push((path.to_owned(), content.to_vec(), mode));
        self
    }

    /// A file of its metadata, in place of one that it has.
    pub(super) fn info(self, name: &str, content: &str) -> Self {
        let path = format!("{}-1.dist-info/{name}", self.package);
        self.without(&path).file(&path, content)
    }

    pub(super) fn without(mut self, path: &str) -> Self {
        self.files.retain(|(own, ..)| own != path);
        self
    }

    pub(super) fn link(mut self, path: &str, target: &str) -> Self {
        self.links.push((path.to_owned(), target.to_owned()));
        self
    }

    /// With `RECORD` changed.
    pub(super) fn record(mut self, change: impl FnOnce(String) -> String) -> Self {
        self.record = Some(change(self.own_record()));
        self
    }

    fn own_record(&self) -> String {
        let mut list = String::new();
        for (path, content, _) in &self.files {
            record::write_row(&mut list, path, Some(&record::hash_of(content)), Some(content.len() as u64));
        }
        record::write_row(&mut list, &format!("{}-1.dist-info/RECORD", self.package), None, None);
        list
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default()
            .system(zip::System::Unix)
            .compression_method(CompressionMethod::Deflated);
        for (path, content, mode) in &self.files {
            zip.start_file(path.as_str(), options.unix_permissions(*mode)).unwrap();
            zip.write_all(content).unwrap();
        }
        for (path, target) in &self.links {
            zip.add_symlink(path.as_str(), target.as_str(), options).unwrap();
        }
        zip.start_file(format!("{}-1.dist-info/RECORD", self.package), options).unwrap();
        zip.write_all(self.record.clone().unwrap_or_else(|| self.own_record()).as_bytes()).unwrap();
        zip.finish().unwrap().into_inner()
    }

    pub(super) fn name(&self) -> WheelName {
        format!("{}-1-py3-none-any.whl", self.package).parse().unwrap()
    }

    pub(super) fn read(&self) -> Result<OnDisk, WheelError> {
        read_bytes(&self.bytes(), self.name().as_str())
    }

    /// Why it cannot be read or installed, with the causes.
    pub(super) fn error(&self) -> String {
        let error = match self.read() {
            Ok(read) => install([&read.wheel], &"/opt".parse().unwrap(), INTERPRETER).unwrap_err(),
            Err(error) => error,
        };
        with_causes(&error)
    }
}

/// Changes both headers of an entry in the bytes of a wheel: the fields at these positions in the local header and in that of
/// the central directory.
pub(super) fn with_header(
    mut bytes: Vec<u8>,
    entry: &str,
    (local, central): (usize, usize),
    value: &[u8],
) -> Vec<u8> {
    // Signature, length of the header and position of the field (APPNOTE.TXT, 4.3).
    for (signature, length, field) in [(&b"PK\x03\x04"[..], 30, local), (b"PK\x01\x02", 46, central)] {
        let is_of_entry = |&start: &usize| {
            bytes[start..].starts_with(signature) && bytes[start + length..].starts_with(entry.as_bytes())
        };
        let start = (0..bytes.len() - length).find(is_of_entry).unwrap();
        bytes[start + field..start + field + value.len()].copy_from_slice(value);
    }
    bytes
}

/// Reads bytes as the wheel of this name.
pub(super) fn read_bytes(bytes: &[u8], name: &str) -> Result<OnDisk, WheelError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stored");
    std::fs::write(&path, bytes).unwrap();
    Ok(OnDisk { wheel: WheelArchive::read(&path, name.parse().unwrap())?, _folder: folder })
}

/// A wheel and the folder with its file.
#[derive(Debug)]
pub(super) struct OnDisk {
    pub(super) wheel: WheelArchive,
    _folder: tempfile::TempDir,
}

/// Wheels installed in `/opt`, with their errors as text.
pub(super) fn installed(wheels: &[NewWheel]) -> Result<(Installation, Vec<OnDisk>), String> {
    let read: Vec<_> = wheels.iter().map(|wheel| wheel.read().unwrap()).collect();
    let installation = install(read.iter().map(|read| &read.wheel), &"/opt".parse().unwrap(), INTERPRETER);
    Ok((installation.map_err(|error| with_causes(&error))?, read))
}

pub(super) fn content(tree: &Tree, path: &str) -> String {
    let Some(Node::File(file)) = tree.get(&format!("/opt/{path}").parse().unwrap()) else {
        panic!("no file at {path}")
    };
    let mut content = String::new();
    file.content.open().unwrap().take(1 << 20).read_to_string(&mut content).unwrap();
    content
}

/// The paths of a tree below `/opt`, with `*` behind those of executable files.
pub(super) fn paths(tree: &Tree) -> Vec<String> {
    let path = |(path, node): (&crate::project::ImagePath, &Node)| {
        let is_executable = matches!(node, Node::File(file) if file.executable);
        format!("{}{}", &path.as_str()["/opt/".len()..], if is_executable { "*" } else { "" })
    };
    tree.iter().map(path).collect()
}
