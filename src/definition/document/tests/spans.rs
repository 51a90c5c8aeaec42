//! The bytes of keys, values and entries.

use std::path::Path;

use crate::definition::document::Document;
use crate::definition::document::spans::Spans;
use crate::finding::{DocumentPath, Place};

fn document(file: &str, text: &str) -> Document {
    Document::parse(Path::new(file), text.to_owned()).unwrap()
}

/// The path that `a.b[0]` spells.
fn path(file: &str, written: &str) -> DocumentPath {
    let steps = written.split(['.', '[', ']']).filter(|step| !step.is_empty());
    let place = steps.fold(Place::document(Path::new(file)), |place, step| match step.parse() {
        Ok(index) => place.index(index),
        Err(_) => place.key(step),
    });
    place.path().clone()
}

/// Key, value, entry and lead of a path, and its indentation, `f` in flow style, `s` if it is shared, and `r` if it is repeated.
fn spans(file: &str, text: &str, written: &str) -> (String, String, String, String) {
    let document = document(file, text);
    let Spans { key, value, entry, lead, indentation, is_flow, is_shared, is_repeated } =
        document.spans(&path(file, written)).unwrap_or_else(|| panic!("{written}"));
    let text = document.text();
    let flags = format!(
        "{indentation}{}{}{}{}",
        if is_flow { "f" } else { "" },
        if is_shared { "s" } else { "" },
        if is_repeated { "r" } else { "" },
        if lead.is_empty() { String::new() } else { format!(" {lead:?}") }
    );
    (
        key.map_or(String::new(), |key| text[key].to_owned()),
        text[value].to_owned(),
        text[entry].to_owned(),
        flags,
    )
}

const YAML: &str = "\u{feff}# first
é: &x  # comment
  plain: a  b   # c
  'quoted': \"x\\\"y\"  # c
  multi: one

    two#no
  # c
  literal: |  # c
    text
      # no comment

    more

# c

  folded: !Sub >+ 
    text

  none:   # c
  tag: !Ref # c
  blank: >-

list:
- 1
# c
- - !If [a, !Ref  b, ]   # c
-
- k: v
  l: { a: , \"b\":1, c, d: [x: y] }
? explicit
: value
? lonely
merged:
  <<: { own: 1 }
  other: &y
    inner: z
aliased: *y
";

#[test]
fn yaml_has_exact_ranges() {
    for (path, key, value, entry, flags) in [
        ("é.plain", "plain", "a  b", "plain: a  b", "2"),
        ("é.quoted", "'quoted'", "\"x\\\"y\"", "'quoted': \"x\\\"y\"", "2"),
        ("é.multi", "multi", "one\n\n    two#no", "multi: one\n\n    two#no", "2"),
        ("é.literal", "literal", "|  # c\n    text\n      # no comment\n\n    more", "", "2"),
        ("é.folded", "folded", "!Sub >+ \n    text", "folded: !Sub >+ \n    text", "2"),
        ("é.none", "none", "", "none:", "2 \" \""),
        ("é.tag", "tag", "!Ref", "tag: !Ref", "2"),
        ("é.blank", "blank", ">-", "blank: >-", "2"),
        ("list[0]", "", "1", "- 1", "0"),
        ("list[1]", "", "- !If [a, !Ref  b, ]", "- - !If [a, !Ref  b, ]", "0"),
        ("list[1][0]", "", "!If [a, !Ref  b, ]", "- !If [a, !Ref  b, ]", "2"),
        ("list[1][0][1]", "", "!Ref  b", "!Ref  b", "9f"),
        ("list[2]", "", "", "-", "0 \" \""),
        ("list[3]", "", "k: v\n  l: { a: , \"b\":1, c, d: [x: y] }", "", "0"),
        ("list[3].k", "k", "v", "k: v", "2"),
        ("list[3].l.a", "a", "", "a:", "7f \" \""),
        ("list[3].l.b", "\"b\"", "1", "\"b\":1", "7f"),
        ("list[3].l.c", "c", "", "c", "7f \": \""),
        ("list[3].l.d[0].x", "x", "y", "x: y", "26f"),
        ("explicit", "explicit", "value", "? explicit\n: value", "0"),
        ("lonely", "lonely", "", "? lonely", "0 \"\\n: \""),
        ("merged.own", "own", "1", "own: 1", "8fs"),
        ("merged.other", "other", "&y\n    inner: z", "other: &y\n    inner: z", "2r"),
        ("merged.other.inner", "inner", "z", "inner: z", "4r"),
        ("aliased", "aliased", "*y", "aliased: *y", "0"),
        ("aliased.inner", "inner", "z", "inner: z", "4sr"),
    ] {
        let found = spans("a.yaml", YAML, path);
        assert_eq!((found.0.as_str(), found.1.as_str(), found.3.as_str()), (key, value, flags), "{path}");
        let entry = if entry.is_empty() {
            format!("{}{value}", if key.is_empty() { "- ".to_owned() } else { format!("{key}: ") })
        } else {
            entry.to_owned()
        };
        assert_eq!(found.2, entry, "{path}");
    }
}

#[test]
fn kept_line_breaks_are_not_in_a_range() {
    for text in ["a: |+\n  x\n\n\nb: 1\n", "a: |+\n  x\n\n  \n", "a: |+\r\n  x\r\n\r\n"] {
        let (_, value, entry, _) = spans("a.yaml", text, "a");
        assert_eq!(
            (value.replace('\r', "").as_str(), entry.replace('\r', "").as_str()),
            ("|+\n  x", "a: |+\n  x")
        );
    }
}

#[test]
fn what_a_document_lacks_has_no_range() {
    let text = "a: [1]\n";
    for missing in ["b", "a[1]", "a.b", "a[0].c"] {
        assert_eq!(document("a.yaml", text).spans(&path("a.yaml", missing)), None, "{missing}");
    }
    assert_eq!(document("a.yaml", "# nothing\n").spans(&DocumentPath::default()), None);
    assert_eq!(document("a.yaml", "---\n").spans(&DocumentPath::default()).map(|it| it.value), Some(3..3));
}

#[test]
fn json_has_exact_ranges() {
    let text = "\u{feff}{\n  \"a\" : [ 1, \"x\\\\\" ,{} ],\n  \"b\":{\"c\":null}}\n";
    for (path, key, value, entry, flags) in [
        ("a", "\"a\"", "[ 1, \"x\\\\\" ,{} ]", "\"a\" : [ 1, \"x\\\\\" ,{} ]", "2f"),
        ("a[0]", "", "1", "1", "10f"),
        ("a[1]", "", "\"x\\\\\"", "\"x\\\\\"", "10f"),
        ("a[2]", "", "{}", "{}", "10f"),
        ("b.c", "\"c\"", "null", "\"c\":null", "7f"),
    ] {
        let found = spans("a.json", text, path);
        let found = (found.0.as_str(), found.1.as_str(), found.2.as_str(), found.3.as_str());
        assert_eq!(found, (key, value, entry, flags), "{path}");
    }
}
