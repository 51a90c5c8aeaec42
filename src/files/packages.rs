//! Which package a file of an image belongs to, by its path, and what the package's manifest declares.

use std::io::{self, Read};

use serde_json::Value;

/// The most bytes of a manifest that are read.
const MANIFEST_LIMIT: u64 = 1024 * 1024;

/// The longest name or version in bytes. npm allows names of 214 and versions of 256 characters.
const LONGEST_WORD: usize = 256;

/// The folder with packages of Node.js.
const NODE_MODULES: &str = "node_modules/";

/// Name and version of the distribution of Python whose metadata is in a folder (`PyPA`, "Recording installed projects").
#[must_use]
pub fn python_distribution(folder: &str) -> Option<(String, String)> {
    let folder = folder.rsplit('/').next()?;
    let (name, version) = folder.strip_suffix(".dist-info")?.split_once('-')?;
    Some((name.replace('_', "-").to_lowercase(), version.to_owned()))
}

/// The folder of the package of Node.js that a file is in, the innermost if packages contain others.
#[must_use]
pub fn node_package_folder(path: &str) -> Option<&str> {
    let start = path.rfind(NODE_MODULES)?;
    let is_whole_name = start == 0 || path[..start].ends_with('/');
    let name = start + NODE_MODULES.len();
    let mut ends = path[name..].match_indices('/').map(|(end, _)| name + end);
    let end = if path[name..].starts_with('@') { ends.nth(1) } else { ends.next() }?;
    // Names that begin with a dot are those of package managers' own folders.
    Some(&path[..end]).filter(|_| is_whole_name && !path[name..].starts_with('.'))
}

/// Name and version in the manifest of a package of Node.js. Nothing if the path is not that of one, or it has neither.
///
/// # Errors
/// When the content cannot be read.
pub fn node_manifest(path: &str, content: impl Read) -> io::Result<Option<(String, String)>> {
    let is_manifest =
        node_package_folder(path).is_some_and(|folder| path.strip_prefix(folder) == Some("/package.json"));
    if !is_manifest {
        return Ok(None);
    }
    let mut manifest = Vec::new();
    content.take(MANIFEST_LIMIT).read_to_end(&mut manifest)?;
    let manifest: Value = serde_json::from_slice(&manifest).unwrap_or_default();
    let text = |key: &str| {
        let text = manifest.get(key)?.as_str().filter(|text| text.len() <= LONGEST_WORD)?;
        Some(text.to_owned())
    };
    Ok(text("name").zip(text("version")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_known_by_the_folders_of_their_metadata() {
        let python = python_distribution("/var/task/Flask_Cors-4.0.1.dist-info");
        assert_eq!(python, Some(("flask-cors".to_owned(), "4.0.1".to_owned())));
        assert_eq!(python_distribution("/var/task/app"), None);
    }

    #[test]
    fn files_belong_to_the_innermost_package() {
        for (path, folder) in [
            ("/a/node_modules/ms/lib/index.js", Some("/a/node_modules/ms")),
            ("/a/node_modules/ms/node_modules/@s/b/index.js", Some("/a/node_modules/ms/node_modules/@s/b")),
            ("node_modules/ms/index.js", Some("node_modules/ms")),
            ("/a/node_modules/ms", None),
            ("/a/node_modules/@s/b", None),
            ("/a/node_modules/.bin/ms/x", None),
            ("/a/my_node_modules/ms/index.js", None),
            ("/a/index.js", None),
        ] {
            assert_eq!(node_package_folder(path), folder, "{path}");
        }
    }

    #[test]
    fn manifests_are_read_at_their_paths_alone() {
        let read = |path: &str, text: &str| node_manifest(path, text.as_bytes()).unwrap();
        let manifest = r#"{"name": "ms", "version": "2"}"#;
        let package = Some(("ms".to_owned(), "2".to_owned()));
        assert_eq!(read("/var/task/node_modules/ms/package.json", manifest), package);
        for (path, text) in [
            ("/var/task/node_modules/ms/lib/package.json", manifest),
            ("/var/task/package.json", manifest),
            ("/var/task/node_modules/ms/package.json", "{"),
            ("/var/task/node_modules/ms/package.json", "{\"name\": \"ms\"}"),
        ] {
            assert_eq!(read(path, text), None, "{path}: {text}");
        }
    }
}
