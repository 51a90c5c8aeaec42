//! Downloads wheels with pip, by their addresses, and resolves requirements with it where there is no uv. Nothing is unpacked
//! or built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::InstallError;
use super::job::Job;
use super::program::{Program, Programs};
use super::pylock::LockedPackage;
use super::scratch::Scratch;
use crate::event::Reporter;
use crate::fs;
use crate::store::Digest;
use crate::wheel::{PythonTarget, normalised};

/// The largest report of pip that is read, in bytes: some thousand for each package.
const REPORT_LIMIT: u64 = 256 * 1024 * 1024;

/// A wheel to be downloaded.
pub(super) struct Download<'a> {
    pub(super) package: &'a str,
    pub(super) url: &'a str,
    pub(super) sha256: &'a Digest,
}

/// Runs pip with other values of environment markers than those of the machine: the options of pip change only the tags of
/// wheels. The first argument has the values as JSON.
const WITH_MARKERS: &str = "\
import json, sys
import pip._vendor.packaging.markers as markers
environment = dict(markers.default_environment())
environment.update(json.loads(sys.argv.pop(1)))
markers.default_environment = lambda: dict(environment)
from pip._internal.cli.main import main
sys.exit(main(sys.argv[1:]))
";

/// What pip says if Python does not have it.
pub(super) const NO_PIP: &str = "No module named pip";

/// Downloads wheels, by their names, into a folder below another one, and returns it. pip looks for credentials and proxies,
/// and compares the hashes.
///
/// # Errors
/// When there is no pip, or it fails.
pub(super) fn download(
    wheels: &[Download<'_>],
    target: &PythonTarget,
    folder: &Path,
    programs: &Programs,
    reporter: &dyn Reporter,
) -> Result<PathBuf, InstallError> {
    let lines =
        wheels.iter().map(|Download { package, url, sha256 }| format!("{package} @ {url} --hash={sha256}\n"));
    let list = folder.join("wheels.txt");
    fs::write_atomically(&list, lines.collect::<String>().as_bytes())?;
    let files = folder.join("wheels");
    fs::create_dir_all(&files)?;
    let (list, destination) = (list.display().to_string(), files.display().to_string());
    let mut arguments = vec!["download", "--quiet", "--no-input", "--disable-pip-version-check"];
    arguments.extend(["--no-deps", "--no-index", "--only-binary", ":all:", "--ignore-requires-python"]);
    arguments.extend(["--require-hashes", "--dest", &destination, "--requirement", &list]);
    let platform = of_target(target);
    arguments.extend(platform.iter().map(String::as_str));
    for pip in pips(programs) {
        match pip.run(&arguments, &[], folder, reporter) {
            // The next one may be there.
            Err(InstallError::Program { message, .. }) if message.contains(NO_PIP) => {}
            result => return result.map(|_| files),
        }
    }
    Err(InstallError::NoProgram {
        program: "pip",
        task: "download the packages".to_owned(),
        help: "install Python with pip, or uv",
    })
}

/// The packages that requirements need on a target, with one wheel each. pip downloads the wheels to read their metadata.
///
/// # Errors
/// When pip finds no solution, or fails.
pub(super) fn resolve(python: Program, job: &Job<'_>) -> Result<Vec<LockedPackage>, InstallError> {
    let Job { requested, target, folder, store, reporter } = *job;
    let scratch = Scratch::write(requested, true, store)?;
    let report = scratch.folder().join("report.json").display().to_string();
    let nowhere = scratch.folder().join("nowhere").display().to_string();
    let version = super::python_version(&target);
    let markers = serde_json::json!({
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": target.architecture.linux_name(),
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": version,
        "python_version": format!("3.{}", target.python_minor),
        "sys_platform": "linux",
    });
    let markers = markers.to_string();
    let mut arguments = vec![markers.as_str(), "install", "--dry-run", "--ignore-installed", "--no-input"];
    arguments.extend(["--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]);
    arguments.extend(["--report", &report, "--target", &nowhere, "--requirement", &scratch.list]);
    if !requested.requirements.constraints.is_empty() {
        arguments.extend(["--constraint", &scratch.constraints]);
    }
    if requested.is_resolved {
        arguments.extend(["--no-deps", "--require-hashes"]);
    }
    let platform = of_target(&target);
    arguments.extend(platform.iter().map(String::as_str));
    let pip = python.with_code(WITH_MARKERS, "-m pip");
    pip.run(&arguments, &[], folder, reporter)?;
    let invalid = |why: String| InstallError::Lock { what: "the report of `pip install`".to_owned(), why };
    let text = fs::read_text(Path::new(&report), REPORT_LIMIT)?;
    let report: Report = serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))?;
    let package = |installed: Installed| {
        let Installed { download_info: DownloadInfo { url, archive_info }, metadata } = installed;
        LockedPackage::of_wheel(&normalised(&metadata.name), metadata.version, url, archive_info.hashes)
    };
    Ok(report.install.into_iter().map(package).collect())
}

/// What pip would install (pip documentation, Installation Report).
#[derive(Deserialize)]
struct Report {
    install: Vec<Installed>,
}

#[derive(Deserialize)]
struct Installed {
    download_info: DownloadInfo,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct DownloadInfo {
    url: String,
    archive_info: ArchiveInfo,
}

#[derive(Deserialize)]
struct ArchiveInfo {
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
}

/// The options that select wheels for a target. pip knows no tag that is not named.
fn of_target(target: &PythonTarget) -> Vec<String> {
    let minor = target.python_minor;
    let options = ["--python-version", &super::python_version(target), "--implementation", "cp", "--abi"];
    let options = options.into_iter().map(str::to_owned).chain([format!("cp3{minor}")]);
    options
        .chain(target.platforms().into_iter().flat_map(|platform| ["--platform".to_owned(), platform]))
        .collect()
}

/// The interpreter of this machine.
pub(super) fn python(programs: &Programs) -> Option<Program> {
    ["python3", "python"].into_iter().find_map(|name| programs.find(name))
}

/// The interpreters of this machine, that of the function's version first.
pub(super) fn interpreters(programs: &Programs, python_minor: u32) -> impl Iterator<Item = Program> {
    let names = [format!("python3.{python_minor}"), "python3".to_owned(), "python".to_owned()];
    names.into_iter().filter_map(|name| programs.find(&name))
}

/// The ways to run pip, the fastest first.
fn pips(programs: &Programs) -> impl Iterator<Item = Program> {
    let python = python(programs).into_iter().map(|python| python.with(&["-m", "pip"]));
    python.chain(programs.find("uv").map(|uv| uv.with(&["tool", "run", "--quiet", "pip"])))
}
