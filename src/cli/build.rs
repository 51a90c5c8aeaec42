//! `limg build`.

use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::access::{self, Access};
use super::args::{BuildArguments, Format};
use super::failure::Failure;
use super::interrupt::{INTERRUPTED, Interrupt};
use super::render::Terminal;
use super::report::Report;
use super::settings::Settings;
use super::{destination, load, select};
use crate::pipeline::{self, Options};
use crate::project::Function;

/// How long an interrupted build may take to remove what it has written by half.
const GRACE: Duration = Duration::from_secs(1);

pub(super) async fn run(
    arguments: BuildArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, Failure> {
    let BuildArguments { functions, division, outputs, tag, cache, resolution } = arguments;
    let loaded = load(settings, terminal)?;
    let functions = select(&loaded, &functions, resolution.arch)?;
    let destinations =
        destination::all(&outputs, tag.as_deref(), &loaded.project, functions.len(), settings)?;
    // What holds for all functions holds for each machine's.
    let functions = division.part(functions, terminal);
    let options = Options { time: settings.time.clone(), cache_from: cache.cache_from };
    if functions.is_empty() {
        terminal.finish();
        if settings.format == Format::Json {
            terminal.json(&Report::of_build(&[]));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let context = Access::of(&resolution).context(settings, terminal, &loaded)?;
    let functions: Vec<&Function> = functions.iter().collect();
    let mut interrupt = Interrupt::register()?;
    let built = {
        let project = &loaded.project;
        let mut work =
            pin!(pipeline::build_and_deliver(project, &functions, &destinations, &options, &context));
        tokio::select! {
            built = &mut work => built.map_err(|error| Failure::pipeline(error, &loaded))?,
            () = interrupt.wait() => {
                context.stop.store(true, Ordering::Relaxed);
                // Whatever comes of it now, only what it leaves behind matters.
                drop(tokio::time::timeout(GRACE, work).await);
                return Ok(ExitCode::from(INTERRUPTED));
            }
        }
    };
    access::close(context, terminal);
    terminal.finish();
    match settings.format {
        Format::Json => terminal.json(&Report::of_build(&built)),
        Format::Human => terminal.built(&built),
    }
    super::leave(built);
    Ok(ExitCode::SUCCESS)
}
