//! What is wrong with a text that is not YAML, in the words of the parser, and what to do about the usual slips.

use granit_parser::{ErrorKind, ScanError};

use crate::definition::document::{Position, Syntax};
use crate::text::NESTING_AT_MOST;

/// The position, message and help for an error of the parser.
pub(super) fn syntax(error: &ScanError, text: &str) -> Syntax {
    let marker = error.marker();
    let position = Position { line: marker.line(), column: marker.col() + 1 };
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return Syntax { position: Some(position), ..Syntax::too_deep(NESTING_AT_MOST) };
    }
    let line = text.lines().nth(position.line.saturating_sub(1)).unwrap_or_default();
    let help = help(error.kind(), line).map(str::to_owned);
    Syntax { position: Some(position), message: error.info(), help }
}

/// What to do about the usual slips.
fn help(kind: &ErrorKind, line: &str) -> Option<&'static str> {
    let indentation = &line[..line.len() - line.trim_start().len()];
    if indentation.contains('\t') {
        return Some("indent this line with spaces instead of a tab");
    }
    Some(match kind {
        ErrorKind::MappingValueNotAllowed | ErrorKind::BlockSequenceEntryNotAllowed => {
            "put a value that contains `: ` or begins with `- ` in quotes, and indent the keys of one mapping alike"
        }
        ErrorKind::UnexpectedCharacter { .. }
        | ErrorKind::UnknownAnchor
        | ErrorKind::MissingAnchorOrAliasName => {
            "put a value that begins with `@`, a backtick, `%`, `&` or `*` in quotes"
        }
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            "close the quotes; inside them, write `''` for a single quote and `\\\"` for a double quote"
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidUnicodeEscape => {
            "write `\\\\` for a backslash in double quotes, or use single quotes"
        }
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation
        | ErrorKind::InvalidSimpleKey
        | ErrorKind::InvalidColonPlacement => {
            "indent the keys of one mapping alike, and close quotes and brackets"
        }
        ErrorKind::SimpleKeyExpected => "write `: ` after a key, and indent further lines of a value",
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::MismatchedFlowCollectionEnd { .. }
        | ErrorKind::MisplacedFlowCollectionEnd
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator => {
            "close each bracket with its counterpart, and put commas between entries"
        }
        ErrorKind::UndeclaredTagHandle => "write tags with one `!` at their beginning, such as `!Ref`",
        _ => return None,
    })
}
