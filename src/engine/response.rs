//! Interprets the emulator's response to an invocation.
//!
//! The emulator reports less than Lambda: when a function fails, the status is 200 and the header
//! `X-Amz-Function-Error` is missing, so only the body shows it (aws-lambda-runtime-interface-emulator,
//! rie/handlers.go).

use serde_json::{Map, Value};

use super::EngineError;
use super::emulator_log::{FatalError, timeout_help};
use super::failure_help::error_help;

/// The keys of an error in JSON, as the runtimes of all languages and the emulator itself write it.
const ERROR_KEYS: [&str; 8] =
    ["errorMessage", "errorType", "stackTrace", "requestId", "cause", "causes", "trace", "traces"];

/// The emulator's response over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EmulatorResponse {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// A function's response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The body. It is empty if the function could not be started; Lambda would send an error in JSON.
    pub body: Vec<u8>,
    /// Whether the function succeeded.
    pub outcome: Outcome,
    /// What to do about a failure whose message does not explain it.
    pub help: Option<String>,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The body is the function's result.
    Success,
    /// The function failed or could not be started. A result that looks exactly like an error counts as one.
    FunctionError {
        /// The type of error, as in `Runtime.ImportModuleError`, or the name of an exception.
        error_type: String,
        /// The runtime's message.
        message: String,
    },
    /// The function took longer than its timeout.
    TimedOut,
}

/// Interprets the emulator's response to an invocation, given the emulator's log of it.
pub(super) fn interpret(response: EmulatorResponse, log: &str) -> Result<Response, EngineError> {
    let EmulatorResponse { status, body } = response;
    let fatal = if status == 200 { None } else { FatalError::find(log) };
    let outcome = match (function_error(&body), fatal) {
        // Even if the function responded: in Lambda, an extension that exits ends the invocation.
        (_, Some(FatalError { error_type, message })) if error_type.starts_with("Extension.") => {
            Outcome::FunctionError { error_type, message }
        }
        (Some(error), _) => error,
        (None, Some(FatalError { error_type, message })) => Outcome::FunctionError { error_type, message },
        (None, None) if status != 200 => {
            let text = String::from_utf8_lossy(&body).trim().to_owned();
            return Err(EngineError::Emulator { status, text });
        }
        (None, None) if is_timeout(&body) => Outcome::TimedOut,
        (None, None) => Outcome::Success,
    };
    let help = match &outcome {
        Outcome::Success => None,
        Outcome::FunctionError { error_type, message } => error_help(error_type, message),
        Outcome::TimedOut => timeout_help(log),
    };
    Ok(Response { body, outcome, help: help.map(str::to_owned) })
}

/// The error in a body, if the body has no other keys than those of an error.
fn function_error(body: &[u8]) -> Option<Outcome> {
    let error: Map<String, Value> = serde_json::from_slice(body).ok()?;
    if error.keys().any(|key| !ERROR_KEYS.contains(&key.as_str())) {
        return None;
    }
    let error_type = error.get("errorType")?.as_str()?.to_owned();
    // Java's exceptions may have no message.
    let message = match error.get("errorMessage") {
        None | Some(Value::Null) => "",
        Some(message) => message.as_str()?,
    };
    if error_type == "Sandbox.Timedout" {
        return Some(Outcome::TimedOut);
    }
    // `RequestId: … Error: …` is how Lambda and the emulator write errors that are not the function's own.
    let own = message.strip_prefix("RequestId: ").and_then(|rest| rest.split_once(" Error: "));
    let message = own.map_or(message, |(_, own)| own).to_owned();
    Some(Outcome::FunctionError { error_type, message })
}

