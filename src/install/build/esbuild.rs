//! esbuild: which one runs, with which options, and what it writes about its failure.
//!
//! Defaults and the search for entry points are those of the AWS SAM CLI (AWS Lambda Builders, `nodejs_npm_esbuild`). Folders
//! have fixed names and every path is relative, so that the output has no name of a temporary folder.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::error::BuildError;
use super::{SOURCES, external};
use crate::fs;
use crate::install::Installer;
use crate::install::error::InstallError;
use crate::install::folder::Sources;
use crate::install::program::{Ended, Program};
use crate::project::{Bundle, BundleOption};
use crate::text::{excerpt, nearest};

/// What is not copied (AWS Lambda Builders, `nodejs_npm_esbuild`, `EXCLUDED_FILES`).
pub(super) const NOT_COPIED: &[&str] = &[".aws-sam", ".git", "node_modules"];

/// Its script in the folder of the project, which starts the program for a machine.
const SCRIPT: &str = "node_modules/esbuild/bin/esbuild";

/// The program itself for the machine that builds, which is a package of its own since esbuild 0.16.
const PROGRAM: Option<&str> = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
    Some("node_modules/@esbuild/linux-x64/bin/esbuild")
} else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
    Some("node_modules/@esbuild/linux-arm64/bin/esbuild")
} else if cfg!(all(target_os = "macos", target_arch = "x86_64")) {
    Some("node_modules/@esbuild/darwin-x64/bin/esbuild")
} else if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
    Some("node_modules/@esbuild/darwin-arm64/bin/esbuild")
} else {
    None
};

/// What it writes about the modules of the bundles, next to the folder where it runs.
const METAFILE: &str = "meta.json";

/// The largest such file that is read, in bytes: some hundred for each module.
const METAFILE_LIMIT: u64 = 256 * 1024 * 1024;

/// The suffixes of entry points without one, in the order in which they are tried. The AWS SAM CLI knows the first two.
const SUFFIXES: [&str; 6] = [".ts", ".js", ".mts", ".mjs", ".tsx", ".jsx"];

/// Variables that would make it run another program, or find packages elsewhere.
const VARIABLES: [(&str, &str); 4] =
    [("ESBUILD_BINARY_PATH", ""), ("NODE_PATH", ""), ("NO_COLOR", "1"), ("FORCE_COLOR", "0")];

/// Files next to the folder of the project, at which its search for settings ends.
const ENDS_OF_SEARCH: [&str; 2] = ["package.json", "tsconfig.json"];

/// How many errors a message has.
const ERRORS: usize = 3;

/// What esbuild writes about its work (esbuild documentation, metafile).
#[derive(Deserialize)]
struct Metafile {
    inputs: serde_json::Map<String, Value>,
}

/// Whether a manifest names esbuild, so that no other one may run.
pub(super) fn is_named(manifest: &Value) -> bool {
    ["dependencies", "devDependencies", "optionalDependencies"]
        .iter()
        .any(|section| manifest.get(section).is_some_and(|packages| packages.get("esbuild").is_some()))
}

/// The files with which the bundles begin.
pub(super) fn entry_points(bundle: &Bundle, sources: &Sources) -> Result<Vec<String>, BuildError> {
    let find = |written: &String| {
        let plain = written.strip_prefix("./").unwrap_or(written);
        let has_suffix = Path::new(plain).extension().is_some() && sources.has_file(plain);
        let mut named = SUFFIXES.iter().map(|suffix| format!("{plain}{suffix}"));
        let found =
            if has_suffix { Some(plain.to_owned()) } else { named.find(|name| sources.has_file(name)) };
        found.ok_or_else(|| BuildError::EntryPoint {
            entry_point: written.clone(),
            near: nearest(plain, sources.files()).map(str::to_owned),
        })
    };
    bundle.entry_points.iter().map(find).collect()
}

