//! Loads an image into an engine, and sends only the layers that it lacks.
//!
//! An archive for `docker load` may omit the files of layers that the engine has, provided that it also has all
//! layers below them: Docker looks for a layer by its chain ID before it looks for its file. The engine may have
//! removed layers in the meantime, so a refused archive is sent again, complete. Engines that keep images in
//! containerd need complete archives.

mod superseded;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use bollard::errors::Error as DockerError;
use bollard::models::{ImageInspect, ImageSummary};
use bollard::query_parameters::{ImportImageOptions, ListImagesOptions, TagImageOptions};
use futures_util::{StreamExt as _, stream};
use serde_json::{Map, Value};

use super::connection::is_status;
use super::{Engine, EngineError, streaming_body};
use crate::image::{Image, ImageLayer, Layer};
use crate::layout::{NamedImage, write_docker_archive};
use crate::project::split_tag;
use crate::store::Digest;

/// How many images are inspected at a time.
const INSPECTIONS: usize = 8;

/// How long images are inspected. Some engines have thousands.
const INSPECTION_TIME: Duration = Duration::from_secs(2);

/// Sending so many bytes is faster than inspecting more images.
const QUICKLY_SENT: u64 = 4 * 1024 * 1024;

/// How long the writer of an archive may take to notice that the engine has stopped reading.
const ABANDON_TIMEOUT: Duration = Duration::from_secs(2);

/// The keys of a config that determine how an image runs, and that `docker inspect` shows unchanged.
const RUN_KEYS: [&str; 6] = ["User", "Env", "Cmd", "Entrypoint", "WorkingDir", "Labels"];

/// An image that was loaded into an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedImage {
    /// Its id in the engine, `sha256:…`.
    pub id: String,
    /// The number of bytes sent; 0 if the engine already had the image.
    pub sent_bytes: u64,
    /// Whether the engine already had the image or some of its layers, which were not sent.
    pub reused: bool,
}

impl Engine {
    /// Loads `image` under `name`, a `REPOSITORY[:TAG]`.
    ///
    /// Load images that share layers one after another: the shared layers are then sent only once. Before layers are
    /// sent, `fetch` gets those that have a blob, which may not be on this machine yet. The other layers are
    /// generated while they are sent.
    ///
    /// # Errors
    /// When a layer cannot be fetched or read, the engine refuses the image, or does not have it afterwards.
    pub async fn load<E: From<EngineError>>(
        &self,
        image: &Image,
        name: &str,
        fetch: impl AsyncFn(Vec<&Layer>) -> Result<(), E>,
    ) -> Result<LoadedImage, E> {
        let (repository, tag) = split_tag(name);
        let tag = tag.unwrap_or("latest");
        // A name in an archive must have a tag.
        let name = &format!("{repository}:{tag}");
        if let Some(id) = self.tag_existing(image, repository, tag).await? {
            return Ok(LoadedImage { id, sent_bytes: 0, reused: true });
        }
        let containerd = self.is_containerd().await?;
        let omitted = if containerd {
            if let Some(id) = self.same_image(image, name).await? {
                return Ok(LoadedImage { id, sent_bytes: 0, reused: true });
            }
            BTreeSet::new()
        } else {
            self.existing_layers(image, name).await
        };
        let mut sent_bytes = 0;
        if !omitted.is_empty() {
            fetch(blobs(image, &omitted)).await?;
            let (sent, bytes) = self.send(image, name, omitted).await;
            sent_bytes += bytes;
            match sent {
                Ok(()) => {
                    if let Ok(id) = self.verify(image, name, containerd).await {
                        return Ok(LoadedImage { id, sent_bytes, reused: true });
                    }
                }
                // The next attempt would fail in the same way.
                Err(error @ EngineError::Archive { .. }) => return Err(error.into()),
                Err(_) => {}
            }
        }
        fetch(blobs(image, &BTreeSet::new())).await?;
        let (sent, bytes) = self.send(image, name, BTreeSet::new()).await;
        sent_bytes += bytes;
        sent?;
        let id = self.verify(image, name, containerd).await?;
        Ok(LoadedImage { id, sent_bytes, reused: false })
    }

