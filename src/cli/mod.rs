//! The command line: arguments, settings, one file a command, and all printing.
//!
//! A command is thin: it turns its arguments into settings, calls the library, and renders what comes back. Nothing else
//! of limg prints, reads the environment or decides exit codes.

mod access;
mod args;
mod build;
mod cache;
mod configuration;
mod destination;
mod event;
mod failure;
mod init;
mod interrupt;
mod invoke;
mod log;
mod progress;
mod push;
mod render;
mod report;
mod settings;
mod shard;
mod size;
mod update;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;

use crate::definition::{self, Loaded};
use crate::project::Function;
use crate::runtime;
use args::{Arguments, Command};
use failure::Failure;
use render::Terminal;
use settings::{Environment, Settings};

/// How long the program waits at its end for what it has given up.
const LEAVE: Duration = Duration::from_secs(1);

/// Runs the program with the arguments and the environment of the process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let settings = Settings::resolve(&arguments, &Environment::of_process());
    let terminal = Arc::new(Terminal::new(&settings));
    let result = settings.and_then(|settings| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|source| Failure::Start { what: "the async runtime", source })?;
        let result = runtime.block_on(run(arguments.command, &settings, &terminal));
        // Blocking work that is still under way after a cancelled command may remove what it has begun, and no more.
        runtime.shutdown_timeout(LEAVE);
        result
    });
    let result =
        result.and_then(|code| terminal.lost().map_or(Ok(code), |source| Err(Failure::Result(source))));
    match result {
        Ok(code) => code,
        Err(failure) => {
            terminal.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(command: Command, settings: &Settings, terminal: &Arc<Terminal>) -> Result<ExitCode, Failure> {
    match command {
        Command::Build(arguments) => build::run(arguments, settings, terminal).await,
        Command::Push(command) => Box::pin(push::run(command, settings, terminal)).await,
        Command::Update(arguments) => update::run(arguments, settings, terminal).await,
        Command::Invoke(arguments) => invoke::run(arguments, settings, terminal).await,
        Command::Event(arguments) => {
            event::run(&arguments, settings, terminal);
            Ok(ExitCode::SUCCESS)
        }
        Command::Cache(arguments) => cache::run(arguments.command, settings, terminal),
        Command::Init(arguments) => init::run(&arguments, settings, terminal),
        Command::Schema => {
            terminal.json(&definition::schema());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Leaves the results of a command to the end of the process, which frees the memory of all files' paths at once: one by one
/// takes longer than many a command.
fn leave<T>(results: Vec<T>) {
    std::mem::forget(results);
}

/// Finds the definition, reads it and shows its warnings.
fn load(settings: &Settings, terminal: &Terminal) -> Result<Loaded, Failure> {
    read(&find(settings)?, terminal)
}

/// The definition that the user named, or the nearest one.
fn find(settings: &Settings) -> Result<PathBuf, Failure> {
    match &settings.file {
        Some(file) => Ok(file.clone()),
        None => Ok(definition::find(&settings.directory)?),
    }
}

/// Reads a definition and shows its warnings.
fn read(file: &Path, terminal: &Terminal) -> Result<Loaded, Failure> {
    let loaded = definition::load(file, &runtime::ids())?;
    terminal.definition(&loaded);
    Ok(loaded)
}

/// The functions that the user named, or all. `architecture` replaces what the definition says.
fn select<'a>(
    loaded: &'a Loaded,
    names: &[String],
    architecture: Option<crate::project::Architecture>,
) -> Result<Vec<Function>, Failure> {
    let all = &loaded.project.functions;
    let find = |name: &String| -> Result<&'a Function, Failure> {
        all.iter().find(|function| function.name == *name).ok_or_else(|| Failure::UnknownFunction {
            name: name.clone(),
            known: all.iter().map(|function| function.name.clone()).collect(),
        })
    };
    let mut selected: Vec<&Function> = Vec::new();
    for name in names {
        let function = find(name)?;
        if selected.iter().all(|other| other.name != function.name) {
            selected.push(function);
        }
    }
    if names.is_empty() {
        selected.extend(all);
    }
    let with_architecture = |function: &Function| Function {
        architecture: architecture.unwrap_or(function.architecture),
        ..function.clone()
    };
    Ok(selected.into_iter().map(with_architecture).collect())
}
