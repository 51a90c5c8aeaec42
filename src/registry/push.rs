//! Blobs and manifests written into a registry (OCI distribution specification, "Pushing blobs", "Pushing manifests").
//!
//! A blob goes over in one stream: POST opens a session, one PATCH sends everything, PUT closes it. Amazon ECR answers
//! PATCH with 201 and a `Range` that does not move, so neither is looked at closely. A session in which anything failed is
//! given up, since registries differ in what is left of it. Which blobs are to be sent is not decided here.

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode, Url};

use super::client::{Client, Inner, protocol};
use super::error::RegistryError;
use super::exchange::Request;
use super::feed::Feed;
use super::login::Scopes;
use super::place::Place;
use super::pull::{check, said_digest};
use super::retry::Transient;
use super::transfer::Transfer;
use super::transport::Answer;
use crate::event::Direction;
use crate::fs::FsError;
use crate::project::Repository;
use crate::store::{Blob, Digest, HashingReader};

/// The answers that mean that a step of an upload is done.
const DONE: [StatusCode; 4] =
    [StatusCode::OK, StatusCode::CREATED, StatusCode::ACCEPTED, StatusCode::NO_CONTENT];

/// What a registry says, in upper case, of a session that is of no more use.
const LOST_SESSION: [&str; 2] = ["BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"];

/// What a registry says of a blob whose bytes are not those of its digest.
const WRONG_BYTES: [&str; 2] = ["DIGEST_INVALID", "SIZE_INVALID"];

/// An open upload of one blob at a registry.
#[derive(Debug)]
pub struct Session {
    /// Where the content is sent to. Its query may be a secret.
    url: SecretUrl,
}

/// An address that is only shown without its query.
struct SecretUrl(Url);

impl std::fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&super::redirect::shown(&self.0))
    }
}

/// What became of the wish to take a blob over from another repository.
#[derive(Debug)]
pub enum Mount {
    /// The repository has the blob now.
    Mounted,
    /// It has not. Where the registry opened a session for an upload instead, that is to be used.
    Refused(Option<Session>),
}

