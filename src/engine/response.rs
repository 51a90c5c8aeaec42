//! What an answer of the emulator means.
//!
//! The emulator says less than Lambda: a function that fails is answered with status 200 and without the header
//! `X-Amz-Function-Error`, so that only the body tells (aws-lambda-runtime-interface-emulator, rie/handlers.go).

use serde_json::{Map, Value};

use super::EngineError;
use super::emulator_log::{Fault, timeout_help};

/// The keys of an error as the runtimes of all languages and the emulator itself write it.
const ERROR_KEYS: [&str; 8] =
    ["errorMessage", "errorType", "stackTrace", "requestId", "cause", "causes", "trace", "traces"];

/// What the emulator says to an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// The HTTP status.
    pub(super) status: u16,
    /// The bytes.
    pub(super) body: Vec<u8>,
}

/// What a function answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The bytes of the answer. None if the function could not be started: Lambda would answer with an error in JSON.
    pub body: Vec<u8>,
    /// What they are.
    pub answer: Answer,
    /// How to mend a fault whose text says little.
    pub help: Option<String>,
}

/// The kinds of answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The function's result.
    Success,
    /// The function failed, or could not be started. A result that looks exactly like an error counts as one.
    FunctionError {
        /// The kind of error, such as `Runtime.ImportModuleError` or the name of an exception.
        error_type: String,
        /// What the runtime says of it.
        message: String,
    },
    /// The function took longer than its timeout.
    TimedOut,
}

/// What is known of the exit statuses of entry scripts and bootstraps.
pub(super) fn exit_status_help(status: i64) -> Option<&'static str> {
    match status {
        142 => Some("the image's CMD must be exactly one word, the handler"),
        127 => Some(
            "a program is not there, or what its `#!` line or its linking names: check the entry point and \
             `AWS_LAMBDA_EXEC_WRAPPER`",
        ),
        126 => Some(
            "a program cannot be executed: check the modes of `AWS_LAMBDA_EXEC_WRAPPER` and the entry point",
        ),
        137 => Some(KILLED_HELP),
        _ => None,
    }
}

/// What it most often means that a process was killed.
const KILLED_HELP: &str = "the process was killed, as the kernel does where `memory` does not suffice";

/// What is known of errors by the text of the emulator, the kernel or the language.
fn error_help(error_type: &str, message: &str) -> Option<&'static str> {
    let says = |text: &str| message.contains(text);
    let exited = message.strip_prefix("Runtime exited with error: ");
    if let Some(status) = exited.and_then(|how| how.strip_prefix("exit status ")) {
        exit_status_help(status.trim().parse().ok()?)
    } else if exited == Some("signal: killed") {
        Some(KILLED_HELP)
    } else if says("Runtime exited without providing a reason") {
        Some("its program ended; it must ask for one event after the other until it is stopped")
    } else if says("fork/exec ") && says("no such file or directory") {
        Some(
            "if the file is there, the image lacks the interpreter in its `#!` line or the loader that it is linked to: \
             link it statically, or take a base that has them",
        )
    } else if error_type == "Extension.Crash" && message.ends_with("exit code 0") {
        Some("an extension must register, and then ask for one event after the other until it is told to end")
    } else if says("fork/exec ") && says("exec format error") {
        Some("it is built for another architecture than the function's, or is a script without a `#!` line")
    } else if says("fork/exec ") && says("permission denied") {
        Some("it is not executable, or the interpreter in its `#!` line is not")
    } else if message.to_ascii_lowercase().contains("read-only file system") {
        Some("in Lambda a function can write to `/tmp` only")
    } else if error_type == "Function.ResponseSizeTooLarge" {
        Some("put the data into S3 and answer with its key")
    } else {
        None
    }
}

