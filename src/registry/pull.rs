//! Manifests and small documents read from a registry (OCI distribution specification, "Pulling manifests", "Pulling
//! blobs", "Checking if content exists in the registry").
//!
//! Whatever is asked for by digest is checked against it; nothing is kept here.

use std::collections::{BTreeSet, VecDeque};

use reqwest::header::{ACCEPT, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};

use super::client::{Client, Inner, content};
use super::error::{ContentError, RegistryError};
use super::exchange::Request;
use super::index;
use super::login::Scopes;
use super::place::Place;
use super::transport::Answer;
use crate::image::is_index;
use crate::project::{Architecture, Repository};
use crate::store::Digest;
use crate::text::excerpt;

/// The largest manifest: what registries themselves take (OCI distribution specification, "Pushing Manifests").
const MANIFEST_LIMIT: u64 = 4 * 1024 * 1024;

/// The largest document: far more than any config holds, far less than would fill the memory.
const DOCUMENT_LIMIT: u64 = 16 * 1024 * 1024;

/// How many indexes are read for one image: those that tools write lie at most one in another.
const INDEXES: usize = 16;

/// The digest of the content that an answer is about.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A manifest, or an index, as the registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its bytes, which are its truth.
    pub bytes: Vec<u8>,
}

impl Client {
    /// The manifest of the image for `architecture` that `version`, a tag or a digest, stands for. Indexes are gone into.
    ///
    /// # Errors
    /// When there is no such image, or it cannot be read.
    pub async fn resolve(
        &self,
        repository: &Repository,
        version: &str,
        architecture: Architecture,
    ) -> Result<Manifest, RegistryError> {
        let place = self.inner.place(repository).await?;
        let doing = format!("read the manifest {version} of {place}");
        let mut waiting = VecDeque::from([version.to_owned()]);
        let (mut seen, mut offered) = (BTreeSet::new(), BTreeSet::new());
        while let Some(next) = waiting.pop_front() {
            if seen.len() >= INDEXES {
                return Err(content(&doing, ContentError::Endless));
            }
            if !seen.insert(next.clone()) {
                continue;
            }
            let manifest = self.inner.manifest(&place, &next).await?;
            if !is_index(&manifest.media_type) {
                return Ok(manifest);
            }
            let choice =
                index::choose(&manifest.bytes, architecture).map_err(|source| content(&doing, source))?;
            offered.extend(choice.offered);
            waiting.extend(choice.indexes.iter().map(ToString::to_string));
            if let Some(image) = choice.image {
                waiting.push_front(image.to_string());
            }
        }
        let offered = excerpt(&Vec::from_iter(offered).join(", "));
        Err(content(&doing, ContentError::Platform { wanted: architecture, offered }))
    }

    /// The manifest, or index, of a digest.
    ///
    /// # Errors
    /// When there is none, or it cannot be read, or has other bytes.
    pub async fn manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Manifest, RegistryError> {
        let place = self.inner.place(repository).await?;
        self.inner.manifest(&place, digest.as_str()).await
    }

