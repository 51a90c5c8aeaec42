//! One level of a value: recognises functions and calls them.

use super::expression::{Expression, Value};
use super::for_each;
use super::function::Function;
use super::stack::Stacks;
use super::unresolved::{Unresolved, Why};
use crate::definition::document::{Entry, Node, Scalar};
use crate::text::nearest;

/// How the keys of functions begin: CloudFormation's own, and those of Rain, which packs templates.
const FUNCTION: &str = "Fn::";
const RAIN: &str = "Rain::";

/// The key of a transform. Unlike other functions it may have keys next to it, to which it adds.
pub(super) const TRANSFORM: &str = "Fn::Transform";

/// A call of a function, in its short form `!Sub x` or its long form `Fn::Sub: x`.
pub(super) struct Call<'t> {
    /// The function as it is written, such as `!Sub` or `Fn::Sub`.
    pub(super) written: String,
    /// The function, if limg knows it.
    pub(super) function: Option<Function>,
    /// What it is called with, not evaluated.
    pub(super) argument: Expression<'t>,
}

impl<'t> Call<'t> {
    /// The function that an expression calls, if it calls one.
    pub(super) fn of(expression: &Expression<'t>) -> Result<Option<Self>, Unresolved> {
        let call = |written: String, name: &str, argument| {
            let function = Function::ALL.into_iter().find(|function| function.name() == name);
            Some(Call { written, function, argument })
        };
        Ok(match expression.as_written() {
            Some(Node::Tagged(tag, value)) => call(format!("!{tag}"), tag, expression.under_tag(value)),
            Some(Node::Mapping(entries)) => {
                let is_call = |key: &str| {
                    [FUNCTION, RAIN].iter().any(|prefix| key.starts_with(prefix))
                        && !key.starts_with(for_each::PREFIX)
                };
                match &entries[..] {
                    [only] if only.key == "Ref" || is_call(&only.key) => {
                        let name = only.key.strip_prefix(FUNCTION).unwrap_or(&only.key);
                        call(only.key.clone(), name, expression.under_key(&only.key, &only.value))
                    }
                    several => {
                        if let Some(entry) = several.iter().find(|entry| is_call(&entry.key)) {
                            let value = expression.under_key(&entry.key, &entry.value);
                            let why = match entry.key.as_str() {
                                TRANSFORM => transform(&value),
                                _ => Why::NotAlone { function: entry.key.clone() },
                            };
                            return Err(Unresolved { place: value.place().clone().on_key(), why });
                        }
                        None
                    }
                }
            }
            Some(Node::Scalar(_) | Node::List(_)) | None => None,
        })
    }

    /// The error about arguments of the wrong form.
    pub(super) fn malformed(&self) -> Unresolved {
        let why = match self.function {
            Some(function) => Why::Arguments { function, written: self.written.clone() },
            None => Why::UnknownFunction { function: self.written.clone(), nearest: None },
        };
        Unresolved::new(self.argument.place(), why)
    }
}

