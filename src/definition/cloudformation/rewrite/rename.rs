//! Gives functions other logical ids, and changes every reference to them and to what SAM generates from them.
//!
//! SAM makes the logical ids of further resources from that of a function (aws-sam-translator, "Generated resources"):
//! its role, URL, aliases, versions, deployment group and configuration of asynchronous invocation, and one or more for
//! each event.

use std::collections::BTreeSet;

use super::includes::{Include, includes};
use super::loops::{self, Made};
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
    notes: &mut Vec<Finding>,
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
    let references = references(edited.document);
    in_loops(edited, &references, &renamed, &defined, notes)?;
    in_includes(edited, &renamed, suffix, notes);
    for Reference { place, name, fragment } in references {
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

/// Rejects references to renamed functions whose names loops make, and notes those that may be some.
fn in_loops(
    edited: &Template<'_>,
    references: &[Reference],
    renamed: &[Resource<'_>],
    defined: &BTreeSet<&str>,
    notes: &mut Vec<Finding>,
) -> Result<(), Vec<Finding>> {
    let mut errors = Vec::new();
    for reference in references {
        let place = reference.place.clone();
        let (made, is_known) = match loops::made(edited.document, reference) {
            Made::Nothing => continue,
            Made::Names(made) => (made, true),
            Made::Unknown => (Vec::new(), false),
        };
        let id = made.iter().find_map(|name| Some((renamed_by(name, renamed, defined)?, name)));
        match id {
            // A loop may also make a resource that has a name as SAM generates them.
            Some((id, name)) if name.split('.').next() == Some(id) => {
                let message =
                    format!("`--suffix` changes the logical id of `{id}`, whose name a loop makes here");
                let help = format!("write what the loop makes for `{id}` as an entry of its own");
                errors.push(Finding::error(Code::UneditableValue, place, message).help(help));
            }
            None if is_known => {}
            _ => {
                let message =
                    "a loop makes this name, which may be that of a function whose logical id changes";
                let finding = Finding::warning(Code::UneditableValue, place, message);
                notes.push(finding.help("check the names that the loop makes, or omit `--suffix`"));
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Notes files that CloudFormation inserts and that refer to renamed functions, or may.
fn in_includes(edited: &Template<'_>, renamed: &[Resource<'_>], suffix: &str, notes: &mut Vec<Finding>) {
    let nothing = BTreeSet::new();
    for Include { place, location, references } in includes(edited.document) {
        let file =
            location.map_or_else(|| "the included file".to_owned(), |location| format!("`{location}`"));
        let finding = |message: String, help: String| {
            Finding::warning(Code::UneditableValue, place.clone(), message).help(help)
        };
        let Some(references) = references else {
            let message = format!("{file} may refer to functions whose logical ids change");
            notes.push(finding(message, format!("add `{suffix}` to their names in that file")));
            continue;
        };
        let ids = references.iter().filter_map(|it| renamed_by(&it.name, renamed, &nothing));
        for id in ids.collect::<BTreeSet<_>>() {
            let message =
                format!("{file} refers to the function `{id}`, which is `{id}{suffix}` in the new template");
            notes.push(finding(message, "change the name in that file".to_owned()));
        }
    }
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
