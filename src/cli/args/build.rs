//! `limg build`.

use clap::Args;

use super::ARGUMENTS;
use super::common::{CacheFromArguments, CommonBuildArguments, RuleArguments, ShardArguments};

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Output options",
    after_help = "\
Destinations:
  oci:DIR[:NAME]              an OCI image layout [default: oci:.limg/images next to the definition]
  oci-archive:FILE[:NAME]     an OCI image layout in a tar archive
  docker-archive:FILE[:NAME]  an archive for `docker load`
  docker-daemon:[NAME]        the Docker Engine; only layers that it lacks are uploaded

All timestamps in images are SOURCE_DATE_EPOCH, or 1980-01-01. The store of layers is LIMG_STORE, or limg in the \
user's cache folder.

Examples:
  limg build                                    # all functions, into .limg/images
  limg build greet -o docker-archive:greet.tar  # one function, for `docker load`
  limg build --arch arm64 --tag v1 -o oci:out
  skopeo inspect $(limg build -q --format refs greet)"
)]
pub(in crate::cli) struct BuildArguments {
    /// The functions to build [default: all]
    #[arg(help_heading = ARGUMENTS, value_name = "FUNCTION")]
    pub(in crate::cli) functions: Vec<String>,

    #[command(flatten)]
    pub(in crate::cli) shard: ShardArguments,

    /// Where to write the images; repeatable
    #[arg(short, long = "output", value_name = "DEST")]
    pub(in crate::cli) outputs: Vec<String>,

    /// The tag of the images at the destination
    #[arg(long, value_name = "TAG")]
    pub(in crate::cli) tag: Option<String>,

    #[command(flatten)]
    pub(in crate::cli) cache: CacheFromArguments,

    #[command(flatten)]
    pub(in crate::cli) rules: RuleArguments,

    #[command(flatten)]
    pub(in crate::cli) common: CommonBuildArguments,
}
