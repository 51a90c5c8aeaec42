//! Text for people: safe to show on a terminal, in the singular or plural, with its causes, and close to what was meant.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{Display, Write as _};

/// How many characters of a foreign text an excerpt shows.
const EXCERPT: usize = 500;

/// Characters that change the direction of writing, break a line, or are invisible (Unicode, general categories Cf, Zl and
/// Zp). Joiners stay: several scripts and emoji need them.
fn turns(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = String::with_capacity(2 * bytes.len());
    bytes.iter().fold(digits, |mut digits, byte| {
        // Writing to a string cannot fail.
        let _infallible = write!(digits, "{byte:02x}");
        digits
    })
}

/// A text on one line, safe to show: control characters other than tabs are escaped, as are those that change the direction
/// of writing. A name with a line break in it must not look like a line of limg's own: a CI service takes some lines as
/// commands.
#[must_use]
pub(crate) fn visible_line(text: &str) -> String {
    escape(text, |character| character == '\t')
}

/// What a program prints, safe to show on a terminal: as [`visible_line`], but the ends of lines stay, as do colours and other
/// renditions of characters (ECMA-48 8.3.117).
#[must_use]
pub(crate) fn visible_output(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find(['\u{1b}', '\r']) {
        let (before, from) = rest.split_at(at);
        shown.push_str(&visible_lines(before));
        let kept = if from.starts_with("\r\n") { 2 } else { rendition(from) };
        shown.push_str(&from[..kept]);
        let end = kept.max(1);
        shown.push_str(&visible_lines(&from[kept..end]));
        rest = &from[end..];
    }
    shown + &visible_lines(rest)
}

fn visible_lines(text: &str) -> String {
    escape(text, |character| matches!(character, '\n' | '\t'))
}

/// The length in bytes of the control sequence for a rendition at the start of a text; 0 if there is none.
fn rendition(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\u{1b}[") else { return 0 };
    let end = parameters.find(|c: char| !matches!(c, '0'..='9' | ';' | ':'));
    end.filter(|end| parameters[*end..].starts_with('m')).map_or(0, |end| "\u{1b}[".len() + end + 1)
}

/// A JSON text, safe to show: in its strings, what [`visible_line`] escapes is escaped as JSON does.
#[must_use]
pub(crate) fn visible_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        if turns(character) || (character.is_control() && !matches!(character, '\n' | '\r' | '\t')) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _infallible = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The start of a text from outside, such as a message of a registry, on one line and safe to show.
#[must_use]
pub(crate) fn excerpt(text: &str) -> String {
    let mut characters = text.chars();
    let start: String = characters.by_ref().take(EXCERPT).collect();
    visible_line(&start) + if characters.next().is_some() { "…" } else { "" }
}

fn escape(text: &str, keeps: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if turns(character) || (character.is_control() && !keeps(character)) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The digest algorithms of image references, which follow an `@` as hosts do.
const DIGESTS: [&str; 3] = ["sha256:", "sha384:", "sha512:"];

/// A text with an ellipsis in place of the user and the password of each URL, and of each `USER:PASSWORD@` without a scheme.
/// Nothing that limg reports may show them.
#[must_use]
pub(crate) fn without_user_information(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let ends = |c: char| {
        c.is_whitespace() || matches!(c, '`' | '"' | '\'' | '<' | '>' | '(' | ')' | '{' | '}' | ',')
    };
    let shown: String = text.split_inclusive(ends).map(word_without_user_information).collect();
    Cow::Owned(shown)
}

fn word_without_user_information(word: &str) -> Cow<'_, str> {
    let (scheme, rest) = word.find("://").map_or(("", word), |at| word.split_at(at + 3));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A password may contain what ends a host. Without one, a host has at most a port behind its last colon.
    let has_port =
        authority.rsplit_once(':').is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let searched = if scheme.is_empty() || has_port || authority.contains('@') { authority } else { rest };
    let Some((user, host)) = searched.rsplit_once('@') else { return Cow::Borrowed(word) };
    let is_digest = DIGESTS.iter().any(|algorithm| host.starts_with(algorithm));
    if is_digest || (scheme.is_empty() && (!user.contains(':') || user.contains('\\'))) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("{scheme}…{}", &rest[user.len()..]))
}

/// How deep brackets and braces are nested in a text of YAML, or more: those in quotes and comments count too.
///
/// The time that the YAML library takes grows with the nesting of everything that it reads, so what is nested deeper than
/// any document has to be refused before.
#[must_use]
pub(crate) fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// How deep brackets may be nested in a text of YAML. No document needs a tenth of it.
pub(crate) const NESTING_AT_MOST: usize = 100;

