//! What can go wrong with an engine, and what to do about it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use bollard::errors::Error as DockerError;

use super::failure_help::exit_status_help;
use crate::failure::{Failure, FailureKind};
use crate::finding::{Help, Setting};
use crate::fs::FsError;
use crate::layout::LayoutError;
use crate::units;

/// The kernel's error for a program for another architecture.
const WRONG_ARCHITECTURE: &str = "exec format error";

const WRONG_ARCHITECTURE_HELP: &str = "build for the architecture of the engine's machine with `--arch`, or install QEMU \
    on that machine (on Debian the package `qemu-user-static`, elsewhere `docker run --privileged --rm tonistiigi/binfmt \
    --install all`); if the entry point is a script, begin it with a `#!` line";

/// What can go wrong with an engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No engine responds.
    #[error("failed to connect to a Docker Engine at `{address}`")]
    NoEngine {
        /// Its address.
        address: String,
        /// The cause.
        #[source]
        source: DockerError,
    },
    /// The engine requires TLS, and limg has no certificates for it.
    #[error("failed to connect to the Docker Engine at `{address}`: it requires TLS")]
    Tls {
        /// Its address.
        address: String,
    },
    /// The Docker context cannot be used.
    #[error("failed to use the Docker context `{name}`: {why}")]
    Context {
        /// Its name.
        name: String,
        /// The reason.
        why: String,
    },
    /// The address is malformed or not supported.
    #[error("`{address}` is not an address of a Docker Engine that limg supports")]
    InvalidAddress {
        /// The address.
        address: String,
    },
    /// A request to the engine failed.
    #[error("the Docker Engine failed to {action}")]
    Call {
        /// What it should do, and to what.
        action: String,
        /// The cause.
        #[source]
        source: DockerError,
    },
    /// The engine does not have the image.
    #[error("the Docker Engine has no image `{name}`")]
    NoImage {
        /// Its name.
        name: String,
    },
    /// The archive of an image could not be written.
    #[error("failed to send the image `{name}` to the Docker Engine")]
    Archive {
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: Box<LayoutError>,
    },
    /// The engine reported success but does not have the image.
    #[error(
        "the Docker Engine accepted the image `{name}`, but has {found} under that name instead of `{expected}`"
    )]
    NotLoaded {
        /// The name.
        name: String,
        /// What it has under that name, for the message.
        found: String,
        /// The id of the image.
        expected: String,
    },
    /// A file call failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The emulator could not be copied into the container.
    #[error("failed to copy the runtime interface emulator `{}` into the container", path.display())]
    CopyEmulator {
        /// The emulator.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The event is larger than Lambda accepts.
    #[error("the event is larger than {}, the most that Lambda accepts per invocation", units::limit(*limit))]
    EventTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The image does not define a program to run.
    #[error("the image of `{function}` has neither an ENTRYPOINT nor a CMD")]
    NothingToRun {
        /// The function.
        function: String,
    },
    /// Another program uses the port.
    #[error("port {port} is already in use")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The container exited during an invocation.
    #[error(
        "the container of `{function}` exited with status {status} before it responded{}",
        last_line(output)
    )]
    Exited {
        /// The function.
        function: String,
        /// The exit status.
        status: i64,
        /// The last lines of its output.
        output: Vec<String>,
    },
    /// The kernel killed the container because of its memory limit.
    #[error("the container of `{function}` ran out of memory: its `memory` is {memory} MB")]
    OutOfMemory {
        /// The function.
        function: String,
        /// The limit in MB.
        memory: u32,
    },
    /// The image has no shell.
    #[error("the image of `{function}` has no shell: `/bin/sh` does not exist")]
    NoShell {
        /// The function.
        function: String,
    },
    /// The engine does not have the network.
    #[error("the Docker Engine has no network `{name}`")]
    NoNetwork {
        /// Its name.
        name: String,
    },
    /// The emulator in the container does not respond.
    #[error(
        "the container of `{function}` did not respond at {address} within {seconds} seconds{}",
        last_line(output)
    )]
    NotReady {
        /// The function.
        function: String,
        /// The address of the published port.
        address: String,
        /// How long limg waited.
        seconds: u64,
        /// The last lines of its output.
        output: Vec<String>,
    },
    /// The emulator did not respond to an invocation.
    #[error("`{function}` did not respond within {seconds} seconds{}", last_line(output))]
    NoResponse {
        /// The function.
        function: String,
        /// How long limg waited.
        seconds: u64,
        /// The last lines of its output.
        output: Vec<String>,
    },
    /// The response is larger than any that Lambda accepts.
    #[error("the response of `{function}` is larger than {}, the most that Lambda streams", units::limit(*limit))]
    ResponseTooLarge {
        /// The function.
        function: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// Sending the event or receiving the response failed.
    #[error("failed to invoke `{function}`")]
    Http {
        /// The function.
        function: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The emulator itself failed.
    #[error(
        "the runtime interface emulator responded with status {status}{}",
        if text.is_empty() { String::new() } else { format!(": {text}") }
    )]
    Emulator {
        /// The HTTP status.
        status: u16,
        /// The body of the response; may be empty.
        text: String,
    },
}

impl EngineError {
    /// A failed request: what the engine should do, and why it did not.
    pub(super) fn call(action: impl Into<String>, source: DockerError) -> Self {
        Self::Call { action: action.into(), source }
    }

