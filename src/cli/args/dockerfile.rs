//! `limg dockerfile`.

use std::path::PathBuf;

use clap::Args;

use super::ARGUMENTS;
use super::common::CommonBuildArguments;

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Output options",
    after_help = "\
The folder gets a Dockerfile and the unpacked layers that it copies. `docker build` makes an image with the same files and the \
same config of it, without limg. A base that is not in a registry must be in Docker, and is named with \
`--build-arg BASE=NAME`.

Examples:
  limg dockerfile greet -o greet-context"
)]
pub(in crate::cli) struct DockerfileArguments {
    /// The function [default: the only one]
    #[arg(help_heading = ARGUMENTS, value_name = "FUNCTION")]
    pub(in crate::cli) function: Option<String>,

    /// The folder to write, which must be new or empty
    #[arg(short, long, value_name = "DIR")]
    pub(in crate::cli) output: PathBuf,

    #[command(flatten)]
    pub(in crate::cli) common: CommonBuildArguments,
}
