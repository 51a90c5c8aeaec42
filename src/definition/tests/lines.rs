//! Where a problem is shown.

use super::Folder;
use crate::definition::{load, locate};
use crate::problem::{DocumentPath, Problem};

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
    timeout: 2 # abcdef
    timeout: 3
";

fn place(at: &DocumentPath) -> (usize, usize) {
    let located = locate(TEXT, &[Problem::new("x", at.clone(), "x")]).remove(0);
    (located.line.unwrap(), located.column.unwrap())
}

#[test]
fn keys_values_and_items_have_their_own_places() {
    let orders = DocumentPath::keys(&["functions", "orders"]);
    let billing = DocumentPath::keys(&["functions", "billing"]);
    for (at, expected) in [
        (DocumentPath::root(), (1, 1)),
        (orders.key("runtime"), (5, 14)),
        (orders.key("runtime").on_key(), (5, 5)),
        (orders.key("layers").index(1), (9, 9)),
        (orders.clone().on_key(), (4, 3)),
        // No value: its key.
        (orders.key("handler"), (10, 5)),
        // Not there: the nearest above.
        (orders.key("memory"), (4, 3)),
        (orders.key("layers").index(7), (7, 5)),
        (DocumentPath::keys(&["functions", "nobody", "memory"]), (3, 1)),
        (DocumentPath::keys(&["layers"]), (1, 1)),
        // Merged: where it is written.
        (billing.key("memory"), (13, 20)),
        (billing.key("runtime"), (5, 14)),
        (billing.key("layers").index(0), (8, 9)),
        (billing.key("quoted key").on_key(), (14, 5)),
        // Twice: the first value, the second key.
        (billing.key("timeout"), (15, 14)),
        (billing.key("timeout").on_key(), (16, 5)),
    ] {
        assert_eq!(place(&at), expected, "{at}");
    }
}

#[test]
fn an_excerpt_never_shows_a_secret() {
    let excerpt = |at| locate(TEXT, &[Problem::new("x", at, "x")]).remove(0).excerpt;
    assert_eq!(excerpt(DocumentPath::keys(&["defaults", "environment", "STAGE"])), None);
    assert_eq!(excerpt(DocumentPath::keys(&["defaults", "environment"])), None);
    let timeout = DocumentPath::keys(&["functions", "billing", "timeout"]);
    assert_eq!(excerpt(timeout).as_deref(), Some("    timeout: 2 # ***"));
}

#[test]
fn many_problems_of_a_large_definition_do_not_take_forever() {
    let text = format!("{TEXT}#{}\n", "x".repeat(1024 * 1024));
    let problem = Problem::new("x", DocumentPath::keys(&["functions"]), "x");
    let located = locate(&text, &vec![problem; 100]);
    assert_eq!((located.len(), located[0].line, located[99].line), (100, Some(4), None));
}

#[test]
fn later_stages_can_show_lines_too() {
    let folder = Folder::new();
    let text = "functions:\r\n  orders:\r\n    { runtime: python3.12, handler: a.b, code: functions }\r\n";
    folder.write("limg.yaml", format!("\u{feff}{text}").as_bytes());
    let loaded = load(&folder.path("limg.yaml"), super::RUNTIMES).unwrap();
    let handler = DocumentPath::keys(&["functions", "orders", "handler"]);
    let first = DocumentPath::keys(&["functions"]).on_key();
    let located = loaded.locate(&[Problem::new("x", handler, "x"), Problem::new("x", first, "x")]);
    assert_eq!((located[0].line, located[0].column), (Some(1), Some(1)));
    assert_eq!((located[1].line, located[1].column), (Some(3), Some(37)));
    assert_eq!(located[0].excerpt.as_deref(), Some("functions:"));
}