impl<'t> Stacks<'t> {
    /// Evaluates one level of a value.
    ///
    /// # Errors
    /// When it depends on something that only the deployed stack knows, or that is not defined. What is in a list or a
    /// mapping is not evaluated yet.
    pub(in crate::definition) fn evaluate(
        &self,
        expression: &Expression<'t>,
    ) -> Result<Value<'t>, Unresolved> {
        let value = self.memory.deeper(expression.place(), || self.evaluate_unchecked(expression))?;
        self.memory.pay_for_values(expression.place(), 1)?;
        self.memory.pay_for_bytes(expression.place(), value.bytes())?;
        if let Value::Text(Scalar { text, .. }) = &value
            && let Some(resolved) = self.with_stored_values(expression, text)?
        {
            return Ok(Value::text(resolved));
        }
        Ok(value)
    }

    /// The same without a look at dynamic references, which only make sense of a whole text.
    fn evaluate_unchecked(&self, expression: &Expression<'t>) -> Result<Value<'t>, Unresolved> {
        if let Some(call) = Call::of(expression)? {
            return self.apply(expression, &call);
        }
        let Some(node) = expression.as_written() else {
            return expression.as_computed().cloned().unwrap_or(Ok(Value::Absent));
        };
        Ok(match node {
            Node::List(items) => {
                self.memory.pay_for_values(expression.place(), items.len())?;
                let items = items.iter().enumerate();
                Value::List(items.map(|(index, item)| expression.at_index(index, item)).collect())
            }
            Node::Mapping(entries) => {
                self.memory.pay_for_values(expression.place(), entries.len())?;
                let mut map = Vec::with_capacity(entries.len());
                for entry in entries {
                    let value = expression.under_key(&entry.key, &entry.value);
                    if entry.key.starts_with(for_each::PREFIX) {
                        map.extend(self.expand(&entry.key, &value)?);
                    } else {
                        map.push((expression.substitute_identifiers(&entry.key).into_owned(), value));
                    }
                }
                Value::Map(map)
            }
            Node::Scalar(_) | Node::Tagged(..) => expression.literal().map_or(Value::Absent, Value::Text),
        })
    }

    fn apply(&self, whole: &Expression<'t>, call: &Call<'t>) -> Result<Value<'t>, Unresolved> {
        let failed = |why| Err(Unresolved::new(whole.place(), why));
        let Some(function) = call.function else {
            return failed(unknown_function(&call.written));
        };
        match function {
            Function::Ref => self.reference(call),
            Function::GetAtt => self.attribute(call),
            Function::Sub => self.sub(call),
            Function::Join => self.join(call),
            Function::Split => self.split(call),
            Function::Select => self.select(call),
            Function::Base64 => self.base64(call),
            Function::Length => self.length(call),
            Function::ToJsonString => self.to_json_string(call),
            Function::FindInMap => self.find_in_map(call),
            Function::If => self.choose(call),
            Function::ImportValue => {
                let name = self.text(&call.argument).ok().flatten();
                failed(Why::Import { name: name.map(|name| name.text) })
            }
            Function::Transform => failed(transform(&call.argument)),
            Function::Cidr | Function::GetAzs => {
                failed(Why::DeployedFunction { function: call.written.clone() })
            }
            Function::And | Function::Or | Function::Not | Function::Equals | Function::Condition => {
                failed(Why::OnlyInConditions { function: call.written.clone() })
            }
            Function::ForEach => Err(call.malformed()),
        }
    }

    /// The single value of an expression; nothing if it is absent.
    ///
    /// # Errors
    /// When it is not known, or a list or mapping.
    pub(in crate::definition) fn text(
        &self,
        expression: &Expression<'t>,
    ) -> Result<Option<Scalar>, Unresolved> {
        match self.evaluate(expression)? {
            Value::Absent => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            other => Err(mismatch(expression, "a single value", &other)),
        }
    }

    /// The items of a list without those that are absent; nothing if the list itself is absent. An item that cannot be
    /// evaluated stays, and fails when it is needed.
    ///
    /// # Errors
    /// When it is not known whether it is a list, or is something else.
    pub(in crate::definition) fn list(
        &self,
        expression: &Expression<'t>,
    ) -> Result<Option<Vec<Expression<'t>>>, Unresolved> {
        let items = match self.evaluate(expression)? {
            Value::Absent => return Ok(None),
            Value::List(items) => items,
            other => return Err(mismatch(expression, "a list", &other)),
        };
        let evaluated = items.into_iter().map(|item| (self.evaluate(&item), item));
        let present = evaluated.filter(|(result, _)| !matches!(result, Ok(Value::Absent)));
        Ok(Some(present.map(|(result, item)| item.evaluated(result)).collect()))
    }

    /// The entries of a mapping; nothing if it is absent. The values of entries may still turn out to be absent.
    ///
    /// # Errors
    /// When it is not known whether it is a mapping, or is something else.
    pub(in crate::definition) fn map(
        &self,
        expression: &Expression<'t>,
    ) -> Result<Option<Vec<(String, Expression<'t>)>>, Unresolved> {
        match self.evaluate(expression)? {
            Value::Absent => Ok(None),
            Value::Map(entries) => Ok(Some(entries)),
            other => Err(mismatch(expression, "a mapping", &other)),
        }
    }

    /// The value of a key of a mapping; nothing if the mapping or the key is absent. It may still turn out to be absent.
    ///
    /// # Errors
    /// When it is not known whether it is a mapping, or is something else.
    pub(in crate::definition) fn get(
        &self,
        expression: &Expression<'t>,
        key: &str,
    ) -> Result<Option<Expression<'t>>, Unresolved> {
        // Without a loop, only the value itself has to be found.
        if let Some(Node::Mapping(entries)) = expression.as_written()
            && Call::of(expression)?.is_none()
            && !entries.iter().any(|entry| entry.key.starts_with(for_each::PREFIX))
        {
            self.memory.pay_for_values(expression.place(), 1)?;
            let named = |entry: &&Entry| expression.substitute_identifiers(&entry.key) == key;
            return Ok(entries
                .iter()
                .rfind(named)
                .map(|entry| expression.under_key(&entry.key, &entry.value)));
        }
        let entries = self.map(expression)?.unwrap_or_default();
        Ok(entries.into_iter().rfind(|(own, _)| own == key).map(|(_, value)| value))
    }

    /// The single value that a function needs, as text.
    pub(super) fn needed_text(&self, expression: &Expression<'t>) -> Result<String, Unresolved> {
        match self.text(expression)? {
            Some(Scalar { text, .. }) => Ok(text),
            None => Err(mismatch(expression, "a single value", &Value::Absent)),
        }
    }

    /// The items of a list that a function needs.
    pub(super) fn needed_list(&self, expression: &Expression<'t>) -> Result<Vec<Expression<'t>>, Unresolved> {
        self.list(expression)?.ok_or_else(|| mismatch(expression, "a list", &Value::Absent))
    }

    /// The arguments of a function, if there are as many as it takes.
    pub(super) fn arguments(
        &self,
        call: &Call<'t>,
        allowed: std::ops::RangeInclusive<usize>,
    ) -> Result<Vec<Expression<'t>>, Unresolved> {
        match call.argument.as_written() {
            Some(Node::List(items)) if allowed.contains(&items.len()) => {
                self.memory.pay_for_values(call.argument.place(), items.len())?;
                let items = items.iter().enumerate();
                Ok(items.map(|(index, item)| call.argument.at_index(index, item)).collect())
            }
            _ => Err(call.malformed()),
        }
    }
}

