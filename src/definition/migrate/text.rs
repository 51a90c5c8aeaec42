//! The text of the new `limg.yaml`.

use std::fmt::Write as _;

use super::sections::{Entry, Sections};
use super::values::{Keys, Value};
use super::yaml::{self, comment};

/// The keys that each function has itself, even if all have the same value.
const OWN: [&str; 2] = ["handler", "code"];

/// How many characters a list in one line has at most.
const LIST_WIDTH: usize = 90;

/// Writes the text.
pub(super) fn write(sections: &Sections) -> String {
    let mut text: String = sections.comments.iter().map(|line| comment(line, 0)).collect();
    line(&mut text, 0, "project", &Value::Text(sections.project.clone()));
    let defaults = defaults(&sections.functions);
    section(&mut text, "bases", &sections.bases, &[]);
    section(&mut text, "layers", &sections.layers, &[]);
    if !defaults.is_empty() {
        text.push_str("\ndefaults:\n");
        keys(&mut text, 2, defaults.iter());
    }
    section(&mut text, "functions", &sections.functions, &defaults);
    if !sections.left_out.is_empty() {
        text.push_str("\n# Functions that are not carried:\n");
        text.extend(sections.left_out.iter().map(|line| comment(line, 0)));
    }
    text
}

/// The keys that all of several functions have in common.
fn defaults(functions: &[Entry]) -> Keys {
    let [first, others @ ..] = functions else { return Keys::new() };
    if others.is_empty() {
        return Keys::new();
    }
    let is_common = |(key, value): &&(&'static str, Value)| {
        !OWN.contains(key) && others.iter().all(|other| other.keys.contains(&(key, value.clone())))
    };
    first.keys.iter().filter(is_common).cloned().collect()
}

fn section(text: &mut String, name: &str, entries: &[Entry], defaults: &[(&'static str, Value)]) {
    if entries.is_empty() {
        return;
    }
    text.push('\n');
    text.push_str(name);
    text.push_str(":\n");
    for Entry { name, comments, keys: own } in entries {
        let own: Vec<_> = own.iter().filter(|key| !defaults.contains(key)).collect();
        text.push_str("  ");
        text.push_str(&yaml::text(name));
        text.push_str(":\n");
        text.extend(comments.iter().map(|line| comment(line, 4)));
        keys(text, 4, own.into_iter());
    }
}

fn keys<'k>(text: &mut String, indent: usize, keys: impl Iterator<Item = &'k (&'static str, Value)>) {
    for (key, value) in keys {
        line(text, indent, key, value);
    }
}

/// Writes a key with its value.
fn line(text: &mut String, indent: usize, key: &str, value: &Value) {
    let in_one_line = match value {
        Value::Text(value) => Some(yaml::text(value)),
        Value::Literal(value) => Some(value.clone()),
        Value::Names(names) => {
            let names: Vec<_> = names.iter().map(|name| yaml::text(name)).collect();
            Some(format!("[{}]", names.join(", "))).filter(|list| list.chars().count() <= LIST_WIDTH)
        }
        Value::Texts(_) | Value::Variables(_) => None,
    };
    // Writing to a string cannot fail.
    let _ = match (in_one_line, value) {
        (Some(value), _) => writeln!(text, "{:indent$}{key}: {value}", ""),
        (None, Value::Names(items) | Value::Texts(items)) => {
            let items = items.iter().map(|item| format!("{:indent$}  - {}", "", yaml::text(item)));
            writeln!(text, "{:indent$}{key}:\n{}", "", items.collect::<Vec<_>>().join("\n"))
        }
        (None, Value::Variables(variables)) => {
            let variables = variables
                .iter()
                .map(|(name, value)| format!("{:indent$}  {}: {}", "", yaml::text(name), yaml::text(value)));
            writeln!(text, "{:indent$}{key}:\n{}", "", variables.collect::<Vec<_>>().join("\n"))
        }
        (None, Value::Text(_) | Value::Literal(_)) => Ok(()),
    };
}
