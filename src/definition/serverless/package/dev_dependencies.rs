//! The packages of Node.js that only development needs, which Serverless leaves out (`zip-service.js`).
//!
//! Serverless asks `npm ls`. limg reads what npm itself records about the packages that it has installed, so that folders of
//! other package managers keep all packages.

use std::path::Path;

use serde_json::Value as Json;

use crate::fs;

/// What npm has installed (npm documentation, package-lock.json, "Hidden Lockfiles").
const INSTALLED: &str = "node_modules/.package-lock.json";

/// The limit for that file, in bytes. One of 5,000 packages has about 2 MiB.
const INSTALLED_AT_MOST: u64 = 32 * 1024 * 1024;

/// Patterns in gitignore syntax of all that only development needs below a service's folder. A file that cannot be read
/// counts as missing.
pub(super) fn patterns(service: &Path) -> Vec<String> {
    let Ok(bytes) = fs::read(&service.join(INSTALLED), INSTALLED_AT_MOST) else { return Vec::new() };
    let json: Json = serde_json::from_slice(&bytes).unwrap_or_default();
    let packages = json.get("packages").and_then(Json::as_object).into_iter().flatten();
    let mut patterns = Vec::new();
    for (path, package) in packages {
        let is_development = package.get("dev").and_then(Json::as_bool) == Some(true);
        let Some(end) = path.rfind("node_modules/").filter(|_| is_development && is_plain(path)) else {
            continue;
        };
        patterns.push(format!("/{path}/"));
        let programs = package.get("bin").and_then(Json::as_object).into_iter().flatten();
        let folder = &path[..end];
        let programs = programs.filter(|(name, _)| is_plain(name));
        patterns.extend(programs.map(|(name, _)| format!("/{folder}node_modules/.bin/{name}")));
    }
    patterns
}

/// Whether a path has no character with a meaning in patterns, as the names of packages have none.
fn is_plain(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@/._~+-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::serverless::fixture::folder_with;

    #[test]
    fn what_npm_has_installed_for_development_is_left_out() {
        let lock = r#"{ "lockfileVersion": 3, "packages": {
            "node_modules/left-pad": { "version": "1.3.0" },
            "node_modules/typescript": { "dev": true, "bin": { "tsc": "bin/tsc", "tsserver": "bin/tsserver" } },
            "node_modules/@types/node": { "dev": true, "bin": 7 },
            "node_modules/a/node_modules/b": { "dev": true, "bin": { "b": "b.js" } },
            "node_modules/fsevents": { "devOptional": true, "optional": true },
            "node_modules/odd*": { "dev": true },
            "workspaces/own": { "dev": true }
        } }"#;
        let expected = [
            "/node_modules/@types/node/",
            "/node_modules/a/node_modules/b/",
            "/node_modules/a/node_modules/.bin/b",
            "/node_modules/typescript/",
            "/node_modules/.bin/tsc",
            "/node_modules/.bin/tsserver",
        ];
        let mut found = patterns(folder_with(&[(INSTALLED, lock)]).path());
        found.sort();
        let mut expected = expected.map(str::to_owned).to_vec();
        expected.sort();
        assert_eq!(found, expected);
        for lock in ["", "[]", "{\"packages\": 7}", "{\"packages\": {\"node_modules/a\": 7}}"] {
            assert_eq!(patterns(folder_with(&[(INSTALLED, lock)]).path()), [""; 0], "{lock}");
        }
        assert_eq!(patterns(folder_with(&[]).path()), [""; 0]);
    }
}
