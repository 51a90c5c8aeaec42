//! What can go wrong with an engine, and how to mend it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use bollard::errors::Error as DockerError;

use super::response::exit_status_help;
use crate::fs::FsError;
use crate::layout::LayoutError;

/// What the kernel says of a program for another machine.
const WRONG_MACHINE: &str = "exec format error";

/// How to mend that.
const WRONG_MACHINE_HELP: &str = "the entry point is no script with a `#!` line, or is built for another machine than \
    the engine's: build for that one with `--arch`, or have the engine's machine run it under QEMU (on Debian by the package \
    `qemu-user-static`, anywhere by `docker run --privileged --rm tonistiigi/binfmt --install all`)";

/// Something that an engine did not do.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No engine answers.
    #[error("failed to reach a Docker Engine at `{address}`")]
    NoEngine {
        /// Where it was looked for.
        address: String,
        /// Why.
        #[source]
        source: DockerError,
    },
    /// The engine is to be spoken to in TLS.
    #[error("failed to reach the Docker Engine at `{address}`: limg does not speak TLS to an engine")]
    Tls {
        /// Where it is.
        address: String,
    },
    /// An address that limg cannot use.
    #[error("`{address}` is no address of a Docker Engine that limg can use")]
    Address {
        /// The address.
        address: String,
    },
    /// The engine refused or broke off a call.
    #[error("the Docker Engine failed to {doing}")]
    Call {
        /// What it was to do, and to what.
        doing: String,
        /// Why it failed.
        #[source]
        source: DockerError,
    },
    /// The engine has no such image.
    #[error("the Docker Engine has no image `{name}`")]
    NoImage {
        /// Its name.
        name: String,
    },
    /// An image could not be written for the engine.
    #[error("failed to send the image `{name}` to the Docker Engine")]
    Archive {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: Box<LayoutError>,
    },
    /// The engine took an image without complaint and does not have it.
    #[error("the Docker Engine took the image `{name}`, but {found} under that name instead of `{expected}`")]
    NotLoaded {
        /// The name.
        name: String,
        /// What it has, as the middle of a sentence.
        found: String,
        /// The id that it should have.
        expected: String,
    },
    /// A file call failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The emulator could not be put into the container.
    #[error("failed to put the runtime interface emulator `{}` into the container", path.display())]
    Emulate {
        /// The emulator.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The event is larger than Lambda takes.
    #[error("the event has {size} bytes; Lambda takes at most {limit} in one invocation")]
    EventTooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The image names no program.
    #[error("the image of `{function}` has neither an ENTRYPOINT nor a CMD: there is nothing to run")]
    NothingToRun {
        /// The function.
        function: String,
    },
    /// Something else has the port.
    #[error("port {port} is taken")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// The container ended before it answered.
    #[error("the container of `{function}` ended with status {status} before it answered{}", because(log))]
    Exited {
        /// The function.
        function: String,
        /// The exit status.
        status: i64,
        /// The last lines of its output.
        log: Vec<String>,
    },
    /// The emulator in the container does not answer.
    #[error(
        "nothing answers in the container of `{function}` at {address} after {seconds} seconds{}",
        because(log)
    )]
    NotReady {
        /// The function.
        function: String,
        /// Where the answer was awaited.
        address: String,
        /// For how long.
        seconds: u64,
        /// The last lines of its output.
        log: Vec<String>,
    },
    /// The emulator took the event and did not answer.
    #[error("`{function}` did not answer within {seconds} seconds{}", because(log))]
    NoAnswer {
        /// The function.
        function: String,
        /// For how long an answer was awaited.
        seconds: u64,
        /// The last lines of its output.
        log: Vec<String>,
    },
    /// Sending the event or reading the answer failed.
    #[error("failed to invoke `{function}`")]
    Http {
        /// The function.
        function: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The emulator itself failed.
    #[error(
        "the runtime interface emulator answered with status {status}{}",
        if text.is_empty() { " and nothing else".to_owned() } else { format!(": {text}") }
    )]
    Emulator {
        /// The HTTP status.
        status: u16,
        /// What it says.
        text: String,
    },
}

impl EngineError {
    /// The engine failed to do something.
    pub(super) fn call(doing: impl Into<String>, source: DockerError) -> Self {
        Self::Call { doing: doing.into(), source }
    }

