//! YAML: from a text to a [`Node`] and the marks of everything in it, in one pass.
//!
//! The parser reports events with their bytes. This part makes a tree of them, expands aliases within limits, and knows
//! from `lexical` where keys, items, tags and the headers of block scalars begin.

mod core_schema;
pub(super) mod lexical;
mod lone_hyphens;
mod properties;
mod syntax;
mod weight;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag};

use super::node::{Entry, Node, Scalar, ScalarKind};
use super::outline::{Form, MarkId, Outline};
use super::{Position, Syntax};
use crate::text::NESTING_AT_MOST;
use lexical::{after_properties, end_of_block_scalar, gap, is_indicator};
use lone_hyphens::Replaced;
use properties::Properties;
use weight::{NODE_COST, Weight};

/// The limit for the cost and text of all nodes once aliases are expanded, per byte of the text. The densest text stays well
/// below; an alias bomb does not.
const EXPANDED_PER_BYTE: usize = 32;

/// The same limit for the shortest texts.
const EXPANDED_AT_LEAST: usize = 32 * 1024 * 1024;

/// Reads a text as one document.
pub(super) fn parse(text: &str) -> Result<(Node, Outline), Syntax> {
    let mut replaced = Replaced::none(text);
    loop {
        match parse_replaced(text, &replaced) {
            Ok(parsed) => return Ok(parsed),
            Err(Failure::Syntax(syntax)) => return Err(*syntax),
            Err(Failure::Scan(error)) if !replaced.replace(&error) => {
                return Err(syntax::syntax(&error, text));
            }
            Err(Failure::Scan(_)) => {}
        }
    }
}

/// Why a text cannot be read.
enum Failure {
    /// The parser rejects it.
    Scan(ScanError),
    Syntax(Box<Syntax>),
}

fn parse_replaced(text: &str, replaced: &Replaced<'_>) -> Result<(Node, Outline), Failure> {
    // As libyaml reads it, and with it most tools: no line break after the last line if the file has none.
    let options = granit_parser::options! { emit_comments: false, block_scalar_eof_without_line_feed: true };
    let mut reader = Reader::new(text);
    for event in Parser::new_from_str_with_options(&replaced.text, options) {
        let (mut event, span) = event.map_err(Failure::Scan)?;
        if let Event::Scalar(text, ..) = &mut event
            && span.byte_range().is_some_and(|span| replaced.is_at(span.start))
        {
            *text = Cow::Borrowed("-");
        }
        reader.accept(event, &span).map_err(|syntax| Failure::Syntax(Box::new(syntax)))?;
    }
    let mut root = reader.root.unwrap_or(Node::NULL);
    root.merge();
    Ok((root, reader.outline))
}

/// Builds the tree and its marks from events.
struct Reader<'t> {
    text: &'t str,
    outline: Outline,
    /// The lists and mappings around the next node, outermost first.
    open: Vec<Collection>,
    /// The values with anchors that are complete, by the parser's number of the anchor.
    anchored: BTreeMap<usize, Anchored>,
    /// How much the document may still grow.
    budget: usize,
    /// Where the value of the document may begin, once there is a document.
    start: Option<usize>,
    root: Option<Node>,
}

/// A value that aliases may name.
struct Anchored {
    node: Node,
    mark: MarkId,
    weight: Weight,
}

/// A list or mapping whose end has not been read.
struct Collection {
    mark: MarkId,
    form: Form,
    properties: Properties,
    /// Where its last key or item ends, or its first one may begin.
    cursor: usize,
    children: Children,
}

