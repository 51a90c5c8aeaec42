//! `limg functions`.

use clap::Args;

use super::definition::DefinitionArguments;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  limg functions
  limg functions --format json")]
pub(in crate::cli) struct FunctionsArguments {
    #[command(flatten)]
    pub(in crate::cli) definition: DefinitionArguments,
}
