//! What commands work with, and how they run blocking work.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::task::JoinError;

use super::base_programs::BasePrograms;
use super::pins::Pins;
use crate::engine::DockerHost;
use crate::event::{Event, Reporter};
use crate::install::Programs;
use crate::layer_version::LayerVersions;
use crate::registry::Client;
use crate::store::{Digest, Store};

/// What commands work with.
#[derive(Clone)]
pub(crate) struct Context {
    /// Where blobs are kept.
    pub store: Store,
    /// The Docker Engine, for bases and destinations.
    pub docker: DockerHost,
    /// The client for registries.
    pub registry: Client,
    /// The pins of `limg.lock` and of this run.
    pub pins: Pins,
    /// The programs that install packages.
    pub programs: Programs,
    /// Whether programs of base images may run, and those that do.
    pub base_programs: BasePrograms,
    /// Fetches layer versions.
    pub layer_versions: Arc<dyn LayerVersions>,
    /// Whether contents are verified instead of trusting times and names. The store must be one that verifies, too.
    pub verify: bool,
    /// Receives events.
    pub reporter: Arc<dyn Reporter>,
    /// Set when the user interrupts: files that are being written to a destination are abandoned and removed.
    pub stop: Arc<AtomicBool>,
}

impl Context {
    /// Reports blobs that were removed because they were damaged.
    pub(super) fn report_damaged(&self, digests: Vec<Digest>) {
        for digest in digests {
            self.reporter.report(Event::Damaged { digest: digest.to_string() });
        }
    }
}

/// Runs blocking work on a thread of its own.
pub(super) async fn blocking<T: Send + 'static, E: From<JoinError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    tokio::task::spawn_blocking(work).await?
}