enum Children {
    List(Vec<Node>),
    /// The entries, and the key whose value is next.
    Mapping(Vec<Entry>, Option<(String, MarkId)>),
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            outline: Outline::default(),
            open: Vec::new(),
            anchored: BTreeMap::new(),
            budget: EXPANDED_AT_LEAST.max(text.len().saturating_mul(EXPANDED_PER_BYTE)),
            start: None,
            root: None,
        }
    }

    fn accept(&mut self, event: Event<'_>, span: &Span) -> Result<(), Syntax> {
        let span = span.byte_range().unwrap_or_default();
        match event {
            Event::DocumentStart(is_explicit, _) => {
                if self.start.is_some() {
                    return Err(Syntax {
                        position: Some(Position::of(self.text, span.start)),
                        message: "a second document starts here; a definition is one document".to_owned(),
                        help: Some("remove the `---` between them, or move one into its own file".to_owned()),
                    });
                }
                self.start = Some(if is_explicit { span.end } else { span.start });
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => self.scalar(text, style, anchor, tag.as_deref(), span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::SequenceStart(style, anchor, tag) => {
                let properties = Properties::new(tag.as_deref(), anchor);
                self.begin(Children::List(Vec::new()), style, properties, &span)
            }
            Event::MappingStart(style, anchor, tag) => {
                let properties = Properties::new(tag.as_deref(), anchor);
                self.begin(Children::Mapping(Vec::new(), None), style, properties, &span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&span),
            // The beginning and end of the text and of the document; comments and anchors are not asked for.
            _ => Ok(()),
        }
    }

    fn error(&self, at: usize, message: impl Into<String>, help: &str) -> Syntax {
        let position = Some(Position::of(self.text, at));
        Syntax { position, message: message.into(), help: Some(help.to_owned()) }
    }

    fn spend(&mut self, cost: usize, at: usize) -> Result<(), Syntax> {
        self.budget = self.budget.checked_sub(cost).ok_or_else(|| {
            let help = "reduce nesting and aliases: the document expands to far too much";
            self.error(at, "the aliases expand to too much", help)
        })?;
        Ok(())
    }

    /// Where the next node may begin: after the `-`, `?` or `:` in front of it. An absent node is there.
    fn announced(&self) -> usize {
        let text = self.text;
        let Some(Collection { form, cursor, children, .. }) = self.open.last() else {
            return self.start.unwrap_or_default();
        };
        let is_block = *form == Form::Block;
        let mut at = gap(text, *cursor);
        let next_is = |at: usize, indicator| text.as_bytes().get(at) == Some(&indicator);
        match children {
            Children::List(_) if is_block => at + usize::from(is_indicator(text, at, b'-')),
            Children::List(_) => at + usize::from(next_is(at, b',')),
            Children::Mapping(_, Some(_)) => {
                let has_colon = if is_block { is_indicator(text, at, b':') } else { next_is(at, b':') };
                if has_colon { at + 1 } else { *cursor }
            }
            Children::Mapping(_, None) => {
                if !is_block && next_is(at, b',') {
                    at = gap(text, at + 1);
                }
                at + usize::from(is_indicator(text, at, b'?'))
            }
        }
    }

    /// Whether the next node is a key.
    fn is_at_key(&self) -> bool {
        matches!(self.open.last(), Some(Collection { children: Children::Mapping(_, None), .. }))
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Range<usize>,
    ) -> Result<(), Syntax> {
        let properties = Properties::new(tag, anchor);
        let announced = self.announced();
        let is_plain = style == ScalarStyle::Plain;
        // The parser reports an absent value as `~` without bytes.
        let is_empty = is_plain && span.is_empty();
        let text = if is_empty { Cow::Borrowed("") } else { text };
        let (start, content, end) = if is_empty && properties.count == 0 {
            (announced, announced, announced)
        } else {
            let start = gap(self.text, announced);
            let content = after_properties(self.text, start, properties.count);
            match style {
                ScalarStyle::Literal | ScalarStyle::Folded => {
                    (start, content, end_of_block_scalar(self.text, content, span))
                }
                _ => (start, span.start, span.end),
            }
        };
        let kind = match tag.filter(|_| properties.tag.is_none()) {
            Some(tag) => core_schema::tagged_kind(tag.core_suffix().unwrap_or_default(), &text).map_err(
                |expected| {
                    self.error(
                        start,
                        format!("the tag requires {expected}"),
                        "change the value, or remove the tag",
                    )
                },
            )?,
            None if is_plain => core_schema::kind(&text),
            None => ScalarKind::Text,
        };
        let mark = self.outline.begin(start, content, Form::Scalar);
        self.outline.end(mark, end);
        self.spend(NODE_COST + text.len(), start)?;
        if self.is_at_key() && anchor == 0 {
            self.key(text.into_owned(), mark, end);
            return Ok(());
        }
        let key = self.is_at_key().then(|| text.clone().into_owned());
        let node = match kind {
            ScalarKind::Null => Node::NULL,
            kind => Node::Scalar(Scalar { kind, text: text.into_owned() }),
        };
        let node = self.complete(node, mark, properties, start)?;
        match key {
            Some(key) => self.key(key, mark, end),
            None => self.place(node, end),
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> Result<(), Syntax> {
        let Some(Anchored { mark: target, weight, .. }) = self.anchored.get(&anchor) else {
            let help = "remove the alias: its expansion would have no end";
            return Err(self.error(span.start, "the alias is inside the value that it names", help));
        };
        let (target, weight) = (*target, *weight);
        if self.open.len() + weight.height > NESTING_AT_MOST {
            return Err(self.too_deep(span.start));
        }
        self.spend(weight.cost, span.start)?;
        let Some(Anchored { node, .. }) = self.anchored.get(&anchor) else { return Ok(()) };
        let node = node.clone();
        let mark = self.outline.begin(span.start, span.start, Form::Alias(target));
        self.outline.end(mark, span.end);
        if !self.is_at_key() {
            self.place(node, span.end);
            return Ok(());
        }
        let Node::Scalar(Scalar { text, .. }) = node.untagged() else {
            return Err(self.complex_key(span.start));
        };
        self.key(text.clone(), mark, span.end);
        Ok(())
    }

    fn too_deep(&self, at: usize) -> Syntax {
        Syntax { position: Some(Position::of(self.text, at)), ..Syntax::too_deep(NESTING_AT_MOST) }
    }

    fn complex_key(&self, at: usize) -> Syntax {
        let help = "use a name as key, and put a value that begins with `{` or `[` in quotes";
        self.error(at, "a key is a list or mapping instead of a name", help)
    }

    fn begin(
        &mut self,
        children: Children,
        style: StructureStyle,
        properties: Properties,
        span: &Range<usize>,
    ) -> Result<(), Syntax> {
        let start = gap(self.text, self.announced());
        if self.is_at_key() {
            return Err(self.complex_key(start));
        }
        if self.open.len() >= NESTING_AT_MOST {
            return Err(self.too_deep(start));
        }
        self.spend(NODE_COST, start)?;
        let bracket = self.text.as_bytes().get(span.start);
        let (form, content) = match (style, bracket) {
            (StructureStyle::Block, _) => (Form::Block, after_properties(self.text, start, properties.count)),
            (StructureStyle::Flow, Some(b'[' | b'{')) => (Form::Flow, span.start),
            (StructureStyle::Flow, _) => (Form::Pair, start),
        };
        let mark = self.outline.begin(start, content, form);
        let cursor = content + usize::from(form == Form::Flow);
        self.open.push(Collection { mark, form, properties, cursor, children });
        Ok(())
    }

    fn end(&mut self, span: &Range<usize>) -> Result<(), Syntax> {
        let Some(Collection { mark, form, properties, cursor, children }) = self.open.pop() else {
            return Ok(());
        };
        // The parser ends what has no bracket at the next token.
        let end = if form == Form::Flow { span.end } else { cursor };
        self.outline.end(mark, end);
        let node = match children {
            Children::List(items) => Node::List(items),
            Children::Mapping(entries, _) => Node::Mapping(entries),
        };
        let node = self.complete(node, mark, properties, span.start)?;
        self.place(node, end);
        Ok(())
    }

    /// Adds the tag, and keeps a copy for the aliases that name it.
    fn complete(
        &mut self,
        node: Node,
        mark: MarkId,
        properties: Properties,
        at: usize,
    ) -> Result<Node, Syntax> {
        let Properties { tag, anchor, .. } = properties;
        let node = match tag {
            Some(tag) => {
                self.spend(tag.len(), at)?;
                Node::Tagged(tag, Box::new(node))
            }
            None => node,
        };
        if anchor != 0 {
            let weight = Weight::of(&node);
            self.spend(weight.cost, at)?;
            self.anchored.insert(anchor, Anchored { node: node.clone(), mark, weight });
        }
        Ok(node)
    }

    /// Makes a text the key of the value that comes next.
    fn key(&mut self, text: String, mark: MarkId, end: usize) {
        if let Some(Collection { cursor, children: Children::Mapping(_, key), .. }) = self.open.last_mut() {
            (*cursor, *key) = (end, Some((text, mark)));
        }
    }

    /// Adds a complete node to the list or mapping around it.
    fn place(&mut self, node: Node, end: usize) {
        let Some(Collection { cursor, children, .. }) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        *cursor = end;
        match children {
            Children::List(items) => items.push(node),
            Children::Mapping(entries, key) => {
                if let Some((key, mark)) = key.take() {
                    entries.push(Entry { key, value: node, mark, is_merged: false });
                }
            }
        }
    }
}
