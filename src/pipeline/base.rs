//! Bases: each one that the functions name is read once, and the list of its files is kept in the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use super::{BaseError, Context, PipelineError, blocking};
use crate::engine::{Engine, EngineError};
use crate::event::Event;
use crate::image::{BaseImage, Layer};
use crate::layout;
use crate::project::{Architecture, Function, ImageLocation, RunConfig};
use crate::runtime;
use crate::store::{Digest, HashingReader, Store};
use crate::tree::FileIndex;

/// The record of a base's file list, by the digest of its config. Its name changes when its meaning does.
const INDEX_RECORD: &str = "indexes-1";

/// The record of an engine's image that was taken over, by the engine's id: the digest of its config.
const ENGINE_RECORD: &str = "engine-images-1";

/// A base that was read.
pub(super) struct LoadedBase {
    /// Where it came from.
    pub(super) name: String,
    pub(super) image: BaseImage,
    pub(super) run: RunConfig,
    pub(super) index: FileIndex,
}

/// The base of each function, in their order; those that share one share it here.
pub(super) async fn load_all(
    functions: &[&Function],
    context: &Context,
) -> Result<Vec<Arc<LoadedBase>>, PipelineError> {
    let mut loaded: BTreeMap<(ImageLocation, Architecture), Arc<LoadedBase>> = BTreeMap::new();
    let mut bases = Vec::new();
    for function in functions {
        let key = (location(function), function.architecture);
        if !loaded.contains_key(&key) {
            let base = load(&key.0, key.1, context).await?;
            loaded.insert(key.clone(), Arc::new(base));
        }
        bases.extend(loaded.get(&key).map(Arc::clone));
    }
    Ok(bases)
}

/// Where a function's base is: what the definition says, else the contract's own image.
fn location(function: &Function) -> ImageLocation {
    function.base.image.clone().unwrap_or_else(|| {
        let image = runtime::contract(&function.base.contract).map(|contract| contract.image.clone());
        ImageLocation::Registry(image.unwrap_or_default())
    })
}

async fn load(
    location: &ImageLocation,
    architecture: Architecture,
    context: &Context,
) -> Result<LoadedBase, PipelineError> {
    let failed = |source| PipelineError::Base { base: location.to_string(), source };
    let image = match location {
        ImageLocation::Registry(_) | ImageLocation::DockerDaemon(None) => Err(BaseError::Registry),
        ImageLocation::Scratch => Ok(BaseImage::scratch(architecture)),
        ImageLocation::DockerDaemon(Some(name)) => from_engine(name, architecture, context).await,
        ImageLocation::Oci(..) | ImageLocation::OciArchive(..) | ImageLocation::DockerArchive(..) => {
            let (location, store) = (location.clone(), context.store.clone());
            blocking(move || from_files(&location, architecture, &store)).await
        }
    };
    let (image, store) = (image.map_err(failed)?, context.store.clone());
    let index = blocking(move || Ok((index(&image, &store)?, image))).await;
    let (index, image) = index.map_err(failed)?;
    Ok(LoadedBase { name: location.to_string(), run: image.run_config(), image, index })
}

fn from_files(
    location: &ImageLocation,
    architecture: Architecture,
    store: &Store,
) -> Result<BaseImage, BaseError> {
    let image = match location {
        ImageLocation::OciArchive(path, reference) => {
            layout::read_oci_archive(path, reference.as_deref(), architecture, store)
        }
        ImageLocation::DockerArchive(path, reference) => {
            layout::read_docker_archive(path, reference.as_deref(), architecture, store)
        }
        ImageLocation::Oci(path, reference) => {
            layout::read_oci_directory(path, reference.as_deref(), architecture, store)
        }
        ImageLocation::Scratch | ImageLocation::Registry(_) | ImageLocation::DockerDaemon(_) => {
            return Err(BaseError::Registry);
        }
    };
    Ok(image?)
}

/// An image of an engine. It is exported once; what was taken over is found again by the engine's id of the image.
async fn from_engine(
    name: &str,
    architecture: Architecture,
    context: &Context,
) -> Result<BaseImage, BaseError> {
    let engine = Engine::connect(&context.docker).await?;
    let image = engine.image_id(name).await?.ok_or_else(|| EngineError::NoImage { name: name.to_owned() })?;
    let id = Digest::of(image.id.as_bytes());
    if let Some(config) = context.store.record::<Digest>(ENGINE_RECORD, &id) {
        let store = context.store.clone();
        let kept =
            blocking(move || layout::read_taken_over(&config, architecture, &store).map_err(BaseError::from));
        if let Some(image) = kept.await? {
            return Ok(image);
        }
    }
    context.reporter.report(Event::BaseImport { base: format!("docker-daemon:{name}") });
    // By its id: a name without a tag would export every tag of it.
    let archive = engine.export(&image.id, &context.store).await?;
    let store = context.store.clone();
    blocking(move || {
        let image = layout::read_docker_archive(archive.path(), None, architecture, &store)?;
        store.keep_record(ENGINE_RECORD, &id, image.config_digest())?;
        Ok(image)
    })
    .await
}

/// The list of a base's files: kept, or read from its layers, whose digests are checked on the way.
fn index(image: &BaseImage, store: &Store) -> Result<FileIndex, BaseError> {
    if let Some(index) = store.record(INDEX_RECORD, image.config_digest()) {
        return Ok(index);
    }
    let mut index = FileIndex::default();
    for layer in image.layers() {
        add_layer(&mut index, layer)?;
    }
    store.keep_record(INDEX_RECORD, image.config_digest(), &index)?;
    Ok(index)
}

fn add_layer(index: &mut FileIndex, layer: &Layer) -> Result<(), BaseError> {
    let mut compressed = HashingReader::new(layer.blob.open()?);
    // A base of another tool may have several gzip members in a layer.
    let mut tar = HashingReader::new(MultiGzDecoder::new(&mut compressed));
    index.add_layer(&mut tar)?;
    let diff_id = tar.finish().map_err(crate::tree::IndexError::from)?;
    let digest = compressed.finish().map_err(crate::tree::IndexError::from)?;
    if diff_id == layer.diff_id && digest == layer.digest {
        Ok(())
    } else {
        Err(BaseError::Digest { expected: layer.digest.clone() })
    }
}
