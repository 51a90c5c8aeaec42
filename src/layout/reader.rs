//! Reads base images: the image of a layout or archive for the function's architecture.
//!
//! Manifests and configs are small: they are read completely and verified. Gzip layers are used where they are; other layers
//! are compressed into the store once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use oci_spec::image::Descriptor;
use serde::Deserialize;

use super::archive_members::ArchiveMembers;
use super::unpacked_archive::{self, is_missing};
use super::{DOCUMENT_LIMIT, LayoutError, REF_NAME, blob_name, invalid};
use crate::fs;
use crate::image::{self, BaseImage, Compression, ImageError, Layer, ManifestLayer};
use crate::layer;
use crate::project::Architecture;
use crate::store::{Blob, Digest, Store};
use crate::units::{limit, size};

/// The most indexes that are read for one image. Tools nest one index at most.
const INDEX_LIMIT: usize = 64;

/// A layout or archive that is being read.
struct LayoutReader<'a> {
    path: &'a Path,
    /// None for a directory.
    archive: Option<Archive>,
}

/// A tar archive: the one that the user named, or what it was decompressed to.
struct Archive {
    path: PathBuf,
    members: ArchiveMembers,
}

/// Reads an image from an OCI image layout directory. `reference` is its name in the layout, required if there are several.
///
/// # Errors
/// When there is no such image for `architecture`, or it cannot be used.
pub fn read_oci_directory(
    path: &Path,
    reference: Option<&str>,
    architecture: Architecture,
    store: &Store,
) -> Result<BaseImage, LayoutError> {
    if path.is_file() {
        let help = "use `oci-archive:` or `docker-archive:` for a file";
        return Err(invalid(path, "is a file, and an OCI image layout is a folder", help));
    }
    match fs::metadata(&path.join("index.json")) {
        Ok(metadata) if metadata.is_file() => {}
        Err(error) if !is_missing(&error) => return Err(error.into()),
        Ok(_) | Err(_) => {
            let why = "is not an OCI image layout: it has no `index.json`";
            return Err(invalid(path, why, "check the path"));
        }
    }
    LayoutReader { path, archive: None }.oci_image(reference, architecture, store)
}

/// Reads an image from an OCI image layout in a tar archive, which may be compressed with gzip.
///
/// # Errors
/// As [`read_oci_directory`].
pub fn read_oci_archive(
    path: &Path,
    reference: Option<&str>,
    architecture: Architecture,
    store: &Store,
) -> Result<BaseImage, LayoutError> {
    LayoutReader::of_archive(path, store)?.oci_image(reference, architecture, store)
}

/// Reads an image from an archive written by `docker save`, which may be compressed with gzip. `reference` is its
/// `REPOSITORY:TAG`, required if there are several.
///
/// Config and layers are imported into the store; the archive is not needed afterwards.
///
/// # Errors
/// As [`read_oci_directory`].
pub fn read_docker_archive(
    path: &Path,
    reference: Option<&str>,
    architecture: Architecture,
    store: &Store,
) -> Result<BaseImage, LayoutError> {
    LayoutReader::of_archive(path, store)?.docker_image(reference, architecture, store)
}

/// Reads an image that [`read_docker_archive`] imported before, by the digest of its config. Returns none if a part of it has
/// been removed from the store.
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
        let Some(layer) = layer::find_imported(&diff_id, store) else { return Ok(None) };
        layers.push(layer);
    }
    BaseImage::without_manifest(&config, layers, architecture).map(Some).map_err(unusable)
}

/// An entry of the `manifest.json` of a Docker archive.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DockerManifest {
    config: String,
    repo_tags: Option<Vec<String>>,
    /// The Docker Engine writes `null` for none.
    layers: Option<Vec<String>>,
}

impl<'a> LayoutReader<'a> {
    fn of_archive(path: &'a Path, store: &Store) -> Result<Self, LayoutError> {
        let tar = unpacked_archive::tar(path, store)?;
        let members = ArchiveMembers::list(&fs::open(&tar)?).map_err(|error| {
            let why = format!("cannot be read as a tar archive: {error}");
            invalid(path, &why, "write the archive again with `docker save` or `skopeo copy`")
        })?;
        Ok(Self { path, archive: Some(Archive { path: tar, members }) })
    }

