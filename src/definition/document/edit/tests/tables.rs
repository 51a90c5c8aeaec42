//! Documents before and after one change.

use std::path::Path;

use crate::definition::document::Document;
use crate::definition::document::edit::{Change, NewValue, Position};
use crate::finding::Place;

fn place(path: &str) -> Place {
    let steps = path.split('.').filter(|step| !step.is_empty());
    steps.fold(Place::document(Path::new("a.yaml")), |place, step| match step.parse() {
        Ok(index) => place.index(index),
        Err(_) => place.key(step),
    })
}

fn edit_in(file: &str, text: &str, changes: &[Change]) -> String {
    let document = Document::parse(Path::new(file), text.to_owned()).unwrap();
    match document.edit(changes) {
        Ok(edited) => edited.text().to_owned(),
        Err(error) => format!("{}: {error}", error.place().path()),
    }
}

fn edit(text: &str, changes: &[Change]) -> String {
    edit_in("a.yaml", text, changes)
}

fn entries(mapping: &str, removed: &[&str], added: &[(&str, NewValue)]) -> Change {
    Change::Entries {
        mapping: place(mapping),
        removed: removed.iter().map(|key| (*key).to_owned()).collect(),
        added: added.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        position: Position::FirstRemoved,
    }
}

fn text(text: &str) -> NewValue {
    NewValue::Text(text.to_owned())
}

#[test]
fn a_removed_entry_takes_its_own_comments() {
    for (before, removed, after) in [
        ("a:\n  b: 1 # one\n  c: 2 # two\n", "b", "a:\n  c: 2 # two\n"),
        // About this entry alone.
        ("a:\n  b: 1\n  # two\n  c: 2\n  d: 3\n", "c", "a:\n  b: 1\n  d: 3\n"),
        // Maybe about all that follows.
        ("a:\n  # all\n  b: 1\n  c: 2\n", "b", "a:\n  # all\n  c: 2\n"),
        ("a:\n  b: 1\n\n  # both\n  c: 2\n  d: 3\n", "c", "a:\n  b: 1\n\n  # both\n  d: 3\n"),
        // A heading of nothing.
        ("a:\n  b: 1\n\n  # c\n  c: 2\n\n  d: 3\n", "c", "a:\n  b: 1\n\n  d: 3\n"),
        // At another indentation.
        ("a:\n  b: 1\n    # of b\n  c: 2\n  d: 3\n", "c", "a:\n  b: 1\n    # of b\n  d: 3\n"),
        ("a:\n  b: 1\n  c: |\n    x\n\n    y\n  d: 3\n", "c", "a:\n  b: 1\n  d: 3\n"),
        ("a:\n  b: 1\n  c:\n  - x\n  - y\n  d: 3", "c", "a:\n  b: 1\n  d: 3"),
        ("a:\n  b: 1\n  d: 3", "d", "a:\n  b: 1\n"),
        ("a:\r\n  b: 1\r\n  d: 3\r\n", "b", "a:\r\n  d: 3\r\n"),
        ("a: { b: 1, c: 2, d: 3 }\n", "b", "a: { c: 2, d: 3 }\n"),
        ("a: { b: 1, c: 2, d: 3 }\n", "c", "a: { b: 1, d: 3 }\n"),
        ("a: { b: 1, c: 2, d: 3 }\n", "d", "a: { b: 1, c: 2 }\n"),
        ("a: {\n  b: 1, # one\n  c: 2 # two\n}\n", "c", "a: {\n  b: 1 # one\n}\n"),
        ("a: {\n  b: 1, # one\n  c: 2 # two\n}\n", "b", "a: {\n  c: 2 # two\n}\n"),
        ("a: {\n  b: 1,\n  c: 2,\n}\n", "c", "a: {\n  b: 1,\n}\n"),
    ] {
        assert_eq!(edit(before, &[entries("a", &[removed], &[])]), after, "{before}");
    }
}

