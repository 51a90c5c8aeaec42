//! Writes out what changes would reach through an alias or a merge key, so that they change one value alone.
//!
//! An alias is replaced by a copy of the text that it names, and a merge key by copies of the entries that it adds. The tree
//! stays the same, but for the order of entries.

use super::change::{Change, NewValue};
use super::copy::moved;
use super::lines::{line_break, line_end};
use super::text_edits::TextEdits;
use super::{Document, EditError};
use crate::definition::document::node::{Entry, Node};
use crate::definition::document::outline::{Form, MarkId};
use crate::finding::{Place, Step};

/// Something that a change requires of a place: that it, and all above it, is written there and nowhere else.
enum Need {
    /// What is in the value changes.
    Changed(Place),
    /// The entry goes: no alias elsewhere may name what is in it.
    Removed(Place),
    /// The entry is written there.
    Written(Place),
    /// The text is copied to where an alias may not be defined yet.
    Copied(Place),
}

/// What has to be written out.
enum Shared {
    Alias(Place),
    MergeKey(Place),
}

impl Document {
    /// The same document without the sharing that is in the way of changes; nothing if there is none.
    pub(super) fn unshare(&self, changes: &[Change]) -> Result<Option<Self>, EditError> {
        let needs: Vec<Need> = changes.iter().flat_map(needs).collect();
        let mut unshared: Option<Self> = None;
        // Each round removes one alias or merge key, and copies may have others in them.
        for _ in 0..ROUNDS_AT_MOST {
            let document = unshared.as_ref().unwrap_or(self);
            let Some(shared) = document.first_shared(&needs) else { return Ok(unshared) };
            let mut edits = TextEdits::default();
            match &shared {
                Shared::Alias(place) => document.write_out_alias(place, &mut edits)?,
                Shared::MergeKey(place) => document.write_out_merge_key(place, &mut edits)?,
            }
            let expected = sorted(document.root.clone());
            unshared = Some(document.edited(edits, |found| sorted(found.clone()) == expected)?);
        }
        Err(EditError::not_editable(&self.place(), "it has too many aliases"))
    }

    fn first_shared(&self, needs: &[Need]) -> Option<Shared> {
        let aliases: Vec<_> = self.outline.aliases().collect();
        if aliases.is_empty() && !has_merged(&self.root) {
            return None;
        }
        let removed: Vec<MarkId> = needs
            .iter()
            .filter_map(|need| match need {
                Need::Removed(place) => self.mark(place.path()),
                _ => None,
            })
            .collect();
        let is_kept = |alias: MarkId| !removed.iter().any(|removed| self.outline.is_within(alias, *removed));
        for need in needs {
            let (place, is_last_followed) = match need {
                Need::Changed(place) | Need::Copied(place) => (place, true),
                Need::Removed(place) | Need::Written(place) => (place, false),
            };
            if let Some(shared) = self.shared_on_path(place, is_last_followed) {
                return Some(shared);
            }
            let Some(mark) = self.mark(place.path()) else { continue };
            let mut in_the_way = aliases.iter().filter(|(alias, target)| match need {
                Need::Changed(_) => is_kept(*alias) && self.outline.is_within(mark, *target),
                Need::Removed(_) => is_kept(*alias) && self.outline.is_within(*target, mark),
                Need::Copied(_) => self.outline.is_within(*alias, mark),
                Need::Written(_) => false,
            });
            if let Some((alias, _)) = in_the_way.next() {
                return self.shared_by(*alias);
            }
        }
        None
    }

