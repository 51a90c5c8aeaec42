//! The results of `limg build` and `limg push`: one line for each image, its reference alone, or one JSON document.

use std::collections::BTreeMap;

use serde::Serialize;

use super::terminal::Terminal;
use crate::cli::args::Format;
use crate::event::Provenance;
use crate::pipeline::{BlobTotal, Built, Delivered, Pushed};
use crate::store::Digest;
use crate::text::count;
use crate::units::size;

/// The transport of images in the Docker Engine.
const DOCKER_DAEMON: &str = "docker-daemon:";

impl Terminal {
    /// Prints the result of a build.
    pub(in crate::cli) fn built(&self, built: &[(Built, Vec<Delivered>)]) {
        if self.format() == Format::Refs {
            let delivered = built.iter().flat_map(|(_, delivered)| delivered);
            return self.print_lines(delivered.map(|delivered| reference(&delivered.location).to_owned()));
        }
        let lines = |(built, delivered): &(Built, Vec<Delivered>)| {
            // An engine knows an image that has no manifest by the digest of its config.
            let digest = built.image.digest().unwrap_or(built.image.config_digest());
            let line = |delivered: &Delivered| format!("{}  {digest}  {}", built.name, delivered.location);
            delivered.iter().map(line).collect::<Vec<_>>()
        };
        self.print(&self.with_findings(&ImagesReport::of_build(built)), || built.iter().flat_map(lines));
    }

    /// Prints the result of a push. `uri` is the name of an image by its digest.
    pub(in crate::cli) fn pushed(&self, pushed: &[(Built, Pushed)], uri: impl Fn(&Pushed) -> String) {
        if self.format() == Format::Refs {
            self.push_summary(pushed);
            return self.print_lines(pushed.iter().map(|(_, pushed)| uri(pushed)));
        }
        self.print(&self.with_findings(&ImagesReport::of_push(pushed, &uri)), || {
            self.push_summary(pushed);
            pushed.iter().map(|(built, pushed)| format!("{}  {}", built.name, uri(pushed)))
        });
    }

    fn push_summary(&self, pushed: &[(Built, Pushed)]) {
        let mut uploaded = BlobTotal::default();
        let (mut mounted, mut present) = (uploaded, uploaded);
        let mut unchanged = 0;
        for (_, pushed) in pushed {
            if pushed.unchanged {
                unchanged += 1;
            } else {
                uploaded += pushed.uploaded;
                mounted += pushed.mounted;
                present += pushed.present;
            }
        }
        if unchanged > 0 {
            self.status(&format!("unchanged: {}, nothing uploaded", count(unchanged, "image")));
        }
        if unchanged < pushed.len() {
            let ways = [("uploaded", uploaded), ("mounted", mounted), ("already present", present)];
            let blobs = |(way, amount): &(&str, BlobTotal)| {
                format!("{way} {} ({})", count(amount.blobs, "blob"), size(amount.bytes))
            };
            let ways: Vec<_> = ways.iter().filter(|(_, amount)| amount.blobs > 0).map(blobs).collect();
            self.status(&format!(
                "pushed: {}; {}",
                count(pushed.len() - unchanged, "image"),
                ways.join(", ")
            ));
        }
    }
}

/// What other tools call an image at its destination: skopeo and podman use transports as limg does, and `docker` knows
/// images of its own engine by their names.
fn reference(location: &str) -> &str {
    location.strip_prefix(DOCKER_DAEMON).unwrap_or(location)
}

/// What `--format json` prints.
#[derive(Serialize)]
struct ImagesReport<'a> {
    functions: BTreeMap<&'a str, FunctionReport<'a>>,
}

#[derive(Serialize)]
struct FunctionReport<'a> {
    digest: Option<&'a Digest>,
    config_digest: &'a Digest,
    image_id: &'a Digest,
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

/// A number of blobs and their size in JSON.
#[derive(Serialize)]
pub(in crate::cli) struct AmountReport {
    blobs: u64,
    bytes: u64,
}

impl From<BlobTotal> for AmountReport {
    fn from(BlobTotal { blobs, bytes }: BlobTotal) -> Self {
        Self { blobs, bytes }
    }
}

impl<'a> ImagesReport<'a> {
    fn of_build(built: &'a [(Built, Vec<Delivered>)]) -> Self {
        let function = |(built, delivered): &'a (Built, Vec<Delivered>)| {
            let destinations = delivered.iter().map(|delivered| delivered.location.clone()).collect();
            (built.name.as_str(), FunctionReport::of(built, destinations, None))
        };
        Self { functions: built.iter().map(function).collect() }
    }

    fn of_push(pushed: &'a [(Built, Pushed)], uri: impl Fn(&Pushed) -> String) -> Self {
        let function = |(built, pushed): &'a (Built, Pushed)| {
            let image_uri = uri(pushed);
            let destinations = vec![image_uri.clone()];
            let push = PushReport {
                image_uri,
                tags: &pushed.target.tags,
                unchanged: pushed.unchanged,
                sent: pushed.uploaded.into(),
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
        let image = &built.image;
        let layers = built.layers.iter().map(|layer| LayerReport {
            name: &layer.name,
            digest: layer.digest.as_ref(),
            diff_id: &layer.diff_id,
            size: layer.size,
            reused: layer.provenance != Provenance::Built,
            cached: layer.provenance == Provenance::Cached,
        });
        Self {
            digest: image.digest(),
            image_id: image.config_digest(),
            config_digest: image.config_digest(),
            architecture: image.architecture().name(),
            base: BaseReport { name: &built.base, config_digest: built.base_config.as_str() },
            layers: layers.collect(),
            destinations,
            push,
        }
    }
}
