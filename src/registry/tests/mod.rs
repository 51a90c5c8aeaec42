//! The client against a registry that misbehaves: whatever happens ends in success or in an error that says what is wrong,
//! and what is kept is right.
//!
//! Every test works at a [`Bench`], which looks for secrets in all errors and events.

mod fetch;
mod hostile;
mod login;
mod pull;
mod push;
mod sweep;

use std::error::Error;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use futures_util::future::{BoxFuture, FutureExt as _};
use serde_json::json;

use super::fake::{Account, Answer, Contents, Fake, SECRET, Scheme};
use super::*;
use crate::event::{Event, Events, Reporter};
use crate::project::Repository;
use crate::store::{Blob, Digest, Store};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The passwords of the user, each of which is given when the last one was asked for once more.
const PASSWORDS: [&str; 2] = ["very-secret:word-1", "very-secret:word-2"];

/// Credentials that give the next password, or token, each time they are asked.
struct User {
    asked: Mutex<Vec<String>>,
    who: Who,
}

impl Credentials for User {
    fn find<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Option<Credential>, CredentialsError>> {
        let mut asked = self.asked.lock().unwrap();
        let number = asked.len().min(PASSWORDS.len() - 1);
        asked.push(host.to_owned());
        let identity = self.who.identity(PASSWORDS[number]);
        let source = "the keeper of passwords".to_owned();
        let found = identity.map(|identity| Credential { identity, source, expires: None });
        std::future::ready(Ok(found)).boxed()
    }
}

/// Who stands behind a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    /// A user with a password.
    User,
    /// A user with a refresh token.
    Refresher,
}

impl Who {
    fn identity(self, password: &str) -> Option<Identity> {
        let password = Secret::new(password);
        match self {
            Self::Nobody => None,
            Self::User => Some(Identity::Password { user: "user".to_owned(), password }),
            Self::Refresher => Some(Identity::Token(password)),
        }
    }
}

/// A fake registry, a client of it, and a store.
struct Bench {
    fake: Fake,
    client: Client,
    user: Arc<User>,
    events: Arc<Events>,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// With a client that nobody stands behind.
    fn new() -> Self {
        Self::of(Who::Nobody)
    }

    /// With a client for somebody.
    fn of(who: Who) -> Self {
        Self::with(who, |_| {})
    }

    /// With a client for somebody, and with settings of its own.
    fn with(who: Who, set: impl FnOnce(&mut Settings)) -> Self {
        Self::made(who, set, |client| client)
    }

    fn made(who: Who, set: impl FnOnce(&mut Settings), temper: impl FnOnce(Client) -> Client) -> Self {
        let (folder, store) = Store::for_test();
        let (fake, events) = (Fake::start(), Arc::new(Events::default()));
        let user = Arc::new(User { asked: Mutex::default(), who });
        let mut settings = Settings { connections: 4, ..Settings::default() };
        set(&mut settings);
        let reporter: Arc<dyn Reporter> = Arc::<Events>::clone(&events);
        let credentials: Arc<dyn Credentials> = Arc::<User>::clone(&user);
        let client = temper(Client::new(settings, credentials, reporter).unwrap().hasty());
        Self { fake, client, user, events, store, _folder: folder }
    }

    /// Shuts the registry's door: from now on it wants to know who asks, and the first password is taken so often, the
    /// second always.
    fn shut(&self, scheme: Scheme, uses: usize) -> &Self {
        let mut state = self.fake.state();
        state.gate.scheme = scheme;
        let account = |password, uses| Account { user: "user", password, uses };
        state.gate.accounts = vec![account(PASSWORDS[0], uses), account(PASSWORDS[1], usize::MAX)];
        drop(state);
        self
    }

    fn repository(&self) -> Repository {
        self.fake.named("shop/orders")
    }

    /// What the registry has of the repository.
    fn contents(&self) -> Contents {
        self.fake.state().repository("shop/orders").clone()
    }

    /// Lets the registry have a blob.
    fn has(&self, bytes: &[u8]) -> Digest {
        self.fake.state().repository("shop/orders").blob(bytes)
    }

    /// Lets the registry have an image, which `latest` stands for.
    fn has_image(&self) -> Image {
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

    /// Fetches a blob that the registry is to have.
    async fn fetch(&self, content: &[u8]) -> Result<Blob, RegistryError> {
        let (digest, size) = (Digest::of(content), content.len() as u64);
        self.client.fetch(&self.repository(), &digest, size, &self.store).await
    }

    /// Uploads something as `content`.
    async fn send(
        &self,
        content: &[u8],
        upload: Upload<'_>,
        session: Option<Session>,
    ) -> Result<(), RegistryError> {
        self.client.upload(&self.repository(), &Digest::of(content), upload, session).await
    }

    /// Uploads bytes at hand.
    async fn write(&self, content: &[u8]) -> Result<(), RegistryError> {
        self.send(content, Upload::Bytes(content), None).await
    }

    /// An error and its causes, on one line, in which there is no secret.
    fn told<E: Error + 'static>(&self, error: &E) -> String {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        keeps_secrets(&text);
        keeps_secrets(&error);
        text.replace(self.fake.host(), "HOST")
    }

    /// The error that something is to end in.
    fn fails<T: Debug>(&self, result: Result<T, RegistryError>) -> (String, RegistryError) {
        let error = result.unwrap_err();
        keeps_secrets(&error.help());
        (self.told(&error), error)
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

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            keeps_secrets(&self.events.0.lock().unwrap());
            keeps_secrets(&self.client);
        }
    }
}

/// Fails if there is a secret in something that may be shown: a password, also in the form in which it is sent, or
/// anything that the fake gives away.
fn keeps_secrets(shown: &impl Debug) {
    let shown = format!("{shown:?}");
    let sent = base64::prelude::BASE64_STANDARD.encode("user:very-secret:word");
    for secret in [SECRET, &sent] {
        assert!(!shown.contains(secret), "`{secret}` is in {shown}");
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
        let part = |blob: &Vec<u8>, media_type: &str| json!({ "mediaType": media_type, "digest": Digest::of(blob), "size": blob.len() });
        let layer = |blob| part(blob, "application/vnd.oci.image.layer.v1.tar+gzip");
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": part(&blobs[0], "application/vnd.oci.image.config.v1+json"),
            "layers": blobs[1..].iter().map(layer).collect::<Vec<_>>(),
        });
        Self { blobs, manifest: manifest.to_string().into_bytes() }
    }
}

/// Bytes without a pattern, the same each time.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// A refusal without words.
fn status(status: u16) -> Answer {
    Answer::new(status)
}
