//! Corrects an image, wherever it is, and writes the result somewhere else.

use serde::Serialize;

use super::check::{form, judge_image};
use super::context::{Context, blocking};
use super::deliver::{self, Destination};
use super::error::{BaseError, PipelineError};
use super::local_image::{self, Parts};
use crate::check::image::{self as image_check, ImageForm};
use crate::finding::{Code, Finding, Place};
use crate::fix::{self, Change};
use crate::image::{BaseImage, Image, ImageLayer, Layer, MediaTypes};
use crate::project::{Architecture, ImageLocation};
use crate::store::{Digest, Store};

/// An image that was corrected as far as possible.
#[derive(Debug, Serialize)]
pub(crate) struct FixedImage {
    /// The digest of its manifest.
    pub digest: Digest,
    /// Where it is now.
    pub destination: String,
    /// What was changed.
    pub changes: Vec<Change>,
    /// What is still wrong with it, or worth knowing.
    #[serde(skip)]
    pub remaining: Vec<Finding>,
}

/// Corrects an image and writes it to a destination that names it. Its layers are fetched if it is in a registry. Without an
/// architecture, the image may have any. `mtime` is the time of what is added, in seconds since 1970.
///
/// # Errors
/// When the image cannot be read, or the destination cannot be written.
pub(crate) async fn fix(
    location: &ImageLocation,
    architecture: Option<Architecture>,
    destination: &Destination,
    mtime: u64,
    context: &Context,
) -> Result<FixedImage, PipelineError> {
    deliver::check(std::slice::from_ref(destination), context).await?;
    let original = local_image::read_any(location, architecture, Parts::All, context).await?;
    let destination = &destination.location;
    let work = async {
        let form = form(&original, location, context).await?;
        let (store, from, to) = (context.store.clone(), place(location), place(destination));
        blocking(move || correct(&original, form.as_ref(), (&from, &to), mtime, &store)).await
    };
    let failed = |source| PipelineError::FixImage { image: location.to_string(), source };
    let (image, changes, remaining) = work.await.map_err(failed)?;
    let digest = image.manifest().map_err(|error| failed(error.into()))?.digest.clone();
    deliver::deliver_local(image, destination, context).await?;
    Ok(FixedImage { digest, destination: destination.to_string(), changes, remaining })
}

fn place(location: &ImageLocation) -> Place {
    Place::document(location.to_string().as_ref())
}

/// The corrected image, what was changed, and what a check finds in it.
fn correct(
    original: &BaseImage,
    form: Option<&ImageForm>,
    (from, to): (&Place, &Place),
    mtime: u64,
    store: &Store,
) -> Result<(Image, Vec<Change>, Vec<Finding>), BaseError> {
    let wanted = judge_image(original, form, from, store, image_check::correctable)?;
    let (layers, in_layers) = fix::fix_layers(original.layers(), &wanted, mtime, store)?;
    let image = Image::with_layers(original, layers)?;
    let manifest = image.manifest()?;
    let layers: Vec<Layer> = image.layers().iter().filter_map(ImageLayer::blob).cloned().collect();
    let result = BaseImage::new(&manifest.bytes, image.config(), layers, image.architecture())?;
    let (config, layers) = result.content_media_types();
    let own = ImageForm {
        digest: manifest.digest.clone(),
        size: manifest.bytes.len() as u64,
        media_type: result.manifest_media_type(),
        config,
        layers,
        is_in_index: false,
    };
    let remaining = judge_image(&result, Some(&own), to, store, image_check::check)?;
    let mut changes = form.map(|form| of_form(form, manifest.media_types)).unwrap_or_default();
    changes.extend(in_layers);
    Ok((image, changes, remaining))
}

/// What is different in the manifest. `used` are the media types of the result.
fn of_form(form: &ImageForm, used: MediaTypes) -> Vec<Change> {
    let whole = |code, message: String| Change { code, layer: None, message, paths: Vec::new() };
    let mut changes = Vec::new();
    if form.is_in_index {
        changes.push(whole(Code::ImageIndex, format!("took the image {} out of its index", form.digest)));
    }
    for (number, media_type) in (1..).zip(&form.layers) {
        let message = if media_type.ends_with("zstd") {
            "compressed with gzip instead of zstd"
        } else if media_type.ends_with("tar") {
            "compressed with gzip"
        } else {
            continue;
        };
        let code = Code::UnsupportedMediaType;
        changes.push(Change { code, layer: Some(number), message: message.to_owned(), paths: Vec::new() });
    }
    let (format, prefix) = match used {
        MediaTypes::Docker => ("Docker", "application/vnd.docker."),
        MediaTypes::Oci => ("OCI", "application/vnd.oci."),
    };
    if form.layers.iter().chain([&form.config]).any(|media_type| !media_type.starts_with(prefix)) {
        let message = format!("gave the config and all layers the media types of {format}");
        changes.push(whole(Code::MixedMediaTypes, message));
    }
    changes
}
