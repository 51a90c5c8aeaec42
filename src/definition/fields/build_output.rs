//! Paths that a build tool makes: what to do about one that does not exist yet.
//!
//! `sam build` is never the answer: it reads the paths of a template, and creates none of them.

use std::path::Path;

use crate::finding::Help;
use crate::runtime::Language;

/// Suffixes of files that a tool packs.
const ARCHIVES: [&str; 4] = ["zip", "jar", "war", "gz"];

/// The help for a path of a function with a runtime, or of a layer. Nothing if only similar names can help.
pub(in crate::definition) fn help(path: &Path, runtime: &str) -> Option<Help> {
    match (command(path, runtime), archive(path)) {
        (Some(command), _) => {
            Some(format!("run `{command}` if it makes this path, or correct the path").into())
        }
        (None, Some(_)) => Some("create it, or correct the path".into()),
        (None, None) => None,
    }
}

/// The suffix of an archive.
fn archive(path: &Path) -> Option<&'static str> {
    let suffix = path.extension()?;
    ARCHIVES.into_iter().find(|archive| suffix.eq_ignore_ascii_case(archive))
}

/// The command of the tool that puts its results into such a folder, if there is one.
pub(in crate::definition) fn command(path: &Path, runtime: &str) -> Option<&'static str> {
    let archive = archive(path);
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let has = |folder: &[&str]| parts.windows(folder.len()).any(|parts| parts == folder);
    let language = Language::of(runtime);
    let is_java = archive == Some("jar") || language == Some(Language::Java);
    let is_of_dotnet = has(&["bin", "Release"]) || has(&["bin", "Debug"]);
    if has(&["target", "lambda"]) {
        Some("cargo lambda build --release")
    } else if has(&[".serverless"]) {
        archive.map(|_| "serverless package")
    } else if is_java && has(&["build"]) {
        Some("gradle build")
    } else if has(&["target"]) && (is_java || archive.is_some()) {
        Some("mvn package")
    } else if is_of_dotnet && archive.is_some() {
        Some("dotnet lambda package")
    } else if is_of_dotnet || (archive.is_none() && has(&["publish"])) {
        Some("dotnet publish -c Release")
    } else if archive.is_none() && has(&["dist"]) && language == Some(Language::Node) {
        Some("npm run build")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_suffixes_name_the_tool() {
        for (path, runtime, expected) in [
            ("target/lambda/api", "provided.al2023", Some("cargo lambda build --release")),
            (".serverless/api.zip", "python3.12", Some("serverless package")),
            ("build/dist/app.jar", "java21", Some("gradle build")),
            ("build/distributions/app.zip", "java21", Some("gradle build")),
            ("target/app.jar", "java21", Some("mvn package")),
            ("target/function.zip", "provided.al2023", Some("mvn package")),
            ("src/bin/Release/net8.0/app.zip", "dotnet8", Some("dotnet lambda package")),
            ("bin/Release/net8.0/publish", "dotnet8", Some("dotnet publish -c Release")),
            ("publish", "dotnet8", Some("dotnet publish -c Release")),
            ("dist/api", "nodejs22.x", Some("npm run build")),
            ("build/app.zip", "python3.12", None),
            ("functions/order", "python3.12", None),
        ] {
            assert_eq!(command(Path::new(path), runtime), expected, "{path}");
        }
        assert!(help(Path::new("functions/order"), "python3.12").is_none());
        let archive = help(Path::new("build/app.zip"), "python3.12").and_then(|help| help.render(|_| None));
        assert_eq!(archive.as_deref(), Some("create it, or correct the path"));
    }
}
