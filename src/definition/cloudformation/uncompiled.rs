//! Whether a folder of code has sources of a compiled language where the result of the compiler should be.
//!
//! Only names are looked at: what a handler names must exist as a file that the runtime loads. Archives of Java are not
//! opened here.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::build_need::{Builder, Need};
use crate::fs;
use crate::runtime::Language;

/// How many levels below the code a project is searched, and in how many folders at most.
const DEPTH: usize = 3;
const FOLDERS_LIMIT: usize = 200;

/// Folders with what tools make, which have no projects of their own.
const OF_TOOLS: [&str; 4] = ["bin", "build", "node_modules", "obj"];

/// The largest `package.json` that is read, in bytes.
const PACKAGE_LIMIT: u64 = 1024 * 1024;

/// Why a folder has to be compiled before it can be the code of a function.
pub(super) fn needed(folder: &Path, runtime: &str, handler: &str) -> Option<Need> {
    match Language::of(runtime) {
        Some(Language::DotNet) => dotnet(folder, handler),
        Some(Language::Java) => java(folder, handler),
        Some(Language::Node) => typescript(folder, handler),
        Some(Language::Python | Language::Ruby) => None,
        None => custom_runtime(folder),
    }
}

/// The assembly of the handler must be there: `ASSEMBLY::TYPE::METHOD`, or its name alone (Lambda developer guide,
/// csharp-handler).
fn dotnet(folder: &Path, handler: &str) -> Option<Need> {
    let assembly = handler.split("::").next().filter(|name| !name.is_empty());
    let exists = |name: String| fs::is_file(&folder.join(name));
    if assembly.is_some_and(|name| exists(format!("{name}.dll")) || exists(name.to_owned())) {
        return None;
    }
    let project =
        find(folder, DEPTH, &|name| [".csproj", ".fsproj", ".vbproj"].iter().any(|it| name.ends_with(it)))?;
    Some(Need { why: format!("`{project}` has not been compiled"), builder: builder_of(&project) })
}

/// The class of the handler must be there, unless an archive in `lib` may have it (Lambda developer guide, java-package).
fn java(folder: &Path, handler: &str) -> Option<Need> {
    let class = handler.split("::").next().unwrap_or_default().replace('.', "/");
    let is_compiled = fs::metadata(&folder.join(format!("{class}.class"))).is_ok();
    let is_archive = |name: &String| Path::new(name).extension().is_some_and(|suffix| suffix == "jar");
    let has_archives = names(&folder.join("lib")).iter().any(is_archive);
    if is_compiled || has_archives {
        return None;
    }
    let is_project = |name: &str| ["pom.xml", "build.gradle", "build.gradle.kts"].contains(&name);
    let project = find(folder, 1, &is_project)?;
    let why = format!("the project of `{project}` has not been compiled");
    Some(Need { why, builder: builder_of(&project) })
}

/// The AWS SAM CLI only builds projects whose file is in the folder that it is given.
fn builder_of(project: &str) -> Builder {
    match project.rsplit_once('/') {
        Some((folder, _)) => Builder::SamIn(folder.to_owned()),
        None => Builder::Sam,
    }
}

/// Without `BuildMethod: esbuild`, the AWS SAM CLI only installs packages, and does not compile.
fn typescript(folder: &Path, handler: &str) -> Option<Need> {
    let module = handler.rsplit_once('.').map_or(handler, |(module, _)| module);
    let file = |suffix: &&str| format!("{module}{suffix}");
    let exists = |file: &String| fs::symlink_metadata(&folder.join(file)).is_ok();
    let compiled = ["", ".js", ".mjs", ".cjs", "/index.js", "/index.mjs", "/index.cjs"];
    // A handler with an absolute path is in a layer.
    let is_loaded = |suffix: &&str| fs::is_file(&folder.join(file(suffix)));
    if module.is_empty() || module.starts_with('/') || compiled.iter().any(is_loaded) {
        return None;
    }
    let sources = [".ts", ".mts", ".cts", ".tsx", "/index.ts", "/index.mts"];
    let why = match sources.iter().map(file).find(exists) {
        Some(source) => format!("`{source}` has not been compiled to JavaScript"),
        None if exists(&"tsconfig.json".to_owned()) => {
            format!("its sources in TypeScript have not been compiled to `{module}.js`")
        }
        None => return None,
    };
    let package = fs::read_text(&folder.join("package.json"), PACKAGE_LIMIT).unwrap_or_default();
    let package: serde_json::Value = serde_json::from_str(&package).unwrap_or_default();
    let has_script = package.pointer("/scripts/build").is_some();
    let command = if has_script { "npm run build" } else { "npx tsc" };
    Some(Need { why, builder: Builder::TypeScript(command) })
}

