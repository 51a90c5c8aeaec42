//! `Fn::ToJsonString`: a list or mapping as JSON text, which needs all that is in it.

use super::evaluate::{Call, mismatch};
use super::expression::{Expression, Value};
use super::stack::Stacks;
use super::unresolved::Unresolved;
use crate::definition::document::{Scalar, ScalarKind};

impl<'t> Stacks<'t> {
    /// `Fn::ToJsonString`: a list or mapping.
    pub(super) fn to_json_string(&self, call: &Call<'t>) -> Result<Value<'t>, Unresolved> {
        let mut json = String::new();
        match self.evaluate(&call.argument)? {
            value @ (Value::List(_) | Value::Map(_)) => self.write_json(&call.argument, value, &mut json)?,
            other @ Value::Reference(_) => return Err(mismatch(&call.argument, "a mapping", &other)),
            Value::Absent | Value::Text(_) => return Err(call.malformed()),
        }
        Ok(Value::text(json))
    }

    fn write_json(&self, at: &Expression<'t>, value: Value<'t>, json: &mut String) -> Result<(), Unresolved> {
        self.memory.deeper(at.place(), || {
            let start = json.len();
            match value {
                Value::Text(Scalar { kind: ScalarKind::Boolean(_) | ScalarKind::Integer(_), text }) => {
                    json.push_str(&text);
                }
                Value::Text(Scalar { kind: ScalarKind::Decimal(number), text }) => {
                    json.push_str(&serde_json::to_string(&number).unwrap_or(text));
                }
                Value::Text(Scalar { text, .. }) => json.push_str(&quoted(&text)),
                Value::List(items) => {
                    let items = items.into_iter().map(|item| (None, item));
                    self.write_items(['[', ']'], items, json)?;
                }
                Value::Map(entries) => {
                    let items = entries.into_iter().map(|(key, value)| (Some(key), value));
                    self.write_items(['{', '}'], items, json)?;
                }
                other @ (Value::Absent | Value::Reference(_)) => {
                    return Err(mismatch(at, "a single value", &other));
                }
            }
            self.memory.pay_for_bytes(at.place(), json.len() - start)
        })
    }

    /// Writes what is in a list or mapping, without what is absent.
    fn write_items(
        &self,
        [open, close]: [char; 2],
        items: impl Iterator<Item = (Option<String>, Expression<'t>)>,
        json: &mut String,
    ) -> Result<(), Unresolved> {
        json.push(open);
        let mut is_first = true;
        for (key, item) in items {
            let value = self.evaluate(&item)?;
            if matches!(value, Value::Absent) {
                continue;
            }
            if !is_first {
                json.push(',');
            }
            is_first = false;
            if let Some(key) = key {
                json.push_str(&quoted(&key));
                json.push(':');
            }
            self.write_json(&item, value, json)?;
        }
        json.push(close);
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
