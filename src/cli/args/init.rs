//! `limg init`.

use std::path::PathBuf;

use clap::Args;

use super::ARGUMENTS;

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Project options",
    after_help = "\
Examples:
  limg init
  limg init shop --runtime nodejs
  limg init api --runtime python3.13 --base oci:bases/python3.13"
)]
pub(in crate::cli) struct InitArguments {
    /// The folder; limg creates it if it does not exist
    #[arg(help_heading = ARGUMENTS, value_name = "DIR", default_value = ".")]
    pub(in crate::cli) directory: PathBuf,

    /// The function's runtime, or its language for the newest runtime: python, nodejs, java, dotnet, ruby or
    /// provided [default: python]
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) runtime: Option<String>,

    /// The base image, for example oci:bases/python3.12 [default: AWS's own]
    #[arg(long, value_name = "IMAGE")]
    pub(in crate::cli) base: Option<String>,
}
