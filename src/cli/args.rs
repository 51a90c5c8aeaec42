//! The command line. The doc comments here are the texts of `--help`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::shard::Shard;
use super::units::Size;
use crate::engine::{HostEntry, PublishedPort, check_network};
use crate::project::{Architecture, ReferenceTemplate};
use crate::sample_event::{self, SampleEvent};

/// The heading of options that all commands have.
const GLOBAL: &str = "Global options";

/// The heading of what has no name.
const ARGUMENTS: &str = "Arguments";

/// Build AWS Lambda container images from function, layer and extension definitions, without a Docker daemon
#[derive(Debug, Parser)]
#[command(name = "limg", version, max_term_width = 100)]
#[command(disable_help_flag = true, disable_version_flag = true, next_help_heading = GLOBAL)]
#[command(after_help = "\
Examples:
  limg init shop          # write a starter project
  limg build              # build an image of each function
  limg invoke -e '{}'     # run a function in Docker
  limg help push ecr      # show the help of a command")]
pub(super) struct Arguments {
    /// The definition [default: limg.yaml in this folder or the nearest one above]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,

    /// The format of results on standard output
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human")]
    pub(super) format: Format,

    /// Print only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,

    /// Print more details: every overwritten file, the emulator's own log
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,

    /// PEM certificates to trust in addition to the system's, for registries and AWS
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,

    /// When to use colours; `auto` respects `NO_COLOR` and `CLICOLOR_FORCE`
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: Color,

    /// Print help; `--help` prints more than `-h`
    #[arg(short, long, global = true, action = clap::ArgAction::Help)]
    help: Option<bool>,

    /// Print the version
    #[arg(short = 'V', long, action = clap::ArgAction::Version)]
    version: Option<bool>,

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
    /// One image reference a line, for `$(...)` in a shell; only `build` and `push`
    Refs,
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
    /// Build images
    Build(BuildArguments),
    /// Build images and push them to a registry, without a Docker daemon
    #[command(subcommand)]
    Push(PushCommand),
    /// Run a function in Docker under AWS's runtime interface emulator and send it events
    Invoke(InvokeArguments),
    /// Print a sample event of an AWS service, or list all samples
    Event(EventArguments),
    /// Resolve image tags and layer versions again, pin them in limg.lock, and print the changes
    Update(UpdateArguments),
    /// Show, verify or prune the store of layers
    Cache(CacheArguments),
    /// Write a starter project
    Init(InitArguments),
    /// Print the JSON Schema of limg.yaml, for editors
    #[command(after_help = "\
Examples:
  limg schema > limg.schema.json")]
    Schema,
    /// Print a script that completes limg's commands and options in a shell
    Completions(CompletionsArguments),
    /// Print a manual page, or write all of them to a folder
    Man(ManArguments),
}

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Output options",
    after_help = "\
Destinations:
  oci:DIR[:NAME]              an OCI image layout [default: oci:.limg/images next to the definition]
  oci-archive:FILE[:NAME]     an OCI image layout in a tar archive
  docker-archive:FILE[:NAME]  an archive for `docker load`
  docker-daemon:[NAME]        the Docker Engine; only layers that it lacks are uploaded

All timestamps in images are SOURCE_DATE_EPOCH, or 1980-01-01. The store of layers is LIMG_STORE, or limg in the \
user's cache folder.

Examples:
  limg build                                    # all functions, into .limg/images
  limg build greet -o docker-archive:greet.tar  # one function, for `docker load`
  limg build --arch arm64 --tag v1 -o oci:out
  skopeo inspect $(limg build -q --format refs greet)"
)]
pub(super) struct BuildArguments {
    /// The functions to build [default: all]
    #[arg(help_heading = ARGUMENTS, value_name = "FUNCTION")]
    pub(super) functions: Vec<String>,

    #[command(flatten)]
    pub(super) shard: ShardArguments,

    /// Where to write the images; repeatable
    #[arg(short, long = "output", value_name = "DEST")]
    pub(super) outputs: Vec<String>,

