//! Reads lock files and manifests of Python.

use std::path::Path;

use serde::Deserialize;

use super::error::InstallError;
use crate::fs;

/// The largest file that is read, in bytes.
pub(super) const SIZE_LIMIT: u64 = 64 * 1024 * 1024;

/// The text of a file.
pub(super) fn text_of(file: &Path) -> Result<String, InstallError> {
    Ok(fs::read_text(file, SIZE_LIMIT)?)
}

/// What a file in TOML says.
pub(super) fn of_toml<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<T, InstallError> {
    toml::from_str(&text_of(file)?).map_err(|error| InstallError::Lock {
        what: file.display().to_string(),
        why: error.message().to_owned(),
    })
}
