//! Running other programs.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The result of a program.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its exit code, or 128 plus the number of the signal that ended it, as in shells.
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Finished {
    /// Standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON: {error}\n{}\n{}", self.text(), self.stderr))
    }
}

/// A tool that must be installed.
pub(crate) fn tool(name: &str) -> Command {
    Command::new(
        find(name).unwrap_or_else(|| panic!("`{name}` is missing: run `.ci/install`, which installs it")),
    )
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Daemons are in folders that an ordinary user's PATH lacks.
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Runs a program until it exits.
pub(crate) fn finish(command: &mut Command) -> Finished {
    use std::os::unix::process::ExitStatusExt as _;
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("failed to start {command:?}: {error}"));
    let status = output.status;
    Finished {
        code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs a program that must succeed.
pub(crate) fn succeed(command: &mut Command) -> Finished {
    let finished = finish(command);
    assert!(
        finished.code == 0,
        "{command:?} ended with {}\n--- stdout\n{}\n--- stderr\n{}",
        finished.code,
        finished.text(),
        finished.stderr
    );
    finished
}

/// Runs a program that must exit with this code and print nothing to standard output.
pub(crate) fn fails(code: i32, command: &mut Command) -> Finished {
    let finished = finish(command);
    assert!(
        finished.code == code && finished.stdout.is_empty(),
        "{command:?} ended with {} instead of {code}\n--- stdout\n{}\n--- stderr\n{}",
        finished.code,
        finished.text(),
        finished.stderr
    );
    finished
}
