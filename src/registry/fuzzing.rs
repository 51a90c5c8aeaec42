//! The parsers of what registries and users' Docker configurations contain, for `crate::fuzzing`.

use std::path::Path;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::error_response::ErrorResponse;
use super::sent_secrets::SentSecrets;
use super::{auth, docker_config, index};
use crate::project::Architecture;

/// The body of a response, or the text of its headers.
pub(crate) fn answer(bytes: &[u8]) {
    let headers = HeaderMap::new();
    let _parsed = index::media_type(bytes, &headers);
    let _parsed = index::choose(bytes, Architecture::Arm64);
    let _parsed =
        ErrorResponse::new(StatusCode::BAD_REQUEST, &headers, bytes, &SentSecrets::default()).is_transient();
    if let Ok(text) = std::str::from_utf8(bytes) {
        auth::fuzz_challenges(text);
    }
}

/// A configuration file of Docker.
pub(crate) fn docker_config(file: &Path) {
    docker_config::fuzz(file);
}
