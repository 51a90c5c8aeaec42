//! `Fn::FindInMap`: a value of the `Mappings` of a template.

use super::evaluate::Call;
use super::expression::{Expression, Value};
use super::stack::{Stacks, entry};
use super::unresolved::{Unresolved, Why};
use crate::text::nearest;

impl<'t> Stacks<'t> {
    /// `Fn::FindInMap`: a mapping, its two keys, and with `AWS::LanguageExtensions` what to use if there is no such key
    /// (CloudFormation template reference, `Fn::FindInMap` enhancements).
    pub(super) fn find_in_map(&self, call: &Call<'t>) -> Result<Value<'t>, Unresolved> {
        let arguments = self.arguments(call, 3..=4)?;
        let [mapping, first, second, rest @ ..] = &arguments[..] else { return Err(call.malformed()) };
        let default = match rest {
            [options] => {
                let default = options.as_written().and_then(|node| entry(node, "DefaultValue"));
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
        let mappings = self.top_level(mapping_at.stack(), "Mappings");
        let Some(found) = mappings.as_ref().and_then(|mappings| below(mappings, &mapping)) else {
            let nearest = mappings.as_ref().and_then(|mappings| nearest_key(mappings, &mapping));
            let why = Why::UnknownName { kind: "mapping", name: mapping, nearest };
            return Ok(Err(Unresolved::new(mapping_at.place(), why)));
        };
        let Some(top_level) = below(&found, &first) else {
            let nearest = nearest_key(&found, &first);
            let why = Why::NoKey { mapping, key: first, nearest };
            return Ok(Err(Unresolved::new(first_at.place(), why)));
        };
        Ok(below(&top_level, &second).ok_or_else(|| {
            let nearest = nearest_key(&top_level, &second);
            let why = Why::NoKey { mapping: format!("{mapping}.{first}"), key: second, nearest };
            Unresolved::new(second_at.place(), why)
        }))
    }
}

fn below<'t>(expression: &Expression<'t>, key: &str) -> Option<Expression<'t>> {
    entry(expression.as_written()?, key).map(|node| expression.under_key(key, node))
}

fn nearest_key(expression: &Expression<'_>, key: &str) -> Option<String> {
    let keys = expression.as_written()?.entries().iter().map(|entry| entry.key.as_str());
    nearest(key, keys).map(str::to_owned)
}
