//! Readers of images that limg wrote, which check the digest of every blob.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::base::hex;

/// An OCI layout directory.
pub(crate) struct Layout(PathBuf);

/// An image: its manifest, its config, and the merged files of its layers.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) manifest: Value,
    pub(crate) config: Value,
    /// Files as `MODE content`, directories as `MODE /`, links as `-> target`, by path.
    pub(crate) files: BTreeMap<String, String>,
    /// The paths of each layer, the lowest first.
    pub(crate) layers: Vec<Vec<String>>,
}

impl Layout {
    /// Opens a layout and checks all of its blobs.
    pub(crate) fn open(path: &Path) -> Self {
        let marker = std::fs::read_to_string(path.join("oci-layout")).unwrap();
        assert_eq!(marker, r#"{"imageLayoutVersion":"1.0.0"}"#);
        for entry in std::fs::read_dir(path.join("blobs/sha256")).unwrap() {
            let file = entry.unwrap().path();
            // Left by a run that was killed.
            if file.file_name().unwrap().to_str().unwrap().starts_with(".limg-") {
                continue;
            }
            let bytes = std::fs::read(&file).unwrap();
            assert_eq!(hex(&bytes), file.file_name().unwrap().to_str().unwrap(), "{}", file.display());
        }
        Self(path.to_owned())
    }

    /// The names of its images.
    pub(crate) fn names(&self) -> Vec<String> {
        self.entries()
            .iter()
            .map(|entry| {
                entry["annotations"]["org.opencontainers.image.ref.name"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    pub(crate) fn image(&self, name: &str) -> Image {
        let entries = self.entries();
        let entry = entries
            .iter()
            .find(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == name)
            .unwrap_or_else(|| panic!("no image `{name}` in {:?}", self.names()));
        let read = |descriptor: &Value| self.blob(descriptor);
        let manifest: Value = serde_json::from_slice(&read(entry)).unwrap();
        let config = serde_json::from_slice(&read(&manifest["config"])).unwrap();
        let layers: Vec<_> = manifest["layers"].as_array().unwrap().iter().map(read).collect();
        Image::of(manifest, config, &layers)
    }

    fn entries(&self) -> Vec<Value> {
        let index: Value =
            serde_json::from_slice(&std::fs::read(self.0.join("index.json")).unwrap()).unwrap();
        index["manifests"].as_array().unwrap().clone()
    }

    fn blob(&self, descriptor: &Value) -> Vec<u8> {
        let hex = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let bytes = std::fs::read(self.0.join("blobs/sha256").join(hex)).unwrap();
        assert_eq!(descriptor["size"], bytes.len());
        bytes
    }
}

/// The members of a tar.
pub(crate) struct Archive(pub(crate) BTreeMap<String, Vec<u8>>);

impl Archive {
    pub(crate) fn open(path: &Path) -> Self {
        let mut members = BTreeMap::new();
        for entry in tar::Archive::new(std::fs::File::open(path).unwrap()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            assert!(members.insert(name.clone(), content).is_none(), "`{name}` is duplicate");
        }
        Self(members)
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        let names: Vec<_> = self.0.keys().collect();
        let content = self.0.get(name).unwrap_or_else(|| panic!("no `{name}` in {names:?}"));
        serde_json::from_slice(content).unwrap()
    }

    /// The image of an archive of `docker save`'s form.
    pub(crate) fn docker_image(&self, tag: &str) -> Image {
        let list = self.json("manifest.json");
        let entry = list
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["RepoTags"][0] == tag)
            .unwrap_or_else(|| panic!("no `{tag}` in {list:#}"));
        let layers =
            entry["Layers"].as_array().unwrap().iter().map(|name| self.0[name.as_str().unwrap()].clone());
        Image::of(entry.clone(), self.json(entry["Config"].as_str().unwrap()), &layers.collect::<Vec<_>>())
    }

    /// The image of a tar of an OCI layout.
    pub(crate) fn oci_image(&self, name: &str) -> Image {
        let index = self.json("index.json");
        let entries = index["manifests"].as_array().unwrap();
        let entry = entries
            .iter()
            .find(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == name)
            .unwrap_or_else(|| panic!("no `{name}` in {index:#}"));
        let blob = |descriptor: &Value| {
            let hex_digits = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
            let bytes = self.0[&format!("blobs/sha256/{hex_digits}")].clone();
            assert_eq!(hex(&bytes), hex_digits);
            bytes
        };
        let manifest: Value = serde_json::from_slice(&blob(entry)).unwrap();
        let config = serde_json::from_slice(&blob(&manifest["config"])).unwrap();
        let layers: Vec<_> = manifest["layers"].as_array().unwrap().iter().map(blob).collect();
        Image::of(manifest, config, &layers)
    }
}

impl Image {
    fn of(manifest: Value, config: Value, blobs: &[Vec<u8>]) -> Self {
        let diff_ids = config["rootfs"]["diff_ids"].as_array().unwrap();
        let history = config["history"].as_array().unwrap();
        assert_eq!(diff_ids.len(), blobs.len(), "a diff_id for each layer");
        assert_eq!(history.len(), blobs.len(), "a history entry for each layer");
        let (mut files, mut layers) = (BTreeMap::new(), Vec::new());
        for (blob, diff_id) in blobs.iter().zip(diff_ids) {
            let mut tar = Vec::new();
            let mut gzip = flate2::bufread::GzDecoder::new(&blob[..]);
            gzip.read_to_end(&mut tar).unwrap();
            assert!(gzip.into_inner().is_empty(), "one gzip member and nothing after it");
            assert_eq!(*diff_id, format!("sha256:{}", hex(&tar)));
            let mut paths = Vec::new();
            for entry in tar::Archive::new(&tar[..]).entries().unwrap() {
                let mut entry = entry.unwrap();
                let path = format!("/{}", entry.path().unwrap().to_str().unwrap().trim_end_matches('/'));
                let mode = entry.header().mode().unwrap();
                let what = match entry.header().entry_type() {
                    tar::EntryType::Directory => format!("{mode:o} /"),
                    tar::EntryType::Symlink => {
                        format!("-> {}", entry.link_name().unwrap().unwrap().display())
                    }
                    tar::EntryType::Regular => {
                        let mut content = Vec::new();
                        entry.read_to_end(&mut content).unwrap();
                        format!("{mode:o} {}", String::from_utf8_lossy(&content))
                    }
                    other => panic!("{path} is a {other:?}"),
                };
                assert_eq!((entry.header().uid().unwrap(), entry.header().gid().unwrap()), (0, 0));
                paths.push(path.clone());
                files.insert(path, what);
            }
            layers.push(paths);
        }
        Self { manifest, config, files, layers }
    }

    /// The value of a variable.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let variables = self.config["config"]["Env"].as_array().unwrap();
        variables.iter().find_map(|variable| variable.as_str().unwrap().strip_prefix(name)?.strip_prefix('='))
    }
}
