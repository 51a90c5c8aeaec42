//! Which sources are not what runs in Lambda, and the command that makes that of them.
//!
//! limg packs files as they are. Where a project needs a compiler, a bundler or a package manager first, an image of its
//! sources would fail when it starts.

use std::path::Path;

use super::intrinsics::{Expression, Stacks};
use crate::definition::fields::build_output;
use crate::finding::{Code, Finding, Help, Place};
use crate::fs;
use crate::runtime::Language;

/// The tool that builds a project.
pub(super) enum Tool<'a> {
    /// The AWS SAM CLI, with the full name of the resource.
    Sam { name: &'a str },
    /// The AWS CDK, which builds all assets of an app.
    Cdk,
}

impl Tool<'_> {
    /// The command that builds the resource, as one would type it in a shell.
    pub(super) fn command(&self) -> String {
        match self {
            Self::Sam { name } => format!("sam build {name}"),
            Self::Cdk => "cdk synth".to_owned(),
        }
    }
}

/// What to do about a path that does not exist yet, by the folders in which build tools put their results.
pub(super) fn help(path: &Path, runtime: &str, tool: &Tool<'_>) -> Help {
    let command = build_output::command(path, runtime).map_or_else(|| tool.command(), str::to_owned);
    format!("run `{command}` if it makes this path, or correct the path").into()
}

/// Why the folder of a function's code cannot be packed as it is.
pub(super) fn needed_by_function<'t>(
    stacks: &Stacks<'t>,
    resource: &Expression<'t>,
    (runtime, handler): (&str, &str),
    folder: &Path,
) -> Option<String> {
    let method = build_method(stacks, resource);
    if let Some(method) = method.as_deref() {
        let packs_as_is =
            Language::of(method).is_some_and(|it| !matches!(it, Language::Java | Language::DotNet));
        if !packs_as_is {
            return Some(format!("its `BuildMethod` is `{method}`"));
        }
    }
    let names = fs::names_in(folder).ok()?;
    let has = |name: &str| names.iter().any(|own| own == name);
    let has_suffix = |suffix: &str| names.iter().any(|own| own.ends_with(suffix));
    let first = |suffixes: &[&str]| {
        names.iter().find(|own| suffixes.iter().any(|suffix| own.ends_with(suffix))).cloned()
    };
    match Language::of(runtime) {
        Some(Language::DotNet) if !has_suffix(".dll") => first(&[".csproj", ".fsproj", ".vbproj"])
            .map(|project| format!("`{project}` has not been compiled")),
        Some(Language::Java) if !has_suffix(".class") && !has_suffix(".jar") => {
            let is_compiled = ["lib", "com", "org", "io", "META-INF"].iter().any(|name| has(name));
            let project = ["pom.xml", "build.gradle", "build.gradle.kts"].into_iter().find(|name| has(name));
            let project = project.filter(|_| !is_compiled)?;
            Some(format!("the project of `{project}` has not been compiled"))
        }
        Some(Language::Node) => {
            let module = handler.rsplit_once('.').map_or(handler, |(module, _)| module);
            let file = |suffix: &str| folder.join(format!("{module}{suffix}"));
            let exists = |suffix: &str| fs::symlink_metadata(&file(suffix)).is_ok();
            let is_compiled = [".js", ".mjs", ".cjs"].into_iter().any(exists);
            let source = [".ts", ".mts", ".cts", ".tsx"].into_iter().find(|suffix| exists(suffix))?;
            (!is_compiled).then(|| format!("`{module}{source}` has not been compiled to JavaScript"))
        }
        None if !has("bootstrap") => {
            let project =
                ["Cargo.toml", "go.mod", "Package.swift", "Makefile"].into_iter().find(|name| has(name));
            let project = project.map(str::to_owned).or_else(|| first(&[".go", ".csproj"]));
            project.map(|project| format!("there is no `bootstrap` next to `{project}`"))
        }
        _ => None,
    }
}

/// Why the content of a layer cannot be packed as it is: `BuildMethod` puts files into folders of the layer.
pub(super) fn needed_by_layer<'t>(stacks: &Stacks<'t>, resource: &Expression<'t>) -> Option<String> {
    build_method(stacks, resource).map(|method| format!("its `BuildMethod` is `{method}`"))
}

/// The finding about sources that must be built first.
pub(super) fn needed(what: &str, why: &str, stale: bool, tool: &Tool<'_>, place: &Place) -> Finding {
    let command = tool.command();
    let message = if stale {
        format!("{what} must be built first, since {why}; the last build is older than its sources")
    } else {
        format!("{what} must be built first, since {why}")
    };
    let help = Help::from(format!("run `{command}`"));
    let help = if stale { help.or("use `--built` to take the last build") } else { help };
    Finding::error(Code::MissingBuild, place.clone(), message)
        .help(help.or("use `--source` to pack the sources as they are"))
}

/// `BuildMethod` of a resource (AWS SAM developer guide, Building layers; Building with custom runtimes).
fn build_method<'t>(stacks: &Stacks<'t>, resource: &Expression<'t>) -> Option<String> {
    let metadata = stacks.get(resource, "Metadata").ok()??;
    // `sam build` adds it to resources that it has built.
    if stacks.get(&metadata, "SamResourceId").ok()?.is_some() {
        return None;
    }
    let method = stacks.get(&metadata, "BuildMethod").ok()??;
    stacks.text(&method).ok()?.map(|method| method.text)
}
