//! Blobs in a registry: whether they exist, and small ones read into memory (OCI distribution specification, "Pulling
//! blobs", "Checking if content exists in the registry").

use reqwest::{Method, StatusCode};

use super::client::{Client, Inner};
use super::content_digest;
use super::endpoint::Endpoint;
use super::error::RegistryError;
use super::request::{Request, Scopes};
use crate::project::Repository;
use crate::store::Digest;

/// The largest blob that is read into memory: far larger than any image config, far smaller than the memory.
const SMALL_BLOB_LIMIT: u64 = 16 * 1024 * 1024;

impl Client {
    /// Whether the repository has a blob. A repository that does not exist has none.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub async fn has_blob(&self, repository: &Repository, digest: &Digest) -> Result<bool, RegistryError> {
        let inner = &self.inner;
        let endpoint = inner.endpoint(repository).await?;
        let action = format!("look for {digest} in {endpoint}");
        inner.small_attempts(&action).await.run(|| inner.has_blob_once(&endpoint, digest, &action)).await
    }

    /// Reads a small blob, such as an image config.
    ///
    /// # Errors
    /// When the blob does not exist, is larger than 16 MiB, or does not match its digest.
    pub async fn read_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Vec<u8>, RegistryError> {
        let inner = &self.inner;
        let endpoint = inner.endpoint(repository).await?;
        let action = format!("read {digest} of {endpoint}");
        inner.attempts(&action).await.run(|| inner.read_blob_once(&endpoint, digest, &action)).await
    }
}

impl Inner {
    /// Whether a repository has a blob, in one attempt.
    pub(super) async fn has_blob_once(
        &self,
        endpoint: &Endpoint,
        digest: &Digest,
        action: &str,
    ) -> Result<bool, RegistryError> {
        let request = blob_request(endpoint, Method::HEAD, digest, action);
        let response = self.send(endpoint, &request, &[StatusCode::OK, StatusCode::NOT_FOUND]).await?;
        Ok(response.status() == StatusCode::OK)
    }

    async fn read_blob_once(
        &self,
        endpoint: &Endpoint,
        digest: &Digest,
        action: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        let request = blob_request(endpoint, Method::GET, digest, action);
        let bytes = self.send(endpoint, &request, &[StatusCode::OK]).await?.body(SMALL_BLOB_LIMIT).await?;
        content_digest::verify(action, digest, &Digest::of(&bytes))?;
        Ok(bytes)
    }
}

/// A request for a blob.
pub(super) fn blob_request<'a>(
    endpoint: &Endpoint,
    method: Method,
    digest: &Digest,
    action: &'a str,
) -> Request<'a> {
    Request::new(action, method, endpoint.url(&["blobs", digest.as_str()]), Scopes::pull(&endpoint.name))
}
