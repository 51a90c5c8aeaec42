//! `limg diff`.

use clap::Args;

use super::ARGUMENTS;
use super::common::architecture;
use crate::project::{Architecture, ImageLocation};

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Diff options",
    after_help = "\
Examples:
  limg build -o oci:new && limg diff oci:base oci:new
  limg diff 123456789012.dkr.ecr.eu-west-1.amazonaws.com/orders:1 docker-daemon:shop/orders:latest"
)]
pub(in crate::cli) struct DiffArguments {
    /// The first image: `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`, `docker-daemon:NAME` or a
    /// reference
    #[arg(help_heading = ARGUMENTS, value_name = "IMAGE")]
    pub(in crate::cli) before: ImageLocation,

    /// The second image
    #[arg(help_heading = ARGUMENTS, value_name = "IMAGE")]
    pub(in crate::cli) after: ImageLocation,

    /// Compare the images for this architecture
    #[arg(long, value_name = "ARCH", default_value = "x86_64", value_parser = architecture)]
    pub(in crate::cli) arch: Architecture,
}