    /// The same error with the last lines of the container's output, if they can explain it.
    pub(super) fn with_output(mut self, lines: Vec<String>) -> Self {
        if let Self::Exited { output, .. } | Self::NotReady { output, .. } | Self::NoResponse { output, .. } =
            &mut self
        {
            *output = lines;
        }
        self
    }
}

impl Failure for EngineError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::NoImage { .. }
            | Self::NoNetwork { .. }
            | Self::NoShell { .. }
            | Self::EventTooLarge { .. } => FailureKind::User,
            // The function's image is the cause, so that a changed one may work.
            Self::NothingToRun { .. }
            | Self::Exited { .. }
            | Self::OutOfMemory { .. }
            | Self::NotReady { .. }
            | Self::NoResponse { .. }
            | Self::ResponseTooLarge { .. }
            | Self::Http { .. }
            | Self::Emulator { .. } => FailureKind::Work,
            _ => FailureKind::Environment,
        }
    }

    fn help(&self) -> Option<Help> {
        let text = match self {
            Self::NoEngine { address, source } => {
                return Some(if is_permission_denied(source) {
                    Help::from(format!(
                        "join the group that owns `{address}` (`docker`), or set DOCKER_HOST to an engine of your own"
                    ))
                } else {
                    "start Docker, set DOCKER_HOST or select a Docker context if it listens elsewhere, or \
                     build an OCI layout with `-o oci:DIR`, which does not need Docker"
                        .into()
                });
            }
            Self::Tls { .. } => {
                "set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH to the folder of `ca.pem`, `cert.pem` and `key.pem`, or use a \
                 Docker context that has them"
            }
            Self::Context { .. } => {
                "run `docker context ls`, and select another with `docker context use` or DOCKER_CONTEXT, or set DOCKER_HOST"
            }
            Self::InvalidAddress { .. } => {
                "set DOCKER_HOST to `unix://PATH` or `tcp://HOST:PORT`; for a machine that you reach by SSH, forward its \
                 socket (`ssh -L /tmp/docker.sock:/var/run/docker.sock HOST`) and set DOCKER_HOST=unix:///tmp/docker.sock"
            }
            Self::NoImage { .. } => "pull it with `docker pull`, or check the name with `docker images`",
            Self::NoNetwork { .. } => {
                "use one of `docker network ls`, or create it with `docker network create`"
            }
            Self::OutOfMemory { .. } => "increase its `memory`, or use `--relaxed`, which does not limit it",
            Self::ResponseTooLarge { .. } => "let the function put the data into S3 and return its key",
            Self::EventTooLarge { .. } => "put the data into S3 and its key into the event",
            Self::PortInUse { .. } => {
                "choose another, or `--port 0` for any free one; `ss -ltnp` and `docker ps` show what uses it"
            }
            Self::NothingToRun { .. } => return Some(Setting::Handler.into()),
            Self::Exited { output, .. } if contains(output.last(), WRONG_ARCHITECTURE) => {
                WRONG_ARCHITECTURE_HELP
            }
            Self::Call { source, .. } if contains(Some(&source.to_string()), WRONG_ARCHITECTURE) => {
                WRONG_ARCHITECTURE_HELP
            }
            Self::Exited { status, .. } => exit_status_help(*status)?,
            Self::NotReady { .. } => {
                "make the port reachable from where limg runs; if limg runs in a container, give that `--network host`; if the \
                 image's emulator is too old to know the options in its first line of output, name a newer one with `--rie`"
            }
            _ => return None,
        };
        Some(text.into())
    }
}

/// The last line of the output, for the end of a message.
fn last_line(output: &[String]) -> String {
    output.last().map(|line| format!(": {line}")).unwrap_or_default()
}

fn contains(line: Option<&String>, text: &str) -> bool {
    line.is_some_and(|line| line.contains(text))
}

fn is_permission_denied(error: &DockerError) -> bool {
    // This variant displays the I/O error as its own message, so its source skips it.
    let mut cause: Option<&(dyn Error + 'static)> = match error {
        DockerError::IOError { err } => Some(err),
        other => Some(other),
    };
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::PermissionDenied) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::help_text;

    #[test]
    fn an_exit_is_reported_with_the_last_line_of_output() {
        let error = EngineError::Exited { function: "orders".to_owned(), status: 142, output: Vec::new() };
        let error = error.with_output(vec!["start".to_owned(), "no handler".to_owned()]);
        assert_eq!(
            error.to_string(),
            "the container of `orders` exited with status 142 before it responded: no handler"
        );
        assert_eq!(help_text(&error), "make the image's CMD exactly one word, the handler");
    }

    #[test]
    fn a_program_for_another_architecture_has_its_own_help() {
        let error = EngineError::Exited { function: "orders".to_owned(), status: 1, output: Vec::new() };
        let line = "standard_init_linux.go:228: exec user process caused: exec format error";
        let help = help_text(&error.with_output(vec![line.to_owned()]));
        assert!(help.contains("--arch") && help.contains("`qemu-user-static`"), "{help}");
    }

    #[test]
    fn a_forbidden_socket_has_its_own_help() {
        let no_engine = |kind: io::ErrorKind| EngineError::NoEngine {
            address: "unix:///run/docker.sock".to_owned(),
            source: io::Error::from(kind).into(),
        };
        assert!(help_text(&no_engine(io::ErrorKind::PermissionDenied)).contains("join the group"));
        assert!(help_text(&no_engine(io::ErrorKind::NotFound)).contains("-o oci:DIR"));
    }
}
