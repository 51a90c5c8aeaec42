//! Uploads a blob that is still being made. Its digest is known only when all of it was written; until then, nothing of it can
//! be seen in the registry.
//!
//! There is one attempt. What is sent too early may be sent for nothing, so the caller has other ways to get the blob there,
//! and this one ends quietly.

use reqwest::Method;
use tokio::sync::SemaphorePermit;

use super::blob_upload::{UploadSession, closing_request, upload_request};
use super::client::{Client, Inner, WRITTEN};
use super::endpoint::Endpoint;
use super::error::RegistryError;
use super::request::Request;
use super::upload_body::UploadBody;
use crate::event::Activity;
use crate::project::Repository;
use crate::store::{Digest, GrowingBlob};

/// An upload session for a blob that is still being made.
pub struct UnfinishedUpload<'a> {
    inner: &'a Inner,
    endpoint: Endpoint,
    action: String,
    session: UploadSession,
    body: UploadBody,
    /// Permission for one operation.
    _permit: Option<SemaphorePermit<'a>>,
}

impl Client {
    /// Opens an upload session for a blob that is still being made; `what` names it in messages.
    ///
    /// # Errors
    /// When the registry does not open one.
    pub async fn open_upload(
        &self,
        repository: &Repository,
        blob: &GrowingBlob,
        what: &str,
    ) -> Result<UnfinishedUpload<'_>, RegistryError> {
        let inner = &*self.inner;
        let endpoint = inner.endpoint(repository).await?;
        let action = format!("upload {what} to {endpoint}");
        let permit = inner.permit().await;
        let session = UploadSession { url: inner.open_session(&endpoint, &action).await? };
        let activity = Activity::Send { what: what.to_owned(), repository: repository.to_string() };
        let body = UploadBody::from_growing(blob.clone()).with_progress(inner.progress(activity, None));
        Ok(UnfinishedUpload { inner, endpoint, action, session, body, _permit: permit })
    }
}

impl UnfinishedUpload<'_> {
    /// Sends the blob as it grows, in one request. Returns the session that has all of it.
    ///
    /// # Errors
    /// When the registry rejects it, the connection breaks, or the blob is abandoned.
    pub async fn send(&self) -> Result<UploadSession, RegistryError> {
        let Self { inner, endpoint, action, session, body, .. } = self;
        let url = inner.send_content(endpoint, &session.url, body, action).await?;
        Ok(UploadSession { url })
    }

    /// Makes the blob of everything that a session has.
    ///
    /// # Errors
    /// When the registry rejects it, or the connection breaks.
    pub async fn close(&self, session: UploadSession, digest: &Digest) -> Result<(), RegistryError> {
        let put = closing_request(&self.endpoint, session.url, digest, &self.action);
        let put = Request { completes: Some(self.sent()), ..put };
        self.inner.close_session(&self.endpoint, &put, digest).await
    }

    /// Gives the session up. A registry that does not learn of it forgets it after a while.
    pub async fn cancel(self) {
        let delete = upload_request(&self.endpoint, Method::DELETE, self.session.url.clone(), &self.action);
        drop(self.inner.send(&self.endpoint, &delete, &WRITTEN).await);
    }

    /// How many bytes of the blob were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.body.sent()
    }
}
