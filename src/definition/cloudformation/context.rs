//! What the functions and layers of a template are read with, in addition to the template itself.

use super::assets::Assets;
use super::build_results::BuildResults;
use super::intrinsics::Expression;
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
    /// The command of the project's tool, which builds everything, as one would type it in a shell. The AWS SAM CLI does not
    /// expand loops by itself (AWS SAM CLI, `--language-extensions`).
    pub(super) fn build_command(&self, resource: &Expression<'_>) -> String {
        if self.assets.assembly.is_some() {
            return "cdk synth".to_owned();
        }
        let option = if resource.loops() > 0 { " --language-extensions" } else { "" };
        format!("{}{option}", self.results.command())
    }
}
