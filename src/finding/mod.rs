//! What is wrong with, or worth knowing about, what a user wrote: a [`Finding`].
//!
//! Every stage reports findings, none prints them. This room knows no format of definitions: a [`Place`] names keys, and
//! [`Help`] names settings by their meaning.

mod allowance;
mod code;
mod help;
mod place;
mod remote_value;

pub use allowance::{Allowance, is_allowed};
pub use code::Code;
pub use help::{Help, Setting};
pub use place::{DocumentPath, Place, Step};
pub use remote_value::{RemoteValue, S3Object, S3UrlError, StoredParameter};

/// How many findings of a definition are shown. A hostile or generated one can have tens of thousands.
pub(crate) const SHOWN_AT_MOST: usize = 50;

/// One thing that is wrong with, or worth knowing about, a definition or what it names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    /// Its kind.
    pub code: Code,
    /// Whether it stops the work.
    pub severity: Severity,
    /// Where the user wrote what it is about.
    pub place: Place,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// The paths in the image that it is about. None if it is not about files, or about too many to tell.
    pub paths: Vec<String>,
    /// What to do about it.
    pub help: Option<Help>,
    /// What settles it if it is fetched from AWS.
    pub remote: Option<RemoteValue>,
}

/// Whether a finding stops the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The image cannot be built, or would not work in Lambda.
    Error,
    /// The image can be built.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl Finding {
    /// An error without help.
    pub fn error(code: Code, place: Place, message: impl Into<String>) -> Self {
        let (message, paths) = (message.into(), Vec::new());
        Self { code, severity: Severity::Error, place, message, paths, help: None, remote: None }
    }

    /// A warning without help.
    pub fn warning(code: Code, place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, message) }
    }

    /// Adds the paths in the image that it is about.
    #[must_use]
    pub fn about<T: ToString>(mut self, paths: impl IntoIterator<Item = T>) -> Self {
        self.paths.extend(paths.into_iter().map(|path| path.to_string()));
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<Help>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what to do about it, if that is known.
    #[must_use]
    pub fn optional_help(mut self, help: Option<Help>) -> Self {
        self.help = help;
        self
    }

    /// Adds what settles it if it is fetched from AWS.
    #[must_use]
    pub fn settled_by(mut self, remote: Option<RemoteValue>) -> Self {
        self.remote = remote;
        self
    }

    /// Whether it stops the work.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
