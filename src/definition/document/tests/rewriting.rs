//! Generated documents: a range that replaces or removes exactly one value is exact.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

use super::generate::{json, text};
use crate::definition::document::spans::Spans;
use crate::definition::document::{Document, Node, Scalar, ScalarKind};
use crate::finding::{Place, Step};

fn parse(file: &str, text: &str) -> Document {
    Document::parse(Path::new(file), text.to_owned()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn read(file: &str, text: &str) -> Node {
    parse(file, text).root().clone()
}

/// All places below a node.
fn places(node: &Node, here: &Place, found: &mut Vec<Place>) {
    let mut add = |place: Place, node: &Node| {
        found.push(place.clone());
        places(node, &place, found);
    };
    match node.untagged() {
        Node::List(items) => {
            items.iter().enumerate().for_each(|(index, item)| add(here.index(index), item));
        }
        Node::Mapping(entries) => {
            for (number, entry) in entries.iter().enumerate() {
                if entries.iter().position(|other| other.key == entry.key) == Some(number) {
                    add(here.key(&entry.key), &entry.value);
                }
            }
        }
        _ => {}
    }
}

/// Whether an entry is neither in brackets, nor on the line of what is around it, nor the only one there.
fn has_own_lines(document: &Document, place: &Place) -> bool {
    let Spans { entry, is_flow, .. } = document.spans(place.path()).unwrap();
    let steps = place.path().steps();
    let around =
        steps[..steps.len() - 1].iter().fold(document.root(), |node, step| match (step, node.untagged()) {
            (Step::Index(index), Node::List(items)) => &items[*index],
            (Step::Key(key), Node::Mapping(entries)) => {
                &entries.iter().rfind(|entry| entry.key == *key).unwrap().value
            }
            other => panic!("{other:?}"),
        });
    let count = match around.untagged() {
        Node::List(items) => items.len(),
        other => other.entries().len(),
    };
    let before = document.text()[..entry.start].trim_end_matches(' ');
    !is_flow && count > 1 && (before.is_empty() || before.ends_with('\n'))
}

/// Changes the node at a path, or removes it from what contains it.
fn change(node: &mut Node, steps: &[Step], value: Option<&Node>) {
    let node = match node {
        Node::Tagged(_, inner) => inner.as_mut(),
        node => node,
    };
    let (step, rest) = steps.split_first().unwrap();
    let is_removed = rest.is_empty() && value.is_none();
    let inner = match (step, node) {
        (Step::Index(index), Node::List(items)) if is_removed => {
            items.remove(*index);
            return;
        }
        (Step::Index(index), Node::List(items)) => &mut items[*index],
        (Step::Key(key), Node::Mapping(entries)) => {
            let position = entries.iter().position(|entry| entry.key == *key).unwrap();
            if is_removed {
                entries.remove(position);
                return;
            }
            &mut entries[position].value
        }
        other => panic!("{other:?}"),
    };
    match value {
        Some(value) if rest.is_empty() => *inner = value.clone(),
        _ => change(inner, rest, value),
    }
}

fn replaced() -> Node {
    Node::Scalar(Scalar { kind: ScalarKind::Text, text: "replaced".to_owned() })
}

fn chosen(document: &Document, choice: Index) -> (Place, Spans) {
    let mut found = Vec::new();
    places(document.root(), &document.place(), &mut found);
    let place = choice.get(&found).clone();
    let spans = document.spans(place.path()).unwrap_or_else(|| panic!("{place:?}"));
    (place, spans)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_replaced_value_changes_nothing_else(text in text(), choice: Index) {
        let document = parse("template.yaml", &text);
        let (place, Spans { value, lead, indentation, .. }) = chosen(&document, choice);
        let line = text[..value.start].rfind('\n').map_or(0, |end| end + 1);
        let is_too_far_left = text[line..value.start].trim().is_empty() && value.start - line <= indentation;
        // A list may be indented as its key is, but a single value may not.
        prop_assume!(!is_too_far_left || value.is_empty());
        let changed = format!("{}{lead}replaced{}", &text[..value.start], &text[value.end..]);
        let mut expected = document.root().clone();
        change(&mut expected, place.path().steps(), Some(&replaced()));
        prop_assert_eq!(&read("template.yaml", &changed), &expected, "{:?}\n{}", place, changed);
    }

    #[test]
    fn a_removed_entry_changes_nothing_else(text in text(), choice: Index) {
        let document = parse("template.yaml", &text);
        let mut removable = Vec::new();
        places(document.root(), &document.place(), &mut removable);
        removable.retain(|place| has_own_lines(&document, place));
        prop_assume!(!removable.is_empty());
        let place = choice.get(&removable);
        let entry = document.spans(place.path()).unwrap().entry;
        let start = text[..entry.start].rfind('\n').map_or(0, |end| end + 1);
        let end = text[entry.end..].find('\n').map_or(text.len(), |length| entry.end + length + 1);
        let changed = format!("{}{}", &text[..start], &text[end..]);
        let mut expected = document.root().clone();
        change(&mut expected, place.path().steps(), None);
        prop_assert_eq!(&read("template.yaml", &changed), &expected, "{:?}\n{}", place, changed);
    }

    #[test]
    fn a_replaced_value_of_json_changes_nothing_else(json in json(), is_pretty: bool, choice: Index) {
        let text = if is_pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
        let text = text.unwrap();
        let document = parse("template.json", &text);
        let (place, Spans { key, value, entry, lead, is_flow, .. }) = chosen(&document, choice);
        prop_assert!(is_flow && lead.is_empty() && entry.end == value.end);
        prop_assert_eq!(entry.start, key.map_or(value.start, |key| key.start));
        let changed = format!("{}\"replaced\"{}", &text[..value.start], &text[value.end..]);
        let mut expected = document.root().clone();
        change(&mut expected, place.path().steps(), Some(&replaced()));
        prop_assert_eq!(&read("template.json", &changed), &expected, "{:?}\n{}", place, changed);
        // YAML is nearly a superset, so both readers agree.
        prop_assert_eq!(&read("template.yaml", &changed), &expected);
    }

    #[test]
    fn damaged_documents_are_read_or_rejected(
        text in text(),
        bits in prop::collection::vec((any::<Index>(), prop::sample::select(BITS)), 1..6),
    ) {
        let mut text = text;
        for (at, bit) in bits {
            let mut at = at.index(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.insert_str(at, bit);
        }
        check(&text);
    }

    #[test]
    fn arbitrary_bytes_are_read_or_rejected(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&String::from_utf8_lossy(&bytes));
    }
}

const BITS: &[&str] = &[
    "-",
    "- ",
    ":",
    ": ",
    "? ",
    "\n",
    "\n  ",
    " ",
    "\t",
    " #",
    "!",
    "!<",
    "&a ",
    "*a",
    "[",
    "]",
    "{",
    "}",
    ",",
    "|\n",
    ">+2\n",
    "'",
    "\"",
    "\\",
    "é",
    "\u{feff}",
    "\r",
    "\u{85}",
    "\u{2028}",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "%TAG ! !x\n",
    "<<: ",
    "!!int ",
    "\0",
];

/// Reads a text as YAML and as JSON, and asks for everything in it.
fn check(text: &str) {
    for file in ["a.yaml", "a.json"] {
        let Ok(document) = Document::parse(Path::new(file), text.to_owned()) else { continue };
        let mut found = vec![document.place()];
        places(document.root(), &document.place(), &mut found);
        for place in found {
            assert!(text.is_char_boundary(document.nearest(place.path())));
            let Some(Spans { key, value, entry, .. }) = document.spans(place.path()) else { continue };
            for range in [key.unwrap_or_default(), value, entry] {
                assert!(text.get(range.clone()).is_some(), "{place:?} {range:?}");
            }
        }
    }
}
