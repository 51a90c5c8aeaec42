//! Reading bases: the image of a layout or archive that fits the function's architecture.
//!
//! Manifests and configs are small, read whole and checked against their digests. Layers in gzip are used where they lie;
//! others are compressed into the store once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use oci_spec::image::{Descriptor, ImageIndex};
use serde::Deserialize;

use super::{LayoutError, REF_NAME, blob_name};
use crate::fs::{self, FsError};
use crate::image::{self, BaseImage, Compression, ImageError, Layer, ManifestLayer};
use crate::layer::{self, LayerError};
use crate::project::Architecture;
use crate::store::{Blob, Digest, Store};

/// Far more than any manifest, index or config holds, far less than would fill the memory.
const DOCUMENT_LIMIT: u64 = 16 * 1024 * 1024;

/// How many indexes are read for one image: those that tools write lie at most one in another.
const INDEXES: usize = 64;

/// The files of a layout, wherever they lie.
struct Files<'a> {
    /// The directory or archive, for messages.
    path: &'a Path,
    place: Place<'a>,
}

enum Place<'a> {
    Directory(&'a Path),
    Archive(BTreeMap<String, Member>),
}

enum Member {
    File(Blob),
    /// Another member that this one stands for.
    Link(String),
}

/// Reads an image of an OCI image layout directory. `reference` is its name in the layout, needed if there are several.
///
/// # Errors
/// When there is no such image for `architecture`, or it cannot be used.
pub fn read_oci_directory(
    path: &Path,
    reference: Option<&str>,
    architecture: Architecture,
    store: &Store,
) -> Result<BaseImage, LayoutError> {
    if !path.join("index.json").is_file() {
        return Err(form(path, "is no OCI image layout: it has no `index.json`", "check the path"));
    }
    Files { path, place: Place::Directory(path) }.oci_image(reference, architecture, store)
}

/// Reads an image of a tar of an OCI image layout.
///
/// # Errors
/// As [`read_oci_directory`].
pub fn read_oci_archive(
    path: &Path,
    reference: Option<&str>,
    architecture: Architecture,
    store: &Store,
) -> Result<BaseImage, LayoutError> {
    Files::of_archive(path)?.oci_image(reference, architecture, store)
}

/// Reads an image of an archive that `docker save` wrote. `reference` is its `REPOSITORY:TAG`, needed if there are
/// several.
///
/// Its layers are taken over into the store; the archive is not needed afterwards.
///
/// # Errors
/// As [`read_oci_directory`].
pub fn read_docker_archive(
    path: &Path,
    reference: Option<&str>,
    architecture: Architecture,
    store: &Store,
) -> Result<BaseImage, LayoutError> {
    Files::of_archive(path)?.docker_image(reference, architecture, store)
}

/// Reads an image that [`read_docker_archive`] has taken over before, by the digest of its config; nothing when the store
/// has let go of a part of it.
///
/// # Errors
/// When it is not for `architecture`.
pub fn read_imported(
    config: &Digest,
    architecture: Architecture,
    store: &Store,
) -> Result<Option<BaseImage>, LayoutError> {
    let Some(blob) = store.blob(config) else { return Ok(None) };
    let unusable = |source| LayoutError::Image { path: blob.path.clone(), source };
    let config = blob.read()?;
    let mut layers = Vec::new();
    for diff_id in image::diff_ids(&config).map_err(unusable)? {
        let Some(stored) = layer::find_imported(&diff_id, store) else { return Ok(None) };
        layers.push(stored);
    }
    BaseImage::without_manifest(&config, layers, architecture).map(Some).map_err(unusable)
}

/// An entry of the `manifest.json` of an archive of Docker.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

impl<'a> Files<'a> {
    /// Lists an archive without reading the content of its members.
    fn of_archive(path: &'a Path) -> Result<Self, LayoutError> {
        let file = fs::open(path)?;
        let broken = |error: std::io::Error| {
            form(
                path,
                &format!("cannot be read as a tar archive: {error}"),
                "an archive must be an uncompressed tar; \
                 decompress it first, or name a folder with `oci:`",
            )
        };
        let mut archive = tar::Archive::new(file);
        let mut members = BTreeMap::new();
        for entry in archive.entries_with_seek().map_err(broken)? {
            let entry = entry.map_err(broken)?;
            let name = normalised(&String::from_utf8_lossy(&entry.path_bytes()), "");
            if entry.header().entry_type().is_file() {
                let blob = Blob {
                    path: path.to_owned(),
                    offset: entry.raw_file_position(),
                    size: entry.size(),
                    in_store: false,
                };
                members.insert(name, Member::File(blob));
            } else if let Some(target) = entry.link_name_bytes() {
                // `docker save` writes a layer that several images share once, and links to it.
                let folder = if entry.header().entry_type().is_symlink() { parent(&name) } else { "" };
                let target = normalised(&String::from_utf8_lossy(&target), folder);
                members.insert(name, Member::Link(target));
            }
        }
        Ok(Self { path, place: Place::Archive(members) })
    }

