//! What can go wrong with `limg explain`.

use crate::failure::FailureKind;
use crate::units::limit;

/// Why a text is not explained. The text itself is not shown: it may contain secrets.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExplainError {
    #[error("`limg explain` requires a code or a text")]
    NoText,
    #[error("limg knows no finding or error in this text")]
    Unknown { meant: Option<&'static str> },
    #[error("the text has more than {}", limit(*at_most))]
    TooLong { at_most: u64 },
}

impl ExplainError {
    pub(super) fn kind(&self) -> FailureKind {
        match self {
            Self::Unknown { .. } => FailureKind::Work,
            Self::NoText | Self::TooLong { .. } => FailureKind::User,
        }
    }

    pub(super) fn help(&self) -> String {
        match self {
            Self::NoText => {
                "pass the code of a finding or the text of an error, or pipe a log to the command".to_owned()
            }
            Self::Unknown { meant: Some(meant) } => format!("did you mean `{meant}`?"),
            Self::Unknown { meant: None } => {
                "pass the whole message with the lines around it, or run `limg invoke` to see the error here"
                    .to_owned()
            }
            Self::TooLong { .. } => "pass only the lines around the error".to_owned(),
        }
    }
}
