//! JSON as a language of documents.

use std::path::Path;

use crate::definition::document::{
    Document, DocumentError, Documents, Entry, Node, Scalar, ScalarKind, Vocabulary,
};
use crate::finding::{Code, Finding, Place};

const FILE: &str = "template.json";

const TEXT: &str = r#"{
  "Resources": {
    "Orders": null,
    "Orders": { "Type" : "AWS::Lambda::Function", "Memory": 1.10, "Layers": ["a", "\ud83d\ude00"] }
  },
  "Empty": {}, "No\"tes": [ true, -3 ]
}"#;

fn parse(text: &str) -> Result<Document, DocumentError> {
    Document::parse(Path::new(FILE), text.to_owned())
}

#[test]
fn order_duplicates_and_the_text_of_numbers_are_kept() {
    let document = parse(TEXT).unwrap();
    let keys = |entries: &[Entry]| -> Vec<String> { entries.iter().map(|entry| entry.key.clone()).collect() };
    let root = document.root().entries();
    assert_eq!(keys(root), ["Resources", "Empty", "No\"tes"]);
    let functions = root[0].value.entries();
    assert_eq!(keys(functions), ["Orders", "Orders"]);
    assert!(functions[0].value.is_null());
    let values: Vec<_> = functions[1].value.entries().iter().map(|entry| &entry.value).collect();
    let scalar = |kind, text: &str| Node::Scalar(Scalar { kind, text: text.to_owned() });
    assert_eq!(*values[1], scalar(ScalarKind::Decimal(1.1), "1.10"));
    let face = scalar(ScalarKind::Text, "\u{1f600}");
    assert_eq!(*values[2], Node::List(vec![scalar(ScalarKind::Text, "a"), face]));
}

#[test]
fn keys_values_and_items_have_positions() {
    let root = Place::document(Path::new(FILE));
    let orders = root.keys(&["Resources", "Orders"]);
    let words = Vocabulary::new(|_| None, "Variables", &[]);
    for (place, expected) in [
        (root.clone(), (1, 1)),
        (root.key("Resources"), (2, 16)),
        (orders.key("Type"), (4, 26)),
        (orders.key("Type").on_key(), (4, 17)),
        (orders.key("Memory").on_key(), (4, 51)),
        (orders.key("Layers").index(1), (4, 83)),
        (orders.clone().on_key(), (4, 5)),
        (root.key("No\"tes").on_key(), (6, 16)),
        (root.key("No\"tes").index(1), (6, 35)),
        (root.key("absent"), (1, 1)),
    ] {
        let finding = Finding::error(Code::UnknownKey, place.clone(), "x");
        let located = Documents(vec![parse(TEXT).unwrap()]).locate(&[finding], &words).shown;
        let at = located[0].position.unwrap();
        assert_eq!((at.line, at.column), expected, "{place:?}");
    }
}

#[test]
fn errors_have_positions_and_nesting_has_a_limit() {
    let Err(DocumentError::Syntax { syntax, .. }) = parse("{\n  \"a\": 1,\n}") else { panic!() };
    assert_eq!(syntax.position.unwrap().line, 3);
    assert!(!syntax.message.contains("line"), "{syntax:?}");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let Err(DocumentError::Syntax { syntax, .. }) = parse(&deep) else { panic!() };
    assert!(syntax.message.contains("100 levels"), "{syntax:?}");
}
