//! The lines around a position of a text.

/// The line break that a text uses.
pub(super) fn line_break(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Where the line begins that has this position.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
}

/// Where the line that has this position ends, before its line break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let line = rest.find('\n').map_or(rest, |end| &rest[..end]);
    at + line.strip_suffix('\r').unwrap_or(line).len()
}

/// Where the next line begins; the end of the text if there is none.
pub(super) fn next_line(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |end| at + end + 1)
}

/// The line that begins at this position, without its line break; nothing at the end of the text.
pub(super) fn line(text: &str, start: usize) -> Option<&str> {
    if start >= text.len() { None } else { text.get(start..line_end(text, start)) }
}

/// The start of the line before the one that begins here.
pub(super) fn previous_line(text: &str, start: usize) -> Option<usize> {
    start.checked_sub(1).map(|end| line_start(text, end))
}

/// Whether a line has nothing but white space, or is not there.
pub(super) fn is_blank(line: Option<&str>) -> bool {
    line.is_none_or(|line| line.trim().is_empty())
}
