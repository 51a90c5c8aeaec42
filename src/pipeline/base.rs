//! Base images: the manifest and config of each are read once.
//!
//! If a base starts with AWS's entry script, that guarantees the files that an image needs to know of. Otherwise, or
//! if that is not enough, all files of its layers are listed; the layers are fetched for it if they are in a
//! registry, and the list is kept in the store. All of this depends only on the base and the definition: an image
//! never depends on where its base is, or on the content of the store.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::context::{Context, blocking};
use super::error::{BaseError, PipelineError};
use super::layer_bytes;
use super::remote_image::{self, RemoteImage};
use crate::check::image::files_of_handler;
use crate::engine::{Engine, EngineError};
use crate::event::Event;
use crate::failure::{Failure as _, FailureKind};
use crate::files::{FileIndex, ImageFiles, LayerReadError, Overlay};
use crate::finding::{Code, Finding};
use crate::image::BaseImage;
use crate::layout::{self, LayoutError};
use crate::project::{Architecture, Function, ImageLocation, Repository, RunConfig};
use crate::runtime::{self, AWS_ENTRYPOINT, Contract, EMULATOR_PATH};
use crate::shared::{Shared, SharedId};
use crate::store::{Digest, Store};
use crate::text::with_causes;
use crate::tree::IMAGE_SIZE_LIMIT;
use crate::units;

/// Reads a base from a layout or archive.
type ReadFiles = fn(&Path, Option<&str>, Architecture, &Store) -> Result<BaseImage, LayoutError>;

/// The kind of the records of file lists, by the digest of the base's config. Change it when the meaning of the record
/// changes.
const INDEX_RECORD: &str = "indexes-3";

/// The kind of the records of what files contain, by the digest of the image's config.
const CONTENTS_RECORD: &str = "contents-2";

/// The kind of the records of images imported from an engine, by the engine's id: the digest of the config.
const ENGINE_RECORD: &str = "engine-images-1";

/// The file list of a base.
#[derive(Serialize, Deserialize)]
struct BaseFiles {
    /// The uncompressed size of its layers in bytes.
    size: u64,
    index: FileIndex,
}

/// A base whose manifest and config were read.
#[derive(Debug, Clone)]
pub(super) struct LoadedBase {
    /// Its location.
    pub(super) name: String,
    pub(super) image: BaseImage,
    pub(super) run: RunConfig,
    pub(super) index: Shared<FileIndex>,
    /// The size of its layers in bytes: uncompressed with a full index, otherwise compressed.
    pub(super) size: u64,
    /// The repository that contains its layers.
    pub(super) origin: Option<Repository>,
}

impl LoadedBase {
    /// The base with a full index. Layers that the store lacks are fetched for it.
    async fn with_full_index(&self, context: &Context) -> Result<Self, BaseError> {
        if let Some(origin) = &self.origin {
            layer_bytes::fetch(self.image.layers().iter().map(|layer| (layer, origin)), context).await?;
        }
        let (base, store) = (self.clone(), context.store.clone());
        blocking(move || {
            let BaseFiles { size, index } = files(&base.image, &store)?;
            Ok(Self { index: Shared::new(index), size, ..base })
        })
        .await
    }
}

/// Loads the base of each function, in their order, each base once. If a function's base cannot be used, it has none
/// here, and the findings say why.
///
/// # Errors
/// When a base cannot be read for a reason outside the definition.
pub(super) async fn load_all(
    functions: &[&Function],
    context: &Context,
) -> Result<(Vec<Option<Arc<LoadedBase>>>, Vec<Finding>), PipelineError> {
    let mut findings = Vec::new();
    let mut loaded: BTreeMap<(ImageLocation, Architecture, bool), Option<Arc<LoadedBase>>> = BTreeMap::new();
    let mut bases = Vec::new();
    for function in functions {
        let location = match location(function) {
            Ok(location) => location,
            Err(finding) => {
                findings.push(finding);
                bases.push(None);
                continue;
            }
        };
        // An entry script that another command replaces guarantees nothing.
        let keeps_entry =
            function.base.entrypoint.as_ref().is_none_or(|entry| entry.command == [AWS_ENTRYPOINT]);
        let base = match loaded.entry((location, function.architecture, keeps_entry)) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => {
                let (location, architecture, keeps_entry) = new.key();
                let base = match load(location, *architecture, *keeps_entry, context).await {
                    Ok(base) => Some(Arc::new(base)),
                    Err(error) if error.kind() == FailureKind::User => {
                        findings.push(unusable(function, location, &error));
                        None
                    }
                    Err(source) => return Err(PipelineError::Base { base: location.to_string(), source }),
                };
                new.insert(base).clone()
            }
        };
        bases.push(base);
    }
    Ok((bases, findings))
}

