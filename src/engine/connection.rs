//! [`Engine`]: a connection to a Docker Engine.

use std::time::Duration;

use bollard::errors::Error as DockerError;
use bollard::models::ImageInspect;
use bollard::{API_DEFAULT_VERSION, Docker};

use super::EngineError;
use super::address::EngineAddress;
use super::docker_host::{DockerHost, Endpoint, TlsFiles};

/// How long an engine may take to report its version.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an engine may take to respond, as for connections without TLS.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(2);

/// How long an engine may take to respond to a load or an export, since it first reads or writes the whole archive.
const ARCHIVE_TIMEOUT: Duration = Duration::from_hours(1);

/// A Docker Engine that has responded.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) docker: Docker,
    pub(super) address: EngineAddress,
}

/// An image in an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineImage {
    /// Its id in the engine, `sha256:…`.
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
    /// When no engine responds, or it requires certificates that limg does not have.
    pub async fn connect(host: &DockerHost) -> Result<Self, EngineError> {
        let Endpoint { address, tls } = host.endpoint()?;
        let address = EngineAddress::parse(&address)?;
        let failed = |source| {
            let address = address.to_string();
            if requires_tls(&source) {
                EngineError::Tls { address }
            } else {
                EngineError::NoEngine { address, source }
            }
        };
        let docker = match tls {
            Some(TlsFiles { ca, certificate, key }) if address.is_tcp() => {
                let (url, timeout) = (address.as_str(), REQUEST_TIMEOUT.as_secs());
                Docker::connect_with_ssl(url, &key, &certificate, &ca, timeout, API_DEFAULT_VERSION)
            }
            _ if address.requires_tls() => return Err(EngineError::Tls { address: address.to_string() }),
            _ => Docker::connect_with_host(address.as_str()),
        };
        let docker = docker.map_err(failed)?;
        docker.clone().with_timeout(CONNECT_TIMEOUT).negotiate_version().await.map_err(failed)?;
        Ok(Self { docker, address })
    }

    /// The host at which published ports can be reached from this machine.
    #[must_use]
    pub fn published_host(&self) -> &str {
        self.address.published_host()
    }

    /// The image with this name or id, if the engine has it.
    ///
    /// # Errors
    /// When the engine fails.
    pub async fn image(&self, name: &str) -> Result<Option<EngineImage>, EngineError> {
        let found = self.inspect(name).await?;
        Ok(found.map(|image| EngineImage {
            id: image.id.unwrap_or_default(),
            architecture: image.architecture.unwrap_or_default(),
            os: image.os.unwrap_or_default(),
        }))
    }

    pub(super) async fn inspect(&self, name: &str) -> Result<Option<ImageInspect>, EngineError> {
        match self.docker.inspect_image(name).await {
            Ok(image) => Ok(Some(image)),
            Err(error) if is_status(&error, 404) => Ok(None),
            Err(error) => Err(EngineError::call(format!("look for the image `{name}`"), error)),
        }
    }

    /// The client for requests that transfer an archive.
    pub(super) fn archive_client(&self) -> Docker {
        self.docker.clone().with_timeout(ARCHIVE_TIMEOUT)
    }
}

/// Whether the engine responded with this HTTP status.
pub(super) fn is_status(error: &DockerError, status: u16) -> bool {
    matches!(error, DockerError::DockerResponseServerError { status_code, .. } if *status_code == status)
}

/// Whether a server written in Go refused a request because it did not use TLS.
fn requires_tls(error: &DockerError) -> bool {
    matches!(error, DockerError::DockerResponseServerError { status_code: 400, message } if message.contains("HTTPS"))
}
