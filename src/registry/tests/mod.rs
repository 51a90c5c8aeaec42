//! The client with a registry that misbehaves: every operation succeeds or ends with an error that names the cause, and
//! everything that is stored is correct.
//!
//! Every test has a [`Fixture`], which searches all errors and events for secrets.

mod auth;
mod blob_download;
mod blob_upload;
mod fault_at_each_request;
mod hostile;
mod manifests;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use futures_util::future::{BoxFuture, FutureExt as _};
use serde_json::json;

use super::fake::{Account, AuthScheme, Fake, RepositoryContents, Response, SECRET};
use super::*;
use crate::event::{Event, Events, Reporter};
use crate::failure::Failure as _;
use crate::project::{Architecture, Repository};
use crate::store::{Blob, Digest, Store};
use crate::text::with_causes;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The passwords of the user. Each look-up gives the next one.
const PASSWORDS: [&str; 2] = ["very-secret:word-1", "very-secret:word-2"];

/// Gives the next password, or refresh token, at each look-up.
struct User {
    asked: Mutex<Vec<String>>,
    who: Who,
}

impl CredentialProvider for User {
    fn find<'a>(
        &'a self,
        repository: &'a Repository,
    ) -> BoxFuture<'a, Result<FoundCredential, CredentialError>> {
        let mut asked = self.asked.lock().unwrap();
        let number = asked.len().min(PASSWORDS.len() - 1);
        asked.push(repository.host.clone());
        let identity = self.who.identity(PASSWORDS[number]);
        let source = "the password store".to_owned();
        let credential = identity.map(|identity| Credential { identity, source, expires: None });
        std::future::ready(Ok(FoundCredential { credential, for_registry: true })).boxed()
    }
}

/// The user of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Anonymous,
    /// A user with a password.
    User,
    /// A user with a refresh token.
    TokenUser,
}

impl Who {
    fn identity(self, password: &str) -> Option<Identity> {
        let password = Secret::new(password);
        match self {
            Self::Anonymous => None,
            Self::User => Some(Identity::Password { user: "user".to_owned(), password }),
            Self::TokenUser => Some(Identity::Token(password)),
        }
    }
}

