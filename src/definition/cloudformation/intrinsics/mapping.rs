//! `Fn::FindInMap`: a value of the `Mappings` of a template.

use super::evaluate::{Call, TRANSFORM, transform};
use super::expression::{Expression, Value};
use super::stack::Stacks;
use super::unresolved::{Unresolved, Why};
use crate::definition::document::Node;

impl<'t> Stacks<'t> {
    /// `Fn::FindInMap`: a mapping, its two keys, and with `AWS::LanguageExtensions` what to use if there is no such key
    /// (CloudFormation template reference, `Fn::FindInMap` enhancements).
    pub(super) fn find_in_map(&self, call: &Call<'t>) -> Result<Value<'t>, Unresolved> {
        let arguments = self.arguments(call, 3..=4)?;
        let [mapping, first, second, rest @ ..] = &arguments[..] else { return Err(call.malformed()) };
        let default = match rest {
            [options] => {
                let default = options.as_written().and_then(|node| node.entry("DefaultValue"));
                Some(options.under_key("DefaultValue", default.ok_or_else(|| call.malformed())?))
            }
            _ => None,
        };
        match self.find([mapping, first, second])? {
            Ok(value) => self.evaluate(&value),
            Err(missing) => default.map_or(Err(missing), |default| self.evaluate(&default)),
        }
    }

    /// The value that the names lead to. The inner error is about a mapping or key that is not there.
    fn find(&self, names: [&Expression<'t>; 3]) -> Result<Result<Expression<'t>, Unresolved>, Unresolved> {
        let [mapping_at, first_at, second_at] = names;
        let mapping = self.needed_text(mapping_at)?;
        let first = self.needed_text(first_at)?;
        let second = self.needed_text(second_at)?;
        let Some(mappings) = self.top_level(mapping_at.stack(), "Mappings") else {
            let why = Why::UnknownName { kind: "mapping", name: mapping, nearest: None };
            return Ok(Err(Unresolved::new(mapping_at.place(), why)));
        };
        let Some(keys) = self.below(&mappings, &mapping, mapping_at.place())? else {
            let missing = |nearest| Why::UnknownName { kind: "mapping", name: mapping.clone(), nearest };
            return self.missing(&mappings, mapping_at, &mapping, missing).map(Err);
        };
        let Some(values) = self.below(&keys, &first, first_at.place())? else {
            let missing = |nearest| Why::NoKey { mapping, key: first.clone(), nearest };
            return self.missing(&keys, first_at, &first, missing).map(Err);
        };
        if let Some(value) = self.below(&values, &second, second_at.place())? {
            return Ok(Ok(value));
        }
        let mapping = format!("{mapping}.{first}");
        let missing = |nearest| Why::NoKey { mapping, key: second.clone(), nearest };
        self.missing(&values, second_at, &second, missing).map(Err)
    }

    /// The error about a key that is not there.
    fn missing(
        &self,
        mapping: &Expression<'t>,
        at: &Expression<'t>,
        key: &str,
        why: impl FnOnce(Option<String>) -> Why,
    ) -> Result<Unresolved, Unresolved> {
        // What it includes may have the key.
        if let Some(included) = self.below(mapping, TRANSFORM, at.place())? {
            return Err(Unresolved::new(included.place(), transform(&included)));
        }
        let keys = mapping.as_written().map(Node::entries).unwrap_or_default();
        let keys: Vec<&str> = keys.iter().map(|entry| entry.key.as_str()).collect();
        let nearest = self.nearest(at.place(), key, &keys)?;
        Ok(Unresolved::new(at.place(), why(nearest)))
    }
}
