//! Source distributions as wheels: pip builds them on this machine, which runs their code. Only lists that allow it get here.
//!
//! A wheel without compiled code runs anywhere. One with compiled code says `linux_x86_64` and nothing of the C library, so it is
//! used only if this machine is like the function's: same Python, same architecture, and a C library that is not newer.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::InstallError;
use super::folder::Sources;
use super::pip::{self, NO_PIP};
use super::program::{Program, Programs};
use super::solver::Silent;
use super::uv_workspace::Member;
use super::{Installer, PinnedWheel, target_of};
use crate::event::Reporter;
use crate::fs::{self, FsError};
use crate::project::{Source, SourceKind};
use crate::store::Digest;
use crate::wheel::{Mismatch, PythonTarget, WheelArchive, WheelName, normalised};

/// The kind of the store's records of wheels that were built.
const RECORD: &str = "built-wheels-1";

/// The endings of source distributions (`PyPA`, source distribution format; the others are of older packages).
const ENDINGS: [&str; 4] = [".tar.gz", ".zip", ".tar.bz2", ".tgz"];

/// What of a member's folder is not copied: environments, and what former builds have left.
const NOT_COPIED: &[&str] = &[".git", ".venv", "__pycache__", "*.egg-info", "/build", "/dist"];

/// The time that archives and build tools write, instead of the present (reproducible-builds.org, `SOURCE_DATE_EPOCH`): 1980,
/// the first that a zip can have.
const EPOCH: (&str, &str) = ("SOURCE_DATE_EPOCH", "315532800");

/// Prints the minor version of Python, the architecture, and the name and version of the C library.
const MACHINE: &str = "\
import platform, sys
print(sys.version_info[1], platform.machine(), *platform.libc_ver())
";

/// The name of the package of a source distribution, by the name of its file.
pub(super) fn package_of(file: &str) -> Option<&str> {
    let stem = ENDINGS.iter().find_map(|ending| file.strip_suffix(ending))?;
    stem.rsplit_once('-').map(|(name, _)| name)
}

/// The wheel that a source distribution was built to.
#[derive(Serialize, Deserialize)]
struct Built {
    name: String,
    sha256: Digest,
}

impl Installer {
    /// The wheel of a source distribution: from the store, or built.
    ///
    /// # Errors
    /// When it cannot be built, or not for the target.
    pub(super) fn built(
        &self,
        source: &PinnedWheel,
        package: &str,
        target: &PythonTarget,
    ) -> Result<WheelArchive, InstallError> {
        self.built_once(source.sha256.as_str(), package, target, |folder| {
            let list = folder.join("sources.txt");
            let line = format!("{package} @ {} --hash={}\n", source.url, source.sha256);
            fs::write_atomically(&list, line.as_bytes())?;
            Ok(["--require-hashes", "--requirement", &list.display().to_string()].map(str::to_owned).to_vec())
        })
    }

    /// The wheel of a member of a workspace: from the store, or built from a copy of its folder.
    ///
    /// # Errors
    /// When it cannot be built, or not for the target.
    pub(super) fn built_member(
        &self,
        member: &Member,
        target: &PythonTarget,
    ) -> Result<WheelArchive, InstallError> {
        let source = Source::new(member.folder.clone(), SourceKind::Directory);
        let sources = Sources::read(&source, NOT_COPIED)?;
        self.built_once(sources.digest.as_str(), &member.name, target, |folder| {
            let copy = folder.join("source");
            sources.write(&copy)?;
            Ok(vec![copy.display().to_string()])
        })
    }

    /// The wheel of the sources with a digest. `prepare` gives pip's arguments for them, and may write into a folder.
    fn built_once(
        &self,
        digest: &str,
        package: &str,
        target: &PythonTarget,
        prepare: impl FnOnce(&Path) -> Result<Vec<String>, InstallError>,
    ) -> Result<WheelArchive, InstallError> {
        let key = format!("{digest} 3.{} {}", target.python_minor, target.architecture.name());
        let key = Digest::of(key.as_bytes());
        if let Some(Built { name, sha256 }) = self.store.record(RECORD, &key)
            && let (Ok(name), Some(blob)) = (name.parse(), self.store.blob(&sha256))
        {
            return Ok(WheelArchive::read(&blob.path, name)?);
        }
        let folder = self.store.temporary_folder()?;
        let sources = prepare(folder.path())?;
        let (file, name) = build(&sources, package, target, folder.path(), &self.programs, &*self.reporter)?;
        WheelArchive::read(&file, name.clone())?.verify()?;
        let mut writer = self.store.writer()?;
        io::copy(&mut fs::open(&file)?, &mut writer).map_err(FsError::because("copy", &file))?;
        let (sha256, blob) = writer.commit()?;
        self.store.write_record(RECORD, &key, &Built { name: name.to_string(), sha256 })?;
        Ok(WheelArchive::read(&blob.path, name)?)
    }
}

