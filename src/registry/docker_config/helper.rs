//! Credential helpers: programs named `docker-credential-NAME` that store credentials for registries.
//!
//! Their protocol is that of docker-credential-helpers: `get` with the registry on standard input; JSON on standard output,
//! or a message there and a status other than 0. The output may be secret: an error shows the message, which is meant for
//! people, but never anything that may be a credential.

use std::io;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::registry::credentials::{Identity, Secret};
use crate::text::excerpt;
use crate::units;

/// The message of a helper that has no credentials for a registry.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// The user name that marks the secret as a token.
const TOKEN_USER: &str = "<token>";

/// The largest output in bytes.
const MAX_OUTPUT: u64 = 1 << 20;

/// How often a running helper is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How long to wait for the message of a helper that has exited; a process that it started may keep the pipe open.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(1);

/// A helper.
pub(super) struct Helper<'a> {
    /// The part after `docker-credential-` in the program's name.
    pub(super) name: &'a str,
    /// The configuration file that names it.
    pub(super) named_in: &'a Path,
    /// The folders that may contain the program.
    pub(super) folders: &'a [PathBuf],
}

/// Why a helper did not give its credentials.
#[derive(Debug, thiserror::Error)]
pub(super) enum HelperError {
    #[error("the credential helper {name:?} in `{}` is not a plain name", file.display())]
    Name { name: String, file: PathBuf },
    #[error("`{program}`, a credential helper that `{}` names, was not found in PATH", file.display())]
    Missing { program: String, file: PathBuf },
    #[error("failed to run `{program}`")]
    Run {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("`{program}` did not answer within {} seconds", limit.as_secs())]
    TimedOut { program: String, limit: Duration },
    #[error("`{program}` failed ({status}){}", if message.is_empty() { String::new() } else { format!(": {message}") })]
    Failed { program: String, status: ExitStatus, message: String },
    #[error("`{program}` printed more than {}", units::limit(MAX_OUTPUT))]
    TooLarge { program: String },
    #[error("`{program}` printed something other than credentials")]
    Output { program: String },
}

impl HelperError {
    /// What the user can do about it.
    pub(super) fn help(&self) -> String {
        match self {
            Self::Name { file, .. } => {
                format!(
                    "in `{}`, name the helper by the part after `docker-credential-` in its name",
                    file.display()
                )
            }
            Self::Missing { file, .. } => {
                format!("install it in a folder of PATH, or remove its name from `{}`", file.display())
            }
            Self::Run { program, .. }
            | Self::TimedOut { program, .. }
            | Self::Failed { program, .. }
            | Self::TooLarge { program }
            | Self::Output { program } => {
                format!("run `{program} get` with the registry's host on standard input to see what is wrong")
            }
        }
    }
}

/// The output of a helper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperOutput {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

impl Helper<'_> {
    /// The name of the program.
    pub(super) fn program(&self) -> String {
        format!("docker-credential-{}", self.name)
    }

    /// Asks it for the identity at a registry. Blocks until it answers, for at most `limit`.
    pub(super) fn get(&self, registry: &str, limit: Duration) -> Result<Option<Identity>, HelperError> {
        let deadline = Instant::now() + limit;
        let program = self.program();
        let failed = |source| HelperError::Run { program: program.clone(), source };
        let mut child = Command::new(self.find()?)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (output, message) = (collect(child.stdout.take()), collect(child.stderr.take()));
        if let Some(mut input) = child.stdin.take() {
            // A helper may answer without reading.
            drop(input.write_all(registry.as_bytes()));
        }
        let status = wait(&mut child, deadline).map_err(failed)?;
        let output =
            status.and_then(|_| output.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok());
        let (Some(status), Some(output)) = (status, output) else {
            return Err(HelperError::TimedOut { program, limit });
        };
        if output.len() as u64 > MAX_OUTPUT {
            return Err(HelperError::TooLarge { program });
        }
        if status.success() {
            return self.read(&output);
        }
        let message = message.recv_timeout(MESSAGE_TIMEOUT).unwrap_or_default();
        let (output, message) = (String::from_utf8_lossy(&output), String::from_utf8_lossy(&message));
        if output.contains(NOT_FOUND) || message.contains(NOT_FOUND) {
            return Ok(None);
        }
        // The protocol has the message on standard output, which might contain credentials as well.
        let message = if output.contains('{') || output.trim().is_empty() { message } else { output };
        let message = excerpt(&message.split_whitespace().collect::<Vec<_>>().join(" "));
        Err(HelperError::Failed { program, status, message })
    }

    /// The path of the program. Relative folders are skipped: they may be a project's, and its authors would receive the
    /// credentials.
    fn find(&self) -> Result<PathBuf, HelperError> {
        let (name, file) = (self.name.to_owned(), self.named_in.to_owned());
        if name.contains(['/', '\\', '\0']) {
            return Err(HelperError::Name { name, file });
        }
        let program = self.program();
        let suffix = if cfg!(windows) { ".exe" } else { "" };
        let folders = self.folders.iter().filter(|folder| folder.is_absolute());
        folders
            .map(|folder| folder.join(format!("{program}{suffix}")))
            .find(|path| path.is_file())
            .ok_or(HelperError::Missing { program, file })
    }

    fn read(&self, output: &[u8]) -> Result<Option<Identity>, HelperError> {
        // Without the parser's error, which may quote the secret.
        let Ok(HelperOutput { username, secret }) = serde_json::from_slice(output) else {
            return Err(HelperError::Output { program: self.program() });
        };
        Ok(match (username.as_str(), secret.as_str()) {
            ("", "") => None,
            (TOKEN_USER, _) => Some(Identity::Token(Secret::new(secret))),
            _ => Some(Identity::Password { user: username, password: Secret::new(secret) }),
        })
    }
}

/// Reads a pipe to its end in another thread, at most one byte more than the largest output.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut content = Vec::new();
        if let Some(pipe) = pipe {
            // After an error the output is incomplete, and therefore not valid JSON.
            drop(pipe.take(MAX_OUTPUT + 1).read_to_end(&mut content));
        }
        drop(sender.send(content));
    });
    receiver
}

/// Waits until a program exits, and returns its status. Kills it after the deadline, and returns none.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL_INTERVAL);
    }
}
