//! The variables of an image as the function and its extensions see them. Secrets are not shown.

use crate::project::RunConfig;
use crate::secret::looks_secret;

/// A variable of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// Its name.
    pub(super) name: String,
    /// Its value. Nothing if that looks like a secret.
    pub(super) value: Option<String>,
}

/// The variables by name.
pub(super) fn variables(run: &RunConfig) -> Vec<Variable> {
    let variable = |(name, value): &(String, String)| Variable {
        name: name.clone(),
        value: Some(value.clone()).filter(|value| !looks_secret(name, value)),
    };
    let mut variables: Vec<_> = run.environment.iter().map(variable).collect();
    variables.sort_by(|one, other| one.name.cmp(&other.name));
    variables
}
