//! The `limg.yaml` that stands for a definition of another tool, and builds the same images.
//!
//! ```text
//! Project ──names, sources──> sections ──text──> limg.yaml ──verify──> the same Project
//! ```
//!
//! - `sections` decides what becomes of each function, layer and base, and what a comment has to say about it.
//! - `names` finds the names that `limg.yaml` accepts, and `paths` the paths from its folder.
//! - `sources` keeps the files of a source the same: what another definition leaves out by itself needs a pattern here.
//! - `text` writes `values` as YAML, and `yaml` scalars and comments.
//! - `verify` reads the result before anyone else does.
//!
//! It writes no files, and no value of a variable: a function's configuration stays where it is.

mod names;
mod paths;
mod sections;
mod sources;
#[cfg(test)]
mod tests;
mod text;
mod values;
mod verify;
mod yaml;

use std::path::{Path, PathBuf};

use self::paths::Folder;
use self::sections::{InlineCode, Sections};
use super::format::Format;
use super::loaded::Loaded;
use crate::failure::{self, Failure, FailureKind};
use crate::finding::Help;
use crate::runtime::Date;

/// A new definition and the files that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Migration {
    /// The `limg.yaml`.
    pub text: String,
    /// The code that was in the definition, one entry for each function that has some.
    pub code: Vec<MigratedCode>,
    /// The names of the functions that are only in a comment.
    pub left_out: Vec<String>,
}

/// Code that was in the definition of another tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MigratedCode {
    /// The function.
    pub function: String,
    /// The absolute path of its folder. Nothing else may be in it.
    pub folder: PathBuf,
    /// The names of its files, and their contents.
    pub files: Vec<(String, String)>,
}

/// Why there is no `limg.yaml` for a definition.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum MigrationError {
    /// It is limg's own already.
    #[error("`{}` is in the format of limg.yaml already", file.display())]
    AlreadyLimgYaml {
        /// The definition.
        file: PathBuf,
    },
    /// A text file cannot contain a path.
    #[error("the path `{}` is not UTF-8, so that limg.yaml cannot contain it", path.display())]
    NotUtf8 {
        /// The path.
        path: PathBuf,
    },
    /// The result would not be the same project.
    #[error("internal error: the limg.yaml would differ from the definition: {what}")]
    Differs {
        /// What differs.
        what: String,
    },
}

impl Failure for MigrationError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::AlreadyLimgYaml { .. } => FailureKind::User,
            Self::NotUtf8 { .. } => FailureKind::Environment,
            Self::Differs { .. } => FailureKind::Work,
        }
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::AlreadyLimgYaml { .. } => {
                Some("use `-f FILE` to name the definition of another tool".into())
            }
            Self::NotUtf8 { .. } => Some("rename it".into()),
            Self::Differs { .. } => failure::report_bug(),
        }
    }
}

impl Loaded {
    /// The `limg.yaml` that stands for this definition, in which each function has an image of its own. `output` is its absolute
    /// path; `shares_images` is whether comments name the functions that shared an image before.
    ///
    /// # Errors
    /// When the definition is a `limg.yaml` already, or names a path that is not UTF-8.
    pub(crate) fn migrate(
        &self,
        output: &Path,
        shares_images: bool,
        today: Date,
    ) -> Result<Migration, MigrationError> {
        if self.format == Format::LimgYaml {
            return Err(MigrationError::AlreadyLimgYaml { file: self.file.clone() });
        }
        let folder = Folder::of(output);
        let sections = Sections::of(self, &folder, output, shares_images)?;
        verify::verify(&sections, &self.project, output, today)?;
        Ok(Migration {
            text: text::write(&sections),
            left_out: self.unbuildable.iter().map(|function| function.name.clone()).collect(),
            code: sections
                .inline
                .into_iter()
                .map(|InlineCode { function, folder, files }| MigratedCode {
                    function,
                    folder,
                    files: files.into_iter().map(|file| (file.name, file.content)).collect(),
                })
                .collect(),
        })
    }
}
