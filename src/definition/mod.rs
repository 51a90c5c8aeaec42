//! From the files of a definition to a [`Project`], or to everything that is wrong with it at once, each with its line.
//!
//! ```text
//! text ──document──> nodes with places ──limg_yaml──> Project
//! ```
//!
//! - `document` reads files into nodes and finds the line of a finding when it is shown. It knows no format.
//! - `limg_yaml` knows one format: its keys, their meaning, and its words. Another format is another folder next to it that
//!   yields the same [`Project`].
//!
//! This room reads the definition and looks at the paths in it. It takes no clock, no environment and no network, prints
//! nothing, and knows runtimes only as ids that its caller passes in.

mod document;
mod limg_yaml;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use self::document::{DocumentError, Listed, Located, Position};
pub(crate) use self::limg_yaml::{VariableError, check_variable, starter};
use crate::failure::{Failure, FailureKind, kind_of_input};
use crate::finding::{Code, Finding, Help, Setting};
use crate::fs::{self, FsError};
use crate::project::Project;
use crate::text::count;
use document::{Document, Documents, Vocabulary};

/// The names of a definition, in the order in which they are looked for.
const NAMES: &[&str] = &["limg.yaml", "limg.yml"];
/// The names of other AWS tools' templates, which explain why someone expected limg to find a definition.
const TEMPLATE_NAMES: &[&str] = &["template.yaml", "template.yml"];

/// A definition that has been read and found valid.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What it describes.
    pub project: Project,
    /// Warnings.
    pub warnings: Listed,
    /// The absolute path of the definition.
    pub file: PathBuf,
    /// What it was read from.
    pub sources: Arc<Sources>,
}

/// The documents that a definition was read from and the words of their format: what it takes to show a finding.
#[derive(Debug)]
pub(crate) struct Sources {
    documents: Documents,
    words: &'static Vocabulary,
}

impl Sources {
    /// Finds the lines of findings, and words their help in the definition's format. Equal findings become one.
    #[must_use]
    pub(crate) fn locate(&self, findings: &[Finding]) -> Listed {
        self.documents.locate(findings, self.words)
    }

    /// How the definition's format spells a setting that help asks for.
    #[must_use]
    pub(crate) fn words(&self, setting: Setting) -> Option<String> {
        (self.words.setting)(setting)
    }
}

/// Why there is no project.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DefinitionError {
    /// There is no definition in a folder or above it.
    #[error("found no limg.yaml in `{}` or any folder above it", start.display())]
    NotFound {
        /// The folder.
        start: PathBuf,
    },
    /// There is a template of another tool, and no definition.
    #[error("found no limg.yaml, only the template `{}`, which limg cannot read yet", template.display())]
    OnlyTemplate {
        /// The template.
        template: PathBuf,
    },
    /// A path could not be made absolute.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The file is not a document.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The definition can be read, but is not valid.
    #[error("`{}` has {}", file.display(), count(findings.errors(), "error"))]
    Findings {
        /// The file.
        file: PathBuf,
        /// Errors and warnings. There are no warnings when the keys themselves are wrong.
        findings: Listed,
    },
}

/// Whether a finding is about something that limg must not read, or only a warning.
fn is_denied(finding: &Finding) -> bool {
    finding.code == Code::UnreadablePath || !finding.is_error()
}

impl Failure for DefinitionError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Fs(error) | Self::Document(DocumentError::Fs(error)) => kind_of_input(error),
            // The definition is right if all that is wrong is that limg must not read something.
            Self::Findings { findings, .. }
                if findings.more_errors == 0 && findings.shown.iter().all(|it| is_denied(&it.finding)) =>
            {
                FailureKind::Environment
            }
            Self::NotFound { .. } | Self::OnlyTemplate { .. } | Self::Document(_) | Self::Findings { .. } => {
                FailureKind::User
            }
        }
    }

    fn help(&self) -> Option<Help> {
        Some(match self {
            Self::NotFound { .. } => {
                "run `limg init` to create one, or use `-f FILE` to name one elsewhere".into()
            }
            Self::OnlyTemplate { .. } => "run `limg init` to create a limg.yaml".into(),
            Self::Document(DocumentError::IsDirectory { path }) => {
                format!("name the file: `{}`", path.join(NAMES[0]).display()).into()
            }
            Self::Document(DocumentError::TooLarge { .. }) => "name a limg.yaml".into(),
            Self::Document(DocumentError::NotUtf8 { .. }) => "save it as UTF-8".into(),
            Self::Fs(error) | Self::Document(DocumentError::Fs(error)) => {
                let is_missing = kind_of_input(error) == FailureKind::User;
                let help = "name the definition with `-f FILE`, or omit `-f` to use the nearest limg.yaml";
                is_missing.then_some(help)?.into()
            }
            Self::Document(DocumentError::Syntax { .. }) | Self::Findings { .. } => return None,
        })
    }
}

/// The definition that governs the folder `start`: `limg.yaml` or `limg.yml` in it, or in the nearest folder above.
///
/// # Errors
/// When there is none. A template of another AWS tool on the way is then named.
pub(crate) fn find(start: &Path) -> Result<PathBuf, DefinitionError> {
    let start = std::path::absolute(start).map_err(FsError::because("find", start))?;
    let first_of = |names: &[&str]| {
        let candidates = start.ancestors().flat_map(|folder| names.iter().map(move |name| folder.join(name)));
        // A directory or a dangling link counts too: reading it then reports what is wrong.
        candidates.into_iter().find(|candidate| fs::symlink_metadata(candidate).is_ok())
    };
    first_of(NAMES).ok_or_else(|| match first_of(TEMPLATE_NAMES) {
        Some(template) => DefinitionError::OnlyTemplate { template },
        None => DefinitionError::NotFound { start: start.clone() },
    })
}

/// Reads the definition in `file`; `runtimes` are the ids of all runtimes that have a contract.
///
/// # Errors
/// When it cannot be read, is not valid YAML, or has any error.
pub(crate) fn load(file: &Path, runtimes: &[&str]) -> Result<Loaded, DefinitionError> {
    let file = std::path::absolute(file).map_err(FsError::because("find", file))?;
    let document = match Document::read(&file) {
        Err(DocumentError::Syntax { language, syntax, .. }) => {
            let findings = Listed { shown: vec![syntax.located(&file, language)], ..Listed::default() };
            return Err(DefinitionError::Findings { findings, file });
        }
        read => read?,
    };
    let limg_yaml::Outcome { project, findings } = limg_yaml::read(&document, runtimes);
    let sources = Sources { documents: Documents(vec![document]), words: &limg_yaml::VOCABULARY };
    let findings = sources.locate(&findings);
    match project {
        Some(project) => Ok(Loaded { project, warnings: findings, file, sources: Arc::new(sources) }),
        None => Err(DefinitionError::Findings { file, findings }),
    }
}

/// How `limg.yaml` spells a setting that help asks for, where no definition has been read.
#[must_use]
pub(crate) fn words(setting: Setting) -> Option<String> {
    (limg_yaml::VOCABULARY.setting)(setting)
}

/// The JSON Schema of `limg.yaml`, for editors.
#[must_use]
pub(crate) fn schema() -> serde_json::Value {
    limg_yaml::schema()
}

#[cfg(test)]
mod tests;
