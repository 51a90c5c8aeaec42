//! Bases: of each one that the functions name, manifest and config are read once.
//!
//! What a function's image needs to know of its files, an entry script of AWS's kind promises; where that is not there or
//! not enough, the layers are looked into, fetched before if they are in a registry, and the list of their files is kept in
//! the store. That depends on nothing but the base and the definition, so that an image never depends on where the base is,
//! nor on what happens to be on this machine.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::layer_bytes;
use super::remote_image::{self, RemoteImage};
use super::{BaseError, Context, PipelineError, blocking, contract};
use crate::engine::{Engine, EngineError};
use crate::event::Event;
use crate::files::{FileIndex, LayerReadError, Overlay};
use crate::finding::{Code, Finding, Help};
use crate::image::BaseImage;
use crate::layout::{self, LayoutError};
use crate::project::{Architecture, Function, ImageLocation, Repository, RunConfig};
use crate::runtime::{AWS_ENTRYPOINT, EMULATOR_PATH};
use crate::store::{Digest, Store};
use crate::text::with_causes;
use crate::tree::IMAGE_SIZE_LIMIT;
use crate::units;

/// A way to read a base from files.
type ReadFiles = fn(&Path, Option<&str>, Architecture, &Store) -> Result<BaseImage, LayoutError>;

/// The record of a base's file list, by the digest of its config. Its name changes when its meaning does.
const INDEX_RECORD: &str = "indexes-3";

/// The record of an engine's image that was taken over, by the engine's id: the digest of its config.
const ENGINE_RECORD: &str = "engine-images-1";

/// What limg keeps of a base that it has read.
#[derive(Serialize, Deserialize)]
struct Listing {
    /// The size of its layers in bytes, uncompressed.
    size: u64,
    index: FileIndex,
}

/// A base that was read.
#[derive(Debug, Clone)]
pub(super) struct LoadedBase {
    /// Where it came from.
    pub(super) name: String,
    pub(super) image: BaseImage,
    pub(super) run: RunConfig,
    pub(super) index: Arc<FileIndex>,
    /// The size of its layers in bytes: uncompressed, or as far as is known.
    pub(super) size: u64,
    /// Where the bytes of its layers can be fetched.
    pub(super) origin: Option<Repository>,
}

impl LoadedBase {
    /// Fetches what is missing of the layers and lists what is in them.
    pub(super) async fn look_into(&self, context: &Context) -> Result<Self, BaseError> {
        if let Some(origin) = &self.origin {
            layer_bytes::fetch(self.image.layers().iter().map(|layer| (layer, origin)), context).await?;
        }
        let (base, store) = (self.clone(), context.store.clone());
        blocking(move || {
            let Listing { size, index } = listing(&base.image, &store)?;
            Ok(Self { index: Arc::new(index), size, ..base })
        })
        .await
    }
}

