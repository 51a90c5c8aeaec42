//! The code must be what a compiler has made of a project, not the project itself: a runtime loads no sources.
//!
//! Only names are looked at. Whether the class or assembly of a handler is among the files is another rule's.

use super::{Subject, shown};
use crate::finding::{Code, Finding};
use crate::project::ImagePath;
use crate::runtime::{LAYER_ROOT, Language, TASK_ROOT};
use crate::tree::TreeError;

/// The files of projects, the suffixes of what their runtimes load, and how to make that.
const PROJECTS: [Project; 3] = [
    Project {
        language: Language::Java,
        files: &["pom.xml"],
        suffixes: &["class", "jar"],
        command: "mvn package",
        result: "the archive in its `target`",
    },
    Project {
        language: Language::Java,
        files: &["build.gradle", "build.gradle.kts"],
        suffixes: &["class", "jar"],
        command: "gradle build",
        result: "the archive in its `build`",
    },
    Project {
        language: Language::DotNet,
        files: &[".csproj", ".fsproj", ".vbproj"],
        suffixes: &["dll"],
        command: "dotnet publish -c Release -o publish",
        result: "its `publish`",
    },
];

/// How a tool knows a project, and what it makes of it.
struct Project {
    language: Language,
    /// The names of its files, or how they end.
    files: &'static [&'static str],
    suffixes: &'static [&'static str],
    command: &'static str,
    /// Where the result is.
    result: &'static str,
}

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let Subject { function, contract, plan, trees, .. } = subject;
    let language = Language::of(&contract.id);
    for project in PROJECTS.iter().filter(|project| Some(project.language) == language) {
        let Project { files, suffixes, command, result, .. } = project;
        let mut own = trees.code.tree.below(TASK_ROOT).map(|(path, _)| path);
        let is_project = |name: &str| {
            files.iter().any(|file| name == *file || (file.starts_with('.') && name.ends_with(file)))
        };
        let Some(file) = own.find(|path| path.folder() == TASK_ROOT && is_project(path.name())) else {
            continue;
        };
        let is_loaded = |path: &ImagePath| path.suffix().is_some_and(|suffix| suffixes.contains(&suffix));
        let is_users = |path: &ImagePath| [TASK_ROOT, LAYER_ROOT].iter().any(|folder| path.is_below(folder));
        if plan.merged.paths().any(|path| is_users(path) && is_loaded(path)) {
            continue;
        }
        let folder = function.code.files().map(|source| shown(&source.path, &function.places.code));
        let message = format!(
            "the code of `{}` is the project of `{}`, which has not been compiled",
            subject.code_of,
            file.name()
        );
        let place = folder.map(|folder| format!(" in `{folder}`")).unwrap_or_default();
        let help = format!("run `{command}`{place}, and use {result} as the code");
        return Ok(vec![
            Finding::error(Code::UncompiledCode, function.places.code.clone(), message).help(help),
        ]);
    }
    Ok(Vec::new())
}