    /// Tags the image if the engine has it. Its id is the digest of the config or, in containerd, of the manifest.
    async fn tag_existing(
        &self,
        image: &Image,
        repository: &str,
        tag: &str,
    ) -> Result<Option<String>, EngineError> {
        for digest in ids(image) {
            let Some(id) = self.inspect(digest.as_str()).await?.and_then(|found| found.id) else { continue };
            if !is_id(&id, image) {
                continue;
            }
            let options = TagImageOptions { repo: Some(repository.to_owned()), tag: Some(tag.to_owned()) };
            match self.docker.tag_image(&id, Some(options)).await {
                Ok(()) => return Ok(Some(id)),
                // Removed in the meantime.
                Err(error) if is_status(&error, 404) => {}
                Err(error) => {
                    return Err(EngineError::call(format!("tag the image `{repository}:{tag}`"), error));
                }
            }
        }
        Ok(None)
    }

    /// The id of the image with this name, if it is equivalent. In containerd, the id of an image that was loaded
    /// from an archive is known only to the engine.
    async fn same_image(&self, image: &Image, name: &str) -> Result<Option<String>, EngineError> {
        let found = self.inspect(name).await?.filter(|found| is_same(found, image));
        Ok(found.and_then(|found| found.id))
    }

    /// Whether the engine keeps images in containerd.
    async fn is_containerd(&self) -> Result<bool, EngineError> {
        let information = self.docker.info().await;
        let information =
            information.map_err(|error| EngineError::call("report its storage driver", error))?;
        let status = information.driver_status.unwrap_or_default();
        Ok(status.iter().flatten().any(|word| word.starts_with("io.containerd.snapshotter")))
    }

    /// The digests of the layers that the engine has. None if it does not list its images, since this only saves time.
    async fn existing_layers(&self, image: &Image, name: &str) -> BTreeSet<Digest> {
        let Ok(mut images) = self.docker.list_images(None::<ListImagesOptions>).await else {
            return BTreeSet::new();
        };
        // The image with this name is most often the same function with other code. One with a similar name is another
        // version of it, or another function of the project.
        images.sort_by_key(|found: &ImageSummary| {
            Reverse(found.repo_tags.iter().map(|tag| similarity(tag, name)).max())
        });
        let found = stream::iter(images)
            .map(|found| async move { self.docker.inspect_image(&found.id).await.ok() })
            .buffered(INSPECTIONS)
            .take_until(tokio::time::sleep(INSPECTION_TIME));
        let mut found = std::pin::pin!(found);
        let layers = image.layers();
        let mut known = 0;
        while let Some(found) = found.next().await {
            let existing = found.and_then(|found| found.root_fs?.layers).unwrap_or_default();
            known = known.max(common_prefix(&existing, layers));
            if layers[known..].iter().map(ImageLayer::size).sum::<u64>() < QUICKLY_SENT {
                break;
            }
        }
        omittable(layers, known)
    }

    /// Sends an archive, and returns the number of bytes sent in every case. `omitted` are the digests of omitted
    /// files.
    async fn send(
        &self,
        image: &Image,
        name: &str,
        omitted: BTreeSet<Digest>,
    ) -> (Result<(), EngineError>, u64) {
        let (owned, tag) = (image.clone(), name.to_owned());
        let (archive, writing) = streaming_body::stream(move |output| {
            let named = NamedImage { image: &owned, name: &tag };
            write_docker_archive(&[named], &omitted, output)
        });
        let response = self.import(archive).await;
        let written = match &response {
            Ok(()) => writing.await.ok(),
            // The connection is closed, which the writer notices at its next chunk.
            Err(_) => tokio::time::timeout(ABANDON_TIMEOUT, writing).await.ok().and_then(Result::ok),
        };
        let bytes = written.as_ref().map_or(0, |written| written.bytes);
        let sent = match written {
            Some(streaming_body::WrittenBody { result: Err(source), abandoned: false, .. }) => {
                Err(EngineError::Archive { name: name.to_owned(), source: Box::new(source) })
            }
            _ => response.map_err(|error| EngineError::call(format!("load the image `{name}`"), error)),
        };
        (sent, bytes)
    }

