//! What commands work with: the store, registries, AWS and the lock, as settings and arguments configure them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::args::CommonBuildArguments;
use super::config_yaml::Configuration;
use super::error::CommandError;
use super::render::Terminal;
use super::settings::Settings;
#[cfg(feature = "aws")]
use crate::aws::{Aws, AwsLayerVersions, AwsOptions, EcrCredentials};
use crate::finding::S3Object;
use crate::fs;
use crate::install::Programs;
#[cfg(not(feature = "aws"))]
use crate::layer_version::WithoutAws;
use crate::pipeline::{BasePrograms, Context, Pinning, Pins};
use crate::project::ImageLocation;
use crate::registry::{Client, ClientSettings, CredentialChain, CredentialProvider, DockerConfig};
use crate::store::{Digest, Store};
use crate::text::with_causes;

/// The most bytes of a file of certificates: many times the size of a system's own.
const CERTIFICATES_LIMIT: u64 = 16 * 1024 * 1024;

/// The digests of the objects that were fetched.
pub(super) type ObjectPins = BTreeMap<S3Object, Digest>;

/// How many requests to registries run at once, unless a command has an option for it.
const CONNECTIONS: usize = 8;

/// Reads `config.yaml`.
pub(super) fn configuration(settings: &Settings) -> Result<Configuration, CommandError> {
    Ok(Configuration::read(settings.configuration.as_ref(), &settings.mirrors)?)
}

pub(super) fn store(settings: &Settings) -> Result<Store, CommandError> {
    let root = settings.store.as_deref().ok_or(CommandError::NoStore)?;
    Store::open(root).map_err(|source| CommandError::Store { root: root.to_owned(), source })
}

/// The certificates of `--ca-file`.
fn certificates(settings: &Settings) -> Result<Option<Vec<u8>>, CommandError> {
    settings
        .certificates
        .as_deref()
        .map(|file| fs::read(file, CERTIFICATES_LIMIT))
        .transpose()
        .map_err(CommandError::Certificates)
}

/// An image that exists, as the user named it, and what it is read with. What a reference means now counts, and nothing is pinned.
pub(super) fn of_image(
    image: &str,
    verify: bool,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<(ImageLocation, Context), CommandError> {
    let location: ImageLocation = image
        .parse()
        .map_err(|error| CommandError::ImageArgument { image: image.to_owned(), source: Box::new(error) })?;
    let options = ContextOptions { verify, ..ContextOptions::new(Pinning::Renew) };
    let context = options.open(settings, terminal, PathBuf::new())?;
    Ok((location.relative_to(&settings.directory), context))
}

/// AWS with a region and a profile of its configuration; without them, those of the environment.
#[cfg(feature = "aws")]
pub(super) fn aws(
    settings: &Settings,
    region: Option<String>,
    profile: Option<String>,
) -> Result<Aws, CommandError> {
    let certificates = certificates(settings)?;
    Ok(Aws::new(AwsOptions { profile, region, certificates, proxies: settings.proxies.clone() }))
}

/// Keeps the store below its limit after a successful command. A failure to do so is a warning: the command has done
/// its work.
pub(super) fn close(context: Context, terminal: &Terminal) {
    let store = context.store.clone();
    // Only the last user of the store can remove anything.
    drop(context);
    if let Err(error) = store.close() {
        let help = "run `limg cache prune` to bring the store below its limit";
        terminal.warning(&with_causes(&error), Some(help));
    }
}

/// Leaves the results of a command to the end of the process, which frees the paths of all files at once. Freeing
/// them one by one takes longer than a short command.
pub(super) fn leak<T>(results: Vec<T>) {
    std::mem::forget(results);
}

/// What the arguments of a command decide.
#[derive(Debug)]
pub(super) struct ContextOptions {
    /// How many requests to registries run at once.
    pub(super) connections: usize,
    /// How many of them may fetch one large layer.
    pub(super) requests_per_layer: usize,
    /// What to do about references that `limg.lock` lacks.
    pub(super) pinning: Pinning,
    /// Whether no registry may be contacted.
    pub(super) offline: bool,
    /// Whether to verify the contents of files and blobs instead of trusting timestamps and names.
    pub(super) verify: bool,
    /// Whether programs of base images may run, and those that do.
    pub(super) base_programs: BasePrograms,
    /// The objects in S3 that were fetched for the definition, for limg.lock to pin.
    pub(super) objects: ObjectPins,
    /// AWS, unless the region and profile of the environment are to be used.
    #[cfg(feature = "aws")]
    pub(super) aws: Option<Aws>,
}

impl ContextOptions {
    /// The options of a command without arguments that matter here.
    pub(super) fn new(pinning: Pinning) -> Self {
        Self {
            connections: CONNECTIONS,
            requests_per_layer: 1,
            pinning,
            offline: false,
            verify: false,
            base_programs: BasePrograms::default(),
            objects: ObjectPins::new(),
            #[cfg(feature = "aws")]
            aws: None,
        }
    }

    /// The options of a command that builds.
    pub(super) fn of_build(arguments: &CommonBuildArguments, objects: ObjectPins) -> Self {
        let base_programs = BasePrograms::new(arguments.definition.allow_base_programs);
        let requests_per_layer = arguments.requests_per_layer.into();
        let verify = arguments.verify;
        Self { requests_per_layer, verify, base_programs, objects, ..Self::new(arguments.pinning()) }
    }

    /// Opens the store, reads the lock file, which need not exist, and creates the clients, which send nothing yet.
    pub(super) fn open(
        self,
        settings: &Settings,
        terminal: &Arc<Terminal>,
        lock_file: PathBuf,
    ) -> Result<Context, CommandError> {
        let configuration = configuration(settings)?;
        let store = store(settings)?.with_limit(configuration.store_limit(settings.store_limit));
        let store = if self.verify { store.verifying() } else { store };
        let pins = Pins::read(lock_file, self.pinning).map_err(CommandError::Lock)?;
        for (object, sha256) in self.objects {
            pins.pin_object(&object, sha256);
        }
        let certificates = certificates(settings)?;
        #[cfg(feature = "aws")]
        let aws = self.aws.unwrap_or_else(|| {
            let (certificates, proxies) = (certificates.clone(), settings.proxies.clone());
            Aws::new(AwsOptions { certificates, proxies, ..AwsOptions::default() })
        });
        let docker: Arc<dyn CredentialProvider> = Arc::new(DockerConfig::new(settings.credentials.clone()));
        let credentials = CredentialChain(vec![
            docker,
            #[cfg(feature = "aws")]
            Arc::new(EcrCredentials::new(aws.clone())),
        ]);
        let registries = ClientSettings {
            certificates,
            proxies: settings.proxies.clone(),
            offline: self.offline,
            connections: self.connections,
            requests_per_blob: self.requests_per_layer,
            ..configuration.registries.for_client()
        };
        let reporter = Arc::<Terminal>::clone(terminal);
        let registry = Client::new(registries, Arc::new(credentials), reporter.clone())
            .map_err(CommandError::Registry)?;
        #[cfg(feature = "aws")]
        let layer_versions =
            AwsLayerVersions::new(aws, store.clone(), reporter.clone()).offline(self.offline);
        #[cfg(not(feature = "aws"))]
        let layer_versions = WithoutAws;
        Ok(Context {
            store,
            docker: settings.docker.clone(),
            registry,
            pins,
            verify: self.verify,
            programs: Programs::new(&settings.credentials.path),
            base_programs: self.base_programs,
            layer_versions: Arc::new(layer_versions),
            reporter,
            stop: Arc::default(),
        })
    }
}
