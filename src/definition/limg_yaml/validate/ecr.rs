//! The `ecr` block: the names of repositories in Amazon ECR, and the settings of new ones. AWS is not contacted here.

use std::collections::{BTreeMap, BTreeSet};

use super::super::format::{self, AsWritten, Entries};
use crate::definition::fields::Findings;
use crate::finding::{Code, Finding, Place};
use crate::project::{
    EcrSettings, Encryption, Project, RepositoryTemplate, RepositoryTemplateError, is_account,
};

/// How many tags a repository may have, and how long their keys and values may be in characters (Amazon ECR user guide,
/// Tagging a private repository, Tag restrictions).
const TAGS_AT_MOST: usize = 50;
const TAG_KEY_AT_MOST: usize = 128;
const TAG_VALUE_AT_MOST: usize = 256;

/// The template of repositories' names, and the settings of new ones. Values with errors are replaced by defaults.
pub(super) fn validate(
    written: Option<&format::Ecr>,
    findings: &mut Findings,
) -> (RepositoryTemplate, EcrSettings) {
    let at = findings.at(&["ecr"]);
    let Some(written) = written else { return Default::default() };
    let template = match written.repository.as_deref().map(str::parse) {
        None => RepositoryTemplate::default(),
        Some(Ok(template)) => template,
        Some(Err(error)) => {
            bad_repository(&error, error.to_string(), findings);
            RepositoryTemplate::default()
        }
    };
    let settings = EcrSettings {
        scan_on_push: written.scan_on_push.unwrap_or_default(),
        immutable_tags: written.immutable_tags.unwrap_or_default(),
        encryption: encryption(written, &at, findings),
        keep: written.keep,
        tags: written
            .tags
            .as_ref()
            .map(|tags| self::tags(tags, &at.key("tags"), findings))
            .unwrap_or_default(),
        lambda_accounts: accounts(
            written.lambda_accounts.as_deref().unwrap_or_default(),
            &at.key("lambda_accounts"),
            findings,
        ),
    };
    (template, settings)
}

/// Checks that the name of each function's repository is valid in ECR.
pub(super) fn check_names(project: &Project, findings: &mut Findings) {
    for function in &project.functions {
        if let Err(error) = project.ecr_repository.repository(&project.name, &function.name) {
            let message =
                format!("the repository of the function `{}` has an invalid name: {error}", function.name);
            bad_repository(&error, message, findings);
        }
    }
}

fn bad_repository(error: &RepositoryTemplateError, message: String, findings: &mut Findings) {
    let place = findings.at(&["ecr", "repository"]);
    findings.add(Finding::error(Code::BadRepository, place, message).help(error.help()));
}

fn encryption(written: &format::Ecr, at: &Place, findings: &mut Findings) -> Encryption {
    let key = written.kms_key.as_deref();
    let at = at.key("kms_key");
    if matches!(written.encryption, Some(format::Encryption::Kms)) {
        if key == Some("") {
            let finding = Finding::error(Code::EmptyValue, at, "the key is empty");
            findings.add(
                finding.help("write its ARN, id or alias, or remove `kms_key` to use the account's own key"),
            );
        }
        return Encryption::Kms { key: key.map(str::to_owned) };
    }
    if key.is_some() {
        let message = "`kms_key` requires `encryption: KMS`";
        let finding = Finding::error(Code::MisplacedKey, at.on_key(), message);
        findings.add(finding.help("add `encryption: KMS`, or remove it"));
    }
    Encryption::Aes256
}

fn tags(written: &Entries<AsWritten>, at: &Place, findings: &mut Findings) -> BTreeMap<String, String> {
    let mut bad = |at: Place, message: String, help: &str| {
        findings.add(Finding::error(Code::BadTag, at, message).help(help));
    };
    if written.0.len() > TAGS_AT_MOST {
        let message = format!("there are {} tags, but ECR allows {TAGS_AT_MOST}", written.0.len());
        bad(at.clone().on_key(), message, "remove some tags");
    }
    for (key, AsWritten(value)) in &written.0 {
        let (key_length, value_length) = (key.chars().count(), value.chars().count());
        let at = at.key(key);
        if key.is_empty() || key_length > TAG_KEY_AT_MOST {
            let message = format!("the key of this tag has {key_length} characters");
            bad(at.on_key(), message, "use 1 to 128 characters");
        } else if key.to_lowercase().starts_with("aws:") {
            bad(at.on_key(), "tags that begin with `aws:` are reserved for AWS".to_owned(), "rename it");
        } else if value_length > TAG_VALUE_AT_MOST {
            let message = format!("the value of the tag `{key}` has {value_length} characters");
            bad(at, message, "use at most 256 characters");
        } else if let Some(character) = key.chars().chain(value.chars()).find(|c| !is_of_tags(*c)) {
            let message =
                format!("the tag `{key}` contains the character {character:?}, which ECR does not allow");
            bad(at.on_key(), message, "use letters, digits, spaces and `+ - = . _ : / @`");
        }
    }
    written.0.iter().map(|(key, AsWritten(value))| (key.clone(), value.clone())).collect()
}

/// Whether tags may contain this character (Amazon ECR user guide, Tagging a private repository, Tag restrictions).
fn is_of_tags(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, ' ' | '+' | '-' | '=' | '.' | '_' | ':' | '/' | '@')
}

/// The accounts in order, each once, so that the same accounts always give the same policy.
fn accounts(written: &[AsWritten], at: &Place, findings: &mut Findings) -> Vec<String> {
    for (position, AsWritten(account)) in written.iter().enumerate().filter(|(_, it)| !is_account(&it.0)) {
        let message = format!("`{account}` is not an AWS account number");
        let finding = Finding::error(Code::BadAccount, at.index(position), message);
        findings.add(finding.help("write the 12 digits of the account"));
    }
    let accounts: BTreeSet<_> = written.iter().map(|AsWritten(account)| account.clone()).collect();
    accounts.into_iter().collect()
}
