//! What can be typed. The comments here are the texts of `--help`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::shard::Shard;
use super::units::Size;
use crate::project::{Architecture, ReferenceTemplate};
use crate::sample_event::{self, SampleEvent};

/// Build AWS Lambda container images from function, layer and extension definitions, without a Docker daemon
#[derive(Debug, Parser)]
#[command(name = "limg", version, max_term_width = 100, disable_help_subcommand = true)]
pub(super) struct Arguments {
    /// The definition [default: limg.yaml here or in the nearest folder above]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,

    /// How results are printed on standard output
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human")]
    pub(super) format: Format,

    /// Print nothing but results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,

    /// Tell more: every overwritten file, the emulator's own log
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,

    /// Certificates in PEM that are trusted beside the system's, for registries and AWS
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,

    /// When to use colours; `NO_COLOR` turns them off too
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: Color,

    #[command(subcommand)]
    pub(super) command: Command,
}

/// The format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl From<Color> for anstream::ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Build the images of functions
    Build(BuildArguments),
    /// Build the images of functions and send them to a registry, without a Docker daemon
    #[command(subcommand)]
    Push(PushCommand),
    /// Run a function's image in Docker under AWS's runtime interface emulator and send it an event
    Invoke(InvokeArguments),
    /// Print a sample event of a service that invokes functions, or list them
    Event(EventArguments),
    /// Pin what image tags and layer versions stand for now in limg.lock, and print what moved
    Update(UpdateArguments),
    /// Show what the store of layers holds, check it, or remove from it
    Cache(CacheArguments),
    /// Write a starter project
    Init(InitArguments),
    /// Print the JSON Schema of limg.yaml, for editors
    Schema,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Destinations:
  oci:DIR[:NAME]            an OCI image layout [default: oci:.limg/images beside the definition]
  oci-archive:FILE[:NAME]   the same in a tar
  docker-archive:FILE[:NAME]  what `docker load` reads
  docker-daemon:[NAME]      the Docker Engine; only layers that it lacks are sent

Layers are dated SOURCE_DATE_EPOCH, or 1980-01-01. The store of layers is LIMG_STORE, or limg in the
user's cache folder.")]
pub(super) struct BuildArguments {
    /// The functions to build [default: all]
    #[arg(value_name = "FUNCTION")]
    pub(super) functions: Vec<String>,

    #[command(flatten)]
    pub(super) shard: ShardArguments,

    /// Where the images go; can be given several times
    #[arg(short, long = "output", value_name = "DEST")]
    pub(super) outputs: Vec<String>,

    /// The tag of the images at their destination
    #[arg(long, value_name = "TAG")]
    pub(super) tag: Option<String>,

    #[command(flatten)]
    pub(super) cache: CacheFromArguments,

    #[command(flatten)]
    pub(super) common: CommonBuildArguments,
}

/// Which part of the work is this machine's.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct ShardArguments {
    /// Take the functions of machine I of N only, such as 1/3: every Nth by name, so that all have as many to do
    #[arg(long, value_name = "I/N")]
    pub(super) shard: Option<Shard>,
}

/// What other machines have made.
#[derive(Debug, Args)]
pub(super) struct CacheFromArguments {
    /// Take layers that the store does not know from an image that limg has pushed, such as
    /// registry.example.com/shop/{function}:main, instead of making them; can be given several times.
    /// {function} stands for each function's name. Digests do not depend on it, and what cannot be taken is made.
    /// It does nothing where all destinations are docker-daemon:
    #[arg(long = "cache-from", value_name = "REF")]
    pub(super) cache_from: Vec<ReferenceTemplate>,
}

/// What decides which images a definition's names stand for, and what of earlier builds is trusted.
#[derive(Debug, Args)]
pub(super) struct CommonBuildArguments {
    /// Build for this instruction set instead of the definition's
    #[arg(long, value_name = "ARCH", value_parser = architecture)]
    pub(super) arch: Option<Architecture>,

    /// Use only what limg.lock pins; anything else is an error
    #[arg(long)]
    pub(super) locked: bool,

