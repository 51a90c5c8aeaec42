//! Environments as `limg.yaml` has them: mappings of variables, one of which may name a wrapper script.

use super::super::format::{AsWritten, Entries};
use crate::definition::fields::{self, Findings};
use crate::finding::{Code, Finding, Place};
use crate::runtime::WRAPPER_VARIABLE;

/// Checks each variable of a written environment.
pub(super) fn check(at: &Place, variables: &Entries<AsWritten>, findings: &mut Findings) {
    let variables = variables.0.iter().map(|(name, AsWritten(value))| (name.as_str(), value.as_str()));
    fields::environment::check(at, variables, findings);
}

/// The variables as name and text.
pub(super) fn values(variables: &Entries<AsWritten>) -> impl Iterator<Item = (String, String)> + '_ {
    variables.0.iter().map(|(name, AsWritten(value))| (name.clone(), value.clone()))
}

/// Whether an environment names a wrapper script.
pub(super) fn sets_wrapper(variables: &Entries<AsWritten>) -> bool {
    variables.0.iter().any(|(name, _)| name == WRAPPER_VARIABLE)
}

/// Reports a wrapper that is named by variable and by key; `because` describes the key.
pub(super) fn two_wrappers(environment: &Place, because: &str, findings: &mut Findings) {
    let message = format!("`{WRAPPER_VARIABLE}` conflicts with another wrapper: {because}");
    let finding = Finding::error(Code::TwoWrappers, environment.key(WRAPPER_VARIABLE).on_key(), message);
    findings.add(finding.help("use `wrapper:` instead: several wrappers run one after the other"));
}
