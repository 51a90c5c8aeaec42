//! Images on disk, read without limg's code.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::command::{succeed, tool};
use super::files::{Entry, Files, Node};

/// An image on disk.
pub(crate) struct Image {
    /// The digest of the manifest; empty for an archive of `docker save`.
    pub(crate) digest: String,
    pub(crate) manifest: Value,
    pub(crate) config: Value,
    /// The files of the layers, the lowest first.
    pub(crate) layers: Vec<PathBuf>,
    /// The folder of an unpacked archive.
    _folder: Option<tempfile::TempDir>,
}

impl Image {
    /// Reads the image with this name, or the only one, from an OCI layout. Checks every blob against its digest.
    pub(crate) fn of_layout(layout: &Path, name: Option<&str>) -> Self {
        let index = json(&layout.join("index.json"));
        let named = |entry: &&Value| {
            name.is_none_or(|name| entry["annotations"]["org.opencontainers.image.ref.name"] == name)
        };
        let entries: Vec<&Value> = index["manifests"].as_array().unwrap().iter().filter(named).collect();
        let [entry] = entries[..] else { panic!("{} images named {name:?} in {index}", entries.len()) };
        let manifest = json(&blob(layout, entry));
        let config = json(&blob(layout, &manifest["config"]));
        let layers: Vec<PathBuf> =
            manifest["layers"].as_array().unwrap().iter().map(|layer| blob(layout, layer)).collect();
        let digest = text(&entry["digest"]);
        Self { digest, manifest, config, layers, _folder: None }
    }

    /// Reads an archive that `docker save` wrote for one image.
    pub(crate) fn of_docker_archive(archive: &Path) -> Self {
        let folder = tempfile::tempdir_in(archive.parent().unwrap()).unwrap();
        succeed(tool("tar").arg("-xf").arg(archive).arg("-C").arg(folder.path()));
        let manifest = json(&folder.path().join("manifest.json"))[0].take();
        let config = json(&folder.path().join(text(&manifest["Config"])));
        // A layer that several images share is a link.
        let layers = manifest["Layers"].as_array().unwrap().iter();
        let layers = layers.map(|layer| folder.path().join(text(layer))).collect();
        Self { digest: String::new(), manifest, config, layers, _folder: Some(folder) }
    }

    /// The merged files of all layers.
    pub(crate) fn files(&self) -> Files {
        flatten(&self.layers)
    }

    /// The content of a file in one of the layers.
    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        for layer in self.layers.iter().rev() {
            for entry in tar::Archive::new(open_layer(layer)).entries().unwrap() {
                let mut entry = entry.unwrap();
                if *entry.path_bytes() == *path.as_bytes() {
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content).unwrap();
                    return content;
                }
            }
        }
        panic!("no layer of {} has {path}", self.digest)
    }

    /// The contents of the files whose paths are wanted. Reads each layer once.
    pub(crate) fn contents(&self, is_wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Vec<u8>> {
        let mut contents = BTreeMap::new();
        for layer in &self.layers {
            for entry in tar::Archive::new(open_layer(layer)).entries().unwrap() {
                let mut entry = entry.unwrap();
                let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
                if is_wanted(&path) {
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content).unwrap();
                    contents.insert(path, content);
                }
            }
        }
        contents
    }

    /// The environment variables in the config.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        let variables = self.config["config"]["Env"].as_array().cloned().unwrap_or_default();
        let pair = |variable: &Value| {
            let variable = text(variable);
            let (name, value) = variable.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        };
        variables.iter().map(pair).collect()
    }
}

/// The path of the blob of a descriptor, whose content is checked.
fn blob(layout: &Path, descriptor: &Value) -> PathBuf {
    let digest = text(&descriptor["digest"]);
    let path = layout.join("blobs").join(digest.replace(':', "/"));
    let size = fs::metadata(&path).unwrap_or_else(|error| panic!("{digest}: {error}")).len();
    assert_eq!(Some(size), descriptor["size"].as_u64(), "the size of {digest}");
    let (found, _) = hash(File::open(&path).unwrap());
    assert_eq!(digest, format!("sha256:{found}"), "the digest of {}", path.display());
    path
}

fn json(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}

/// The SHA-256 digest of some bytes in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The digest and the size of the input.
fn hash(mut input: impl Read) -> (String, u64) {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        match input.read(&mut buffer).unwrap() {
            0 => return (hex(&hasher.finalize()), size),
            read => {
                hasher.update(&buffer[..read]);
                size += read as u64;
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let add = |mut digits: String, byte: &u8| {
        write!(digits, "{byte:02x}").unwrap();
        digits
    };
    bytes.iter().fold(String::new(), add)
}

/// The tar of a layer, which may be compressed with gzip.
fn open_layer(path: &Path) -> Box<dyn Read> {
    let mut magic = Vec::new();
    File::open(path).unwrap().take(2).read_to_end(&mut magic).unwrap();
    let file = BufReader::with_capacity(1 << 16, File::open(path).unwrap());
    // This decoder reads one gzip member, since Lambda may not support several.
    if magic == [0x1f, 0x8b] { Box::new(GzDecoder::new(file)) } else { Box::new(file) }
}

/// What a file system has after these layers (OCI image specification, layer.md, "Applying Changesets").
fn flatten(layers: &[PathBuf]) -> Files {
    let mut files = Files::new();
    for layer in layers {
        let below: Vec<String> = files.keys().cloned().collect();
        // umoci does not fill up the last block of a layer.
        let padded = open_layer(layer).chain(std::io::repeat(0).take(3 * 512));
        let mut archive = tar::Archive::new(padded);
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            let path = path.trim_start_matches("./").trim_matches('/').to_owned();
            if path.is_empty() || path == "." {
                continue;
            }
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            if name == ".wh..wh..opq" {
                below.iter().filter(|path| is_below(path, folder)).for_each(|path| drop(files.remove(path)));
            } else if let Some(name) = name.strip_prefix(".wh.") {
                let gone = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                files.retain(|path, _| *path != gone && !is_below(path, &gone));
            } else {
                let described = describe(&mut entry, &files);
                if described.node != Node::Folder {
                    files.retain(|other, _| !is_below(other, &path));
                }
                files.insert(path, described);
            }
        }
    }
    files
}

fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn describe(entry: &mut tar::Entry<'_, impl Read>, files: &Files) -> Entry {
    use tar::EntryType;
    let target = |entry: &tar::Entry<'_, _>| {
        String::from_utf8(entry.link_name_bytes().unwrap_or_default().into_owned()).unwrap()
    };
    let node = match entry.header().entry_type() {
        EntryType::Directory => Node::Folder,
        EntryType::Symlink => Node::Link(target(entry)),
        EntryType::Link => {
            let target = target(entry);
            let target = target.trim_start_matches("./").trim_start_matches('/');
            return files.get(target).unwrap_or_else(|| panic!("no {target} to link to")).clone();
        }
        EntryType::Regular | EntryType::Continuous => {
            let (digest, size) = hash(&mut *entry);
            Node::File(digest, size)
        }
        other => Node::Other(format!("{other:?}")),
    };
    let header = entry.header();
    Entry {
        mode: header.mode().unwrap() & 0o7777,
        owner: Some((header.uid().unwrap(), header.gid().unwrap())),
        node,
    }
}
