//! The manifest: Lambda accepts one image, with the media types of Docker's schema 2 or of OCI (facts 1.1, 1.2).

use std::collections::BTreeSet;

use super::ImageSubject;
use crate::finding::{Code, Finding};
use crate::store::Digest;
use crate::units::size;

/// The size in bytes below which Lambda wants a manifest to stay (facts 1.2).
const MANIFEST_SIZE: u64 = 25_400;

/// The media types of each format: manifest, config, layers.
const FORMATS: [(&str, &str, &[&str]); 2] = [
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.config.v1+json",
        &["application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar"],
    ),
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.container.image.v1+json",
        &["application/vnd.docker.image.rootfs.diff.tar.gzip"],
    ),
];

/// What a manifest says of an image, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageForm {
    /// The digest of the manifest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
    /// The media type of its config.
    pub config: String,
    /// The media types of its layers, the lowest first.
    pub layers: Vec<String>,
    /// Whether the reference names an index, from which this image was chosen.
    pub is_in_index: bool,
}

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let Some(form) = subject.form else { return Vec::new() };
    let place = || subject.place.clone();
    let mut findings = Vec::new();
    if form.is_in_index {
        let message =
            "the reference names an index of several images or attestations, which Lambda does not accept";
        let help = format!(
            "deploy the image in it by its digest, `{}`, or run `limg fix`; `docker build --provenance=false \
             --sbom=false` makes no index",
            form.digest
        );
        findings.push(Finding::error(Code::ImageIndex, place(), message).help(help));
    }
    let known: BTreeSet<&str> = FORMATS
        .iter()
        .flat_map(|(manifest, config, layers)| [*manifest, *config].into_iter().chain(layers.iter().copied()))
        .collect();
    let unknown = |what: &str, media_type: &str, help: &str| {
        let message = format!("{what} has the media type `{media_type}`, which Lambda does not accept");
        Finding::error(Code::UnsupportedMediaType, place(), message).help(help.to_owned())
    };
    if !known.contains(form.media_type.as_str()) {
        findings.push(unknown(
            "the manifest",
            &form.media_type,
            "build the image with the format of OCI or of Docker's schema 2",
        ));
    }
    if !known.contains(form.config.as_str()) {
        findings.push(unknown(
            "the config",
            &form.config,
            "use the manifest of an image, not that of another artifact",
        ));
    }
    let layers: BTreeSet<&str> =
        form.layers.iter().map(String::as_str).filter(|layer| !known.contains(layer)).collect();
    findings.extend(
        layers
            .into_iter()
            .map(|layer| unknown("a layer", layer, "run `limg fix`, or compress the layers with gzip")),
    );
    let manifest = FORMATS.iter().position(|(manifest, ..)| *manifest == form.media_type);
    let of_layer = |layer: &String| FORMATS.iter().position(|(_, _, own)| own.contains(&layer.as_str()));
    let of_config = FORMATS.iter().position(|(_, config, _)| *config == form.config);
    let others = form.layers.iter().map(of_layer).chain([of_config]).flatten();
    if let Some(manifest) = manifest
        && others.into_iter().any(|other| other != manifest)
    {
        let message = "the image mixes media types of Docker and OCI";
        findings.push(
            Finding::warning(Code::MixedMediaTypes, place(), message).help(
                "run `limg fix`, or use those of one format for the manifest, the config and all layers",
            ),
        );
    }
    if form.size > MANIFEST_SIZE {
        let message =
            format!("the manifest has {}; Lambda wants at most {MANIFEST_SIZE} bytes", size(form.size));
        findings.push(
            Finding::warning(Code::LargeManifest, place(), message).help("use fewer layers and annotations"),
        );
    }
    findings
}
