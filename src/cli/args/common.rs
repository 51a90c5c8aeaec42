//! Options that several commands have.

use clap::Args;

use super::definition::DefinitionArguments;
use super::reading::Reading;
use crate::cli::shard::Shard;
use crate::pipeline::Pinning;
use crate::project::{Architecture, ReferenceTemplate};

/// Which functions this machine builds.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Build options")]
pub(in crate::cli) struct ShardArguments {
    /// Build only the functions of machine I of N, for example 1/3: every Nth function by name
    #[arg(long, value_name = "I/N")]
    pub(in crate::cli) shard: Option<Shard>,
}

/// Images with layers to reuse.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build options")]
pub(in crate::cli) struct CacheFromArguments {
    /// Reuse layers of an image that limg has pushed, if the store lacks them; repeatable
    ///
    /// An example is registry.example.com/shop/{function}:main, where {function} stands for each function's name.
    /// Digests do not change, and layers that cannot be reused are built. Has no effect if all destinations are
    /// docker-daemon:
    #[arg(long = "cache-from", value_name = "REF")]
    pub(in crate::cli) cache_from: Vec<ReferenceTemplate>,
}

/// Whether Lambda's rules count.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Build options")]
pub(in crate::cli) struct RuleArguments {
    /// Make images although limg has found that Lambda would reject them or fail on them
    ///
    /// These errors become warnings. What cannot be built is still an error.
    #[arg(long)]
    pub(in crate::cli) no_check: bool,
}

/// The options of all commands that build.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build options")]
pub(in crate::cli) struct CommonBuildArguments {
    /// Build for this architecture instead of the definition's
    #[arg(long, value_name = "ARCH", value_parser = architecture)]
    pub(in crate::cli) arch: Option<Architecture>,

    /// Use only digests that limg.lock pins, and fail if one is missing
    #[arg(long)]
    pub(in crate::cli) locked: bool,

    /// Verify file and blob contents instead of trusting timestamps; rebuild what differs
    #[arg(long)]
    pub(in crate::cli) verify: bool,

    /// Fetch a large layer of a base by up to N requests at once
    ///
    /// Faster over a line with a high rate and a long round trip, such as 1 Gbit/s and 50 ms. Elsewhere one request is as fast.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(in crate::cli) requests_per_layer: u8,

    #[command(flatten)]
    pub(in crate::cli) definition: DefinitionArguments,
}

impl CommonBuildArguments {
    /// What happens to what limg.lock does not pin.
    pub(in crate::cli) fn pinning(&self) -> Pinning {
        if self.locked { Pinning::Locked } else { Pinning::Add }
    }

    /// How the definition of these functions is read.
    pub(in crate::cli) fn reading<'a>(&'a self, functions: &'a [String]) -> Reading<'a> {
        let all = Reading::all(&self.definition, self.pinning());
        Reading { architecture: self.arch, functions, ..all }
    }
}

/// Lambda's names of architectures, and OCI's for convenience.
pub(super) fn architecture(text: &str) -> Result<Architecture, String> {
    match text {
        "x86_64" | "amd64" => Ok(Architecture::X86_64),
        "arm64" | "aarch64" => Ok(Architecture::Arm64),
        _ => Err("use x86_64 or arm64".to_owned()),
    }
}