/// A custom runtime is the program `bootstrap`.
fn custom_runtime(folder: &Path) -> Option<Need> {
    let names = names(folder);
    if names.iter().any(|name| name == "bootstrap") {
        return None;
    }
    // The endings of names, with the build method of the AWS SAM CLI, which by itself runs a makefile only.
    let projects = [
        ("Cargo.toml", Builder::SamWith("rust-cargolambda")),
        ("go.mod", Builder::SamWith("go1.x")),
        (".go", Builder::SamWith("go1.x")),
        (".csproj", Builder::SamWith("dotnet8")),
        ("Package.swift", Builder::SamWithTarget),
        ("Makefile", Builder::SamWithTarget),
    ];
    let project = projects.into_iter().find_map(|(ending, builder)| {
        names.iter().find(|name| name.ends_with(ending)).map(|name| (name, builder))
    });
    let (project, builder) = project?;
    Some(Need { why: format!("there is no `bootstrap` next to `{project}`"), builder })
}

/// The path of the first file that a name fits, in the folder or at most `depth` levels below it.
fn find(folder: &Path, depth: usize, fits: &dyn Fn(&str) -> bool) -> Option<String> {
    let mut folders = VecDeque::from([(PathBuf::new(), 0)]);
    for _ in 0..FOLDERS_LIMIT {
        let (below, level) = folders.pop_front()?;
        let names = names(&folder.join(&below));
        if let Some(name) = names.iter().find(|name| fits(name)) {
            return Some(below.join(name).display().to_string());
        }
        if level < depth {
            let is_folder = |name: &&String| {
                let is_of_tool = name.starts_with('.') || OF_TOOLS.contains(&name.as_str());
                let is_folder = |path: PathBuf| fs::symlink_metadata(&path).is_ok_and(|it| it.is_dir());
                !is_of_tool && is_folder(folder.join(&below).join(name))
            };
            folders.extend(names.iter().filter(is_folder).map(|name| (below.join(name), level + 1)));
        }
    }
    None
}

/// The names in a folder, in their order; none if it cannot be read.
fn names(folder: &Path) -> Vec<String> {
    let mut names = fs::names_in(folder).unwrap_or_default();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::tests::Folder;

    fn why(files: &[&str], runtime: &str, handler: &str) -> Option<String> {
        let folder = Folder::new();
        for file in files {
            folder.write(file, b"x");
        }
        needed(folder.root(), runtime, handler).map(|need| need.why)
    }

    #[test]
    fn the_assembly_of_the_handler_must_be_there() {
        let handler = "Shop::Shop.Function::Handle";
        let needed = Some("`src/Shop/Shop.csproj` has not been compiled".to_owned());
        assert_eq!(why(&["src/Shop/Shop.csproj", "Other.dll"], "dotnet8", handler), needed);
        assert_eq!(why(&["Shop.csproj", "Shop.dll"], "dotnet8", handler), None);
        assert_eq!(why(&["Shop.csproj", "Shop.dll"], "dotnet8", "Shop"), None);
        assert_eq!(why(&["bin/Shop.csproj"], "dotnet8", handler), None);
    }

    #[test]
    fn the_class_of_the_handler_must_be_there() {
        let needed = |project: &str| Some(format!("the project of `{project}` has not been compiled"));
        let why = |files: &[&str]| why(files, "java21", "com.shop.Handler::handle");
        assert_eq!(why(&["build.gradle", "tool.jar", "com/x"]), needed("build.gradle"));
        assert_eq!(why(&["app/pom.xml", "io/x", "META-INF/x"]), needed("app/pom.xml"));
        assert_eq!(why(&["pom.xml", "com/shop/Handler.class"]), None);
        assert_eq!(why(&["pom.xml", "lib/shop.jar"]), None);
        assert_eq!(why(&["shop.jar"]), None);
    }

    #[test]
    fn typescript_must_be_compiled() {
        let why = |files: &[&str], handler: &str| why(files, "nodejs22.x", handler);
        assert_eq!(
            why(&["app/index.ts"], "app.handler").as_deref(),
            Some("`app/index.ts` has not been compiled to JavaScript")
        );
        assert_eq!(
            why(&["tsconfig.json"], "dist/app.handler").as_deref(),
            Some("its sources in TypeScript have not been compiled to `dist/app.js`")
        );
        assert_eq!(why(&["tsconfig.json", "dist/app.js"], "dist/app.handler"), None);
        assert_eq!(why(&["app.ts", "app.mjs"], "app.handler"), None);
        assert_eq!(why(&["tsconfig.json"], "/opt/nodejs/handler.handler"), None);
        assert_eq!(why(&["app.py"], "app.handler"), None);
    }

    #[test]
    fn a_script_that_builds_is_named() {
        let folder = Folder::new();
        folder.write("app.ts", b"x");
        let builder = || needed(folder.root(), "nodejs22.x", "app.handler").map(|need| need.builder);
        assert_eq!(builder(), Some(Builder::TypeScript("npx tsc")));
        folder.write("package.json", br#"{"scripts":{"build":"tsc"}}"#);
        assert_eq!(builder(), Some(Builder::TypeScript("npm run build")));
    }
}
