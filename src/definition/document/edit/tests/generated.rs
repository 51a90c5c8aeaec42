//! Generated documents: a change of some entries of a mapping leaves all other bytes.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::definition::document::edit::{Change, EditError, NewValue, Position};
use crate::definition::document::tests::generate::{json, text};
use crate::definition::document::{Document, Node};
use crate::finding::Place;

fn parse(file: &str, text: &str) -> Document {
    Document::parse(Path::new(file), text.to_owned()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// All mappings with entries.
fn mappings(node: &Node, here: &Place, found: &mut Vec<Place>) {
    match node.untagged() {
        Node::List(items) => {
            items.iter().enumerate().for_each(|(index, item)| mappings(item, &here.index(index), found));
        }
        Node::Mapping(entries) => {
            if !entries.is_empty() {
                found.push(here.clone());
            }
            for entry in entries {
                mappings(&entry.value, &here.key(&entry.key), found);
            }
        }
        Node::Scalar(_) | Node::Tagged(..) => {}
    }
}

/// The keys that a mapping has once.
fn keys(document: &Document, mapping: &Place) -> Vec<String> {
    let entries = document.value(mapping.path()).unwrap().untagged().entries();
    let is_alone = |key: &str| entries.iter().filter(|entry| entry.key == key).count() == 1;
    entries.iter().filter(|entry| is_alone(&entry.key)).map(|entry| entry.key.clone()).collect()
}

/// What a test adds.
fn added(count: usize) -> Vec<(String, NewValue)> {
    let inner = vec![("Inner".to_owned(), NewValue::Texts(vec!["a.b".to_owned()]))];
    let all =
        [("New".to_owned(), NewValue::Text("x: y".to_owned())), ("Map".to_owned(), NewValue::Map(inner))];
    all.into_iter().take(count).collect()
}

/// Changes a mapping, and compares what must be the same.
fn check(file: &str, text: &str, choice: Index, chosen: &[bool], count: usize) -> Result<(), TestCaseError> {
    let document = parse(file, text);
    let mut found = Vec::new();
    mappings(document.root(), &document.place(), &mut found);
    if found.is_empty() {
        return Ok(());
    }
    let mapping = choice.get(&found).clone();
    let keys = keys(&document, &mapping);
    let (removed, kept): (Vec<_>, Vec<_>) = keys
        .iter()
        .cloned()
        .zip(chosen.iter().copied().chain([false].into_iter().cycle()))
        .partition(|(_, is)| *is);
    let removed: Vec<String> = removed.into_iter().map(|(key, _)| key).collect();
    let kept: Vec<String> = kept.into_iter().map(|(key, _)| key).collect();
    if kept.is_empty() && count == 0 {
        return Ok(());
    }
    let change = Change::Entries {
        mapping: mapping.clone(),
        removed,
        added: added(count),
        position: Position::FirstRemoved,
    };
    let edited = match document.edit(&[change]) {
        Ok(edited) => edited,
        Err(EditError::NotEditable { .. }) => return Ok(()),
        Err(error) => return Err(TestCaseError::fail(format!("{mapping:?}: {error}\n{text}"))),
    };
    let range = |document: &Document, place: &Place| document.spans(place.path()).unwrap().value;
    let (before, after) = (range(&document, &mapping), range(&edited, &mapping));
    let start = text[..before.start].rfind('\n').map_or(0, |end| end + 1);
    let new = edited.text();
    prop_assert!(new.starts_with(&text[..start]), "{mapping:?}\n{text}\n{new}");
    if !text.contains('*') {
        let rest = text[before.end..].find('\n').map_or("", |line| &text[before.end + line..]);
        prop_assert!(new.ends_with(rest.trim_start()), "{mapping:?}\n{text}\n{new}");
    }
    for key in kept.iter().filter(|key| *key != "aliases") {
        let one = document.spans(mapping.key(key).path()).unwrap().entry;
        let other = edited.spans(mapping.key(key).path()).unwrap().entry;
        prop_assert_eq!(&text[one], &new[other], "{:?}\n{}\n{}", mapping, text, new);
    }
    prop_assert!(after.start <= after.end);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn entries_of_yaml_change_alone(text in text(), choice: Index, chosen: [bool; 4], count in 0_usize..3) {
        check("a.yaml", &text, choice, &chosen, count)?;
    }

    #[test]
    fn entries_of_yaml_with_aliases_change_alone(
        text in text(),
        choice: Index,
        chosen: [bool; 4],
        count in 0_usize..3,
    ) {
        if !text.contains("&anchor") {
            return Ok(());
        }
        let text = format!("{text}aliases:\n  - *anchor\n  - {{ a: *anchor }}\n");
        check("a.yaml", &text, choice, &chosen, count)?;
    }

    #[test]
    fn entries_of_json_change_alone(
        json in json(),
        is_pretty: bool,
        choice: Index,
        chosen: [bool; 4],
        count in 0_usize..3,
    ) {
        let text = if is_pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
        check("a.json", &text.unwrap(), choice, &chosen, count)?;
    }
}
