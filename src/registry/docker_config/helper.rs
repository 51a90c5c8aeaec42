//! Credential helpers: programs named `docker-credential-NAME` that know the credentials of registries.
//!
//! Their protocol is that of docker-credential-helpers: `get` with the registry on standard input; JSON on standard output,
//! or a message there and a status that is not 0. What a helper prints may be secret: an error shows its message, which
//! it means for people, but never anything that may be its answer.

use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};
use std::{fmt, io};

use serde::Deserialize;

use crate::registry::credentials::{Identity, Secret};

/// What a helper prints when it has nothing for a registry.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// The user's name in whose place the secret is a token.
const TOKEN: &str = "<token>";

/// The longest answer, in bytes.
const LONGEST_ANSWER: u64 = 1 << 20;

/// The longest part of a helper's message that an error shows, in characters.
const LONGEST_MESSAGE: usize = 300;

/// How often an unfinished helper is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// How long the message of a helper that has ended is waited for; what it left running may keep the pipe open.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A helper that a configuration file names.
pub(super) struct Helper<'a> {
    /// What follows `docker-credential-` in the program's name.
    pub(super) name: &'a str,
    /// The file.
    pub(super) named_in: &'a Path,
    /// Where programs are.
    pub(super) folders: &'a [PathBuf],
}

/// Why a helper did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HelperError {
    #[error("the credential helper {name:?}, which `{}` names, is no plain name", file.display())]
    Name { name: String, file: PathBuf },
    #[error("found no program `{program}`, which `{}` names as credential helper", file.display())]
    Missing { program: String, file: PathBuf },
    #[error("failed to run `{program}`")]
    Run {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("`{program}` did not answer within {} seconds", limit.as_secs())]
    TimedOut { program: String, limit: Duration },
    #[error("`{program}` failed ({status}){}", Message(message))]
    Failed { program: String, status: ExitStatus, message: String },
    #[error("`{program}` answered with more than {LONGEST_ANSWER} bytes")]
    TooLong { program: String },
    #[error("`{program}` gave no answer that a credential helper gives")]
    Answer { program: String },
}

/// A message as the end of a sentence.
struct Message<'a>(&'a str);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

impl HelperError {
    /// How to mend it.
    pub(super) fn help(&self) -> String {
        match self {
            Self::Name { file, .. } => {
                format!(
                    "write in `{}` what follows `docker-credential-` in the helper's name",
                    file.display()
                )
            }
            Self::Missing { file, .. } => {
                format!("install it into a folder of PATH, or take its name out of `{}`", file.display())
            }
            Self::Run { program, .. }
            | Self::TimedOut { program, .. }
            | Self::Failed { program, .. }
            | Self::TooLong { program }
            | Self::Answer { program } => {
                format!(
                    "`{program} get`, given the registry's host on its standard input, shows what is wrong"
                )
            }
        }
    }
}

/// The answer of a helper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

impl Helper<'_> {
    /// The name of its program.
    pub(super) fn program(&self) -> String {
        format!("docker-credential-{}", self.name)
    }

    /// Asks it for the identity at a registry. Blocks until it has answered, at most for `limit`.
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
        let (answer, message) = (collect(child.stdout.take()), collect(child.stderr.take()));
        if let Some(mut input) = child.stdin.take() {
            // One that answers without reading is none the worse for it.
            drop(input.write_all(registry.as_bytes()));
        }
        let status = wait(&mut child, deadline).map_err(failed)?;
        let answer =
            status.and_then(|_| answer.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok());
        let (Some(status), Some(answer)) = (status, answer) else {
            return Err(HelperError::TimedOut { program, limit });
        };
        if answer.len() as u64 > LONGEST_ANSWER {
            return Err(HelperError::TooLong { program });
        }
        if status.success() {
            return self.read(&answer);
        }
        let message = message.recv_timeout(LAST_WORDS).unwrap_or_default();
        let (answer, message) = (String::from_utf8_lossy(&answer), String::from_utf8_lossy(&message));
        if answer.contains(NOT_FOUND) || message.contains(NOT_FOUND) {
            return Ok(None);
        }
        // The protocol has the message on standard output, where the answer might be as well.
        let told = if answer.contains('{') || answer.trim().is_empty() { message } else { answer };
        let shown = |c: char| if c.is_control() { ' ' } else { c };
        let message = told.trim().chars().map(shown).take(LONGEST_MESSAGE).collect();
        Err(HelperError::Failed { program, status, message })
    }

    /// Where its program is. Not a relative folder, which would be a project's: whoever wrote the project would learn the
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

    fn read(&self, answer: &[u8]) -> Result<Option<Identity>, HelperError> {
        // Not with the parser's error, which may quote the secret.
        let Ok(Answer { username, secret }) = serde_json::from_slice(answer) else {
            return Err(HelperError::Answer { program: self.program() });
        };
        Ok(match (username.as_str(), secret.as_str()) {
            ("", "") => None,
            (TOKEN, _) => Some(Identity::Token(Secret::new(secret))),
            _ => Some(Identity::Password { user: username, password: Secret::new(secret) }),
        })
    }
}

/// Reads a pipe to its end beside the current thread. Beyond the longest answer it is closed, and one byte more is kept.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut content = Vec::new();
        if let Some(pipe) = pipe {
            // What came before an error is the answer, which will then be no JSON.
            drop(pipe.take(LONGEST_ANSWER + 1).read_to_end(&mut content));
        }
        drop(sender.send(content));
    });
    receiver
}

/// Waits until a program has ended, and ends it after the deadline; then there is no status.
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
        thread::sleep(GLANCE);
    }
}
