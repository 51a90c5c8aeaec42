//! What commands work with: the store, registries, AWS and the lock, as settings and arguments have them.

use std::error::Error;
use std::sync::{Arc, Mutex};

use super::args::ResolutionArguments;
use super::configuration::Configuration;
use super::failure::Failure;
use super::render::Terminal;
use super::settings::Settings;
#[cfg(feature = "aws")]
use crate::aws::{Aws, AwsOptions, EcrCredentials};
use crate::definition::Loaded;
use crate::fs;
use crate::lock::{self, Lock};
use crate::pipeline::{Context, Pinning};
use crate::registry::{Client, ClientSettings, CredentialChain, CredentialProvider, DockerConfig};
use crate::store::Store;

/// How many requests to registries are under way at once unless the user says so.
const CONNECTIONS: usize = 8;

/// Reads the user's configuration.
pub(super) fn configuration(settings: &Settings) -> Result<Configuration, Failure> {
    Ok(Configuration::read(settings.configuration.as_ref(), &settings.mirrors)?)
}

/// Opens the store.
pub(super) fn store(settings: &Settings) -> Result<Store, Failure> {
    Store::open(&settings.store).map_err(|source| Failure::Store { root: settings.store.clone(), source })
}

/// Ends the work of a command that went well, and keeps the store to its limit. Where that fails, the command has done what
/// it was to do all the same.
pub(super) fn close(context: Context, terminal: &Terminal) {
    if let Err(error) = context.store.close() {
        terminal.advice(&full_text(&error), "`limg cache prune` tries again to keep the store to its limit");
    }
}

/// An error and its causes, on one line.
fn full_text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What a command's own arguments say.
#[derive(Debug)]
pub(super) struct Access {
    /// How many requests to registries may be under way at once.
    pub(super) connections: usize,
    /// What is done about what limg.lock lacks.
    pub(super) pinning: Pinning,
    /// Whether everything is read where times and names would be trusted.
    pub(super) verify: bool,
    /// The region of AWS.
    #[cfg(feature = "aws")]
    pub(super) region: Option<String>,
    /// The profile of AWS's configuration.
    #[cfg(feature = "aws")]
    pub(super) profile: Option<String>,
}

impl Access {
    /// That of a command without arguments of its own.
    pub(super) fn new(pinning: Pinning) -> Self {
        Self {
            connections: CONNECTIONS,
            pinning,
            verify: false,
            #[cfg(feature = "aws")]
            region: None,
            #[cfg(feature = "aws")]
            profile: None,
        }
    }

    /// That of a command that builds.
    pub(super) fn of(arguments: &ResolutionArguments) -> Self {
        let pinning = if arguments.locked { Pinning::Locked } else { Pinning::Add };
        Self { verify: arguments.verify, ..Self::new(pinning) }
    }

    /// Opens the store and the lock, and makes the clients. Nothing is asked yet.
    pub(super) fn context(
        self,
        settings: &Settings,
        terminal: &Arc<Terminal>,
        loaded: &Loaded,
    ) -> Result<Context, Failure> {
        let configuration = configuration(settings)?;
        let store = store(settings)?.with_limit(configuration.store_limit(settings));
        let store = if self.verify { store.verifying() } else { store };
        let certificates =
            settings.certificates.as_deref().map(fs::read).transpose().map_err(Failure::Certificates)?;
        // `limg.lock` beside `limg.yaml`; another definition in the same folder has another.
        let lock_file = loaded.file.with_extension(lock::EXTENSION);
        let lock = Lock::read(&lock_file).map_err(Failure::Lock)?;
        #[cfg(feature = "aws")]
        let aws = Aws::new(AwsOptions {
            profile: self.profile,
            region: self.region,
            certificates: certificates.clone(),
        });
        let docker: Arc<dyn CredentialProvider> = Arc::new(DockerConfig::new(settings.credentials.clone()));
        let credentials = CredentialChain(vec![
            docker,
            #[cfg(feature = "aws")]
            Arc::new(EcrCredentials::new(aws.clone())),
        ]);
        let registries = ClientSettings {
            certificates,
            connections: self.connections,
            ..configuration.registries.for_client()
        };
        let reporter = Arc::<Terminal>::clone(terminal);
        let registry =
            Client::new(registries, Arc::new(credentials), reporter.clone()).map_err(Failure::Registry)?;
        Ok(Context {
            store,
            docker: settings.docker.clone(),
            registry,
            lock_before: Arc::new(lock.clone()),
            lock: Arc::new(Mutex::new(lock)),
            lock_file,
            pinning: self.pinning,
            verify: self.verify,
            #[cfg(feature = "aws")]
            aws,
            reporter,
            stop: Arc::default(),
        })
    }
}