    /// The tag of the images at the destination
    #[arg(long, value_name = "TAG")]
    pub(super) tag: Option<String>,

    #[command(flatten)]
    pub(super) cache: CacheFromArguments,

    #[command(flatten)]
    pub(super) common: CommonBuildArguments,
}

/// Which functions this machine builds.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Build options")]
pub(super) struct ShardArguments {
    /// Build only the functions of machine I of N, for example 1/3: every Nth function by name
    #[arg(long, value_name = "I/N")]
    pub(super) shard: Option<Shard>,
}

/// Images with layers to reuse.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build options")]
pub(super) struct CacheFromArguments {
    /// Reuse layers of an image that limg has pushed, if the store lacks them; repeatable
    ///
    /// An example is registry.example.com/shop/{function}:main, where {function} stands for each function's name.
    /// Digests do not change, and layers that cannot be reused are built. Has no effect if all destinations are
    /// docker-daemon:
    #[arg(long = "cache-from", value_name = "REF")]
    pub(super) cache_from: Vec<ReferenceTemplate>,
}

/// The options of all commands that build.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build options")]
pub(super) struct CommonBuildArguments {
    /// Build for this architecture instead of the definition's
    #[arg(long, value_name = "ARCH", value_parser = architecture)]
    pub(super) arch: Option<Architecture>,

    /// Use only digests that limg.lock pins, and fail if one is missing
    #[arg(long)]
    pub(super) locked: bool,

    /// Verify file and blob contents instead of trusting timestamps; rebuild what differs
    #[arg(long)]
    pub(super) verify: bool,
}

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  limg push registry registry.example.com/shop --tag v1
  limg help push registry")]
pub(super) enum PushCommand {
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
pub(super) struct PushRegistryArguments {
    /// The registry and the prefix of its repositories, for example registry.example.com/shop; each image goes to
    /// PREFIX/FUNCTION
    #[arg(help_heading = ARGUMENTS, value_name = "PREFIX")]
    pub(super) prefix: String,

    #[command(flatten)]
    pub(super) push: PushArguments,
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
pub(super) struct PushEcrArguments {
    /// The region [default: `AWS_REGION`, or the profile's]
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<String>,

    /// The account that owns the repositories [default: that of the credentials]
    #[arg(long, value_name = "ID")]
    pub(super) account: Option<String>,

    /// The profile in the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,

    /// The repository of each function [default: the definition's, or {project}/{function}]
    #[arg(long, value_name = "TEMPLATE")]
    pub(super) repository: Option<String>,

    /// Create missing repositories, with the `ecr` settings of the definition
    #[arg(long)]
    pub(super) create_repository: bool,

    #[command(flatten)]
    pub(super) push: PushArguments,
}

/// The options of both ways to push.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry options")]
pub(super) struct PushArguments {
    /// The functions to push [default: all]
    #[arg(help_heading = ARGUMENTS, value_name = "FUNCTION")]
    pub(super) functions: Vec<String>,

    #[command(flatten)]
    pub(super) shard: ShardArguments,

    /// A tag of the images; repeatable [default: latest]
    #[arg(long = "tag", value_name = "TAG")]
    pub(super) tags: Vec<String>,

    /// The number of parallel connections
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) connections: u16,

    #[command(flatten)]
    pub(super) cache: CacheFromArguments,