/// The error about a value of the wrong type. The value of a resource is not of a wrong type, but unknown.
pub(super) fn mismatch(expression: &Expression<'_>, expected: &'static str, found: &Value<'_>) -> Unresolved {
    let why = match found {
        Value::Reference(reference) => Why::DeployedResource {
            logical_id: reference.logical_id.clone(),
            attribute: reference.attribute.clone(),
        },
        other => Why::WrongType { expected, found: other.noun() },
    };
    Unresolved::new(expression.place(), why)
}

/// Why the result of a transform is not known. `argument` is what is under `Fn::Transform`.
pub(super) fn transform(argument: &Expression<'_>) -> Why {
    let name = argument.as_written().and_then(|node| {
        let name = argument.under_key("Name", node.entry("Name")?);
        name.literal().map(|name| name.text)
    });
    Why::Transform { name }
}

/// Why the result of a function that limg does not know is not known.
fn unknown_function(written: &str) -> Why {
    let (prefix, name) = match written.strip_prefix('!') {
        Some(name) => ("!", name),
        None => ("Fn::", written.strip_prefix(FUNCTION).unwrap_or(written)),
    };
    let nearest = nearest(name, Function::ALL.map(Function::name)).map(|name| match (prefix, name) {
        ("Fn::", "Ref") => name.to_owned(),
        _ => format!("{prefix}{name}"),
    });
    Why::UnknownFunction { function: written.to_owned(), nearest }
}
