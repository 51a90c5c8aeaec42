//! References in the state that Serverless records. Where an object or list occurs again, the npm package `json-cycle`
//! writes the path of its first occurrence instead: `{"$ref": "$[\"service\"][\"layers\"]"}`.
//!
//! A path leads through what is written in the state, never through another reference, since the first occurrence is always
//! written out. So a path takes no more steps than the state is deep. References may still lead back to a value that
//! contains them, so code that goes down from value to value must stop at some depth.

use std::cell::Cell;

use crate::definition::document::Node;
use crate::finding::Step;

/// How much work references may cause: the entries that are searched for keys, and the values that they add. A service with
/// 500 functions needs far less than a tenth.
const WORK_AT_MOST: usize = 100_000_000;

/// The work that each value causes which a reference adds, compared with searching one entry: it may be reported.
const WORK_OF_VALUE: usize = 100;

/// The work that the references of one state have caused so far.
#[derive(Debug, Default)]
pub(in crate::definition::serverless) struct Work(Cell<usize>);

/// Follows the references of a state.
#[derive(Debug, Clone, Copy)]
pub(super) struct References<'a> {
    pub(super) root: &'a Node,
    pub(super) work: &'a Work,
}

impl<'a> References<'a> {
    /// What a node stands for: the mapping or list that it names if it is a reference, otherwise itself.
    pub(super) fn follow(self, node: &'a Node) -> &'a Node {
        self.named(node).unwrap_or(node)
    }

    fn named(self, node: &'a Node) -> Option<&'a Node> {
        let Node::Mapping(entries) = node else { return None };
        let [entry] = &entries[..] else { return None };
        let mut path = entry.value.text().filter(|_| entry.key == "$ref")?.strip_prefix('$')?;
        let mut node = self.root;
        while !path.is_empty() {
            let (step, rest) = first_step(path)?;
            node = match (node, step) {
                (Node::List(items), Step::Index(index)) => items.get(index)?,
                (Node::Mapping(entries), Step::Key(key)) => {
                    self.spend(entries.len())?;
                    node.entry(&key)?
                }
                _ => return None,
            };
            path = rest;
        }
        let values = match node {
            Node::Mapping(entries) => entries.len(),
            Node::List(items) => items.len(),
            Node::Scalar(_) | Node::Tagged(..) => return None,
        };
        self.spend(values.saturating_add(1).saturating_mul(WORK_OF_VALUE))?;
        Some(node)
    }

    /// Counts work; nothing if it is too much.
    fn spend(self, amount: usize) -> Option<()> {
        let work = self.work.0.get().saturating_add(amount);
        self.work.0.set(work);
        (work <= WORK_AT_MOST).then_some(())
    }
}

/// The first step of a path, `[0]` or `["key"]`, and what follows it.
fn first_step(path: &str) -> Option<(Step, &str)> {
    let inside = path.strip_prefix('[')?;
    if !inside.starts_with('"') {
        let (index, rest) = inside.split_once(']')?;
        return Some((Step::Index(index.parse().ok()?), rest));
    }
    let mut strings = serde_json::Deserializer::from_str(inside).into_iter();
    let key = strings.next()?.ok()?;
    Some((Step::Key(key), inside.get(strings.byte_offset()..)?.strip_prefix(']')?))
}
