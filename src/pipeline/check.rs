//! Checks functions, and images wherever they are, without making or writing any.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::base::{self, LoadedBase};
use super::build::load_inputs;
use super::context::{Context, blocking};
use super::error::{BaseError, PipelineError};
use super::local_image::{self, Parts};
use super::plan_images::{self, Inputs, Planned, Planning};
use crate::check::image::{self as image_check, ImageForm, ImageSubject};
use crate::files::ImageFiles;
use crate::finding::{Finding, Place};
use crate::image::BaseImage;
use crate::project::{Architecture, Function, ImageLocation};
use crate::runtime::Date;
use crate::store::{Digest, Store};

/// Finds what is wrong with, or worth knowing about, the images of functions. The layers of their bases are fetched: what is
/// missing in an image shows only with all of its files.
///
/// # Errors
/// When something cannot be read for a reason outside the definition.
pub(crate) async fn check_functions(
    functions: &[&Function],
    context: &Context,
) -> Result<Vec<Finding>, PipelineError> {
    let mut inputs = load_inputs(functions, context).await?;
    let all: BTreeSet<usize> = (0..inputs.functions.len()).collect();
    base::index_fully(&mut inputs.bases, &all, context).await?;
    let context = context.clone();
    blocking(move || judge(&inputs, &mut KnownBases::new(), &context)).await
}

/// As [`check_functions`], but the findings of each function on their own, in the order of the functions. What several functions
/// share is found for each of them.
///
/// # Errors
/// As [`check_functions`].
pub(super) async fn check_each(
    functions: &[&Function],
    context: &Context,
) -> Result<Vec<Vec<Finding>>, PipelineError> {
    let mut inputs = load_inputs(functions, context).await?;
    let all: BTreeSet<usize> = (0..inputs.functions.len()).collect();
    base::index_fully(&mut inputs.bases, &all, context).await?;
    let context = context.clone();
    blocking(move || {
        let mut known = KnownBases::new();
        let functions =
            std::mem::take(&mut inputs.functions).into_iter().zip(std::mem::take(&mut inputs.bases));
        let found = functions.map(|(function, base)| {
            (inputs.functions, inputs.bases) = (vec![function], vec![base]);
            judge(&inputs, &mut known, &context)
        });
        found.collect()
    })
    .await
}

/// The files of bases, by the digests of their configs.
type KnownBases = BTreeMap<Digest, ImageFiles>;

fn judge(inputs: &Inputs, known: &mut KnownBases, context: &Context) -> Result<Vec<Finding>, PipelineError> {
    let (planned, mut findings) = match plan_images::plan_all(inputs) {
        Ok(Planning::Done { planned, warnings, left_out: _ }) => (planned, warnings),
        Err(PipelineError::Findings(findings)) => return Ok(findings),
        // All indexes are full.
        Ok(Planning::NeedsFullIndexes(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    for Planned { function, base, plan } in &planned {
        let LoadedBase { name, image, .. } = &***base;
        let failed = |source| PipelineError::Base { base: name.clone(), source };
        let of_base = match known.entry(image.config_digest().clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(base::contents(image, &context.store).map_err(failed)?),
        };
        let trees = plan.layers.iter().map(|layer| &*layer.tree);
        let files = of_base.clone().with_trees(trees).map_err(|source| PipelineError::Source {
            what: format!("the function `{}`", function.name),
            source,
        })?;
        let found = image_check::check_planned(&ImageSubject {
            place: &function.places.function,
            architecture: function.architecture,
            run: &plan.run,
            files: &files,
            form: None,
        });
        findings.extend(function.without_allowed(found));
    }
    Ok(findings)
}

/// Finds what is wrong with, or worth knowing about, an image. Its layers are fetched if it is in a registry. Without an
/// architecture, the image may have any. The day decides which runtimes are deprecated.
///
/// # Errors
/// When the image cannot be read.
pub(crate) async fn check_image(
    location: &ImageLocation,
    architecture: Option<Architecture>,
    today: Date,
    context: &Context,
) -> Result<Vec<Finding>, PipelineError> {
    let image = local_image::read_any(location, architecture, Parts::All, context).await?;
    let judge = async {
        let form = form(&image, location, context).await?;
        let (store, place) = (context.store.clone(), Place::document(location.to_string().as_ref()));
        let judge = move |subject: &ImageSubject<'_>| {
            let mut found = image_check::check(subject);
            found.extend(image_check::deprecated_runtime(subject, today));
            found
        };
        blocking(move || judge_image(&image, form.as_ref(), &place, &store, judge)).await
    };
    judge.await.map_err(|source| PipelineError::ReadImage { image: location.to_string(), source })
}

/// Reads the files of an image whose layers are on this machine, and judges it.
pub(super) fn judge_image<T>(
    image: &BaseImage,
    form: Option<&ImageForm>,
    place: &Place,
    store: &Store,
    judge: impl FnOnce(&ImageSubject<'_>) -> T,
) -> Result<T, BaseError> {
    let files = base::contents(image, store)?;
    let (architecture, run) = (image.architecture(), &image.run_config());
    Ok(judge(&ImageSubject { place, architecture, run, files: &files, form }))
}

/// What the manifest of an image says, if it has one.
pub(super) async fn form(
    image: &BaseImage,
    location: &ImageLocation,
    context: &Context,
) -> Result<Option<ImageForm>, BaseError> {
    let Some((digest, size)) = image.manifest_identity().cloned() else { return Ok(None) };
    let is_in_index = match location {
        ImageLocation::Registry(reference) => {
            let named = context.registry.manifest_digest(reference.repository(), reference.version()).await?;
            named.is_some_and(|named| named != digest)
        }
        _ => image.is_in_index(),
    };
    let (config, layers) = image.content_media_types();
    Ok(Some(ImageForm { digest, size, media_type: image.manifest_media_type(), config, layers, is_in_index }))
}
