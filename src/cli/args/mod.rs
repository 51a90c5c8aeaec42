//! The command line: what all commands have, and in a file for each command its own arguments. The doc comments here are the
//! texts of `--help`.

mod build;
mod cache;
mod check;
mod common;
mod completions;
mod definition;
mod diff;
mod dockerfile;
mod event;
mod explain;
mod fix;
mod functions;
mod init;
mod inspect;
mod invoke;
mod man;
mod migrate;
mod plan;
mod push;
mod reading;
mod report;
mod template;
mod update;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

pub(super) use self::build::BuildArguments;
pub(super) use self::cache::{CacheArguments, CacheCommand, PruneArguments};
pub(super) use self::check::{CheckArguments, Denied};
pub(super) use self::common::{CommonBuildArguments, ShardArguments};
pub(super) use self::completions::CompletionsArguments;
pub(super) use self::definition::DefinitionArguments;
pub(super) use self::diff::DiffArguments;
pub(super) use self::dockerfile::DockerfileArguments;
pub(super) use self::event::EventArguments;
pub(super) use self::explain::ExplainArguments;
pub(super) use self::fix::FixArguments;
pub(super) use self::functions::FunctionsArguments;
pub(super) use self::init::InitArguments;
pub(super) use self::inspect::InspectArguments;
pub(super) use self::invoke::InvokeArguments;
pub(super) use self::man::ManArguments;
pub(super) use self::migrate::MigrateArguments;
pub(super) use self::plan::PlanCommand;
#[cfg(feature = "aws")]
pub(super) use self::push::PushEcrArguments;
pub(super) use self::push::{PushArguments, PushCommand, PushRegistryArguments};
pub(super) use self::reading::Reading;
pub(super) use self::report::ReportArguments;
pub(super) use self::template::TemplateArguments;
pub(super) use self::update::UpdateArguments;

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
    /// The definition or its folder [default: the nearest limg.yaml, template.yaml, cdk.out or serverless.yml]
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
    /// SARIF 2.1.0; only `check`
    Sarif,
    /// Workflow commands of GitHub Actions; only `check`
    Github,
    /// An XML report of tests, as that of `JUnit`; only `check`
    Junit,
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
    /// Show what a push would build, upload and mount
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Run a function in Docker under AWS's runtime interface emulator and send it events
    Invoke(InvokeArguments),
    /// List the functions of the definition, and whether each can be built
    Functions(FunctionsArguments),
    /// Print the template with the functions as images
    Template(TemplateArguments),
    /// Write the limg.yaml that stands for a definition of another tool
    Migrate(MigrateArguments),
    /// Find what would fail in Lambda, in functions or in any image
    Check(CheckArguments),
    /// Rewrite an image of any tool so that Lambda accepts and starts it
    Fix(FixArguments),
    /// Show what is in an image: layers, files, packages, settings
    Inspect(InspectArguments),
    /// Show what differs between two images: layers, packages, files and settings
    Diff(DiffArguments),
    /// Write a page about images: sizes, packages, duplicates, findings
    Report(ReportArguments),
    /// Write a Dockerfile that makes the image of a function, with the files that it copies
    Dockerfile(DockerfileArguments),
    /// Explain a finding of limg, or a pasted error of Lambda, ECR or CloudFormation: its causes and the fix
    Explain(ExplainArguments),
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
