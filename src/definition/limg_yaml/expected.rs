//! What the schema of `limg.yaml` requires of one value, as far as the shape check knows schemas.

use serde_json::{Map, Value};

/// What a schema requires of a value.
pub(super) enum Expected<'s> {
    /// A mapping with these keys and no others.
    Record {
        properties: &'s Map<String, Value>,
        required: Vec<&'s str>,
    },
    /// Text, or a mapping with these keys and no others.
    TextOrRecord {
        properties: &'s Map<String, Value>,
        required: Vec<&'s str>,
    },
    BooleanTextOrRecord {
        properties: &'s Map<String, Value>,
        required: Vec<&'s str>,
    },
    /// A mapping from any names to values of one schema.
    Names(&'s Value),
    /// A list of values of one schema.
    List(&'s Value),
    /// `true`, `false` or a list of values of one schema.
    BooleanOrList(&'s Value),
    /// Text.
    Text,
    /// Text for which the schema has examples. A number counts as text, since validation knows best what was meant.
    Example,
    /// One of these words.
    Word(Vec<&'s str>),
    /// A whole number within bounds.
    Integer {
        minimum: i128,
        maximum: i128,
    },
    /// `true` or `false`.
    Boolean,
    /// Text, a number or a boolean.
    AnyScalar,
}

impl<'s> Expected<'s> {
    /// Reads a schema: what it requires, and whether the value is optional. `None` if its form is unknown.
    pub(super) fn read(schema: &'s Value) -> Option<(Self, bool)> {
        if let Some(choices) = schema["anyOf"].as_array() {
            // An optional enumeration: the schema itself, or null.
            let schema = choices.iter().find(|choice| choice["type"] != "null")?;
            return Some((Self::read(schema)?.0, choices.len() > 1));
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let words = choices.iter().map(|choice| choice["const"].as_str()).collect::<Option<_>>()?;
            return Some((Self::Word(words), false));
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        let optional = types.contains(&"null");
        let types: Vec<&str> = types.into_iter().filter(|name| *name != "null").collect();
        let expected = match types[..] {
            ["object"] => Self::read_object(schema)?,
            ["array"] => Self::List(&schema["items"]),
            ["string"] if schema["examples"].is_array() => Self::Example,
            ["string"] => Self::Text,
            ["boolean"] => Self::Boolean,
            ["boolean", "array"] => Self::BooleanOrList(&schema["items"]),
            ["integer"] => Self::Integer {
                minimum: schema["minimum"].as_i64()?.into(),
                maximum: schema["maximum"].as_i64()?.into(),
            },
            ["string", "object"] => match Self::read_object(schema)? {
                Self::Record { properties, required } => Self::TextOrRecord { properties, required },
                _ => return None,
            },
            ["boolean", "string", "object"] => match Self::read_object(schema)? {
                Self::Record { properties, required } => Self::BooleanTextOrRecord { properties, required },
                _ => return None,
            },
            ["string", "number", "boolean"] => Self::AnyScalar,
            _ => return None,
        };
        Some((expected, optional))
    }

    fn read_object(schema: &'s Value) -> Option<Self> {
        if let Some(properties) = schema["properties"].as_object() {
            let required =
                schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            return Some(Self::Record { properties, required });
        }
        schema["additionalProperties"].is_object().then(|| Self::Names(&schema["additionalProperties"]))
    }

    /// Its name in messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Record { .. } | Self::Names(_) => "a mapping",
            Self::TextOrRecord { .. } => "text or a mapping",
            Self::BooleanTextOrRecord { .. } => "a boolean, text or a mapping",
            Self::List(_) => "a list",
            Self::BooleanOrList(_) => "a boolean or a list",
            Self::Text | Self::Example => "text",
            Self::Word(_) => "a word",
            Self::Integer { .. } => "a whole number",
            Self::Boolean => "a boolean",
            Self::AnyScalar => "a single value",
        }
    }
}
