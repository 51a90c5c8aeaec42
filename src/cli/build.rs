//! `limg build`.

use std::collections::BTreeMap;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;

use super::args::{BuildArguments, Format};
use super::failure::Failure;
use super::interrupt::{INTERRUPTED, Interrupt};
use super::render::Terminal;
use super::settings::Settings;
use super::{context, destination, load, select};
use crate::pipeline::{self, Built, Delivered, Options};
use crate::project::Function;

/// How long an interrupted build may take to remove what it has written by half.
const GRACE: Duration = Duration::from_secs(1);

pub(super) async fn run(
    arguments: BuildArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, Failure> {
    let BuildArguments { functions, outputs, tag, arch } = arguments;
    let loaded = load(settings, terminal)?;
    let functions = select(&loaded, &functions, arch)?;
    let destinations =
        destination::all(&outputs, tag.as_deref(), &loaded.project, functions.len(), settings)?;
    let options = Options { destinations, mtime: settings.mtime, created: settings.created.clone() };
    let context = context(settings, &functions, terminal)?;
    let functions: Vec<&Function> = functions.iter().collect();
    let mut interrupt = Interrupt::register()?;
    let mut work = pin!(pipeline::build_and_deliver(&loaded.project, &functions, &options, &context));
    let built = tokio::select! {
        built = &mut work => built.map_err(|error| Failure::pipeline(error, &loaded))?,
        () = interrupt.wait() => {
            context.stop.store(true, Ordering::Relaxed);
            // Whatever comes of it now, only what it leaves behind matters.
            drop(tokio::time::timeout(GRACE, work).await);
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    terminal.finish();
    match settings.format {
        Format::Json => terminal.json(&Report::of(&built)),
        Format::Human => terminal.built(&built),
    }
    Ok(ExitCode::SUCCESS)
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Report<'a> {
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
    destinations: Vec<&'a str>,
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

impl<'a> Report<'a> {
    fn of(built: &'a [(Built, Vec<Delivered>)]) -> Self {
        let function = |(built, delivered): &'a (Built, Vec<Delivered>)| {
            let layer = |layer: &'a pipeline::BuiltLayer| LayerReport {
                name: &layer.name,
                digest: layer.digest.as_str(),
                diff_id: layer.diff_id.as_str(),
                size: layer.size,
                reused: layer.reused,
            };
            let report = FunctionReport {
                digest: built.image.digest().as_str(),
                config_digest: built.image.config_digest().as_str(),
                image_id: built.image.config_digest().as_str(),
                architecture: built.image.architecture().name(),
                base: BaseReport { name: &built.base, config_digest: built.base_config.as_str() },
                layers: built.layers.iter().map(layer).collect(),
                destinations: delivered.iter().map(|delivered| delivered.location.as_str()).collect(),
            };
            (built.name.as_str(), report)
        };
        Self { functions: built.iter().map(function).collect() }
    }
}
