//! Layers that other machines have pushed, for a machine whose store does not have them: they are neither made nor
//! pushed here.
//!
//! An image in a registry lists its layers, and which of these the same encoder made from nothing but their tars. A
//! planned layer with the same tar is the same blob, so an image never depends on what is found here. Nothing is
//! kept: what an image lists is used for one run. If anything fails, the user learns of it and the layers are made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;

use super::context::Context;
use super::error::BaseError;
use super::layer_bytes;
use crate::event::Event;
use crate::failure::Failure as _;
use crate::image::{self, Layer, ManifestLayer};
use crate::layer::{self, LayerError, Recipe};
use crate::project::{Architecture, Function, ImageReference, ReferenceTemplate, Repository};
use crate::registry::RegistryError;
use crate::store::Digest;
use crate::text::with_causes;
use crate::tree::IMAGE_SIZE_LIMIT;

/// The layers of images in registries, by the digests of their tars.
#[derive(Default)]
pub(super) struct RemoteCache(BTreeMap<Digest, CachedLayer>);

/// A layer of an image.
struct CachedLayer {
    digest: Digest,
    size: u64,
    repository: Repository,
}

/// An image to read.
type CacheImage = (ImageReference, Architecture);

impl RemoteCache {
    /// Reads which layers the images have. If several have a layer with the same tar, it comes from the first of them.
    pub(super) async fn read(
        functions: &[&Function],
        templates: &[ReferenceTemplate],
        context: &Context,
    ) -> Self {
        let wanted = images(functions, templates, context);
        let mut hosts: BTreeMap<&str, Vec<&CacheImage>> = BTreeMap::new();
        for image in &wanted {
            hosts.entry(&image.0.repository().host).or_default().push(image);
        }
        let read: BTreeMap<_, _> =
            join_all(hosts.into_values().map(|images| read_from_host(images, context)))
                .await
                .into_iter()
                .flatten()
                .collect();
        let mut cache = Self::default();
        let mut missing = Vec::new();
        for image in &wanted {
            let (reference, architecture) = image;
            match read.get(image) {
                Some(Ok(layers)) => cache.add(layers, reference.repository()),
                Some(Err(error)) => match CacheFault::of(error) {
                    CacheFault::Missing => missing.push(reference.to_string()),
                    CacheFault::Unusable => {
                        let (image, why) = (format!("{reference} ({architecture})"), with_causes(error));
                        context.reporter.report(Event::CacheUnusable { image, why });
                    }
                    // Reported once for the whole host.
                    CacheFault::Refused | CacheFault::Host => {}
                },
                None => {}
            }
        }
        if !missing.is_empty() {
            context.reporter.report(Event::CacheMissing { images: missing });
        }
        cache
    }

    fn add(&mut self, layers: &[ManifestLayer], repository: &Repository) {
        // Lambda accepts no larger layer, so a manifest that lists one is wrong.
        for ManifestLayer { digest, diff_id, size, .. } in
            layers.iter().filter(|layer| layer.size <= IMAGE_SIZE_LIMIT)
        {
            let (digest, size, repository) = (digest.clone(), *size, repository.clone());
            self.0.entry(diff_id.clone()).or_insert(CachedLayer { digest, size, repository });
        }
    }

    /// The layer of a recipe, if the store does not have it and one of the images does, and the repository that
    /// contains it. The files are read for that, unless the store has recorded their tar.
    ///
    /// # Errors
    /// When a file cannot be read or changes at the same time, or the store cannot be written.
    pub(super) fn find(
        &self,
        recipe: &Arc<Recipe>,
        context: &Context,
    ) -> Result<Option<(Layer, &Repository)>, LayerError> {
        let store = &context.store;
        if self.0.is_empty()
            || layer::encoder(&recipe.tree).is_none()
            || layer::find(&recipe.key, store).is_some()
        {
            return Ok(None);
        }
        let tar = layer_bytes::tar(recipe, context)?;
        Ok(self.0.get(tar.diff_id()).map(|CachedLayer { digest, size, repository }| {
            let blob = store.expected_blob(digest, *size);
            let layer = Layer { digest: digest.clone(), diff_id: tar.diff_id().clone(), size: *size, blob };
            (layer, repository)
        }))
    }
}

/// The images that templates name for some functions, each once, in their order.
fn images(functions: &[&Function], templates: &[ReferenceTemplate], context: &Context) -> Vec<CacheImage> {
    let mut seen = BTreeSet::new();
    let mut wanted = Vec::new();
    for template in templates {
        for function in functions {
            match template.reference(&function.image.name) {
                Ok(reference) => {
                    let image = (reference, function.architecture);
                    if seen.insert(image.clone()) {
                        wanted.push(image);
                    }
                }
                // No image can have been pushed under such a name.
                Err(error) => context.reporter.report(Event::CacheUnusable {
                    image: template.to_string(),
                    why: format!("for `{}`: {}", function.name, with_causes(&error)),
                }),
            }
        }
    }
    wanted
}

/// Reads the images of one host. The first is read alone: a host that cannot be reached costs one attempt. What a
/// host refuses is reported once.
async fn read_from_host<'a>(
    images: Vec<&'a CacheImage>,
    context: &Context,
) -> Vec<(&'a CacheImage, Result<Vec<ManifestLayer>, BaseError>)> {
    let read = async |image: &'a CacheImage| (image, layers_of(image, context).await);
    let mut images = images.into_iter();
    let Some(first) = images.next() else { return Vec::new() };
    let mut answers = vec![read(first).await];
    if answers.iter().all(|(_, answer)| answer.as_ref().err().map(CacheFault::of) != Some(CacheFault::Host)) {
        answers.extend(join_all(images.map(read)).await);
    }
    let mut failures = answers.iter().filter_map(|(image, answer)| Some((image, answer.as_ref().err()?)));
    let failure =
        failures.find(|(_, error)| matches!(CacheFault::of(error), CacheFault::Refused | CacheFault::Host));
    if let Some(((reference, _), error)) = failure {
        let help = match error {
            BaseError::Registry(error) => error.help(),
            _ => None,
        };
        let (image, why) = (reference.to_string(), with_causes(error));
        context.reporter.report(Event::CacheFailed { image, why, help });
    }
    answers
}

/// Why an image provides no layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CacheFault {
    /// It does not exist.
    Missing,
    /// It cannot be used.
    Unusable,
    /// The registry refuses access to it.
    Refused,
    /// The host fails for every image.
    Host,
}

impl CacheFault {
    fn of(error: &BaseError) -> Self {
        match error {
            BaseError::Registry(error) if error.is_not_found() => Self::Missing,
            BaseError::Image(_) | BaseError::Registry(RegistryError::Content { .. }) => Self::Unusable,
            BaseError::Registry(error) if matches!(error.status(), Some(401 | 403)) => Self::Refused,
            _ => Self::Host,
        }
    }
}

/// The layers of an image that the same encoder has made. Nothing is pinned.
async fn layers_of(
    (reference, architecture): &CacheImage,
    context: &Context,
) -> Result<Vec<ManifestLayer>, BaseError> {
    let (registry, repository) = (&context.registry, reference.repository());
    let found = registry.resolve(repository, reference.version(), *architecture).await?;
    let manifest = image::parse_manifest(&found.bytes)?;
    let config = registry.read_blob(repository, &image::descriptor_digest(manifest.config())?).await?;
    image::check_platform(&config, *architecture)?;
    Ok(image::layers_of_encoder(&manifest, &config, layer::ENCODER)?)
}
