//! Manifests and indexes, read from and written to a registry (OCI distribution specification, "Pulling manifests",
//! "Pushing manifests", "Checking if content exists in the registry").
//!
//! Content requested by digest is verified against it. Nothing is stored here.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use tokio::time::timeout;

use super::client::{Client, Inner, WRITTEN};
use super::content_digest;
use super::endpoint::Endpoint;
use super::error::{ContentError, RegistryError};
use super::index;
use super::request::{Request, Scopes};
use super::upload_body::UploadBody;
use crate::image::is_index;
use crate::project::{Architecture, Repository};
use crate::store::Digest;
use crate::text::excerpt;

/// The largest manifest, which is what registries accept (OCI distribution specification, "Pushing Manifests").
const MANIFEST_LIMIT: u64 = 4 * 1024 * 1024;

/// How many indexes are read for one image. Tools nest one index in another at most.
const MAX_INDEXES: usize = 16;

/// A manifest or index, as the registry stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The digest of the bytes.
    pub digest: Digest,
    /// The media type.
    pub media_type: String,
    /// The exact bytes.
    pub bytes: Vec<u8>,
}

impl Client {
    /// The manifest of the image for `architecture` under `version`, a tag or a digest. If that is an index, the manifest is
    /// chosen from it, or from the indexes that it lists.
    ///
    /// # Errors
    /// When there is no such image, or it cannot be read.
    pub async fn resolve(
        &self,
        repository: &Repository,
        version: &str,
        architecture: Architecture,
    ) -> Result<Manifest, RegistryError> {
        let endpoint = self.inner.endpoint(repository).await?;
        let error =
            |source| RegistryError::content(&format!("read the manifest {version} of {endpoint}"), source);
        let mut waiting = VecDeque::from([version.to_owned()]);
        let (mut seen, mut offered) = (BTreeSet::new(), BTreeSet::new());
        while let Some(next) = waiting.pop_front() {
            if seen.len() >= MAX_INDEXES {
                return Err(error(ContentError::TooManyIndexes));
            }
            if !seen.insert(next.clone()) {
                continue;
            }
            let manifest = self.inner.manifest(&endpoint, &next).await?;
            if !is_index(&manifest.media_type) {
                return Ok(manifest);
            }
            let choice = index::choose(&manifest.bytes, architecture).map_err(error)?;
            offered.extend(choice.offered);
            waiting.extend(choice.indexes.iter().map(ToString::to_string));
            if let Some(image) = choice.image {
                waiting.push_front(image.to_string());
            }
        }
        let offered = excerpt(&Vec::from_iter(offered).join(", "));
        Err(error(ContentError::Platform { wanted: architecture, offered }))
    }

    /// The manifest or index with a digest.
    ///
    /// # Errors
    /// When it does not exist, cannot be read, or does not match the digest.
    pub async fn manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Manifest, RegistryError> {
        let endpoint = self.inner.endpoint(repository).await?;
        self.inner.manifest(&endpoint, digest.as_str()).await
    }

