//! Variables of the image that Lambda sets itself, that hide where layers are, or that are secret (facts 1.4, 2.5). Values never
//! appear in a message.

use super::ImageSubject;
use crate::finding::{Code, Finding};
use crate::runtime::Language;
use crate::secret::looks_secret;

/// Variables that Lambda sets itself; AWS's bases contain others of them.
const OVERWRITTEN: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// The variables with which a language looks for packages.
const SEARCH_PATHS: [(Language, &str); 2] = [(Language::Python, "PYTHONPATH"), (Language::Node, "NODE_PATH")];

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, _) in subject.run.environment.iter().filter(|(name, _)| OVERWRITTEN.contains(&name.as_str())) {
        let message = format!("the image sets `{name}`, which Lambda sets itself");
        findings.push(
            Finding::warning(Code::ReservedVariable, subject.place.clone(), message)
                .help("remove the variable"),
        );
    }
    let secrets = subject.run.environment.iter().filter(|(name, value)| looks_secret(name, value));
    findings.extend(secrets.map(|(name, _)| {
        let message = format!("`{name}` looks like a secret, and everyone who can pull the image can read it");
        Finding::warning(Code::PossibleSecret, subject.place.clone(), message).help(
            "set it in the function's configuration, or read it from Secrets Manager or Parameter Store at run time",
        )
    }));
    findings.extend(hidden_layers(subject));
    findings
}

/// A search path that is set replaces the one of Lambda's bootstrap, in which layers are.
fn hidden_layers(subject: &ImageSubject<'_>) -> Option<Finding> {
    let contract = subject.contract().filter(|_| subject.has_entry_script())?;
    let language = contract.language()?;
    let (_, variable) = SEARCH_PATHS.iter().find(|(own, _)| *own == language)?;
    let value = subject.variable(variable)?;
    let is_listed = |folder: &str| value.split(':').any(|listed| listed.trim_end_matches('/') == folder);
    let hidden = contract.search_path(variable).find(|folder| {
        folder.starts_with("/opt/") && !is_listed(folder) && subject.files.index.has_below(folder)
    })?;
    let message =
        format!("`{variable}` does not contain `{hidden}`, so that the packages in it are not found");
    Some(
        Finding::warning(Code::HiddenPackages, subject.place.clone(), message)
            .about([hidden])
            .help(format!("add `{hidden}` to `{variable}`, or remove the variable")),
    )
}
