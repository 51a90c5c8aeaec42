//! `limg man`.

use std::path::PathBuf;

use clap::Args;

use super::ARGUMENTS;

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Output options",
    after_help = "\
Examples:
  limg man | man -l -
  limg man push ecr > limg-push-ecr.1
  limg man -o /usr/local/share/man/man1"
)]
pub(in crate::cli) struct ManArguments {
    /// The command, for example `push ecr` [default: limg itself]
    #[arg(help_heading = ARGUMENTS, value_name = "COMMAND", conflicts_with = "output")]
    pub(in crate::cli) command: Vec<String>,

    /// Write the pages of limg and all its commands to this folder; limg creates it if it does not exist
    #[arg(short, long, value_name = "DIR")]
    pub(in crate::cli) output: Option<PathBuf>,
}
