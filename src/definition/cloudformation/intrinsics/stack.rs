//! The stacks of a definition: each a template with the values of its parameters, and the nested stacks in it.

use std::collections::BTreeMap;

use super::expression::{Expression, StackId, Value};
use super::memory::Memory;
use super::unresolved::Unresolved;
use crate::definition::Fetched;
use crate::definition::document::{Document, Node};
use crate::finding::Place;

/// The stacks of a definition.
#[derive(Debug)]
pub(in crate::definition) struct Stacks<'t> {
    by_id: Vec<Stack<'t>>,
    pub(super) pseudo: PseudoParameters,
    pub(super) fetched: Fetched,
    pub(super) memory: Memory<'t>,
}

/// A template and its scope.
#[derive(Debug)]
pub(super) struct Stack<'t> {
    root: &'t Node,
    place: Place,
    given: BTreeMap<String, Given<'t>>,
    /// The parent of this nested stack.
    parent: Option<StackId>,
    /// The logical id of this nested stack in its parent.
    nested_as: Option<String>,
    nested: BTreeMap<String, StackId>,
}

/// The value of a parameter.
#[derive(Debug, Clone)]
pub(in crate::definition) enum Given<'t> {
    /// A text, as the command line gives it.
    Text(String),
    /// A value in the parent of a nested stack.
    Expression(Expression<'t>),
}

/// The pseudo parameters that do not follow from the template (CloudFormation user guide, Pseudo parameters), as far as
/// they are known.
#[derive(Debug, Clone, Default)]
pub(in crate::definition) struct PseudoParameters {
    /// `AWS::Region`, from which `AWS::Partition` and `AWS::URLSuffix` follow.
    pub(in crate::definition) region: Option<String>,
    /// `AWS::AccountId`.
    pub(in crate::definition) account: Option<String>,
    /// `AWS::StackName` of the outermost stack.
    pub(in crate::definition) stack_name: Option<String>,
}

impl<'t> Stacks<'t> {
    /// No stacks yet.
    pub(in crate::definition) fn new(pseudo: PseudoParameters) -> Self {
        Self { by_id: Vec::new(), pseudo, fetched: Fetched::default(), memory: Memory::new() }
    }

    /// The same with the values of stored parameters that have been fetched.
    pub(in crate::definition) fn with_fetched(self, fetched: Fetched) -> Self {
        Self { fetched, ..self }
    }

    /// Adds the stack of a template with the values of its parameters. Names that the template does not declare are ignored.
    pub(in crate::definition) fn add(
        &mut self,
        template: &'t Document,
        given: impl IntoIterator<Item = (String, Given<'t>)>,
    ) -> StackId {
        self.memory.forget();
        self.by_id.push(Stack {
            root: template.root(),
            place: template.place(),
            given: given.into_iter().collect(),
            parent: None,
            nested_as: None,
            nested: BTreeMap::new(),
        });
        StackId::new(self.by_id.len() - 1)
    }

    /// Adds the stack of a template that a resource of another stack nests. Its outputs are then evaluated like any value.
    pub(in crate::definition) fn nest(
        &mut self,
        parent: StackId,
        logical_id: &str,
        template: &'t Document,
        given: impl IntoIterator<Item = (String, Given<'t>)>,
    ) -> StackId {
        let id = self.add(template, given);
        if let Some(stack) = self.by_id.get_mut(id.index()) {
            stack.parent = Some(parent);
            stack.nested_as = Some(logical_id.to_owned());
        }
        if let Some(parent) = self.by_id.get_mut(parent.index()) {
            parent.nested.insert(logical_id.to_owned(), id);
        }
        id
    }

    /// The whole template of a stack.
    pub(in crate::definition) fn template(&self, stack: StackId) -> Expression<'t> {
        let Stack { root, place, .. } = self.stack(stack);
        Expression::node(stack, place.clone(), root)
    }

    /// The stack that a resource nests, if it was added.
    pub(in crate::definition) fn nested(&self, stack: StackId, logical_id: &str) -> Option<StackId> {
        self.stack(stack).nested.get(logical_id).copied()
    }

    /// The name of a resource with those of the stacks around it: `App/Function`.
    pub(in crate::definition) fn full_name(&self, stack: StackId, logical_id: &str) -> String {
        let mut name = logical_id.to_owned();
        let mut stack = self.stack(stack);
        while let (Some(parent), Some(own)) = (stack.parent, &stack.nested_as) {
            name = format!("{own}/{name}");
            stack = self.stack(parent);
        }
        name
    }

    /// The resource of this logical id, made by a loop or not.
    pub(in crate::definition) fn resource(&self, stack: StackId, logical_id: &str) -> Option<Expression<'t>> {
        self.resources(stack).get(logical_id).cloned()
    }

    pub(super) fn stack(&self, id: StackId) -> &Stack<'t> {
        &self.by_id[id.index()]
    }

    /// The value under a top-level key of a stack's template.
    pub(in crate::definition) fn top_level(&self, stack: StackId, key: &str) -> Option<Expression<'t>> {
        let template = self.template(stack);
        template.as_written()?.entry(key).map(|node| template.under_key(key, node))
    }

    /// The value of a key as it is written. `at` is where it is looked for.
    pub(super) fn below(
        &self,
        mapping: &Expression<'t>,
        key: &str,
        at: &Place,
    ) -> Result<Option<Expression<'t>>, Unresolved> {
        let Some(node) = mapping.as_written() else { return Ok(None) };
        // Each key is compared.
        self.memory.pay_for_bytes(at, node.entries().len())?;
        Ok(node.entry(key).map(|node| mapping.under_key(key, node)))
    }

    /// Evaluates the value that the parent gives to a parameter of its nested stack, or the text from the command line.
    pub(super) fn given(
        &self,
        stack: StackId,
        parameter: &str,
        at: &Expression<'t>,
    ) -> Option<Result<Value<'t>, Unresolved>> {
        Some(match self.stack(stack).given.get(parameter)? {
            Given::Text(text) => self.evaluate(&at.computed_text(text.as_str())),
            Given::Expression(expression) => self.evaluate(expression),
        })
    }
}

impl Stack<'_> {
    pub(super) fn nested_as(&self) -> Option<&str> {
        self.nested_as.as_deref()
    }
}
