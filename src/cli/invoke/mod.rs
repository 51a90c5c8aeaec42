//! `limg invoke`.

mod told;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::access::Access;
use super::args::InvokeArguments;
use super::failure::Failure;
use super::interrupt::{INTERRUPTED, Interrupt};
use super::render::Terminal;
use super::settings::Settings;
use super::{load, select};
use crate::definition::Loaded;
use crate::engine::{self, Engine, EngineError, Event, Invocation, RunOptions, Session, Used, emulator};
use crate::fs;
use crate::pipeline::{self, Built, Context, Options};
use crate::project::{Architecture, Function};
use crate::sample_event;
use told::Told;

pub(super) async fn run(
    arguments: InvokeArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, Failure> {
    let InvokeArguments { function, events, as_lambda, rie, resolution } = arguments;
    let loaded = load(settings, terminal)?;
    let function = one(&loaded, function, resolution.arch)?;
    let events = read_events(&events, &settings.directory)?;
    let context = Access::of(&resolution).context(settings, terminal, &loaded)?;
    // Not before the events are read: while limg waits for standard input, it could not take note of an interrupt.
    let mut interrupt = Interrupt::register()?;
    let prepared = tokio::select! {
        biased;
        // No container is there yet. Half a layer lies where a later run removes it, and an engine forgets half an image.
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
    let told = Told::new(&run, settings.format, events.len() > 1, terminal);
    invoke(&engine, &run, &events, interrupt, &told).await
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
    let image = pipeline::load(&engine, &built, &name, context)
        .await
        .map_err(|error| Failure::pipeline(error, loaded))?;
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

/// Reads the events, or makes the one that is sent if none is named.
fn read_events(events: &[String], directory: &Path) -> Result<Vec<Event>, Failure> {
    if events.iter().filter(|event| *event == "-").count() > 1 {
        return Err(Failure::OneStandardInput);
    }
    let named = events.iter().map(|event| read_event(event, directory));
    let bytes = if events.is_empty() { vec![b"{}".to_vec()] } else { named.collect::<Result<_, _>>()? };
    bytes.into_iter().map(Event::new).collect::<Result<_, _>>().map_err(Failure::Engine)
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

/// Sends the events to one container and tells what comes of them.
async fn invoke(
    engine: &Engine,
    run: &RunOptions,
    events: &[Event],
    mut interrupt: Interrupt,
    told: &Told<'_>,
) -> Result<ExitCode, Failure> {
    let mut sent = 0;
    let work = async |session: &Session<'_>| send(session, events, told, &mut sent).await;
    let last = engine.run(run, &told.output(), interrupt.wait(), work).await;
    told.end_of_output();
    match last {
        Ok(Some(Used { done: last, out_of_memory })) => {
            // Only now that the container is gone, so that nothing follows the last answer.
            if let Some(last) = last {
                // Of several events the engine does not say which it was.
                told.invocation(&last, out_of_memory && events.len() == 1);
            }
            Ok(told.exit_code())
        }
        Ok(None) => Ok(ExitCode::from(INTERRUPTED)),
        Err(error) => {
            told.unsent(events.len() - sent, events.len());
            Err(Failure::Engine(error))
        }
    }
}

/// Sends one event after the other, whatever comes of those before, and tells all answers but the last, which it gives.
async fn send(
    session: &Session<'_>,
    events: &[Event],
    told: &Told<'_>,
    sent: &mut usize,
) -> Result<Option<Invocation>, EngineError> {
    let mut last = None;
    for event in events {
        if let Some(before) = last.take() {
            told.invocation(&before, false);
        }
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
}
