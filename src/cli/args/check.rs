//! `limg check`.

use clap::{Args, ValueEnum};

use super::ARGUMENTS;
use super::common::CommonBuildArguments;

/// What `--deny` treats as errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Denied {
    /// Warnings too
    Warnings,
}

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Check options",
    after_help = "\
Checking makes no layers and writes no image. The layers of base images, and of the image to check, are fetched into the \
store if they are in a registry.

Examples:
  limg check                                  # all functions of the definition
  limg check greet --deny warnings
  limg check docker-daemon:shop/orders:latest # an image that the Docker Engine has
  limg check --format sarif >limg.sarif"
)]
pub(in crate::cli) struct CheckArguments {
    /// Functions of the definition, or images: `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`,
    /// `docker-daemon:NAME` or a reference [default: all functions]
    ///
    /// A name with `:` or `/` is that of an image.
    #[arg(help_heading = ARGUMENTS, value_name = "FUNCTION|IMAGE")]
    pub(in crate::cli) targets: Vec<String>,

    /// What to treat as errors
    #[arg(long, value_name = "WHAT")]
    pub(in crate::cli) deny: Option<Denied>,

    #[command(flatten)]
    pub(in crate::cli) common: CommonBuildArguments,
}
