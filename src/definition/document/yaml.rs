//! YAML: from a text to a [`Node`], and from a path in it to a line.
//!
//! serde does not give the position of a value, but the YAML library adds a position to every error. So to find a line, the
//! text is read once more, straight along the path, and rejected at its end (`docs/decisions/002`).

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::node::{Entry, Node, Scalar, ScalarKind};
use super::{Position, Syntax};
use crate::text::{NESTING_AT_MOST, nesting};

/// What a node costs in addition to its text, against [`EXPANDED_AT_MOST`].
const NODE_COST: usize = 32;

/// The limit for the cost and text of all nodes once aliases are expanded. The largest file stays well below; an alias bomb
/// does not.
const EXPANDED_AT_MOST: usize = 32 * 1024 * 1024;

/// Reads a text as one document.
pub(super) fn parse(text: &str) -> Result<Node, Syntax> {
    if nesting(text) > NESTING_AT_MOST {
        return Err(Syntax::too_deep(NESTING_AT_MOST));
    }
    let budget = Cell::new(EXPANDED_AT_MOST);
    let failed = |error: serde_yaml::Error| syntax(&error, text);
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let Some(first) = documents.next() else {
        return Ok(Node::NULL);
    };
    let mut node = ReadNode { budget: &budget }.deserialize(first).map_err(failed)?;
    if let Some(second) = documents.next() {
        // The first error of the second document is at its beginning, regardless of what it contains.
        let error = second.deserialize_any(Refuse).err();
        return Err(Syntax {
            position: error.and_then(|error| position(&error)).map(|at| Position { column: 1, ..at }),
            message: "a second document starts here; a definition is one document".to_owned(),
            help: Some("remove the `---` between them, or move one into its own file".to_owned()),
        });
    }
    ReadText(&mut node).deserialize(serde_yaml::Deserializer::from_str(text)).map_err(failed)?;
    node.merge();
    Ok(node)
}

/// The position in the text of the value that the steps lead to, or of its key.
pub(super) fn locate(text: &str, steps: &[usize], on_key: bool) -> Option<Position> {
    let error = Descend(steps, on_key).deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    position(&error)
}

fn position(error: &serde_yaml::Error) -> Option<Position> {
    error.location().map(|at| Position { line: at.line(), column: at.column() })
}

fn syntax(error: &serde_yaml::Error, text: &str) -> Syntax {
    let position = position(error);
    let mut message = error.to_string();
    if let Some(Position { line, column }) = position {
        // The library repeats the position in its text.
        message = message.replacen(&format!(" at line {line} column {column}"), "", 1);
    }
    let line = position.and_then(|position| text.lines().nth(position.line - 1)).unwrap_or_default();
    let help = syntax_help(&message, line).map(str::to_owned);
    Syntax { position, message, help }
}

/// What to do about the usual slips behind an error of the YAML library.
fn syntax_help(message: &str, line: &str) -> Option<&'static str> {
    let indentation = &line[..line.len() - line.trim_start().len()];
    Some(if indentation.contains('\t') {
        "indent this line with spaces instead of a tab"
    } else if message.contains("mapping values are not allowed") {
        "put a value that contains `: ` in quotes, and indent the keys of one mapping alike"
    } else if message.contains("cannot start any token") || message.contains("unknown anchor") {
        "put a value that begins with `@`, a backtick, `%`, `&` or `*` in quotes"
    } else if message.contains("did not find expected key") {
        "indent the keys of one mapping alike, and close quotes and brackets"
    } else if message.contains("limit exceeded") || message.contains("expand to too much") {
        "reduce nesting and aliases: the document expands to far too much"
    } else {
        return None;
    })
}

/// Reads a node. The text of a number or boolean is left empty: serde does not give type and text at once.
#[derive(Clone, Copy)]
struct ReadNode<'a> {
    budget: &'a Cell<usize>,
}

impl ReadNode<'_> {
    /// Subtracts the cost of a node with a text of this length from the budget.
    fn spend<E: serde::de::Error>(self, length: usize) -> Result<(), E> {
        let rest = self.budget.get().checked_sub(NODE_COST + length);
        self.budget.set(rest.ok_or_else(|| E::custom("the aliases expand to too much"))?);
        Ok(())
    }

    fn scalar<E: serde::de::Error>(self, kind: ScalarKind, text: &str) -> Result<Node, E> {
        self.spend(text.len())?;
        Ok(Node::Scalar(Scalar { kind, text: text.to_owned() }))
    }
}