    /// The first alias or merge key on the way to a place.
    fn shared_on_path(&self, place: &Place, is_last_followed: bool) -> Option<Shared> {
        let steps = place.path().steps();
        let mut here = self.place();
        for depth in 0..=steps.len() {
            let is_last = depth == steps.len();
            let mark = self.mark(here.path())?;
            if (!is_last || is_last_followed) && self.outline.resolve(mark) != mark {
                return Some(Shared::Alias(here));
            }
            let Some(step) = steps.get(depth) else { break };
            let next = match step {
                Step::Key(key) => {
                    let entries = self.value(here.path())?.untagged().entries();
                    if entries.iter().rfind(|entry| entry.key == *key)?.is_merged {
                        return Some(Shared::MergeKey(here));
                    }
                    here.key(key)
                }
                Step::Index(index) => here.index(*index),
            };
            here = next;
        }
        None
    }

    /// What to write out so that an alias is gone.
    fn shared_by(&self, alias: MarkId) -> Option<Shared> {
        let mut here = self.place();
        let mut mark = MarkId::ROOT;
        loop {
            if mark == alias {
                return Some(Shared::Alias(here));
            }
            let children: Vec<_> = self.outline.children(mark).collect();
            let node = self.value(here.path())?.untagged();
            match node {
                Node::List(_) => {
                    let index = children.iter().position(|child| self.outline.is_within(alias, *child))?;
                    (here, mark) = (here.index(index), *children.get(index)?);
                }
                Node::Mapping(entries) => {
                    let index = children.iter().position(|child| self.outline.is_within(alias, *child))?;
                    let (key, value) = (children.get(index & !1)?, children.get(index | 1)?);
                    let Some(entry) = entries.iter().find(|entry| !entry.is_merged && entry.mark == *key)
                    else {
                        return Some(Shared::MergeKey(here));
                    };
                    if index % 2 == 0 {
                        return None;
                    }
                    (here, mark) = (here.key(&entry.key), *value);
                }
                _ => return None,
            }
        }
    }

    fn write_out_alias(&self, place: &Place, edits: &mut TextEdits) -> Result<(), EditError> {
        let internal = || EditError::Internal { place: place.clone() };
        let alias = self.mark(place.path()).ok_or_else(internal)?;
        let target = self.outline.resolve(alias);
        let range = self.outline.range(alias).ok_or_else(internal)?;
        let spans = self.spans(place.path()).ok_or_else(internal)?;
        let written = self.outline.range(target).ok_or_else(internal)?;
        let content = self.outline.content(target).ok_or_else(internal)?;
        let tag = self.text.get(written.start..content).unwrap_or_default();
        let tag: String = tag.split_whitespace().filter(|word| word.starts_with('!')).collect();
        if self.outline.form(target) != Some(Form::Block) {
            let text = self.without_anchors(content..written.end, target).ok_or_else(internal)?;
            let text = moved(&text, self.column(content), self.column(range.start));
            let space = if tag.is_empty() || text.is_empty() { "" } else { " " };
            edits.replace(range, format!("{tag}{space}{text}"));
            return Ok(());
        }
        if spans.is_flow {
            let why = "it is in braces and repeats a value that is written by indentation";
            return Err(EditError::not_editable(place, why));
        }
        let text = self.without_anchors(content..written.end, target).ok_or_else(internal)?;
        let from = self.column(content);
        if spans.key.is_none() && tag.is_empty() {
            let to = self.column(range.start);
            edits.replace(range, moved(&text, from, to));
            return Ok(());
        }
        let to = self.block_style(spans.indentation).inner().indentation.unwrap_or_default();
        let line_end = line_end(&self.text, range.end);
        let before = self.text.get(..range.start).unwrap_or_default();
        let before = before.trim_end_matches(' ').len();
        if tag.is_empty() {
            edits.remove(before..range.end);
        } else {
            edits.replace(range, tag);
        }
        let pad = " ".repeat(to);
        edits.insert(line_end, format!("{}{pad}{}", line_break(&self.text), moved(&text, from, to)));
        Ok(())
    }

