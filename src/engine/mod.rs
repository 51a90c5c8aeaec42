//! Docker, through its API: the only place that talks to an engine.
//!
//! An engine is one destination of an image ([`Engine::load`]), one source of a base ([`Engine::export`]), and the place
//! where a function is tried ([`Engine::run`]); to build and to push limg needs none. Nothing here prints, decides
//! what is in an image, or holds an archive in memory: archives are written on a blocking thread and streamed.

mod address;
mod body;
mod container;
pub mod emulator;
mod emulator_log;
mod error;
mod export;
mod extensions;
mod invoke;
mod load;
mod output;
mod response;
mod run;
mod session;

#[cfg(test)]
#[cfg(unix)]
mod fake;

use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as DockerError;
use bollard::models::ImageInspect;

pub use emulator_log::{Start, Weight, weigh};
pub use error::EngineError;
pub use extensions::Subscriber;
pub use invoke::Event;
pub use load::Loaded;
pub use output::{OutputSink, OutputStream};
pub use response::{Answer, Response};
pub use run::{OF_EMULATOR, RunOptions};
pub use session::{Invocation, Session, Used};

use address::Address;

/// Where an engine listens unless `DOCKER_HOST` says otherwise.
const DEFAULT_HOST: &str =
    if cfg!(windows) { "npipe:////./pipe/docker_engine" } else { "unix:///var/run/docker.sock" };

/// How long an engine may take to say its version.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an engine may take to begin its answer to a load or an export: it first reads or writes the whole archive.
const ARCHIVE_TIMEOUT: Duration = Duration::from_hours(1);

/// Which engine to talk to, as the docker client's variables say it.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// `DOCKER_HOST`, such as `unix:///var/run/docker.sock` or `tcp://localhost:2375`; nothing for the default socket.
    pub address: Option<String>,
    /// Whether the engine is to prove who it is (`DOCKER_TLS_VERIFY`).
    pub tls: bool,
}

/// A Docker Engine that has answered.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: Docker,
    address: Address,
}

/// An image that an engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineImage {
    /// The engine's id of it, `sha256:…`.
    pub id: String,
    /// Its architecture in OCI's words.
    pub architecture: String,
    /// Its operating system.
    pub os: String,
}

impl Engine {
    /// Connects to an engine.
    ///
    /// # Errors
    /// When no engine answers there, or it wants TLS.
    pub async fn connect(host: &Host) -> Result<Self, EngineError> {
        let address = Address::parse(host.address.as_deref().unwrap_or(DEFAULT_HOST), host.tls)?;
        let no_engine = |source| {
            let address = address.to_string();
            if wants_tls(&source) {
                EngineError::Tls { address }
            } else {
                EngineError::NoEngine { address, source }
            }
        };
        let docker = Docker::connect_with_host(address.as_str()).map_err(no_engine)?;
        docker.clone().with_timeout(CONNECT_TIMEOUT).negotiate_version().await.map_err(no_engine)?;
        Ok(Self { docker, address })
    }

    /// The image of this name or id, if the engine has it.
    ///
    /// # Errors
    /// When the engine fails.
    pub async fn image_id(&self, name: &str) -> Result<Option<EngineImage>, EngineError> {
        let found = self.inspect(name).await?;
        Ok(found.map(|image| EngineImage {
            id: image.id.unwrap_or_default(),
            architecture: image.architecture.unwrap_or_default(),
            os: image.os.unwrap_or_default(),
        }))
    }

    async fn inspect(&self, name: &str) -> Result<Option<ImageInspect>, EngineError> {
        match self.docker.inspect_image(name).await {
            Ok(image) => Ok(Some(image)),
            Err(error) if is_status(&error, 404) => Ok(None),
            Err(error) => Err(EngineError::call(format!("look for the image `{name}`"), error)),
        }
    }

    /// The client for calls that the engine may need long to answer.
    fn patient(&self) -> Docker {
        self.docker.clone().with_timeout(ARCHIVE_TIMEOUT)
    }
}

/// Whether the engine answered with this HTTP status.
fn is_status(error: &DockerError, status: u16) -> bool {
    matches!(error, DockerError::DockerResponseServerError { status_code, .. } if *status_code == status)
}

/// Whether a server of Go refused a request because it was not in TLS.
fn wants_tls(error: &DockerError) -> bool {
    matches!(error, DockerError::DockerResponseServerError { status_code: 400, message } if message.contains("HTTPS"))
}