#[test]
fn new_entries_come_where_the_first_removed_one_was() {
    let map =
        NewValue::Map(vec![("k".to_owned(), NewValue::Texts(vec!["x.y".to_owned(), "yes".to_owned()]))]);
    let added = [("new", text("1")), ("m", map)];
    for (before, removed, after) in [
        (
            "a:\n    b: 1\n    c: 2 # two\n    d: 3\n    e: 4\n",
            &["e", "c"][..],
            "a:\n    b: 1\n    new: \"1\"\n    m:\n        k: [x.y, \"yes\"]\n    d: 3\n",
        ),
        ("a:\n  b: 1\n", &["b"], "a:\n  new: \"1\"\n  m:\n    k: [x.y, \"yes\"]\n"),
        ("a:\r\n  b: 1", &["b"], "a:\r\n  new: \"1\"\r\n  m:\r\n    k: [x.y, \"yes\"]"),
        ("a:\n  # c\n  b: 1\n", &[], "a:\n  new: \"1\"\n  m:\n    k: [x.y, \"yes\"]\n  # c\n  b: 1\n"),
        ("a: {b: 1, c: 2}\n", &["b", "c"], "a: {new: \"1\", m: { k: [x.y, \"yes\"] }}\n"),
        ("a: {b: 1}\n", &[], "a: {new: \"1\", m: { k: [x.y, \"yes\"] }, b: 1}\n"),
        ("a: {}\n", &[], "a: {new: \"1\", m: { k: [x.y, \"yes\"] }}\n"),
        (
            "a: {\n  b: 1,\n  c: 2\n}\n",
            &["b", "c"],
            "a: {\n  new: \"1\",\n  m: {\n    k: [x.y, \"yes\"]\n  }\n}\n",
        ),
    ] {
        assert_eq!(edit(before, &[entries("a", removed, &added)]), after, "{before}");
    }
    let json = "{\n  \"a\": {\n    \"b\": 1,\n    \"c\": 2\n  }\n}\n";
    let expected = "{\n  \"a\": {\n    \"b\": 1,\n    \"new\": \"1\",\n    \"m\": {\n      \"k\": [\"x.y\", \"yes\"]\n    }\n  }\n}\n";
    assert_eq!(edit_in("a.json", json, &[entries("a", &["c"], &added)]), expected);
    let minified = "{\"a\":{\"b\":1,\"c\":2}}";
    let expected = "{\"a\":{\"new\":\"1\",\"m\":{\"k\":[\"x.y\",\"yes\"]},\"c\":2}}";
    assert_eq!(edit_in("a.json", minified, &[entries("a", &["b"], &added)]), expected);
}

#[test]
fn what_is_shared_is_written_out_first() {
    for (before, change, after) in [
        (
            "x: &x\n  b: 1\n  c: 2\na:\n  <<: *x\n  d: 3\n",
            entries("a", &["b"], &[]),
            "x: &x\n  b: 1\n  c: 2\na:\n  c: 2\n  d: 3\n",
        ),
        (
            "x: &x\n  b: 1\n  c:\n    - &i !Ref e\n    - *i\na: *x # alias\nz: *x\n",
            entries("a", &["b"], &[]),
            "x: &x\n  b: 1\n  c:\n    - &i !Ref e\n    - *i\na: # alias\n  c:\n    - !Ref e\n    - *i\nz: *x\n",
        ),
        (
            "a: &x\n  b: 1\n  c: 2\nz: *x\ny: {<<: *x, k: 1}\nv: {w: *x}\n",
            entries("a", &["b"], &[]),
            "z: it is in braces and repeats a value that is written by indentation",
        ),
        (
            "a: &x\n  b: 1\n  c: 2\nz: *x\ny: {<<: *x, k: 1}\n",
            entries("a", &["b"], &[]),
            "a: &x\n  c: 2\nz:\n  b: 1\n  c: 2\ny: {b: 1, c: 2, k: 1}\n",
        ),
        // The anchor goes, and an alias to it stays.
        (
            "a:\n  b: &x [1, 2]\n  c: 2\nz:\n  - *x\n",
            entries("a", &["b"], &[]),
            "a:\n  c: 2\nz:\n  - [1, 2]\n",
        ),
        // Both go.
        ("a:\n  b: &x [1, 2]\n  c: *x\n  d: 1\n", entries("a", &["b", "c"], &[]), "a:\n  d: 1\n"),
        (
            "a:\n  <<: [{b: 1, \"c\":2}, {d: 4}]\n  e: 3\n",
            entries("a", &["b"], &[]),
            "a:\n  \"c\": 2\n  d: 4\n  e: 3\n",
        ),
    ] {
        let after = after.strip_prefix("z: it").map_or(after.to_owned(), |rest| format!("v.w: it{rest}"));
        assert_eq!(edit(before, &[change]), after, "{before}");
    }
}

