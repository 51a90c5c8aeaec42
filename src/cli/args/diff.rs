//! `limg diff`.

use clap::Args;

use super::ARGUMENTS;
use super::common::CommonBuildArguments;

#[derive(Debug, Args)]
#[command(after_help = "\
One argument is a function: its image is built in the store, and compared with the one that was pushed last from this folder, \
which is fetched if the store lacks it. Two arguments are images for `--arch`, or for x86_64.

Examples:
  limg diff greet    # what the next push would change
  limg build -o oci:new && limg diff oci:base oci:new
  limg diff 123456789012.dkr.ecr.eu-west-1.amazonaws.com/orders:1 docker-daemon:shop/orders:latest")]
pub(in crate::cli) struct DiffArguments {
    /// A function of the definition, or the first image: `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`,
    /// `docker-archive:FILE[:NAME]`, `docker-daemon:NAME` or a reference
    #[arg(help_heading = ARGUMENTS, value_name = "FUNCTION|IMAGE")]
    pub(in crate::cli) before: String,

    /// The second image
    #[arg(help_heading = ARGUMENTS, value_name = "IMAGE")]
    pub(in crate::cli) after: Option<String>,

    #[command(flatten)]
    pub(in crate::cli) common: CommonBuildArguments,
}
