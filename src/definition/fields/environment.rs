//! Environment variables: which names and values Lambda accepts, and which do not belong in an image.
//!
//! Values never appear in a message.

use std::collections::BTreeMap;

use super::Findings;
use crate::finding::{Code, Finding, Place};
use crate::project::{Wrapper, WrapperScript};
use crate::runtime::WRAPPER_VARIABLE;
use crate::secret::looks_secret;

/// Variables that Lambda sets and that a function's configuration must not set (Lambda developer guide,
/// configuration-envvars, "Defined runtime environment variables": those marked as reserved).
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_LAMBDA_METADATA_API",
    "AWS_LAMBDA_METADATA_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// The size of all variables of a function together (Lambda developer guide, gettingstarted-limits).
const BYTES_AT_MOST: usize = 4 * 1024;

/// Whether a text is the name of a variable that Lambda does not set itself; reports it otherwise.
pub(in crate::definition) fn check_name(name: &str, at: &Place, findings: &mut Findings) -> bool {
    if let Err(VariableError { code, message, help }) = check_variable(name) {
        findings.add(Finding::error(code, at.clone(), message).help(help));
        return false;
    }
    true
}

/// Checks each variable of an environment that becomes part of an image.
pub(in crate::definition) fn check<'v>(
    at: &Place,
    variables: impl IntoIterator<Item = (&'v str, &'v str)>,
    findings: &mut Findings,
) {
    for (name, value) in variables {
        let at = at.key(name);
        if !check_name(name, &at.clone().on_key(), findings) {
            continue;
        }
        if value.contains('\0') {
            let message = format!("the value of `{name}` contains a NUL character");
            findings.add(Finding::error(Code::BadVariable, at, message));
            continue;
        }
        if let Some(placeholder) = placeholder(value) {
            let message = format!(
                "`{placeholder}` in the value of `{name}` stays as it is written: limg replaces no variables"
            );
            let warning = Finding::warning(Code::LiteralVariable, at.clone(), message);
            findings.add(warning.help(
                "write the value, or set the variable in the function's configuration; ignore this if the program \
                 replaces it",
            ));
        }
        if looks_secret(name, value) {
            let message =
                format!("`{name}` looks like a secret, and everyone who can pull the image can read it");
            let warning = Finding::warning(Code::PossibleSecret, at.on_key(), message);
            findings.add(warning.help(
                "set it in the function's configuration, or read it from Secrets Manager or Parameter Store at run time",
            ));
        }
    }
}

/// What another tool would replace in a value: `${STAGE}`, `${self:custom.stage}`, `{{resolve:ssm:/name}}`.
fn placeholder(value: &str) -> Option<&str> {
    let between = |open: &str, close: &str| {
        let start = value.find(open)?;
        let length = value[start..].find(close)?;
        Some(&value[start..start + length + close.len()])
            .filter(|found| found.len() > open.len() + close.len())
    };
    between("${", "}").or_else(|| between("{{resolve:", "}}"))
}

/// Why a variable cannot be part of a function's configuration.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct VariableError {
    pub(in crate::definition) code: Code,
    message: String,
    /// What to do about it.
    pub help: &'static str,
}

/// Checks the name of a variable.
///
/// # Errors
/// When Lambda sets the variable itself, or does not accept the name.
pub(crate) fn check_variable(name: &str) -> Result<(), VariableError> {
    if RESERVED.contains(&name) {
        let message = format!("Lambda sets `{name}` itself");
        Err(VariableError { code: Code::ReservedVariable, message, help: reserved_help(name) })
    } else if is_name(name) {
        Ok(())
    } else {
        let message = format!("`{name}` is not a valid variable name");
        let help = "use two or more letters, digits and `_`, and begin with a letter";
        Err(VariableError { code: Code::BadVariable, message, help })
    }
}

/// Warns if a function's variables, with those of its extensions, are too large for a function's configuration.
pub(in crate::definition) fn check_size<'a>(
    function: &str,
    at: Place,
    environments: impl IntoIterator<Item = &'a BTreeMap<String, String>>,
    findings: &mut Findings,
) {
    let bytes: usize = environments.into_iter().flatten().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > BYTES_AT_MOST {
        let message =
            format!("the environment of `{function}` has {bytes} bytes, but Lambda allows {BYTES_AT_MOST}");
        let warning = Finding::warning(Code::LargeEnvironment, at, message);
        findings.add(warning.help("move large values into a file of the code or a layer"));
    }
}

/// Takes the variable that names a wrapper script out of an environment, and reads it as one.
pub(in crate::definition) fn take_wrapper(
    variables: &mut BTreeMap<String, String>,
    environment: &Place,
    findings: &mut Findings,
) -> Option<Wrapper> {
    let value = variables.remove(WRAPPER_VARIABLE).filter(|value| !value.is_empty())?;
    let place = environment.key(WRAPPER_VARIABLE);
    match value.parse() {
        Ok(path) => Some(Wrapper { script: WrapperScript::InImage(path), place, is_configured: false }),
        Err(error) => {
            let message = format!("`{WRAPPER_VARIABLE}` is not a path in the image: {error}");
            let finding = Finding::error(Code::BadWrapper, place, message);
            findings.add(finding.help("give the absolute path of a program in the image"));
            None
        }
    }
}

/// Whether Lambda accepts this name (Lambda API reference, `Environment`: `[a-zA-Z]([a-zA-Z0-9_])+`).
fn is_name(name: &str) -> bool {
    name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn reserved_help(name: &str) -> &'static str {
    match name {
        "_HANDLER" => "set the function's `handler:` instead",
        "AWS_REGION" | "AWS_DEFAULT_REGION" => "remove it; Lambda sets it to the Region of the function",
        "AWS_ACCESS_KEY" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN" => {
            "remove it; the function gets the credentials of its execution role"
        }
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" => "set the function's `memory:` instead",
        _ => "remove or rename it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_lambdas_api() {
        for good in ["AB", "a1", "STAGE", "camelCase", "A_"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "A", "_A", "1A", "A-B", "A B", "A=B", "Ä1"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
