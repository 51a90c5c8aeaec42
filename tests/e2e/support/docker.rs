//! The Docker Engine. It is shared, so a test touches only what has its own name.

use std::cell::RefCell;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use super::command::{Finished, finish, succeed, tool};
use super::unique;

/// The Docker client, for an engine that responds.
pub(crate) fn docker() -> Command {
    static RESPONDS: OnceLock<()> = OnceLock::new();
    RESPONDS.get_or_init(|| {
        let version = finish(tool("docker").args(["version", "--format", "{{.Server.Version}}"]));
        assert!(
            version.code == 0,
            "no Docker Engine responds; run the tests through `.ci/with-docker`, as `make test` does\n{}",
            version.stderr
        );
    });
    tool("docker")
}

/// A test's images in the engine, whose names begin with the test's own prefix, and their containers. Dropping this
/// removes them.
pub(crate) struct Docker {
    /// The first part of the names of the images.
    pub(crate) prefix: String,
    /// Names or ids of images without the prefix.
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

    /// Also removes an image with another name, or with this id.
    pub(crate) fn remove_too(&self, name: &str) {
        self.others.borrow_mut().push(name.to_owned());
    }

    /// The engine's description of an image.
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
            report(&finish(docker().args(["rm", "--force", "--volumes", &container])));
        }
        for image in self.images().into_iter().chain(self.others.take()) {
            report(&finish(docker().args(["rmi", &image])));
        }
        // Older versions, which have lost their names.
        let filter = format!("label=limg.project={}", self.prefix);
        for image in lines(docker().args(["image", "ls", "--quiet", "--filter", &filter])) {
            report(&finish(docker().args(["rmi", &image])));
        }
    }
}

/// Prints a failed removal, which must not hide why a test failed.
fn report(removal: &Finished) {
    // Another removal may have removed this too.
    if removal.code != 0 && !removal.stderr.contains("No such image") {
        eprintln!("could not clean up: {}", removal.stderr);
    }
}

fn lines(command: &mut Command) -> Vec<String> {
    succeed(command).text().lines().map(str::to_owned).collect()
}
