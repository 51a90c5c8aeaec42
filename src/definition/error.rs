//! Why there is no project.

use std::path::PathBuf;

use super::foreign::Foreign;
use super::{DocumentError, Listed};
use crate::failure::{Failure, FailureKind, kind_of_input};
use crate::finding::{Code, Finding, Help};
use crate::fs::FsError;
use crate::text::count;

/// Why there is no project.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DefinitionError {
    /// There is no definition in a folder or above it.
    #[error("found no limg.yaml, template.yaml, cdk.out or serverless.yml in `{}` or any folder above it", start.display())]
    NotFound {
        /// The folder.
        start: PathBuf,
    },
    /// The file belongs to another tool.
    #[error("`{}` is {}, not a definition", file.display(), foreign.what)]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What it is.
        foreign: Foreign,
    },
    /// Only templates can have images in place of zip functions.
    #[error("`{}` is not a SAM or CloudFormation template", file.display())]
    NotATemplate {
        /// The file.
        file: PathBuf,
        /// A template that it lists, as one names it in the folder of the project.
        template: Option<PathBuf>,
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
            | Self::Foreign { .. }
            | Self::NotATemplate { .. }
            | Self::Document(_)
            | Self::Findings { .. } => FailureKind::User,
        }
    }

    fn help(&self) -> Option<Help> {
        Some(match self {
            Self::NotFound { .. } => {
                "run `limg init` to create a limg.yaml, or use `-f FILE` to name a definition elsewhere"
                    .into()
            }
            Self::Foreign { foreign, .. } => foreign.help.into(),
            Self::NotATemplate { template: Some(template), .. } => {
                format!("name that of one stack: `-f {}`", template.display()).into()
            }
            Self::NotATemplate { .. } => "name a template with `-f FILE`".into(),
            Self::Document(DocumentError::IsDirectory { .. }) => {
                "name a folder with a limg.yaml, template.yaml, cdk.out or serverless.yml, or the file itself"
                    .into()
            }
            Self::Document(DocumentError::TooLarge { .. }) => "name a limg.yaml".into(),
            Self::Document(DocumentError::NotUtf8 { .. }) => "save it as UTF-8".into(),
            Self::Fs(error) | Self::Document(DocumentError::Fs(error)) => {
                let is_missing = kind_of_input(error) == FailureKind::User;
                let help = "name the definition with `-f FILE`, or omit `-f` to use the nearest one";
                is_missing.then_some(help)?.into()
            }
            Self::Document(DocumentError::Syntax { .. }) | Self::Findings { .. } => return None,
        })
    }
}
