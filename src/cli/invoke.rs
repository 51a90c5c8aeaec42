//! `limg invoke`.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::access::Access;
use super::args::{Format, InvokeArguments};
use super::failure::Failure;
use super::interrupt::{INTERRUPTED, Interrupt};
use super::log::Log;
use super::render::Terminal;
use super::settings::Settings;
use super::{load, select};
use crate::definition::Loaded;
use crate::engine::{self, Answer, Engine, Outcome, OutputSink, Response, RunOptions, emulator};
use crate::fs;
use crate::pipeline::{self, Built, Context, Options};
use crate::project::{Architecture, Function};
use crate::sample_event;

pub(super) async fn run(
    arguments: InvokeArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, Failure> {
    let InvokeArguments { function, event, as_lambda, rie, resolution } = arguments;
    let loaded = load(settings, terminal)?;
    let function = one(&loaded, function, resolution.arch)?;
    let event = read_event(&event, &settings.directory)?;
    let context = Access::of(&resolution).context(settings, terminal, &loaded)?;
    // Not before the event is read: while limg waits for standard input, it could not take note of an interrupt.
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
    invoke(&engine, &run, event, interrupt, settings.format, terminal).await
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

/// Reads the event: a sample, a file, standard input, or the argument itself.
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

async fn invoke(
    engine: &Engine,
    run: &RunOptions,
    event: Vec<u8>,
    mut interrupt: Interrupt,
    format: Format,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, Failure> {
    let log = Arc::new(Mutex::new(Log::new(terminal.is_verbose())));
    let (sink, lines) = (Arc::clone(terminal), Arc::clone(&log));
    let output: OutputSink = Arc::new(move |stream, bytes| sink.log(&lock(&lines).push(stream, bytes)));
    let outcome = engine.invoke(run, event, &output, interrupt.wait()).await;
    terminal.log(&lock(&log).rest());
    let (response, took, out_of_memory) = match outcome {
        Ok(Outcome::Cancelled) => return Ok(ExitCode::from(INTERRUPTED)),
        Ok(Outcome::Answered { response, took, out_of_memory }) => (response, took, out_of_memory),
        Err(error) => {
            terminal.log(&lock(&log).held());
            return Err(Failure::Engine(error));
        }
    };
    let succeeded = response.answer == Answer::Success;
    if succeeded {
        terminal.log(&lock(&log).held());
    }
    match format {
        Format::Human => terminal.result_bytes(&line(&response.body)),
        Format::Json => terminal.json(&Report::of(run, &response, took)),
    }
    let mut told = vec![summary(&response.answer, took, run.timeout)];
    if out_of_memory {
        told.push(format!("help: it ran out of its memory of {} MB; give it more by `memory`", run.memory));
    } else if let Some(help) = response.help {
        told.push(format!("help: {help}"));
    }
    for line in told {
        if succeeded {
            terminal.status(&line);
        } else {
            terminal.fault(&line);
        }
    }
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The answer as whole lines. An emulator that says nothing is no empty line.
fn line(body: &[u8]) -> Vec<u8> {
    let mut line = body.to_vec();
    if !line.is_empty() && !line.ends_with(b"\n") {
        line.push(b'\n');
    }
    line
}

fn summary(answer: &Answer, took: Duration, timeout: u32) -> String {
    let seconds = took.as_secs_f64();
    match answer {
        Answer::Success => format!("answered in {seconds:.2} s, start included"),
        Answer::FunctionError { error_type, message } => {
            let reason = message.lines().next().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("function error `{error_type}` after {seconds:.2} s{reason}")
        }
        Answer::TimedOut => format!("timed out after {seconds:.2} s; its `timeout` is {timeout} s"),
    }
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Report<'a> {
    function: &'a str,
    status: &'static str,
    /// Nothing where there is no error.
    error_type: Option<&'a str>,
    error_message: Option<&'a str>,
    /// What the function answered, in its own words if they are JSON.
    response: Option<Box<RawValue>>,
    duration_ms: u64,
    image_id: &'a str,
}

impl<'a> Report<'a> {
    fn of(run: &'a RunOptions, response: &'a Response, took: Duration) -> Self {
        let (status, error) = match &response.answer {
            Answer::Success => ("success", None),
            Answer::FunctionError { error_type, message } => ("function_error", Some((error_type, message))),
            Answer::TimedOut => ("timeout", None),
        };
        let text = String::from_utf8_lossy(&response.body);
        let value = serde_json::from_str(&text).or_else(|_| to_raw_value(&text));
        Self {
            function: &run.function,
            status,
            error_type: error.map(|(error_type, _)| error_type.as_str()),
            error_message: error.map(|(_, message)| message.as_str()),
            response: value.ok().filter(|_| !text.is_empty()),
            duration_ms: took.as_millis().try_into().unwrap_or(u64::MAX),
            image_id: &run.image,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::project::{Architecture, RunConfig};

    fn report(body: &str, answer: Answer) -> Value {
        let run = RunOptions {
            image: "sha256:1".to_owned(),
            architecture: Architecture::X86_64,
            run: RunConfig::default(),
            function: "orders".to_owned(),
            timeout: 3,
            memory: 128,
            emulator: None,
            as_lambda: false,
            environment: Vec::new(),
        };
        let response = Response { body: body.as_bytes().to_vec(), answer, help: None };
        let report = Report::of(&run, &response, Duration::from_millis(1250));
        serde_json::from_str(&serde_json::to_string_pretty(&report).unwrap()).unwrap()
    }

    #[test]
    fn an_event_may_be_a_sample() {
        let event = read_event("@s3-put", Path::new("/")).unwrap();
        assert_eq!(event, sample_event::find("s3-put").unwrap().json.as_bytes());
        assert!(
            matches!(read_event("@s3", Path::new("/")), Err(Failure::UnknownEvent(name)) if name == "s3")
        );
    }

    #[test]
    fn a_report_holds_the_answer_as_it_is() {
        let expected = json!({
            "function": "orders", "status": "success", "error_type": null, "error_message": null,
            "response": { "total": [1, 2] }, "duration_ms": 1250, "image_id": "sha256:1",
        });
        assert_eq!(report("{\"total\":\n [1, 2]}\n", Answer::Success), expected);
        for (body, expected) in
            [("null", Value::Null), ("", Value::Null), ("\"x\"", json!("x")), ("not JSON", json!("not JSON"))]
        {
            assert_eq!(report(body, Answer::Success)["response"], expected, "{body}");
        }
        let error = |error_type: &str| Answer::FunctionError {
            error_type: error_type.to_owned(),
            message: "no\nluck".to_owned(),
        };
        let failed = report("", error("Runtime.ExitError"));
        assert_eq!(
            (&failed["status"], &failed["error_type"], &failed["error_message"], &failed["response"]),
            (&json!("function_error"), &json!("Runtime.ExitError"), &json!("no\nluck"), &Value::Null)
        );
        assert_eq!(report("Task timed out", Answer::TimedOut)["status"], "timeout");
    }

    #[test]
    fn a_summary_is_one_line() {
        let error =
            |message: &str| Answer::FunctionError { error_type: "E".to_owned(), message: message.to_owned() };
        let took = Duration::from_millis(1250);
        for (answer, expected) in [
            (Answer::Success, "answered in 1.25 s, start included"),
            (error("no\nluck"), "function error `E` after 1.25 s: no"),
            (error(""), "function error `E` after 1.25 s"),
            (Answer::TimedOut, "timed out after 1.25 s; its `timeout` is 3 s"),
        ] {
            assert_eq!(summary(&answer, took, 3), expected);
        }
        assert_eq!((line(b""), line(b"{}"), line(b"{}\n")), (vec![], b"{}\n".to_vec(), b"{}\n".to_vec()));
    }
}
