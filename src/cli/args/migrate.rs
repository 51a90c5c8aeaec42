//! `limg migrate`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::definition::DefinitionArguments;

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Migration options",
    after_long_help = "\
The new limg.yaml gives each function an image of its own, with the digest that `limg build --image-per-function` gives it. \
What a limg.yaml cannot contain is in its comments, such as the names of variables that stay in a function's configuration, \
or functions that cannot be built. Code in a template is written to functions/NAME.

Examples:
  limg migrate                           # of the nearest template.yaml, cdk.out or serverless.yml
  limg migrate -f template.yaml --source # the sources, not what `sam build` has built
  limg migrate -o images.yaml"
)]
pub(in crate::cli) struct MigrateArguments {
    /// The new file, which must not exist [default: limg.yaml in the folder of the definition]
    #[arg(short, long, value_name = "FILE", value_parser = yaml_file)]
    pub(in crate::cli) output: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::cli) definition: DefinitionArguments,
}

/// Reads the path of a file whose name says that it is YAML: the name of a definition decides in which language it is read.
fn yaml_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let suffix = Path::new(text).extension().unwrap_or_default();
    if suffix == "yaml" || suffix == "yml" {
        Ok(path)
    } else {
        Err("use a name that ends in .yaml".to_owned())
    }
}
