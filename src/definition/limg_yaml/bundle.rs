//! `bundle` as it is written: what esbuild bundles, and the options of esbuild by their names with `_` in the place of `-`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::json;

use super::entries::{AsWritten, Entries};
use crate::definition::fields::bundle::{self, Shape, Written};

/// The key for the modules that bundles begin with.
pub(in crate::definition) const ENTRY_POINTS: &str = "entry_points";

/// A bundle.
#[derive(Debug)]
pub(super) enum Bundle {
    /// Whether the handler's module is bundled.
    Automatic(bool),
    /// The bundle begins with this module.
    EntryPoint(String),
    /// Entry points and options.
    Options(Entries<Option<BundleValue>>),
}

/// The value of an option.
#[derive(Debug, Clone)]
pub(super) struct BundleValue(pub(super) Written);

/// The name of an option in `limg.yaml`.
pub(in crate::definition) fn key_of(option: &str) -> String {
    option.replace('-', "_")
}

impl<'de> Deserialize<'de> for Bundle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BundleVisitor;
        impl<'de> Visitor<'de> for BundleVisitor {
            type Value = Bundle;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a boolean, text or a mapping")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Bundle::Automatic(value))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Bundle::EntryPoint(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Entries::deserialize(MapAccessDeserializer::new(map)).map(Bundle::Options)
            }
        }
        deserializer.deserialize_any(BundleVisitor)
    }
}

impl<'de> Deserialize<'de> for BundleValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;
        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a single value, a list or a mapping")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Written::Flag(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Written::Text(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Written::Text(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Written::Text(value.to_string()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Written::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(Written::Items)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let Entries(entries) = Entries::<AsWritten>::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Written::Pairs(entries.into_iter().map(|(key, AsWritten(value))| (key, value)).collect()))
            }
        }
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

impl JsonSchema for Bundle {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Bundle".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let single = generator.subschema_for::<AsWritten>().to_value()["type"].take();
        let mut properties = serde_json::Map::new();
        let entry_points =
            "The modules that bundles begin with, relative to the code. Default: that of the handler.";
        properties.insert(
            ENTRY_POINTS.to_owned(),
            json!({ "description": entry_points, "type": ["array", "null"], "items": { "type": "string" } }),
        );
        for (name, shape) in bundle::OPTIONS {
            let mut schema = match shape {
                Shape::Flag => json!({ "type": ["boolean", "null"] }),
                Shape::FlagOrText | Shape::Text | Shape::Path => {
                    json!({ "type": ["string", "number", "boolean", "null"] })
                }
                Shape::List => json!({ "type": ["array", "null"], "items": { "type": "string" } }),
                Shape::Pairs => {
                    json!({ "type": ["object", "null"], "additionalProperties": { "type": single.clone() } })
                }
            };
            schema["description"] = json!(format!("The option `--{name}` of esbuild."));
            properties.insert(key_of(name), schema);
        }
        let mut schema = Schema::default();
        schema.insert("type".to_owned(), json!(["boolean", "string", "object"]));
        schema.insert("properties".to_owned(), properties.into());
        schema.insert("additionalProperties".to_owned(), json!(false));
        schema
    }
}
