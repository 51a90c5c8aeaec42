//! The syntax of variables: `${self:custom.${opt:stage, 'dev'}, file(./x.yml):a, 1}` as a tree.
//!
//! It is that of version 3 (Serverless Framework, guides/variables), with what other versions accept in addition. A `${`
//! that is not followed by the name of a source belongs to CloudFormation, as in `${AWS::Region}`, and stays as it is.

use crate::definition::document::{Scalar, ScalarKind};

/// How deep variables may be nested in each other. Real ones have two or three levels.
const NESTED_AT_MOST: usize = 16;

/// A text with variables in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Template(pub(super) Vec<Part>);

/// A piece of a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// Text that stays.
    Text(String),
    /// A variable.
    Variable(Variable),
}

/// A variable: the first source that has a value decides.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variable {
    pub(super) sources: Vec<Source>,
}

/// Where a value may come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// The value itself.
    Literal(Scalar),
    /// A variable in the place of a source, as in `${opt:a, ${self:b}}`.
    Nested(Variable),
    /// A place outside of the variable.
    Reference(Reference),
}

/// A place outside of a variable: `KIND:ADDRESS` or `KIND(PARAMETERS):ADDRESS`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reference {
    /// As in the text, for messages.
    pub(super) text: String,
    pub(super) kind: String,
    pub(super) parameters: Vec<Template>,
    pub(super) address: Template,
}

/// Reads a text; nothing if there is no variable and no escaped one in it.
///
/// # Errors
/// A message about what is wrong with a variable.
pub(super) fn parse(text: &str) -> Result<Option<Template>, String> {
    if !text.contains("${") {
        return Ok(None);
    }
    let template = Parser { text, at: 0, depth: 0 }.template(&[])?;
    let is_unchanged = matches!(&template.0[..], [Part::Text(own)] if own == text);
    Ok((!is_unchanged).then_some(template))
}