/// `1 file`, `2 files`: a number with its noun.
#[must_use]
pub(crate) fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The first items, with commas between them, and how many more there are.
#[must_use]
pub(crate) fn first_of(at_most: usize, items: impl ExactSizeIterator<Item = impl Display>) -> String {
    let more = items.len().saturating_sub(at_most);
    let first = items.take(at_most).map(|item| item.to_string()).collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

/// ` (line 3)`, or nothing if the line is not known.
#[must_use]
pub(crate) fn in_line(line: Option<usize>) -> String {
    line.map(|line| format!(" (line {line})")).unwrap_or_default()
}

/// An error and its causes on one line, with colons between them.
#[must_use]
pub(crate) fn with_causes(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", with_causes(cause)))
}

/// An error, its cause, the cause of that, and so on.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// The last cause of an error, which is the most exact.
#[must_use]
pub(crate) fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

/// The candidate that a misspelt `word` most likely means, if one is close enough.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_information_is_not_shown() {
        for (text, shown) in [
            ("`https://me:hush@r.example.com/a:b`", "`https://…@r.example.com/a:b`"),
            ("https://hush@r.example.com", "https://…@r.example.com"),
            ("tcp://me:h@sh@host:2375, tcp://b", "tcp://…@host:2375, tcp://b"),
            ("http://me:hu/sh@proxy:3128/", "http://…@proxy:3128/"),
            ("image: \"me:hush@r.example.com:5000/a\"", "image: \"…@r.example.com:5000/a\""),
            ("docker://me:hush@r.example.com/a and ssh://me@b", "docker://…@r.example.com/a and ssh://…@b"),
        ] {
            assert_eq!(without_user_information(text), shown);
        }
        for plain in [
            "",
            "a@b.example.com",
            "python:3.11@sha256:0123",
            "https://r.example.com:5000/a@sha256:0123",
            "r.example.com:5000/a@sha256:0123",
            "r.example.com:5000/a:b@v1",
            "https://r.example.com/@scope/a",
            "C:\\a\\@scope\\b",
            "/opt/node_modules/@scope/a:@b",
        ] {
            assert_eq!(without_user_information(plain), plain);
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(visible_line("a\x1b]0;title\x07b"), "a\\u{1b}]0;title\\u{7}b");
        assert_eq!(visible_line("\x1b[1;31mred\x1b[0m\r"), "\\u{1b}[1;31mred\\u{1b}[0m\\r");
        assert_eq!(visible_line("one\r\n\ttwo ü \u{202e}x"), "one\\r\\n\ttwo ü \\u{202e}x");
        for hidden in ["\u{61c}", "\u{200b}", "\u{2069}", "\u{feff}", "\u{e0041}"] {
            assert_eq!(visible_line(hidden), hidden.escape_unicode().to_string());
        }
        assert_eq!(visible_line("\u{200d}"), "\u{200d}", "a joiner");
    }

    #[test]
    fn of_what_programs_print_only_colours_reach_a_terminal() {
        for (printed, shown) in [
            ("\x1b[1;38:5:9mred\x1b[0m\x1b[m\r\n\tü", "\x1b[1;38:5:9mred\x1b[0m\x1b[m\r\n\tü"),
            ("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"),
            ("\x1b[2J\x1b[?1m\x1b[1", "\\u{1b}[2J\\u{1b}[?1m\\u{1b}[1"),
            ("\x1b\x1b[31mx\x1bm", "\\u{1b}\x1b[31mx\\u{1b}m"),
            ("ok\rno\r\r\n\u{9b}2J\u{202e}", "ok\\rno\\r\r\n\\u{9b}2J\\u{202e}"),
        ] {
            assert_eq!(visible_output(printed.as_bytes()), shown);
        }
        assert_eq!(visible_output(b"\xff\x1b"), "\u{fffd}\\u{1b}");
    }

    #[test]
    fn json_that_is_shown_means_the_same() {
        let value = serde_json::json!({ "ü\u{7f}": "a\u{202e}b\u{e0041}\u{9b}\x1b\n" });
        let shown = visible_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!shown.chars().any(|c| turns(c) || (c.is_control() && c != '\n')), "{shown:?}");
        assert!(shown.contains("ü\\u007f"), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn excerpts_are_short() {
        assert_eq!(excerpt("a\nb"), "a\\nb");
        assert_eq!(excerpt(&"x".repeat(EXCERPT)), "x".repeat(EXCERPT));
        assert_eq!(excerpt(&"x".repeat(EXCERPT + 1)), "x".repeat(EXCERPT) + "…");
    }

    #[test]
    fn numbers_agree_with_their_nouns() {
        assert_eq!([count(0_u64, "file"), count(1_usize, "file")], ["0 files", "1 file"]);
    }

    #[test]
    fn long_lists_are_cut() {
        let list = |items: &[&str]| first_of(2, items.iter());
        assert_eq!([list(&["a"]), list(&["a", "b"])], ["a", "a, b"]);
        assert_eq!(
            [list(&["a", "b", "c"]), list(&["a", "b", "c", "d"])],
            ["a, b and 1 more", "a, b and 2 more"]
        );
    }

    #[test]
    fn nearest_finds_a_slip_and_leaves_a_stranger() {
        assert_eq!(nearest("handlr", ["handler", "runtime"]), Some("handler"));
        assert_eq!(nearest("python312", ["python3.12", "nodejs20.x"]), Some("python3.12"));
        assert_eq!(nearest("zzz", ["handler", "runtime"]), None);
    }
}
