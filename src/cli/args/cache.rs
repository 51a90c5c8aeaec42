//! `limg cache`.

use clap::{Args, Subcommand};

use crate::cli::units::Size;

#[derive(Debug, Args)]
#[command(after_help = "\
The store is LIMG_STORE, or limg in the user's cache folder. Its maximum size is LIMG_STORE_LIMIT, or `store: { \
limit: SIZE }` in config.yaml, or 10GB. At the end of a command that has added something, limg removes the least \
recently used blobs until the store is below its limit.

Examples:
  limg cache
  limg cache prune --older-than 30 --dry-run
  limg cache verify")]
pub(in crate::cli) struct CacheArguments {
    #[command(subcommand)]
    pub(in crate::cli) command: Option<CacheCommand>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CacheCommand {
    /// Show where the store is, what it contains and its limit; the default
    #[command(after_help = "\
Examples:
  limg cache show --format json")]
    Show,
    /// Remove the least recently used blobs and records, unless another limg uses the store
    Prune(PruneArguments),
    /// Read all blobs and remove damaged ones; the exit code is 1 if there are any
    #[command(after_help = "\
Examples:
  limg cache verify")]
    Verify,
}

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Prune options",
    after_help = "\
Examples:
  limg cache prune --max-size 2GB
  limg cache prune --all --dry-run"
)]
pub(in crate::cli) struct PruneArguments {
    /// Remove all blobs and records
    #[arg(long, conflicts_with_all = ["older_than", "max_size"])]
    pub(in crate::cli) all: bool,

    /// Remove what was not used for this many days
    #[arg(long, value_name = "DAYS")]
    pub(in crate::cli) older_than: Option<u32>,

    /// Remove until the store is at most this large, for example 2GB [default: the store's limit]
    #[arg(long, value_name = "SIZE")]
    pub(in crate::cli) max_size: Option<Size>,

    /// Only show what would be removed
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}