/// Content to upload.
#[derive(Debug, Clone, Copy)]
pub enum Upload<'a> {
    /// A blob on this machine.
    Blob(&'a Blob),
    /// Bytes at hand, such as a config.
    Bytes(&'a [u8]),
}

impl Client {
    /// Lets `repository` take a blob over from the repository `from` of the same registry, without its bytes.
    ///
    /// Nothing but the mount and the source are named in the request: registries have been seen to refuse more.
    ///
    /// # Errors
    /// When the registry cannot be reached. That it does not mount is none.
    pub async fn mount(
        &self,
        repository: &Repository,
        digest: &Digest,
        from: &str,
    ) -> Result<Mount, RegistryError> {
        let place = self.inner.place(repository).await?;
        let doing = format!("mount {digest} from {from} into {place}");
        let mut attempts = self.inner.attempts(&doing);
        loop {
            let error = match self.inner.mount_once(&place, digest, from, &doing).await {
                Ok(mount) => return Ok(mount),
                Err(error) => error,
            };
            // Whatever is wrong with the mount alone: the upload that follows shows what is wrong with more.
            let no = matches!(error, RegistryError::Refused { .. } | RegistryError::Unauthorised { .. });
            match attempts.after(error).await {
                Ok(()) => {}
                Err(_) if no => return Ok(Mount::Refused(None)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a blob, in `session` if there is one. When it fails in a way that may pass, it is sent again as a whole in a
    /// fresh session.
    ///
    /// # Errors
    /// When the registry does not take the blob, or the blob cannot be read or has other bytes than `digest` says.
    pub async fn upload(
        &self,
        repository: &Repository,
        digest: &Digest,
        content: Upload<'_>,
        session: Option<Session>,
    ) -> Result<(), RegistryError> {
        let place = self.inner.place(repository).await?;
        let doing = format!("upload {digest} to {place}");
        let feed = match content {
            Upload::Blob(blob) => Feed::of_blob(blob.clone()),
            Upload::Bytes(bytes) => Feed::of_bytes(Bytes::copy_from_slice(bytes)),
        };
        let transfer = Transfer::begin(
            self.inner.reporter.clone(),
            Direction::Send,
            repository.to_string(),
            digest.to_string(),
            feed.size(),
        );
        let feed = feed.reported_to(transfer);
        let mut session = session;
        let mut attempts = self.inner.attempts(&doing);
        loop {
            let was_given = session.is_some();
            let error = match self.inner.upload_once(&place, digest, &feed, session.take(), &doing).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if WRONG_BYTES.iter().any(|code| error.code() == Some(code)) {
                check_content(content, digest, &doing).await?;
            }
            // A session that a mount left behind may be worth nothing.
            let fresh_may_do = is_of_session(&error) || (was_given && error.status().is_some());
            attempts.after_if(error.is_transient() || fresh_may_do, error).await?;
            // Perhaps only the answer was lost.
            if self.inner.has_blob_once(&place, digest, &doing).await.unwrap_or(false) {
                return Ok(());
            }
        }
    }

    /// Writes a manifest under `version`, a tag or its digest.
    ///
    /// # Errors
    /// When the registry does not take it. A tag that exists and cannot be changed is none if it stands for this manifest.
    pub async fn put_manifest(
        &self,
        repository: &Repository,
        version: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(), RegistryError> {
        let place = self.inner.place(repository).await?;
        let doing = format!("write the manifest {version} of {place}");
        let digest = Digest::of(bytes);
        let feed = Feed::of_bytes(Bytes::copy_from_slice(bytes));
        let mut attempts = self.inner.attempts(&doing);
        loop {
            let url = place.url(&["manifests", version]);
            let mut request = Request {
                feed: Some(&feed),
                ..Request::new(&doing, Method::PUT, url, Scopes::push(place.name()))
            };
            let media_type = HeaderValue::from_str(media_type)
                .map_err(|_| protocol(&doing, "the manifest's media type cannot stand in a header"))?;
            request.headers.insert(CONTENT_TYPE, media_type);
            let error = match self.inner.ask(&place, &request, &DONE).await {
                Ok(answer) => return stored(&answer, &digest, &doing),
                Err(error) => error,
            };
            if error.is_immutable_tag() {
                let there = self.manifest_digest(repository, version).await;
                return if matches!(there, Ok(Some(there)) if there == digest) { Ok(()) } else { Err(error) };
            }
            attempts.after(error).await?;
        }
    }
}

impl Inner {
    async fn mount_once(
        &self,
        place: &Place,
        digest: &Digest,
        from: &str,
        doing: &str,
    ) -> Result<Mount, RegistryError> {
        let from = place.name_of(from);
        let mut url = uploads(place);
        url.query_pairs_mut().append_pair("mount", digest.as_str()).append_pair("from", &from);
        let scopes = Scopes { from: Some(from), ..Scopes::push(place.name()) };
        let request = Request::new(doing, Method::POST, url, scopes);
        let answer = self.ask(place, &request, &DONE).await?;
        if answer.status() == StatusCode::CREATED {
            return Ok(Mount::Mounted);
        }
        Ok(Mount::Refused(self.session(place, &answer, doing).ok()))
    }

    /// Sends a blob once, in one session.
    async fn upload_once(
        &self,
        place: &Place,
        digest: &Digest,
        feed: &Feed,
        session: Option<Session>,
        doing: &str,
    ) -> Result<(), RegistryError> {
        let scopes = || Scopes::push(place.name());
        let session = if let Some(session) = session {
            session
        } else {
            let request = Request::new(doing, Method::POST, uploads(place), scopes());
            let answer = self.ask(place, &request, &DONE).await?;
            self.session(place, &answer, doing)?
        };
        let SecretUrl(url) = session.url;
        let mut request =
            Request { feed: Some(feed), ..Request::new(doing, Method::PATCH, url.clone(), scopes()) };
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let answer = self.ask(place, &request, &DONE).await?;
        // Each answer may name a new address; one that names none leaves the last.
        let mut url = match answer.header(&LOCATION) {
            Some(_) => self.session(place, &answer, doing)?.url.0,
            None => url,
        };
        drop(answer);
        url.query_pairs_mut().append_pair("digest", digest.as_str());
        let request = Request { finishes: true, ..Request::new(doing, Method::PUT, url, scopes()) };
        let answer = self.ask(place, &request, &DONE).await?;
        stored(&answer, digest, doing)
    }

    /// The session that an answer opens or goes on with.
    fn session(&self, place: &Place, answer: &Answer, doing: &str) -> Result<Session, RegistryError> {
        let location = answer.header(&LOCATION);
        let location = location.ok_or_else(|| protocol(doing, "an upload without a Location"))?;
        let url = self.rules(place, |rules| rules.follow(answer.url(), location));
        let url = url.map_err(|source| RegistryError::Redirect { doing: doing.to_owned(), source })?;
        Ok(Session { url: SecretUrl(url) })
    }
}

/// Where uploads to a repository begin.
fn uploads(place: &Place) -> Url {
    // The empty name at the end gives the slash that the specification has there.
    place.url(&["blobs", "uploads", ""])
}

/// Fails if a registry says that it stored something else than it was sent.
fn stored(answer: &Answer, digest: &Digest, doing: &str) -> Result<(), RegistryError> {
    said_digest(answer).map_or(Ok(()), |said| check(doing, digest, &said))
}

/// Whether something failed for the sake of its session, or for bytes that were changed on the way: the next one may do.
fn is_of_session(error: &RegistryError) -> bool {
    error.status() == Some(StatusCode::RANGE_NOT_SATISFIABLE.as_u16())
        || LOST_SESSION.iter().chain(&WRONG_BYTES).any(|code| error.code() == Some(code))
}

/// Fails if the bytes on this machine are not those of the digest.
async fn check_content(content: Upload<'_>, digest: &Digest, doing: &str) -> Result<(), RegistryError> {
    let Upload::Blob(blob) = content else { return Ok(()) };
    let read = blob.clone();
    let found = tokio::task::spawn_blocking(move || {
        let content = HashingReader::new(read.open()?);
        content.finish().map_err(FsError::because("read", &read.path))
    });
    if found.await?? == *digest {
        return Ok(());
    }
    Err(RegistryError::Damaged { doing: doing.to_owned(), path: blob.path.clone() })
}
