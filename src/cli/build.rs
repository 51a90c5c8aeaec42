//! `limg build`.

use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::args::BuildArguments;
use super::context::{self, ContextOptions};
use super::error::CommandError;
use super::interrupt::{CLEANUP_TIMEOUT, Interrupt};
use super::render::Terminal;
use super::settings::Settings;
use super::{destination, selection};
use crate::pipeline::{self, Options};
use crate::project::Function;

pub(super) async fn run(
    arguments: BuildArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
    interrupt: Interrupt,
) -> Result<ExitCode, CommandError> {
    let BuildArguments { functions, shard, outputs, tag, cache, rules, common } = arguments;
    let (loaded, objects) = selection::load(common.reading(&functions), settings, terminal).await?;
    let functions = selection::functions(&loaded, &functions, settings, terminal)?;
    selection::report_deployed_variables(&functions, terminal);
    let directory = &settings.directory;
    let destinations =
        destination::all(&outputs, tag.as_deref(), &loaded.project, functions.len(), directory)?;
    // After the checks, which hold for the functions of all machines.
    let functions = selection::of_shard(shard, functions, terminal);
    if functions.is_empty() {
        terminal.built(&[]);
        return Ok(ExitCode::SUCCESS);
    }
    let enforce_rules = !rules.no_check;
    let options =
        Options { cache_from: cache.cache_from, enforce_rules, ..Options::new(settings.time.clone()) };
    let context =
        ContextOptions::of_build(&common, objects).open(settings, terminal, loaded.lock_file.clone())?;
    let functions: Vec<&Function> = functions.iter().collect();
    let mut interrupt = interrupt.defer();
    let built = {
        let project = &loaded.project;
        let mut work =
            pin!(pipeline::build_and_deliver(project, &functions, &destinations, &options, &context));
        tokio::select! {
            built = &mut work => built.map_err(|error| CommandError::pipeline(error, &loaded))?,
            () = interrupt.wait() => {
                context.stop.store(true, Ordering::Relaxed);
                // The result does not matter any more, only the cleanup.
                drop(tokio::time::timeout(CLEANUP_TIMEOUT, work).await);
                return Ok(interrupt.report(terminal));
            }
        }
    };
    context::close(context, terminal);
    terminal.summarize_overwrites();
    terminal.built(&built);
    context::leak(built);
    Ok(ExitCode::SUCCESS)
}