/// Gives the bases of some functions, by position, a full index. Other functions keep theirs, even for the same base:
/// an image must not depend on which other functions are built.
///
/// # Errors
/// When layers cannot be fetched or listed.
pub(super) async fn index_fully(
    bases: &mut [Option<Arc<LoadedBase>>],
    positions: &BTreeSet<usize>,
    context: &Context,
) -> Result<(), PipelineError> {
    let mut done: BTreeMap<SharedId, Arc<LoadedBase>> = BTreeMap::new();
    for position in positions {
        let Some(Some(base)) = bases.get_mut(*position) else { continue };
        *base = match done.entry(base.index.id()) {
            Entry::Occupied(done) => Arc::clone(done.get()),
            Entry::Vacant(new) => {
                let failed = |source| PipelineError::Base { base: base.name.clone(), source };
                let indexed = base.with_full_index(context).await.map_err(failed)?;
                Arc::clone(new.insert(Arc::new(indexed)))
            }
        };
    }
    Ok(())
}

/// The contract that a function's base keeps.
pub(super) fn contract(function: &Function) -> Result<&'static Contract, Finding> {
    runtime::contract(&function.base.contract).ok_or_else(|| {
        let message = format!("`{}` is not a runtime id", function.base.contract);
        Finding::error(Code::UnknownRuntime, function.places.runtime.clone(), message)
    })
}

/// The location of a function's base: the definition's, or else that of the contract's own image.
pub(super) fn location(function: &Function) -> Result<ImageLocation, Finding> {
    match &function.base.image {
        Some(image) => Ok(image.clone()),
        None => contract(function).map(|contract| ImageLocation::Registry(contract.image.clone())),
    }
}

/// The finding for a base that cannot be used.
fn unusable(function: &Function, location: &ImageLocation, error: &BaseError) -> Finding {
    let message = format!("failed to read the base image `{location}`: {}", with_causes(error));
    Finding::error(Code::UnusableBase, function.base.place.clone(), message).optional_help(error.help())
}

/// Reads manifest and config of an image, and finds its layers. Those in the repository that is returned may still have to be
/// fetched.
pub(super) async fn read(
    location: &ImageLocation,
    architecture: Architecture,
    context: &Context,
) -> Result<(BaseImage, Option<Repository>), BaseError> {
    let store = context.store.clone();
    let from_files = async |read: ReadFiles, path: &Path, reference: &Option<String>| {
        let (path, reference, store) = (path.to_owned(), reference.clone(), store.clone());
        blocking(move || Ok::<_, BaseError>(read(&path, reference.as_deref(), architecture, &store)?)).await
    };
    Ok(match location {
        ImageLocation::Registry(reference) => {
            let RemoteImage { manifest, config, layers } =
                remote_image::read(reference, architecture, context).await?;
            let image = BaseImage::new(&manifest, &config, layers, architecture)?;
            (image, Some(reference.repository().clone()))
        }
        ImageLocation::DockerDaemon(None) => return Err(BaseError::Unnamed),
        ImageLocation::Scratch => (BaseImage::scratch(architecture), None),
        ImageLocation::DockerDaemon(Some(name)) => (from_engine(name, architecture, context).await?, None),
        ImageLocation::Oci(path, name) => (from_files(layout::read_oci_directory, path, name).await?, None),
        ImageLocation::OciArchive(path, name) => {
            (from_files(layout::read_oci_archive, path, name).await?, None)
        }
        ImageLocation::DockerArchive(path, name) => {
            (from_files(layout::read_docker_archive, path, name).await?, None)
        }
    })
}