/// A fake registry, a client of it, and a store.
struct Fixture {
    fake: Fake,
    client: Client,
    user: Arc<User>,
    events: Arc<Events>,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Fixture {
    /// With an anonymous client.
    fn new() -> Self {
        Self::of(Who::Anonymous)
    }

    /// With a client for a user.
    fn of(who: Who) -> Self {
        Self::with(who, |_| {})
    }

    /// With a client for a user, and with changed settings.
    fn with(who: Who, set: impl FnOnce(&mut ClientSettings)) -> Self {
        Self::create(who, set, |client| client)
    }

    fn create(
        who: Who,
        set: impl FnOnce(&mut ClientSettings),
        change: impl FnOnce(Client) -> Client,
    ) -> Self {
        let (folder, store) = Store::for_test();
        let (fake, events) = (Fake::start(), Arc::new(Events::default()));
        let user = Arc::new(User { asked: Mutex::default(), who });
        let mut settings = ClientSettings { connections: 4, ..ClientSettings::default() };
        set(&mut settings);
        let reporter: Arc<dyn Reporter> = Arc::<Events>::clone(&events);
        let credentials: Arc<dyn CredentialProvider> = Arc::<User>::clone(&user);
        let client = change(Client::new(settings, credentials, reporter).unwrap().with_short_waits());
        Self { fake, client, user, events, store, _folder: folder }
    }

    /// Makes the registry require authentication. It accepts the first password `uses` times, the second one always.
    fn require_auth(&self, scheme: AuthScheme, uses: usize) -> &Self {
        let mut state = self.fake.state();
        state.auth.scheme = scheme;
        let account = |password, uses| Account { user: "user", password, uses };
        state.auth.accounts = vec![account(PASSWORDS[0], uses), account(PASSWORDS[1], usize::MAX)];
        drop(state);
        self
    }

    fn repository(&self) -> Repository {
        self.fake.repository("shop/orders")
    }

    /// The contents of the repository at the registry.
    fn contents(&self) -> RepositoryContents {
        self.fake.state().repository("shop/orders").clone()
    }

    /// Adds a blob to the registry.
    fn add_blob(&self, bytes: &[u8]) -> Digest {
        self.fake.state().repository("shop/orders").blob(bytes)
    }

    /// Adds an image to the registry, tagged `latest`.
    fn add_image(&self) -> Image {
        let image = Image::new();
        let mut state = self.fake.state();
        let repository = state.repository("shop/orders");
        for blob in &image.blobs {
            repository.blob(blob);
        }
        repository.manifest(MANIFEST, &image.manifest, Some("latest"));
        drop(state);
        image
    }

    async fn resolve(&self, version: &str) -> Result<Manifest, RegistryError> {
        self.client.resolve(&self.repository(), version, Architecture::X86_64).await
    }

    /// Fetches the blob with some content.
    async fn fetch(&self, content: &[u8]) -> Result<Blob, RegistryError> {
        let (digest, size) = (Digest::of(content), content.len() as u64);
        self.client.fetch(&self.repository(), &digest, size, &self.store).await
    }

    /// Uploads something under the digest of `content`.
    async fn upload_as(
        &self,
        content: &[u8],
        upload: UploadContent<'_>,
        session: Option<UploadSession>,
    ) -> Result<(), RegistryError> {
        self.client.upload(&self.repository(), &Digest::of(content), upload, session).await
    }

    /// Uploads bytes in memory.
    async fn upload_bytes(&self, content: &[u8]) -> Result<(), RegistryError> {
        self.upload_as(content, UploadContent::Bytes(content), None).await
    }

    /// An error and its causes, on one line. Fails if it shows a secret.
    fn message(&self, error: &RegistryError) -> String {
        let text = with_causes(error);
        assert_no_secret(&text);
        assert_no_secret(error);
        text.replace(self.fake.host(), "HOST")
    }

    /// The error that an operation is expected to end with, and its message.
    fn fails<T: Debug>(&self, result: Result<T, RegistryError>) -> (String, RegistryError) {
        let error = result.unwrap_err();
        assert_no_secret(&error.help());
        (self.message(&error), error)
    }

    fn retries(&self) -> Vec<String> {
        let events = self.events.0.lock().unwrap();
        let cause = |event: &Event| match event {
            Event::Retry { cause, .. } => Some(cause.clone()),
            _ => None,
        };
        events.iter().filter_map(cause).collect()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_no_secret(&self.events.0.lock().unwrap());
            assert_no_secret(&self.client);
        }
    }
}

/// Fails if something that may be shown contains a secret: a password, also in its encoded form, or a secret of the fake
/// registry.
fn assert_no_secret(shown: &impl Debug) {
    let shown = format!("{shown:?}");
    let sent = base64::prelude::BASE64_STANDARD.encode("user:very-secret:word");
    for secret in [SECRET, &sent] {
        assert!(!shown.contains(secret), "{shown} contains `{secret}`");
    }
}

/// An image with a config and two layers.
struct Image {
    /// The first is the config.
    blobs: Vec<Vec<u8>>,
    manifest: Vec<u8>,
}

impl Image {
    fn new() -> Self {
        let config = json!({ "architecture": "amd64", "os": "linux" }).to_string().into_bytes();
        let blobs = vec![config, noise(1, 10_000), noise(2, 30_000)];
        let descriptor = |blob: &Vec<u8>, media_type: &str| json!({ "mediaType": media_type, "digest": Digest::of(blob), "size": blob.len() });
        let layer = |blob| descriptor(blob, "application/vnd.oci.image.layer.v1.tar+gzip");
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": descriptor(&blobs[0], "application/vnd.oci.image.config.v1+json"),
            "layers": blobs[1..].iter().map(layer).collect::<Vec<_>>(),
        });
        Self { blobs, manifest: manifest.to_string().into_bytes() }
    }
}

/// Reproducible bytes without a pattern.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// An error response without a body.
fn status(status: u16) -> Response {
    Response::new(status)
}