    /// A small blob, such as a config, whole.
    ///
    /// # Errors
    /// When there is none, or it has more than 16 MiB or other bytes than `digest` says.
    pub async fn document(&self, repository: &Repository, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        let place = self.inner.place(repository).await?;
        let doing = format!("read {digest} of {place}");
        let mut attempts = self.inner.attempts(&doing);
        loop {
            match self.inner.document_once(&place, digest, &doing).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    /// The digest of the manifest, or index, that `version`, a tag or a digest, stands for; none if there is no such
    /// version or no such repository.
    ///
    /// # Errors
    /// When the registry does not say.
    pub async fn manifest_digest(
        &self,
        repository: &Repository,
        version: &str,
    ) -> Result<Option<Digest>, RegistryError> {
        let place = self.inner.place(repository).await?;
        let doing = format!("look for the manifest {version} in {place}");
        let mut attempts = self.inner.attempts(&doing);
        loop {
            match self.inner.manifest_digest_once(&place, version, &doing).await {
                Ok(digest) => return Ok(digest),
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    /// Whether the repository has a blob. A repository that does not exist has none.
    ///
    /// # Errors
    /// When the registry does not say.
    pub async fn has_blob(&self, repository: &Repository, digest: &Digest) -> Result<bool, RegistryError> {
        let place = self.inner.place(repository).await?;
        let doing = format!("look for {digest} in {place}");
        let mut attempts = self.inner.attempts(&doing);
        loop {
            match self.inner.has_blob_once(&place, digest, &doing).await {
                Ok(has) => return Ok(has),
                Err(error) => attempts.after(error).await?,
            }
        }
    }
}

impl Inner {
    async fn manifest(&self, place: &Place, version: &str) -> Result<Manifest, RegistryError> {
        let doing = format!("read the manifest {version} of {place}");
        let mut attempts = self.attempts(&doing);
        loop {
            match self.manifest_once(place, version, &doing).await {
                Ok(manifest) => return Ok(manifest),
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    async fn manifest_once(
        &self,
        place: &Place,
        version: &str,
        doing: &str,
    ) -> Result<Manifest, RegistryError> {
        let expected = wanted_digest(version, doing)?;
        let request = manifest_request(place, Method::GET, version, doing);
        let answer = self.ask(place, &request, &[StatusCode::OK]).await?;
        let headers = answer.headers().clone();
        let said = said_digest(&answer);
        let bytes = answer.whole(MANIFEST_LIMIT).await?;
        let digest = Digest::of(&bytes);
        // What the registry says is checked too: bytes that changed on the way are no image of anybody's.
        for expected in expected.iter().chain(&said) {
            check(doing, expected, &digest)?;
        }
        let media_type = index::media_type(&bytes, &headers).map_err(|source| content(doing, source))?;
        Ok(Manifest { digest, media_type, bytes })
    }

    async fn document_once(
        &self,
        place: &Place,
        digest: &Digest,
        doing: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        let request = blob_request(place, Method::GET, digest, doing);
        let bytes = self.ask(place, &request, &[StatusCode::OK]).await?.whole(DOCUMENT_LIMIT).await?;
        check(doing, digest, &Digest::of(&bytes))?;
        Ok(bytes)
    }

    async fn manifest_digest_once(
        &self,
        place: &Place,
        version: &str,
        doing: &str,
    ) -> Result<Option<Digest>, RegistryError> {
        let expected = wanted_digest(version, doing)?;
        let request = manifest_request(place, Method::HEAD, version, doing);
        let answer = self.send(place, &request).await?;
        let said = said_digest(&answer);
        match (answer.status(), expected, said) {
            (StatusCode::NOT_FOUND, ..) => Ok(None),
            (StatusCode::OK, Some(expected), said) => {
                check(doing, &expected, said.as_ref().unwrap_or(&expected))?;
                Ok(Some(expected))
            }
            (StatusCode::OK, None, Some(said)) => Ok(Some(said)),
            // A registry need not say it, or not answer HEAD at all; its manifest tells.
            (StatusCode::OK | StatusCode::METHOD_NOT_ALLOWED, ..) => {
                drop(answer);
                match self.manifest_once(place, version, doing).await {
                    Ok(manifest) => Ok(Some(manifest.digest)),
                    Err(error) if error.is_not_found() => Ok(None),
                    Err(error) => Err(error),
                }
            }
            _ => {
                let refusal = Box::new(answer.refusal().await);
                Err(RegistryError::Refused { doing: doing.to_owned(), refusal })
            }
        }
    }

    /// Whether a repository has a blob, asked once.
    pub(super) async fn has_blob_once(
        &self,
        place: &Place,
        digest: &Digest,
        doing: &str,
    ) -> Result<bool, RegistryError> {
        let request = blob_request(place, Method::HEAD, digest, doing);
        let answer = self.ask(place, &request, &[StatusCode::OK, StatusCode::NOT_FOUND]).await?;
        Ok(answer.status() == StatusCode::OK)
    }
}

/// A request for a manifest by tag or digest.
fn manifest_request<'a>(place: &Place, method: Method, version: &str, doing: &'a str) -> Request<'a> {
    let url = place.url(&["manifests", version]);
    let mut request = Request::new(doing, method, url, Scopes::pull(place.name()));
    request.headers.insert(ACCEPT, HeaderValue::from_static(index::ACCEPT));
    request
}

/// A request for a blob.
pub(super) fn blob_request<'a>(
    place: &Place,
    method: Method,
    digest: &Digest,
    doing: &'a str,
) -> Request<'a> {
    Request::new(doing, method, place.url(&["blobs", digest.as_str()]), Scopes::pull(place.name()))
}

/// The digest that a version is, if it is one.
fn wanted_digest(version: &str, doing: &str) -> Result<Option<Digest>, RegistryError> {
    if !version.contains(':') {
        return Ok(None);
    }
    let unknown = |_| content(doing, ContentError::UnknownDigest(excerpt(version)));
    version.parse().map(Some).map_err(unknown)
}

/// The digest that an answer says its content has, if limg can check it.
pub(super) fn said_digest(answer: &Answer) -> Option<Digest> {
    answer.header(&CONTENT_DIGEST)?.parse().ok()
}

/// Fails unless a digest is the expected one.
pub(super) fn check(doing: &str, expected: &Digest, found: &Digest) -> Result<(), RegistryError> {
    if expected == found {
        return Ok(());
    }
    Err(content(doing, ContentError::Digest { expected: expected.to_string(), found: found.clone() }))
}
