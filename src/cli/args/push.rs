//! `limg push`.

use clap::{Args, Subcommand};

use super::ARGUMENTS;
use super::common::{CacheFromArguments, CommonBuildArguments, RuleArguments, ShardArguments};

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  limg push registry registry.example.com/shop --tag v1
  limg help push registry")]
pub(in crate::cli) enum PushCommand {
    /// Push images to Amazon ECR
    #[cfg(feature = "aws")]
    Ecr(PushEcrArguments),
    /// Push images to any OCI registry
    Registry(PushRegistryArguments),
}

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Registry options",
    after_help = "\
Only layers that the registry lacks are uploaded. Layers of its other repositories are mounted if it supports that. \
The result is the name of each image with its digest: deploy by that name.

Credentials come from the Docker and Podman configuration, including credential helpers, and for Amazon ECR from the \
AWS credential chain.

Examples:
  limg push registry registry.example.com/shop --tag v1 --tag latest
  limg push registry localhost:5000 greet --cache-from localhost:5000/{function}:main
  image=$(limg push registry localhost:5000 greet -q --format refs)"
)]
pub(in crate::cli) struct PushRegistryArguments {
    /// The registry and the prefix of its repositories, for example registry.example.com/shop; each image goes to
    /// PREFIX/FUNCTION
    #[arg(help_heading = ARGUMENTS, value_name = "PREFIX")]
    pub(in crate::cli) prefix: String,

    #[command(flatten)]
    pub(in crate::cli) push: PushArguments,
}

#[cfg(feature = "aws")]
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Registry options",
    after_help = "\
Account and region come from the AWS credentials, as for any AWS tool: environment, profile or SSO. The result is \
the URI of each image with its digest, as Lambda accepts it.

Examples:
  limg push ecr --region eu-west-1 --tag v1 --create-repository
  image=$(limg push ecr greet -q --format refs)
  aws lambda update-function-code --function-name greet --image-uri \"$image\""
)]
pub(in crate::cli) struct PushEcrArguments {
    /// The profile in the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) profile: Option<String>,

    /// The repository of each function [default: the definition's, or {project}/{function}]
    #[arg(long, value_name = "TEMPLATE")]
    pub(in crate::cli) repository: Option<String>,

    /// Create missing repositories, with the `ecr` settings of the definition
    #[arg(long)]
    pub(in crate::cli) create_repository: bool,

    #[command(flatten)]
    pub(in crate::cli) push: PushArguments,
}

/// The options of both ways to push.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry options")]
pub(in crate::cli) struct PushArguments {
    /// The functions to push [default: all]
    #[arg(help_heading = ARGUMENTS, value_name = "FUNCTION")]
    pub(in crate::cli) functions: Vec<String>,

    #[command(flatten)]
    pub(in crate::cli) shard: ShardArguments,

    /// A tag of the images; repeatable [default: latest]
    #[arg(long = "tag", value_name = "TAG")]
    pub(in crate::cli) tags: Vec<String>,

    /// The number of parallel transfers
    ///
    /// Up to eight times as many requests that transfer next to nothing run at the same time, unless this is 1.
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(in crate::cli) connections: u16,

    /// Send large layers only when they are finished and the registry lacks them
    ///
    /// Otherwise they are sent while they are made. If the registry turns out to have one, what was sent of it is lost.
    #[arg(long)]
    pub(in crate::cli) no_speculation: bool,

    /// Do not keep layers of base images that come from another registry
    ///
    /// For machines that are used once: the layers are sent to the registry while they are fetched, and nothing needs them afterwards.
    #[arg(long)]
    pub(in crate::cli) no_store_base: bool,

    #[command(flatten)]
    pub(in crate::cli) cache: CacheFromArguments,

    #[command(flatten)]
    pub(in crate::cli) rules: RuleArguments,

    #[command(flatten)]
    pub(in crate::cli) common: CommonBuildArguments,
}