#[test]
fn values_are_copied_to_another_indentation() {
    let copy = |key: &str| [(key.to_owned(), NewValue::Copy(place(&format!("g.{key}"))))].to_vec();
    let to_a = |key| Change::Entries {
        mapping: place("r.a"),
        removed: vec![],
        added: copy(key),
        position: Position::FirstRemoved,
    };
    for (before, key, after) in [
        ("g:\n  k: x # c\nr:\n  a:\n    b: 1\n", "k", "    k: x\n"),
        (
            "g:\n  k:\n  - x\n  - y: 1\n    z: 2\nr:\n  a:\n    b: 1\n",
            "k",
            "    k:\n    - x\n    - y: 1\n      z: 2\n",
        ),
        (
            "g:\n        k: |\n          x\n\n            y\nr:\n  a:\n    b: 1\n",
            "k",
            "    k: |\n      x\n\n        y\n",
        ),
        ("g: {k: [x,\n y]}\nr:\n  a:\n    b: 1\n", "k", "    k: [x, y]\n"),
        ("g:\n  k: &l !Sub x\nr:\n  a:\n    b: *l\n", "k", "    k: !Sub x\n"),
    ] {
        let expected = before.replace("    b: ", &format!("{after}    b: "));
        assert_eq!(edit(before, &[to_a(key)]), expected, "{before}");
    }
    assert_eq!(edit("g:\n  k: 'x'\nr: {a: {b: 1}}\n", &[to_a("k")]), "g:\n  k: 'x'\nr: {a: {k: x, b: 1}}\n");
    assert_eq!(
        edit("g:\n  k:\n    l: 1\nr: {a: {b: 1}}\n", &[to_a("k")]),
        "g.k: it is to be copied into braces, where indentation has no meaning"
    );
}

#[test]
fn items_are_copied_before_those_of_a_list() {
    let change = [Change::Prepend { list: place("b"), source: place("a") }];
    for (before, after) in [
        ("a:\n  - x\n  - !Ref y\nb:\n- z\n", "b:\n- x\n- !Ref y\n- z\n"),
        ("a:\n  - k: 1\n    l: 2\nb:\n      - z\n", "b:\n      - k: 1\n        l: 2\n      - z\n"),
        ("a: [x, y]\nb: [z]\n", "b: [x, y, z]\n"),
        ("a:\n  - x # c\nb: [z]\n", "b: [x, z]\n"),
        ("a: [x,\n  y]\nb:\n  - z\n", "b:\n  - x\n  - y\n  - z\n"),
        ("a: [x]\nb: []\n", "b: [x]\n"),
    ] {
        let expected = format!("{}{after}", &before[..before.find("b:").unwrap()]);
        assert_eq!(edit(before, &change), expected, "{before}");
    }
}

#[test]
fn keys_and_words_are_replaced_in_the_quotes_that_they_have() {
    let rename = Change::RenameKey { place: place("a.b"), name: "new".to_owned() };
    assert_eq!(edit("a:\n  \"b\" : 1 # b\n", std::slice::from_ref(&rename)), "a:\n  \"new\" : 1 # b\n");
    assert_eq!(edit("x: &x {b: 1}\na:\n  <<: *x\n", &[rename]), "x: &x {b: 1}\na:\n  new: 1\n");
    let reword =
        |is_whole| Change::Reword { place: place("a"), old: "b".to_owned(), new: "new".to_owned(), is_whole };
    assert_eq!(edit("a: !Tag 'b'\n", &[reword(true)]), "a: !Tag 'new'\n");
    assert_eq!(edit("x: &x b\na: *x\n", &[reword(true)]), "x: &x b\na: new\n");
    assert_eq!(edit("a: |\n  b\n  b # b\n", &[reword(false)]), "a: |\n  new\n  new # new\n");
    assert_eq!(edit("a: \"\\u0062\"\n", &[reword(true)]), "a: the text is written with escapes");
}
