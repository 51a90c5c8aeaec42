//! Generated templates: every function has the properties that it had, merged as SAM merges them, but for what an image
//! function must not have, and every other line is the same.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::{RewriteOptions, document, images, rewritten, shown};
use crate::definition::cloudformation::rewrite::zip_only;
use crate::definition::document::{Document, Node};

/// Properties of functions and of `Globals`; `@` stands for the indentation.
const PROPERTIES: &[(&str, &str)] = &[
    ("Runtime", "python3.12"),
    ("Handler", "app.handler # comment"),
    ("Timeout", "3 # kept"),
    ("CodeUri", "src/"),
    ("CodeUri", "\n@  Bucket: !Ref Code\n@  Key: app.zip"),
    ("Layers", "[!Ref Utils, !Ref More]"),
    ("Layers", "\n@- !Ref Utils\n@- !Sub \"${AWS::Region}:x\" # comment"),
    ("Layers", "&list [!Ref More]"),
    ("Environment", "\n@  Variables:\n@    A: !Ref Code # kept"),
    ("Environment", "{ Variables: { B: b } } # kept"),
    ("CodeSigningConfigArn", "!Ref Signing"),
    ("RuntimeManagementConfig", "\n@    UpdateRuntimeOn: Auto"),
    ("Tags", "{ a: b } # kept"),
    ("MemorySize", "512 # kept"),
];

/// Lines that may come before a property.
const BETWEEN: &[&str] = &["", "", "", "@# about the next\n", "\n", "\n@# about more\n"];

type Chosen = Vec<(usize, &'static str)>;

/// The lines of properties at an indentation, each key once.
fn properties(chosen: &Chosen, indentation: usize) -> String {
    let pad = " ".repeat(indentation);
    let mut keys = Vec::new();
    let mut text = String::new();
    for (number, between) in chosen {
        let (key, value) = PROPERTIES[*number];
        if !keys.contains(&key) {
            keys.push(key);
            let space = if value.starts_with('\n') { "" } else { " " };
            let lines = format!("{between}@{key}:{space}{value}\n");
            text.push_str(&lines.replace('@', &pad));
        }
    }
    text
}

fn chosen() -> impl Strategy<Value = Chosen> {
    prop::collection::vec((0..PROPERTIES.len(), prop::sample::select(BETWEEN)), 0..7)
}

fn template(globals: &Chosen, functions: &[Chosen]) -> String {
    let mut text = "Transform: AWS::Serverless-2016-10-31 # kept\n".to_owned();
    let common = properties(globals, 4);
    if !common.is_empty() {
        write!(text, "Globals:\n  Function:\n{common}").unwrap();
    }
    text.push_str("\nResources: # kept\n");
    for (number, function) in functions.iter().enumerate() {
        write!(text, "  F{number}: # kept\n    Type: AWS::Serverless::Function # kept\n").unwrap();
        let own = properties(function, 6);
        if !own.is_empty() {
            write!(text, "    Properties:\n{own}").unwrap();
        }
    }
    text
}

/// The properties of a function as SAM merges them with `Globals`, in the order of their keys.
fn effective(document: &Document, function: &str) -> Vec<(String, Node)> {
    let common = document.root().entry("Globals").and_then(|globals| globals.entry("Function"));
    let own = document.root().entry("Resources").unwrap().entry(function).unwrap().entry("Properties");
    let null = Node::Mapping(Vec::new());
    merged(common.unwrap_or(&null), own.unwrap_or(&null))
}

fn merged(common: &Node, own: &Node) -> Vec<(String, Node)> {
    let mut result: Vec<(String, Node)> =
        own.entries().iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect();
    for entry in common.entries() {
        let Some((_, own)) = result.iter_mut().find(|(key, _)| *key == entry.key) else {
            result.push((entry.key.clone(), entry.value.clone()));
            continue;
        };
        match (&entry.value, &mut *own) {
            (Node::List(common), Node::List(items)) => {
                items.splice(0..0, common.iter().cloned());
            }
            (Node::Mapping(_), Node::Mapping(_)) => {
                // Compared as a text, so that the order of keys is that of their names.
                let text = format!("{:?}", merged(&entry.value, own));
                *own = Node::Tagged(text, Box::new(Node::List(Vec::new())));
            }
            _ => {}
        }
    }
    for (_, value) in &mut result {
        if let Node::Mapping(_) = value {
            let text = format!("{:?}", merged(&Node::List(Vec::new()), value));
            *value = Node::Tagged(text, Box::new(Node::List(Vec::new())));
        }
    }
    result.sort_by(|one, other| one.0.cmp(&other.0));
    result
}

/// The lines that nothing may change.
fn kept(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.ends_with("# kept")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn functions_keep_their_properties(
        globals in chosen(),
        functions in prop::collection::vec(chosen(), 1..4),
        are_converted: [bool; 4],
        has_command: bool,
        has_carriage_returns: bool,
    ) {
        let text = template(&globals, &functions);
        let text = if has_carriage_returns { text.replace('\n', "\r\n") } else { text };
        let before = document("t.yaml", &text);
        let converted: Vec<String> = (0..functions.len())
            .filter(|number| are_converted[*number])
            .map(|number| format!("F{number}{}", if has_command { "=app.handler" } else { "" }))
            .collect();
        let converted: Vec<&str> = converted.iter().map(String::as_str).collect();
        let found = match rewritten("t.yaml", &text, &converted, &RewriteOptions::default()) {
            Ok(rewritten) => rewritten.text,
            Err(errors) => return Err(TestCaseError::fail(format!("{}\n{text}", shown(&errors)))),
        };
        let after = document("t.yaml", &found);
        let images = images(&converted);
        for number in 0..functions.len() {
            let id = format!("F{number}");
            let mut expected = effective(&before, &id);
            let mut own = effective(&after, &id);
            if images.iter().any(|image| image.logical_id == id) {
                prop_assert!(!own.iter().any(|(key, _)| zip_only::GLOBALS.contains(&key.as_str())), "{}\n{}", text, found);
                expected.retain(|(key, _)| !zip_only::SERVERLESS.contains(&key.as_str()));
                let count = own.len();
                own.retain(|(key, _)| !["PackageType", "ImageUri", "ImageConfig"].contains(&key.as_str()));
                prop_assert_eq!(count - own.len(), 2 + usize::from(has_command));
            }
            prop_assert_eq!(expected, own, "{} of\n{}\n{}", id, text, found);
        }
        prop_assert_eq!(kept(&text), kept(&found), "{}\n{}", text, found);
        prop_assert_eq!(found.matches('\n').count() == found.matches("\r\n").count(), has_carriage_returns);
        if converted.is_empty() {
            prop_assert_eq!(found, text);
        }
    }
}
