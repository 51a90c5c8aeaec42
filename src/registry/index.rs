//! The media type of a manifest or index, and the choice of an image from an index (OCI image specification, manifest.md
//! and image-index.md; Docker image manifest version 2, schema 2).
//!
//! Bytes in, digests out: nothing is fetched here.

use std::collections::BTreeSet;

use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::error::ContentError;
use crate::image::{MediaTypes, is_index, variant_rank};
use crate::project::Architecture;
use crate::store::Digest;
use crate::text::excerpt;

/// The media types of manifests and indexes that limg supports, as the value of an `Accept` header.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// The keys that distinguish a manifest from an index.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocumentKeys {
    schema_version: Option<u64>,
    media_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
    config: Option<serde::de::IgnoredAny>,
}

/// The media type of a manifest or index: the one in the document, else that of its response, else the one that fits its
/// keys.
///
/// # Errors
/// When the document is neither a manifest nor an index, or both.
pub(super) fn media_type(bytes: &[u8], headers: &HeaderMap) -> Result<String, ContentError> {
    let keys: DocumentKeys = parse(bytes)?;
    let declared = headers.get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let declared = declared
        .and_then(|declared| declared.split(';').next())
        .map(str::trim)
        .filter(|declared| ACCEPT.split(", ").any(|supported| supported == *declared));
    if keys.schema_version == Some(1) {
        return Err(ContentError::Schema1);
    }
    // Readers would disagree about a document that can be read as either.
    let guessed = match (keys.manifests.is_some(), keys.config.is_some()) {
        (true, false) => "application/vnd.oci.image.index.v1+json",
        (false, true) => MediaTypes::Oci.manifest(),
        (true, true) => return Err(ContentError::Manifest("it lists both images and layers".to_owned())),
        (false, false) => {
            return Err(ContentError::Manifest("it lists neither images nor layers".to_owned()));
        }
    };
    let media_type = keys.media_type.as_deref().or(declared).unwrap_or(guessed);
    let is_plain = media_type.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain || is_index(media_type) != is_index(guessed) {
        return Err(ContentError::Manifest(format!(
            "its content does not match its media type `{}`",
            excerpt(media_type)
        )));
    }
    Ok(media_type.to_owned())
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<IndexEntry>,
}

/// A descriptor. Tools write `null` for missing values.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexEntry {
    media_type: Option<String>,
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ContentError> {
    // The message may quote the document.
    serde_json::from_slice(bytes).map_err(|error| ContentError::Json(excerpt(&error.to_string())))
}

/// What an index offers for an architecture.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// The image for the architecture, if the index lists one.
    pub(super) image: Option<Digest>,
    /// Other indexes that may list one.
    pub(super) indexes: Vec<Digest>,
    /// The platforms of the other images.
    pub(super) offered: BTreeSet<String>,
}

/// Chooses the image for an architecture from an index.
///
/// # Errors
/// When the index cannot be parsed, or the chosen image has a digest that limg cannot verify.
pub(super) fn choose(bytes: &[u8], architecture: Architecture) -> Result<Choice, ContentError> {
    let index: Index = parse(bytes)?;
    let digest = |entry: &IndexEntry| {
        entry.digest.parse::<Digest>().map_err(|_| ContentError::UnsupportedDigest(excerpt(&entry.digest)))
    };
    let mut choice = Choice::default();
    let (mut fitting, mut without_platform) = (Vec::new(), Vec::new());
    for entry in &index.manifests {
        let fits = entry.platform.as_ref().map(|platform| platform.fits(architecture));
        if entry.media_type.as_deref().is_some_and(is_index) {
            if fits != Some(false) {
                choice.indexes.push(digest(entry)?);
            }
            continue;
        }
        match (fits, &entry.platform) {
            (Some(true), _) => fitting.push(entry),
            (_, Some(platform)) => choice.offered.extend(platform.shown()),
            (_, None) => without_platform.push(entry),
        }
    }
    // The first image for the lowest variant. An image without a platform is chosen if it is the only one; its config has
    // the architecture.
    let rank = |entry: &&&IndexEntry| {
        variant_rank(entry.platform.as_ref().and_then(|platform| platform.variant.as_deref()))
    };
    let best = fitting.iter().min_by_key(rank);
    let only = || match without_platform[..] {
        [only] if choice.offered.is_empty() => Some(only),
        _ => None,
    };
    choice.image = best.copied().or_else(only).map(digest).transpose()?;
    Ok(choice)
}

