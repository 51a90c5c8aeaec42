//! The Docker Engine, through its API. No other room talks to one.
//!
//! An engine is a destination of images ([`Engine::load`]), a source of base images ([`Engine::export`]), and where
//! `limg invoke` runs a function ([`Engine::run`]). Building and pushing need no engine. This room prints nothing,
//! does not decide what is in an image, and never holds an archive in memory: archives are written on a blocking
//! thread and streamed.

mod address;
mod connection;
mod container;
mod container_output;
mod debugger;
mod docker_host;
pub mod emulator;
mod emulator_client;
mod emulator_log;
mod error;
mod export;
mod extensions;
mod failure_help;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod load;
mod network;
mod response;
mod run_options;
mod running_function;
mod sandbox;
mod shell;
mod streaming_body;

#[cfg(test)]
#[cfg(unix)]
mod fake;

pub use connection::{Engine, EngineImage};
pub use container_output::{OutputSink, OutputStream};
pub use debugger::Debugger;
pub use docker_host::DockerHost;
pub use emulator_client::EventPayload;
pub use emulator_log::{EmulatorLine, FunctionStart};
pub use error::EngineError;
pub use extensions::TelemetrySubscriber;
pub use load::LoadedImage;
pub use network::{HostEntry, NetworkOptionError, NetworkOptions, PublishedPort, check_network};
pub use response::{Outcome, Response};
pub use run_options::{EMULATOR_VARIABLES, RunOptions};
pub use running_function::{FinishedRun, Invocation, RunningFunction};
pub use sandbox::Sandbox;
pub use shell::TerminalSize;