/// The base of each function, in their order; functions that share a base share it here. There is none where the definition
/// names one that cannot be used, which the findings then report.
///
/// # Errors
/// When a base cannot be read although the definition is right.
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
        // Where another command takes the place of its entry script, that promises nothing.
        let keeps_entry =
            function.base.entrypoint.as_ref().is_none_or(|entry| entry.command == [AWS_ENTRYPOINT]);
        let base = match loaded.entry((location, function.architecture, keeps_entry)) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => {
                let (location, architecture, keeps_entry) = new.key();
                let base = match load(location, *architecture, *keeps_entry, context).await {
                    Ok(base) => Some(Arc::new(base)),
                    Err(error) if error.is_definitions() => {
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

/// Looks into the bases of some functions, by position. Those of other functions go on as they are, even where they are
/// the same: what is built beside a function must not change its image.
///
/// # Errors
/// When the layers of one cannot be fetched or listed.
pub(super) async fn look_into(
    bases: &mut [Option<Arc<LoadedBase>>],
    positions: &BTreeSet<usize>,
    context: &Context,
) -> Result<(), PipelineError> {
    let mut known: Vec<(Arc<LoadedBase>, Arc<LoadedBase>)> = Vec::new();
    for position in positions {
        let Some(Some(base)) = bases.get_mut(*position) else { continue };
        if let Some((_, found)) = known.iter().find(|(known, _)| Arc::ptr_eq(known, base)) {
            *base = Arc::clone(found);
            continue;
        }
        let failed = |source| PipelineError::Base { base: base.name.clone(), source };
        let found = Arc::new(base.look_into(context).await.map_err(failed)?);
        known.push((Arc::clone(base), Arc::clone(&found)));
        *base = found;
    }
    Ok(())
}

/// Where a function's base is: what the definition says, else the contract's own image.
pub(super) fn location(function: &Function) -> Result<ImageLocation, Finding> {
    match &function.base.image {
        Some(image) => Ok(image.clone()),
        None => contract(function).map(|contract| ImageLocation::Registry(contract.image.clone())),
    }
}

/// A base that cannot be used, where the definition names it.
fn unusable(function: &Function, location: &ImageLocation, error: &BaseError) -> Finding {
    let message = format!("failed to read the base image `{location}`: {}", with_causes(error));
    let finding = Finding::error(Code::UnusableBase, function.base.place.clone(), message);
    Finding { help: error.help().map(Help::from), ..finding }
}

async fn load(
    location: &ImageLocation,
    architecture: Architecture,
    keeps_entry: bool,
    context: &Context,
) -> Result<LoadedBase, BaseError> {
    let store = context.store.clone();
    let from_files = async |read: ReadFiles, path: &Path, reference: &Option<String>| {
        let (path, reference, store) = (path.to_owned(), reference.clone(), store.clone());
        blocking(move || Ok::<_, BaseError>(read(&path, reference.as_deref(), architecture, &store)?)).await
    };
    let (image, origin) = match location {
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
    };
    let run = image.run_config();
    let promised = keeps_entry && run.entrypoint.as_deref().is_some_and(|words| words == [AWS_ENTRYPOINT]);
    let guaranteed: &[&str] = if promised { &[AWS_ENTRYPOINT, EMULATOR_PATH] } else { &[] };
    let base = LoadedBase {
        name: location.to_string(),
        run,
        size: image.layers().iter().map(|layer| layer.size).fold(0, u64::saturating_add),
        index: Arc::new(FileIndex::guaranteed(guaranteed)?),
        image,
        origin,
    };
    if promised { Ok(base) } else { base.look_into(context).await }
}

/// An image of an engine. It is exported once; what was taken over is found again by the engine's id of the image.
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
    // By its id: a name without a tag would export every tag of it.
    let archive = engine.export(&image.id, &context.store).await?;
    let store = context.store.clone();
    blocking(move || {
        let image = layout::read_docker_archive(archive.path(), None, architecture, &store)?;
        store.write_record(ENGINE_RECORD, &id, image.config_digest())?;
        Ok(image)
    })
    .await
}

/// The list of a base's files: kept, or read from its layers, whose digests are checked on the way.
fn listing(image: &BaseImage, store: &Store) -> Result<Listing, BaseError> {
    if let Some(listing) = store.record(INDEX_RECORD, image.config_digest()) {
        return Ok(listing);
    }
    let (mut overlay, mut size) = (Overlay::default(), 0);
    for layer in image.layers() {
        size += overlay.add_blob(&layer.blob, &layer.digest, &layer.diff_id, |_, _| ())?.size;
        if size > IMAGE_SIZE_LIMIT {
            let why = format!(
                "with it, the base is larger than Lambda's limit of {}",
                units::limit(IMAGE_SIZE_LIMIT)
            );
            let source = io::Error::new(io::ErrorKind::InvalidData, why);
            return Err(LayerReadError::Tar { layer: layer.digest.clone(), source }.into());
        }
    }
    let listing = Listing { size, index: overlay.into_index() };
    store.write_record(INDEX_RECORD, image.config_digest(), &listing)?;
    Ok(listing)
}
