//! Credentials that `docker login` and `podman login` keep: their configuration files and the credential helpers that
//! these name.
//!
//! Files are read anew at every question, so that a login in the middle of a long push is seen. Nothing here writes to
//! them, and nothing of their content gets into an error: not even the parser's message, which may quote a password.

mod file;
mod helper;
#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};

use super::credentials::{Credential, Credentials, CredentialsError, Identity};
use crate::project::DOCKER_HUB_HOSTS;
use file::{File, FileError};
use helper::{Helper, HelperError};

/// The key under which Docker stores its credentials for Docker Hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// How long a helper may take. It may have to ask another service, but hardly a person.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where configuration files and helpers may be, as the environment says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigFiles {
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// `$REGISTRY_AUTH_FILE`: the file of Podman, Buildah and Skopeo.
    pub registry_auth_file: Option<PathBuf>,
    /// `$DOCKER_CONFIG`: the folder of Docker's configuration, if it is not `.docker` in the home folder.
    pub docker_config: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`.
    pub runtime: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`, if it is not `.config` in the home folder.
    pub config_home: Option<PathBuf>,
    /// The folders of `$PATH`, where helpers are looked for.
    pub path: Vec<PathBuf>,
}

impl ConfigFiles {
    /// The files, the first one to ask first.
    fn in_order(&self) -> Vec<PathBuf> {
        let in_home = |name: &str| self.home.as_ref().map(|home| home.join(name));
        let docker = self.docker_config.clone().or_else(|| in_home(".docker"));
        let config_home = self.config_home.clone().or_else(|| in_home(".config"));
        let podman = |folder: PathBuf| folder.join("containers").join("auth.json");
        [
            self.registry_auth_file.clone(),
            docker.map(|folder| folder.join("config.json")),
            self.runtime.clone().map(podman),
            config_home.map(podman),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The credentials of Docker and Podman.
///
/// In each file a helper named for the host (`credHelpers`) comes first, else the one for all hosts (`credsStore`), and
/// then the file's own entries (`auths`). This is the order of the Docker CLI, but that it does not look at its entries
/// when it has a helper: there they are empty, unless somebody put one in by hand and means it.
///
/// `registrytoken` is not read: it is an access token for a few minutes, and no login keeps one.
#[derive(Debug, Clone)]
pub struct DockerConfig {
    files: ConfigFiles,
    patience: Duration,
}

impl DockerConfig {
    /// Credentials in these files.
    #[must_use]
    pub fn new(files: ConfigFiles) -> Self {
        Self { files, patience: PATIENCE }
    }

    /// Asks all files and helpers, which may take long.
    fn look(&self, host: &str) -> Result<Option<Credential>, Fault> {
        let names = if host == DOCKER_HUB_KEY || DOCKER_HUB_HOSTS.contains(&host) {
            [&[DOCKER_HUB_KEY], &DOCKER_HUB_HOSTS[..]].concat()
        } else {
            vec![host]
        };
        for path in self.files.in_order() {
            let Some(file) = File::read(&path)? else { continue };
            if let Some((helper, name)) = file.helper(&names) {
                let helper = Helper { name: helper, named_in: &path, folders: &self.files.path };
                if let Some(identity) = helper.get(name, self.patience)? {
                    return Ok(Some(credential(identity, helper.program())));
                }
            }
            if let Some(identity) = file.identity(&names)? {
                return Ok(Some(credential(identity, path.display().to_string())));
            }
        }
        Ok(None)
    }
}

fn credential(identity: Identity, source: String) -> Credential {
    Credential { identity, source, expires: None }
}

impl Credentials for DockerConfig {
    fn find<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Option<Credential>, CredentialsError>> {
        let (own, name) = (self.clone(), host.to_owned());
        async move {
            let found = tokio::task::spawn_blocking(move || own.look(&name)).await;
            let fault = |help: Option<String>, source: Box<dyn std::error::Error + Send + Sync>| {
                CredentialsError { host: host.to_owned(), help, source }
            };
            found
                .map_err(|error| fault(None, Box::new(error)))?
                .map_err(|error| fault(error.help(), Box::new(error)))
        }
        .boxed()
    }
}

/// Why a file or a helper did not answer.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Helper(#[from] HelperError),
}

impl Fault {
    /// How to mend it.
    fn help(&self) -> Option<String> {
        match self {
            Self::File(error) => error.help(),
            Self::Helper(error) => Some(error.help()),
        }
    }
}
