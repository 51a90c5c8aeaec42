//! Builds the function's image and loads it into an engine, as often as the function changes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::invocation_report::InvocationReport;
use crate::cli::args::CommonBuildArguments;
use crate::cli::context::{self, ContextOptions, ObjectPins};
use crate::cli::error::CommandError;
use crate::cli::render::Terminal;
use crate::cli::settings::Settings;
use crate::definition::Loaded;
use crate::engine::emulator::{self, Emulator};
use crate::engine::{Debugger, Engine, NetworkOptions, RunOptions, Sandbox};
use crate::pipeline::{self, BasePrograms, Options};
use crate::project::Function;

/// The timeout of a function that waits for a debugger, in seconds: a day.
const DEBUG_TIMEOUT: u32 = 24 * 60 * 60;

/// What all versions of a function have in common.
pub(super) struct Job<'a> {
    /// `--port`; 0 is any free port.
    pub(super) port: Option<u16>,
    /// Whether more than one response is possible.
    pub(super) several_responses: bool,
    pub(super) sandbox: Sandbox,
    pub(super) network: NetworkOptions,
    /// `--debug`.
    pub(super) debug_port: Option<u16>,
    /// `--profile`.
    #[cfg(feature = "aws")]
    pub(super) profile: Option<String>,
    pub(super) rie: Option<PathBuf>,
    pub(super) common: CommonBuildArguments,
    /// Those that an earlier build has unpacked.
    pub(super) base_programs: BasePrograms,
    pub(super) settings: &'a Settings,
    pub(super) terminal: &'a Arc<Terminal>,
}

/// A function as it was built once, ready to run in an engine.
pub(super) struct Version {
    pub(super) engine: Engine,
    pub(super) run: RunOptions,
    /// The labels of its image.
    labels: BTreeMap<String, String>,
}

impl Version {
    /// Removes the images of older versions, except for those in use.
    pub(super) async fn remove_older(&self) {
        self.engine.remove_superseded(&self.labels, &self.run.image).await;
    }
}

impl Job<'_> {
    /// Builds the image, loads it into the engine, and finds the emulator.
    pub(super) async fn build(
        &self,
        loaded: &Loaded,
        objects: ObjectPins,
        function: &Function,
    ) -> Result<Version, CommandError> {
        let Self { settings, terminal, .. } = self;
        let base_programs = self.base_programs.clone();
        let options = ContextOptions { base_programs, ..ContextOptions::of_build(&self.common, objects) };
        let context = options.open(settings, terminal, loaded.lock_file.clone())?;
        let debugger =
            self.debug_port.map(|port| debugger(function).map(|debugger| (debugger, port))).transpose()?;
        let labels = labels(loaded, function);
        let options = Options { labels, ..Options::new(settings.time.clone()) };
        // First, because without an engine there is nothing to build for.
        let engine = Engine::connect(&context.docker).await.map_err(CommandError::Engine)?;
        let failed = |error| CommandError::pipeline(error, loaded);
        let built = pipeline::build_for_engine(&[function], &options, &context).await.map_err(failed)?;
        terminal.summarize_overwrites();
        let Some(built) = built.into_iter().next() else { return Err(CommandError::which_function(loaded)) };
        let emulator = match (&self.rie, &built.emulator) {
            (None, Some(path)) => Emulator::InImage(path.clone()),
            (named, _) => {
                let named = named.as_deref().or(settings.emulator.as_deref());
                let found = emulator::find(named, &context.store, function.architecture);
                Emulator::Copied(found.map_err(CommandError::Emulator)?)
            }
        };
        let name = pipeline::docker_name(&loaded.project, &function.image.name, None);
        let image = pipeline::load(&engine, &built, &name, &context).await.map_err(failed)?;
        context::close(context, terminal);
        let credentials = self.credentials().await?;
        let run = RunOptions {
            image: image.id,
            architecture: function.architecture,
            run: built.run,
            function: function.name.clone(),
            project: loaded.project.name.clone(),
            timeout: if debugger.is_some() { DEBUG_TIMEOUT } else { function.timeout },
            memory: function.memory,
            emulator,
            has_tmp: built.has_tmp,
            sandbox: self.sandbox,
            network: self.network.clone(),
            debugger,
            port: self.port.filter(|port| *port != 0),
            // The user's variables cannot be the AWS ones: those are reserved.
            environment: function
                .configuration
                .clone()
                .into_iter()
                .chain(credentials)
                .chain(settings.variables.clone())
                .collect(),
        };
        Ok(Version { engine, run, labels: options.labels })
    }

    /// The credentials and the region that the function gets.
    #[cfg_attr(
        not(feature = "aws"),
        expect(clippy::unused_async, reason = "only the credentials of a profile are waited for")
    )]
    async fn credentials(&self) -> Result<BTreeMap<String, String>, CommandError> {
        #[cfg(feature = "aws")]
        if let Some(profile) = &self.profile {
            let aws = context::aws(self.settings, None, Some(profile.clone()))?;
            return aws.function_variables().await.map_err(CommandError::Aws);
        }
        Ok(self.settings.aws.clone())
    }

    pub(super) fn report<'v>(&'v self, version: &'v Version) -> InvocationReport<'v> {
        InvocationReport::new(&version.run, self.several_responses, self.terminal)
    }
}

/// The labels of a function's images, by which limg finds those that a newer one replaces.
fn labels(loaded: &Loaded, function: &Function) -> BTreeMap<String, String> {
    [
        ("limg", "invoke".to_owned()),
        ("limg.definition", loaded.file.display().to_string()),
        ("limg.project", loaded.project.name.clone()),
        ("limg.function", function.name.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The debugger for a function.
fn debugger(function: &Function) -> Result<Debugger, CommandError> {
    let runtime = &function.base.contract;
    Debugger::of(runtime).ok_or_else(|| CommandError::NoDebugger { runtime: runtime.clone() })
}
