//! Putting an image into an engine, sending only what it lacks.
//!
//! An archive for `docker load` may leave out the files of layers that the engine has, if it has everything below them
//! too: Docker looks for a layer by its chain before it looks for its file. What is known about an engine may be out of
//! date a moment later, so that a refused archive is sent again, whole. Engines that keep images in containerd take whole
//! archives only.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use bollard::errors::Error as DockerError;
use bollard::models::{ImageInspect, ImageSummary};
use bollard::query_parameters::{ImportImageOptions, ListImagesOptions, TagImageOptions};
use futures_util::{StreamExt as _, stream};
use serde_json::{Map, Value};

use super::{Engine, EngineError, body, is_status};
use crate::image::{Image, ImageLayer, Layer};
use crate::layout::{NamedImage, write_docker_archive};
use crate::project::split_tag;
use crate::store::Digest;

/// How many images the engine is asked about at a time.
const INSPECTIONS: usize = 8;

/// How long the engine is asked. Some engines have thousands of images.
const INSPECTION_TIME: Duration = Duration::from_secs(2);

/// The bytes that are sent faster than the engine is asked whether it has them.
const NOT_WORTH_ASKING: u64 = 4 * 1024 * 1024;

/// How long a writer whose reader is gone may take to notice.
const ABANDON: Duration = Duration::from_secs(2);

/// The parts of a config that `docker inspect` shows whole and that decide how an image runs.
const RUN_KEYS: [&str; 6] = ["User", "Env", "Cmd", "Entrypoint", "WorkingDir", "Labels"];

/// An image that an engine has been given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The engine's id of it, `sha256:…`.
    pub id: String,
    /// How many bytes were sent; none if the engine had the image.
    pub sent_bytes: u64,
    /// Whether something did not have to be sent because the engine had it.
    pub thin: bool,
}

impl Engine {
    /// Puts `image` into the engine under `name`, a `REPOSITORY[:TAG]`.
    ///
    /// Images that share layers are best loaded one after the other: the later ones are sent without what they share.
    /// Before layers are sent, `bring` is given those that have a blob, which may not be on this machine yet. The others are
    /// written while they are sent.
    ///
    /// # Errors
    /// When a layer cannot be brought or read, the engine refuses the image, or does not have it afterwards.
    pub async fn load<E: From<EngineError>>(
        &self,
        image: &Image,
        name: &str,
        bring: impl AsyncFn(Vec<&Layer>) -> Result<(), E>,
    ) -> Result<Loaded, E> {
        let (repository, tag) = split_tag(name);
        let tag = tag.unwrap_or("latest");
        // An archive names nothing but whole names.
        let name = &format!("{repository}:{tag}");
        if let Some(id) = self.tag_existing(image, repository, tag).await? {
            return Ok(Loaded { id, sent_bytes: 0, thin: true });
        }
        let containerd = self.is_containerd().await?;
        let without = if containerd {
            if let Some(id) = self.same_under(image, name).await? {
                return Ok(Loaded { id, sent_bytes: 0, thin: true });
            }
            BTreeSet::new()
        } else {
            self.known_layers(image, name).await
        };
        let mut sent_bytes = 0;
        if !without.is_empty() {
            bring(blobs(image, &without)).await?;
            let (sent, bytes) = self.send(image, name, without).await;
            sent_bytes += bytes;
            match sent {
                Ok(()) => {
                    if let Ok(id) = self.verify(image, name, containerd).await {
                        return Ok(Loaded { id, sent_bytes, thin: true });
                    }
                }
                // Not the engine's fault; it would only happen again.
                Err(error @ EngineError::Archive { .. }) => return Err(error.into()),
                Err(_) => {}
            }
        }
        bring(blobs(image, &BTreeSet::new())).await?;
        let (sent, bytes) = self.send(image, name, BTreeSet::new()).await;
        sent_bytes += bytes;
        sent?;
        let id = self.verify(image, name, containerd).await?;
        Ok(Loaded { id, sent_bytes, thin: false })
    }

