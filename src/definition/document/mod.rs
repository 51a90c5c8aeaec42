//! Documents: from the text of a file to nodes with places, the same for all formats of definitions.
//!
//! `edit` goes the other way: it changes single values in the text and leaves every other byte.
//!
//! Order, duplicate keys, merge keys, anchors, tags with their values and the text of numbers are kept. This part knows
//! YAML and JSON, and no key of any format.

mod deserialize;
pub(super) mod edit;
mod json;
mod locate;
mod node;
mod outline;
mod secret;
mod spans;
mod yaml;

use std::path::{Path, PathBuf};

pub(super) use locate::{Documents, Vocabulary};
pub(crate) use locate::{Listed, Located};
use node::Way;
pub(super) use node::{Entry, Node, Scalar, ScalarKind};

use crate::finding::{Code, Finding, Place};
use crate::fs::{self, FsError, TextError};
use crate::units;
use outline::Outline;

/// Far more than any definition needs, and little enough to be read whole. AWS accepts no larger templates
/// either (docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html).
const BYTES_AT_MOST: u64 = 1024 * 1024;

/// What some editors write at the beginning of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// One file of a definition.
#[derive(Debug)]
pub(super) struct Document {
    file: PathBuf,
    /// The file byte for byte, with a byte order mark if it has one.
    text: String,
    root: Node,
    outline: Outline,
}

/// Why a file is not a document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DocumentError {
    /// The path is a directory.
    #[error("`{}` is a directory without a definition", path.display())]
    IsDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The file could not be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The file is too large.
    #[error("`{}` is larger than {}, too large for a definition", file.display(), units::limit(*at_most))]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The limit in bytes.
        at_most: u64,
    },
    /// The file is not text in UTF-8.
    #[error("`{}` is not text in UTF-8", file.display())]
    NotUtf8 {
        /// The file.
        file: PathBuf,
    },
    /// The text is not one document.
    #[error("`{}` is not valid {language}: {}", file.display(), syntax.message)]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The language that it should be in.
        language: Language,
        /// What is wrong, and where.
        syntax: Syntax,
    },
}

/// Where a text stops being YAML or JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// Where, if that is known.
    pub position: Option<Position>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it, where that can be guessed.
    pub help: Option<String>,
}

impl Syntax {
    fn too_deep(at_most: usize) -> Self {
        Self {
            position: None,
            message: format!("values are nested more than {at_most} levels deep"),
            help: Some("reduce the nesting: no definition needs that many levels".to_owned()),
        }
    }

    /// The finding about it.
    pub(super) fn located(self, file: &Path, language: Language) -> Located {
        let Self { position, message, help } = self;
        let message = format!("the file is not valid {language}: {message}");
        let finding = Finding::error(Code::InvalidSyntax, Place::document(file), message);
        Located { finding, position, excerpt: None, help }
    }
}

/// A position in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in that line, counted in characters from 1.
    pub column: usize,
}

impl Position {
    /// The position of a byte of a text. A byte order mark has no column.
    fn of(text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let characters = before[start..].chars().filter(|next| *next != BYTE_ORDER_MARK);
        Self { line: before.matches('\n').count() + 1, column: characters.count() + 1 }
    }
}

/// The language of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// YAML 1.2.
    Yaml,
    /// JSON.
    Json,
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Yaml => "YAML",
            Self::Json => "JSON",
        })
    }
}

impl Language {
    /// JSON for a file that is named so, otherwise YAML.
    fn of(file: &Path) -> Self {
        let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        if is_json { Self::Json } else { Self::Yaml }
    }

    fn parse(self, text: &str) -> Result<(Node, Outline), Syntax> {
        match self {
            Self::Yaml => yaml::parse(text),
            Self::Json => json::parse(text),
        }
    }
}

impl Document {
    /// Reads a file of at most 1 MiB.
    pub(super) fn read(file: &Path) -> Result<Self, DocumentError> {
        Self::read_at_most(file, BYTES_AT_MOST)
    }

    /// Reads a file of at most so many bytes.
    pub(super) fn read_at_most(file: &Path, at_most: u64) -> Result<Self, DocumentError> {
        if fs::metadata(file)?.is_dir() {
            return Err(DocumentError::IsDirectory { path: file.to_owned() });
        }
        let text = fs::read_exact_text(file, at_most).map_err(|error| match error {
            TextError::Fs(error) => DocumentError::Fs(error),
            TextError::TooLarge { path: file, at_most } => DocumentError::TooLarge { file, at_most },
            TextError::NotUtf8 { path: file } => DocumentError::NotUtf8 { file },
        })?;
        Self::parse(file, text)
    }

    /// Reads the text of a file.
    pub(super) fn parse(file: &Path, text: String) -> Result<Self, DocumentError> {
        let (file, language) = (file.to_owned(), Language::of(file));
        match language.parse(&text) {
            Ok((root, outline)) => Ok(Self { file, text, root, outline }),
            Err(syntax) => Err(DocumentError::Syntax { file, language, syntax }),
        }
    }

    /// The file.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Its text, byte for byte.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Its value.
    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// Warnings about keys that are written twice. The last value of a key counts, as for the tools of other formats.
    pub(super) fn duplicate_keys(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.root.duplicate_keys(&mut Vec::new(), &mut |way, key| {
            let mapping = way.iter().fold(self.place(), |place, step| match step {
                Way::Key(key) => place.key(key),
                Way::Index(position) => place.index(*position),
            });
            let message = format!("duplicate key `{key}`: the last one counts");
            let warning = Finding::warning(Code::DuplicateKey, mapping.key(key).on_key(), message);
            findings.push(warning.help("remove the others"));
        });
        findings
    }

    /// The place of its value.
    pub(super) fn place(&self) -> Place {
        Place::document(&self.file)
    }
}

#[cfg(test)]
mod tests;
