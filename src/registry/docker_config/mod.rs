//! Credentials that `docker login` and `podman login` store: their configuration files, and the credential helpers that
//! these files name.
//!
//! The files are read for every look-up: a login during a long push has an effect. Nothing here writes to them, and
//! no error contains any of their content, not even the parser's message, which may quote a password.

mod config_file;
mod helper;
#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use tokio::task::JoinError;

use super::credentials::{Credential, CredentialError, CredentialProvider, FoundCredential, Identity};
use crate::finding::Help;
use crate::project::{DOCKER_HUB_HOSTS, Repository};
use config_file::{ConfigFile, ConfigFileError, NamedHelper, Wanted};
use helper::{Helper, HelperError};

/// The key under which Docker stores its credentials for Docker Hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// How long a helper may take. It may ask another service, but hardly a person.
const HELPER_TIMEOUT: Duration = Duration::from_secs(30);

/// Where configuration files and helpers may be, according to the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DockerConfigPaths {
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
    /// The folders in `$PATH`, which may contain helpers.
    pub path: Vec<PathBuf>,
}

impl DockerConfigPaths {
    /// The configuration files, in the order in which they are read.
    fn files(&self) -> impl Iterator<Item = PathBuf> {
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
    }
}

/// The credentials of Docker and Podman.
///
/// In each file the most specific key that is a prefix of `HOST/REPOSITORY` holds (containers-auth.json(5)); a key for
/// another namespace never does. Of equally specific keys, the helper (`credHelpers`) comes first, else the one for all
/// hosts (`credsStore`), then the file's own entries (`auths`). The Docker CLI has the same order, but ignores the entries if
/// there is a helper: they are empty then, unless someone added one by hand.
///
/// `registrytoken` is ignored: it is an access token for a few minutes, and no login stores one.
#[derive(Debug, Clone)]
pub struct DockerConfig {
    paths: DockerConfigPaths,
    helper_timeout: Duration,
}

impl DockerConfig {
    /// The credentials in the files under these paths.
    #[must_use]
    pub fn new(paths: DockerConfigPaths) -> Self {
        Self { paths, helper_timeout: HELPER_TIMEOUT }
    }

    /// Looks in all files and asks all helpers, which may take long.
    fn look_up(&self, repository: &Repository) -> Result<FoundCredential, LookUpError> {
        let host = repository.host.as_str();
        let hosts = if host == DOCKER_HUB_KEY || DOCKER_HUB_HOSTS.contains(&host) {
            [&[DOCKER_HUB_KEY], &DOCKER_HUB_HOSTS[..]].concat()
        } else {
            vec![host]
        };
        let wanted = Wanted { hosts: &hosts, repository: &repository.name };
        let mut found = FoundCredential { credential: None, for_registry: true };
        for path in self.paths.files() {
            let Some(file) = ConfigFile::read(&path)? else { continue };
            found.for_registry &= !file.has_namespaces(&hosts);
            found.credential = self.look_into(&file, &path, &wanted)?;
            if found.credential.is_some() {
                break;
            }
        }
        Ok(found)
    }

    /// The credential that a file has, or that a helper has which the file names.
    fn look_into(
        &self,
        file: &ConfigFile,
        path: &Path,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Credential>, LookUpError> {
        let entry = file.entry(wanted);
        // A helper precedes an entry, unless the entry is for a namespace of what the helper is for.
        let nearest = entry.as_ref().map_or(usize::MAX, |entry| entry.parents);
        if let Some(NamedHelper { name, asked_for, .. }) =
            file.helper(wanted).filter(|it| it.parents <= nearest)
        {
            let helper = Helper { name, named_in: path, folders: &self.paths.path };
            if let Some(identity) = helper.get(asked_for, self.helper_timeout)? {
                return Ok(Some(credential(identity, helper.program())));
            }
        }
        let identity = entry.map(|entry| entry.identity()).transpose()?;
        Ok(identity.map(|identity| credential(identity, path.display().to_string())))
    }
}

/// Parses a configuration file. No helper is run.
#[cfg(any(test, fuzzing))]
pub(super) fn fuzz(file: &std::path::Path) {
    if let Ok(Some(config)) = ConfigFile::read(file) {
        let wanted = Wanted { hosts: &["registry.example.com"], repository: "group/repository" };
        let _parsed = config.helper(&wanted);
        let _parsed = config.entry(&wanted).map(|entry| entry.identity());
    }
}

fn credential(identity: Identity, source: String) -> Credential {
    Credential { identity, source, expires: None }
}

impl CredentialProvider for DockerConfig {
    fn find<'a>(
        &'a self,
        repository: &'a Repository,
    ) -> BoxFuture<'a, Result<FoundCredential, CredentialError>> {
        let (own, wanted) = (self.clone(), repository.clone());
        async move {
            let found = tokio::task::spawn_blocking(move || own.look_up(&wanted)).await;
            found.map_err(LookUpError::from).flatten().map_err(|error| CredentialError {
                host: repository.host.clone(),
                help: error.help(),
                source: Box::new(error),
            })
        }
        .boxed()
    }
}

/// A file or a helper did not give its credentials.
#[derive(Debug, thiserror::Error)]
enum LookUpError {
    #[error(transparent)]
    File(#[from] ConfigFileError),
    #[error(transparent)]
    Helper(#[from] HelperError),
    #[error("the look-up was interrupted")]
    Join(#[from] JoinError),
}

impl LookUpError {
    /// What the user can do about it.
    fn help(&self) -> Option<Help> {
        match self {
            Self::File(error) => error.help().map(Help::from),
            Self::Helper(error) => Some(error.help().into()),
            Self::Join(_) => None,
        }
    }
}