    /// Sends an archive to the engine, which reports some errors only in the messages of a successful response.
    async fn import(
        &self,
        archive: impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Send + 'static,
    ) -> Result<(), DockerError> {
        let options = ImportImageOptions { quiet: true, ..ImportImageOptions::default() };
        let client = self.archive_client();
        let mut messages =
            std::pin::pin!(client.import_image(options, bollard::body_try_stream(archive), None));
        while let Some(message) = messages.next().await {
            drop(message?);
        }
        Ok(())
    }

    /// Checks that the engine has the image under this name, and returns its id.
    async fn verify(&self, image: &Image, name: &str, containerd: bool) -> Result<String, EngineError> {
        let found = self.inspect(name).await?;
        let is_right = |found: &ImageInspect| {
            found.id.as_deref().is_some_and(|id| is_id(id, image)) || containerd && is_same(found, image)
        };
        match found {
            Some(found) if is_right(&found) => Ok(found.id.unwrap_or_default()),
            other => Err(EngineError::NotLoaded {
                name: name.to_owned(),
                found: other
                    .and_then(|found| found.id)
                    .map_or_else(|| "nothing".to_owned(), |id| format!("`{id}`")),
                expected: image.config_digest().to_string(),
            }),
        }
    }
}

/// Whether an engine's id is that of the image. Podman omits the algorithm.
fn is_id(id: &str, image: &Image) -> bool {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    ids(image).any(|digest| digest.hex() == hex)
}

/// The ids that engines may give the image.
fn ids(image: &Image) -> impl Iterator<Item = &Digest> {
    std::iter::once(image.config_digest()).chain(image.digest())
}

/// The layers that are sent and have a blob.
fn blobs<'a>(image: &'a Image, omitted: &BTreeSet<Digest>) -> Vec<&'a Layer> {
    let sent = image.unique_layers().into_iter().filter(|layer| !omitted.contains(layer.digest()));
    sent.filter_map(ImageLayer::blob).collect()
}

/// Whether an image of the engine is the one that limg built, as far as the engine shows it.
fn is_same(found: &ImageInspect, image: &Image) -> bool {
    let layers = found.root_fs.as_ref().and_then(|root| root.layers.as_deref()).unwrap_or_default();
    let equal = layers.len() == image.layers().len() && common_prefix(layers, image.layers()) == layers.len();
    let Ok(own) = serde_json::from_slice::<Map<String, Value>>(image.config()) else { return false };
    let shown = serde_json::to_value(&found.config).unwrap_or_default();
    let empty = Value::Null;
    let own_run = own.get("config").unwrap_or(&empty);
    let architecture = own.get("architecture").and_then(Value::as_str);
    equal
        && found.architecture.as_deref() == architecture
        && RUN_KEYS.iter().all(|key| value(own_run, key) == value(&shown, key))
}

/// The value of a key of a config. An empty value counts as none.
fn value<'a>(config: &'a Value, key: &str) -> Option<&'a Value> {
    config.get(key).filter(|value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(items) => !items.is_empty(),
        _ => true,
    })
}

/// How many of the lowest layers an image of the engine has in common with the new one.
fn common_prefix(found: &[String], layers: &[ImageLayer]) -> usize {
    found.iter().zip(layers).take_while(|(found, layer)| *found == layer.diff_id().as_str()).count()
}

/// The files that an archive can omit if the engine has the `known` lowest layers. A file that is also that of a
/// higher layer stays: that layer has another chain ID.
fn omittable(layers: &[ImageLayer], known: usize) -> BTreeSet<Digest> {
    let (lower, upper) = layers.split_at(known);
    let needed: BTreeSet<&Digest> = upper.iter().map(ImageLayer::digest).collect();
    lower.iter().map(ImageLayer::digest).filter(|digest| !needed.contains(digest)).cloned().collect()
}

/// The length of the common start of two names; equal names are the most similar.
fn similarity(one: &str, other: &str) -> usize {
    if one == other {
        return usize::MAX;
    }
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
