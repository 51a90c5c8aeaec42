//! A `-` alone as an item of a flow list, such as `!Split [-, !Ref Name]`.
//!
//! YAML 1.2 does not allow it, and the parser rejects it. `PyYAML` accepts it, and with it the AWS SAM CLI and the AWS CLI. Each
//! such hyphen is replaced by a character of the same length, so that all positions stay those of the text.

use std::borrow::Cow;

use granit_parser::{ErrorKind, ScanError};

/// How many hyphens are replaced: the text is parsed once more for each.
const AT_MOST: usize = 64;

/// What stands for a hyphen.
const STAND_IN: &str = "_";

/// A text, in which hyphens that the parser has rejected are replaced.
pub(super) struct Replaced<'t> {
    pub(super) text: Cow<'t, str>,
    /// The bytes of the hyphens.
    positions: Vec<usize>,
}

impl<'t> Replaced<'t> {
    pub(super) fn none(text: &'t str) -> Self {
        Self { text: Cow::Borrowed(text), positions: Vec::new() }
    }

    /// Replaces the hyphen that an error of the parser is about. `false` if it is about something else.
    pub(super) fn replace(&mut self, error: &ScanError) -> bool {
        let at = error.marker().byte_offset();
        let is_lone = |at: &usize| {
            let mut rest = self.text.bytes().skip(*at);
            rest.next() == Some(b'-') && matches!(rest.next(), Some(b',' | b']' | b'}'))
        };
        let is_about_hyphen = *error.kind() == ErrorKind::PlainScalarStartsWithDashFlowIndicator;
        match at.filter(is_lone) {
            Some(at) if is_about_hyphen && self.positions.len() < AT_MOST => {
                self.text.to_mut().replace_range(at..=at, STAND_IN);
                self.positions.push(at);
                true
            }
            _ => false,
        }
    }

    /// Whether a replaced hyphen begins at a byte.
    pub(super) fn is_at(&self, byte: usize) -> bool {
        self.positions.contains(&byte)
    }
}