    fn write_out_merge_key(&self, place: &Place, edits: &mut TextEdits) -> Result<(), EditError> {
        let internal = || EditError::Internal { place: place.clone() };
        let own = self.own_entries(place)?;
        let key = own.entries.iter().find(|entry| entry.key.is_none()).ok_or_else(internal)?;
        let node = self.value(place.path()).ok_or_else(internal)?.untagged();
        let merged = node.entries().iter().filter(|entry| entry.is_merged);
        let mut written = Vec::new();
        for Entry { mark, .. } in merged {
            let (name, value) = (
                self.outline.range(*mark).ok_or_else(internal)?,
                self.outline.range(mark.value_of_key()).ok_or_else(internal)?,
            );
            let (container, _) = self.outline.container(*mark).ok_or_else(internal)?;
            let is_block = self.outline.form(container) == Some(Form::Block);
            let from = self.column(name.start);
            let name_text = self.text.get(name.clone()).ok_or_else(internal)?;
            let text = if is_block {
                let whole = self.without_anchors(name.start..value.end, mark.value_of_key());
                whole.ok_or_else(internal)?.trim_end_matches(' ').to_owned()
            } else {
                let value = self.without_anchors(value, mark.value_of_key()).ok_or_else(internal)?;
                format!("{name_text}: {value}")
            };
            if own.is_flow() && is_block && text.contains('\n') {
                let why = "it is in braces and merges values that are written by indentation";
                return Err(EditError::not_editable(place, why));
            }
            written.push(moved(&text, from, own.indentation));
        }
        if written.is_empty() {
            return Err(internal());
        }
        let style = if own.is_flow() { self.flow_style(&own) } else { self.block_style(own.indentation) };
        let separator = style.separator();
        edits.replace(key.range.clone(), written.join(&separator));
        Ok(())
    }
}

/// Whether a merge key adds entries to any mapping in a value.
fn has_merged(node: &Node) -> bool {
    match node.untagged() {
        Node::List(items) => items.iter().any(has_merged),
        Node::Mapping(entries) => entries.iter().any(|entry| entry.is_merged || has_merged(&entry.value)),
        _ => false,
    }
}

/// More aliases than any template has.
const ROUNDS_AT_MOST: usize = 1000;

fn needs(change: &Change) -> Vec<Need> {
    match change {
        Change::Entries { mapping, removed, added, .. } => {
            let mut needs = vec![Need::Changed(mapping.clone())];
            needs.extend(removed.iter().map(|key| Need::Removed(mapping.key(key))));
            for (_, value) in added {
                needs_of_copies(value, &mut needs);
            }
            needs
        }
        Change::Value { place, value } => {
            let mut needs = vec![Need::Removed(place.clone())];
            needs.extend(place.parent().map(Need::Changed));
            needs_of_copies(value, &mut needs);
            needs
        }
        Change::Prepend { list, source } => vec![Need::Changed(list.clone()), Need::Copied(source.clone())],
        Change::RenameKey { place, .. } => {
            place.parent().map(Need::Changed).into_iter().chain([Need::Written(place.clone())]).collect()
        }
        Change::Reword { .. } => Vec::new(),
    }
}

fn needs_of_copies(value: &NewValue, needs: &mut Vec<Need>) {
    match value {
        NewValue::Copy(source) => needs.push(Need::Copied(source.clone())),
        NewValue::Map(entries) => entries.iter().for_each(|(_, value)| needs_of_copies(value, needs)),
        NewValue::Text(_) | NewValue::Texts(_) => {}
    }
}

/// A tree whose mappings are in the order of their keys.
fn sorted(mut node: Node) -> Node {
    sort(&mut node);
    node
}

fn sort(node: &mut Node) {
    match node {
        Node::Scalar(_) => {}
        Node::Tagged(_, value) => sort(value),
        Node::List(items) => items.iter_mut().for_each(sort),
        Node::Mapping(entries) => {
            for entry in entries.iter_mut() {
                sort(&mut entry.value);
            }
            entries.sort_by(|one, other| one.key.cmp(&other.key));
        }
    }
}
