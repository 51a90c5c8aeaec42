//! The whole program, offline: what a user types, sees and finds on disk.
//!
//! Every test has a machine of its own (`support::Context`). None needs Docker, a network, or anything that is not in this
//! repository, but for the ignored one that runs the README's commands in Docker. What a single module of the library does is tested there; here it is shown that the program is wired so.

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
