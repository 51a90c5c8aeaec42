//! Paths that a build tool makes: the command for one that does not exist yet.

use std::path::Path;

use crate::runtime::Language;

/// The command of the tool that puts its results into such a folder, if there is one.
pub(in crate::definition) fn command(path: &Path, runtime: &str) -> Option<&'static str> {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let has = |folder: &[&str]| parts.windows(folder.len()).any(|parts| parts == folder);
    let is_jar = path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("jar"));
    let language = Language::of(runtime);
    if has(&["target", "lambda"]) {
        Some("cargo lambda build --release")
    } else if has(&["build", "libs"]) || has(&["build", "distributions"]) {
        Some("gradle build")
    } else if has(&["target"]) && (is_jar || language == Some(Language::Java)) {
        Some("mvn package")
    } else if has(&["publish"]) || has(&["bin", "Release"]) || has(&["bin", "Debug"]) {
        Some("dotnet publish -c Release")
    } else if has(&["dist"]) && language == Some(Language::Node) {
        Some("npm run build")
    } else {
        None
    }
}
