//! A value of a service with its place in the document where it was written.

use super::references::{References, Work};
use crate::definition::document::{Entry, Node, Scalar, ScalarKind};
use crate::finding::Place;

/// A value and its place.
#[derive(Debug, Clone)]
pub(in crate::definition::serverless) struct Value<'a> {
    content: Content<'a>,
    place: Place,
    /// The references of the state that it is in, which its entries and items may be.
    references: Option<References<'a>>,
}

#[derive(Debug, Clone)]
enum Content<'a> {
    /// A node of a document.
    Node(&'a Node),
    /// What variables resulted in.
    Scalar(Scalar),
}

impl<'a> Value<'a> {
    pub(super) fn node(node: &'a Node, place: Place) -> Self {
        Self { content: Content::Node(node), place, references: None }
    }

    /// The whole of a state that Serverless has recorded. References in it are followed when its values are read.
    pub(super) fn state(root: &'a Node, work: &'a Work, place: Place) -> Self {
        Self { references: Some(References { root, work }), ..Self::node(root, place) }
    }

    /// The same value as if it were at another place.
    pub(super) fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// A node inside of this value.
    fn inner(&self, node: &'a Node, place: Place) -> Self {
        let node = self.references.map_or(node, |references| references.follow(node));
        Self { references: self.references, ..Self::node(node, place) }
    }

    pub(super) fn computed(scalar: Scalar, place: Place) -> Self {
        Self { content: Content::Scalar(scalar), place, references: None }
    }

    pub(super) fn of_text(text: impl Into<String>, place: &Place) -> Self {
        Self::computed(Scalar { kind: ScalarKind::Text, text: text.into() }, place.clone())
    }

    /// The node of a document in which there may be variables.
    pub(super) fn as_node(&self) -> Option<&'a Node> {
        match &self.content {
            Content::Node(node) => Some(node),
            Content::Scalar(_) => None,
        }
    }

    /// Where it was written. What a variable in a text resulted in is where that text is.
    pub(in crate::definition::serverless) fn place(&self) -> &Place {
        &self.place
    }

    /// The single value, if it is one.
    pub(in crate::definition::serverless) fn scalar(&self) -> Option<&Scalar> {
        match &self.content {
            Content::Node(Node::Scalar(scalar)) | Content::Scalar(scalar) => Some(scalar),
            Content::Node(_) => None,
        }
    }

    /// The text of a single value other than null.
    pub(in crate::definition::serverless) fn text(&self) -> Option<&str> {
        self.scalar().filter(|scalar| scalar.kind != ScalarKind::Null).map(|scalar| scalar.text.as_str())
    }

    /// Whether there is no value.
    pub(in crate::definition::serverless) fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| scalar.kind == ScalarKind::Null)
    }

    /// Whether it is a mapping.
    pub(in crate::definition::serverless) fn is_mapping(&self) -> bool {
        matches!(self.as_node(), Some(Node::Mapping(_)))
    }

    /// The tag, such as `Ref` of `!Ref`, and what is under it.
    pub(in crate::definition::serverless) fn tagged(&self) -> Option<(&'a str, Self)> {
        match self.as_node()? {
            Node::Tagged(tag, value) => Some((tag, self.inner(value, self.place.clone()))),
            _ => None,
        }
    }

    /// The items of a list, in which variables are not replaced yet.
    pub(in crate::definition::serverless) fn items(&self) -> Option<impl Iterator<Item = Self>> {
        let Node::List(items) = self.as_node()? else { return None };
        let items = items.iter().enumerate();
        Some(items.map(|(index, item)| self.inner(item, self.place.index(index))))
    }

    /// The entries of a mapping, in whose values variables are not replaced yet.
    pub(in crate::definition::serverless) fn entries(&self) -> Option<impl Iterator<Item = (&'a str, Self)>> {
        let Node::Mapping(entries) = self.as_node()? else { return None };
        let inner = |entry: &'a Entry| self.inner(&entry.value, self.place.key(&entry.key));
        Some(entries.iter().map(move |entry| (entry.key.as_str(), inner(entry))))
    }

    /// The entry of a mapping, or item of a list, that one step of an address names.
    pub(super) fn step(&self, step: &str) -> Option<Self> {
        match self.as_node()? {
            Node::Mapping(entries) => {
                let entry = entries.iter().rfind(|entry| entry.key == step)?;
                Some(self.inner(&entry.value, self.place.key(step)))
            }
            Node::List(items) => {
                let index = step.parse().ok()?;
                Some(self.inner(items.get(index)?, self.place.index(index)))
            }
            Node::Scalar(_) | Node::Tagged(..) => None,
        }
    }
}
