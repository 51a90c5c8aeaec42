//! What a user sees of invocations: responses as results, everything else as log lines.

use std::cell::Cell;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::container_log::ContainerLog;
use crate::cli::args::Format;
use crate::cli::render::Terminal;
use crate::cli::units::seconds;
use crate::engine::{
    FunctionStart, Invocation, Outcome, OutputSink, RunOptions, RunningFunction, Sandbox, TelemetrySubscriber,
};
use crate::sync::lock;

/// Reports the invocations of one container.
pub(super) struct InvocationReport<'a> {
    run: &'a RunOptions,
    /// Whether more than one response is possible: each is then a JSON document on a line of its own.
    several: bool,
    terminal: &'a Arc<Terminal>,
    log: Arc<Mutex<ContainerLog>>,
    failed: Cell<bool>,
}

impl<'a> InvocationReport<'a> {
    pub(super) fn new(run: &'a RunOptions, several: bool, terminal: &'a Arc<Terminal>) -> Self {
        let log = Arc::new(Mutex::new(ContainerLog::new(terminal.is_verbose())));
        Self { run, several, terminal, log, failed: Cell::new(false) }
    }

    /// Where the container's output goes.
    pub(super) fn output(&self) -> OutputSink {
        let (terminal, log) = (Arc::clone(self.terminal), Arc::clone(&self.log));
        Arc::new(move |stream, bytes| terminal.container_output(&lock(&log).push(stream, bytes)))
    }

    /// Shows the unfinished lines of a container that has ended.
    pub(super) fn end_of_output(&self) {
        self.terminal.container_output(&lock(&self.log).rest());
    }

    /// Reports an invocation. `out_of_memory`: whether it is known to have reached the memory limit.
    pub(super) fn invocation(&self, invocation: &Invocation, out_of_memory: bool) {
        let Invocation { response, duration: took, start } = invocation;
        let succeeded = response.outcome == Outcome::Success;
        let held = lock(&self.log).take_held();
        if succeeded {
            self.terminal.container_output(&held);
        } else {
            self.failed.set(true);
        }
        match self.terminal.format() {
            Format::Json => {
                let report = JsonReport::of(self.run, invocation);
                let report = self.terminal.with_findings(&report);
                if self.several {
                    self.terminal.print_json_line(&report);
                } else {
                    self.terminal.print_json(&report);
                }
            }
            _ => self.terminal.print_bytes(&with_line_end(&response.body)),
        }
        let mut lines = vec![summary(&response.outcome, *took, *start, self.run.timeout)];
        let memory = self.run.memory;
        let is_killed = matches!(&response.outcome, Outcome::FunctionError { message, .. }
            if message.ends_with("signal: killed"));
        if out_of_memory && !succeeded {
            lines.push(format!("help: the function ran out of memory; increase its `memory` of {memory} MB"));
        } else if is_killed && self.run.sandbox != Sandbox::Relaxed {
            lines.push(format!(
                "help: the kernel killed the function, most often because it ran out of memory; increase its `memory` of \
                 {memory} MB"
            ));
        } else if let Some(help) = &response.help {
            lines.push(format!("help: {help}"));
        }
        for line in lines {
            if succeeded {
                self.terminal.status(&line);
            } else {
                self.terminal.essential(&line);
            }
        }
    }

    /// Reports an invocation, if there was one, of a container that still runs.
    pub(super) fn invocation_of_running(&self, invocation: Option<Invocation>) {
        if let Some(invocation) = invocation {
            self.invocation(&invocation, false);
        }
    }

    /// The extensions that [`InvocationReport::subscribers`] reports. Does not look for them with `--quiet`.
    pub(super) async fn find_subscribers(&self, session: &RunningFunction<'_>) -> Vec<TelemetrySubscriber> {
        if self.terminal.is_quiet() { Vec::new() } else { session.telemetry_subscribers().await }
    }

    /// Reports extensions that use an API that the emulator does not provide.
    pub(super) fn subscribers(&self, subscribers: &[TelemetrySubscriber]) {
        for TelemetrySubscriber { file, api } in subscribers {
            self.terminal.status(&format!(
                "note: `{file}` seems to use the {api}, which the emulator does not provide; it works only in Lambda"
            ));
        }
    }

