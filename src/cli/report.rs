//! What `--format json` prints of built images.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::Provenance;
use crate::image::ImageIdentity;
use crate::pipeline::{Amount, Built, Delivered, Pushed};
use crate::store::Digest;

/// The report of a command that builds.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    functions: BTreeMap<&'a str, FunctionReport<'a>>,
}

#[derive(Serialize)]
struct FunctionReport<'a> {
    digest: Option<Digest>,
    config_digest: Digest,
    image_id: Digest,
    architecture: &'static str,
    base: BaseReport<'a>,
    layers: Vec<LayerReport<'a>>,
    destinations: Vec<String>,
    #[serde(flatten)]
    push: Option<PushReport<'a>>,
}

#[derive(Serialize)]
struct BaseReport<'a> {
    name: &'a str,
    config_digest: &'a str,
}

#[derive(Serialize)]
struct LayerReport<'a> {
    name: &'a str,
    digest: Option<&'a Digest>,
    diff_id: &'a Digest,
    size: Option<u64>,
    reused: bool,
    cached: bool,
}

#[derive(Serialize)]
struct PushReport<'a> {
    image_uri: String,
    tags: &'a [String],
    unchanged: bool,
    sent: AmountReport,
    mounted: AmountReport,
    present: AmountReport,
}

#[derive(Serialize)]
struct AmountReport {
    blobs: u64,
    bytes: u64,
}

impl From<Amount> for AmountReport {
    fn from(Amount { blobs, bytes }: Amount) -> Self {
        Self { blobs, bytes }
    }
}

impl<'a> Report<'a> {
    /// The report of `limg build`.
    pub(super) fn of_build(built: &'a [(Built<ImageIdentity>, Vec<Delivered>)]) -> Self {
        let function = |(built, delivered): &'a (Built<ImageIdentity>, Vec<Delivered>)| {
            let destinations = delivered.iter().map(|delivered| delivered.location.clone()).collect();
            (built.name.as_str(), FunctionReport::of(built, built.image.clone(), destinations, None))
        };
        Self { functions: built.iter().map(function).collect() }
    }

    /// The report of `limg push`; `uri` names an image where it is now.
    pub(super) fn of_push(pushed: &'a [(Built, Pushed)], uri: impl Fn(&Built, &Pushed) -> String) -> Self {
        let function = |(built, pushed): &'a (Built, Pushed)| {
            let image_uri = uri(built, pushed);
            let destinations = vec![image_uri.clone()];
            let push = PushReport {
                image_uri,
                tags: &pushed.target.tags,
                unchanged: pushed.unchanged,
                sent: pushed.sent.into(),
                mounted: pushed.mounted.into(),
                present: pushed.present.into(),
            };
            (built.name.as_str(), FunctionReport::of(built, built.image.identity(), destinations, Some(push)))
        };
        Self { functions: pushed.iter().map(function).collect() }
    }
}

impl<'a> FunctionReport<'a> {
    fn of<I>(
        built: &'a Built<I>,
        identity: ImageIdentity,
        destinations: Vec<String>,
        push: Option<PushReport<'a>>,
    ) -> Self {
        let ImageIdentity { digest, config_digest, architecture } = identity;
        let layers = built.layers.iter().map(|layer| LayerReport {
            name: &layer.name,
            digest: layer.digest.as_ref(),
            diff_id: &layer.diff_id,
            size: layer.size,
            reused: layer.provenance != Provenance::Built,
            cached: layer.provenance == Provenance::Cached,
        });
        Self {
            digest,
            image_id: config_digest.clone(),
            config_digest,
            architecture: architecture.name(),
            base: BaseReport { name: &built.base, config_digest: built.base_config.as_str() },
            layers: layers.collect(),
            destinations,
            push,
        }
    }
}
