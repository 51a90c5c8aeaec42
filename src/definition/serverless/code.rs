//! The code of functions and the files of layers: the package that `serverless package` has written, or the sources.
//!
//! A package is used where it is newer than its sources. Otherwise the sources are, unless something other than the files
//! themselves makes the package.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ignore::gitignore::GitignoreBuilder;

use super::artifacts::{Artifacts, Package};
use super::builders::Builder;
use super::package::Filter;
use super::values::Text;
use super::variables::ServiceDocuments;
use crate::definition::BuildResults;
use crate::definition::fields::source::{self, Written};
use crate::definition::fields::{Findings, build_output};
use crate::definition::freshness::{self, Freshness, Newest, Sources};
use crate::finding::{Code, Finding, Place};
use crate::fs::FsError;
use crate::project::Source;

/// The files of functions and layers of one service.
pub(super) struct Files<'a> {
    documents: &'a ServiceDocuments,
    usage: BuildResults,
    /// The stage of the packages, if it is not that of the images.
    other_stage: Option<String>,
    /// The files other than the documents that decide about the service, such as `serverless.ts`.
    programs: Vec<PathBuf>,
    /// The newest sources by their folder and what leaves files out of it; without patterns, those of a build plugin.
    newest: RefCell<BTreeMap<Compared, Rc<Newest>>>,
}

/// A folder of sources, and the patterns that leave files out of it.
type Compared = (PathBuf, Option<Vec<String>>);

/// A function or layer whose files are asked for.
pub(super) struct Wanted<'w> {
    /// In messages, such as the code of a function.
    pub(super) what: String,
    /// Where its files are named, or it is defined.
    pub(super) place: Place,
    /// The runtime, as far as it is known.
    pub(super) runtime: String,
    /// What makes its package other than its files.
    pub(super) builder: Option<&'w Builder>,
    /// The folder of its sources: below the service's, or `.`. Nothing if there are none.
    pub(super) folder: Option<&'w str>,
    /// What decides about the files in it.
    pub(super) filter: Filter,
    /// What is wrong with that.
    pub(super) of_filter: Vec<Finding>,
}

/// Files that were found.
pub(super) struct Found {
    pub(super) source: Source,
    pub(super) origin: Origin,
}

/// What the files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The package that Serverless has made.
    Package,
    /// The sources.
    Sources,
    /// A file that another tool makes.
    Artifact,
}

impl<'a> Files<'a> {
    pub(super) fn new(
        documents: &'a ServiceDocuments,
        usage: BuildResults,
        stage: Option<&str>,
        artifacts: &Artifacts,
        programs: Vec<PathBuf>,
    ) -> Self {
        let other_stage = artifacts.stage().filter(|own| stage.is_some_and(|stage| stage != own));
        Self { documents, usage, other_stage, programs, newest: RefCell::default() }
    }

    /// Whether the packages are those of the stage for which the images are.
    pub(super) fn has_packages_of_stage(&self) -> bool {
        self.other_stage.is_none()
    }

    /// Finds files. Nothing if there are errors, which are reported.
    pub(super) fn find(
        &self,
        package: Package,
        wanted: &Wanted<'_>,
        findings: &mut Findings,
    ) -> Option<Found> {
        let found = self.look_up(package, wanted, findings);
        let origin = found.as_ref().map(|found| found.origin);
        for finding in &wanted.of_filter {
            let matters = match origin {
                // Then files outside of the folder may be newer than the package.
                Some(Origin::Package) => finding.is_error() && self.usage == BuildResults::Fresh,
                Some(Origin::Artifact) => false,
                Some(Origin::Sources) | None => true,
            };
            if matters {
                findings.add(finding.clone());
            }
        }
        found
    }

    fn look_up(&self, package: Package, wanted: &Wanted<'_>, findings: &mut Findings) -> Option<Found> {
        let (package, is_there) = match package {
            Package::Given(path, text) => return self.given(&path, &text, &wanted.runtime, findings),
            Package::InS3(url) => {
                findings.add(in_s3(&wanted.what, &url));
                return None;
            }
            Package::Built(path) => (path, true),
            Package::Absent(path) => (path, false),
        };
        if self.usage == BuildResults::Never {
            return self.sources(wanted, findings);
        }
        if !is_there {
            let Some(builder) = wanted.builder else { return self.sources(wanted, findings) };
            findings.add(builder.missing(&package));
            return None;
        }
        let freshness = match self.usage {
            BuildResults::Always => Ok(Freshness::Fresh),
            _ => self.freshness(&package, wanted),
        };
        match (freshness, wanted.builder) {
            (Ok(Freshness::Fresh), _) => self.package(&package, &wanted.place, findings),
            (Ok(freshness), Some(builder)) => {
                builder.not_fresh(&package, &freshness).into_iter().for_each(|finding| findings.add(finding));
                None
            }
            (Ok(_), None) => self.sources(wanted, findings),
            (Err(error), _) => {
                let message = format!("{error}: {}", error.source);
                findings.add(Finding::error(Code::UnreadablePath, wanted.place.clone(), message));
                None
            }
        }
    }

