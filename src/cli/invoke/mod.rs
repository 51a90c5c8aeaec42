//! `limg invoke`.

mod told;
mod watch;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::access::{self, Access};
use super::args::{InvokeArguments, ResolutionArguments};
use super::failure::Failure;
use super::interrupt::{INTERRUPTED, Interrupt};
use super::render::Terminal;
use super::settings::Settings;
use super::{load, select};
use crate::definition::Loaded;
use crate::engine::{
    Engine, EngineError, EventPayload, FinishedRun, Invocation, RunOptions, RunningFunction, emulator,
};
use crate::fs;
use crate::image::DockerImage;
use crate::pipeline::{self, Built, Context, Options};
use crate::project::{Architecture, Function};
use crate::sample_event;
use told::Told;

pub(super) async fn run(
    arguments: InvokeArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, Failure> {
    let InvokeArguments { function, events, environment: _, port, watch, as_lambda, rie, resolution } =
        arguments;
    let job = Job {
        port,
        several: events.len() > 1 || port.is_some() || watch,
        as_lambda,
        rie,
        resolution,
        settings,
        terminal,
    };
    let events = || read_events(&events, port.is_none(), &settings.directory);
    if watch {
        return Box::pin(watch::run(&job, function, &events()?)).await;
    }
    let loaded = load(settings, terminal)?;
    let function = one(&loaded, function, job.resolution.arch)?;
    let events = events()?;
    // Not before the events are read: while limg waits for standard input, it could not take note of an interrupt.
    let mut interrupt = Interrupt::register()?;
    let version = tokio::select! {
        biased;
        // No container is there yet. Half a layer lies where a later run removes it, and an engine forgets half an image.
        () = interrupt.wait() => return Ok(ExitCode::from(INTERRUPTED)),
        version = Box::pin(job.build(&loaded, &function)) => version?,
    };
    invoke(&version, &events, interrupt, &job.told(&version), port.is_some()).await
}

/// What stays as it is however often a function is built.
struct Job<'a> {
    port: Option<u16>,
    /// Whether there may be several answers.
    several: bool,
    as_lambda: bool,
    rie: Option<PathBuf>,
    resolution: ResolutionArguments,
    settings: &'a Settings,
    terminal: &'a Arc<Terminal>,
}

/// A function as it is built now, in an engine.
struct Version {
    engine: Engine,
    run: RunOptions,
}

impl Job<'_> {
    /// Builds the function's image and puts it into an engine; finds the emulator if the image needs one.
    async fn build(&self, loaded: &Loaded, function: &Function) -> Result<Version, Failure> {
        let (settings, terminal) = (self.settings, self.terminal);
        let context = Access::of(&self.resolution).context(settings, terminal, loaded)?;
        let options =
            Options { destinations: Vec::new(), time: settings.time.clone(), cache_from: Vec::new() };
        // Asked for at once: with no engine there is nothing to build for.
        let engine = Engine::connect(&context.docker).await.map_err(Failure::Engine)?;
        let built = pipeline::build_for_docker(&[function], &options, &context)
            .await
            .map_err(|error| Failure::pipeline(error, loaded))?;
        terminal.finish();
        let Some(built) = built.into_iter().next() else { return Err(which(loaded)) };
        let named = self.rie.as_deref().or(settings.emulator.as_deref());
        let emulator = emulator_for(&built, named, &context, function)?;
        let name = pipeline::docker_name(&loaded.project, &function.name, None);
        let image = pipeline::load(&engine, &built, &name, &context)
            .await
            .map_err(|error| Failure::pipeline(error, loaded))?;
        access::close(context, terminal);
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
            // The user's own cannot be those that Lambda sets.
            environment: settings.aws.clone().into_iter().chain(settings.variables.clone()).collect(),
        };
        Ok(Version { engine, run })
    }

    fn told<'v>(&'v self, version: &'v Version) -> Told<'v> {
        Told::new(&version.run, self.settings.format, self.several, self.terminal)
    }
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
    built: &Built<DockerImage>,
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