    /// Gives the image the name if the engine has it. Its id is the digest of the config, or of the manifest in containerd.
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
                // Removed in between.
                Err(error) if is_status(&error, 404) => {}
                Err(error) => {
                    return Err(EngineError::call(format!("tag the image `{repository}:{tag}`"), error));
                }
            }
        }
        Ok(None)
    }

    /// The id of the image of this name, if it is the same in all that matters. In containerd an image loaded from an
    /// archive has an id that only the engine can compute.
    async fn same_under(&self, image: &Image, name: &str) -> Result<Option<String>, EngineError> {
        let found = self.inspect(name).await?.filter(|found| is_same(found, image));
        Ok(found.and_then(|found| found.id))
    }

    /// Whether the engine keeps its images in containerd.
    async fn is_containerd(&self) -> Result<bool, EngineError> {
        let information = self.docker.info().await;
        let information = information.map_err(|error| EngineError::call("describe itself", error))?;
        let status = information.driver_status.unwrap_or_default();
        Ok(status.iter().flatten().any(|word| word.starts_with("io.containerd.snapshotter")))
    }

    /// The layers that need not be sent, by the digest of what would be. When the engine does not tell, none: this only saves time.
    async fn known_layers(&self, image: &Image, name: &str) -> BTreeSet<Digest> {
        let Ok(mut images) = self.docker.list_images(None::<ListImagesOptions>).await else {
            return BTreeSet::new();
        };
        // What the name stands for now is most often the same function with other code, and what has a similar name
        // another version of it or another function of the project.
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
            let its_layers = found.and_then(|found| found.root_fs?.layers).unwrap_or_default();
            known = known.max(common_prefix(&its_layers, layers));
            if layers[known..].iter().map(ImageLayer::size).sum::<u64>() < NOT_WORTH_ASKING {
                break;
            }
        }
        left_out(layers, known)
    }

    /// Sends an archive without some files. Gives what became of it and how many bytes were sent, whatever became.
    async fn send(
        &self,
        image: &Image,
        name: &str,
        without: BTreeSet<Digest>,
    ) -> (Result<(), EngineError>, u64) {
        let (owned, tag) = (image.clone(), name.to_owned());
        let (archive, writing) = body::stream(move |output| {
            // A Docker archive says the architecture in the config alone.
            let named = NamedImage { image: &owned, name: &tag };
            write_docker_archive(&[named], &without, output)
        });
        let answer = self.import(archive).await;
        let written = match &answer {
            Ok(()) => writing.await.ok(),
            // The connection is closed; the writer learns of it with its next piece.
            Err(_) => tokio::time::timeout(ABANDON, writing).await.ok().and_then(Result::ok),
        };
        let bytes = written.as_ref().map_or(0, |written| written.bytes);
        let sent = match written {
            Some(body::Written { result: Err(source), abandoned: false, .. }) => {
                Err(EngineError::Archive { name: name.to_owned(), source: Box::new(source) })
            }
            _ => answer.map_err(|error| EngineError::call(format!("load the image `{name}`"), error)),
        };
        (sent, bytes)
    }

    /// Hands an archive to the engine. It reports some errors in the messages of an answer that began well.
    async fn import(
        &self,
        archive: impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Send + 'static,
    ) -> Result<(), DockerError> {
        let options = ImportImageOptions { quiet: true, ..ImportImageOptions::default() };
        let client = self.patient();
        let mut messages =
            std::pin::pin!(client.import_image(options, bollard::body_try_stream(archive), None));
        while let Some(message) = messages.next().await {
            drop(message?);
        }
        Ok(())
    }

    /// Makes sure that the engine has the image under the name. Gives its id.
    async fn verify(&self, image: &Image, name: &str, containerd: bool) -> Result<String, EngineError> {
        let found = self.inspect(name).await?;
        let right = |found: &ImageInspect| {
            found.id.as_deref().is_some_and(|id| is_id(id, image)) || containerd && is_same(found, image)
        };
        match found {
            Some(found) if right(&found) => Ok(found.id.unwrap_or_default()),
            other => Err(EngineError::NotLoaded {
                name: name.to_owned(),
                found: other
                    .and_then(|found| found.id)
                    .map_or_else(|| "has nothing".to_owned(), |id| format!("has `{id}`")),
                expected: image.config_digest().to_string(),
            }),
        }
    }
}

/// Whether an engine's id is that of the image. Podman leaves the algorithm out.
fn is_id(id: &str, image: &Image) -> bool {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    ids(image).any(|digest| digest.hex() == hex)
}

/// What engines may call the image.
fn ids(image: &Image) -> impl Iterator<Item = &Digest> {
    std::iter::once(image.config_digest()).chain(image.digest())
}

/// The blobs among the layers that are sent.
fn blobs<'a>(image: &'a Image, without: &BTreeSet<Digest>) -> Vec<&'a Layer> {
    let sent = image.unique_layers().into_iter().filter(|layer| !without.contains(layer.digest()));
    sent.filter_map(ImageLayer::blob).collect()
}

/// Whether what an engine shows of an image is what limg built.
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
        && RUN_KEYS.iter().all(|key| said(own_run, key) == said(&shown, key))
}

/// What a config says under a key, where an empty value says nothing.
fn said<'a>(config: &'a Value, key: &str) -> Option<&'a Value> {
    config.get(key).filter(|value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(items) => !items.is_empty(),
        _ => true,
    })
}

/// How many layers an image in the engine has in common with the new one, from the lowest on.
fn common_prefix(found: &[String], layers: &[ImageLayer]) -> usize {
    found.iter().zip(layers).take_while(|(found, layer)| *found == layer.diff_id().as_str()).count()
}

/// The files that an archive can do without when the engine has the `known` lowest layers. A file that a layer further up
/// needs too stays: there it lies on another chain.
fn left_out(layers: &[ImageLayer], known: usize) -> BTreeSet<Digest> {
    let (lower, upper) = layers.split_at(known);
    let needed: BTreeSet<&Digest> = upper.iter().map(ImageLayer::digest).collect();
    lower.iter().map(ImageLayer::digest).filter(|digest| !needed.contains(digest)).cloned().collect()
}

/// How many bytes two names begin with alike; a whole name counts most.
fn similarity(one: &str, other: &str) -> usize {
    if one == other {
        return usize::MAX;
    }
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
