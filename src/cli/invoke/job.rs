//! Builds the function's image and loads it into an engine, as often as the function changes.

use std::path::PathBuf;
use std::sync::Arc;

use super::invocation_report::InvocationReport;
use crate::cli::args::CommonBuildArguments;
use crate::cli::context::{self, ContextOptions};
use crate::cli::error::CommandError;
use crate::cli::render::Terminal;
use crate::cli::settings::Settings;
use crate::definition::Loaded;
use crate::engine::{Engine, RunOptions, emulator};
use crate::pipeline::{self, Options};
use crate::project::Function;

/// What all versions of a function have in common.
pub(super) struct Job<'a> {
    /// `--port`; 0 is any free port.
    pub(super) port: Option<u16>,
    /// Whether more than one response is possible.
    pub(super) several_responses: bool,
    pub(super) as_lambda: bool,
    pub(super) rie: Option<PathBuf>,
    pub(super) common: CommonBuildArguments,
    pub(super) settings: &'a Settings,
    pub(super) terminal: &'a Arc<Terminal>,
}

/// A function as it was built once, ready to run in an engine.
pub(super) struct Version {
    pub(super) engine: Engine,
    pub(super) run: RunOptions,
}

impl Job<'_> {
    /// Builds the image, loads it into the engine, and finds the emulator if the image has none.
    pub(super) async fn build(&self, loaded: &Loaded, function: &Function) -> Result<Version, CommandError> {
        let Self { settings, terminal, .. } = self;
        let context = ContextOptions::of_build(&self.common).open(settings, terminal, loaded)?;
        let options = Options { time: settings.time.clone(), cache_from: Vec::new() };
        // First, because without an engine there is nothing to build for.
        let engine = Engine::connect(&context.docker).await.map_err(CommandError::Engine)?;
        let failed = |error| CommandError::pipeline(error, loaded);
        let built = pipeline::build_for_engine(&[function], &options, &context).await.map_err(failed)?;
        terminal.summarize_overwrites();
        let Some(built) = built.into_iter().next() else { return Err(CommandError::which_function(loaded)) };
        let named = self.rie.as_deref().or(settings.emulator.as_deref());
        let find = || emulator::find(named, &context.store, function.architecture);
        let emulator = built.needs_emulator.then(find).transpose().map_err(CommandError::Emulator)?;
        let name = pipeline::docker_name(&loaded.project, &function.name, None);
        let image = pipeline::load(&engine, &built, &name, &context).await.map_err(failed)?;
        context::close(context, terminal);
        let run = RunOptions {
            image: image.id,
            architecture: function.architecture,
            run: built.run,
            function: function.name.clone(),
            project: loaded.project.name.clone(),
            timeout: function.timeout,
            memory: function.memory,
            emulator,
            as_lambda: self.as_lambda,
            port: self.port.filter(|port| *port != 0),
            // The user's variables cannot be the AWS ones: those are reserved.
            environment: settings.aws.clone().into_iter().chain(settings.variables.clone()).collect(),
        };
        Ok(Version { engine, run })
    }

    pub(super) fn report<'v>(&'v self, version: &'v Version) -> InvocationReport<'v> {
        InvocationReport::new(&version.run, self.several_responses, self.terminal)
    }
}
