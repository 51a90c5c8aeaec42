//! What a user sees of invocations: the answers as results, everything else as the log.

use std::cell::Cell;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::super::args::Format;
use super::super::log::Log;
use super::super::render::Terminal;
use crate::engine::{
    FunctionStart, Invocation, Outcome, OutputSink, RunOptions, RunningFunction, TelemetrySubscriber,
};

/// Tells what comes of the invocations of one container.
pub(super) struct Told<'a> {
    run: &'a RunOptions,
    format: Format,
    /// Whether there may be several answers: a line each is then a document.
    several: bool,
    terminal: &'a Arc<Terminal>,
    log: Arc<Mutex<Log>>,
    failed: Cell<bool>,
}

impl<'a> Told<'a> {
    pub(super) fn new(
        run: &'a RunOptions,
        format: Format,
        several: bool,
        terminal: &'a Arc<Terminal>,
    ) -> Self {
        let log = Arc::new(Mutex::new(Log::new(terminal.is_verbose())));
        Self { run, format, several, terminal, log, failed: Cell::new(false) }
    }

    /// Takes what the container prints.
    pub(super) fn output(&self) -> OutputSink {
        let (terminal, log) = (Arc::clone(self.terminal), Arc::clone(&self.log));
        Arc::new(move |stream, bytes| terminal.log(&lock(&log).push(stream, bytes)))
    }

    /// Takes note that the container prints nothing more.
    pub(super) fn end_of_output(&self) {
        self.terminal.log(&lock(&self.log).rest());
    }

    /// Tells of an invocation. `out_of_memory`: whether the memory limit is known to have been reached.
    pub(super) fn invocation(&self, invocation: &Invocation, out_of_memory: bool) {
        let Invocation { response, duration: took, start } = invocation;
        let succeeded = response.outcome == Outcome::Success;
        let held = lock(&self.log).held();
        if succeeded {
            self.terminal.log(&held);
        } else {
            self.failed.set(true);
        }
        match self.format {
            Format::Human => self.terminal.result_bytes(&line(&response.body)),
            Format::Json if self.several => self.terminal.json_line(&Report::of(self.run, invocation)),
            Format::Json => self.terminal.json(&Report::of(self.run, invocation)),
        }
        let mut lines = vec![summary(&response.outcome, *took, *start, self.run.timeout)];
        if out_of_memory && !succeeded {
            let memory = self.run.memory;
            lines.push(format!("help: it ran out of its memory of {memory} MB; give it more by `memory`"));
        } else if let Some(help) = &response.help {
            lines.push(format!("help: {help}"));
        }
        for line in lines {
            if succeeded {
                self.terminal.status(&line);
            } else {
                self.terminal.fault(&line);
            }
        }
    }

    /// What [`Told::subscribers`] is to tell: nothing where nobody wants to know.
    pub(super) async fn search(&self, session: &RunningFunction<'_>) -> Vec<TelemetrySubscriber> {
        if self.terminal.is_quiet() { Vec::new() } else { session.telemetry_subscribers().await }
    }

    /// Tells of extensions that want what the emulator does not have.
    pub(super) fn subscribers(&self, subscribers: &[TelemetrySubscriber]) {
        for TelemetrySubscriber { file, api } in subscribers {
            self.terminal.status(&format!(
                "note: `{file}` has the path of the {api} in it, which the emulator does not have: what it subscribes to there, it gets in Lambda only"
            ));
        }
    }

    /// Tells of an invocation, if there was one, whose container goes on.
    pub(super) fn all(&self, invocation: Option<Invocation>) {
        if let Some(invocation) = invocation {
            self.invocation(&invocation, false);
        }
    }

    /// Takes note that others may invoke the function, whose answers limg does not see.
    pub(super) fn is_for_others(&self) {
        self.terminal.log(&lock(&self.log).show_failures());
    }

    /// Tells where the function can be invoked.
    pub(super) fn is_up(&self, url: &str) {
        self.terminal.fault(&format!("`{}` is up until Ctrl-C, at {url}", self.run.function));
        self.terminal.status(&format!("  curl -d '{{}}' {url}"));
    }

    /// Tells that there is no answer: what the emulator said is then all that there is, and `unsent` of all events were
    /// not sent.
    pub(super) fn unsent(&self, unsent: usize, all: usize) {
        self.terminal.log(&lock(&self.log).held());
        if unsent > 0 {
            self.terminal.fault(&format!("{unsent} of {all} events were not sent"));
        }
    }

    /// 1 if any invocation failed.
    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(self.failed.get()))
    }
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

