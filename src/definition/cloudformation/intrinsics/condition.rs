//! Conditions: `Fn::If`, and the functions under `Conditions` (CloudFormation template reference, Condition functions).

use super::entries::Section;
use super::evaluate::{Call, mismatch};
use super::expression::{Expression, StackId, Value};
use super::function::Function;
use super::memory::once;
use super::stack::Stacks;
use super::unresolved::{Unresolved, Why};
use crate::definition::document::{Node, Scalar};
use crate::finding::Place;

impl<'t> Stacks<'t> {
    /// Whether a condition of a stack holds. `at` is where it is named.
    ///
    /// # Errors
    /// When there is no such condition, or what it depends on is not known.
    pub(in crate::definition) fn condition(
        &self,
        stack: StackId,
        name: &str,
        at: &Place,
    ) -> Result<bool, Unresolved> {
        let conditions = self.section(stack, Section::Conditions);
        match conditions.get(name) {
            Some(condition) => once(&self.memory.conditions, stack, name, at, || self.holds(condition)),
            None => Err(self.unknown(&conditions, &[], at, "condition", name)),
        }
    }

    /// `Fn::If`: a condition and the values for when it holds and when it does not. The condition does not matter where both
    /// values are the same.
    pub(super) fn choose(&self, call: &Call<'t>) -> Result<Value<'t>, Unresolved> {
        let arguments = self.arguments(call, 3..=3)?;
        let [condition, yes, no] = &arguments[..] else { return Err(call.malformed()) };
        let name = self.needed_text(condition)?;
        match self.condition(condition.stack(), &name, condition.place()) {
            Ok(holds) => self.evaluate(if holds { yes } else { no }),
            Err(unresolved) => match (self.evaluate(yes), self.evaluate(no)) {
                (Ok(Value::Text(yes)), Ok(Value::Text(no))) if yes.text == no.text => Ok(Value::Text(yes)),
                (Ok(Value::Absent), Ok(Value::Absent)) => Ok(Value::Absent),
                (Ok(Value::Reference(yes)), Ok(Value::Reference(no))) if yes == no => {
                    Ok(Value::Reference(yes))
                }
                _ => Err(unresolved),
            },
        }
    }

    /// Whether a condition holds. One part may decide for those that are not known.
    fn holds(&self, condition: &Expression<'t>) -> Result<bool, Unresolved> {
        self.memory.deeper(condition.place(), || self.holds_unchecked(condition))
    }

    fn holds_unchecked(&self, condition: &Expression<'t>) -> Result<bool, Unresolved> {
        let failed = |why| Err(Unresolved::new(condition.place(), why));
        // The long form of `!Condition` is a key without `Fn::`.
        if let Some(node @ Node::Mapping(entries)) = condition.as_written()
            && let (1, Some(name)) = (entries.len(), node.entry("Condition"))
        {
            return self.named_condition(&condition.under_key("Condition", name));
        }
        let Some(call) = Call::of(condition)? else {
            let found = match self.evaluate(condition)? {
                Value::Text(Scalar { text, .. }) => format!("`{text}`"),
                other => other.noun().to_owned(),
            };
            return failed(Why::NotACondition { found });
        };
        match call.function {
            Some(Function::Condition) => self.named_condition(&call.argument),
            Some(Function::Equals) => self.equals(&call),
            Some(Function::Not) => match &self.arguments(&call, 1..=1)?[..] {
                [only] => Ok(!self.holds(only)?),
                _ => Err(call.malformed()),
            },
            // CloudFormation accepts 2 to 10 conditions.
            Some(Function::And) => self.decide(&self.arguments(&call, 2..=10)?, false),
            Some(Function::Or) => self.decide(&self.arguments(&call, 2..=10)?, true),
            _ => failed(Why::NotACondition { found: format!("`{}`", call.written) }),
        }
    }

    fn named_condition(&self, name: &Expression<'t>) -> Result<bool, Unresolved> {
        let condition = self.needed_text(name)?;
        self.condition(name.stack(), &condition, name.place())
    }

    /// `deciding` if one of the conditions is that, known or not as the others may be.
    fn decide(&self, conditions: &[Expression<'t>], deciding: bool) -> Result<bool, Unresolved> {
        let mut unresolved = None;
        for condition in conditions {
            match self.holds(condition) {
                Ok(holds) if holds == deciding => return Ok(deciding),
                Ok(_) => {}
                Err(error) => unresolved = unresolved.or(Some(error)),
            }
        }
        unresolved.map_or(Ok(!deciding), Err)
    }

    /// `Fn::Equals`: two values. Both may be lists, such as those of parameters.
    fn equals(&self, call: &Call<'t>) -> Result<bool, Unresolved> {
        let arguments = self.arguments(call, 2..=2)?;
        let [left, right] = &arguments[..] else { return Err(call.malformed()) };
        self.are_equal(left, right)
    }

    fn are_equal(&self, left: &Expression<'t>, right: &Expression<'t>) -> Result<bool, Unresolved> {
        match (self.evaluate(left)?, self.evaluate(right)?) {
            (Value::Text(left), Value::Text(right)) => Ok(left.text == right.text),
            (Value::List(left), Value::List(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (left, right) in left.iter().zip(&right) {
                    if !self.memory.deeper(left.place(), || self.are_equal(left, right))? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (found @ (Value::Reference(_) | Value::Map(_) | Value::Absent), _) => {
                Err(mismatch(left, "a single value", &found))
            }
            (_, found @ (Value::Reference(_) | Value::Map(_) | Value::Absent)) => {
                Err(mismatch(right, "a single value", &found))
            }
            (Value::Text(_), Value::List(_)) | (Value::List(_), Value::Text(_)) => Ok(false),
        }
    }
}
