//! `limg fix`.

use clap::Args;

use super::ARGUMENTS;
use super::common::architecture;
use crate::project::Architecture;

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Output options",
    after_help = "\
Nothing of the image is run. limg takes one image out of an index, compresses layers with gzip, makes media types consistent, \
adds missing parent folders, opens files and folders to all users, replaces hard links by copies, removes devices, and \
corrects the modes and line endings of what Lambda starts. Layers that need nothing keep their digests; so does the image if \
it needs nothing.

The exit code is that of `limg check` on the result: what is left must be corrected where the image is built.

Destinations:
  oci:DIR[:NAME]              an OCI image layout
  oci-archive:FILE[:NAME]     an OCI image layout in a tar archive
  docker-archive:FILE[:NAME]  an archive for `docker load`
  docker-daemon:[NAME]        the Docker Engine

Examples:
  limg fix docker-daemon:shop/orders:latest -o docker-daemon:shop/orders:fixed
  limg fix oci:base -o oci-archive:fixed.tar:orders
  limg fix 123456789012.dkr.ecr.eu-west-1.amazonaws.com/orders:1 -o oci:fixed"
)]
pub(in crate::cli) struct FixArguments {
    /// The image: `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`, `docker-daemon:NAME` or a reference
    #[arg(help_heading = ARGUMENTS, value_name = "IMAGE")]
    pub(in crate::cli) image: String,

    /// Where to write the result, with the name of the image unless it names another
    #[arg(short, long, value_name = "DEST")]
    pub(in crate::cli) output: String,

    /// Fix the image for this architecture [default: `x86_64` if there is one]
    #[arg(long, value_name = "ARCH", value_parser = architecture)]
    pub(in crate::cli) arch: Option<Architecture>,
}