    fn oci_image(
        &self,
        reference: Option<&str>,
        architecture: Architecture,
        store: &Store,
    ) -> Result<BaseImage, LayoutError> {
        let (mut found, is_in_index) = self.manifests(reference)?;
        if found.is_empty() {
            let help = "run `skopeo inspect` or read its `index.json` to see what it contains";
            return Err(self.not_found(reference, help));
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
        // Of several variants the plain one, else the lowest, as from a registry.
        let rank = |entry: &Descriptor| {
            entry.platform().as_ref().map(|platform| image::variant_rank(platform.variant().as_deref()))
        };
        let lowest = found.iter().filter_map(rank).min();
        found.retain(|entry| rank(entry).is_none_or(|own| Some(own) == lowest));
        match &found[..] {
            [entry] => {
                let image = self.image(entry, architecture, store)?;
                Ok(if is_in_index { image.in_index() } else { image })
            }
            [] => {
                Err(self.unusable(ImageError::Platform { found: platforms.join(", "), wanted: architecture }))
            }
            _ => Err(self.ambiguous(&names)),
        }
    }

    /// The descriptors of the image manifests that `index.json` and the indexes in it list, and whether there are such indexes. Each
    /// is read once, so nested indexes that multiply do no harm.
    fn manifests(&self, reference: Option<&str>) -> Result<(Vec<Descriptor>, bool), LayoutError> {
        let (mut manifests, mut indexes) = (Vec::new(), Vec::new());
        let mut read = |document: &[u8], reference: Option<&str>, indexes: &mut Vec<Descriptor>| {
            let index = image::parse_index(document).map_err(|error| self.unusable(error))?;
            for entry in index.manifests() {
                let matches = |wanted| name(entry) == Some(wanted) || entry.digest().as_ref() == wanted;
                if !reference.is_none_or(matches) {
                    continue;
                }
                if !image::is_index(entry.media_type().as_ref()) {
                    manifests.push(entry.clone());
                } else if indexes.iter().all(|known| known.digest() != entry.digest()) {
                    indexes.push(entry.clone());
                }
                if indexes.len() > INDEX_LIMIT {
                    let why = format!("has more than {INDEX_LIMIT} nested indexes");
                    return Err(invalid(self.path, &why, "check the image"));
                }
            }
            Ok(())
        };
        read(&self.document("index.json")?, reference, &mut indexes)?;
        let mut next = 0;
        while let Some(index) = indexes.get(next) {
            let document = self.verified(index)?;
            read(&document, None, &mut indexes)?;
            next += 1;
        }
        Ok((manifests, next > 0))
    }

    fn image(
        &self,
        manifest: &Descriptor,
        architecture: Architecture,
        store: &Store,
    ) -> Result<BaseImage, LayoutError> {
        let bytes = self.verified(manifest)?;
        let manifest = image::parse_manifest(&bytes).map_err(|error| self.unusable(error))?;
        let config = self.verified(manifest.config())?;
        let listed = image::manifest_layers(&manifest, &config).map_err(|error| self.unusable(error))?;
        let layers = listed.into_iter().map(|ManifestLayer { digest, diff_id, size, compression }| {
            let blob = self.blob(&blob_name(&digest))?;
            if blob.size != size {
                let why = format!("has {} bytes instead of {size} of the blob {digest}", blob.size);
                return Err(invalid(self.path, &why, "copy the image again"));
            }
            match compression {
                Compression::Gzip => Ok(Layer { digest, diff_id, size, blob }),
                Compression::None | Compression::Zstd => self.import(&blob, &diff_id, store),
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
        let manifests: Vec<DockerManifest> =
            self.decode("manifest.json", &self.document("manifest.json")?)?;
        let names = |manifest: &DockerManifest| manifest.repo_tags.clone().unwrap_or_default();
        let all: Vec<_> = manifests.iter().flat_map(names).collect();
        let found: Vec<_> = manifests
            .into_iter()
            .filter(|manifest| reference.is_none_or(|name| names(manifest).iter().any(|own| own == name)))
            .collect();
        let manifest = match &found[..] {
            [manifest] => manifest,
            [] => return Err(self.not_found(reference, &names_help(&all))),
            _ => return Err(self.ambiguous(&all)),
        };
        let config = self.document(&manifest.config)?;
        let diff_ids = image::diff_ids(&config).map_err(|error| self.unusable(error))?;
        let names = manifest.layers.as_deref().unwrap_or_default();
        if diff_ids.len() != names.len() {
            let error = ImageError::DiffIds { config: diff_ids.len(), manifest: names.len() };
            return Err(self.unusable(error));
        }
        let layers = names
            .iter()
            .zip(diff_ids)
            .map(|(name, diff_id)| self.import(&self.blob(name)?, &diff_id, store))
            .collect::<Result<Vec<_>, _>>()?;
        // For `read_imported`.
        store.add_blob(&config)?;
        BaseImage::without_manifest(&config, layers, architecture).map_err(|error| self.unusable(error))
    }

    /// Imports a layer of any compression into the store.
    fn import(&self, blob: &Blob, diff_id: &Digest, store: &Store) -> Result<Layer, LayoutError> {
        layer::import(diff_id, store, || layer::decompressed(blob))
            .map_err(|source| LayoutError::Layer { path: self.path.to_owned(), source })
    }

    fn blob(&self, name: &str) -> Result<Blob, LayoutError> {
        let found = match &self.archive {
            None => {
                let path = self.path.join(name);
                match fs::metadata(&path) {
                    Ok(metadata) if metadata.is_file() => {
                        Some(Blob { path, offset: 0, size: metadata.len(), in_store: false })
                    }
                    Err(error) if !is_missing(&error) => return Err(error.into()),
                    Ok(_) | Err(_) => None,
                }
            }
            Some(Archive { path, members }) => members.get(name).map(|member| Blob {
                path: path.clone(),
                offset: member.offset,
                size: member.size,
                in_store: false,
            }),
        };
        found.ok_or_else(|| invalid(self.path, &format!("lacks `{name}`"), "copy the image again"))
    }

    fn document(&self, name: &str) -> Result<Vec<u8>, LayoutError> {
        let blob = self.blob(name)?;
        if blob.size > DOCUMENT_LIMIT {
            let why =
                format!("has a `{name}` of {}; the limit is {}", size(blob.size), limit(DOCUMENT_LIMIT));
            return Err(invalid(self.path, &why, "check the image"));
        }
        Ok(blob.read()?)
    }

    /// Reads a manifest, index or config and verifies its digest.
    fn verified(&self, descriptor: &Descriptor) -> Result<Vec<u8>, LayoutError> {
        let digest = image::descriptor_digest(descriptor).map_err(|error| self.unusable(error))?;
        let bytes = self.document(&blob_name(&digest))?;
        if Digest::of(&bytes) == digest {
            Ok(bytes)
        } else {
            let why = format!("has a blob whose content does not match its digest {digest}");
            Err(invalid(self.path, &why, "copy the image again"))
        }
    }

    fn decode<T: for<'d> Deserialize<'d>>(&self, what: &'static str, bytes: &[u8]) -> Result<T, LayoutError> {
        serde_json::from_slice(bytes).map_err(|source| self.unusable(ImageError::Json { what, source }))
    }

    fn unusable(&self, source: ImageError) -> LayoutError {
        LayoutError::Image { path: self.path.to_owned(), source }
    }

    fn not_found(&self, reference: Option<&str>, help: &str) -> LayoutError {
        let named = reference.map(|name| format!(" named `{name}`")).unwrap_or_default();
        invalid(self.path, &format!("has no image{named}"), help)
    }

    fn ambiguous(&self, names: &[String]) -> LayoutError {
        invalid(self.path, "has several images", &names_help(names))
    }
}

fn names_help(names: &[String]) -> String {
    format!("add the name of one after a colon: {}", names.join(", "))
}

/// The name of an image in an index.
fn name(entry: &Descriptor) -> Option<&str> {
    entry.annotations().as_ref()?.get(REF_NAME).map(String::as_str)
}
