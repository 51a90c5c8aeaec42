//! `limg inspect`.

use clap::Args;

use super::ARGUMENTS;
use super::common::CommonBuildArguments;
use crate::inspect::View;
use crate::project::ImagePath;

#[derive(Debug, Args)]
#[command(after_help = "\
Without an option, the command shows how the image starts, and its layers: what made them, their sizes, and how many files \
they have.

Examples:
  limg inspect greet                        # the image of a function, which is built first
  limg inspect oci:base --files
  limg inspect greet --largest 10 --format json
  limg inspect greet --path /var/task/app.py
  limg inspect oci:base --config
  limg inspect greet --mtree > greet.mtree  # for `bsdtar` and `mtree`")]
pub(in crate::cli) struct InspectArguments {
    /// A function of the definition, or an image: `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`,
    /// `docker-daemon:NAME` or a reference [default: the only function]
    ///
    /// A name without `:`, `/` and `@` is that of a function if there is a definition, and otherwise that of an image on Docker
    /// Hub, which `NAME:latest` always is.
    #[arg(help_heading = ARGUMENTS, value_name = "FUNCTION|IMAGE")]
    pub(in crate::cli) image: Option<String>,

    #[command(flatten)]
    pub(in crate::cli) view: ViewArguments,

    #[command(flatten)]
    pub(in crate::cli) common: CommonBuildArguments,
}

/// What to show, instead of the layers.
#[derive(Debug, Args)]
#[group(multiple = false)]
#[command(next_help_heading = "Inspect options")]
pub(in crate::cli) struct ViewArguments {
    /// List the files of each layer, and which of them higher layers replace or delete
    #[arg(long)]
    files: bool,

    /// List the N largest files and packages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    largest: Option<u32>,

    /// Show what each layer has at a path, which layer wins, and where links lead
    #[arg(long, value_name = "PATH", value_parser = image_path)]
    path: Option<ImagePath>,

    /// Print the config
    #[arg(long)]
    config: bool,

    /// Print the merged files as an mtree specification, with modes, sizes, links and digests
    #[arg(long)]
    mtree: bool,
}

impl ViewArguments {
    /// What to show.
    pub(in crate::cli) fn view(self) -> View {
        let Self { files, largest, path, config, mtree } = self;
        if let Some(path) = path {
            View::Path(path)
        } else if let Some(number) = largest {
            View::Largest(usize::try_from(number).unwrap_or(usize::MAX))
        } else if files {
            View::Files
        } else if config {
            View::Config
        } else if mtree {
            View::Mtree
        } else {
            View::Layers
        }
    }
}

/// Reads a path in an image, which may end with a slash.
fn image_path(text: &str) -> Result<ImagePath, String> {
    text.strip_suffix('/')
        .unwrap_or(text)
        .parse()
        .map_err(|_| "use an absolute path, such as /var/task".to_owned())
}
