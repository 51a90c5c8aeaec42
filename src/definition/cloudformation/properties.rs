//! The properties of a resource, completed from `Globals` as AWS SAM does it (AWS SAM developer guide, Globals section).

use super::intrinsics::{Expression, Stacks, Unresolved};
use crate::definition::document::{Node, Scalar};
use crate::finding::Place;

/// A resource's own properties over those that `Globals` gives to all resources of its type.
pub(super) struct Properties<'s, 't> {
    stacks: &'s Stacks<'t>,
    /// The resource.
    place: Place,
    own: Vec<(String, Expression<'t>)>,
    globals: Vec<(String, Expression<'t>)>,
}

impl<'s, 't> Properties<'s, 't> {
    /// The properties of a resource; `section` is the part of `Globals` for its type, if it has one.
    pub(super) fn of(
        stacks: &'s Stacks<'t>,
        resource: &Expression<'t>,
        section: Option<&str>,
    ) -> Result<Self, Unresolved> {
        let own = match stacks.get(resource, "Properties")? {
            Some(properties) => stacks.map(&properties)?.unwrap_or_default(),
            None => Vec::new(),
        };
        let globals = match section {
            Some(section) => globals(stacks, resource, section)?,
            None => Vec::new(),
        };
        Ok(Self { stacks, place: resource.place().clone(), own, globals })
    }

    /// Where a property is, or would be.
    pub(super) fn place(&self, key: &str) -> Place {
        match self.find(key) {
            Some(value) => value.place().clone(),
            None => self.place.keys(&["Properties", key]),
        }
    }

    /// The value of a property: the resource's own, or that of `Globals`.
    pub(super) fn find(&self, key: &str) -> Option<&Expression<'t>> {
        entry(&self.own, key).or_else(|| entry(&self.globals, key))
    }

    /// The single value of a property; nothing if it is absent.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, Unresolved> {
        let text = self.find(key).map(|value| self.stacks.text(value)).transpose()?.flatten();
        Ok(text.map(|Scalar { text, .. }| text))
    }

    /// The values of a property in `Globals` and in the resource, which AWS SAM adds up if they are lists.
    pub(super) fn both(&self, key: &str) -> impl Iterator<Item = &Expression<'t>> {
        entry(&self.globals, key).into_iter().chain(entry(&self.own, key))
    }

    /// The entries of a mapping below a property: those of `Globals`, then the resource's own, which override them.
    pub(super) fn merged(&self, keys: [&str; 2]) -> Result<Vec<(String, Expression<'t>)>, Unresolved> {
        let mut merged: Vec<(String, Expression<'t>)> = Vec::new();
        for outer in self.both(keys[0]) {
            let Some(inner) = self.stacks.get(outer, keys[1])? else { continue };
            for (name, value) in self.stacks.map(&inner)?.unwrap_or_default() {
                match merged.iter_mut().find(|(own, _)| *own == name) {
                    Some((_, own)) => *own = value,
                    None => merged.push((name, value)),
                }
            }
        }
        Ok(merged)
    }
}

fn globals<'t>(
    stacks: &Stacks<'t>,
    resource: &Expression<'t>,
    section: &str,
) -> Result<Vec<(String, Expression<'t>)>, Unresolved> {
    let Some(globals) = stacks.top_level(resource.stack(), "Globals") else { return Ok(Vec::new()) };
    match stacks.get(&globals, section)? {
        Some(section) => Ok(stacks.map(&section)?.unwrap_or_default()),
        None => Ok(Vec::new()),
    }
}

/// The value of a key, unless it is written without one.
fn entry<'e, 't>(entries: &'e [(String, Expression<'t>)], key: &str) -> Option<&'e Expression<'t>> {
    let value = entries.iter().rfind(|(own, _)| own == key).map(|(_, value)| value)?;
    (!value.as_written().is_some_and(Node::is_null)).then_some(value)
}