async fn load(
    location: &ImageLocation,
    architecture: Architecture,
    keeps_entry: bool,
    context: &Context,
) -> Result<LoadedBase, BaseError> {
    let (image, origin) = read(location, architecture, context).await?;
    let run = image.run_config();
    let promised = keeps_entry && run.entrypoint.as_deref().is_some_and(|words| words == [AWS_ENTRYPOINT]);
    let guaranteed: &[&str] = if promised { &[AWS_ENTRYPOINT, EMULATOR_PATH] } else { &[] };
    let base = LoadedBase {
        name: location.to_string(),
        run,
        size: image.layers().iter().map(|layer| layer.size).fold(0, u64::saturating_add),
        index: Shared::new(FileIndex::guaranteed(guaranteed)?),
        image,
        origin,
    };
    if promised { Ok(base) } else { base.with_full_index(context).await }
}

/// An image of an engine. It is exported once, and found again by the engine's id of the image.
async fn from_engine(
    name: &str,
    architecture: Architecture,
    context: &Context,
) -> Result<BaseImage, BaseError> {
    let engine = Engine::connect(&context.docker).await?;
    let image = engine.image(name).await?.ok_or_else(|| EngineError::NoImage { name: name.to_owned() })?;
    let id = Digest::of(image.id.as_bytes());
    if let Some(config) = context.store.record::<Digest>(ENGINE_RECORD, &id) {
        let store = context.store.clone();
        let kept =
            blocking(move || layout::read_imported(&config, architecture, &store).map_err(BaseError::from));
        if let Some(image) = kept.await? {
            return Ok(image);
        }
    }
    context.reporter.report(Event::BaseImport { base: format!("docker-daemon:{name}") });
    // By its id: a name without a tag would export all tags.
    let archive = engine.export(&image.id, &context.store).await?;
    let store = context.store.clone();
    blocking(move || {
        let image = layout::read_docker_archive(archive.path(), None, architecture, &store)?;
        store.write_record(ENGINE_RECORD, &id, image.config_digest())?;
        Ok(image)
    })
    .await
}

/// The files of an image whose layers are on this machine, and what they contain: recorded, or else read from its layers, whose
/// digests are verified.
///
/// # Errors
/// When a layer cannot be read or is damaged.
pub(super) fn contents(image: &BaseImage, store: &Store) -> Result<ImageFiles, BaseError> {
    if let Some(files) = store.record(CONTENTS_RECORD, image.config_digest()) {
        return Ok(files);
    }
    let layers = image.layers().iter().map(|layer| (&layer.blob, &layer.digest, &layer.diff_id));
    let files = ImageFiles::read(layers, &files_of_handler(&image.run_config()))?;
    store.write_record(CONTENTS_RECORD, image.config_digest(), &files)?;
    Ok(files)
}

/// The file list of a base: recorded, or else read from its layers, whose digests are verified.
fn files(image: &BaseImage, store: &Store) -> Result<BaseFiles, BaseError> {
    if let Some(files) = store.record(INDEX_RECORD, image.config_digest()) {
        return Ok(files);
    }
    let (mut overlay, mut size) = (Overlay::default(), 0);
    for layer in image.layers() {
        size += overlay.add_blob(&layer.blob, &layer.digest, &layer.diff_id, |_, _, _| Ok(()))?.size;
        if size > IMAGE_SIZE_LIMIT {
            let why = format!(
                "with it, the base is larger than Lambda's limit of {}",
                units::limit(IMAGE_SIZE_LIMIT)
            );
            let source = io::Error::new(io::ErrorKind::InvalidData, why);
            return Err(LayerReadError::Tar { layer: layer.digest.clone(), source }.into());
        }
    }
    let files = BaseFiles { size, index: overlay.into_index() };
    store.write_record(INDEX_RECORD, image.config_digest(), &files)?;
    Ok(files)
}
