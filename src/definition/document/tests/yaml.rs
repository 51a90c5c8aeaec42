//! What is kept of a YAML text.

use std::path::Path;

use crate::definition::document::{Document, Documents, Node, Vocabulary};
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
fn a_place_below_a_tag_has_a_line() {
    let document = parse("a: !Sub\n  - text\n  - { Name: 5 }\n");
    let place = Place::document(Path::new("template.yaml")).key("a").index(1).key("Name");
    let words = Vocabulary { setting: |_| None, variables: "Variables", sections: &[] };
    let located =
        Documents(vec![document]).locate(&[Finding::error(Code::UnknownKey, place, "x")], &words).shown;
    let at = located[0].position.unwrap();
    assert_eq!((at.line, at.column), (3, 13));
}
