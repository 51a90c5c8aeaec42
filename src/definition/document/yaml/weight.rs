//! What a value adds to a document, each time that an alias names it: the measure against documents that expand without
//! end.

use crate::definition::document::node::Node;

/// What a node costs in addition to its text, against the limit of the expanded document.
pub(super) const NODE_COST: usize = 32;

/// What a value adds to a document.
#[derive(Default, Clone, Copy)]
pub(super) struct Weight {
    pub(super) cost: usize,
    pub(super) height: usize,
}

impl Weight {
    pub(super) fn of(node: &Node) -> Self {
        let (own, children) = match node {
            Node::Scalar(scalar) => return Self { cost: NODE_COST + scalar.text.len(), height: 0 },
            Node::Tagged(tag, value) => {
                let weight = Self::of(value);
                return Self { cost: weight.cost + tag.len(), ..weight };
            }
            Node::List(items) => (0, items.iter().map(Self::of).fold(Self::default(), Self::and)),
            Node::Mapping(entries) => (
                entries.iter().map(|entry| NODE_COST + entry.key.len()).sum(),
                entries.iter().map(|entry| Self::of(&entry.value)).fold(Self::default(), Self::and),
            ),
        };
        Self { cost: NODE_COST + own + children.cost, height: children.height + 1 }
    }

    fn and(self, other: Self) -> Self {
        Self { cost: self.cost + other.cost, height: self.height.max(other.height) }
    }
}
