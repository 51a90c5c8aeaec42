//! What the functions and layers of a template are read with, in addition to the template itself.

use super::assets::Assets;
use super::build_results::BuildResults;
use super::names::Names;
use crate::definition::Options;

/// What functions and layers are read with.
pub(super) struct Context<'a> {
    /// What the AWS SAM CLI has built.
    pub(super) results: &'a BuildResults,
    /// Where CDK has put their files.
    pub(super) assets: &'a Assets,
    /// What they are called.
    pub(super) names: &'a Names,
    /// What the command adds.
    pub(super) options: &'a Options,
}

impl Context<'_> {
    /// The command of the project's tool, which builds everything, as one would type it in a shell.
    pub(super) fn build_command(&self) -> &str {
        if self.assets.assembly.is_some() { "cdk synth" } else { self.results.command() }
    }
}