struct Parser<'t> {
    text: &'t str,
    /// The position in it, in bytes.
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, expected: &str) -> bool {
        let is_next = self.rest().starts_with(expected);
        if is_next {
            self.at += expected.len();
        }
        is_next
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Reads as long as a condition holds.
    fn take_while(&mut self, holds: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|character| !holds(character)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    /// Reads text and variables until the end, or before one of these characters. Only a text of the document itself has
    /// `${` of CloudFormation and escapes in it, not what is inside of a variable.
    fn template(&mut self, ends: &[char]) -> Result<Template, String> {
        let (mut parts, mut text) = (Vec::new(), String::new());
        while let Some(character) = self.next().filter(|character| !ends.contains(character)) {
            if self.rest().starts_with("${") && (!ends.is_empty() || begins_variable(&self.rest()[2..])) {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Variable(self.variable()?));
            } else if character == '\\' && ends.is_empty() {
                text += &self.backslashes();
            } else if self.skip("${") {
                text += "${";
            } else {
                text.push(character);
                self.at += character.len_utf8();
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Template(parts))
    }

    /// Reads backslashes. In front of `${`, two of them stand for one, and one makes it plain text.
    fn backslashes(&mut self) -> String {
        let count = self.take_while(|character| character == '\\').len();
        if !self.rest().starts_with("${") {
            return "\\".repeat(count);
        }
        let escapes = count % 2 == 1 && self.skip("${");
        "\\".repeat(count / 2) + if escapes { "${" } else { "" }
    }

    /// Reads a variable from its `${` to its `}`.
    fn variable(&mut self) -> Result<Variable, String> {
        if self.depth == NESTED_AT_MOST {
            return Err(format!("variables are nested more than {NESTED_AT_MOST} levels deep"));
        }
        self.depth += 1;
        self.at += "${".len();
        let mut sources = Vec::new();
        loop {
            self.skip_spaces();
            sources.push(self.source()?);
            self.skip_spaces();
            if self.skip("}") {
                self.depth -= 1;
                return Ok(Variable { sources });
            }
            if !self.skip(",") {
                return Err(match self.next() {
                    None => "a variable has no closing `}`".to_owned(),
                    Some(character) => format!("`{character}` is unexpected in a variable"),
                });
            }
        }
    }

    fn source(&mut self) -> Result<Source, String> {
        if self.rest().starts_with("${") {
            return Ok(Source::Nested(self.variable()?));
        }
        if let Some(text) = self.quoted()? {
            return Ok(Source::Literal(Scalar { kind: ScalarKind::Text, text }));
        }
        let start = self.at;
        let word =
            self.take_while(|character| character.is_ascii_alphanumeric() || ".-_+".contains(character));
        match self.next() {
            Some(':' | '(') if is_kind(word) => self.reference(start, word).map(Source::Reference),
            _ => literal(word).map(Source::Literal),
        }
    }

    /// Reads what follows the kind of a source.
    fn reference(&mut self, start: usize, kind: &str) -> Result<Reference, String> {
        let mut parameters = Vec::new();
        if self.skip("(") {
            loop {
                self.skip_spaces();
                if self.skip(")") {
                    break;
                }
                parameters.push(self.operand(&[',', ')', '}'])?);
                self.skip_spaces();
                if !self.skip(",") && !self.rest().starts_with(')') {
                    return Err("the `(` of a variable has no closing `)`".to_owned());
                }
            }
        }
        let address = if self.skip(":") { self.operand(&[',', '}'])? } else { Template::default() };
        let text = self.text.get(start..self.at).unwrap_or_default().trim_end().to_owned();
        Ok(Reference { text, kind: kind.to_owned(), parameters, address })
    }

    /// Reads a parameter or an address, quoted or not.
    fn operand(&mut self, ends: &[char]) -> Result<Template, String> {
        self.skip_spaces();
        if let Some(text) = self.quoted()? {
            return Ok(Template(vec![Part::Text(text)]));
        }
        let mut template = self.template(ends)?;
        if let Some(Part::Text(text)) = template.0.last_mut() {
            text.truncate(text.trim_end().len());
        }
        Ok(template)
    }

    /// Reads a text in quotes, if there is one. In double quotes it is a JSON string, in single quotes there are no escapes.
    fn quoted(&mut self) -> Result<Option<String>, String> {
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|character| matches!(character, '"' | '\'')) else {
            return Ok(None);
        };
        let mut is_escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, character)| {
            let ends = *character == quote && !is_escaped;
            is_escaped = quote == '"' && *character == '\\' && !is_escaped;
            ends
        });
        let Some((end, _)) = end else { return Err(format!("a text in {quote} has no closing {quote}")) };
        self.at += end + 1;
        let inner = &rest[1..end];
        if quote == '\'' {
            return Ok(Some(inner.to_owned()));
        }
        let text = serde_json::from_str(&rest[..=end]);
        text.map(Some).map_err(|_| "a text in double quotes has an invalid escape".to_owned())
    }
}

/// Whether `${` in front of this begins a variable.
fn begins_variable(rest: &str) -> bool {
    let rest = rest.trim_start();
    let end = rest.find(|character: char| !character.is_ascii_alphanumeric() && !".-_".contains(character));
    let (kind, after) = rest.split_at(end.unwrap_or(rest.len()));
    is_kind(kind) && (after.starts_with('(') || (after.starts_with(':') && !after.starts_with("::")))
}

fn is_kind(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase())
}

fn literal(word: &str) -> Result<Scalar, String> {
    let is_number = word.starts_with(|first: char| first.is_ascii_digit() || "-.".contains(first));
    let kind = match word {
        "true" => ScalarKind::Boolean(true),
        "false" => ScalarKind::Boolean(false),
        "null" => return Ok(Scalar { kind: ScalarKind::Null, text: String::new() }),
        _ => match (is_number, word.parse(), word.parse()) {
            (true, Ok(integer), _) => ScalarKind::Integer(integer),
            (true, Err(_), Ok(decimal)) if f64::is_finite(decimal) => ScalarKind::Decimal(decimal),
            _ => return Err(format!("`{word}` is not a source of a variable; a text needs quotes")),
        },
    };
    Ok(Scalar { kind, text: word.to_owned() })
}
