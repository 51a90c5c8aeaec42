//! `limg invoke`.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::args::InvokeArguments;
use super::failure::Failure;
use super::log::Log;
use super::render::Terminal;
use super::settings::Settings;
use super::{context, load, select};
use crate::definition::Loaded;
use crate::engine::{self, Answer, Engine, Outcome, OutputSink, RunOptions, emulator};
use crate::fs;
use crate::pipeline::{self, Built, Context, Options};
use crate::project::{Architecture, Function};

/// What a shell reports of a program that Ctrl-C ended: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

pub(super) async fn run(
    arguments: InvokeArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, Failure> {
    let InvokeArguments { function, event, as_lambda, rie, arch } = arguments;
    let loaded = load(settings, terminal)?;
    let function = one(&loaded, function, arch)?;
    let event = read_event(&event, &settings.directory)?;
    let context = context(settings, terminal)?;
    // Behind the reading of the event, which nothing but a signal's own way could end.
    let mut interrupt = Interrupt::register()
        .map_err(|source| Failure::Start { what: "listening for interrupts", source })?;
    let prepared = tokio::select! {
        biased;
        // Half-made files are where later runs remove them, and the engine forgets half an image by itself.
        () = interrupt.wait() => return Ok(ExitCode::from(INTERRUPTED)),
        prepared = prepare(&loaded, &function, rie.as_deref(), settings, &context, terminal) => prepared?,
    };
    let (engine, built, image, emulator) = prepared;
    let run = RunOptions {
        image: image.id,
        architecture: function.architecture,
        run: built.run,
        function: function.name,
        timeout: function.timeout,
        memory: function.memory,
        emulator,
        as_lambda,
        environment: settings.aws.clone().into_iter().collect(),
    };
    invoke(&engine, &run, event, interrupt, terminal).await
}

/// Builds the function's image and puts it into an engine; finds the emulator if the image needs one.
async fn prepare(
    loaded: &Loaded,
    function: &Function,
    rie: Option<&Path>,
    settings: &Settings,
    context: &Context,
    terminal: &Terminal,
) -> Result<(Engine, Built, engine::Loaded, Option<PathBuf>), Failure> {
    let options =
        Options { destinations: Vec::new(), mtime: settings.mtime, created: settings.created.clone() };
    // Asked for at once: with no engine there is nothing to build for.
    let engine = Engine::connect(&context.docker).await.map_err(Failure::Engine)?;
    let built = pipeline::build(&[function], &options, context)
        .await
        .map_err(|error| Failure::pipeline(error, loaded))?;
    terminal.finish();
    let Some(built) = built.into_iter().next() else { return Err(which(loaded)) };
    let emulator = emulator_for(&built, rie.or(settings.emulator.as_deref()), context, function)?;
    let name = pipeline::docker_name(&loaded.project, &function.name, None);
    let image = engine.load(&built.image, &name).await.map_err(Failure::Engine)?;
    Ok((engine, built, image, emulator))
}

/// The one function that is meant.
fn one(
    loaded: &Loaded,
    name: Option<String>,
    architecture: Option<Architecture>,
) -> Result<Function, Failure> {
    let names: Vec<String> = name.into_iter().collect();
    let mut functions = select(loaded, &names, architecture)?;
    match (functions.pop(), functions.is_empty()) {
        (Some(function), true) => Ok(function),
        _ => Err(which(loaded)),
    }
}

fn which(loaded: &Loaded) -> Failure {
    let known = loaded.project.functions.iter().map(|function| function.name.clone()).collect();
    Failure::WhichFunction { known }
}

/// The emulator to bring along, if the image has none.
fn emulator_for(
    built: &Built,
    named: Option<&Path>,
    context: &Context,
    function: &Function,
) -> Result<Option<PathBuf>, Failure> {
    if built.needs_emulator {
        Ok(Some(emulator::find(named, &context.store, function.architecture).map_err(Failure::Emulator)?))
    } else {
        Ok(None)
    }
}

/// Reads the event: a file, standard input, or the argument itself.
fn read_event(event: &str, directory: &Path) -> Result<Vec<u8>, Failure> {
    if event == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .map_err(|source| Failure::Start { what: "reading the event", source })?;
        return checked(bytes, "standard input");
    }
    let file = directory.join(event);
    if file.is_file() {
        return checked(fs::read(&file)?, event);
    }
    serde_json::from_str::<serde::de::IgnoredAny>(event)
        .map(|_| event.as_bytes().to_vec())
        .map_err(|source| Failure::Event { event: event.to_owned(), source })
}

/// Lambda takes nothing but JSON.
fn checked(bytes: Vec<u8>, name: &str) -> Result<Vec<u8>, Failure> {
    match serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
        Ok(_) => Ok(bytes),
        Err(source) => Err(Failure::EventContent { name: name.to_owned(), source }),
    }
}

async fn invoke(
    engine: &Engine,
    run: &RunOptions,
    event: Vec<u8>,
    mut interrupt: Interrupt,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, Failure> {
    let log = Arc::new(Mutex::new(Log::new(terminal.is_verbose())));
    let (sink, lines) = (Arc::clone(terminal), Arc::clone(&log));
    let output: OutputSink = Arc::new(move |stream, bytes| sink.log(&lock(&lines).push(stream, bytes)));
    let outcome = engine.invoke(run, event, &output, interrupt.wait()).await;
    terminal.log(&lock(&log).rest());
    let outcome = outcome.map_err(Failure::Engine)?;
    let Outcome::Answered { response, took, out_of_memory } = outcome else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let mut body = response.body.clone();
    if body.last() != Some(&b'\n') {
        body.push(b'\n');
    }
    terminal.result_bytes(&body);
    if out_of_memory {
        terminal.status(&format!("the function ran out of its memory of {} MB", run.memory));
    }
    if let Some(help) = response.help() {
        terminal.status(&format!("help: {help}"));
    }
    terminal.status(&summary(&response.answer, took));
    Ok(if response.answer == Answer::Success { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

fn summary(answer: &Answer, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    match answer {
        Answer::Success => format!("answered in {seconds:.2} s, start included"),
        Answer::FunctionError { error_type, .. } => {
            format!("function error `{error_type}` after {seconds:.2} s")
        }
        Answer::TimedOut => format!("timed out after {seconds:.2} s"),
    }
}

/// Ctrl-C, and where there is such a thing being told to end. From its making on, neither ends the program by itself.
struct Interrupt {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Interrupt {
    #[cfg(unix)]
    fn register() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(windows)]
    fn register() -> io::Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    /// Completes when one of them comes, or has come since it was made.
    async fn wait(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(windows)]
        let _come = self.interrupt.recv().await;
    }
}
