//! Generates documents.

use proptest::prelude::*;

/// Values on one line, which may also be in brackets.
const SHORT: &[&str] = &[
    "",
    "1.10",
    "x",
    "a b",
    "'it''s # not'",
    "\"q\\\"x\\n, ]\"",
    "é ü",
    "!Ref Bucket",
    "!Sub \"${A}-é\"",
    "!GetAtt a.b",
    "!Ref",
    "&anchor 5",
    "!!str 7",
    "&anchor !Tag 'x'",
    "2012-10-17",
    "~",
    "<https://a.b/c#d>",
];

/// Values on several lines; `@` stands for the indentation.
const LONG: &[&str] = &[
    "|\n@text\n@  # no comment\n\n@more  ",
    "!Sub |-  # comment\n@- a: 1\n@b",
    ">\n@x\n\n\n",
    ">-",
    "|2\n@    deep",
    "plain\n@goes\n\n@on",
    "!Tag plain\n@- on",
    "\"quoted\n@\\\n@on\"",
    "'also\n\n@quoted'",
    "&anchor\n@  # comment\n@x",
    "[ a,\n@!If [b, c] , # comment\n@]",
    "{ a: b\n@, c,\n@\"d\":1}",
];

const KEYS: &[&str] = &["plain", "'single'", "\"dou\\\"ble\"", "é ü", "on", "1.10", "k#", "\"é\""];

#[derive(Debug, Clone)]
enum Part {
    Short(&'static str),
    Long(&'static str),
    List(Vec<Part>, Style),
    Mapping(Vec<Part>, Style),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Flow,
    Block,
    /// With a tag in front of it.
    Tagged,
    /// As near to the left as YAML allows, with comments.
    Tight,
}

fn part() -> impl Strategy<Value = Part> {
    let leaf = prop_oneof![
        3 => prop::sample::select(SHORT).prop_map(Part::Short),
        1 => prop::sample::select(LONG).prop_map(Part::Long),
    ];
    let style =
        || prop::sample::select(vec![Style::Flow, Style::Block, Style::Block, Style::Tagged, Style::Tight]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let parts = || prop::collection::vec(inner.clone(), 1..5);
        prop_oneof![
            (parts(), style()).prop_map(|(parts, style)| Part::List(parts, style)),
            (parts(), style()).prop_map(|(parts, style)| Part::Mapping(parts, style)),
        ]
    })
}

/// A template of nested values in all layouts that YAML has.
pub(in crate::definition::document) fn text() -> impl Strategy<Value = String> {
    (
        prop::collection::vec(part(), 1..5),
        prop::sample::select(vec!["", "---\n", "\u{feff}# first\n\n"]),
        any::<bool>(),
    )
        .prop_map(|(parts, start, has_carriage_returns)| {
            let text = format!("{start}{}\n# last\n", block(&Part::Mapping(parts, Style::Block), 0, 0));
            if has_carriage_returns { text.replace('\n', "\r\n") } else { text }
        })
}

impl Part {
    fn is_in_brackets(&self) -> bool {
        matches!(self, Self::List(_, Style::Flow) | Self::Mapping(_, Style::Flow))
    }
}

fn flow(part: &Part) -> String {
    match part {
        Part::Short("") | Part::Long(_) => "x".to_owned(),
        Part::Short(text) => (*text).to_owned(),
        Part::List(items, _) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(" , ")),
        Part::Mapping(values, _) => {
            let entry = |(number, value)| format!("{}: {}", KEYS[number % KEYS.len()], flow(value));
            format!("{{ {} }}", values.iter().enumerate().map(entry).collect::<Vec<_>>().join(","))
        }
    }
}

/// The lines of a list or mapping at an indentation, the first one without it.
fn block(part: &Part, indentation: usize, depth: usize) -> String {
    let pad = " ".repeat(indentation);
    let (parts, is_list, style) = match part {
        Part::List(parts, style) => (parts, true, style),
        Part::Mapping(parts, style) => (parts, false, style),
        Part::Short(_) | Part::Long(_) => return flow(part),
    };
    let between = if *style == Style::Tight { format!("\n\n# comment\n{pad}") } else { format!("\n{pad}") };
    let entries = parts.iter().enumerate().map(|(number, value)| {
        let value = value_of(value, indentation, is_list, depth);
        match KEYS[number % KEYS.len()] {
            _ if is_list => format!("-{value}"),
            "on" if !value.contains('\n') => format!("? on\n{pad}:{value}"),
            key => format!("{key}:{value}"),
        }
    });
    entries.collect::<Vec<_>>().join(&between)
}

/// What stands after the `-` or colon.
fn value_of(value: &Part, indentation: usize, in_list: bool, depth: usize) -> String {
    let inner = indentation + 2;
    let pad = " ".repeat(inner);
    match value {
        Part::Short("") => "  # comment".to_owned(),
        Part::Short(text) => format!(" {text}  # comment"),
        Part::Long(text) => format!("  {}", text.replace('@', &pad)),
        _ if value.is_in_brackets() => format!("\t{} # comment", flow(value)),
        Part::List(_, Style::Tight) if !in_list && depth > 0 => {
            format!(" # comment\n{}{}", " ".repeat(indentation), block(value, indentation, depth + 1))
        }
        Part::List(_, style) | Part::Mapping(_, style) => {
            let nested = block(value, inner, depth + 1);
            match style {
                Style::Tagged => format!(" !Tag  # comment\n{pad}{nested}"),
                _ if in_list => format!(" {nested}"),
                _ => format!("\n{pad}{nested}"),
            }
        }
    }
}

/// Any value of JSON, under one key.
pub(in crate::definition::document) fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[ -~é]{0,8}".prop_map(Into::into),
    ];
    let inner = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-c\"\\\\ é]{1,3}", inner, 0..4)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    });
    inner.prop_map(|value| serde_json::json!({ "top": value }))
}
