//! From the files of a definition to a [`Project`], or to everything that is wrong with it at once, each with its line.
//!
//! ```text
//! text ──document──> nodes with places ──limg_yaml──> Project
//! ```
//!
//! - `document` reads files into nodes and finds the line of a finding when it is shown. It knows no format.
//! - `limg_yaml` knows one format: its keys, their meaning, and its words. Another format is another folder next to it that
//!   yields the same [`Project`].
//! - `cloudformation` evaluates the intrinsic functions of CloudFormation templates.
//! - `serverless` reads services of the Serverless Framework.
//!
//! This room reads the definition and looks at the paths in it. It takes no clock, no environment and no network, and
//! prints nothing.

#[cfg_attr(not(test), expect(dead_code, reason = "no format reads templates yet"))]
mod cloudformation;
mod document;
mod fields;
mod foreign;
mod limg_yaml;
#[cfg_attr(not(test), expect(dead_code, reason = "nothing reads services yet"))]
mod serverless;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use self::document::{DocumentError, Listed, Located, Position};
pub(crate) use self::fields::environment::{VariableError, check_variable};
pub(crate) use self::limg_yaml::{Starter, starter};
use crate::failure::{Failure, FailureKind, kind_of_input};
use crate::finding::{Code, Finding, Help, Place, Setting, Step};
use crate::fs::{self, FsError};
use crate::project::{Function, Project};
use crate::runtime::Date;
use crate::text::count;
use document::{Document, Documents, Vocabulary};
use foreign::Foreign;

/// The names of a definition, in the order in which they are looked for.
pub(crate) const NAMES: &[&str] = &["limg.yaml", "limg.yml"];
/// The names of other AWS tools' templates, which explain why someone expected limg to find a definition.
const TEMPLATE_NAMES: &[&str] =
    &["template.yaml", "template.yml", "serverless.yml", "serverless.yaml", "serverless.json", "cdk.json"];

/// A definition that has been read and found valid.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What it describes.
    pub project: Project,
    /// Warnings.
    pub warnings: Listed,
    /// The same as they were found.
    findings: Vec<Finding>,
    /// The absolute path of the definition.
    pub file: PathBuf,
    /// What it was read from.
    pub sources: Arc<Sources>,
}

impl Loaded {
    /// The same for a command whose option overrides the architecture of all functions: help then names the option.
    #[must_use]
    pub(crate) fn with_architecture_option(mut self) -> Self {
        if let Some(sources) = Arc::get_mut(&mut self.sources) {
            sources.words = &limg_yaml::VOCABULARY_UNDER_OPTION;
        }
        self
    }

    /// The warnings that concern these functions: not those of other functions, or of bases, layers and extensions that
    /// only others use.
    #[must_use]
    pub(crate) fn warnings_about(&self, functions: &[Function]) -> Listed {
        let entry = |place: &Place| self.sources.entry(place).map(<[Step]>::to_vec);
        let used: BTreeSet<_> = functions.iter().flat_map(Function::places).filter_map(entry).collect();
        let concerns = |finding: &&Finding| entry(&finding.place).is_none_or(|entry| used.contains(&entry));
        self.sources.locate(&self.findings.iter().filter(concerns).cloned().collect::<Vec<_>>())
    }
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

    /// The named entry that a place is in, such as a layer, which only the functions that name it use.
    fn entry<'p>(&self, place: &'p Place) -> Option<&'p [Step]> {
        let entry = place.path().steps().get(..2)?;
        matches!(&entry[0], Step::Key(section) if self.words.sections.contains(&section.as_str()))
            .then_some(entry)
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
    #[error("found no limg.yaml, only `{}`, which limg cannot read yet", template.display())]
    OnlyTemplate {
        /// The template.
        template: PathBuf,
    },
    /// The file belongs to another tool.
    #[error("`{}` is {}, not a limg.yaml", file.display(), foreign.what)]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What it is.
        foreign: Foreign,
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
            Self::NotFound { .. }
            | Self::OnlyTemplate { .. }
            | Self::Foreign { .. }
            | Self::Document(_)
            | Self::Findings { .. } => FailureKind::User,
        }
    }

    fn help(&self) -> Option<Help> {
        Some(match self {
            Self::NotFound { .. } => {
                "run `limg init` to create one, or use `-f FILE` to name one elsewhere".into()
            }
            Self::OnlyTemplate { .. } => "run `limg init` to create a limg.yaml".into(),
            Self::Foreign { foreign, .. } => foreign.help.into(),
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

/// Reads the definition in `file`. The day decides which runtimes help suggests.
///
/// # Errors
/// When it cannot be read, is not valid YAML, or has any error.
pub(crate) fn load(file: &Path, today: Date) -> Result<Loaded, DefinitionError> {
    let file = std::path::absolute(file).map_err(FsError::because("find", file))?;
    let document = match Document::read(&file) {
        Ok(document) => document,
        Err(error @ (DocumentError::Fs(_) | DocumentError::IsDirectory { .. })) => return Err(error.into()),
        Err(error) => return Err(not_a_document(file, error)),
    };
    let limg_yaml::Outcome { project, findings } = limg_yaml::read(&document, today);
    if let (None, Some(foreign)) = (&project, foreign::recognise(&file, Some(document.root()))) {
        return Err(DefinitionError::Foreign { file, foreign });
    }
    let sources = Sources { documents: Documents(vec![document]), words: &limg_yaml::VOCABULARY };
    let located = sources.locate(&findings);
    match project {
        Some(project) => {
            Ok(Loaded { project, warnings: located, findings, file, sources: Arc::new(sources) })
        }
        None => Err(DefinitionError::Findings { file, findings: located }),
    }
}

/// The error about a file that cannot be parsed.
fn not_a_document(file: PathBuf, error: DocumentError) -> DefinitionError {
    match (foreign::recognise(&file, None), error) {
        (Some(foreign), _) => DefinitionError::Foreign { file, foreign },
        (None, DocumentError::Syntax { language, syntax, .. }) => {
            let findings = Listed { shown: vec![syntax.located(&file, language)], ..Listed::default() };
            DefinitionError::Findings { findings, file }
        }
        (None, error) => error.into(),
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