    /// The digest of the manifest or index under `version`, a tag or a digest; none if the version or the repository does
    /// not exist.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub async fn manifest_digest(
        &self,
        repository: &Repository,
        version: &str,
    ) -> Result<Option<Digest>, RegistryError> {
        let inner = &self.inner;
        let endpoint = inner.endpoint(repository).await?;
        let action = format!("look for the manifest {version} in {endpoint}");
        inner
            .small_attempts(&action)
            .await
            .run(|| inner.manifest_digest_once(&endpoint, version, &action))
            .await
    }

    /// Writes a manifest under `version`, a tag or its digest.
    ///
    /// # Errors
    /// When the registry rejects it, or does not store it within five minutes. A tag that exists and cannot be changed is
    /// not an error if it names this manifest.
    pub async fn put_manifest(
        &self,
        repository: &Repository,
        version: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(), RegistryError> {
        let endpoint = self.inner.endpoint(repository).await?;
        let action = format!("write the manifest {version} of {endpoint}");
        let digest = Digest::of(bytes);
        let media_type = HeaderValue::from_str(media_type).map_err(|_| {
            RegistryError::protocol(&action, "the manifest's media type is not valid in a header")
        })?;
        let body = UploadBody::from_bytes(Bytes::copy_from_slice(bytes));
        let url = endpoint.url(&["manifests", version]);
        let request = Request::new(&action, Method::PUT, url, Scopes::push(&endpoint.name));
        let mut request = Request { body: Some(&body), ..request };
        request.headers.insert(CONTENT_TYPE, media_type);
        let limit = self.inner.manifest_limit;
        let attempts = self.inner.small_attempts(&action).await;
        let sent = timeout(limit, attempts.run(|| self.inner.send(&endpoint, &request, &WRITTEN))).await;
        match sent.unwrap_or_else(|_| Err(RegistryError::OutOfTime { action: action.clone(), limit })) {
            Ok(response) => content_digest::verify_stored(&action, &digest, &response),
            Err(error) if error.is_immutable_tag() => {
                let existing = self.manifest_digest(repository, version).await;
                if matches!(existing, Ok(Some(existing)) if existing == digest) { Ok(()) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }
}

impl Inner {
    async fn manifest(&self, endpoint: &Endpoint, version: &str) -> Result<Manifest, RegistryError> {
        let action = format!("read the manifest {version} of {endpoint}");
        self.attempts(&action).await.run(|| self.manifest_once(endpoint, version, &action)).await
    }

    async fn manifest_once(
        &self,
        endpoint: &Endpoint,
        version: &str,
        action: &str,
    ) -> Result<Manifest, RegistryError> {
        let (digest, bytes, headers) = self.verified_manifest(endpoint, version, action).await?;
        let media_type = index::media_type(&bytes, &headers);
        let media_type = media_type.map_err(|source| RegistryError::content(action, source))?;
        Ok(Manifest { digest, media_type, bytes })
    }

    /// The bytes of a manifest with their digest and the headers of the response.
    async fn verified_manifest(
        &self,
        endpoint: &Endpoint,
        version: &str,
        action: &str,
    ) -> Result<(Digest, Vec<u8>, HeaderMap), RegistryError> {
        let requested = requested_digest(version, action)?;
        let request = manifest_request(endpoint, Method::GET, version, action);
        let response = self.send(endpoint, &request, &[StatusCode::OK]).await?;
        let headers = response.headers().clone();
        let reported = content_digest::reported(&response);
        let bytes = response.body(MANIFEST_LIMIT).await?;
        let digest = Digest::of(&bytes);
        // The reported digest is verified too: it shows bytes that were changed on the way.
        for expected in requested.iter().chain(&reported) {
            content_digest::verify(action, expected, &digest)?;
        }
        Ok((digest, bytes, headers))
    }

    async fn manifest_digest_once(
        &self,
        endpoint: &Endpoint,
        version: &str,
        action: &str,
    ) -> Result<Option<Digest>, RegistryError> {
        let requested = requested_digest(version, action)?;
        let request = manifest_request(endpoint, Method::HEAD, version, action);
        let accepted = [StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
        let response = self.send(endpoint, &request, &accepted).await?;
        let reported = content_digest::reported(&response);
        match (response.status(), requested, reported) {
            (StatusCode::NOT_FOUND, ..) => Ok(None),
            (StatusCode::OK, Some(requested), reported) => {
                content_digest::verify(action, &requested, reported.as_ref().unwrap_or(&requested))?;
                Ok(Some(requested))
            }
            (StatusCode::OK, None, Some(reported)) => Ok(Some(reported)),
            // A registry need not report the digest, or not support HEAD at all; then the manifest shows it.
            _ => {
                drop(response);
                match self.verified_manifest(endpoint, version, action).await {
                    Ok((digest, ..)) => Ok(Some(digest)),
                    Err(error) if error.is_not_found() => Ok(None),
                    Err(error) => Err(error),
                }
            }
        }
    }
}

/// A request for a manifest by tag or digest.
fn manifest_request<'a>(endpoint: &Endpoint, method: Method, version: &str, action: &'a str) -> Request<'a> {
    let url = endpoint.url(&["manifests", version]);
    let mut request = Request::new(action, method, url, Scopes::pull(&endpoint.name));
    request.headers.insert(ACCEPT, HeaderValue::from_static(index::ACCEPT));
    request
}

/// The digest in a version, if it is one.
fn requested_digest(version: &str, action: &str) -> Result<Option<Digest>, RegistryError> {
    if !version.contains(':') {
        return Ok(None);
    }
    let unsupported = |_| RegistryError::content(action, ContentError::UnsupportedDigest(excerpt(version)));
    version.parse().map(Some).map_err(unsupported)
}