    /// The same error with the last lines of the container's output, where they tell something.
    pub(super) fn with_log(mut self, lines: Vec<String>) -> Self {
        if let Self::Exited { log, .. } | Self::NotReady { log, .. } | Self::NoAnswer { log, .. } = &mut self
        {
            *log = lines;
        }
        self
    }

    /// Whether the function's image is to blame: another one may do better.
    #[must_use]
    pub fn is_functions(&self) -> bool {
        matches!(
            self,
            Self::NothingToRun { .. }
                | Self::Exited { .. }
                | Self::NotReady { .. }
                | Self::NoAnswer { .. }
                | Self::Http { .. }
                | Self::Emulator { .. }
        )
    }

    /// How to mend it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Self::NoEngine { address, source } => {
                let no_right = is_permission_denied(source);
                return Some(if no_right {
                    format!(
                        "you may not use `{address}`: join its group (`docker`), or set DOCKER_HOST to your own engine"
                    )
                } else {
                    "start Docker, set DOCKER_HOST if it listens elsewhere (`docker context inspect` shows where), or \
                     build to an OCI layout with `-o oci:DIR`, which needs none"
                        .to_owned()
                });
            }
            Self::Tls { .. } => {
                "forward the engine's socket (`ssh -L /tmp/docker.sock:/var/run/docker.sock HOST`) and set \
                 DOCKER_HOST=unix:///tmp/docker.sock, or build with `-o docker-archive:FILE` and `docker load` that"
            }
            Self::Address { .. } => "set DOCKER_HOST to `unix://PATH` or `tcp://HOST:PORT`",
            Self::NoImage { .. } => "`docker pull` it, or check the name with `docker images`",
            Self::EventTooLarge { .. } => "put the data into S3 and its key into the event",
            Self::PortTaken { .. } => {
                "name another one by `--port`, or 0 for any that is free; `ss -ltnp` and `docker ps` show who has it"
            }
            Self::NothingToRun { .. } => "set the function's `handler`",
            Self::Exited { log, .. } if says(log.last(), WRONG_MACHINE) => WRONG_MACHINE_HELP,
            Self::Call { source, .. } if says(Some(&source.to_string()), WRONG_MACHINE) => WRONG_MACHINE_HELP,
            Self::Exited { status, .. } => exit_status_help(*status)?,
            Self::NotReady { .. } => {
                "the port must be reachable from where limg runs: in a container, run limg with `--network host`"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// The last line of a log, as the end of a sentence.
fn because(log: &[String]) -> String {
    log.last().map(|line| format!(": {line}")).unwrap_or_default()
}

fn says(line: Option<&String>, text: &str) -> bool {
    line.is_some_and(|line| line.contains(text))
}

fn is_permission_denied(error: &DockerError) -> bool {
    // This variant shows the I/O error as itself, so that it is not among its own causes.
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

    #[test]
    fn an_exit_is_told_with_its_reason() {
        let error = EngineError::Exited { function: "orders".to_owned(), status: 142, log: Vec::new() };
        let error = error.with_log(vec!["start".to_owned(), "no handler".to_owned()]);
        assert_eq!(
            error.to_string(),
            "the container of `orders` ended with status 142 before it answered: no handler"
        );
        assert_eq!(error.help().unwrap(), "the image's CMD must be exactly one word, the handler");
    }

    #[test]
    fn a_program_for_another_machine_is_told_as_such() {
        let error = EngineError::Exited { function: "orders".to_owned(), status: 1, log: Vec::new() };
        let line = "standard_init_linux.go:228: exec user process caused: exec format error";
        let help = error.with_log(vec![line.to_owned()]).help().unwrap();
        assert!(help.contains("--arch") && help.contains("`qemu-user-static`"), "{help}");
    }

    #[test]
    fn a_forbidden_socket_has_its_own_help() {
        let no_engine = |kind: io::ErrorKind| EngineError::NoEngine {
            address: "unix:///run/docker.sock".to_owned(),
            source: io::Error::from(kind).into(),
        };
        assert!(no_engine(io::ErrorKind::PermissionDenied).help().unwrap().contains("join its group"));
        assert!(no_engine(io::ErrorKind::NotFound).help().unwrap().contains("-o oci:DIR"));
    }
}
