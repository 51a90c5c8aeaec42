//! Variables of the Serverless Framework: `${self:custom.memory.${sls:stage}, 512}`.
//!
//! Values are resolved when they are read, so that a variable which nothing needs is never looked at. A variable that is
//! the whole value keeps its type and may yield a mapping or a list; one inside of a text becomes part of the text. A value
//! keeps the place where it was written, in its own file.
//!
//! Sources that limg knows: `self`, `opt`, `env`, `sls`, `param`, `file` with YAML, JSON and text, `aws:region`,
//! `aws:accountId` and `strToBool`. Any other is unresolved by its name, even if it has a default: Serverless would take the
//! value that the source has. limg runs no code: a `.js` or `.ts` file is unresolved too.

mod files;
mod recorded;
mod references;
mod sources;
mod syntax;
mod unresolved;
mod value;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

#[cfg(test)]
pub(super) use self::files::FileOutcome;
pub(super) use self::files::{ServiceDocuments, read_file};
pub(super) use self::recorded::{
    entries as recorded_entries, entry as recorded_entry, text_in as text_in_state,
};
pub(super) use self::references::Work;
use self::syntax::{Part, Source, Template, Variable};
pub(super) use self::unresolved::{Cause, Unresolved};
pub(super) use self::value::Value;
use crate::definition::document::{Node, Scalar, ScalarKind};
use crate::finding::Place;

/// How deep values may depend on each other. Serverless has a limit of 10 levels in a row.
const DEPTH_AT_MOST: usize = 40;

/// How many variables may be resolved, and how many times 64 bytes of text made. A service with 500 functions needs far
/// less than a tenth; a hostile one stops within a second.
const WORK_AT_MOST: usize = 1_000_000;

/// The longest text that variables may make, in bytes.
const TEXT_AT_MOST: usize = 64 * 1024;

/// What decides about variables from outside of the service.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    /// `--stage`.
    pub(super) stage: Option<&'a str>,
    /// `--region`, or the Region of the user's configuration.
    pub(super) region: Option<&'a str>,
    /// The number of the AWS account, if it is known.
    pub(super) account: Option<&'a str>,
    /// `--param NAME=VALUE`.
    pub(super) parameters: &'a BTreeMap<String, String>,
    /// The environment variables that the service may use.
    pub(super) environment: &'a BTreeMap<String, String>,
}

/// Reads values of a service and replaces the variables in them.
pub(super) struct Resolver<'a> {
    documents: &'a ServiceDocuments,
    inputs: Inputs<'a>,
    /// The addresses of the nodes that are being resolved.
    in_progress: RefCell<Vec<usize>>,
    depth: Cell<usize>,
    work: Cell<usize>,
}

type Resolved<T> = Result<T, Unresolved>;

impl<'a> Resolver<'a> {
    pub(super) fn new(documents: &'a ServiceDocuments, inputs: Inputs<'a>) -> Self {
        let (in_progress, depth, work) = (RefCell::default(), Cell::default(), Cell::default());
        Self { documents, inputs, in_progress, depth, work }
    }