    fn oci_image(
        &self,
        reference: Option<&str>,
        architecture: Architecture,
        store: &Store,
    ) -> Result<BaseImage, LayoutError> {
        let mut found = self.collect(reference)?;
        if found.is_empty() {
            let why = format!(
                "has no image{}",
                reference.map(|name| format!(" named `{name}`")).unwrap_or_default()
            );
            return Err(form(self.path, &why, "`skopeo inspect` or its `index.json` shows what it has"));
        }
        let platform = |entry: &Descriptor| {
            let platform = entry.platform().as_ref()?;
            Some(format!("{}/{}", platform.os(), platform.architecture()))
        };
        let wanted = format!("linux/{}", architecture.oci_name());
        let platforms: Vec<_> = found.iter().filter_map(platform).collect();
        let names: Vec<_> = found.iter().filter_map(name).map(str::to_owned).collect();
        let mut seen = BTreeSet::new();
        found.retain(|entry| {
            platform(entry).is_none_or(|own| own == wanted) && seen.insert(entry.digest().to_string())
        });
        match &found[..] {
            [entry] => self.image(entry, architecture, store),
            [] => {
                Err(self.unusable(ImageError::Platform { found: platforms.join(", "), wanted: architecture }))
            }
            _ => Err(form(
                self.path,
                "has several images",
                &format!("add the name of one after a colon: {}", names.join(", ")),
            )),
        }
    }

    /// Collects the image manifests that `index.json` and the indexes in it lead to. Each index is read once, wherever it
    /// lies, so that few small ones cannot stand for endlessly many.
    fn collect(&self, reference: Option<&str>) -> Result<Vec<Descriptor>, LayoutError> {
        let (mut found, mut inner) = (Vec::new(), Vec::new());
        let mut sort = |document: &[u8], reference: Option<&str>, inner: &mut Vec<Descriptor>| {
            let index: ImageIndex = self.decode("index", document)?;
            for entry in index.manifests() {
                let is_meant = |wanted| name(entry) == Some(wanted) || entry.digest().as_ref() == wanted;
                if !reference.is_none_or(is_meant) {
                    continue;
                }
                if !image::is_index(entry.media_type().as_ref()) {
                    found.push(entry.clone());
                } else if inner.iter().all(|known| known.digest() != entry.digest()) {
                    inner.push(entry.clone());
                }
                if inner.len() > INDEXES {
                    return Err(form(self.path, "has more indexes than any image", "check the image"));
                }
            }
            Ok(())
        };
        sort(&self.document("index.json")?, reference, &mut inner)?;
        let mut read = 0;
        while let Some(index) = inner.get(read) {
            let document = self.blob_bytes(index)?;
            sort(&document, None, &mut inner)?;
            read += 1;
        }
        Ok(found)
    }

    fn image(
        &self,
        manifest: &Descriptor,
        architecture: Architecture,
        store: &Store,
    ) -> Result<BaseImage, LayoutError> {
        let bytes = self.blob_bytes(manifest)?;
        let manifest = image::parse_manifest(&bytes).map_err(|error| self.unusable(error))?;
        let config = self.blob_bytes(manifest.config())?;
        let described = image::manifest_layers(&manifest, &config).map_err(|error| self.unusable(error))?;
        let layers = described.into_iter().map(|ManifestLayer { digest, diff_id, size, compression }| {
            let blob = self.blob(&blob_name(&digest))?;
            if blob.size != size {
                let why = format!("has {} bytes of the blob {digest} instead of {size}", blob.size);
                return Err(form(self.path, &why, "copy the image again"));
            }
            match compression {
                Compression::Gzip => Ok(Layer { digest, diff_id, size, blob }),
                Compression::None => self.import(&blob, &diff_id, store),
            }
        });
        let layers = layers.collect::<Result<Vec<_>, _>>()?;
        BaseImage::new(&bytes, &config, layers, architecture).map_err(|error| self.unusable(error))
    }

