//! `limg update`.

use clap::Args;

use super::ARGUMENTS;
use super::definition::DefinitionArguments;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  limg update              # all bases and layers
  limg update python3.12   # one base")]
pub(in crate::cli) struct UpdateArguments {
    /// Names of bases and layers, or references as in the definition [default: all]
    #[arg(help_heading = ARGUMENTS, value_name = "NAME")]
    pub(in crate::cli) names: Vec<String>,

    #[command(flatten)]
    pub(in crate::cli) definition: DefinitionArguments,
}
