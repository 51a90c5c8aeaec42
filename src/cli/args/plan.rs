//! `limg plan`.

use clap::{Args, Subcommand};

#[cfg(feature = "aws")]
use super::push::PushEcrArguments;
use super::push::PushRegistryArguments;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  limg plan registry registry.example.com/shop --tag v1
  limg help plan registry")]
pub(in crate::cli) enum PlanCommand {
    /// Show what `limg push ecr` would do
    #[cfg(feature = "aws")]
    // Without it, AWS is asked for the account.
    #[command(mut_arg("offline", |offline| offline.requires("account")))]
    #[command(after_help = "\
The arguments are those of `limg push ecr`. No layer is compressed, and nothing is sent or created. The size of a layer that is \
still to be built is that of its files. The exit code is 0 if nothing would change, and 4 otherwise.

Examples:
  limg plan ecr --region eu-west-1 --tag v1
  limg plan ecr greet --account 123456789012 --offline")]
    Ecr(PlanEcrArguments),
    /// Show what `limg push registry` would do
    #[command(after_help = "\
The arguments are those of `limg push registry`. No layer is compressed, and nothing is sent. The size of a layer that is still \
to be built is that of its files. The exit code is 0 if nothing would change, and 4 otherwise.

Examples:
  limg plan registry registry.example.com/shop --tag v1
  limg plan registry localhost:5000 greet --offline")]
    Registry(PlanRegistryArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PlanRegistryArguments {
    #[command(flatten)]
    pub(in crate::cli) evidence: EvidenceArguments,

    #[command(flatten)]
    pub(in crate::cli) push: PushRegistryArguments,
}

#[cfg(feature = "aws")]
#[derive(Debug, Args)]
pub(in crate::cli) struct PlanEcrArguments {
    #[command(flatten)]
    pub(in crate::cli) evidence: EvidenceArguments,

    #[command(flatten)]
    pub(in crate::cli) push: PushEcrArguments,
}

/// Where a plan finds out what registries have.
#[derive(Debug, Args)]
#[command(next_help_heading = "Plan options")]
pub(in crate::cli) struct EvidenceArguments {
    /// Contact no registry: compare with the images that were pushed last from this folder
    ///
    /// Bases and layers come from limg.lock and the store. Tags are assumed to point where the last push left them.
    #[arg(long, conflicts_with_all = ["fetch", "cache_from"])]
    pub(in crate::cli) offline: bool,
}
