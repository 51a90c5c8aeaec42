//! The functions of texts and lists: `Fn::Join`, `Fn::Split`, `Fn::Select`, `Fn::Base64`, `Fn::Length`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::evaluate::{Call, mismatch};
use super::expression::Value;
use super::stack::Stacks;
use super::unresolved::{Unresolved, Why};
use crate::definition::document::{Scalar, ScalarKind};

impl<'t> Stacks<'t> {
    /// `Fn::Join`: a delimiter and a list of texts.
    pub(super) fn join(&self, call: &Call<'t>) -> Result<Value<'t>, Unresolved> {
        let arguments = self.arguments(call, 2..=2)?;
        let [delimiter, items] = &arguments[..] else { return Err(call.malformed()) };
        let delimiter = self.needed_text(delimiter)?;
        let mut result = String::new();
        for (position, item) in self.needed_list(items)?.iter().enumerate() {
            let start = result.len();
            if position > 0 {
                result.push_str(&delimiter);
            }
            result.push_str(&self.needed_text(item)?);
            self.memory.pay_for_bytes(item.place(), result.len() - start)?;
        }
        Ok(Value::text(result))
    }

    /// `Fn::Split`: a delimiter and a text.
    pub(super) fn split(&self, call: &Call<'t>) -> Result<Value<'t>, Unresolved> {
        let arguments = self.arguments(call, 2..=2)?;
        let [delimiter, text] = &arguments[..] else { return Err(call.malformed()) };
        let (delimiter, text) = (self.needed_text(delimiter)?, self.needed_text(text)?);
        if delimiter.is_empty() {
            return Err(call.malformed());
        }
        self.memory.pay_for_values(call.argument.place(), text.matches(delimiter.as_str()).count() + 1)?;
        let items = text.split(delimiter.as_str()).map(|item| call.argument.computed_text(item));
        Ok(Value::List(items.collect()))
    }

    /// `Fn::Select`: an index, counted from 0, and a list. Only the item must have a value.
    pub(super) fn select(&self, call: &Call<'t>) -> Result<Value<'t>, Unresolved> {
        let arguments = self.arguments(call, 2..=2)?;
        let [at, list] = &arguments[..] else { return Err(call.malformed()) };
        let index = self.needed_text(at)?;
        let items = match self.evaluate(list)? {
            Value::List(items) => items,
            other => return Err(mismatch(list, "a list", &other)),
        };
        match index.trim().parse::<usize>().ok().and_then(|index| items.get(index)) {
            Some(item) => self.evaluate(item),
            None => Err(Unresolved::new(at.place(), Why::NoItem { index, items: items.len() })),
        }
    }

    /// `Fn::Base64`: a text.
    pub(super) fn base64(&self, call: &Call<'t>) -> Result<Value<'t>, Unresolved> {
        Ok(Value::text(STANDARD.encode(self.needed_text(&call.argument)?)))
    }

    /// `Fn::Length`: a list.
    pub(super) fn length(&self, call: &Call<'t>) -> Result<Value<'t>, Unresolved> {
        let length = self.needed_list(&call.argument)?.len();
        let kind = i128::try_from(length).map_or(ScalarKind::Text, ScalarKind::Integer);
        Ok(Value::Text(Scalar { kind, text: length.to_string() }))
    }
}
