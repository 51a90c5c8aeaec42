//! Shared libraries: what a program or module needs must be in the image, in a version that is new enough (`ld.so(8)`).
//!
//! A library counts as found wherever in the image it is: where the loader looks depends on variables and caches that only it
//! knows. So what is reported is certainly missing.

use std::collections::{BTreeMap, BTreeSet};

use super::{ImageSubject, is_of_function};
use crate::check::named;
use crate::files::{ElfFacts, FileProgram};
use crate::finding::{Code, Finding, Severity};
use crate::project::ImagePath;

/// The libraries with versions that distributions raise, and that no package brings along.
const VERSIONED: [&str; 6] = ["GLIBC_", "GLIBCXX_", "CXXABI_", "GCC_", "GOMP_", "GFORTRAN_"];

/// The beginning of the name that modules need musl by.
const MUSL: &str = "libc.musl-";

/// Judges all modules and programs of the function and its layers.
pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let known = Known::of(subject);
    let mut newer: BTreeMap<(String, String), Vec<&ImagePath>> = BTreeMap::new();
    let mut missing: BTreeMap<&str, Vec<&ImagePath>> = BTreeMap::new();
    for (path, content) in subject.files.contents().filter(|(path, _)| is_of_function(path)) {
        let Some(FileProgram::Elf(Some(machine), Some(facts))) = &content.program else { continue };
        if !machine.fits(subject.architecture) || is_for_musl(facts) && !known.has_musl() {
            continue;
        }
        for (library, version) in known.newer(facts) {
            newer.entry((library.to_owned(), version.to_owned())).or_default().push(path);
        }
        for library in known.missing(facts) {
            missing.entry(library).or_default().push(path);
        }
    }
    let newer = newer.into_iter().map(|((library, version), paths)| {
        newer_library(subject, &named(&paths), paths.len() > 1, &library, &version, Severity::Warning, &known)
            .about(paths)
    });
    let missing = missing.into_iter().map(|(library, paths)| {
        missing_library(subject, &named(&paths), paths.len() > 1, library, Severity::Warning).about(paths)
    });
    newer.chain(missing).collect()
}

/// Judges a program that Lambda starts: it must load, whereas a module may never be imported.
pub(super) fn of_file(subject: &ImageSubject<'_>, path: &str, facts: &ElfFacts) -> Vec<Finding> {
    let severity = Severity::Error;
    let known = Known::of(subject);
    let name = format!("`{path}`");
    let newer = known
        .newer(facts)
        .map(|(library, version)| newer_library(subject, &name, false, library, version, severity, &known));
    let missing =
        known.missing(facts).map(|library| missing_library(subject, &name, false, library, severity));
    newer.chain(missing).collect()
}

/// The libraries of an image.
struct Known<'a> {
    /// The names of all files and links, and the names under which libraries are needed.
    names: BTreeSet<&'a str>,
    /// The versions that each library provides.
    versions: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Known<'a> {
    fn of(subject: &ImageSubject<'a>) -> Self {
        let mut names: BTreeSet<&str> = subject.files.index.paths().map(ImagePath::name).collect();
        let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (path, content) in subject.files.contents() {
            let Some(FileProgram::Elf(_, Some(facts))) = &content.program else { continue };
            let own = facts.name.as_deref().unwrap_or_else(|| path.name());
            names.insert(own);
            if !facts.versions.is_empty() {
                versions.entry(own).or_default().extend(facts.versions.iter().map(String::as_str));
            }
        }
        Self { names, versions }
    }

    /// Whether the image has musl as its C library, alone or with another one.
    fn has_musl(&self) -> bool {
        self.names.iter().any(|name| name.starts_with(MUSL) || name.starts_with("ld-musl-"))
    }

    /// The libraries and their versions that a file needs and the image does not have.
    fn newer<'f>(&'f self, facts: &'f ElfFacts) -> impl Iterator<Item = (&'f str, &'f str)> {
        facts.needed_versions.iter().filter_map(|(library, needed)| {
            let provided = self.versions.get(library.as_str())?;
            let is_judged = |version: &&String| VERSIONED.iter().any(|start| version.starts_with(start));
            let lacking =
                needed.iter().filter(is_judged).filter(|version| !provided.contains(version.as_str()));
            // The newest one explains the others.
            let newest = lacking.max_by_key(|version| numbers(version))?;
            Some((library.as_str(), newest.as_str()))
        })
    }

    /// The names of libraries that a file needs and the image does not have.
    fn missing<'f>(&'f self, facts: &'f ElfFacts) -> impl Iterator<Item = &'f str> {
        let is_missing = |name: &&str| !self.names.contains(name.rsplit('/').next().unwrap_or(name));
        facts.needed.iter().map(String::as_str).filter(is_missing)
    }

    /// The newest version of a kind that a library provides.
    fn newest(&self, library: &str, like: &str) -> Option<&'a str> {
        let start = like.split('_').next()?;
        let own = self.versions.get(library)?.iter();
        own.filter(|version| version.split('_').next() == Some(start))
            .max_by_key(|version| numbers(version))
            .copied()
    }
}

/// Whether a module is linked to musl. Packages have such modules next to those for glibc, and load what fits.
fn is_for_musl(facts: &ElfFacts) -> bool {
    facts.needed.iter().any(|name| name.starts_with(MUSL))
}

/// The numbers in a version such as `GLIBC_2.34`, for comparison.
fn numbers(version: &str) -> Vec<u32> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

fn newer_library(
    subject: &ImageSubject<'_>,
    files: &str,
    are_several: bool,
    library: &str,
    version: &str,
    severity: Severity,
    known: &Known<'_>,
) -> Finding {
    let need = if are_several { "need" } else { "needs" };
    let has = known.newest(library, version).map(|own| format!("; that of the image has at most `{own}`"));
    let message = format!("{files} {need} `{version}` of `{library}`{}", has.unwrap_or_default());
    let help = "install or build it for a system that is as old as the base, for example from a wheel with an older \
                `manylinux` tag, or use a newer base";
    finding(subject, severity, Code::NewerLibrary, message).help(help)
}

fn missing_library(
    subject: &ImageSubject<'_>,
    files: &str,
    are_several: bool,
    library: &str,
    severity: Severity,
) -> Finding {
    let need = if are_several { "need" } else { "needs" };
    let message = format!("{files} {need} the library `{library}`, which is nowhere in the image");
    let help = format!("add `{library}`, for example to `lib/` of a layer, which becomes `/opt/lib`");
    finding(subject, severity, Code::MissingLibrary, message).help(help)
}

fn finding(subject: &ImageSubject<'_>, severity: Severity, code: Code, message: String) -> Finding {
    Finding { severity, ..Finding::error(code, subject.place.clone(), message) }
}
