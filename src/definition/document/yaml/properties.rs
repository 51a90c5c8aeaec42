//! What may be written in front of a node: its tag and its anchor.

use granit_parser::Tag;

/// The tag and anchor of a node.
pub(super) struct Properties {
    /// The name after `!`, of a tag of the document's own.
    pub(super) tag: Option<String>,
    /// The parser's number of the anchor; 0 if there is none.
    pub(super) anchor: usize,
    /// How many of the two are written.
    pub(super) count: usize,
}

impl Properties {
    pub(super) fn new(tag: Option<&Tag>, anchor: usize) -> Self {
        let name = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()));
        let own = name.as_deref().and_then(|name| name.strip_prefix('!')).filter(|name| !name.is_empty());
        let count = usize::from(tag.is_some()) + usize::from(anchor != 0);
        Self { tag: own.map(str::to_owned), anchor, count }
    }
}
