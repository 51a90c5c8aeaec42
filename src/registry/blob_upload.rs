//! Mounts and uploads blobs (OCI distribution specification, "Pushing blobs", "Mounting a blob from another repository").
//!
//! POST opens an upload session, one PATCH sends a large blob in one stream, PUT closes the session. The PUT of a smaller blob
//! has its content, so that no PATCH is needed; and the POST of a small one has it too, which some registries accept and others
//! ignore. Amazon ECR answers PATCH with 201 and a `Range` that does not advance, so neither is checked strictly. After a
//! failure the session is abandoned, since registries differ in its state. Which blobs are uploaded is decided elsewhere.

use std::fmt;
use std::io;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode, Url};

use super::client::{Client, Inner, WRITTEN};
use super::content_digest::verify_stored;
use super::endpoint::Endpoint;
use super::error::RegistryError;
use super::redirect_rules::RedirectError;
use super::request::{Request, Scopes};
use super::retry::{Attempts, Transient as _};
use super::transport::Response;
use super::upload_body::UploadBody;
use super::url::without_secrets;
use crate::event::Activity;
use crate::fs::FsError;
use crate::project::Repository;
use crate::store::{Blob, Digest, GrowingBlob, HashingReader};
use crate::sync::lock;

/// The error codes for a session that can no longer be used.
const LOST_SESSION: [&str; 2] = ["BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"];

/// The error codes for a blob that does not match its digest.
const WRONG_CONTENT: [&str; 2] = ["DIGEST_INVALID", "SIZE_INVALID"];

/// The size in bytes up to which the PUT of a blob has its content. Of a larger blob, the time of one request is a small part.
const IN_PUT: u64 = 1024 * 1024;

/// The size in bytes up to which the POST of a blob has its content while it is not known whether the registry accepts that.
/// It is small: a registry that does not has received it for nothing.
const IN_FIRST_POST: u64 = 64 * 1024;

/// The statuses of registries that reject a POST with content, and may accept one without.
const NOT_IN_POST: [u16; 6] = [400, 405, 411, 413, 415, 501];

/// An open upload of one blob.
pub struct UploadSession {
    /// Where the content is sent. Its query may be a secret.
    pub(super) url: Url,
}

impl fmt::Debug for UploadSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadSession").field("url", &without_secrets(&self.url)).finish()
    }
}

/// The outcome of an attempt to mount a blob.
#[derive(Debug)]
pub enum MountOutcome {
    /// The repository has the blob now.
    Mounted,
    /// The registry did not mount the blob. If it opened an upload session instead, the upload must use that.
    Refused(Option<UploadSession>),
}

/// The outcome of an attempt to start an upload.
enum Started {
    /// The registry has the whole blob.
    Stored,
    /// The content is sent here.
    Session(Url),
}

