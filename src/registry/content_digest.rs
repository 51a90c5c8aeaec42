//! Digests of content: the one that a registry reports, and the one that limg computes.

use reqwest::header::HeaderName;

use super::error::{ContentError, RegistryError};
use super::transport::Response;
use crate::store::Digest;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// The digest that a response reports for its content, if limg can verify it.
pub(super) fn reported(response: &Response) -> Option<Digest> {
    response.header(&CONTENT_DIGEST)?.parse().ok()
}

/// Fails if a digest is not the expected one.
pub(super) fn verify(action: &str, expected: &Digest, found: &Digest) -> Result<(), RegistryError> {
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (expected.to_string(), found.clone());
    Err(RegistryError::content(action, ContentError::Digest { expected, found }))
}

/// Fails if a registry reports that it stored content with another digest.
pub(super) fn verify_stored(
    action: &str,
    expected: &Digest,
    response: &Response,
) -> Result<(), RegistryError> {
    reported(response).map_or(Ok(()), |reported| verify(action, expected, &reported))
}