    /// A file that another tool makes.
    fn given(&self, path: &Path, text: &Text, runtime: &str, findings: &mut Findings) -> Option<Found> {
        let mut found = Findings::new(text.place.clone());
        let source = self.read(path, &text.place, &[], &mut found);
        let command = build_output::command(Path::new(&text.text), runtime);
        for finding in found.all {
            findings.add(match command.filter(|_| finding.code == Code::MissingPath) {
                Some(command) => finding.help(format!("run `{command}`")),
                None => finding,
            });
        }
        Some(Found { source: source?, origin: Origin::Artifact })
    }

    fn package(&self, package: &Path, place: &Place, findings: &mut Findings) -> Option<Found> {
        let source = self.read(package, place, &[], findings)?;
        Some(Found { source, origin: Origin::Package })
    }

    fn sources(&self, wanted: &Wanted<'_>, findings: &mut Findings) -> Option<Found> {
        let Some(folder) = wanted.folder else {
            let message = format!("{} has no folder", wanted.what);
            let finding = Finding::error(Code::MissingKey, wanted.place.clone(), message);
            findings.add(finding.help("add `path:` with a folder, or `package.artifact:` with a .zip"));
            return None;
        };
        let folder = self.documents.folder().join(folder);
        let source = self.read(&folder, &wanted.place, &wanted.filter.exclude, findings)?;
        Some(Found { source, origin: Origin::Sources })
    }

    fn read(
        &self,
        path: &Path,
        place: &Place,
        exclude: &[String],
        findings: &mut Findings,
    ) -> Option<Source> {
        let path = path.to_string_lossy();
        // Serverless follows links, and has its own list of what to leave out.
        let written = Written {
            follow: Some(true),
            exclude,
            default_excludes: Some(false),
            ..Written::path(&path, place)
        };
        let source = source::read(&written, self.documents.folder(), findings)?;
        Some(Source { definition: Some(self.documents.definition().file().to_owned()), ..source })
    }

    fn freshness(&self, package: &Path, wanted: &Wanted<'_>) -> Result<Freshness, FsError> {
        if let Some(stage) = &self.other_stage {
            return Ok(Freshness::OtherStage(stage.clone()));
        }
        let patterns = wanted.builder.is_none().then(|| wanted.filter.exclude.clone());
        let folder = match (wanted.builder, wanted.folder) {
            (None, Some(folder)) => self.documents.folder().join(folder),
            _ => self.documents.folder().to_owned(),
        };
        let newest = self.newest(folder, patterns)?;
        let mut documents = if self.documents.is_state() { Vec::new() } else { self.documents.paths() };
        documents.extend(self.programs.iter().map(PathBuf::as_path));
        freshness::of_package(package, &documents, &newest)
    }

    fn newest(&self, folder: PathBuf, patterns: Option<Vec<String>>) -> Result<Rc<Newest>, FsError> {
        let key = (folder, patterns);
        if let Some(known) = self.newest.borrow().get(&key) {
            return Ok(Rc::clone(known));
        }
        let definition = self.documents.definition().file();
        let mut builder = GitignoreBuilder::new("");
        for pattern in key.1.iter().flatten() {
            // What is not a valid pattern is reported where it is used.
            let _invalid = builder.add_line(None, pattern);
        }
        let newest = match (&key.1, builder.build()) {
            (Some(_), Ok(patterns)) => freshness::newest(&key.0, Sources::Packaged(&patterns), definition)?,
            _ => freshness::newest(&key.0, Sources::Built, definition)?,
        };
        let newest = Rc::new(newest);
        self.newest.borrow_mut().insert(key, Rc::clone(&newest));
        Ok(newest)
    }
}

/// The finding about a package in S3.
fn in_s3(what: &str, url: &Text) -> Finding {
    let message = format!("{what} is in S3: {}", url.text);
    let finding = Finding::error(Code::RemoteCode, url.place.clone(), message);
    finding.help("download it, and name the file as `package.artifact`")
}
