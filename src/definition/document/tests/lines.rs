//! Where a finding is shown.

use std::path::Path;

use crate::definition::document::{Document, Documents, Located, Vocabulary};
use crate::finding::{Code, Finding, Place};

const TEXT: &str = "\
defaults:
  environment: { API_TOKEN: abcdef, STAGE: dev }
functions:
  orders: &orders
    runtime: python3.12
    code: functions/orders
    layers:
      - utils
      - other
    handler:
    timeout: 1
  billing:
    <<: [{ memory: 512 }, *orders]
    \"quoted key\": 5
    timeout: 3
    timeout: 2 # abcdef
";

const WORDS: Vocabulary = Vocabulary::new(|_| None, "environment", &[]);

fn root() -> Place {
    Place::document(Path::new("limg.yaml"))
}

fn locate(text: &str, places: &[Place]) -> Vec<Located> {
    let document = Document::parse(Path::new("limg.yaml"), text.to_owned()).unwrap();
    let finding = |(number, place): (usize, &Place)| {
        Finding::error(Code::UnknownKey, place.clone(), number.to_string())
    };
    let findings: Vec<_> = places.iter().enumerate().map(finding).collect();
    Documents(vec![document]).locate(&findings, &WORDS).shown
}

fn position(place: &Place) -> (usize, usize) {
    let at = locate(TEXT, std::slice::from_ref(place)).remove(0).position.unwrap();
    (at.line, at.column)
}

#[test]
fn keys_values_and_items_have_their_own_places() {
    let orders = root().keys(&["functions", "orders"]);
    let billing = root().keys(&["functions", "billing"]);
    for (at, expected) in [
        (root(), (1, 1)),
        (orders.key("runtime"), (5, 14)),
        (orders.key("runtime").on_key(), (5, 5)),
        (orders.key("layers").index(1), (9, 9)),
        (orders.clone().on_key(), (4, 3)),
        // No value: its key.
        (orders.key("handler"), (10, 5)),
        // Not there: the nearest above.
        (orders.key("memory"), (4, 3)),
        (orders.key("layers").index(7), (7, 5)),
        (root().keys(&["functions", "absent", "memory"]), (3, 1)),
        (root().keys(&["layers"]), (1, 1)),
        // Merged: where it is written.
        (billing.key("memory"), (13, 20)),
        (billing.key("runtime"), (5, 14)),
        (billing.key("layers").index(0), (8, 9)),
        (billing.key("quoted key").on_key(), (14, 5)),
        // Twice: the last one.
        (billing.key("timeout"), (16, 14)),
        (billing.key("timeout").on_key(), (16, 5)),
    ] {
        assert_eq!(position(&at), expected, "{at:?}");
    }
}

#[test]
fn an_excerpt_never_shows_a_secret() {
    let excerpt = |place| locate(TEXT, &[place]).remove(0).excerpt;
    assert_eq!(excerpt(root().keys(&["defaults", "environment", "STAGE"])), None);
    assert_eq!(excerpt(root().keys(&["defaults", "environment"])), None);
    let timeout = root().keys(&["functions", "billing", "timeout"]);
    assert_eq!(excerpt(timeout).as_deref(), Some("    timeout: 2 # ***"));
}

#[test]
fn many_findings_of_a_large_definition_all_have_lines() {
    let text = format!("{TEXT}#{}\n", "x".repeat(1024 * 1024));
    let located = locate(&text, &vec![root().key("functions"); 100]);
    assert_eq!(located.iter().filter(|it| it.position.is_some_and(|at| at.line == 4)).count(), 50);
}

#[test]
fn a_byte_order_mark_is_neither_a_column_nor_in_an_excerpt() {
    let located = locate("\u{feff}é: 1\n", &[root().key("é")]).remove(0);
    assert_eq!(located.position.map(|at| (at.line, at.column)), Some((1, 4)));
    assert_eq!(located.excerpt.as_deref(), Some("é: 1"));
}

#[test]
fn equal_findings_are_one() {
    let document = Document::parse(Path::new("limg.yaml"), TEXT.to_owned()).unwrap();
    let billing = root().keys(&["functions", "billing", "layers"]).index(0);
    let orders = root().keys(&["functions", "orders", "layers"]).index(0);
    let findings =
        [billing, orders.clone(), orders].map(|place| Finding::error(Code::UnknownLayer, place, "x"));
    assert_eq!(
        Documents(vec![document]).locate(&findings, &WORDS).shown.len(),
        1,
        "all are the item under the anchor"
    );
}

#[test]
fn findings_are_sorted_by_file_and_line() {
    let parse = |file: &str| Document::parse(Path::new(file), "a: 1\nb: 2\n".to_owned()).unwrap();
    let at = |file: &str, key: &str| {
        Finding::error(Code::UnknownKey, Place::document(Path::new(file)).key(key), format!("{file} {key}"))
    };
    let findings = [at("elsewhere", "a"), at("two", "b"), at("two", "a"), at("one", "b")];
    let located = Documents(vec![parse("one"), parse("two")]).locate(&findings, &WORDS);
    let messages: Vec<_> = located.shown.iter().map(|it| it.finding.message.as_str()).collect();
    assert_eq!(messages, ["one b", "two a", "two b", "elsewhere a"]);
    assert_eq!(located.shown[3].position, None);
}
