//! How a command reads its definition: the options that concern it, from all groups of options.

use super::definition::DefinitionArguments;
use crate::pipeline::Pinning;
use crate::project::Architecture;

/// How a command reads its definition.
pub(in crate::cli) struct Reading<'a> {
    pub(in crate::cli) arguments: &'a DefinitionArguments,
    /// The architecture of all functions, if the command overrides it.
    pub(in crate::cli) architecture: Option<Architecture>,
    /// The functions that the command works on; all if there are none.
    pub(in crate::cli) functions: &'a [String],
    /// What happens to objects that are not pinned.
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "only objects in S3 are pinned"))]
    pub(in crate::cli) pinning: Pinning,
    /// The profile of the AWS CLI with the credentials, if the command names one.
    #[cfg(feature = "aws")]
    pub(in crate::cli) profile: Option<&'a str>,
}

impl<'a> Reading<'a> {
    /// The definition of all functions, for a command without other options.
    pub(in crate::cli) fn all(arguments: &'a DefinitionArguments, pinning: Pinning) -> Self {
        Self {
            arguments,
            architecture: None,
            functions: &[],
            pinning,
            #[cfg(feature = "aws")]
            profile: None,
        }
    }
}
