//! Options for definitions: values that a template leaves open, and replacements for what a definition names.

use std::path::PathBuf;

use clap::Args;

use crate::definition::ParameterOverrides;
use crate::project::{BytecodeMode, ImageLocation, LayerVersionArn, is_account};
use crate::runtime;

/// The options of all commands that read a definition.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Definition options")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(in crate::cli) struct DefinitionArguments {
    /// The Region of the functions [default: `AWS_REGION`, or that of samconfig.toml]
    #[arg(long, value_name = "REGION")]
    pub(in crate::cli) region: Option<String>,

    /// The account of the functions, which layers may name, and of the repositories in ECR [default: for ECR, that of the
    /// credentials]
    #[arg(long, value_name = "ID", value_parser = account)]
    pub(in crate::cli) account: Option<String>,

    /// Values of the parameters of a template; repeatable
    ///
    /// Several may be in one argument, with spaces between them. They override those of samconfig.toml.
    #[arg(long = "parameter-overrides", value_name = "NAME=VALUE")]
    pub(in crate::cli) parameters: Vec<ParameterOverrides>,

    /// The environment to read from samconfig.toml [default: default]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) config_env: Option<String>,

    /// The stage of a service of the Serverless Framework [default: that of its provider, or dev]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) stage: Option<String>,

    /// The value of a parameter of a service of the Serverless Framework; repeatable
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = service_parameter)]
    pub(in crate::cli) service_parameters: Vec<(String, String)>,

    /// Fetch what a template has in Amazon S3 and in Parameter Store
    ///
    /// The credentials and the Region are those of the AWS CLI. Objects are pinned in limg.lock. Secrets are never
    /// fetched.
    #[arg(long)]
    pub(in crate::cli) fetch: bool,

    /// Use local files in place of a layer version; repeatable
    ///
    /// PATH is a directory or a .zip, laid out as Lambda lays it out: its root becomes /opt.
    #[arg(long = "layer", value_name = "ARN=PATH", value_parser = layer)]
    pub(in crate::cli) layers: Vec<(LayerVersionArn, PathBuf)>,

    /// Use another runtime where a template names OLD, for example python3.8=python3.12; repeatable
    #[arg(long = "runtime", value_name = "OLD=NEW", value_parser = replaced_runtime)]
    pub(in crate::cli) runtimes: Vec<(String, String)>,

    /// Use this base image for a runtime, for example python3.12=oci:bases/python; repeatable
    #[arg(long = "base", value_name = "RUNTIME=IMAGE", value_parser = base)]
    pub(in crate::cli) bases: Vec<(String, ImageLocation)>,

    /// Use what the project's build tool has built, even if it is older than its sources
    #[arg(long, conflicts_with = "source")]
    pub(in crate::cli) built: bool,

    /// Build from the sources, even if the project's build tool has built them
    #[arg(long)]
    pub(in crate::cli) source: bool,

    /// Install the packages of functions whose directory has a list of them, and bundle with esbuild
    ///
    /// The first list or lock file of Python or Node.js that is there, but not where packages are installed already. It needs uv
    /// or pip, or the npm, pnpm or yarn that has made the lock file. Functions of a template with `BuildMethod: esbuild` are
    /// bundled by the project's own esbuild. In a limg.yaml, `install` and `bundle` do the same for one function.
    #[arg(long)]
    pub(in crate::cli) install: bool,

    /// Compile, keep or leave out the bytecode of Python
    ///
    /// `compile` makes bytecode of the sources that have no valid one, which Lambda would do at every cold start. It needs the
    /// function's version of Python. In a limg.yaml, `bytecode` does the same, and counts for more.
    #[arg(long, value_name = "MODE", value_parser = bytecode)]
    pub(in crate::cli) bytecode: Option<BytecodeMode>,
    /// Run the Python of the base image to compile bytecode, on this machine, if it has no other of that version
    ///
    /// It runs outside a container, with its own loader and libraries, on Linux on the architecture of the function.
    #[arg(long)]
    pub(in crate::cli) allow_base_programs: bool,
    /// Run the makefiles of functions and layers with `BuildMethod: makefile`, on this machine
    ///
    /// `make build-LOGICALID` runs in a copy of the folder, with a folder for its result, as the AWS SAM CLI runs it. A makefile may run any
    /// program.
    #[arg(long)]
    pub(in crate::cli) run_makefiles: bool,
    /// Build Python packages that have no wheel for the function, which runs their code on this machine
    ///
    /// Where packages are installed, by `install` or `--install`. A package with compiled code is only built on a machine like
    /// the function's. In a limg.yaml, `install: { allow_source: true }` does the same for one list.
    #[arg(long)]
    pub(in crate::cli) allow_source: bool,

    /// Build an image of each function of a template
    ///
    /// By default, functions that differ only in handler, timeout, memory and environment share one image.
    #[arg(long)]
    pub(in crate::cli) image_per_function: bool,

    /// Include the functions that CDK adds for its own purposes
    #[arg(long = "all")]
    pub(in crate::cli) all_functions: bool,
}

/// Reads the number of an account.
fn account(text: &str) -> Result<String, String> {
    if is_account(text) {
        Ok(text.to_owned())
    } else {
        Err("use the number of an account: 12 digits".to_owned())
    }
}

/// Reads what becomes of bytecode.
fn bytecode(text: &str) -> Result<BytecodeMode, String> {
    let mode = BytecodeMode::ALL.into_iter().find(|mode| mode.name() == text);
    mode.ok_or_else(|| "use `compile`, `keep` or `strip`".to_owned())
}

/// Reads `ARN=PATH`.
fn layer(text: &str) -> Result<(LayerVersionArn, PathBuf), String> {
    let (arn, path) = pair(text, "use ARN=PATH")?;
    let arn = arn.parse().map_err(|error| format!("{error}"))?;
    Ok((arn, PathBuf::from(path)))
}

/// Reads `NAME=VALUE`, whose value may be empty.
fn service_parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("use NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads `OLD=NEW`, of which only the new one must exist.
fn replaced_runtime(text: &str) -> Result<(String, String), String> {
    let (old, new) = pair(text, "use OLD=NEW")?;
    if runtime::contract(new).is_none() {
        return Err(format!("`{new}` is not a runtime id; use one of {}", runtime::ids().join(", ")));
    }
    Ok((old.to_owned(), new.to_owned()))
}

/// Reads `RUNTIME=IMAGE`.
fn base(text: &str) -> Result<(String, ImageLocation), String> {
    let (runtime, image) = pair(text, "use RUNTIME=IMAGE")?;
    if runtime::contract(runtime).is_none() {
        return Err(format!("`{runtime}` is not a runtime id; use one of {}", runtime::ids().join(", ")));
    }
    let image = image.parse().map_err(|error| format!("{error}"))?;
    Ok((runtime.to_owned(), image))
}

fn pair<'t>(text: &'t str, form: &str) -> Result<(&'t str, &'t str), String> {
    text.split_once('=').filter(|(left, right)| !left.is_empty() && !right.is_empty()).ok_or(form.to_owned())
}
