//! The whole program, offline: what a user types, sees and finds on disk.
//!
//! Every test has an environment of its own (`support::Context`). None needs Docker, a network, or anything outside
//! this repository, except for the ignored ones that run the README's commands. The library tests what a single
//! module does; these tests show that the program uses it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what goes wrong here fails the test")]

mod support;

mod build;
mod cache;
mod definitions;
mod destinations;
mod documentation;
mod failures;
mod help;
mod init;
mod output;
mod readme;
mod reuse;
mod schema;
mod sources;