fn build(
    sources: &[String],
    package: &str,
    target: &PythonTarget,
    folder: &Path,
    programs: &Programs,
    reporter: &dyn Reporter,
) -> Result<(PathBuf, WheelName), InstallError> {
    let wheels = folder.join("wheels");
    let to = wheels.display().to_string();
    let mut arguments = vec!["wheel", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"];
    arguments.extend(["--wheel-dir", &to]);
    arguments.extend(sources.iter().map(String::as_str));
    let interpreters = pip::interpreters(programs, target.python_minor);
    for python in interpreters {
        let pip = python.clone().with(&["-m", "pip"]);
        match pip.run(&arguments, &[EPOCH], folder, reporter) {
            Err(InstallError::Program { message, .. }) if message.contains(NO_PIP) => {}
            Err(error) => return Err(error),
            Ok(_) => return check(&wheels, package, &python, target),
        }
    }
    Err(no_pip(package))
}

/// The wheel in a folder, if the function can load it.
fn check(
    folder: &Path,
    package: &str,
    python: &Program,
    target: &PythonTarget,
) -> Result<(PathBuf, WheelName), InstallError> {
    let names = fs::names_in(folder)?.into_iter().filter_map(|name| name.parse::<WheelName>().ok());
    let own = names.filter(|name| normalised(&name.name) == normalised(package)).collect::<Vec<_>>();
    let [name] = &own[..] else {
        return Err(unusable(package, target, "the build has made no wheel of it".to_owned()));
    };
    if let Some(mismatch) = target.mismatch(name) {
        return Err(unusable(
            package,
            target,
            format!("the wheel that was built on this machine {mismatch}"),
        ));
    }
    if !name.platforms.iter().any(|platform| platform == "any") {
        check_python(package, python, target)?;
    }
    Ok((folder.join(name.as_str()), name.clone()))
}

/// Makes sure that compiled code of this machine runs on the target, before a long build.
///
/// # Errors
/// When it does not, or there is no Python.
pub(super) fn check_machine(
    package: &str,
    target: &PythonTarget,
    programs: &Programs,
) -> Result<(), InstallError> {
    let python = pip::interpreters(programs, target.python_minor).next();
    let python = python.ok_or_else(|| no_pip(package))?;
    check_python(package, &python, target)
}

fn check_python(package: &str, python: &Program, target: &PythonTarget) -> Result<(), InstallError> {
    let output = python.run(&["-c", MACHINE], &[], Path::new("/"), &Silent)?;
    match why_unlike(&output, target) {
        None => Ok(()),
        Some(why) => Err(unusable(package, target, format!("it has compiled code, and {why}"))),
    }
}

/// Why code that is compiled on the machine of an interpreter may not run on the target.
fn why_unlike(machine: &str, target: &PythonTarget) -> Option<String> {
    let mut words = machine.split_whitespace();
    let [minor, architecture, library, version] = [(); 4].map(|()| words.next().unwrap_or_default());
    if minor != target.python_minor.to_string() {
        return Some(format!("this machine has Python 3.{minor}"));
    }
    if architecture != target.architecture.linux_name() {
        return Some(format!("this machine is {architecture}"));
    }
    let needed = version.split_once('.').filter(|_| library == "glibc");
    let Some(needed) = needed.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)))
    else {
        return Some("the C library of this machine is not glibc".to_owned());
    };
    let found = (2, target.glibc_minor);
    let mismatch = Mismatch::Glibc { needed, found };
    (needed > found).then(|| format!("what is compiled on this machine {mismatch}"))
}

fn unusable(package: &str, target: &PythonTarget, why: String) -> InstallError {
    InstallError::Unbuildable { package: package.to_owned(), target: target_of(target), why }
}

fn no_pip(package: &str) -> InstallError {
    InstallError::NoProgram {
        program: "pip",
        task: format!("build `{package}` from source"),
        help: "install Python with pip",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Architecture;

    #[test]
    fn the_package_of_a_source_distribution_is_in_its_name() {
        assert_eq!(package_of("docopt-0.6.2.tar.gz"), Some("docopt"));
        assert_eq!(package_of("my-old-package-1.0.zip"), Some("my-old-package"));
        for file in ["six-1-py3-none-any.whl", "x.tar.gz", "x-1.tar.xz", ""] {
            assert_eq!(package_of(file), None, "{file}");
        }
    }

    #[test]
    fn compiled_code_needs_a_machine_like_the_target() {
        let target = PythonTarget { python_minor: 12, glibc_minor: 34, architecture: Architecture::X86_64 };
        for (machine, why) in [
            ("12 x86_64 glibc 2.34\n", None),
            ("12 x86_64 glibc 2.17", None),
            (
                "12 x86_64 glibc 2.36",
                Some("what is compiled on this machine needs glibc 2.36, but the image has 2.34"),
            ),
            ("11 x86_64 glibc 2.17", Some("this machine has Python 3.11")),
            ("12 aarch64 glibc 2.17", Some("this machine is aarch64")),
            ("12 x86_64", Some("the C library of this machine is not glibc")),
            ("12 x86_64 musl 1.2", Some("the C library of this machine is not glibc")),
            ("12 x86_64 glibc x", Some("the C library of this machine is not glibc")),
        ] {
            assert_eq!(why_unlike(machine, &target).as_deref(), why, "{machine}");
        }
    }
}