impl<'de> DeserializeSeed<'de> for ReadNode<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReadNode<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Node, E> {
        self.scalar(ScalarKind::Null, "")
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Node, E> {
        self.scalar(ScalarKind::Null, "")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Node, E> {
        self.scalar(ScalarKind::Boolean(value), "")
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Node, E> {
        self.scalar(ScalarKind::Integer(value.into()), "")
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Node, E> {
        self.scalar(ScalarKind::Integer(value.into()), "")
    }

    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<Node, E> {
        self.scalar(ScalarKind::Integer(value), "")
    }

    fn visit_u128<E: serde::de::Error>(self, value: u128) -> Result<Node, E> {
        self.scalar(ScalarKind::Integer(i128::try_from(value).unwrap_or(i128::MAX)), "")
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        self.scalar(ScalarKind::Decimal(value), "")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Node, E> {
        self.scalar(ScalarKind::Text, text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        self.spend(0)?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        self.spend(0)?;
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(ReadKey)? {
            self.spend(key.len())?;
            let value = map.next_value_seed(self)?;
            entries.push(Entry { key, value, steps: vec![entries.len()] });
        }
        Ok(Node::Mapping(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Node, A::Error> {
        let (tag, value) = tagged.variant::<String>()?;
        self.spend(tag.len())?;
        Ok(Node::Tagged(tag, Box::new(value.newtype_variant_seed(self)?)))
    }
}

/// Reads a key as it is written: `on`, `1.10` and `null` are names like any other.
struct ReadKey;

impl<'de> DeserializeSeed<'de> for ReadKey {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for ReadKey {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name as key")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

/// Reads the same document again and adds the texts that [`ReadNode`] cannot get.
struct ReadText<'a>(&'a mut Node);

impl<'de> DeserializeSeed<'de> for ReadText<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0 {
            Node::Scalar(Scalar { kind: ScalarKind::Null | ScalarKind::Text, .. }) => {
                deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ())
            }
            Node::Tagged(..) => deserializer.deserialize_any(self),
            Node::Scalar(_) => deserializer.deserialize_str(self),
            Node::List(_) => deserializer.deserialize_seq(self),
            Node::Mapping(_) => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for ReadText<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the same document")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if let Node::Scalar(scalar) = self.0 {
            text.clone_into(&mut scalar.text);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Node::List(items) = self.0 else {
            return Err(A::Error::custom("the document has changed"));
        };
        for item in items {
            list.next_element_seed(ReadText(item))?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Node::Mapping(entries) = self.0 else {
            return Err(A::Error::custom("the document has changed"));
        };
        for entry in entries {
            map.next_key::<IgnoredAny>()?;
            map.next_value_seed(ReadText(&mut entry.value))?;
        }
        Ok(())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<(), A::Error> {
        let Node::Tagged(_, value) = self.0 else {
            return Err(A::Error::custom("the document has changed"));
        };
        tagged.variant::<IgnoredAny>()?.1.newtype_variant_seed(ReadText(value))
    }
}

/// Follows the steps and fails at their end: at the key there, or else at the value.
struct Descend<'a>(&'a [usize], bool);

impl<'de> DeserializeSeed<'de> for Descend<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.0.is_empty() {
            deserializer.deserialize_any(Refuse)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Descend<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the path to a finding")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((position, rest)) = self.0.split_first() else {
            return Err(A::Error::custom("the path ends here"));
        };
        for _ in 0..*position {
            map.next_entry::<IgnoredAny, IgnoredAny>()?;
        }
        if rest.is_empty() && self.1 {
            return map.next_key_seed(Refuse).map(|_| ());
        }
        map.next_key::<IgnoredAny>()?;
        map.next_value_seed(Descend(rest, self.1))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((position, rest)) = self.0.split_first() else {
            return Err(A::Error::custom("the path ends here"));
        };
        for _ in 0..*position {
            list.next_element::<IgnoredAny>()?;
        }
        list.next_element_seed(Descend(rest, self.1)).map(|_| ())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<(), A::Error> {
        // A tag is not a step of its own.
        tagged.variant::<IgnoredAny>()?.1.newtype_variant_seed(self)
    }
}

/// Accepts nothing, so that the library's error has the position of the value.
struct Refuse;

impl Visitor<'_> for Refuse {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }
}

impl<'de> DeserializeSeed<'de> for Refuse {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}
