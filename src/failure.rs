//! How a failure is classified: who has to act, and what to do about it.
//!
//! Every error type that can end a command implements [`Failure`]; the command line turns the kind into an exit code.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

use crate::finding::Help;

/// Who has to act on a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The user: the command line, the definition, or a file or image that it names is wrong.
    User,
    /// The administrator of the machine or of a service: the network, a registry, an engine or the operating system failed.
    Environment,
    /// No one in particular: the input and the environment are fine, and the work itself failed.
    Work,
}

/// An error that knows who has to act on it.
pub trait Failure: Error {
    /// Who has to act.
    fn kind(&self) -> FailureKind;

    /// What to do about it, if that is known.
    fn help(&self) -> Option<Help>;
}

/// A failure of any type, for rooms that do not know the one in which it happened.
#[derive(Debug)]
pub struct AnyFailure(Box<dyn Failure + Send + Sync>);

impl AnyFailure {
    /// Hides the type of a failure.
    pub fn new(failure: impl Failure + Send + Sync + 'static) -> Self {
        Self(Box::new(failure))
    }
}

impl fmt::Display for AnyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for AnyFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl Failure for AnyFailure {
    fn kind(&self) -> FailureKind {
        self.0.kind()
    }

    fn help(&self) -> Option<Help> {
        self.0.help()
    }
}

/// The help for an error that only a bug in limg can cause.
#[must_use]
pub fn report_bug() -> Option<Help> {
    Some("this is a bug in limg; please report it".into())
}

/// What the operating system refused, if that is the root cause of an error. Data in the wrong form does not count: limg
/// or a library rejects that.
#[must_use]
pub fn refused_by_system(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    let by_system = |error: &&io::Error| {
        let of_content = [
            ErrorKind::InvalidData,
            ErrorKind::InvalidInput,
            ErrorKind::UnexpectedEof,
            ErrorKind::FileTooLarge,
            ErrorKind::Other,
        ];
        error.raw_os_error().is_some() || !of_content.contains(&error.kind())
    };
    error
        .downcast_ref::<io::Error>()
        .filter(by_system)
        .map(io::Error::kind)
        .or_else(|| refused_by_system(error.source()?))
}

/// Who has to act on an error about a file that the user named: the user if the file is missing or has the wrong content,
/// otherwise the environment.
#[must_use]
pub fn kind_of_input(error: &(dyn Error + 'static)) -> FailureKind {
    match refused_by_system(error) {
        None | Some(ErrorKind::NotFound | ErrorKind::NotADirectory) => FailureKind::User,
        Some(_) => FailureKind::Environment,
    }
}

/// Who has to act on an error about a file of limg's own: the environment if the operating system refused something.
#[must_use]
pub fn kind_of_work(error: &(dyn Error + 'static)) -> FailureKind {
    match refused_by_system(error) {
        None => FailureKind::Work,
        Some(_) => FailureKind::Environment,
    }
}

/// The help of a failure as text, without changes of the definition; empty if there is none.
#[cfg(test)]
pub fn help_text(failure: &dyn Failure) -> String {
    failure.help().and_then(|help| help.render(|_| None)).unwrap_or_default()
}
