//! Which engine to use, by the rules of Docker's client: `DOCKER_HOST`, else the current context, else the usual socket.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::EngineError;
use crate::fs;
use crate::store::Digest;

/// Where an engine listens unless something else is configured.
const DEFAULT_ADDRESS: &str =
    if cfg!(windows) { "npipe:////./pipe/docker_engine" } else { "unix:///var/run/docker.sock" };

/// The context of the default address and of `DOCKER_HOST`.
const DEFAULT_CONTEXT: &str = "default";

/// The size of Docker's configuration and of a context's metadata at most, in bytes.
const FILE_LIMIT: u64 = 1024 * 1024;

/// What the docker client's variables and files configure of the engine.
#[derive(Debug, Clone, Default)]
pub struct DockerHost {
    /// `DOCKER_HOST`, as in `unix:///var/run/docker.sock` or `tcp://localhost:2375`.
    pub address: Option<String>,
    /// Whether the engine must authenticate itself (`DOCKER_TLS_VERIFY`).
    pub tls: bool,
    /// The folder of `ca.pem`, `cert.pem` and `key.pem` (`DOCKER_CERT_PATH`); `None` for that of the configuration.
    pub certificates: Option<PathBuf>,
    /// `DOCKER_CONTEXT`.
    pub context: Option<String>,
    /// The folder of the docker client's `config.json` and contexts.
    pub configuration: Option<PathBuf>,
}

/// An engine's address, and the certificates for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) address: String,
    pub(super) tls: Option<TlsFiles>,
}

/// The files with which limg and an engine authenticate each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TlsFiles {
    pub(super) ca: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl TlsFiles {
    fn in_folder(folder: &Path) -> Self {
        Self { ca: folder.join("ca.pem"), certificate: folder.join("cert.pem"), key: folder.join("key.pem") }
    }
}

/// The part of `config.json` that selects an engine.
#[derive(Deserialize, Default)]
#[serde(default)]
struct ClientConfiguration {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

/// A context's `meta.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextMetadata {
    endpoints: ContextEndpoints,
}

#[derive(Deserialize)]
struct ContextEndpoints {
    docker: Option<ContextEndpoint>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ContextEndpoint {
    host: Option<String>,
    #[serde(rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

impl DockerHost {
    /// Finds the engine.
    pub(super) fn endpoint(&self) -> Result<Endpoint, EngineError> {
        let own_tls = || {
            let folder = self.certificates.as_ref().or(self.configuration.as_ref());
            folder.filter(|_| self.tls).map(|folder| TlsFiles::in_folder(folder))
        };
        if let Some(address) = &self.address {
            return Ok(Endpoint { address: address.clone(), tls: own_tls() });
        }
        match (self.context.clone().or_else(|| self.current_context()), &self.configuration) {
            (Some(name), Some(folder)) if name != DEFAULT_CONTEXT => context(&name, folder),
            _ => Ok(Endpoint { address: DEFAULT_ADDRESS.to_owned(), tls: None }),
        }
    }

    /// The context that `docker context use` selected. A configuration that cannot be read selects none.
    fn current_context(&self) -> Option<String> {
        let file = self.configuration.as_ref()?.join("config.json");
        let text = fs::read_text(&file, FILE_LIMIT).ok()?;
        let configuration: ClientConfiguration = serde_json::from_str(&text).ok()?;
        configuration.current_context.filter(|name| !name.is_empty())
    }
}

/// The engine of a context. Its files are in folders that are named by the digest of its name.
fn context(name: &str, configuration: &Path) -> Result<Endpoint, EngineError> {
    let failed = |why: String| EngineError::Context { name: name.to_owned(), why };
    let id = Digest::of(name.as_bytes());
    let contexts = configuration.join("contexts");
    let file = contexts.join("meta").join(id.hex()).join("meta.json");
    let text = fs::read_text(&file, FILE_LIMIT).map_err(|error| failed(crate::text::with_causes(&error)))?;
    let metadata: ContextMetadata =
        serde_json::from_str(&text).map_err(|error| failed(format!("`{}`: {error}", file.display())))?;
    let endpoint = metadata.endpoints.docker.unwrap_or_default();
    let address = endpoint.host.ok_or_else(|| failed("it does not name a Docker Engine".to_owned()))?;
    let certificates = contexts.join("tls").join(id.hex()).join("docker");
    let tls = certificates.is_dir().then(|| TlsFiles::in_folder(&certificates));
    if endpoint.skip_tls_verify {
        return Err(failed(
            "limg does not connect to an engine without verifying its certificate".to_owned(),
        ));
    }
    Ok(Endpoint { address, tls })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration folder with the context `remote`.
    fn configuration(current: &str, metadata: &str) -> (tempfile::TempDir, DockerHost) {
        let folder = tempfile::tempdir().unwrap();
        let meta = folder.path().join("contexts/meta").join(Digest::of(b"remote").hex());
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::write(meta.join("meta.json"), metadata).unwrap();
        std::fs::write(folder.path().join("config.json"), current).unwrap();
        let host = DockerHost { configuration: Some(folder.path().to_owned()), ..DockerHost::default() };
        (folder, host)
    }

    const METADATA: &str = r#"{"Name":"remote","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://build:2376","SkipTLSVerify":false}}}"#;

    #[test]
    fn the_current_context_selects_the_engine() {
        let (folder, host) = configuration("\u{feff}{\"currentContext\": \"remote\"}", METADATA);
        let endpoint = |host: &DockerHost| host.endpoint().unwrap();
        assert_eq!(endpoint(&host), Endpoint { address: "tcp://build:2376".to_owned(), tls: None });
        let tls = folder.path().join("contexts/tls").join(Digest::of(b"remote").hex()).join("docker");
        std::fs::create_dir_all(&tls).unwrap();
        assert_eq!(endpoint(&host).tls.unwrap().ca, tls.join("ca.pem"));

        let named = |name: &str| DockerHost { context: Some(name.to_owned()), ..host.clone() };
        assert_eq!(endpoint(&named("default")).address, DEFAULT_ADDRESS);
        let error = named("absent").endpoint().unwrap_err();
        assert!(error.to_string().contains("context `absent`"), "{error}");
        // `DOCKER_HOST` comes first.
        let address = Some("unix:///run/docker.sock".to_owned());
        assert_eq!(endpoint(&DockerHost { address: address.clone(), ..named("absent") }).tls, None);
        let own = DockerHost { address, tls: true, ..named("absent") };
        assert_eq!(endpoint(&own).tls.unwrap().key, folder.path().join("key.pem"));
    }

    #[test]
    fn without_a_context_the_engine_is_the_usual_one() {
        for current in ["{}", "{\"currentContext\": \"default\"}", "{\"currentContext\": \"\"}", "not JSON"] {
            let (_folder, host) = configuration(current, METADATA);
            assert_eq!(host.endpoint().unwrap().address, DEFAULT_ADDRESS, "{current}");
        }
        assert_eq!(DockerHost::default().endpoint().unwrap().address, DEFAULT_ADDRESS);
    }

    #[test]
    fn a_context_that_limg_cannot_use_is_an_error() {
        for metadata in [
            "not JSON",
            r#"{"Endpoints":{}}"#,
            r#"{"Endpoints":{"docker":{}}}"#,
            r#"{"Endpoints":{"docker":{"Host":"tcp://build:2376","SkipTLSVerify":true}}}"#,
        ] {
            let (_folder, host) = configuration("{\"currentContext\": \"remote\"}", metadata);
            assert!(matches!(host.endpoint(), Err(EngineError::Context { .. })), "{metadata}");
        }
    }
}