/// The arguments of a bundle.
pub(super) fn arguments(entry_points: &[String], bundle: &Bundle, manifest: Option<&Value>) -> Vec<String> {
    // An entry point that begins with `-` is not an option.
    let mut arguments: Vec<String> = entry_points.iter().map(|file| format!("./{file}")).collect();
    arguments.extend(["--bundle", "--platform=node", "--outdir=../out", "--color=false"].map(str::to_owned));
    arguments.push(format!("--metafile=../{METAFILE}"));
    for (name, default) in
        [("target", "=es2020"), ("format", "=cjs"), ("minify", ""), ("log-level", "=warning")]
    {
        if bundle.option(name).is_none() {
            arguments.push(format!("--{name}{default}"));
        }
    }
    if external::are_all(bundle) {
        let names = manifest.and_then(|manifest| manifest.get("dependencies")?.as_object());
        arguments.extend(names.into_iter().flatten().map(|(name, _)| format!("--external:{name}")));
    }
    for (name, value) in &bundle.options {
        match value {
            BundleOption::Flag(true) => arguments.push(format!("--{name}")),
            BundleOption::Flag(false) if ["sources-content", "tree-shaking"].contains(&name.as_str()) => {
                arguments.push(format!("--{name}=false"));
            }
            // The default of all others.
            BundleOption::Flag(false) => {}
            BundleOption::Text(text) => arguments.push(format!("--{name}={text}")),
            BundleOption::List(_) if name == "external" && external::are_all(bundle) => {}
            BundleOption::List(items) => {
                arguments.extend(items.iter().map(|item| format!("--{name}:{item}")));
            }
        }
    }
    arguments
}

/// Runs the project's own esbuild, or the one of the search path if it has none, in a folder with the sources and packages.
pub(super) fn run(
    installer: &Installer,
    workshop: &Path,
    arguments: &[String],
    on_path: Option<Program>,
    with_scripts: Vec<String>,
) -> Result<(), InstallError> {
    let folder = workshop.join(SOURCES);
    let program = own_program(&folder, installer)?.or(on_path).ok_or_else(|| BuildError::NoEsbuild {
        entry_point: arguments.first().cloned().unwrap_or_default().trim_start_matches("./").to_owned(),
    })?;
    for name in ENDS_OF_SEARCH {
        fs::write_atomically(&workshop.join(name), b"{}\n")?;
    }
    let ended = program.run_to_its_end(arguments, &VARIABLES, &folder, &*installer.reporter)?;
    if !ended.status.success() {
        return Err(BuildError::Esbuild { message: message(&ended), with_scripts }.into());
    }
    let metafile = fs::read_text(&workshop.join(METAFILE), METAFILE_LIMIT)?;
    let metafile: Metafile = serde_json::from_str(&metafile).map_err(|error| InstallError::Lock {
        what: "the metafile of esbuild".to_owned(),
        why: error.to_string(),
    })?;
    match metafile.inputs.keys().find(|input| is_outside(input)) {
        Some(file) => Err(BuildError::Outside { file: excerpt(file) }.into()),
        None => Ok(()),
    }
}

/// Whether the file of a metafile is not below the folder where esbuild ran.
fn is_outside(input: &str) -> bool {
    input.starts_with("../") || Path::new(input).is_absolute()
}

/// The program that was installed with the project's packages.
fn own_program(folder: &Path, installer: &Installer) -> Result<Option<Program>, InstallError> {
    let path = folder.join(SCRIPT);
    if fs::metadata(&path).is_err() {
        return Ok(None);
    }
    // The script shows a stack trace of its own where the program fails.
    let native = PROGRAM.map(|program| folder.join(program));
    if let Some(native) = native.filter(|native| fs::metadata(native).is_ok()) {
        return Ok(Some(Program::at(native, "esbuild")));
    }
    let mut head = [0; 2];
    let read = File::open(&path).and_then(|mut file| file.read_exact(&mut head));
    // The script that an install script replaces by the program itself.
    if read.is_ok() && head == *b"#!" {
        let node = installer.programs.find("node").ok_or_else(|| InstallError::NoProgram {
            program: "node",
            task: "run esbuild".to_owned(),
            help: "install Node.js",
        })?;
        return Ok(Some(node.with_script(&path, "esbuild")));
    }
    Ok(Some(Program::at(path, "esbuild")))
}

/// What it has written about its failure: the errors with their places, or the last line.
fn message(ended: &Ended) -> String {
    let mut errors = Vec::new();
    let mut lines = ended.lines.iter().map(|line| line.trim()).peekable();
    while let Some(line) = lines.next() {
        let Some((_, error)) = line.split_once("[ERROR] ") else { continue };
        let place = lines.peek().and_then(|next| next.strip_suffix(':')).map(|place| format!(" ({place})"));
        errors.push(format!("{error}{}", place.unwrap_or_default()));
    }
    errors.truncate(ERRORS);
    if errors.is_empty() {
        errors.extend(ended.lines.last().cloned());
    }
    match &*errors {
        [] => ended.status.to_string(),
        errors => excerpt(&errors.join("; ")),
    }
}