/// Content to upload.
#[derive(Debug, Clone, Copy)]
pub enum UploadContent<'a> {
    /// A blob on this machine.
    Blob(&'a Blob),
    /// A blob that is still being written.
    Growing(&'a GrowingBlob),
    /// Bytes in memory, such as an image config.
    Bytes(&'a [u8]),
}

impl Client {
    /// Mounts a blob of the repository `from` of the same registry, without transferring it.
    ///
    /// The request names only the blob and its source; some registries reject more.
    ///
    /// # Errors
    /// When the registry cannot be reached. That it does not mount the blob is not an error.
    pub async fn mount(
        &self,
        repository: &Repository,
        digest: &Digest,
        from: &str,
    ) -> Result<MountOutcome, RegistryError> {
        let inner = &self.inner;
        let endpoint = inner.endpoint(repository).await?;
        let action = format!("mount {digest} from {from} into {endpoint}");
        let attempts = inner.small_attempts(&action).await;
        match attempts.run(|| inner.mount_once(&endpoint, digest, from, &action)).await {
            // If more than the mount is wrong, the upload that follows shows it.
            Err(RegistryError::Rejected { .. } | RegistryError::Unauthorised { .. }) => {
                Ok(MountOutcome::Refused(None))
            }
            outcome => outcome,
        }
    }

    /// Uploads a blob, in `session` if there is one. After a transient failure the whole blob is sent again in a new
    /// session.
    ///
    /// # Errors
    /// When the registry rejects the blob, or the blob cannot be read or does not match `digest`.
    pub async fn upload(
        &self,
        repository: &Repository,
        digest: &Digest,
        content: UploadContent<'_>,
        session: Option<UploadSession>,
    ) -> Result<(), RegistryError> {
        let endpoint = self.inner.endpoint(repository).await?;
        let action = format!("upload {digest} to {endpoint}");
        let body = match content {
            UploadContent::Blob(blob) => UploadBody::from_blob(blob.clone()),
            UploadContent::Growing(blob) => UploadBody::from_growing(blob.clone()),
            UploadContent::Bytes(bytes) => UploadBody::from_bytes(Bytes::copy_from_slice(bytes)),
        };
        let activity = Activity::Send { what: digest.to_string(), repository: repository.to_string() };
        let progress = self.inner.progress(activity, body.size());
        let body = body.with_progress(progress);
        let mut session = session;
        let is_small = body.size().is_some_and(|size| size <= IN_FIRST_POST);
        let mut attempts = if is_small {
            self.inner.small_attempts(&action).await
        } else {
            self.inner.attempts(&action).await
        };
        loop {
            let was_given = session.is_some();
            let error = match self.inner.upload_once(&endpoint, digest, &body, session.take(), &action).await
            {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if WRONG_CONTENT.iter().any(|code| error.code() == Some(code)) {
                check_content(content, digest, &action).await?;
            }
            // The session that a mount opened may be unusable.
            let new_session_may_help = is_session_error(&error) || (was_given && error.status().is_some());
            let may_help = error.is_transient() || new_session_may_help || began_again(&error);
            attempts.after_if(may_help, error).await?;
            // Perhaps only the response was lost.
            if self.inner.has_arrived(&endpoint, digest, &mut attempts, &action).await? {
                return Ok(());
            }
        }
    }
}

impl Inner {
    async fn mount_once(
        &self,
        endpoint: &Endpoint,
        digest: &Digest,
        from: &str,
        action: &str,
    ) -> Result<MountOutcome, RegistryError> {
        let from = endpoint.name_of(from);
        let mut url = uploads_url(endpoint);
        url.query_pairs_mut().append_pair("mount", digest.as_str()).append_pair("from", &from);
        let scopes = Scopes { mount_from: Some(from), ..Scopes::push(&endpoint.name) };
        let request = Request::new(action, Method::POST, url, scopes);
        let response = self.send(endpoint, &request, &WRITTEN).await?;
        if response.status() == StatusCode::CREATED {
            return Ok(MountOutcome::Mounted);
        }
        let session = self.session_url(endpoint, &response, action).ok().map(|url| UploadSession { url });
        Ok(MountOutcome::Refused(session))
    }

    /// Whether a blob whose upload failed is in the repository all the same.
    async fn has_arrived(
        &self,
        endpoint: &Endpoint,
        digest: &Digest,
        attempts: &mut Attempts<'_>,
        action: &str,
    ) -> Result<bool, RegistryError> {
        loop {
            match self.has_blob_once(endpoint, digest, action).await {
                // A registry that does not respond to this does not receive the blob either.
                Err(error @ RegistryError::Stalled { .. }) => attempts.after(error).await?,
                outcome => return Ok(outcome.unwrap_or(false)),
            }
        }
    }

    /// Uploads a blob in one attempt and one session.
    async fn upload_once(
        &self,
        endpoint: &Endpoint,
        digest: &Digest,
        body: &UploadBody,
        session: Option<UploadSession>,
        action: &str,
    ) -> Result<(), RegistryError> {
        let mut url = match session {
            Some(session) => session.url,
            None => match self.start(endpoint, digest, body, action).await? {
                Started::Stored => return Ok(()),
                Started::Session(url) => url,
            },
        };
        let is_in_put = body.size().is_some_and(|size| size <= IN_PUT);
        if !is_in_put {
            url = self.send_content(endpoint, &url, body, action).await?;
        }
        let put = closing_request(endpoint, url, digest, action);
        let put =
            if is_in_put { with_content(put, body) } else { Request { completes: Some(body.sent()), ..put } };
        self.close_session(endpoint, &put, digest).await
    }

    /// Opens an upload session. The request has the content of a small blob, so that no session is needed if the registry accepts
    /// that.
    async fn start(
        &self,
        endpoint: &Endpoint,
        digest: &Digest,
        body: &UploadBody,
        action: &str,
    ) -> Result<Started, RegistryError> {
        let accepts = lock(&self.accepts_content_in_post).get(endpoint.root.as_str()).copied();
        let limit = accepts.map_or(IN_FIRST_POST, |accepts| if accepts { IN_PUT } else { 0 });
        if body.size().is_some_and(|size| size <= limit)
            && let Some(started) = self.start_with_content(endpoint, digest, body, action).await?
        {
            return Ok(started);
        }
        self.open_session(endpoint, action).await.map(Started::Session)
    }

    /// Sends a whole blob in the request that opens a session. Nothing if the registry rejects that.
    async fn start_with_content(
        &self,
        endpoint: &Endpoint,
        digest: &Digest,
        body: &UploadBody,
        action: &str,
    ) -> Result<Option<Started>, RegistryError> {
        let remember =
            |accepts| lock(&self.accepts_content_in_post).insert(endpoint.root.to_string(), accepts);
        let mut url = uploads_url(endpoint);
        url.query_pairs_mut().append_pair("digest", digest.as_str());
        let post = with_content(upload_request(endpoint, Method::POST, url, action), body);
        match self.send(endpoint, &post, &WRITTEN).await {
            Ok(response) if is_stored(&response) => {
                remember(true);
                verify_stored(action, digest, &response)?;
                Ok(Some(Started::Stored))
            }
            Ok(response) => {
                remember(false);
                self.session_url(endpoint, &response, action).map(|url| Some(Started::Session(url)))
            }
            Err(error) if error.status().is_some_and(|status| NOT_IN_POST.contains(&status)) => {
                remember(false);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Opens an upload session. Returns the URL at which it continues.
    pub(super) async fn open_session(&self, endpoint: &Endpoint, action: &str) -> Result<Url, RegistryError> {
        let post = upload_request(endpoint, Method::POST, uploads_url(endpoint), action);
        let response = self.send(endpoint, &post, &WRITTEN).await?;
        self.session_url(endpoint, &response, action)
    }

    /// Sends content to a session. Returns the URL at which that continues.
    pub(super) async fn send_content(
        &self,
        endpoint: &Endpoint,
        url: &Url,
        body: &UploadBody,
        action: &str,
    ) -> Result<Url, RegistryError> {
        let patch = with_content(upload_request(endpoint, Method::PATCH, url.clone(), action), body);
        let response = self.send(endpoint, &patch, &WRITTEN).await?;
        // Each response may name a new URL; otherwise the last one stays valid.
        match response.header(&LOCATION) {
            Some(_) => self.session_url(endpoint, &response, action),
            None => Ok(url.clone()),
        }
    }

    /// Sends the request that makes a blob of what a session has.
    pub(super) async fn close_session(
        &self,
        endpoint: &Endpoint,
        put: &Request<'_>,
        digest: &Digest,
    ) -> Result<(), RegistryError> {
        let response = self.send(endpoint, put, &WRITTEN).await?;
        verify_stored(put.action, digest, &response)
    }

    /// The URL at which a response opens or continues an upload session.
    fn session_url(
        &self,
        endpoint: &Endpoint,
        response: &Response,
        action: &str,
    ) -> Result<Url, RegistryError> {
        let location = response.header(&LOCATION);
        let location =
            location.ok_or_else(|| RegistryError::protocol(action, "an upload without a Location"))?;
        let url = self.redirect_rules(endpoint).resolve(response.url(), location);
        let blanked = |source: RedirectError| source.map_url(|url| response.secrets().blank(url));
        url.map_err(|source| RegistryError::redirect(action, blanked(source)))
    }
}

/// The URL at which uploads to a repository start.
fn uploads_url(endpoint: &Endpoint) -> Url {
    // The empty segment gives the slash at the end that the specification requires.
    endpoint.url(&["blobs", "uploads", ""])
}

/// A request of an upload.
pub(super) fn upload_request<'a>(
    endpoint: &Endpoint,
    method: Method,
    url: Url,
    action: &'a str,
) -> Request<'a> {
    Request::new(action, method, url, Scopes::push(&endpoint.name))
}

/// The request that closes a session.
pub(super) fn closing_request<'a>(
    endpoint: &Endpoint,
    mut url: Url,
    digest: &Digest,
    action: &'a str,
) -> Request<'a> {
    url.query_pairs_mut().append_pair("digest", digest.as_str());
    upload_request(endpoint, Method::PUT, url, action)
}

/// The same request with content.
fn with_content<'a>(mut request: Request<'a>, body: &'a UploadBody) -> Request<'a> {
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Request { body: Some(body), ..request }
}

/// Whether the response to a POST with content says that the blob is stored, and not that a session is open.
fn is_stored(response: &Response) -> bool {
    let opens_session = |location: &str| location.contains("/blobs/uploads/");
    response.status() == StatusCode::CREATED && !response.header(&LOCATION).is_some_and(opens_session)
}

/// Whether a new session may help: the session is the cause of an error, or content was changed on the way.
fn is_session_error(error: &RegistryError) -> bool {
    error.status() == Some(StatusCode::RANGE_NOT_SATISFIABLE.as_u16())
        || LOST_SESSION.iter().chain(&WRONG_CONTENT).any(|code| error.code() == Some(code))
}

/// Whether a blob that is still being written began again, so that what was sent of it is of no use.
fn began_again(error: &RegistryError) -> bool {
    matches!(error, RegistryError::Fs(error) if error.source.kind() == io::ErrorKind::Interrupted)
}

/// Fails if the blob on this machine does not match its digest.
async fn check_content(
    content: UploadContent<'_>,
    digest: &Digest,
    action: &str,
) -> Result<(), RegistryError> {
    let UploadContent::Blob(blob) = content else { return Ok(()) };
    let read = blob.clone();
    let found = tokio::task::spawn_blocking(move || {
        let content = HashingReader::new(read.open()?);
        content.finish().map_err(FsError::because("read", &read.path))
    });
    if found.await?? == *digest {
        return Ok(());
    }
    Err(RegistryError::DamagedBlob { action: action.to_owned(), path: blob.path.clone() })
}