    /// From now on shows failures in the emulator's words: other clients may invoke the function, and limg does not
    /// see the responses.
    pub(super) fn show_failures(&self) {
        self.terminal.container_output(&lock(&self.log).show_failures());
    }

    /// Reports where the function waits for a debugger, if it does. `host` is where published ports can be reached.
    pub(super) fn waits_for_debugger(&self, host: &str) {
        if let Some((_, port)) = self.run.debugger {
            self.terminal
                .essential(&format!("`{}` waits for a debugger at {host}:{port}", self.run.function));
        }
    }

    /// Reports where the function can be invoked.
    pub(super) fn is_up(&self, url: &str) {
        self.terminal.essential(&format!("`{}` runs until Ctrl-C, at {url}", self.run.function));
        self.terminal.status(&format!("  curl -d '{{}}' {url}"));
    }

    /// Reports that no response arrived: shows what the emulator printed about it, and how many events were not sent.
    pub(super) fn unsent(&self, unsent: usize, all: usize) {
        self.terminal.container_output(&lock(&self.log).take_held());
        if unsent > 0 {
            self.terminal.essential(&format!("{unsent} of {all} events were not sent"));
        }
    }

    /// 1 if any invocation failed.
    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(self.failed.get()))
    }
}

/// A response as whole lines. An empty response, from an emulator that sends none, stays empty.
fn with_line_end(body: &[u8]) -> Vec<u8> {
    let mut line = body.to_vec();
    if !line.is_empty() && !line.ends_with(b"\n") {
        line.push(b'\n');
    }
    line
}

fn summary(answer: &Outcome, took: Duration, start: FunctionStart, timeout: u32) -> String {
    let took = seconds(took);
    match answer {
        Outcome::Success => match start {
            FunctionStart::Cold(init) => format!("answered in {took} (init {})", seconds(init)),
            FunctionStart::Warm => format!("answered in {took} (warm)"),
            FunctionStart::Unknown => format!("answered in {took}"),
        },
        Outcome::FunctionError { error_type, message } => {
            let reason = message.lines().next().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("function error `{error_type}` after {took}{reason}")
        }
        Outcome::TimedOut => format!("timed out after {took}; its `timeout` is {timeout} s"),
    }
}

/// What `--format json` prints.
#[derive(Serialize)]
struct JsonReport<'a> {
    function: &'a str,
    status: &'static str,
    error_type: Option<&'a str>,
    error_message: Option<&'a str>,
    /// The response itself if it is JSON, otherwise as a JSON string.
    response: Option<Box<RawValue>>,
    duration_ms: u64,
    /// How much of that the start of the function took. None if it was running, or the emulator did not report it.
    init_ms: Option<u64>,
    image_id: &'a str,
}

impl<'a> JsonReport<'a> {
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
    use crate::engine::emulator::Emulator;
    use crate::engine::{NetworkOptions, Response, Sandbox};
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
            emulator: Emulator::InImage("/usr/local/bin/aws-lambda-rie".to_owned()),
            has_tmp: true,
            sandbox: Sandbox::default(),
            network: NetworkOptions::default(),
            debugger: None,
            port: None,
            environment: Vec::new(),
        };
        let response = Response { body: body.as_bytes().to_vec(), outcome: answer, help: None };
        let start = FunctionStart::Cold(Duration::from_micros(310_900));
        let took = Duration::from_millis(1250);
        let invocation = Invocation { response, duration: took, start };
        let report = JsonReport::of(&run, &invocation);
        serde_json::from_str(&serde_json::to_string_pretty(&report).unwrap()).unwrap()
    }

    #[test]
    fn a_report_contains_the_response_unchanged() {
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
        assert_eq!(
            (with_line_end(b""), with_line_end(b"{}"), with_line_end(b"{}\n")),
            (vec![], b"{}\n".to_vec(), b"{}\n".to_vec())
        );
    }
}
