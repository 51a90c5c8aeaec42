//! `limg template`.

use std::path::PathBuf;

use clap::Args;

use super::ARGUMENTS;
use super::definition::DefinitionArguments;

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Template options",
    after_long_help = "\
Each function becomes an image function of the image that `limg push` has pushed, by its digest, or that `--uri` names. \
Everything else in the template stays as it is, with its comments. CloudFormation replaces a function whose package type \
changes: limg lists what that touches.

Examples:
  limg template -o images.yaml                  # after `limg push`
  limg template Orders --prune-layers           # one function, to standard output
  limg template --suffix V2 -o images.yaml      # new functions instead of replaced ones"
)]
pub(in crate::cli) struct TemplateArguments {
    /// The functions that become images [default: all that limg builds]
    #[arg(help_heading = ARGUMENTS, value_name = "FUNCTION")]
    pub(in crate::cli) functions: Vec<String>,

    /// Where to write the template, in the folder of the original [default: standard output]
    ///
    /// Templates that it nests get the same name in their folders, after their own names where several are in one folder:
    /// back.images.yaml.
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,

    /// The image of a function, by digest; repeatable [default: the one that was pushed last]
    #[arg(long = "uri", value_name = "NAME=URI", value_parser = image_uri)]
    pub(in crate::cli) uris: Vec<(String, String)>,

    /// Remove layers that no function uses any longer
    #[arg(long)]
    pub(in crate::cli) prune_layers: bool,

    /// Add this to the logical ids of the functions, and change every reference to them
    ///
    /// CloudFormation then creates new functions and deletes the old ones, instead of replacing them. References that loops
    /// make, or that are in included files, do not change: limg reports them.
    #[arg(long, value_name = "SUFFIX", value_parser = suffix)]
    pub(in crate::cli) suffix: Option<String>,

    #[command(flatten)]
    pub(in crate::cli) definition: DefinitionArguments,
}

/// Reads `NAME=URI`. Lambda resolves a tag once, so only a digest says which image a deployment has (facts 1.6).
fn image_uri(text: &str) -> Result<(String, String), String> {
    let (name, uri) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("use NAME=URI")?;
    let is_by_digest = uri.split_once("@sha256:").is_some_and(|(repository, digest)| {
        !repository.is_empty() && digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit())
    });
    if !is_by_digest {
        return Err("use a URI with a digest: REPOSITORY@sha256:DIGEST".to_owned());
    }
    Ok((name.to_owned(), uri.to_owned()))
}

/// Logical ids are letters and digits (CloudFormation user guide, Resources).
fn suffix(text: &str) -> Result<String, String> {
    let is_good = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
    if is_good { Ok(text.to_owned()) } else { Err("use letters and digits".to_owned()) }
}
