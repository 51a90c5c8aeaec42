//! The names that `Fn::ForEach` makes in references: `!Ref '${Name}Table'` in a loop names several resources.

use std::collections::BTreeMap;

use super::references::Reference;
use crate::definition::cloudformation::intrinsics::LOOP_PREFIX;
use crate::definition::document::{Document, Node};
use crate::finding::{Place, Step};

/// How many names a reference may stand for, until limg treats them as unknown.
const NAMES_AT_MOST: usize = 1000;

/// What a reference names if loops around it make the name.
pub(super) enum Made {
    /// It is written out.
    Nothing,
    /// These names.
    Names(Vec<String>),
    /// Names that depend on a value that only an evaluation knows.
    Unknown,
}

/// The names that loops make of a reference.
pub(super) fn made(document: &Document, reference: &Reference) -> Made {
    let name = reference.name.as_str();
    if !name.contains("${") && !name.contains("&{") {
        return Made::Nothing;
    }
    let items = items_around(document, &reference.place);
    let mut names = vec![String::new()];
    let mut rest = name;
    while let Some(at) = rest.find("${").into_iter().chain(rest.find("&{")).min() {
        let (before, from) = rest.split_at(at);
        let Some((identifier, after)) = from[2..].split_once('}') else { return Made::Unknown };
        let values = match items.get(identifier) {
            Some(Some(values)) if values.len().saturating_mul(names.len()) <= NAMES_AT_MOST => values,
            Some(_) => return Made::Unknown,
            // Neither a loop nor `Fn::Sub` gives it a value.
            None => return Made::Nothing,
        };
        let is_word = |character: &char| from.starts_with('$') || character.is_ascii_alphanumeric();
        let extended = |name: &String| {
            let add =
                |value: &&str| format!("{name}{before}{}", value.chars().filter(is_word).collect::<String>());
            values.iter().map(add).collect::<Vec<_>>()
        };
        names = names.iter().flat_map(extended).collect();
        rest = after;
    }
    Made::Names(names.into_iter().map(|name| name + rest).collect())
}

/// The identifiers of the loops around a place with their values; nothing where a function computes those.
fn items_around<'d>(document: &'d Document, place: &Place) -> BTreeMap<&'d str, Option<Vec<&'d str>>> {
    let mut found = BTreeMap::new();
    let mut node = document.root();
    for step in place.path().steps() {
        let next = match (step, node.untagged()) {
            (Step::Key(key), node) => node.entry(key),
            (Step::Index(index), Node::List(items)) => items.get(*index),
            _ => None,
        };
        let Some(next) = next else { return found };
        node = next;
        if let (Step::Key(key), Node::List(parts)) = (step, node)
            && key.starts_with(LOOP_PREFIX)
            && let [identifier, collection, ..] = &parts[..]
            && let Some(identifier) = identifier.text()
        {
            let items = match collection {
                Node::List(items) => items.iter().map(Node::text).collect(),
                _ => None,
            };
            found.insert(identifier, items);
        }
    }
    found
}