    #[command(flatten)]
    pub(super) common: CommonBuildArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  limg update              # all bases and layers
  limg update python3.12   # one base")]
pub(super) struct UpdateArguments {
    /// Names of bases and layers, or references as in the definition [default: all]
    #[arg(help_heading = ARGUMENTS, value_name = "NAME")]
    pub(super) names: Vec<String>,
}

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Run options",
    after_long_help = "\
The response goes to standard output. What the function and its extensions print, and why the function failed, goes to \
standard error. With `--format json` the output is an object with `function`, `status` (`success`, `function_error`, \
`timeout`), `error_type`, `error_message`, `response`, `duration_ms`, `init_ms` (the part of it that the start of the \
function took; null if it was already running) and `image_id`. The exit code is 1 if the function fails or times out.

Several events go to one container, one after the other: the function starts for the first event and is warm for the \
others. With `--format json` each response is then an object on a line of its own, as with `--port` and `--watch`.

With `--port`, events are optional and sent first. Press Ctrl-C to end `--port` and `--watch`: the exit code is then \
0, or 1 if an event failed under `--port` alone. If a change does not build, limg reports it and keeps the previous \
version running.

Examples:
  limg invoke                              # the only function, with the event {}
  limg invoke greet -e event.json -e @sqs  # two events, one after the other
  limg invoke greet --watch --port 9000    # until Ctrl-C"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(super) struct InvokeArguments {
    /// The function to invoke; optional if there is only one
    #[arg(help_heading = ARGUMENTS, value_name = "FUNCTION")]
    pub(super) function: Option<String>,

    /// An event: a file, `-` for standard input, JSON, or `@NAME` for a sample; repeatable [default: {}]
    #[arg(short, long = "event", value_name = "EVENT")]
    pub(super) events: Vec<String>,

    /// An environment variable of the function; repeatable
    ///
    /// It overrides a variable of the image. NAME alone copies the value from limg's own environment.
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    pub(super) environment: Vec<String>,

    /// A file of environment variables, as for `docker run`; repeatable
    ///
    /// Each line is NAME=VALUE, without quotes, or NAME to copy a variable that is set in limg's own environment. Empty
    /// lines and lines that begin with # are ignored. `--env` overrides the file.
    #[arg(long = "env-file", value_name = "FILE")]
    pub(super) environment_files: Vec<PathBuf>,

    /// Keep the function running for other clients on this port of 127.0.0.1; 0 picks a free port
    #[arg(short, long, value_name = "PORT")]
    pub(super) port: Option<u16>,

    /// Build, start and send the events again when the definition or a file of the function changes
    #[arg(short, long)]
    pub(super) watch: bool,

    /// Run as in Lambda: also as an unprivileged user without capabilities
    ///
    /// In addition to the usual restrictions, the user is unprivileged and has no capabilities, and Lambda's limits of
    /// processes and open files apply.
    #[arg(long)]
    pub(super) as_lambda: bool,

    /// Do not restrict the container
    ///
    /// Without this option, the file system is read-only except for /tmp, and memory is limited to that of the function.
    #[arg(long, conflicts_with = "as_lambda")]
    pub(super) relaxed: bool,

    /// The Docker network to join, for example that of a compose project [default: Docker's own]
    #[arg(long, value_name = "NAME", value_parser = check_network)]
    pub(super) network: Option<String>,

    /// A host name that the function resolves to this address; repeatable
    ///
    /// `host.docker.internal:host-gateway` is the machine that runs Docker.
    #[arg(long = "add-host", value_name = "HOST:IP")]
    pub(super) hosts: Vec<HostEntry>,

    /// Publish another port of the container, on 127.0.0.1 unless IP is given; repeatable
    #[arg(long = "publish", value_name = "[[IP:]PORT:]CONTAINER_PORT")]
    pub(super) published: Vec<PublishedPort>,

    /// The AWS profile whose credentials and region the function gets [default: those of limg's own environment]
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,

    /// Wait for a debugger on this port of 127.0.0.1 when the function starts (Python, Node.js, Java)
    ///
    /// The function's timeout and memory do not apply. Python requires the package debugpy in the code or a layer.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) debug: Option<u16>,

    /// Start a shell in the function's container instead of the function
    ///
    /// It has the files, variables, user and restrictions of the function. If standard input is not a terminal, it reads
    /// commands from there. The exit code is that of the shell.
    #[arg(long, conflicts_with_all = ["events", "port", "watch", "debug"])]
    pub(super) shell: bool,

    /// Pass on control characters of what the function prints and returns, even to a terminal
    ///
    /// Without this option, a terminal gets only line ends, tabs and colours; other control characters are escaped. Files
    /// and pipes always get the output unchanged.
    #[arg(long)]
    pub(super) raw: bool,