/// Tells what the emulator's answer to an invocation is. `log` is what the container printed.
pub(super) fn classify(reply: Reply, log: &str) -> Result<Response, EngineError> {
    let Reply { status, body } = reply;
    let fault = if status == 200 { None } else { Fault::find(log) };
    let answer = match (function_error(&body), fault) {
        // With whatever the function answered: to Lambda an extension's end is the end of the invocation.
        (_, Some(Fault { error_type, message })) if error_type.starts_with("Extension.") => {
            Answer::FunctionError { error_type, message }
        }
        (Some(error), _) => error,
        (None, Some(Fault { error_type, message })) => Answer::FunctionError { error_type, message },
        (None, None) if status != 200 => {
            let text = String::from_utf8_lossy(&body).trim().to_owned();
            return Err(EngineError::Emulator { status, text });
        }
        (None, None) if is_timeout(&body) => Answer::TimedOut,
        (None, None) => Answer::Success,
    };
    let help = match &answer {
        Answer::Success => None,
        Answer::FunctionError { error_type, message } => error_help(error_type, message),
        Answer::TimedOut => timeout_help(log),
    };
    Ok(Response { body, answer, help: help.map(str::to_owned) })
}

/// The error that a body is, if it has nothing but the keys of one.
fn function_error(body: &[u8]) -> Option<Answer> {
    let error: Map<String, Value> = serde_json::from_slice(body).ok()?;
    if error.keys().any(|key| !ERROR_KEYS.contains(&key.as_str())) {
        return None;
    }
    let error_type = error.get("errorType")?.as_str()?.to_owned();
    // Java has exceptions without a message.
    let message = match error.get("errorMessage") {
        None | Some(Value::Null) => "",
        Some(message) => message.as_str()?,
    };
    if error_type == "Sandbox.Timedout" {
        return Some(Answer::TimedOut);
    }
    // `RequestId: … Error: …`, as Lambda and the emulator write what is not the function's own error.
    let own = message.strip_prefix("RequestId: ").and_then(|rest| rest.split_once(" Error: "));
    let message = own.map_or(message, |(_, own)| own).to_owned();
    Some(Answer::FunctionError { error_type, message })
}

