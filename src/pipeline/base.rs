//! Bases: each one that the functions name is read once, and the list of its files is kept in the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use super::{BaseError, Context, PipelineError, blocking};
use crate::engine::Engine;
use crate::event::Event;
use crate::image::{BaseImage, Layer};
use crate::layout;
use crate::project::{Architecture, Function, ImageLocation, RunConfig};
use crate::runtime;
use crate::store::{HashingReader, Store};
use crate::tree::FileIndex;

/// The record of a base's file list, by the digest of its config. Its name changes when its meaning does.
const INDEX_RECORD: &str = "indexes-1";

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
            let failed = |source| PipelineError::Base { base: key.0.to_string(), source };
            let base = load(&key.0, key.1, context).await.map_err(failed)?;
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
) -> Result<LoadedBase, BaseError> {
    let exported = match location {
        ImageLocation::Registry(_) => return Err(BaseError::Registry),
        ImageLocation::DockerDaemon(Some(name)) => {
            context.reporter.report(Event::BaseImport { base: location.to_string() });
            Some(Engine::connect(&context.docker).await?.export(name, &context.store).await?)
        }
        _ => None,
    };
    let (location, store) = (location.clone(), context.store.clone());
    let read = move || {
        let image = match &location {
            ImageLocation::Oci(path, reference) => {
                layout::read_oci_directory(path, reference.as_deref(), architecture, &store)?
            }
            ImageLocation::OciArchive(path, reference) => {
                layout::read_oci_archive(path, reference.as_deref(), architecture, &store)?
            }
            ImageLocation::DockerArchive(path, reference) => {
                layout::read_docker_archive(path, reference.as_deref(), architecture, &store)?
            }
            ImageLocation::Scratch | ImageLocation::Registry(_) | ImageLocation::DockerDaemon(_) => {
                match &exported {
                    Some(file) => layout::read_docker_archive(file.path(), None, architecture, &store)?,
                    None => BaseImage::scratch(architecture),
                }
            }
        };
        let index = index(&image, &store)?;
        Ok(LoadedBase { name: location.to_string(), run: image.run_config(), image, index })
    };
    blocking(move || Ok(read())).await.map_err(|_| BaseError::Registry)?
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
