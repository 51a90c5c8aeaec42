//! A pasted text in a form in which known texts are found: without case, line ends, colours, the escapes of JSON and the frames that
//! tools draw around messages.

use std::iter::Peekable;
use std::str::Chars;

use memchr::memmem;

/// Stands in a known text for what varies, such as a path.
const VARYING: char = '…';

/// How many bytes that may be.
const VARYING_AT_MOST: usize = 300;

/// A text to look into.
pub(super) struct LogText {
    /// In lower case, with one space for each run of white space.
    text: Vec<u8>,
    /// Where each line but the first begins in `text`.
    lines: Vec<usize>,
}

impl LogText {
    pub(super) fn new(text: &str) -> Self {
        let mut read = Self { text: Vec::with_capacity(text.len()), lines: Vec::new() };
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\n' => {
                    read.push(' ');
                    read.lines.push(read.text.len());
                }
                '\\' => read.push(unescaped(&mut characters)),
                '\u{1b}' => skip_rendition(&mut characters),
                other => read.push(other),
            }
        }
        read
    }

    fn push(&mut self, character: char) {
        match character {
            // Terraform draws a frame of these around errors.
            '\u{2500}'..='\u{257f}' => self.push(' '),
            '‘' | '’' => self.push('\''),
            '“' | '”' => self.push('"'),
            space if space.is_whitespace() => {
                if self.text.last().is_some_and(|last| *last != b' ') {
                    self.text.push(b' ');
                }
            }
            // In UTF-16, as PowerShell writes it, every second byte of English is zero.
            control if control.is_control() => {}
            other => {
                let mut bytes = [0; 4];
                self.text.extend_from_slice(other.to_ascii_lowercase().encode_utf8(&mut bytes).as_bytes());
            }
        }
    }

    /// The line, from 1, in which a known text begins for the first time.
    pub(super) fn find(&self, known: &str) -> Option<usize> {
        let known = known.to_ascii_lowercase();
        let (first, rest) = known.split_once(VARYING).unwrap_or((&known, ""));
        let pieces: Vec<_> = rest.split(VARYING).map(memmem::Finder::new).collect();
        let is_whole = |start: usize| {
            let mut end = start + first.len();
            for piece in &pieces {
                end = self.end_after_varying(end, piece)?;
            }
            let starts_word = !self.joins(start);
            let ends_word = !self.joins(end);
            (starts_word && ends_word).then_some(start)
        };
        let start = memmem::find_iter(&self.text, first.as_bytes()).find_map(is_whole)?;
        Some(1 + self.lines.partition_point(|line| *line <= start))
    }

    /// Where `piece` ends, if it follows after a run without spaces.
    fn end_after_varying(&self, start: usize, piece: &memmem::Finder<'_>) -> Option<usize> {
        let length = piece.needle().len();
        if length == 0 {
            return Some(start);
        }
        let rest = self.text.get(start..)?;
        let run = rest.iter().take(VARYING_AT_MOST).take_while(|byte| **byte != b' ').count();
        let searched = rest.get(..run + length).unwrap_or(rest);
        piece.find(searched).map(|at| start + at + length)
    }

    /// Whether a position is inside of a word, so that a text that begins or ends there was cut out of it.
    fn joins(&self, position: usize) -> bool {
        let before = position.checked_sub(1).and_then(|before| self.text.get(before));
        let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        is_word(before) && is_word(self.text.get(position))
    }
}

/// What an escape of JSON stands for. JSON inside of JSON has several backslashes.
fn unescaped(characters: &mut Peekable<Chars<'_>>) -> char {
    while characters.next_if_eq(&'\\').is_some() {}
    let escapes = |character: &char| matches!(character, '"' | '/' | 'n' | 'r' | 't' | 'u');
    match characters.next_if(escapes) {
        Some('n' | 'r' | 't') => ' ',
        Some('u') => {
            let digits: String = characters.clone().take(4).collect();
            let Some(character) = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32) else {
                return ' ';
            };
            characters.nth(3);
            character
        }
        Some(other) => other,
        None => '\\',
    }
}

/// Skips what follows the escape character of a colour (ECMA-48 5.4).
fn skip_rendition(characters: &mut Peekable<Chars<'_>>) {
    if characters.next_if_eq(&'[').is_some() {
        while characters.next_if(|character| matches!(character, '0'..='9' | ';' | ':')).is_some() {}
        characters.next_if(char::is_ascii_alphabetic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, known: &str) -> Option<usize> {
        LogText::new(text).find(known)
    }

    #[test]
    fn a_text_is_found_in_any_case_and_with_any_spaces() {
        for text in [
            "exec format error",
            "Exec  Format\tError",
            "exec\n  format error",
            "│ exec format\n│ error",
            "{\"m\": \"exec format\\nerror\"}",
            "{\\\"m\\\": \\\"exec\\\\n format error\\\"}",
            "\u{1b}[31mexec\u{1b}[0m format error",
            "e\0x\0e\0c\0 \0f\0o\0r\0m\0a\0t\0 \0e\0r\0r\0o\0r\0",
            "\\u0065xec format error",
        ] {
            assert_eq!(line(text, "exec format error"), Some(1), "{text:?}");
        }
        assert_eq!(line("couldn’t find", "Couldn't find"), Some(1));
    }

    #[test]
    fn what_varies_has_no_spaces_and_an_end() {
        let known = "source image … is not valid";
        assert_eq!(line("Source image a.b/c:d is not valid.", known), Some(1));
        assert_eq!(line("version '' missing", "version '…' missing"), Some(1), "nothing at all");
        assert_eq!(line("source image a b is not valid", known), None);
        assert_eq!(line(&format!("source image {} is not valid", "a".repeat(290)), known), Some(1));
        assert_eq!(line(&format!("source image {} is not valid", "a".repeat(310)), known), None);
        assert_eq!(line("source image x, source image y is not valid", known), Some(1), "the second one");
        assert_eq!(line("fork/exec /opt/extensions/", "fork/exec /opt/extensions/…"), Some(1));
    }

    #[test]
    fn a_part_of_a_word_is_not_found() {
        assert_eq!(line("exit status 127", "exit status 12"), None);
        assert_eq!(line("exit status 12 and 1", "exit status 12"), Some(1));
        assert_eq!(line("exit status 1\n2026-01-01 REPORT", "exit status 1"), Some(1));
        assert_eq!(line("xEACCES", "EACCES"), None);
        assert_eq!(line("[Errno 13]x", "[Errno 13]"), Some(1));
    }

    #[test]
    fn lines_are_those_of_the_pasted_text() {
        let text = "one\n\n  two\r\nthree four\\nfive\nsix";
        for (known, expected) in [("one", 1), ("two", 3), ("four", 4), ("five", 4), ("six", 5)] {
            assert_eq!(line(text, known), Some(expected), "{known}");
        }
    }

    #[test]
    fn any_text_can_be_read() {
        for text in ["", "\\", "\\u", "\\u12", "\\ud800x", "\u{1b}", "\u{1b}[", "…", "é\\u00e9", "\\u00zé…"]
        {
            assert_eq!(line(text, "exec format error"), None, "{text:?}");
        }
    }
}
