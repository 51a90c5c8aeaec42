//! Tests of the whole program, offline: what a user types, sees and finds on disk.
//!
//! Every test runs in folders of its own (`support::Context`). None needs Docker, a network or anything outside of this
//! repository, except for the ignored tests that run the README's commands with Docker and a registry. The library tests
//! the details of single modules.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what goes wrong here fails the test")]

mod support;

mod assemblies;
mod build;
mod bytecode;
mod cache;
mod check;
mod definitions;
mod destinations;
mod diff;
mod dockerfile;
mod documentation;
mod excludes;
mod explain;
mod failures;
mod fix;
mod help;
mod init;
mod inspect;
mod install;
mod json;
mod killed;
mod migrate;
mod output;
mod pins;
mod plan;
mod readme;
mod report;
mod reuse;
mod schema;
mod serverless;
mod sources;
mod templates;
mod terraform;
