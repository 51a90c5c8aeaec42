//! End-to-end tests: the real program, judged by independent tools.
//!
//! skopeo, umoci, buildah, GNU tar, Docker and Python read what limg wrote. Every test here is ignored by default, because it
//! needs tools that plain `cargo test` must not require; `make test` runs them all. A test that lacks a tool fails
//! and names the command that installs it.
//!
//! Tests run concurrently, each in its own process, and share one Docker Engine with each other and with other users.
//! Each has its own names, ports and folders, and removes what it created by name.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on ends with the place and the reason"
)]

mod arm64;
#[cfg(feature = "aws")]
mod aws;
mod bases;
mod bundles;
mod bytecode;
mod cdk;
mod check;
mod checkouts;
mod clients;
mod contexts;
mod determinism;
mod dockerfiles;
mod engine;
mod examples;
mod fix;
mod foreign;
mod formats;
mod install;
mod invoke;
mod matrix;
mod memory;
mod node_packages;
mod packages;
mod push;
mod remote_layers;
mod report;
mod sam;
mod serverless;
mod starters;
mod support;
mod templates;
mod trees;
mod wheels;
mod workspaces;
