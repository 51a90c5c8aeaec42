//! What `--format json` prints of built images.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::pipeline::{Amount, Built, Delivered, Pushed};

/// The report of a command that builds.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    functions: BTreeMap<&'a str, FunctionReport<'a>>,
}

#[derive(Serialize)]
struct FunctionReport<'a> {
    digest: &'a str,
    config_digest: &'a str,
    image_id: &'a str,
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
    digest: &'a str,
    diff_id: &'a str,
    size: u64,
    reused: bool,
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
    pub(super) fn of_build(built: &'a [(Built, Vec<Delivered>)]) -> Self {
        let function = |(built, delivered): &'a (Built, Vec<Delivered>)| {
            let destinations = delivered.iter().map(|delivered| delivered.location.clone()).collect();
            (built.name.as_str(), FunctionReport::of(built, destinations, None))
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
            (built.name.as_str(), FunctionReport::of(built, destinations, Some(push)))
        };
        Self { functions: pushed.iter().map(function).collect() }
    }
}

impl<'a> FunctionReport<'a> {
    fn of(built: &'a Built, destinations: Vec<String>, push: Option<PushReport<'a>>) -> Self {
        let layers = built.layers.iter().map(|layer| LayerReport {
            name: &layer.name,
            digest: layer.digest.as_str(),
            diff_id: layer.diff_id.as_str(),
            size: layer.size,
            reused: layer.reused,
        });
        Self {
            digest: built.image.digest().as_str(),
            config_digest: built.image.config_digest().as_str(),
            image_id: built.image.config_digest().as_str(),
            architecture: built.image.architecture().name(),
            base: BaseReport { name: &built.base, config_digest: built.base_config.as_str() },
            layers: layers.collect(),
            destinations,
            push,
        }
    }
}
