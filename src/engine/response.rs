//! What an answer of the emulator means.
//!
//! The emulator says less than Lambda: a function that fails is answered with status 200 and without the header
//! `X-Amz-Function-Error`, so that only the body tells (aws-lambda-runtime-interface-emulator, rie/handlers.go).

use serde_json::{Map, Value};

use super::EngineError;

/// The keys of an error as the runtimes of all languages and the emulator itself write it.
const ERROR_KEYS: [&str; 8] =
    ["errorMessage", "errorType", "stackTrace", "requestId", "cause", "causes", "trace", "traces"];

/// What a function answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The bytes of the answer.
    pub body: Vec<u8>,
    /// What they are.
    pub answer: Answer,
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

impl Response {
    /// What an error's text hints at, for faults whose text says little.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        let Answer::FunctionError { message, .. } = &self.answer else { return None };
        exit_status_help(message.rsplit_once("exit status ")?.1.trim().parse().ok()?)
    }
}

/// What is known of the exit statuses of entry scripts and bootstraps.
pub(super) fn exit_status_help(status: i64) -> Option<&'static str> {
    match status {
        142 => Some("the image's CMD must be exactly one word, the handler"),
        127 => Some(
            "a program is not there: check `AWS_LAMBDA_EXEC_WRAPPER`, the entry point and their `#!` lines",
        ),
        126 => Some(
            "a program cannot be executed: check the modes of `AWS_LAMBDA_EXEC_WRAPPER` and the entry point",
        ),
        137 => Some("the process was killed, as the kernel does where `memory` does not suffice"),
        _ => None,
    }
}

/// Tells what the emulator's answer to an invocation is.
pub(super) fn classify(status: u16, body: Vec<u8>) -> Result<Response, EngineError> {
    let answer = match function_error(&body) {
        Some(error) => error,
        None if status != 200 => {
            return Err(EngineError::Emulator {
                status,
                text: String::from_utf8_lossy(&body).trim().to_owned(),
            });
        }
        None if is_timeout(&body) => Answer::TimedOut,
        None => Answer::Success,
    };
    Ok(Response { body, answer })
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
        None | Some(Value::Null) => String::new(),
        Some(message) => message.as_str()?.to_owned(),
    };
    if error_type == "Sandbox.Timedout" {
        return Some(Answer::TimedOut);
    }
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
            (200, "Task timed out after 3.00 seconds", Answer::TimedOut),
            (200, "Task timed out after 3.00 seconds\n", Answer::TimedOut),
            (200, "Task timed out after all seconds", Answer::Success),
            (200, "\"Task timed out after 3.00 seconds\"", Answer::Success),
            (200, r#"{"errorType":"Sandbox.Timedout","errorMessage":"x"}"#, Answer::TimedOut),
        ];
        for (status, body, expected) in cases {
            let response = classify(status, body.as_bytes().to_vec()).unwrap();
            assert_eq!(response.answer, expected, "{status} {body}");
            assert_eq!(response.body, body.as_bytes());
        }
    }

    #[test]
    fn an_emulator_that_fails_is_not_a_function_that_fails() {
        for (status, body) in [(400, "busy"), (500, ""), (502, r#"{"total": 3}"#)] {
            let error = classify(status, body.as_bytes().to_vec()).unwrap_err();
            assert!(matches!(error, EngineError::Emulator { .. }), "{error}");
        }
    }

    #[test]
    fn telling_exit_statuses_are_explained() {
        let failed = |message: &str| {
            let body = format!(r#"{{"errorType":"Runtime.ExitError","errorMessage":"{message}"}}"#);
            classify(200, body.into_bytes()).unwrap()
        };
        let message = "RequestId: 1 Error: Runtime exited with error: exit status 127";
        assert!(failed(message).help().unwrap().contains("AWS_LAMBDA_EXEC_WRAPPER"));
        assert_eq!(failed("Runtime exited with error: exit status 1").help(), None);
        assert_eq!(failed("boom").help(), None);
    }
}
