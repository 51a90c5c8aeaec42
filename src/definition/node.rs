//! The YAML document as a tree that forgets nothing a check needs: order, duplicate keys, tags, the text of numbers.
//!
//! `serde_yaml::Value` cannot serve: it refuses duplicate keys one at a time and turns `1.10` into `1.1`. This module
//! knows YAML and no key of the format. Merge keys (`<<`) are resolved here, so that nobody downstream meets one.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

/// What aliases may make of a document: each node counts as this much beside its text.
const NODE_COST: usize = 32;
/// The sum of all nodes' cost and text. A file of the greatest length stays well below; an alias bomb does not.
const EXPANDED_AT_MOST: usize = 32 * 1024 * 1024;

/// One value of the document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// A single value.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping, with merged entries after its own and duplicates kept.
    Mapping(Vec<Entry>),
    /// Any value with a tag of the document's own, such as `!Ref`.
    Tagged(String),
}

/// A single value: what it is, and how it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scalar {
    pub(super) kind: ScalarKind,
    pub(super) text: String,
}

/// What a single value is by the YAML 1.2 core schema.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ScalarKind {
    Null,
    Boolean(bool),
    Integer(i128),
    Decimal(f64),
    Text,
}

/// One entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: Node,
    /// The way from the mapping to the entry as the text has it: positions in mappings and lists. One step for an
    /// entry of its own, more for one that was merged.
    pub(super) way: Vec<usize>,
}

/// Reads a text as one document.
pub(super) fn parse(text: &str) -> Result<Node, ParseError> {
    let budget = Cell::new(EXPANDED_AT_MOST);
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let Some(first) = documents.next() else {
        return Ok(Node::NULL);
    };
    let mut node = ReadNode { budget: &budget }.deserialize(first)?;
    if let Some(second) = documents.next() {
        // The first error of the second document is where it begins, whatever it holds.
        let error = second.deserialize_any(Refuse).err();
        return Err(ParseError::SecondDocument {
            line: error.and_then(|e| e.location()).map(|at| at.line()),
        });
    }
    ReadText(&mut node).deserialize(serde_yaml::Deserializer::from_str(text))?;
    node.merge();
    Ok(node)
}

/// Why a text is not one YAML document.
#[derive(Debug)]
pub(super) enum ParseError {
    /// The library's own account.
    Yaml(serde_yaml::Error),
    /// There are several documents; the second begins at this line.
    SecondDocument { line: Option<usize> },
}

impl From<serde_yaml::Error> for ParseError {
    fn from(error: serde_yaml::Error) -> Self {
        Self::Yaml(error)
    }
}

impl Node {
    /// No value.
    const NULL: Self = Self::Scalar(Scalar { kind: ScalarKind::Null, text: String::new() });

    /// Whether there is no value.
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(Scalar { kind: ScalarKind::Null, .. }))
    }

    /// The entries of a mapping; none of anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        match self {
            Self::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// Replaces each `<<` by the entries of the mappings that it names, below the mapping's own entries and in order,
    /// as the YAML merge key type asks (yaml.org/type/merge.html). A `<<` that names anything else, or a second one, stays.
    fn merge(&mut self) {
        match self {
            Self::Scalar(_) | Self::Tagged(_) => {}
            Self::List(items) => items.iter_mut().for_each(Self::merge),
            Self::Mapping(entries) => {
                for entry in entries.iter_mut() {
                    entry.value.merge();
                }
                let merge_key =
                    entries.iter().position(|entry| entry.key == "<<" && entry.value.can_be_merged());
                if let Some(position) = merge_key {
                    let Entry { value, way, .. } = entries.remove(position);
                    let mut keys = entries.iter().map(|entry| entry.key.clone()).collect();
                    value.merge_into(&way, entries, &mut keys);
                }
            }
        }
    }

    /// Whether this may stand under `<<`.
    fn can_be_merged(&self) -> bool {
        match self {
            Self::Mapping(_) => true,
            Self::List(items) => items.iter().all(|item| matches!(item, Self::Mapping(_))),
            Self::Scalar(_) | Self::Tagged(_) => false,
        }
    }

    /// Adds the entries of this mapping, or list of mappings, whose keys `target` does not have.
    fn merge_into(self, way: &[usize], target: &mut Vec<Entry>, keys: &mut BTreeSet<String>) {
        match self {
            Self::Scalar(_) | Self::Tagged(_) => {}
            Self::List(items) => {
                for (position, item) in items.into_iter().enumerate() {
                    item.merge_into(&[way, &[position]].concat(), target, keys);
                }
            }
            Self::Mapping(entries) => {
                for entry in entries {
                    if keys.insert(entry.key.clone()) {
                        target.push(Entry { way: [way, &entry.way].concat(), ..entry });
                    }
                }
            }
        }
    }
}

/// Reads a node. A number's or boolean's text is left empty: serde cannot tell type and text at once.
#[derive(Clone, Copy)]
struct ReadNode<'a> {
    budget: &'a Cell<usize>,
}

impl ReadNode<'_> {
    /// Takes the cost of a node with a text of this length out of the budget.
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
            entries.push(Entry { key, value, way: vec![entries.len()] });
        }
        Ok(Node::Mapping(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Node, A::Error> {
        let (tag, value) = tagged.variant::<String>()?;
        value.newtype_variant::<IgnoredAny>()?;
        self.spend(tag.len())?;
        Ok(Node::Tagged(tag))
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

/// Goes over the same document again and adds the texts that [`ReadNode`] could not have.
struct ReadText<'a>(&'a mut Node);

impl<'de> DeserializeSeed<'de> for ReadText<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0 {
            Node::Scalar(Scalar { kind: ScalarKind::Null | ScalarKind::Text, .. }) | Node::Tagged(_) => {
                deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ())
            }
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
}

/// Accepts nothing, so that the library's error tells where the value stands.
pub(super) struct Refuse;

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
