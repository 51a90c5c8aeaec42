//! Layers that other machines have pushed, for a machine whose store does not know them: they are neither made nor sent here.
//!
//! Images in registries say which layers they have, and which of these the same encoder made of its tar alone. A planned
//! layer with the same tar is then the same blob, so that an image never depends on what is found here. Nothing of it is
//! kept: what an image says counts for one run. Whatever goes wrong is told, and the layers are made.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::image_kind::LayerSource;
use super::{BaseError, Context};
use crate::event::Event;
use crate::image::{self, Layer, ManifestLayer};
use crate::layer::{self, LayerError, TarLayer};
use crate::project::{Architecture, Function, ImageReference, ReferenceTemplate, Repository};
use crate::registry::RegistryError;
use crate::store::{Digest, Store};
use crate::text::with_causes;
use crate::tree::IMAGE_SIZE_LIMIT;

/// The layers of some images, by the digests of their tars.
#[derive(Default)]
pub(super) struct Cache(BTreeMap<Digest, Cached>);

/// A layer of an image.
struct Cached {
    digest: Digest,
    /// In bytes.
    size: u64,
    repository: Repository,
}

/// An image to look for.
type Wanted = (ImageReference, Architecture);

impl Cache {
    /// Reads what images say of their layers. Where several have a layer of the same tar, the one that is named first
    /// gives it.
    pub(super) async fn read(
        functions: &[&Function],
        templates: &[ReferenceTemplate],
        context: &Context,
    ) -> Self {
        let wanted = wanted(functions, templates, context);
        let mut hosts: BTreeMap<&str, Vec<&Wanted>> = BTreeMap::new();
        for image in &wanted {
            hosts.entry(&image.0.repository().host).or_default().push(image);
        }
        let read: BTreeMap<_, _> = join_all(hosts.into_values().map(|images| of_host(images, context)))
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
                Some(Err(error)) => match Fault::of(error) {
                    Fault::Missing => missing.push(reference.to_string()),
                    Fault::Image => {
                        let (image, why) = (format!("{reference} ({architecture})"), with_causes(error));
                        context.reporter.report(Event::CacheUnusable { image, why });
                    }
                    // The user is told of it for the whole host.
                    Fault::Refused | Fault::Host => {}
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
        // No layer that Lambda takes is larger, whatever the manifest says.
        for ManifestLayer { digest, diff_id, size, .. } in
            layers.iter().filter(|layer| layer.size <= IMAGE_SIZE_LIMIT)
        {
            let (digest, size, repository) = (digest.clone(), *size, repository.clone());
            self.0.entry(diff_id.clone()).or_insert(Cached { digest, size, repository });
        }
    }

    /// The layer of a tree that the store does not know, if one of the images has it, and where that lies. The files are
    /// read for that, unless their tar is known.
    ///
    /// # Errors
    /// When a file cannot be read or changed while limg was working, or the store cannot be written.
    pub(super) fn find(
        &self,
        source: &LayerSource<'_>,
        store: &Store,
    ) -> Result<Option<(Layer, &Repository)>, LayerError> {
        let LayerSource { key, tree, base, mtime } = source;
        if self.0.is_empty() || layer::encoder(tree).is_none() || layer::find(key, store).is_some() {
            return Ok(None);
        }
        let tar = match TarLayer::find(tree, base, *mtime, key, store) {
            Some(known) => known,
            None => TarLayer::read(tree, base, *mtime, key, store)?,
        };
        Ok(self.0.get(tar.diff_id()).map(|Cached { digest, size, repository }| {
            let blob = store.expected_blob(digest, *size);
            let layer = Layer { digest: digest.clone(), diff_id: tar.diff_id().clone(), size: *size, blob };
            (layer, repository)
        }))
    }
}

/// The images that templates name for some functions, each once, in their order.
fn wanted(functions: &[&Function], templates: &[ReferenceTemplate], context: &Context) -> Vec<Wanted> {
    let mut seen = BTreeSet::new();
    let mut wanted = Vec::new();
    for template in templates {
        for function in functions {
            match template.reference(&function.name) {
                Ok(reference) => {
                    let image = (reference, function.architecture);
                    if seen.insert(image.clone()) {
                        wanted.push(image);
                    }
                }
                // Nobody can have pushed it there.
                Err(error) => context.reporter.report(Event::CacheUnusable {
                    image: template.to_string(),
                    why: format!("for `{}`: {}", function.name, with_causes(&error)),
                }),
            }
        }
    }
    wanted
}

/// What the images of a host say. The first is asked for alone: a host that cannot be reached costs one try. Whatever a host
/// refuses is told once.
async fn of_host<'a>(
    images: Vec<&'a Wanted>,
    context: &Context,
) -> Vec<(&'a Wanted, Result<Vec<ManifestLayer>, BaseError>)> {
    let read = async |image: &'a Wanted| (image, made_layers(image, context).await);
    let mut images = images.into_iter();
    let Some(first) = images.next() else { return Vec::new() };
    let mut answers = vec![read(first).await];
    if answers.iter().all(|(_, answer)| answer.as_ref().err().map(Fault::of) != Some(Fault::Host)) {
        answers.extend(join_all(images.map(read)).await);
    }
    let mut failures = answers.iter().filter_map(|(image, answer)| Some((image, answer.as_ref().err()?)));
    let failure = failures.find(|(_, error)| matches!(Fault::of(error), Fault::Refused | Fault::Host));
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

/// Whose fault it is that an image gives no layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// There is no such image.
    Missing,
    /// The image cannot be read.
    Image,
    /// The registry does not let limg read this one.
    Refused,
    /// No image of that host would fare better.
    Host,
}

impl Fault {
    fn of(error: &BaseError) -> Self {
        match error {
            BaseError::Registry(error) if error.is_not_found() => Self::Missing,
            BaseError::Image(_) | BaseError::Registry(RegistryError::Content { .. }) => Self::Image,
            BaseError::Registry(error) if matches!(error.status(), Some(401 | 403)) => Self::Refused,
            _ => Self::Host,
        }
    }
}

/// The layers of an image that limg would make in the same way. Nothing is pinned.
async fn made_layers(
    (reference, architecture): &Wanted,
    context: &Context,
) -> Result<Vec<ManifestLayer>, BaseError> {
    let (registry, repository) = (&context.registry, reference.repository());
    let found = registry.resolve(repository, reference.version(), *architecture).await?;
    let manifest = image::parse_manifest(&found.bytes)?;
    let config = registry.read_blob(repository, &image::descriptor_digest(manifest.config())?).await?;
    image::check_platform(&config, *architecture)?;
    Ok(image::layers_of_encoder(&manifest, &config, layer::ENCODER)?)
}