fn summary(answer: &Outcome, took: Duration, start: FunctionStart, timeout: u32) -> String {
    let seconds = took.as_secs_f64();
    match answer {
        Outcome::Success => match start {
            FunctionStart::Cold(init) => {
                format!("answered in {seconds:.2} s (init {:.2} s)", init.as_secs_f64())
            }
            FunctionStart::Warm => format!("answered in {seconds:.2} s (warm)"),
            FunctionStart::Unknown => format!("answered in {seconds:.2} s"),
        },
        Outcome::FunctionError { error_type, message } => {
            let reason = message.lines().next().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("function error `{error_type}` after {seconds:.2} s{reason}")
        }
        Outcome::TimedOut => format!("timed out after {seconds:.2} s; its `timeout` is {timeout} s"),
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
    /// How much of that the start of the function took; nothing where it was running, or the emulator did not say.
    init_ms: Option<u64>,
    image_id: &'a str,
}

impl<'a> Report<'a> {
    fn of(run: &'a RunOptions, invocation: &'a Invocation) -> Self {
        let Invocation { response, duration: took, start } = invocation;
        let (status, error) = match &response.outcome {
            Outcome::Success => ("success", None),
            Outcome::FunctionError { error_type, message } => ("function_error", Some((error_type, message))),
            Outcome::TimedOut => ("timeout", None),
        };
        let text = String::from_utf8_lossy(&response.body);
        let value = serde_json::from_str(&text).or_else(|_| to_raw_value(&text));
        Self {
            function: &run.function,
            status,
            error_type: error.map(|(error_type, _)| error_type.as_str()),
            error_message: error.map(|(_, message)| message.as_str()),
            response: value.ok().filter(|_| !text.is_empty()),
            duration_ms: milliseconds(*took),
            init_ms: if let FunctionStart::Cold(init) = start { Some(milliseconds(*init)) } else { None },
            image_id: &run.image,
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::Response;
    use crate::project::{Architecture, RunConfig};

    fn report(body: &str, answer: Outcome) -> Value {
        let run = RunOptions {
            image: "sha256:1".to_owned(),
            architecture: Architecture::X86_64,
            run: RunConfig::default(),
            function: "orders".to_owned(),
            project: "shop".to_owned(),
            timeout: 3,
            memory: 128,
            emulator: None,
            as_lambda: false,
            port: None,
            environment: Vec::new(),
        };
        let response = Response { body: body.as_bytes().to_vec(), outcome: answer, help: None };
        let start = FunctionStart::Cold(Duration::from_micros(310_900));
        let took = Duration::from_millis(1250);
        let invocation = Invocation { response, duration: took, start };
        let report = Report::of(&run, &invocation);
        serde_json::from_str(&serde_json::to_string_pretty(&report).unwrap()).unwrap()
    }

    #[test]
    fn a_report_holds_the_answer_as_it_is() {
        let expected = json!({
            "function": "orders", "status": "success", "error_type": null, "error_message": null,
            "response": { "total": [1, 2] }, "duration_ms": 1250, "init_ms": 310, "image_id": "sha256:1",
        });
        assert_eq!(report("{\"total\":\n [1, 2]}\n", Outcome::Success), expected);
        for (body, expected) in
            [("null", Value::Null), ("", Value::Null), ("\"x\"", json!("x")), ("not JSON", json!("not JSON"))]
        {
            assert_eq!(report(body, Outcome::Success)["response"], expected, "{body}");
        }
        let error = |error_type: &str| Outcome::FunctionError {
            error_type: error_type.to_owned(),
            message: "no\nluck".to_owned(),
        };
        let failed = report("", error("Runtime.ExitError"));
        assert_eq!(
            (&failed["status"], &failed["error_type"], &failed["error_message"], &failed["response"]),
            (&json!("function_error"), &json!("Runtime.ExitError"), &json!("no\nluck"), &Value::Null)
        );
        assert_eq!(report("Task timed out", Outcome::TimedOut)["status"], "timeout");
    }

    #[test]
    fn a_summary_is_one_line() {
        let error = |message: &str| Outcome::FunctionError {
            error_type: "E".to_owned(),
            message: message.to_owned(),
        };
        let took = Duration::from_millis(1250);
        let cold = FunctionStart::Cold(Duration::from_millis(310));
        for (answer, start, expected) in [
            (Outcome::Success, cold, "answered in 1.25 s (init 0.31 s)"),
            (Outcome::Success, FunctionStart::Warm, "answered in 1.25 s (warm)"),
            (Outcome::Success, FunctionStart::Unknown, "answered in 1.25 s"),
            (error("no\nluck"), cold, "function error `E` after 1.25 s: no"),
            (error(""), FunctionStart::Warm, "function error `E` after 1.25 s"),
            (Outcome::TimedOut, cold, "timed out after 1.25 s; its `timeout` is 3 s"),
        ] {
            assert_eq!(summary(&answer, took, start, 3), expected);
        }
        assert_eq!((line(b""), line(b"{}"), line(b"{}\n")), (vec![], b"{}\n".to_vec(), b"{}\n".to_vec()));
    }
}