    fn docker_image(
        &self,
        reference: Option<&str>,
        architecture: Architecture,
        store: &Store,
    ) -> Result<BaseImage, LayoutError> {
        let entries: Vec<DockerEntry> = self.decode("manifest.json", &self.document("manifest.json")?)?;
        let names = |entry: &DockerEntry| entry.repo_tags.clone().unwrap_or_default();
        let all: Vec<_> = entries.iter().flat_map(names).collect();
        let wanted: Vec<_> = entries
            .into_iter()
            .filter(|entry| reference.is_none_or(|name| names(entry).iter().any(|own| own == name)))
            .collect();
        let [entry] = &wanted[..] else {
            let why = if wanted.is_empty() { "has no such image" } else { "has several images" };
            let help = format!("add the name of one after a colon: {}", all.join(", "));
            return Err(form(self.path, why, &help));
        };
        let config = self.document(&entry.config)?;
        let diff_ids = image::diff_ids(&config).map_err(|error| self.unusable(error))?;
        if diff_ids.len() != entry.layers.len() {
            let error = ImageError::DiffIds { config: diff_ids.len(), manifest: entry.layers.len() };
            return Err(self.unusable(error));
        }
        let layers = entry
            .layers
            .iter()
            .zip(diff_ids)
            .map(|(name, diff_id)| self.import(&self.blob(&normalised(name, ""))?, &diff_id, store))
            .collect::<Result<Vec<_>, _>>()?;
        // So that the image can be found again without the archive.
        store.add_blob(&config)?;
        BaseImage::without_manifest(&config, layers, architecture).map_err(|error| self.unusable(error))
    }

    /// Takes a layer, a tar or a tar in gzip, over into the store.
    fn import(&self, blob: &Blob, diff_id: &Digest, store: &Store) -> Result<Layer, LayoutError> {
        let open = || -> Result<Box<dyn std::io::Read>, FsError> {
            let mut magic = [0; 2];
            let gzip = blob.size > 2
                && blob.open()?.read_exact(&mut magic).map_err(FsError::because("read", &blob.path)).is_ok()
                && magic == [0x1f, 0x8b];
            let content = blob.open()?;
            Ok(if gzip { Box::new(MultiGzDecoder::new(content)) } else { Box::new(content) })
        };
        let stored = layer::import(diff_id, store, open)
            .map_err(|source: LayerError| LayoutError::Layer { path: self.path.to_owned(), source })?;
        Ok(stored)
    }

    fn blob(&self, name: &str) -> Result<Blob, LayoutError> {
        let found = match &self.place {
            Place::Directory(path) => {
                let path: PathBuf = path.join(name);
                let metadata = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file);
                metadata.map(|metadata| Blob { path, offset: 0, size: metadata.len(), in_store: false })
            }
            Place::Archive(members) => match members.get(name) {
                Some(Member::Link(target)) => members.get(target),
                member => member,
            }
            .and_then(|member| match member {
                Member::File(blob) => Some(blob.clone()),
                Member::Link(_) => None,
            }),
        };
        found.ok_or_else(|| form(self.path, &format!("lacks `{name}`"), "copy the image again"))
    }

    fn document(&self, name: &str) -> Result<Vec<u8>, LayoutError> {
        let blob = self.blob(name)?;
        if blob.size > DOCUMENT_LIMIT {
            return Err(form(
                self.path,
                &format!("has a `{name}` of {} bytes", blob.size),
                "check the image",
            ));
        }
        Ok(blob.read()?)
    }

    /// The bytes of a manifest, index or config, checked against their digest.
    fn blob_bytes(&self, descriptor: &Descriptor) -> Result<Vec<u8>, LayoutError> {
        let digest = self.digest(descriptor)?;
        let bytes = self.document(&blob_name(&digest))?;
        if Digest::of(&bytes) == digest {
            Ok(bytes)
        } else {
            Err(form(self.path, &format!("has other bytes than `{digest}` says"), "copy the image again"))
        }
    }

    fn digest(&self, descriptor: &Descriptor) -> Result<Digest, LayoutError> {
        image::descriptor_digest(descriptor).map_err(|error| self.unusable(error))
    }

    fn decode<T: for<'d> Deserialize<'d>>(&self, what: &'static str, bytes: &[u8]) -> Result<T, LayoutError> {
        serde_json::from_slice(bytes).map_err(|source| self.unusable(ImageError::Json { what, source }))
    }

    fn unusable(&self, source: ImageError) -> LayoutError {
        LayoutError::Image { path: self.path.to_owned(), source }
    }
}

fn form(path: &Path, why: &str, help: &str) -> LayoutError {
    LayoutError::Invalid { path: path.to_owned(), why: why.to_owned(), help: help.to_owned() }
}

/// The name of an image in an index.
fn name(entry: &Descriptor) -> Option<&str> {
    entry.annotations().as_ref()?.get(REF_NAME).map(String::as_str)
}

fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A member's name, taken from `folder`, without `.` and `..`.
fn normalised(name: &str, folder: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in folder.split('/').chain(name.split('/')) {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join("/")
}
