//! End-to-end tests: the real program, judged by other people's tools.
//!
//! skopeo, umoci, GNU tar, Docker and Python read what limg wrote; none of them knows anything of limg. Every test here
//! is ignored by default, because it needs a part that plain `cargo test` must do without; `make test` runs them all.
//! A test whose part is missing fails and says how to install it.
//!
//! Tests run side by side, each in a process of its own, and share one Docker Engine with whoever else uses it: names,
//! ports and folders are a test's own, and it removes what it made by name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on ends with the place and the reason"
)]

mod arm64;
mod bases;
mod bytecode;
mod clients;
mod determinism;
mod dockerfiles;
#[cfg(feature = "aws")]
mod ecr;
mod engine;
mod examples;
mod foreign;
mod formats;
mod invoke;
#[cfg(feature = "aws")]
mod layer_versions;
mod matrix;
mod memory;
mod push;
#[cfg(feature = "aws")]
mod push_ecr;
mod remote_layers;
mod support;
mod trees;
