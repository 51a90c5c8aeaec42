//! Gives functions other logical ids, and changes every reference to them and to what SAM generates from them.
//!
//! SAM makes the logical ids of further resources from that of a function (aws-sam-translator, "Generated resources"):
//! its role, URL, aliases, versions, deployment group and configuration of asynchronous invocation, and one or more for
//! each event.

use std::collections::BTreeSet;

use super::references::{Reference, references};
use super::template::{Converted, Resource, Template};
use crate::definition::document::edit::Change;
use crate::definition::document::{Entry, Node};
use crate::finding::{Code, Finding};

/// What SAM adds to the logical id of a function. More may follow, such as the name of an alias.
const GENERATED: &[&str] =
    &["Role", "Alias", "Version", "Url", "URLInvoke", "EventInvokeConfig", "DeploymentGroup"];

/// The longest logical id (CloudFormation user guide, "Resources").
const ID_AT_MOST: usize = 255;

/// The changes in the edited template.
pub(super) fn changes(
    edited: &Template<'_>,
    converted: &[Converted<'_>],
    suffix: &str,
) -> Result<Vec<Change>, Vec<Finding>> {
    let renamed: Vec<Resource<'_>> = edited
        .resources
        .iter()
        .filter(|resource| converted.iter().any(|function| function.resource.id == resource.id))
        .cloned()
        .collect();
    check(edited, &renamed, suffix)?;
    let mut changes: Vec<Change> = renamed
        .iter()
        .map(|function| Change::RenameKey {
            place: function.place.clone(),
            name: format!("{}{suffix}", function.id),
        })
        .collect();
    for function in &renamed {
        // What `sam build` notes of a function.
        if let Some(Node::Scalar(own)) =
            function.node.entry("Metadata").and_then(|metadata| metadata.entry("SamResourceId"))
            && own.text == function.id
        {
            changes.push(Change::Reword {
                place: function.place.keys(&["Metadata", "SamResourceId"]),
                old: own.text.clone(),
                new: format!("{}{suffix}", own.text),
                is_whole: true,
            });
        }
    }
    let defined = defined(edited);
    for Reference { place, name, fragment } in references(edited.document) {
        let Some(id) = renamed_by(&name, &renamed, &defined) else { continue };
        let new = format!("{id}{suffix}{}", &name[id.len()..]);
        changes.push(match fragment {
            None => Change::Reword { place, old: name, new, is_whole: true },
            Some(fragment) => {
                let new = fragment.replacen(&name, &new, 1);
                Change::Reword { place, old: fragment, new, is_whole: false }
            }
        });
    }
    Ok(unique(changes))
}

/// A text may have one variable twice.
fn unique(changes: Vec<Change>) -> Vec<Change> {
    let mut seen = BTreeSet::new();
    let is_new = |change: &Change| match change {
        Change::Reword { place, old, .. } => seen.insert((place.clone(), old.clone())),
        _ => true,
    };
    let mut is_new = is_new;
    changes.into_iter().filter(|change| is_new(change)).collect()
}

/// Rejects ids that CloudFormation would reject.
fn check(edited: &Template<'_>, renamed: &[Resource<'_>], suffix: &str) -> Result<(), Vec<Finding>> {
    let mut errors = Vec::new();
    for function in renamed {
        let id = format!("{}{suffix}", function.id);
        let why = if suffix.is_empty() {
            "does not change with an empty suffix"
        } else if !suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            "has characters other than letters and digits"
        } else if id.len() > ID_AT_MOST {
            "is longer than 255 characters"
        } else if edited.resource(&id).is_some() {
            "is the logical id of another resource"
        } else {
            continue;
        };
        let message = format!("the logical id `{id}` {why}");
        let finding = Finding::error(Code::BadName, function.place.clone().on_key(), message);
        errors.push(finding.help("use another suffix of letters and digits"));
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// The names that a template defines itself.
fn defined<'d>(template: &Template<'d>) -> BTreeSet<&'d str> {
    let root = template.document.root();
    let sections = ["Parameters", "Resources"].into_iter().filter_map(|section| root.entry(section));
    sections.flat_map(Node::entries).map(|entry: &Entry| entry.key.as_str()).collect()
}

/// The function whose logical id a name is, or begins with as SAM generates it.
pub(super) fn renamed_by<'f>(
    name: &str,
    functions: &'f [Resource<'_>],
    defined: &BTreeSet<&str>,
) -> Option<&'f str> {
    let name = name.split('.').next().unwrap_or_default();
    let mut candidates: Vec<_> = functions
        .iter()
        .filter(|function| match name.strip_prefix(function.id) {
            Some("") => true,
            Some(rest) => !defined.contains(name) && is_generated(function, rest),
            None => false,
        })
        .collect();
    candidates.sort_by_key(|function| function.id.len());
    candidates.last().map(|function| function.id)
}

/// Whether SAM adds this to the id of a function.
fn is_generated(function: &Resource<'_>, rest: &str) -> bool {
    function.is_serverless()
        && (GENERATED.iter().any(|generated| rest.starts_with(generated))
            || function
                .property("Events")
                .is_some_and(|events| events.entries().iter().any(|event| rest.starts_with(&event.key))))
}
