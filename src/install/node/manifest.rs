//! What manifests and lock files of Node.js say about packages: which ones, and where they are.

use std::path::Path;

use serde_json::Value;

use crate::install::error::InstallError;

/// The largest file that is read, in bytes: a release of Yarn in the project has some.
pub(super) const SIZE_LIMIT: u64 = 64 * 1024 * 1024;

/// The sections of a manifest with packages: those for development first, then those that are needed when it runs.
pub(super) const SECTIONS: &[&str] =
    &["devDependencies", "dependencies", "optionalDependencies", "peerDependencies"];

/// Those for development.
pub(super) const DEVELOPMENT: &[&str] = SECTIONS.split_at(1).0;

/// Those without the packages that are for development.
pub(super) const WITHOUT_DEVELOPMENT: &[&str] = SECTIONS.split_at(1).1;

/// How the locations of packages begin that are on this machine only.
const LOCAL: [&str; 8] = ["file:", "link:", "portal:", "workspace:", "./", "../", "/", "~/"];

/// The text of a file as JSON.
pub(super) fn json(text: &str, path: &Path) -> Result<Value, InstallError> {
    serde_json::from_str(text)
        .map_err(|error| InstallError::Lock { what: path.display().to_string(), why: error.to_string() })
}

/// The packages that a manifest has in some sections, and where they are.
pub(super) fn dependencies<'m>(
    manifest: &'m Value,
    sections: &'m [&str],
) -> impl Iterator<Item = (&'m str, &'m str)> {
    let sections = sections.iter().filter_map(|key| manifest.get(key)?.as_object());
    sections.flatten().map(|(name, location)| (name.as_str(), location.as_str().unwrap_or_default()))
}

/// Whether a package is on this machine only.
pub(super) fn is_local(location: &str) -> bool {
    LOCAL.iter().any(|start| location.starts_with(start))
}

/// The folders of the manifests in a `pnpm-lock.yaml`. pnpm writes it in one form, so that lines are enough.
pub(super) fn importers(lock: &str) -> impl Iterator<Item = &str> {
    let lines = lock.lines().skip_while(|line| line.trim_end() != "importers:").skip(1);
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    let keys = lines.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    keys.filter_map(|key| key.split_once(':')).map(|(key, _)| key.trim_matches(['\'', '"']))
}