/// Reads the events. With none named an empty one is sent, if `any` is.
fn read_events(events: &[String], any: bool, directory: &Path) -> Result<Vec<EventPayload>, Failure> {
    if events.iter().filter(|event| *event == "-").count() > 1 {
        return Err(Failure::OneStandardInput);
    }
    let named = events.iter().map(|event| read_event(event, directory));
    let mut bytes = named.collect::<Result<Vec<_>, _>>()?;
    if bytes.is_empty() && any {
        bytes.push(b"{}".to_vec());
    }
    bytes.into_iter().map(EventPayload::new).collect::<Result<_, _>>().map_err(Failure::Engine)
}

/// Reads an event: a sample, a file, standard input, or the argument itself.
fn read_event(event: &str, directory: &Path) -> Result<Vec<u8>, Failure> {
    if event == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .map_err(|source| Failure::Start { what: "reading the event", source })?;
        return checked(bytes, "standard input");
    }
    if let Some(name) = event.strip_prefix('@') {
        let sample = sample_event::find(name).ok_or_else(|| Failure::UnknownEvent(name.to_owned()))?;
        return Ok(sample.json.as_bytes().to_vec());
    }
    let file = directory.join(event);
    // A pipe is one too, such as /dev/stdin.
    if file.exists() && !file.is_dir() {
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

/// Sends the events to one container and tells what comes of them. With `stay` it is kept until the user has had enough.
async fn invoke(
    version: &Version,
    events: &[EventPayload],
    mut interrupt: Interrupt,
    told: &Told<'_>,
    stay: bool,
) -> Result<ExitCode, Failure> {
    let (mut sent, mut is_up) = (0, false);
    let work = async |session: &RunningFunction<'_>| {
        let last = send(session, events, told, &mut sent).await?;
        if stay {
            told.all(last);
            told.is_for_others();
            told.is_up(&session.url());
            is_up = true;
            told.subscribers(&told.search(session).await);
            return Err(session.exited().await);
        }
        Ok((last, told.search(session).await))
    };
    let used = version.engine.run(&version.run, &told.output(), interrupt.wait(), work).await;
    told.end_of_output();
    match used {
        Ok(Some(FinishedRun { result: (last, subscribers), out_of_memory })) => {
            // Only now that the container is gone, so that nothing follows the last answer.
            if let Some(last) = last {
                // Of several events the engine does not say which it was.
                told.invocation(&last, out_of_memory && events.len() == 1);
            }
            told.subscribers(&subscribers);
            Ok(told.exit_code())
        }
        Ok(None) if is_up => Ok(told.exit_code()),
        Ok(None) => Ok(ExitCode::from(INTERRUPTED)),
        Err(error) => {
            told.unsent(events.len() - sent, events.len());
            Err(Failure::Engine(error))
        }
    }
}

/// Sends one event after the other, whatever comes of those before, and tells all answers but the last, which it gives.
async fn send(
    session: &RunningFunction<'_>,
    events: &[EventPayload],
    told: &Told<'_>,
    sent: &mut usize,
) -> Result<Option<Invocation>, EngineError> {
    let mut last = None;
    for event in events {
        told.all(last.take());
        *sent += 1;
        last = Some(session.invoke(event).await?);
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_may_be_a_sample() {
        let event = read_event("@s3-put", Path::new("/")).unwrap();
        assert_eq!(event, sample_event::find("s3-put").unwrap().json.as_bytes());
        assert!(
            matches!(read_event("@s3", Path::new("/")), Err(Failure::UnknownEvent(name)) if name == "s3")
        );
    }

    #[cfg(unix)]
    #[test]
    fn an_event_may_come_through_a_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let writer = std::thread::spawn(move || std::fs::write(pipe, "[1]"));
        assert_eq!(read_event("pipe", folder.path()).unwrap(), b"[1]");
        writer.join().unwrap().unwrap();
        assert!(matches!(read_event(".", folder.path()), Err(Failure::Event { .. })));
    }
}
