//! Spells new entries and values in the style of what is around them.

use super::EditError;
use super::change::NewValue;
use crate::definition::document::Document;

/// How entries of one mapping are written.
#[derive(Debug, Clone)]
pub(super) struct Style {
    pub(super) is_flow: bool,
    /// The column of the keys; nothing if all entries are on one line.
    pub(super) indentation: Option<usize>,
    step: usize,
    line_break: &'static str,
    /// Whether keys and texts have quotes, as in JSON.
    is_quoted: bool,
    /// What is between key and value.
    colon: &'static str,
}

impl Style {
    pub(super) fn block(indentation: usize, step: usize, line_break: &'static str) -> Self {
        Self {
            is_flow: false,
            indentation: Some(indentation),
            step,
            line_break,
            is_quoted: false,
            colon: ": ",
        }
    }

    pub(super) fn flow(
        indentation: Option<usize>,
        step: usize,
        line_break: &'static str,
        is_quoted: bool,
        colon: &'static str,
    ) -> Self {
        Self { is_flow: true, indentation, step, line_break, is_quoted, colon }
    }

    /// The spaces before a key.
    pub(super) fn pad(&self) -> String {
        " ".repeat(self.indentation.unwrap_or_default())
    }

    /// What is between two entries.
    pub(super) fn separator(&self) -> String {
        match (self.is_flow, self.indentation) {
            (false, _) => format!("{}{}", self.line_break, self.pad()),
            (true, Some(_)) => format!(",{}{}", self.line_break, self.pad()),
            (true, None) => format!(",{}", self.space()),
        }
    }

    /// The space that minified JSON lacks.
    fn space(&self) -> &'static str {
        if self.colon == ":" { "" } else { " " }
    }

    /// The style of a mapping in this one.
    pub(super) fn inner(&self) -> Self {
        Self { indentation: self.indentation.map(|column| column + self.step), ..self.clone() }
    }

    /// A text as a key or value.
    pub(super) fn text(&self, text: &str) -> String {
        if self.is_quoted || !is_plain(text) { quoted(text) } else { text.to_owned() }
    }

    fn texts(&self, texts: &[String]) -> String {
        let texts: Vec<_> = texts.iter().map(|text| self.text(text)).collect();
        format!("[{}]", texts.join(&format!(",{}", self.space())))
    }
}

/// A text in double quotes, which mean the same in YAML and JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether every reader of YAML, 1.1 or 1.2, takes this for a text without quotes, in brackets too.
fn is_plain(text: &str) -> bool {
    let mut characters = text.chars();
    let begins_well =
        characters.next().is_some_and(|first| first.is_ascii_alphabetic() || "_/".contains(first));
    let begins_well =
        begins_well || text.contains('/') && text.starts_with(|first: char| first.is_ascii_digit());
    let is_word = matches!(
        text.to_ascii_lowercase().as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
    );
    begins_well
        && !is_word
        && !text.ends_with(':')
        && text.chars().all(|next| next.is_ascii_alphanumeric() || "_./@:-".contains(next))
}

impl Document {
    /// Entries by indentation, the first one without its spaces and the last one without its line break.
    pub(super) fn render_block_entries(
        &self,
        entries: &[(String, NewValue)],
        style: &Style,
    ) -> Result<String, EditError> {
        let mut rendered = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = style.text(key);
            rendered.push(match value {
                NewValue::Text(text) => format!("{key}: {}", style.text(text)),
                NewValue::Texts(texts) => format!("{key}: {}", style.texts(texts)),
                NewValue::Map(entries) => {
                    let inner = style.inner();
                    let entries = self.render_block_entries(entries, &inner)?;
                    format!("{key}:{}{}{entries}", style.line_break, inner.pad())
                }
                NewValue::Copy(source) => {
                    format!("{key}:{}", self.copy_to_block(source, style.indentation.unwrap_or_default())?)
                }
            });
        }
        Ok(rendered.join(&style.separator()))
    }

    /// Entries in braces, without the braces.
    pub(super) fn render_flow_entries(
        &self,
        entries: &[(String, NewValue)],
        style: &Style,
    ) -> Result<String, EditError> {
        let mut rendered = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let value = self.render_flow_value(value, style)?;
            rendered.push(format!("{}{}{value}", style.text(key), style.colon));
        }
        Ok(rendered.join(&style.separator()))
    }

    /// A value in brackets, or on one line.
    pub(super) fn render_flow_value(&self, value: &NewValue, style: &Style) -> Result<String, EditError> {
        Ok(match value {
            NewValue::Text(text) => style.text(text),
            NewValue::Texts(texts) => style.texts(texts),
            NewValue::Map(entries) => {
                let inner = style.inner();
                let entries = self.render_flow_entries(entries, &inner)?;
                match style.indentation {
                    Some(_) => {
                        let line_break = style.line_break;
                        format!("{{{line_break}{}{entries}{line_break}{}}}", inner.pad(), style.pad())
                    }
                    None if style.is_quoted => format!("{{{entries}}}"),
                    None => format!("{{ {entries} }}"),
                }
            }
            NewValue::Copy(source) => self.copy_to_flow(source, style)?,
        })
    }
}