/// Whether a body is `Task timed out after N.NN seconds`, which is not JSON and hence not a result.
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

    fn error(error_type: &str, message: &str) -> Outcome {
        Outcome::FunctionError { error_type: error_type.to_owned(), message: message.to_owned() }
    }

    #[test]
    fn the_body_determines_the_outcome() {
        let cases = [
            (200, r#"{"total": 3}"#, Outcome::Success),
            (200, "", Outcome::Success),
            (200, "null", Outcome::Success),
            (200, "not JSON", Outcome::Success),
            (200, r#"{"errorMessage": "a field of the result"}"#, Outcome::Success),
            (200, r#"{"errorType": 4, "errorMessage": "x"}"#, Outcome::Success),
            (200, r#"{"errorType": "E", "errorMessage": "x", "statusCode": 400}"#, Outcome::Success),
            (200, r#"[{"errorType": "E", "errorMessage": "x"}]"#, Outcome::Success),
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
            (200, "Task timed out after 3.00 seconds", Outcome::TimedOut),
            (200, "Task timed out after 3.00 seconds\n", Outcome::TimedOut),
            (200, "Task timed out after all seconds", Outcome::Success),
            (200, "\"Task timed out after 3.00 seconds\"", Outcome::Success),
            (200, r#"{"errorType":"Sandbox.Timedout","errorMessage":"x"}"#, Outcome::TimedOut),
        ];
        for (status, body, expected) in cases {
            let response = interpret(response(status, body), "").unwrap();
            assert_eq!(response.outcome, expected, "{status} {body}");
            assert_eq!(response.body, body.as_bytes());
        }
    }

    fn response(status: u16, body: &str) -> EmulatorResponse {
        EmulatorResponse { status, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_failure_of_the_emulator_is_not_a_function_error() {
        for (status, body) in [(400, "busy"), (500, ""), (502, r#"{"total": 3}"#)] {
            let error = interpret(response(status, body), "a line of the function").unwrap_err();
            assert!(matches!(error, EngineError::Emulator { .. }), "{error}");
            assert!(!error.to_string().ends_with(' '), "{error}");
        }
    }

    #[test]
    fn a_fatal_error_in_the_log_is_a_function_error() {
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
            // The runtime's own error explains more than the emulator's.
            (import_error, "Runtime.ExitError", "exit status 1", error("Runtime.ImportModuleError", "x")),
            // An extension that exits ends the invocation, even if the function responds.
            (
                r#"{"total": 3}"#,
                "Extension.Crash",
                "exit status 4",
                error("Extension.Crash", "exit status 4"),
            ),
            (import_error, "Extension.Crash", "exit status 4", error("Extension.Crash", "exit status 4")),
        ];
        for (body, error_type, reason, expected) in cases {
            let response = interpret(response(502, body), &log(error_type, reason)).unwrap();
            assert_eq!(response.outcome, expected);
            assert_eq!(response.body, body.as_bytes(), "the body is the emulator's");
        }
        // With status 200, a fatal error in the log had no consequence.
        let response = interpret(response(200, "3"), &log("Extension.Crash", "exit status 4")).unwrap();
        assert_eq!(response.outcome, Outcome::Success);
    }

    #[test]
    fn common_errors_have_help() {
        let cases = [
            ("Runtime.ExitError", "Runtime exited with error: exit status 127", "AWS_LAMBDA_EXEC_WRAPPER"),
            ("Runtime.ExitError", "Runtime exited with error: signal: killed", "memory"),
            ("Runtime.ExitError", "Runtime exited without providing a reason", "request"),
            ("Runtime.InvalidEntrypoint", "fork/exec /b: no such file or directory", "linked"),
            ("Runtime.InvalidEntrypoint", "fork/exec /b: exec format error", "architecture"),
            ("Runtime.InvalidEntrypoint", "fork/exec /b: permission denied", "executable"),
            ("OSError", "[Errno 30] Read-only file system: '/var/task/x'", "/tmp"),
            ("Error", "EROFS: read-only file system, open '/var/task/x'", "/tmp"),
            ("Function.ResponseSizeTooLarge", "Response payload size exceeded", "S3"),
            ("Runtime.ExitError", "Runtime exited with error: exit status 1", ""),
            ("Extension.Crash", "extension `x`: exit code 0", "until it receives SHUTDOWN"),
            ("Extension.Crash", "extension `x`: exit status 3", ""),
            // About a program that the function itself started.
            ("CalledProcessError", "make ended with exit status 127", ""),
            ("Error", "boom", ""),
        ];
        for (error_type, message, words) in cases {
            let message = format!("RequestId: 1 Error: {message}");
            let body = serde_json::json!({ "errorType": error_type, "errorMessage": message }).to_string();
            let help = interpret(response(200, &body), "").unwrap().help;
            assert_eq!(help.is_none(), words.is_empty(), "{message}: {help:?}");
            assert!(help.as_deref().unwrap_or_default().contains(words), "{message}: {help:?}");
        }
    }
}
