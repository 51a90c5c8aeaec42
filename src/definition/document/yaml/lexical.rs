//! The few rules of YAML's spelling that it takes to find where a node begins: what may stand between two nodes, and the
//! tags and anchors in front of one.
//!
//! The parser reports where the content of a node is, but for some nodes not where its `-`, its tag or its `|` is. These
//! functions read text that the parser has accepted, and never fail.

use std::ops::Range;

/// The position after white space, line breaks and comments, and after a byte order mark.
pub(in crate::definition::document) fn gap(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    loop {
        match bytes.get(at) {
            Some(b' ' | b'\t' | b'\r' | b'\n') => at += 1,
            Some(b'#') => at += line_length(bytes.get(at..).unwrap_or_default()),
            Some(0xef) if text.get(at..).is_some_and(|rest| rest.starts_with('\u{feff}')) => at += 3,
            _ => return at,
        }
    }
}

fn line_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len())
}

/// The position after so many tags and anchors, and what may stand between them and the content.
pub(super) fn after_properties(text: &str, mut at: usize, count: usize) -> usize {
    for _ in 0..count {
        let rest = text.get(at..).unwrap_or_default();
        let is_verbatim = rest.starts_with("!<");
        let is_end = |next| matches!(next, ' ' | '\t' | '\r' | '\n' | ',' | '[' | ']' | '{' | '}');
        let length = rest.find(|next| if is_verbatim { next == '>' } else { is_end(next) });
        at = gap(text, at + length.map_or(rest.len(), |length| length + usize::from(is_verbatim)));
    }
    at
}

/// Whether there is an indicator, such as `-`, that white space or the end of the text follows.
pub(super) fn is_indicator(text: &str, at: usize, indicator: u8) -> bool {
    let bytes = text.as_bytes();
    bytes.get(at) == Some(&indicator)
        && matches!(bytes.get(at + 1), None | Some(b' ' | b'\t' | b'\r' | b'\n'))
}

/// The end of a block scalar: that of its last line that is not blank, or of its header if there is none.
///
/// `lines` is what the parser reports: the text after the header, and the blank lines after it.
pub(super) fn end_of_block_scalar(text: &str, header: usize, lines: Range<usize>) -> usize {
    let start = lines.start;
    let lines = text.get(lines).unwrap_or_default();
    let visible = lines.trim_end_matches([' ', '\t', '\r', '\n']).len();
    if visible > 0 {
        return start + visible + line_length(lines.as_bytes().get(visible..).unwrap_or_default());
    }
    let rest = text.get(header..).unwrap_or_default();
    let indicators = |next: char| matches!(next, '|' | '>' | '+' | '-') || next.is_ascii_digit();
    header + rest.find(|next| !indicators(next)).unwrap_or(rest.len())
}
