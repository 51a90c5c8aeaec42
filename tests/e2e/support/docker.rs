//! The Docker Engine: shared with others, so that a test touches only what bears its own name.

use std::cell::RefCell;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use super::command::{Finished, finish, succeed, tool};
use super::unique;

/// The Docker client, talking to an engine that answers.
pub(crate) fn docker() -> Command {
    static ANSWERS: OnceLock<()> = OnceLock::new();
    ANSWERS.get_or_init(|| {
        let version = finish(tool("docker").args(["version", "--format", "{{.Server.Version}}"]));
        assert!(
            version.code == 0,
            "no Docker Engine answers; run the tests through `.ci/with-docker`, as `make test` does\n{}",
            version.stderr
        );
    });
    tool("docker")
}

/// What a test has in the engine: all images whose names begin with one that is its own, and their containers. They are
/// removed in the end.
pub(crate) struct Docker {
    /// The first part of the images' names.
    pub(crate) prefix: String,
    /// Names that do not begin so.
    others: RefCell<Vec<String>>,
}

impl Docker {
    pub(crate) fn new(name: &str) -> Self {
        drop(docker());
        Self { prefix: unique(name), others: RefCell::default() }
    }

    /// A name for an image: `PREFIX/NAME:latest`.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}/{name}:latest", self.prefix)
    }

    /// Has an image removed in the end that has another name.
    pub(crate) fn remove_too(&self, name: &str) {
        self.others.borrow_mut().push(name.to_owned());
    }

    /// What the engine says of an image.
    pub(crate) fn inspect(&self, name: &str) -> Value {
        succeed(docker().args(["image", "inspect"]).arg(self.name(name))).json()[0].take()
    }

    /// The names of this test's images.
    pub(crate) fn images(&self) -> Vec<String> {
        let reference = format!("reference={}/*", self.prefix);
        lines(docker().args(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", &reference]))
    }

    /// The containers, running or not, of this test's images.
    pub(crate) fn containers(&self) -> Vec<String> {
        let of_image = |image: String| {
            lines(docker().args([
                "ps",
                "--all",
                "--quiet",
                "--no-trunc",
                "--filter",
                &format!("ancestor={image}"),
            ]))
        };
        let mut containers: Vec<String> = self.images().into_iter().flat_map(of_image).collect();
        containers.sort();
        containers.dedup();
        containers
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        for container in self.containers() {
            tell(&finish(docker().args(["rm", "--force", "--volumes", &container])));
        }
        for image in self.images().into_iter().chain(self.others.take()) {
            tell(&finish(docker().args(["rmi", &image])));
        }
    }
}

/// A failing removal must not hide why a test failed.
fn tell(removal: &Finished) {
    // What went with something else is gone too.
    if removal.code != 0 && !removal.stderr.contains("No such image") {
        eprintln!("could not clean up: {}", removal.stderr);
    }
}

fn lines(command: &mut Command) -> Vec<String> {
    succeed(command).text().lines().map(str::to_owned).collect()
}
