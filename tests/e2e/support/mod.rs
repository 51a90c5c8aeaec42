//! What the tests share: temporary projects, limg itself, other tools, servers, and images as plain lists of files.

#[cfg(feature = "aws")]
pub(crate) mod aws;
mod bases;
mod command;
mod compile;
mod docker;
mod example;
mod files;
mod image;
mod package_managers;
mod registry;
mod socket;
mod workspace;

pub(crate) use bases::{Base, base, emulator, lock};
pub(crate) use command::{Finished, fails, finish, succeed, tool};
pub(crate) use compile::{compile_dotnet, compile_java, make_jar};
pub(crate) use docker::{Docker, docker};
pub(crate) use example::Example;
pub(crate) use files::{Entry, Files, Node, assert_same, differences, listing, without_owners};
pub(crate) use image::{Image, sha256};
pub(crate) use package_managers::{PNPM, PNPM_9, YARN, YARN_1, package_manager};
pub(crate) use registry::{Access, LoggedRequest, Registry, User};
pub(crate) use socket::EngineSocket;
pub(crate) use workspace::Workspace;

use std::path::Path;

/// An external extension in shell that prints the events that it receives.
pub(crate) const EXTENSION: &str = include_str!("../matrix/probes/extensions/extension.sh");

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A name that no other test, run or user of the machine uses.
pub(crate) fn unique(name: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("limg-e2e-{name}-{}-{}", std::process::id(), now.as_nanos())
}
