//! Scalars and comments of YAML.

use std::fmt::Write as _;

use crate::text::visible_line;

/// How many characters a line of comments has at most, unless a word is longer.
const WIDTH: usize = 100;

/// Words that YAML 1.1 or 1.2 reads as something other than text (yaml.org/type/bool, core schema).
const NOT_TEXT: [&str; 11] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", ".inf", ".nan"];

/// A text as a scalar that every reader of YAML takes as this text, also in a flow list.
pub(super) fn text(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Whether a text needs no quotes: only letters that have no meaning, and a beginning that no number has.
fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        || text == "."
        || text.strip_prefix('.').is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') || rest.starts_with("./")
        });
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-');
    // A colon is part of a word unless white space or the end follows.
    let letters = text.split("::").all(|part| part.chars().all(is_harmless)) && !text.ends_with(':');
    let is_word = NOT_TEXT.iter().any(|word| text.eq_ignore_ascii_case(word));
    begins && letters && !is_word
}

/// A text in double quotes. What a reader of YAML may reject, or take as the end of a line, is escaped (YAML 1.2.2, 5.1 and
/// 5.4, and the line breaks of YAML 1.1).
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        // Writing to a string cannot fail.
        let _ = match character {
            '"' | '\\' => write!(quoted, "\\{character}"),
            '\n' => write!(quoted, "\\n"),
            '\t' => write!(quoted, "\\t"),
            '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                write!(quoted, "\\u{:04x}", u32::from(character))
            }
            other => write!(quoted, "{other}"),
        };
    }
    quoted + "\""
}

/// Lines of comments with an indent. Words are never cut.
pub(super) fn comment(text: &str, indent: usize) -> String {
    // Items of a list continue below their text.
    let hanging = if text.starts_with("- ") { "  " } else { "" };
    let start = format!("{:indent$}# ", "");
    let mut lines = String::new();
    let mut line = start.clone();
    let mut is_first = true;
    for word in visible_line(text).split(' ').filter(|word| !word.is_empty()) {
        if !is_first && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            line = format!("{start}{hanging}");
            line.push_str(word);
        } else {
            if !is_first {
                line.push(' ');
            }
            line.push_str(word);
        }
        is_first = false;
    }
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_without_meaning_are_plain() {
        for plain in
            ["app.handler", "src/a-b_c", ".", "./x", "../x", ".aws-sam/x", "/opt", "A::b", "python3.12"]
        {
            assert_eq!(text(plain), plain);
        }
        for (word, expected) in [
            ("", r#""""#),
            ("No", r#""No""#),
            ("1e3", r#""1e3""#),
            (".5", r#"".5""#),
            (".Inf", r#"".Inf""#),
            ("-", r#""-""#),
            ("a: b", r#""a: b""#),
            ("a::", r#""a::""#),
            ("*.py", r#""*.py""#),
            ("a #b", r#""a #b""#),
            ("\"\\\n\u{85}", r#""\"\\\n\u0085""#),
        ] {
            assert_eq!(text(word), expected);
        }
    }

    #[test]
    fn comments_are_wrapped_between_words() {
        assert_eq!(comment("one  two", 2), "  # one two\n");
        let long = comment(&format!("- {} end", "word ".repeat(30)), 0);
        let lines: Vec<_> = long.lines().collect();
        assert!(lines.len() == 2 && lines.iter().all(|line| line.len() <= WIDTH), "{long}");
        assert!(lines[0].starts_with("# - word") && lines[1].starts_with("#   word"), "{long}");
        assert_eq!(comment("a\nb", 0).lines().count(), 1, "a name cannot end the comment");
    }
}