/// Whether a body is `Task timed out after N.NN seconds`, which is no JSON and hence no result of a function that
/// answers in JSON.
fn is_timeout(body: &[u8]) -> bool {
    let seconds = std::str::from_utf8(body)
        .ok()
        .map(str::trim)
        .and_then(|text| text.strip_prefix("Task timed out after ")?.strip_suffix(" seconds"));
    seconds.is_some_and(|seconds| seconds.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(error_type: &str, message: &str) -> Answer {
        Answer::FunctionError { error_type: error_type.to_owned(), message: message.to_owned() }
    }

    #[test]
    fn answers_are_what_their_bodies_say() {
        let cases = [
            (200, r#"{"total": 3}"#, Answer::Success),
            (200, "", Answer::Success),
            (200, "null", Answer::Success),
            (200, "not JSON", Answer::Success),
            (200, r#"{"errorMessage": "a field of the result"}"#, Answer::Success),
            (200, r#"{"errorType": 4, "errorMessage": "x"}"#, Answer::Success),
            (200, r#"{"errorType": "E", "errorMessage": "x", "statusCode": 400}"#, Answer::Success),
            (200, r#"[{"errorType": "E", "errorMessage": "x"}]"#, Answer::Success),
            (
                200,
                r#"{"errorMessage": "boom", "errorType": "ValueError", "requestId": "1", "stackTrace": ["a"]}"#,
                error("ValueError", "boom"),
            ),
            (
                200,
                r#"{"errorType":"Error","errorMessage":"boom","trace":["Error: boom"]}"#,
                error("Error", "boom"),
            ),
            (
                200,
                r#"{"errorMessage":null,"errorType":"java.lang.NullPointerException","stackTrace":[],"cause":{}}"#,
                error("java.lang.NullPointerException", ""),
            ),
            (502, r#"{"errorType":"Runtime.ExitError","errorMessage":"x"}"#, error("Runtime.ExitError", "x")),
            (
                200,
                r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 78a0 Error: Runtime exited"}"#,
                error("Runtime.ExitError", "Runtime exited"),
            ),
            (200, "Task timed out after 3.00 seconds", Answer::TimedOut),
            (200, "Task timed out after 3.00 seconds\n", Answer::TimedOut),
            (200, "Task timed out after all seconds", Answer::Success),
            (200, "\"Task timed out after 3.00 seconds\"", Answer::Success),
            (200, r#"{"errorType":"Sandbox.Timedout","errorMessage":"x"}"#, Answer::TimedOut),
        ];
        for (status, body, expected) in cases {
            let response = classify(reply(status, body), "").unwrap();
            assert_eq!(response.answer, expected, "{status} {body}");
            assert_eq!(response.body, body.as_bytes());
        }
    }

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn an_emulator_that_fails_is_not_a_function_that_fails() {
        for (status, body) in [(400, "busy"), (500, ""), (502, r#"{"total": 3}"#)] {
            let error = classify(reply(status, body), "a line of the function").unwrap_err();
            assert!(matches!(error, EngineError::Emulator { .. }), "{error}");
            assert!(!error.to_string().ends_with(' '), "{error}");
        }
    }

    #[test]
    fn what_the_emulator_only_logs_is_the_functions_fault_too() {
        let log = |error_type: &str, reason: &str| {
            format!(
                "23 Nov 2026 16:55:32,259 [WARNING] (rapid) First fatal error stored in appctx: {error_type}\n\
                 23 Nov 2026 16:55:32,260 [ERROR] (rapid) Init failed error={reason} InvokeID=\n"
            )
        };
        let missing = "fork/exec /var/task/bootstrap: no such file or directory";
        let import_error = r#"{"errorType":"Runtime.ImportModuleError","errorMessage":"x"}"#;
        let cases = [
            ("", "Runtime.InvalidEntrypoint", missing, error("Runtime.InvalidEntrypoint", missing)),
            // The runtime knows better than the emulator why it ended.
            (import_error, "Runtime.ExitError", "exit status 1", error("Runtime.ImportModuleError", "x")),
            // An extension's end ends the invocation, whatever the function says.
            (
                r#"{"total": 3}"#,
                "Extension.Crash",
                "exit status 4",
                error("Extension.Crash", "exit status 4"),
            ),
            (import_error, "Extension.Crash", "exit status 4", error("Extension.Crash", "exit status 4")),
        ];
        for (body, error_type, reason, expected) in cases {
            let response = classify(reply(502, body), &log(error_type, reason)).unwrap();
            assert_eq!(response.answer, expected);
            assert_eq!(response.body, body.as_bytes(), "nothing that the emulator did not say");
        }
        // A log may tell of what did not matter.
        let response = classify(reply(200, "3"), &log("Extension.Crash", "exit status 4")).unwrap();
        assert_eq!(response.answer, Answer::Success);
    }

    #[test]
    fn telling_errors_are_explained() {
        let cases = [
            ("Runtime.ExitError", "Runtime exited with error: exit status 127", "AWS_LAMBDA_EXEC_WRAPPER"),
            ("Runtime.ExitError", "Runtime exited with error: signal: killed", "memory"),
            ("Runtime.ExitError", "Runtime exited without providing a reason", "ask for"),
            ("Runtime.InvalidEntrypoint", "fork/exec /b: no such file or directory", "linked"),
            ("Runtime.InvalidEntrypoint", "fork/exec /b: exec format error", "architecture"),
            ("Runtime.InvalidEntrypoint", "fork/exec /b: permission denied", "executable"),
            ("OSError", "[Errno 30] Read-only file system: '/var/task/x'", "/tmp"),
            ("Error", "EROFS: read-only file system, open '/var/task/x'", "/tmp"),
            ("Function.ResponseSizeTooLarge", "Response payload size exceeded", "S3"),
            ("Runtime.ExitError", "Runtime exited with error: exit status 1", ""),
            ("Extension.Crash", "extension `x`: exit code 0", "until it is told to end"),
            ("Extension.Crash", "extension `x`: exit status 3", ""),
            // Of a program that the function itself started.
            ("CalledProcessError", "make ended with exit status 127", ""),
            ("Error", "boom", ""),
        ];
        for (error_type, message, words) in cases {
            let message = format!("RequestId: 1 Error: {message}");
            let body = serde_json::json!({ "errorType": error_type, "errorMessage": message }).to_string();
            let help = classify(reply(200, &body), "").unwrap().help;
            assert_eq!(help.is_none(), words.is_empty(), "{message}: {help:?}");
            assert!(help.as_deref().unwrap_or_default().contains(words), "{message}: {help:?}");
        }
    }
}
