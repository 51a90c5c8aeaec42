//! The values of the new `limg.yaml`, before they are text.

use std::collections::BTreeMap;

/// The keys of an entry in their order.
pub(super) type Keys = Vec<(&'static str, Value)>;

/// A value of `limg.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A text.
    Text(String),
    /// A number or boolean.
    Literal(String),
    /// A short list of words.
    Names(Vec<String>),
    /// A list of texts.
    Texts(Vec<String>),
    /// Texts by their names.
    Variables(BTreeMap<String, String>),
}
