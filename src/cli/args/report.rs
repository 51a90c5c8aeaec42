//! `limg report`.

use std::path::PathBuf;

use clap::Args;

use super::ARGUMENTS;
use super::common::CommonBuildArguments;

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Output options",
    after_help = "\
The page shows how large each image is and why: a treemap of its layers, packages and folders, its largest packages, overwritten \
and duplicate files, the findings of `limg check`, and what Lambda starts. It needs no network and no scripts, and is the same for \
the same images. Images of functions are built first. Values that look like secrets are not shown.

Examples:
  limg report -o report.html                          # all functions of the definition
  limg report orders docker-daemon:shop/mail:latest -o report.html
  limg report orders -o - | gzip >report.html.gz"
)]
pub(in crate::cli) struct ReportArguments {
    /// Functions of the definition, or images: `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`,
    /// `docker-daemon:NAME` or a reference [default: all functions]
    ///
    /// A name with `:` or `/` is that of an image.
    #[arg(help_heading = ARGUMENTS, value_name = "FUNCTION|IMAGE")]
    pub(in crate::cli) targets: Vec<String>,

    /// The page to write, or `-` for standard output; a page that exists is replaced
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: PathBuf,

    #[command(flatten)]
    pub(in crate::cli) common: CommonBuildArguments,
}
