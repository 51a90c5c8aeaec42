//! `limg invoke`.

use std::path::PathBuf;

use clap::Args;

use super::ARGUMENTS;
use super::common::CommonBuildArguments;
use crate::engine::{HostEntry, PublishedPort, check_network};

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
pub(in crate::cli) struct InvokeArguments {
    /// The function to invoke; optional if there is only one
    #[arg(help_heading = ARGUMENTS, value_name = "FUNCTION")]
    pub(in crate::cli) function: Option<String>,

    /// An event: a file, `-` for standard input, JSON, or `@NAME` for a sample; repeatable [default: {}]
    #[arg(short, long = "event", value_name = "EVENT")]
    pub(in crate::cli) events: Vec<String>,

    /// An environment variable of the function; repeatable
    ///
    /// It overrides a variable of the image. NAME alone copies the value from limg's own environment.
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    pub(in crate::cli) environment: Vec<String>,

    /// A file of environment variables, as for `docker run`; repeatable
    ///
    /// Each line is NAME=VALUE, without quotes, or NAME to copy a variable that is set in limg's own environment. Empty
    /// lines and lines that begin with # are ignored. `--env` overrides the file.
    #[arg(long = "env-file", value_name = "FILE")]
    pub(in crate::cli) environment_files: Vec<PathBuf>,

    /// Keep the function running for other clients on this port of 127.0.0.1; 0 picks a free port
    #[arg(short, long, value_name = "PORT")]
    pub(in crate::cli) port: Option<u16>,

    /// Build, start and send the events again when the definition or a file of the function changes
    #[arg(short, long)]
    pub(in crate::cli) watch: bool,

    /// Run as in Lambda: also as an unprivileged user without capabilities
    ///
    /// In addition to the usual restrictions, the user is unprivileged and has no capabilities, and Lambda's limits of
    /// processes and open files apply.
    #[arg(long)]
    pub(in crate::cli) as_lambda: bool,

    /// Do not restrict the container
    ///
    /// Without this option, the file system is read-only except for /tmp, and memory is limited to that of the function.
    #[arg(long, conflicts_with = "as_lambda")]
    pub(in crate::cli) relaxed: bool,

    /// The Docker network to join, for example that of a compose project [default: Docker's own]
    #[arg(long, value_name = "NAME", value_parser = check_network)]
    pub(in crate::cli) network: Option<String>,

    /// A host name that the function resolves to this address; repeatable
    ///
    /// `host.docker.internal:host-gateway` is the machine that runs Docker.
    #[arg(long = "add-host", value_name = "HOST:IP")]
    pub(in crate::cli) hosts: Vec<HostEntry>,

    /// Publish another port of the container, on 127.0.0.1 unless IP is given; repeatable
    #[arg(long = "publish", value_name = "[[IP:]PORT:]CONTAINER_PORT")]
    pub(in crate::cli) published: Vec<PublishedPort>,

    /// The AWS profile whose credentials and region the function gets [default: those of limg's own environment]
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) profile: Option<String>,

    /// Wait for a debugger on this port of 127.0.0.1 when the function starts (Python, Node.js, Java)
    ///
    /// The function's timeout and memory do not apply. Python requires the package debugpy in the code or a layer.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::cli) debug: Option<u16>,

    /// Start a shell in the function's container instead of the function
    ///
    /// It has the files, variables, user and restrictions of the function. If standard input is not a terminal, it reads
    /// commands from there. The exit code is that of the shell.
    #[arg(long, conflicts_with_all = ["events", "port", "watch", "debug"])]
    pub(in crate::cli) shell: bool,

    /// Pass on control characters of what the function prints and returns, even to a terminal
    ///
    /// Without this option, a terminal gets only line ends, tabs and colours; other control characters are escaped. Files
    /// and pipes always get the output unchanged.
    #[arg(long)]
    pub(in crate::cli) raw: bool,

    /// The runtime interface emulator to use [default: that of the image, `LIMG_RIE`, or rie/ in the store]
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) rie: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::cli) common: CommonBuildArguments,
}
