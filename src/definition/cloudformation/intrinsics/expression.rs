//! Values that are not evaluated yet, and one evaluated level of a value.

use std::borrow::Cow;
use std::rc::Rc;

use super::unresolved::Unresolved;
use crate::definition::document::{Node, Scalar, ScalarKind};
use crate::finding::Place;

/// One of the stacks of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::definition) struct StackId(usize);

/// A value that has not been evaluated: a node and the scope that it is read in, or a value that a function has computed.
#[derive(Debug, Clone)]
pub(in crate::definition) struct Expression<'t> {
    place: Place,
    stack: StackId,
    content: Content<'t>,
    bindings: Bindings,
}

#[derive(Debug, Clone)]
enum Content<'t> {
    Node(&'t Node),
    Computed(Rc<Result<Value<'t>, Unresolved>>),
}

/// One evaluated level of a value. What is in a list or mapping stays an expression, so that only what is needed must have
/// a value.
#[derive(Debug, Clone)]
pub(in crate::definition) enum Value<'t> {
    /// Nothing: a reference to `AWS::NoValue`, which removes the property or item (CloudFormation user guide, Pseudo
    /// parameters), or a key without a value.
    Absent,
    /// A single value: its text, and the type that it has in the document.
    Text(Scalar),
    /// A list.
    List(Vec<Expression<'t>>),
    /// A mapping. A key may occur twice if the document has it twice.
    Map(Vec<(String, Expression<'t>)>),
    /// A resource or its attribute. Only the deployed stack knows its value.
    Reference(Reference),
}

/// A resource of a stack, or one of its attributes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::definition) struct Reference {
    /// The stack that has the resource.
    pub(in crate::definition) stack: StackId,
    /// The resource's logical id.
    pub(in crate::definition) logical_id: String,
    /// What `Fn::GetAtt` names; nothing for `Ref`.
    pub(in crate::definition) attribute: Option<String>,
}

/// The identifiers of the loops around a node, with their values.
#[derive(Debug, Clone, Default)]
struct Bindings(Option<Rc<Binding>>);

#[derive(Debug)]
struct Binding {
    identifier: String,
    value: String,
    outer: Bindings,
}

impl StackId {
    /// The stack that was added after so many others.
    pub(super) fn new(index: usize) -> Self {
        Self(index)
    }

    pub(super) fn index(self) -> usize {
        self.0
    }
}

impl<'t> Expression<'t> {
    /// A node of a stack's template.
    pub(super) fn node(stack: StackId, place: Place, node: &'t Node) -> Self {
        Self { place, stack, content: Content::Node(node), bindings: Bindings::default() }
    }

    /// A computed value in the place of this one.
    pub(super) fn computed(&self, value: Value<'t>) -> Self {
        self.evaluated(Ok(value))
    }

    /// The result of this one, so that it is not evaluated again.
    pub(super) fn evaluated(&self, result: Result<Value<'t>, Unresolved>) -> Self {
        Self { content: Content::Computed(Rc::new(result)), ..self.clone() }
    }

    /// A text in the place of this one.
    pub(super) fn computed_text(&self, text: impl Into<String>) -> Self {
        self.computed(Value::text(text))
    }

    /// Where it is written.
    pub(in crate::definition) fn place(&self) -> &Place {
        &self.place
    }

    /// The stack whose parameters, mappings and resources it may name.
    pub(in crate::definition) fn stack(&self) -> StackId {
        self.stack
    }

    /// The node as it is written, unless the value is computed.
    pub(in crate::definition) fn as_written(&self) -> Option<&'t Node> {
        match self.content {
            Content::Node(node) => Some(node),
            Content::Computed(_) => None,
        }
    }

    /// The result, if it is computed.
    pub(super) fn as_computed(&self) -> Option<&Result<Value<'t>, Unresolved>> {
        match &self.content {
            Content::Node(_) => None,
            Content::Computed(result) => Some(result),
        }
    }

    /// A node in the same scope and place: the value under a tag.
    pub(super) fn under_tag(&self, node: &'t Node) -> Self {
        Self { content: Content::Node(node), ..self.clone() }
    }

    /// The value of a key below.
    pub(super) fn under_key(&self, key: &str, node: &'t Node) -> Self {
        Self { place: self.place.key(key), content: Content::Node(node), ..self.clone() }
    }

    /// The item at an index below.
    pub(super) fn at_index(&self, index: usize, node: &'t Node) -> Self {
        Self { place: self.place.index(index), content: Content::Node(node), ..self.clone() }
    }

    /// The same in one round of a loop, where the identifier has this value.
    pub(super) fn bind(&self, identifier: &str, value: &str) -> Self {
        let binding = Binding {
            identifier: identifier.to_owned(),
            value: value.to_owned(),
            outer: self.bindings.clone(),
        };
        Self { bindings: Bindings(Some(Rc::new(binding))), ..self.clone() }
    }

    /// The value of the identifier of a loop around it.
    pub(super) fn bound(&self, identifier: &str) -> Option<&str> {
        self.bindings.get(identifier)
    }

    /// The number of loops around it.
    pub(in crate::definition) fn loops(&self) -> usize {
        self.bindings.iter().count()
    }

    /// The text of a single value as it is written, with the identifiers of loops replaced; nothing for anything else.
    pub(super) fn literal(&self) -> Option<Scalar> {
        match self.content {
            Content::Node(Node::Scalar(Scalar { kind, text })) => match kind {
                ScalarKind::Null => None,
                // CloudFormation passes booleans on in lower case.
                ScalarKind::Boolean(value) => Some(Scalar { kind: *kind, text: value.to_string() }),
                _ => Some(Scalar { kind: *kind, text: self.substitute_identifiers(text).into_owned() }),
            },
            _ => None,
        }
    }

    /// A text with the identifiers of the loops around it replaced, as CloudFormation does in keys and values before anything
    /// else: `${Name}` by the value, `&{Name}` by its letters and digits (CloudFormation template reference, `Fn::ForEach`).
    pub(super) fn substitute_identifiers<'s>(&self, text: &'s str) -> Cow<'s, str> {
        if self.bindings.0.is_none() {
            return Cow::Borrowed(text);
        }
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['$', '&']) {
            let (before, from) = rest.split_at(at);
            result.push_str(before);
            let name = from[1..].strip_prefix('{').and_then(|name| name.split_once('}'));
            if let Some((value, after)) = name.and_then(|(name, after)| Some((self.bound(name)?, after))) {
                if from.starts_with('&') {
                    result.extend(value.chars().filter(char::is_ascii_alphanumeric));
                } else {
                    result.push_str(value);
                }
                rest = after;
            } else {
                result.push_str(&from[..1]);
                rest = &from[1..];
            }
        }
        result.push_str(rest);
        Cow::Owned(result)
    }
}

impl Value<'_> {
    /// A text that a function has computed.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(Scalar { kind: ScalarKind::Text, text: text.into() })
    }

    /// How many bytes a copy of it takes, about.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Text(scalar) => scalar.text.len(),
            Self::List(items) => size_of_val(&items[..]),
            Self::Map(entries) => size_of_val(&entries[..]),
            Self::Absent | Self::Reference(_) => 0,
        }
    }

    /// Its name in messages, with its article.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Absent => "nothing",
            Self::Text(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
            Self::Reference(_) => "a resource",
        }
    }
}

impl Bindings {
    fn iter(&self) -> impl Iterator<Item = &Binding> {
        std::iter::successors(self.0.as_deref(), |binding| binding.outer.0.as_deref())
    }

    fn get(&self, identifier: &str) -> Option<&str> {
        self.iter().find(|binding| binding.identifier == identifier).map(|binding| binding.value.as_str())
    }
}
