//! The same changes on the tree.

use super::change::{Change, NewValue, Position};
use super::{Document, EditError};
use crate::definition::document::node::{Entry, Node, Scalar, ScalarKind};
use crate::finding::{Place, Step};

impl Document {
    /// Makes a change in the tree.
    pub(super) fn expect(&self, change: &Change, tree: &mut Node) -> Result<(), EditError> {
        match change {
            Change::Entries { mapping, removed, added, position } => {
                let internal = || EditError::Internal { place: mapping.clone() };
                let Some(Node::Mapping(entries)) = find(tree, mapping.path().steps()) else {
                    return Err(internal());
                };
                let number = |key: &String| entries.iter().position(|entry| entry.key == *key);
                let at = match position {
                    Position::FirstRemoved => removed.iter().filter_map(number).min().unwrap_or(0),
                    Position::After(key) => {
                        let after = number(key).ok_or_else(internal)?;
                        let before = removed.iter().filter_map(number).filter(|removed| *removed < after);
                        after + 1 - before.count()
                    }
                };
                let mut new = Vec::with_capacity(added.len());
                for (key, value) in added {
                    new.push(Entry::unwritten(key.clone(), self.node(value)?));
                }
                entries.retain(|entry| !removed.contains(&entry.key));
                let at = at.min(entries.len());
                entries.splice(at..at, new);
            }
            Change::Value { place, value } => {
                let value = self.node(value)?;
                *find(tree, place.path().steps()).ok_or_else(|| internal(place))? = value;
            }
            Change::Prepend { list, source } => {
                let Some(Node::List(items)) = self.value(source.path()).map(Node::untagged) else {
                    return Err(internal(source));
                };
                let Some(Node::List(target)) = find(tree, list.path().steps()) else {
                    return Err(internal(list));
                };
                target.splice(0..0, items.iter().cloned());
            }
            Change::RenameKey { place, name } => {
                let (last, parents) = place.path().steps().split_last().ok_or_else(|| internal(place))?;
                let (Step::Key(old), Some(Node::Mapping(entries))) = (last, find(tree, parents)) else {
                    return Err(internal(place));
                };
                let entry =
                    entries.iter_mut().rfind(|entry| entry.key == *old).ok_or_else(|| internal(place))?;
                entry.key.clone_from(name);
            }
            Change::Reword { place, old, new, is_whole } => {
                let Some(Node::Scalar(scalar)) = find(tree, place.path().steps()) else {
                    return Err(internal(place));
                };
                scalar.text =
                    if *is_whole { new.clone() } else { scalar.text.replace(old.as_str(), new.as_str()) };
            }
        }
        Ok(())
    }

    fn node(&self, value: &NewValue) -> Result<Node, EditError> {
        let text = |text: &String| Node::Scalar(Scalar { kind: ScalarKind::Text, text: text.clone() });
        Ok(match value {
            NewValue::Text(value) => text(value),
            NewValue::Texts(texts) => Node::List(texts.iter().map(text).collect()),
            NewValue::Map(entries) => {
                let entry =
                    |(key, value): &(String, NewValue)| Ok(Entry::unwritten(key.clone(), self.node(value)?));
                Node::Mapping(entries.iter().map(entry).collect::<Result<_, EditError>>()?)
            }
            NewValue::Copy(source) => self.value(source.path()).cloned().ok_or_else(|| internal(source))?,
        })
    }
}

fn internal(place: &Place) -> EditError {
    EditError::Internal { place: place.clone() }
}

/// The value at a path, under its tags.
fn find<'n>(node: &'n mut Node, steps: &[Step]) -> Option<&'n mut Node> {
    let mut node = untagged(node);
    for step in steps {
        let next = match (step, node) {
            (Step::Key(key), Node::Mapping(entries)) => {
                &mut entries.iter_mut().rfind(|entry| entry.key == *key)?.value
            }
            (Step::Index(index), Node::List(items)) => items.get_mut(*index)?,
            _ => return None,
        };
        node = untagged(next);
    }
    Some(node)
}

fn untagged(node: &mut Node) -> &mut Node {
    match node {
        Node::Tagged(_, value) => untagged(value),
        other => other,
    }
}
