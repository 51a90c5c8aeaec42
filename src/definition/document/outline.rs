//! Where each key and value of a document is written: ranges of bytes, in the order of the text.
//!
//! The readers of YAML and JSON fill an [`Outline`] while they build the tree. It knows no texts and no types; a key in the
//! tree names its mark, and items of lists are counted.

use std::ops::Range;

/// Where one key or value is written, 24 bytes in size: a document keeps one for each node.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// The first byte, that of a tag or anchor if there is one.
    start: u32,
    /// The first byte after tag and anchor.
    content: u32,
    /// The byte after the last one.
    end: u32,
    /// The mark after this one and everything in it.
    after: u32,
    form: Form,
}

/// How a key or value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A single value.
    Scalar,
    /// `*name`: what is written at another mark.
    Alias(MarkId),
    /// A list or mapping by indentation.
    Block,
    /// A list or mapping in brackets.
    Flow,
    /// The only entry of a mapping that is an item of a list in brackets, without braces: `[a: 1]`.
    Pair,
}

/// The number of a mark in its outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::definition) struct MarkId(u32);

impl MarkId {
    /// The whole value of a document.
    pub(super) const ROOT: Self = Self(0);

    /// The mark of the value that belongs to a key: keys have nothing in them, so it comes next.
    pub(super) fn value_of_key(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The marks of a document, each key and list before what is in it.
#[derive(Debug, Default)]
pub(super) struct Outline {
    marks: Vec<Mark>,
}

/// A file of more than 4 GiB is never read, so nothing is cut.
fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn long(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Outline {
    /// Begins a key or value. What is begun until its end is in it.
    pub(super) fn begin(&mut self, start: usize, content: usize, form: Form) -> MarkId {
        let id = MarkId(short(self.marks.len()));
        let (start, content) = (short(start), short(content));
        self.marks.push(Mark { start, content, end: content, after: 0, form });
        id
    }

    /// Ends what was begun.
    pub(super) fn end(&mut self, id: MarkId, end: usize) {
        let after = short(self.marks.len());
        if let Some(mark) = self.marks.get_mut(long(id.0)) {
            (mark.end, mark.after) = (short(end), after);
        }
    }

    fn get(&self, id: MarkId) -> Option<&Mark> {
        self.marks.get(long(id.0))
    }

    /// The bytes of a key or value, with its tag and anchor.
    pub(super) fn range(&self, id: MarkId) -> Option<Range<usize>> {
        self.get(id).map(|mark| long(mark.start)..long(mark.end))
    }

    /// Where a key or value begins after its tag and anchor.
    pub(super) fn content(&self, id: MarkId) -> Option<usize> {
        self.get(id).map(|mark| long(mark.content))
    }

    /// How a key or value is written.
    pub(super) fn form(&self, id: MarkId) -> Option<Form> {
        self.get(id).map(|mark| mark.form)
    }

    /// The value that an alias names; any other value itself.
    pub(super) fn resolve(&self, id: MarkId) -> MarkId {
        match self.form(id) {
            Some(Form::Alias(target)) => target,
            _ => id,
        }
    }

    /// Whether an alias names this key or value, or a value that it is in.
    pub(super) fn is_repeated(&self, id: MarkId) -> bool {
        self.marks.iter().any(|mark| match mark.form {
            Form::Alias(target) => target <= id && self.get(target).is_some_and(|target| id.0 < target.after),
            _ => false,
        })
    }

    /// The aliases, each with the value that it names.
    pub(super) fn aliases(&self) -> impl Iterator<Item = (MarkId, MarkId)> {
        self.marks.iter().enumerate().filter_map(|(number, mark)| match mark.form {
            Form::Alias(target) => Some((MarkId(short(number)), target)),
            _ => None,
        })
    }

    /// Whether a key or value is another one, or in it.
    pub(super) fn is_within(&self, id: MarkId, outer: MarkId) -> bool {
        outer <= id && self.get(outer).is_some_and(|mark| id.0 < mark.after)
    }

    /// A key or value and all in it, in the order of the text.
    pub(super) fn within(&self, outer: MarkId) -> impl Iterator<Item = MarkId> {
        let after = self.get(outer).map_or(0, |mark| mark.after);
        (outer.0..after).map(MarkId)
    }

    /// The items of a list, or the keys and values of a mapping in turn.
    pub(super) fn children(&self, parent: MarkId) -> impl Iterator<Item = MarkId> {
        let end = self.get(parent).map_or(0, |mark| mark.after);
        let first = Some(parent.0.saturating_add(1)).filter(|first| *first < end);
        std::iter::successors(first, move |child| {
            self.get(MarkId(*child)).map(|mark| mark.after).filter(|next| child < next && *next < end)
        })
        .map(MarkId)
    }

    /// The list or mapping in which a key or item is written, and what comes before it there.
    pub(super) fn container(&self, id: MarkId) -> Option<(MarkId, Option<MarkId>)> {
        let mut parent = MarkId::ROOT;
        loop {
            let mut before = None;
            let around = self.children(parent).find(|child| {
                let is_around = self.get(*child).is_some_and(|mark| id.0 < mark.after);
                if !is_around {
                    before = Some(*child);
                }
                is_around
            })?;
            if around == id {
                return Some((parent, before));
            }
            parent = around;
        }
    }
}
