//! What is kept of a YAML text.

use std::path::Path;

use crate::definition::document::{Document, Documents, Node, Scalar, ScalarKind, Vocabulary};
use crate::finding::{Code, Finding, Place};

fn parse(text: &str) -> Document {
    Document::parse(Path::new("template.yaml"), text.to_owned()).unwrap()
}

#[test]
fn tags_keep_their_values() {
    let document = parse("a: !Ref Bucket\nb: !GetAtt [Role, Arn]\nc: !Sub { x: !Ref 1.10 }\n");
    let tagged: Vec<_> = document
        .root()
        .entries()
        .iter()
        .map(|entry| match &entry.value {
            Node::Tagged(tag, value) => (tag.as_str(), value.as_ref()),
            other => panic!("{other:?}"),
        })
        .collect();
    let text = |node: &Node| match node {
        Node::Scalar(scalar) => scalar.text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((tagged[0].0, text(tagged[0].1).as_str()), ("Ref", "Bucket"));
    let Node::List(items) = tagged[1].1 else { panic!("{tagged:?}") };
    assert_eq!(
        (tagged[1].0, items.iter().map(text).collect::<Vec<_>>()),
        ("GetAtt", vec!["Role".into(), "Arn".into()])
    );
    let Node::Tagged(tag, value) = &tagged[2].1.entries()[0].value else { panic!("{tagged:?}") };
    assert_eq!((tag.as_str(), text(value).as_str()), ("Ref", "1.10"));
}

#[test]
fn a_hyphen_alone_is_an_item_of_a_flow_list() {
    let hyphen = || scalar(ScalarKind::Text, "-");
    let x = || scalar(ScalarKind::Text, "x");
    assert_eq!(value("[ -, x ]"), Node::List(vec![hyphen(), x()]));
    assert_eq!(value("[x, -]"), Node::List(vec![x(), hyphen()]));
    let document = parse("ä: 1\na: [-, -, { b: x }]\n");
    let place = Place::document(Path::new("template.yaml")).key("a").index(2).key("b");
    let words = Vocabulary::new(|_| None, "Variables", &[]);
    let located = Documents(vec![document]).locate(&[Finding::error(Code::UnknownKey, place, "x")], &words);
    let at = located.shown[0].position.unwrap();
    assert_eq!((at.line, at.column), (2, 16));
}

#[test]
fn a_place_below_a_tag_has_a_line() {
    let document = parse("a: !Sub\n  - text\n  - { Name: 5 }\n");
    let place = Place::document(Path::new("template.yaml")).key("a").index(1).key("Name");
    let words = Vocabulary::new(|_| None, "Variables", &[]);
    let located =
        Documents(vec![document]).locate(&[Finding::error(Code::UnknownKey, place, "x")], &words).shown;
    let at = located[0].position.unwrap();
    assert_eq!((at.line, at.column), (3, 13));
}

fn root(text: &str) -> Node {
    parse(text).root().clone()
}

/// The value of the only key.
fn value(text: &str) -> Node {
    root(&format!("a: {text}\n")).entries()[0].value.clone()
}

fn scalar(kind: ScalarKind, text: &str) -> Node {
    Node::Scalar(Scalar { kind, text: text.to_owned() })
}

#[test]
fn values_have_the_types_of_the_core_schema_and_their_own_text() {
    for text in
        ["2012-10-17", "012345678901", "yes", "on", "1_000", "1:30", "0x", "-+1", "infinity", "a\tb", "-0b"]
    {
        assert_eq!(value(text), scalar(ScalarKind::Text, text));
    }
    for (text, number) in
        [("0", 0), ("-12", -12), ("+7", 7), ("0x1F", 31), ("0o17", 15), ("0b11", 3), ("-0x10", -16)]
    {
        assert_eq!(value(text), scalar(ScalarKind::Integer(number), text));
    }
    let largest = "9".repeat(39);
    assert_eq!(value(&largest), scalar(ScalarKind::Decimal(1e39), &largest));
    let large = i128::MAX.to_string();
    assert_eq!(value(&large), scalar(ScalarKind::Integer(i128::MAX), &large));
    for (text, number) in [("1.10", 1.1), (".5", 0.5), ("1e3", 1000.0), ("-.inf", f64::NEG_INFINITY)] {
        assert_eq!(value(text), scalar(ScalarKind::Decimal(number), text));
    }
    assert_eq!(value("True"), scalar(ScalarKind::Boolean(true), "True"));
    for text in ["", "~", "null", "# comment", "&anchor", "!!null ~"] {
        assert_eq!(value(text), Node::NULL, "{text}");
    }
    for (text, expected) in [
        ("'5'", scalar(ScalarKind::Text, "5")),
        ("!!str 5", scalar(ScalarKind::Text, "5")),
        ("! 5", scalar(ScalarKind::Text, "5")),
        ("!!int '5'", scalar(ScalarKind::Integer(5), "5")),
        ("!!float 5", scalar(ScalarKind::Decimal(5.0), "5")),
        ("!!timestamp 2012-10-17", scalar(ScalarKind::Text, "2012-10-17")),
        ("!Ref", Node::Tagged("Ref".into(), Box::new(Node::NULL))),
        ("!Fn::Sub 'x'", Node::Tagged("Fn::Sub".into(), Box::new(scalar(ScalarKind::Text, "x")))),
        ("!<!Ref> x", Node::Tagged("Ref".into(), Box::new(scalar(ScalarKind::Text, "x")))),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn keys_are_their_text() {
    let keys = |text: &str| root(text).entries().iter().map(|entry| entry.key.clone()).collect::<Vec<_>>();
    assert_eq!(
        keys("null: 1\n1.10: 2\non: 3\n~: 4\n'': 5\n!Tag x: 6\n? y\n"),
        ["null", "1.10", "on", "~", "", "x", "y"]
    );
    assert_eq!(keys("&k a: 1\nb: *k\n*k : 2\n"), ["a", "b", "a"]);
    assert_eq!(keys("<<: { a: 1, b: 2 }\nb: 3\n"), ["b", "a"]);
}

#[test]
fn a_template_is_the_same_in_every_layout() {
    let expected = root("a: { b: !If [c, !Ref d, !Ref \"AWS::NoValue\"], e: 'é f' }\n");
    for text in [
        "---\na:\n  b: !If\n  - c\n  - !Ref d\n  - !Ref AWS::NoValue\n  e: é f\n...\n",
        "%YAML 1.1\n# comment\n---\na:\n  b: !If [\n    c, # comment\n  !Ref d, !Ref 'AWS::NoValue',\n  ]\n  e: é\n    f\n",
        "\u{feff}a:\r\n  b: !If\r\n    - c\r\n\r\n    - !Ref d\r\n    - !Ref\r\n      AWS::NoValue\r\n  e: \"\\u00e9\r\n    f\"\r\n",
        "{\"a\": {\n\t\"b\": !If [\"c\", !Ref \"d\", !Ref \"AWS::NoValue\"],\n\t\"e\": \"é f\"\n}}",
        "x: &x { e: é f }\na:\n  b: &if !If [c, !Ref d, !Ref AWS::NoValue]\n  <<: *x\n",
    ] {
        let mut found = root(text);
        if let Node::Mapping(entries) = &mut found {
            entries.retain(|entry| entry.key == "a");
        }
        assert_eq!(found, expected, "{text}");
    }
    assert_eq!(value("|\n  x\n   y\n\n"), scalar(ScalarKind::Text, "x\n y\n"));
    assert_eq!(root("a: |\n  x").entries()[0].value, scalar(ScalarKind::Text, "x"), "as libyaml reads it");
}