    /// The whole service.
    pub(super) fn root(&self) -> Value<'a> {
        let definition = self.documents.definition();
        if !self.documents.is_state() {
            return Value::node(definition.root(), definition.place());
        }
        let state = Value::state(definition.root(), &self.documents.work, definition.place());
        state.step(recorded::SERVICE).unwrap_or(state)
    }

    /// The documents of the service.
    pub(super) fn documents(&self) -> &'a ServiceDocuments {
        self.documents
    }

    /// The value under a key of a mapping. Nothing if there is none, it is null, or the value is not a mapping.
    ///
    /// # Errors
    /// When a variable that decides about it cannot be resolved.
    pub(super) fn get(&self, mapping: &Value<'a>, key: &str) -> Resolved<Option<Value<'a>>> {
        self.walk(mapping, [key])
    }

    /// The value that steps lead to from another one.
    fn walk<'s>(
        &self,
        from: &Value<'a>,
        steps: impl IntoIterator<Item = &'s str>,
    ) -> Resolved<Option<Value<'a>>> {
        let mut value = self.resolve(from)?;
        for step in steps {
            self.spend(1, value.place())?;
            let Some(next) = value.step(step) else { return Ok(None) };
            value = self.resolve(&next)?;
        }
        Ok(Some(value).filter(|value| !value.is_null()))
    }

    /// The value itself once no variable stands in its place. What is in a mapping or list is not resolved.
    ///
    /// # Errors
    /// When a variable cannot be resolved.
    pub(super) fn resolve(&self, value: &Value<'a>) -> Resolved<Value<'a>> {
        let Some(node @ Node::Scalar(Scalar { kind: ScalarKind::Text, text })) = value.as_node() else {
            return Ok(value.clone());
        };
        let place = value.place();
        let Some(template) = self.parse(text, place)? else { return Ok(value.clone()) };
        let address = std::ptr::from_ref(node).addr();
        if self.in_progress.borrow().contains(&address) {
            return Err(Unresolved { place: place.clone(), cause: Cause::Cycle });
        }
        self.in_progress.borrow_mut().push(address);
        let resolved = self.evaluate(&template, place);
        self.in_progress.borrow_mut().pop();
        resolved.or_else(|unresolved| recorded::value(self.documents, place).ok_or(unresolved))
    }

    /// Replaces the variables in a text from outside of the documents.
    fn resolve_text(&self, text: &str, place: &Place) -> Resolved<Value<'a>> {
        match self.parse(text, place)? {
            Some(template) => self.evaluate(&template, place),
            None => Ok(Value::of_text(text, place)),
        }
    }

    fn parse(&self, text: &str, place: &Place) -> Resolved<Option<Template>> {
        if text.contains("${") {
            self.spend(text.len() / 64, place)?;
        }
        let invalid = |why| Unresolved { place: place.clone(), cause: Cause::Invalid(why) };
        syntax::parse(text).map_err(invalid)
    }

    fn evaluate(&self, template: &Template, place: &Place) -> Resolved<Value<'a>> {
        if self.depth.get() == DEPTH_AT_MOST {
            return Err(Unresolved { place: place.clone(), cause: Cause::TooMuch });
        }
        self.depth.set(self.depth.get() + 1);
        let value = match &template.0[..] {
            [Part::Variable(variable)] => self.variable(variable, place),
            _ => self.joined(template, place).map(|text| Value::of_text(text, place)),
        };
        self.depth.set(self.depth.get() - 1);
        value
    }

    /// The text of a template.
    fn joined(&self, template: &Template, place: &Place) -> Resolved<String> {
        let mut joined = String::new();
        for part in &template.0 {
            match part {
                Part::Text(text) => joined += text,
                Part::Variable(variable) => {
                    let value = self.variable(variable, place)?;
                    let not_text = || Cause::NotText { variable: variable.name().to_owned() };
                    let unresolved = || Unresolved { place: place.clone(), cause: not_text() };
                    joined += value.text().ok_or_else(unresolved)?;
                }
            }
            if joined.len() > TEXT_AT_MOST {
                return Err(Unresolved { place: place.clone(), cause: Cause::TooMuch });
            }
        }
        self.spend(joined.len() / 64, place)?;
        Ok(joined)
    }

    /// The value of the first source that has one. A value that cannot be resolved is not the same as none: what Serverless
    /// would take then is unknown.
    fn variable(&self, variable: &Variable, place: &Place) -> Resolved<Value<'a>> {
        self.spend(1, place)?;
        let mut missing = None;
        for source in &variable.sources {
            match source {
                Source::Literal(scalar) => return Ok(Value::computed(scalar.clone(), place.clone())),
                Source::Nested(nested) => match self.variable(nested, place) {
                    Err(error) if error.cause.is_missing() => missing = missing.or(Some(error.cause)),
                    nested => return nested,
                },
                Source::Reference(reference) => match self.reference(reference, place)? {
                    Ok(value) if !value.is_null() => return Ok(value),
                    Ok(_) => {
                        missing =
                            missing.or_else(|| Some(Cause::Setting { variable: reference.text.clone() }));
                    }
                    Err(cause) => missing = missing.or(Some(cause)),
                },
            }
        }
        if let Some(value) = self.provider_default(variable, place)? {
            return Ok(value);
        }
        let cause = missing.unwrap_or_else(|| Cause::Invalid("a variable has no source".to_owned()));
        Err(Unresolved { place: place.clone(), cause })
    }

    /// Counts work, and stops when it is too much.
    fn spend(&self, amount: usize, place: &Place) -> Resolved<()> {
        self.work.set(self.work.get().saturating_add(amount));
        if self.work.get() > WORK_AT_MOST {
            return Err(Unresolved { place: place.clone(), cause: Cause::TooMuch });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