    /// Read all files and blobs where their times and names would be trusted, and make anew what is not as it was
    #[arg(long)]
    pub(super) verify: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum PushCommand {
    /// Send images to Amazon ECR
    #[cfg(feature = "aws")]
    Ecr(PushEcrArguments),
    /// Send images to any OCI registry
    Registry(PushRegistryArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
An image that the registry has is not sent again, nor is any layer that it has or can take over from
another of its repositories. The result names each image by its digest: deploy that.

Credentials come from Docker's and Podman's files, with their credential helpers, and for Amazon ECR
from the AWS credential chain.")]
pub(super) struct PushRegistryArguments {
    /// The registry and what its repositories begin with, such as registry.example.com/shop; an image goes to
    /// PREFIX/FUNCTION
    #[arg(value_name = "PREFIX")]
    pub(super) prefix: String,

    #[command(flatten)]
    pub(super) push: PushArguments,
}

#[cfg(feature = "aws")]
#[derive(Debug, Args)]
#[command(after_help = "\
Account and region are those of the AWS credentials, as for any AWS tool: environment, profile, SSO.
The result is the image URI that Lambda takes, by digest.")]
pub(super) struct PushEcrArguments {
    /// The region [default: `AWS_REGION`, or the profile's]
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<String>,

    /// The account that the repositories belong to [default: that of the credentials]
    #[arg(long, value_name = "ID")]
    pub(super) account: Option<String>,

    /// The profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,

    /// The name of each function's repository [default: the definition's, or {project}/{function}]
    #[arg(long, value_name = "TEMPLATE")]
    pub(super) repository: Option<String>,

    /// Create repositories that are not there, with the settings of `ecr` in the definition
    #[arg(long)]
    pub(super) create_repository: bool,

    #[command(flatten)]
    pub(super) push: PushArguments,
}

/// What is pushed.
#[derive(Debug, Args)]
pub(super) struct PushArguments {
    /// The functions to push [default: all]
    #[arg(value_name = "FUNCTION")]
    pub(super) functions: Vec<String>,

    #[command(flatten)]
    pub(super) shard: ShardArguments,

    /// A tag of the images; can be given several times [default: latest]
    #[arg(long = "tag", value_name = "TAG")]
    pub(super) tags: Vec<String>,

    /// How many connections are used at once
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) connections: u16,

    #[command(flatten)]
    pub(super) cache: CacheFromArguments,

    #[command(flatten)]
    pub(super) common: CommonBuildArguments,
}

#[derive(Debug, Args)]
pub(super) struct UpdateArguments {
    /// Names of bases and layers, or references as the definition has them [default: all]
    #[arg(value_name = "NAME")]
    pub(super) names: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The answer goes to standard output; what the function and its extensions print, and why the function
failed, to standard error. With `--format json` the output is an object with `function`, `status`
(`success`, `function_error`, `timeout`), `error_type`, `error_message`, `response`, `duration_ms`,
`init_ms` (how much of that the start of the function took; null where it was running) and `image_id`.
A function that fails or takes too long makes the exit code 1.

Several events go to one container, one after the other: the function is started for the first, and is
warm for the others. With `--format json` each answer is then an object on a line of its own, as with
`--port` and `--watch`.

With `--port` the events are sent first, and none if none is named. Ctrl-C is how `--port` and
`--watch` end: the exit code is then 0, or 1 if an event failed under `--port` alone. A change that
cannot be built leaves the function up as it was.")]
pub(super) struct InvokeArguments {
    /// The function to invoke; can be left out if there is only one
    #[arg(value_name = "FUNCTION")]
    pub(super) function: Option<String>,

    /// An event: a file, `-` for standard input, JSON itself, or `@NAME` for a sample of `limg event`; can be given several times [default: {}]
    #[arg(short, long = "event", value_name = "EVENT")]
    pub(super) events: Vec<String>,

    /// A variable of the function's configuration, over the image's own; NAME alone takes it from limg's environment;
    /// can be given several times
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    pub(super) environment: Vec<String>,

    /// Keep the function up for other clients at this port of 127.0.0.1 until Ctrl-C; 0 takes a free one
    #[arg(short, long, value_name = "PORT")]
    pub(super) port: Option<u16>,

    /// Build, start and send again whenever the definition or a file of the function changes, until Ctrl-C
    #[arg(short, long)]
    pub(super) watch: bool,

    /// Run as Lambda does: read-only but for /tmp, an unprivileged user, no capabilities, the function's memory
    #[arg(long)]
    pub(super) as_lambda: bool,

    /// The runtime interface emulator for images that have none [default: `LIMG_RIE`, or rie/ in the store]
    #[arg(long, value_name = "PATH")]
    pub(super) rie: Option<PathBuf>,

    #[command(flatten)]
    pub(super) common: CommonBuildArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "`limg invoke -e @NAME` sends one to a function.")]
pub(super) struct EventArguments {
    /// The event [default: a list of all]
    #[arg(value_name = "NAME", value_parser = sample_events())]
    pub(super) name: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The store is LIMG_STORE, or limg in the user's cache folder. LIMG_STORE_LIMIT, or `store: { limit: SIZE }`
in config.yaml, says how much it may hold: 10GB unless said otherwise. At the end of a command that
has added something, what was used longest ago goes until that is kept to.")]
pub(super) struct CacheArguments {
    #[command(subcommand)]
    pub(super) command: Option<CacheCommand>,
}

#[derive(Debug, Subcommand)]
pub(super) enum CacheCommand {
    /// Show where the store is, what it holds and what it may hold; so does `limg cache` alone
    Show,
    /// Remove what was used longest ago, unless another limg uses the store
    Prune(PruneArguments),
    /// Read all blobs and remove those that are damaged; the exit code is 1 if there are any
    Verify,
}

#[derive(Debug, Args)]
pub(super) struct PruneArguments {
    /// Remove all blobs and records
    #[arg(long, conflicts_with_all = ["older_than", "max_size"])]
    pub(super) all: bool,

    /// Remove what was not used for so many days
    #[arg(long, value_name = "DAYS")]
    pub(super) older_than: Option<u32>,

    /// Remove until the store holds no more, such as 2GB [default: the store's limit]
    #[arg(long, value_name = "SIZE")]
    pub(super) max_size: Option<Size>,

    /// Remove nothing, and tell what would go
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// The folder, which is created if need be
    #[arg(value_name = "DIR", default_value = ".")]
    pub(super) directory: PathBuf,

    /// The runtime of the function
    #[arg(long, value_name = "ID", default_value = "python3.12")]
    pub(super) runtime: String,

    /// The base image, such as oci:bases/python3.12 [default: AWS's own]
    #[arg(long, value_name = "IMAGE")]
    pub(super) base: Option<String>,
}

/// The names of all sample events, each with what it is.
fn sample_events() -> PossibleValuesParser {
    let event = |sample: &SampleEvent| PossibleValue::new(sample.name).help(sample.description);
    PossibleValuesParser::new(sample_event::ALL.iter().map(event))
}

/// Lambda's words, and OCI's for convenience.
fn architecture(text: &str) -> Result<Architecture, String> {
    match text {
        "x86_64" | "amd64" => Ok(Architecture::X86_64),
        "arm64" | "aarch64" => Ok(Architecture::Arm64),
        _ => Err("it is x86_64 or arm64".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        super::Arguments::command().debug_assert();
    }
}