impl Platform {
    fn fits(&self, architecture: Architecture) -> bool {
        self.os.as_deref() == Some("linux") && self.architecture.as_deref() == Some(architecture.oci_name())
    }

    /// The platform for messages; none for an attestation, which BuildKit stores as an image for `unknown`.
    fn shown(&self) -> Option<String> {
        let (os, architecture) = (self.os.as_deref()?, self.architecture.as_deref()?);
        let Self { variant, .. } = self;
        let variant = variant.as_deref().filter(|variant| !variant.is_empty());
        let variant = variant.map(|variant| format!("/{variant}")).unwrap_or_default();
        (os != "unknown").then(|| excerpt(&format!("{os}/{architecture}{variant}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    fn entry(name: &str, platform: &Value) -> Value {
        let (kind, name) = name.split_once(' ').unwrap_or(("manifest", name));
        json!({ "mediaType": format!("application/vnd.oci.image.{kind}.v1+json"), "digest": digest(name).as_str(),
            "size": 1, "platform": platform })
    }

    fn chosen(entries: &[Value], architecture: Architecture) -> Choice {
        choose(json!({ "manifests": entries }).to_string().as_bytes(), architecture).unwrap()
    }

    #[test]
    fn the_image_for_the_architecture_is_chosen() {
        let entries = [
            entry("windows", &json!({ "os": "windows", "architecture": "amd64", "os.version": "10" })),
            entry("attestation", &json!({ "os": "unknown", "architecture": "unknown" })),
            entry("amd64-v3", &json!({ "os": "linux", "architecture": "amd64", "variant": "v3" })),
            entry("amd64", &json!({ "os": "linux", "architecture": "amd64" })),
            entry("arm", &json!({ "os": "linux", "architecture": "arm", "variant": "v7" })),
            entry("arm64", &json!({ "os": "linux", "architecture": "arm64" })),
            entry("arm64-v9", &json!({ "os": "linux", "architecture": "arm64", "variant": "v9" })),
        ];
        assert_eq!(chosen(&entries, Architecture::X86_64).image, Some(digest("amd64")));
        assert_eq!(chosen(&entries, Architecture::Arm64).image, Some(digest("arm64")));
        assert_eq!(
            chosen(&entries[..3], Architecture::X86_64).image,
            Some(digest("amd64-v3")),
            "better than none"
        );
        let none = chosen(&entries[..3], Architecture::Arm64);
        assert_eq!((none.image, none.indexes), (None, Vec::new()));
        let offered: Vec<_> = none.offered.into_iter().collect();
        assert_eq!(offered, ["linux/amd64/v3", "windows/amd64"]);
    }

    #[test]
    fn the_lowest_variant_is_chosen_if_there_is_no_plain_one() {
        let variant = |name: &str, architecture: &str, variant: &str| {
            entry(name, &json!({ "os": "linux", "architecture": architecture, "variant": variant }))
        };
        let entries = [
            variant("v10", "amd64", "v10"),
            variant("v3", "amd64", "v3"),
            variant("v2", "amd64", "v2"),
            variant("v9.2", "arm64", "v9.2"),
            variant("v9", "arm64", "v9"),
            variant("strange", "arm64", "new"),
        ];
        assert_eq!(chosen(&entries, Architecture::X86_64).image, Some(digest("v2")));
        assert_eq!(chosen(&entries, Architecture::Arm64).image, Some(digest("v9")));
        let plain =
            [entries.to_vec(), vec![variant("v8", "arm64", "v8"), variant("v1", "amd64", "v1")]].concat();
        assert_eq!(chosen(&plain, Architecture::X86_64).image, Some(digest("v1")));
        assert_eq!(chosen(&plain, Architecture::Arm64).image, Some(digest("v8")));
    }

    #[test]
    fn nulls_stand_for_missing_values() {
        let without = json!({ "mediaType": null, "digest": digest("a").as_str(), "platform": null, "annotations": null, "urls": null });
        assert_eq!(chosen(&[without], Architecture::X86_64).image, Some(digest("a")));
        let entries = [
            entry("none", &json!({ "os": null, "architecture": null })),
            entry(
                "own",
                &json!({ "os": "linux", "architecture": "amd64", "variant": null, "os.features": null }),
            ),
        ];
        assert_eq!(chosen(&entries, Architecture::X86_64).image, Some(digest("own")));
    }

    #[test]
    fn indexes_in_an_index_are_candidates_unless_they_are_for_another_platform() {
        let entries = [
            entry("index a", &Value::Null),
            entry("index b", &json!({ "os": "linux", "architecture": "amd64" })),
            entry("index c", &json!({ "os": "linux", "architecture": "arm64" })),
        ];
        assert_eq!(chosen(&entries, Architecture::X86_64).indexes, [digest("a"), digest("b")]);
    }

    #[test]
    fn an_image_without_a_platform_is_chosen_if_it_is_the_only_one() {
        let without = entry("without", &Value::Null);
        assert_eq!(
            chosen(std::slice::from_ref(&without), Architecture::Arm64).image,
            Some(digest("without"))
        );
        assert_eq!(chosen(&[without.clone(), without], Architecture::Arm64).image, None);
    }

    #[test]
    fn a_digest_that_limg_cannot_verify_is_an_error() {
        let index = json!({ "manifests": [{ "digest": "sha512:\u{1b}", "platform": { "os": "linux", "architecture": "amd64" } }] });
        let error = choose(index.to_string().as_bytes(), Architecture::X86_64).unwrap_err();
        assert!(error.to_string().contains(r"cannot verify the digest `sha512:\u{1b}`"), "{error}");
    }

    fn media_type_of(document: &str, declared: Option<&'static str>) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        if let Some(declared) = declared {
            headers.insert(reqwest::header::CONTENT_TYPE, declared.parse().unwrap());
        }
        media_type(document.as_bytes(), &headers).map_err(|error| error.to_string())
    }

    #[test]
    fn the_media_type_comes_from_the_document_the_response_or_the_keys() {
        const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
        const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
        const INDEX: &str = "application/vnd.oci.image.index.v1+json";
        let own = format!(r#"{{"mediaType":"{DOCKER}","config":{{}}}}"#);
        for (document, declared, expected) in [
            (own.as_str(), Some(OCI), DOCKER),
            (
                r#"{"config":{}}"#,
                Some("application/vnd.docker.distribution.manifest.v2+json; charset=utf-8"),
                DOCKER,
            ),
            (r#"{"config":{}}"#, Some("application/json"), OCI),
            (r#"{"config":{}}"#, None, OCI),
            (r#"{"manifests":[]}"#, None, INDEX),
        ] {
            assert_eq!(media_type_of(document, declared).as_deref(), Ok(expected), "{document}");
        }
    }

    #[test]
    fn the_error_explains_why_a_document_is_not_a_manifest() {
        for (document, why) in [
            (r#"{"schemaVersion":1,"fsLayers":[]}"#, "schema 1"),
            (r#"{"config":{},"manifests":[]}"#, "both"),
            ("{}", "neither"),
            ("<html>", "failed to parse"),
            (
                r#"{"mediaType":"application/vnd.oci.image.index.v1+json","config":{}}"#,
                "does not match its media type",
            ),
        ] {
            assert!(media_type_of(document, None).unwrap_err().contains(why), "{document}");
        }
        assert!(media_type_of(r#"{"config":{}}"#, Some("application/vnd.oci.image.index.v1+json")).is_err());
    }
}
