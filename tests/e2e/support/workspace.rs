//! A test's own folder, and limg in it without the user's environment.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::command::{Finished, fails, succeed};

/// A temporary folder with a home, a store and a test's files.
pub(crate) struct Workspace {
    folder: tempfile::TempDir,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        // Below target/, which has room and supports hard links into the store.
        let folder = tempfile::Builder::new().prefix("e2e-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        Self { folder: folder.expect("a temporary folder") }
    }

    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Writes a file and creates its parent folders.
    pub(crate) fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes an executable file.
    pub(crate) fn write_program(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.write(relative, content);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Waits until the files that were just written are old enough for limg to trust their times.
    #[expect(clippy::unused_self, reason = "only the time counts")]
    pub(crate) fn settle(&self) {
        sleep(Duration::from_millis(100));
    }

    /// limg in this folder. It inherits only `PATH` and `DOCKER_HOST`.
    pub(crate) fn limg(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_limg"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("HOME", self.path("home")).env("LIMG_STORE", self.path("store"));
        for kept in ["PATH", "DOCKER_HOST"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
    }

    /// Builds, which must succeed, and returns the functions of the JSON report.
    pub(crate) fn build(&self, arguments: &[&str]) -> Value {
        let mut command = self.limg(&["build", "--format", "json"]);
        succeed(command.args(arguments)).json()["functions"].take()
    }

    /// The number of blobs in the store, mostly compressed layers.
    pub(crate) fn blobs(&self) -> usize {
        fs::read_dir(self.path("store/blobs/sha256")).unwrap().count()
    }

    /// Builds, which must fail with this code.
    pub(crate) fn build_fails(&self, code: i32, arguments: &[&str]) -> Finished {
        fails(code, self.limg(&["build"]).args(arguments))
    }
}