    /// The runtime interface emulator to use [default: that of the image, `LIMG_RIE`, or rie/ in the store]
    #[arg(long, value_name = "PATH")]
    pub(super) rie: Option<PathBuf>,

    #[command(flatten)]
    pub(super) common: CommonBuildArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Run `limg invoke -e @NAME` to send a sample to a function.

Examples:
  limg event
  limg event sqs > event.json")]
pub(super) struct EventArguments {
    /// The sample to print [default: list all]
    #[arg(help_heading = ARGUMENTS, value_name = "NAME", value_parser = sample_events())]
    pub(super) name: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The store is LIMG_STORE, or limg in the user's cache folder. Its maximum size is LIMG_STORE_LIMIT, or `store: { \
limit: SIZE }` in config.yaml, or 10GB. At the end of a command that has added something, limg removes the least \
recently used blobs until the store is below its limit.

Examples:
  limg cache
  limg cache prune --older-than 30 --dry-run
  limg cache verify")]
pub(super) struct CacheArguments {
    #[command(subcommand)]
    pub(super) command: Option<CacheCommand>,
}

#[derive(Debug, Subcommand)]
pub(super) enum CacheCommand {
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
pub(super) struct PruneArguments {
    /// Remove all blobs and records
    #[arg(long, conflicts_with_all = ["older_than", "max_size"])]
    pub(super) all: bool,

    /// Remove what was not used for this many days
    #[arg(long, value_name = "DAYS")]
    pub(super) older_than: Option<u32>,

    /// Remove until the store is at most this large, for example 2GB [default: the store's limit]
    #[arg(long, value_name = "SIZE")]
    pub(super) max_size: Option<Size>,

    /// Only show what would be removed
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Project options",
    after_help = "\
Examples:
  limg init
  limg init shop --runtime nodejs
  limg init api --runtime python3.13 --base oci:bases/python3.13"
)]
pub(super) struct InitArguments {
    /// The folder; limg creates it if it does not exist
    #[arg(help_heading = ARGUMENTS, value_name = "DIR", default_value = ".")]
    pub(super) directory: PathBuf,

    /// The function's runtime, or its language for the newest runtime: python, nodejs, java, dotnet, ruby or
    /// provided [default: python]
    #[arg(long, value_name = "ID")]
    pub(super) runtime: Option<String>,

    /// The base image, for example oci:bases/python3.12 [default: AWS's own]
    #[arg(long, value_name = "IMAGE")]
    pub(super) base: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  limg completions bash > /etc/bash_completion.d/limg
  limg completions zsh > ~/.zfunc/_limg    # with ~/.zfunc in fpath
  limg completions fish > ~/.config/fish/completions/limg.fish
  limg completions powershell >> $PROFILE")]
pub(super) struct CompletionsArguments {
    /// The shell
    #[arg(help_heading = ARGUMENTS, value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Output options",
    after_help = "\
Examples:
  limg man | man -l -
  limg man push ecr > limg-push-ecr.1
  limg man -o /usr/local/share/man/man1"
)]
pub(super) struct ManArguments {
    /// The command, for example `push ecr` [default: limg itself]
    #[arg(help_heading = ARGUMENTS, value_name = "COMMAND", conflicts_with = "output")]
    pub(super) command: Vec<String>,

    /// Write the pages of limg and all its commands to this folder; limg creates it if it does not exist
    #[arg(short, long, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
}

/// The names and descriptions of all sample events.
fn sample_events() -> PossibleValuesParser {
    let event = |sample: &SampleEvent| PossibleValue::new(sample.name).help(sample.description);
    PossibleValuesParser::new(sample_event::ALL.iter().map(event))
}

/// Lambda's names of architectures, and OCI's for convenience.
fn architecture(text: &str) -> Result<Architecture, String> {
    match text {
        "x86_64" | "amd64" => Ok(Architecture::X86_64),
        "arm64" | "aarch64" => Ok(Architecture::Arm64),
        _ => Err("use x86_64 or arm64".to_owned()),
    }
}
