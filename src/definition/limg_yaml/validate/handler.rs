//! Handlers and handler wrappers: what Lambda calls, and which variables pass the function's handler on.

use std::collections::BTreeMap;

use super::super::format;
use crate::definition::fields::{self, Findings};
use crate::finding::{Code, Finding, Place};
use crate::project::{Function, HandlerWrapper};

/// The variables in which vendors' handlers look for the function's own, by the beginning of their handlers after
/// `node_modules`.
const VENDORS: &[(&str, &str)] = &[
    // DataDog/datadog-lambda-python, datadog_lambda/handler.py; DataDog/datadog-lambda-js, src/handler.cjs.
    ("datadog_lambda.", "DD_LAMBDA_HANDLER"),
    ("datadog-lambda-js/", "DD_LAMBDA_HANDLER"),
    // newrelic/newrelic-lambda-layers: python/newrelic_lambda_wrapper.py, nodejs/index.js, nodejs/esm.mjs.
    ("newrelic_lambda_wrapper.", "NEW_RELIC_LAMBDA_HANDLER"),
    ("newrelic-lambda-wrapper.", "NEW_RELIC_LAMBDA_HANDLER"),
    ("newrelic-esm-lambda-wrapper/", "NEW_RELIC_LAMBDA_HANDLER"),
    // lumigo-io/python_tracer, src/lumigo_tracer/_handler.py; lumigo-io/lumigo-node, src/lumigo-auto-instrument.
    ("lumigo_tracer.", "LUMIGO_ORIGINAL_HANDLER"),
    ("lumigo-auto-instrument.", "LUMIGO_ORIGINAL_HANDLER"),
    // getsentry/sentry-python, scripts/init_serverless_sdk.py.
    ("sentry_sdk.integrations.init_serverless_sdk.", "SENTRY_INITIAL_HANDLER"),
    // open-telemetry/opentelemetry-lambda, python/src/otel/otel_sdk/otel_wrapper.py.
    ("otel_wrapper.", "ORIG_HANDLER"),
];

/// Reads a handler wrapper. `None` if it has errors, which are reported.
pub(super) fn wrapper(
    written: &format::HandlerWrapper,
    at: &Place,
    findings: &mut Findings,
) -> Option<HandlerWrapper> {
    let (handler, variable) = match written {
        format::HandlerWrapper::Known(handler) => {
            if !fields::handler::check(handler, at, findings) {
                return None;
            }
            let module = handler.rsplit_once("node_modules/").map_or(handler.as_str(), |(_, module)| module);
            let Some((_, variable)) = VENDORS.iter().find(|(prefix, _)| module.starts_with(prefix)) else {
                let message = format!(
                    "limg does not know in which variable `{handler}` looks for the function's handler"
                );
                let finding = Finding::error(Code::UnknownHandlerWrapper, at.clone(), message);
                findings.add(
                    finding.help(format!("name the variable: `{{ handler: {handler}, variable: ... }}`")),
                );
                return None;
            };
            (handler, (*variable).to_owned())
        }
        format::HandlerWrapper::Any(format::AnyHandlerWrapper { handler, variable }) => {
            let is_handler = fields::handler::check(handler, &at.key("handler"), findings);
            let is_variable = fields::environment::check_name(variable, &at.key("variable"), findings);
            if !is_handler || !is_variable {
                return None;
            }
            (handler, variable.clone())
        }
    };
    Some(HandlerWrapper { handler: handler.clone(), variable })
}

/// Checks that each handler wrapper of a function can call the next, and the last one the function's own handler.
pub(super) fn check_redirect(function: &Function, findings: &mut Findings) {
    let at = findings.at(&["functions", &function.name]);
    let of_extensions = function.extensions.iter().filter_map(|extension| {
        Some((format!("the extension `{}`", extension.name), extension.handler_wrapper.as_ref()?))
    });
    let own = function.handler_wrapper.iter().map(|wrapper| ("the function".to_owned(), wrapper));
    let mut owners = BTreeMap::new();
    for (owner, wrapper) in of_extensions.chain(own) {
        let variable = wrapper.variable.as_str();
        if function.handler.is_none() {
            let message =
                format!("the function `{}` has no `handler` for its handler wrapper to call", function.name);
            let finding = Finding::error(Code::MissingKey, at.key("handler"), message);
            findings.add(finding.help(format!("add `handler:`; the `handler_wrapper` of {owner} calls it")));
        }
        let mut clash = |at: Place, message: String, help: &str| {
            findings.add(Finding::error(Code::HandlerVariableClash, at, message).help(help));
        };
        if let Some(other) = owners.insert(variable, owner.clone()) {
            let message = format!("the handler wrappers of {other} and {owner} both use `{variable}`");
            clash(at.clone().on_key(), message, "remove one of them");
        }
        let extensions = function
            .extensions
            .iter()
            .map(|extension| (&extension.environment, extension.place.key("environment")));
        for (variables, at) in extensions.chain([(&function.environment, at.key("environment"))]) {
            if variables.contains_key(variable) {
                let message = format!("`{variable}` is set by the handler wrapper of {owner}");
                clash(at.key(variable), message, "remove it; limg sets it to the next handler");
            }
        }
    }
}
