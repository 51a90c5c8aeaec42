//! The packages that `serverless package` has written: which one belongs to which function or layer.
//!
//! A function has its own package or shares that of the service, and plugins choose other names. So the state file that
//! Serverless writes next to the packages decides; without it, the names do that Serverless itself uses
//! (`naming.js` and `package-service.js` of versions 1 to 4). Only the name of a file is taken from the state file: the rest
//! of the path may be that of another machine.

use std::path::{Path, PathBuf};

use super::package::{Packaging, ServicePackage};
use super::values::Text;
use super::variables::{Work, text_in_state};
use crate::definition::document::Document;
use crate::fs;

/// The folder of packages next to the definition.
pub(super) const FOLDER: &str = ".serverless";

/// What Serverless writes next to them: the service with all variables resolved.
pub(in crate::definition) const STATE: &str = "serverless-state.json";

/// The limit for the state file, in bytes. It has the whole CloudFormation template in it.
pub(in crate::definition) const STATE_AT_MOST: u64 = 32 * 1024 * 1024;

/// The package of a function or layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Package {
    /// `package.artifact` names it: the file that another tool makes.
    Given(PathBuf, Text),
    /// `package.artifact` names an object in S3.
    InS3(Text),
    /// `serverless package` has written it.
    Built(PathBuf),
    /// There is none; `serverless package` would write it here.
    Absent(PathBuf),
}

/// The packages of a service.
#[derive(Debug)]
pub(super) struct Artifacts {
    /// The folder of the service.
    service: PathBuf,
    /// The folder of the packages.
    folder: PathBuf,
    /// The state, if it can be read, and the work that references in it have caused.
    state: Option<Document>,
    work: Work,
    /// Whether the state is the definition of the service, so that the paths in it are those of packages.
    is_definition: bool,
}

impl Artifacts {
    /// Looks up the packages of a service. A state file that cannot be read counts as missing.
    pub(super) fn open(service: &Path, package: &ServicePackage) -> Self {
        let folder = service.join(package.path.as_ref().map_or(FOLDER, |path| &path.text));
        Self { is_definition: false, ..Self::of_state(service, &folder.join(STATE)) }
    }

    /// The packages in the folder of a state file that is the definition of a service.
    pub(super) fn of_state(service: &Path, state_file: &Path) -> Self {
        let state = Document::read_at_most(state_file, STATE_AT_MOST).ok();
        let folder = fs::folder_of(state_file).to_owned();
        Self { service: service.to_owned(), folder, state, work: Work::default(), is_definition: true }
    }

    /// The stage that the packages were made for, if that was recorded: the folder in the deployment bucket has the form
    /// `PREFIX/SERVICE/STAGE/TIME` (`generate-artifact-directory-name.js`).
    pub(super) fn stage(&self) -> Option<String> {
        let folder = self.recorded(&["package", "artifactDirectoryName"])?;
        folder.rsplit('/').nth(1).filter(|stage| !stage.is_empty()).map(str::to_owned)
    }

    /// The package of a function. `name` is that of the service, as far as it is known.
    pub(super) fn of_function(
        &self,
        function: &str,
        own: &Packaging,
        service: &ServicePackage,
        name: Option<&str>,
    ) -> Package {
        let shared = &service.packaging.artifact;
        let artifact =
            own.artifact.as_ref().or_else(|| shared.as_ref().filter(|_| own.individually != Some(true)));
        if let Some(artifact) = artifact {
            return self.given(artifact);
        }
        let individual = service.is_individual(own);
        let recorded = self.recorded_file(&["service", "functions", function, "package", "artifact"]);
        let shared = || self.recorded_file(&["package", "artifact"]).filter(|_| !individual);
        let recorded = recorded.or_else(shared);
        let name = name.unwrap_or("service");
        // With its own esbuild, version 4 puts the name of the service in front.
        let names = if individual {
            vec![format!("{function}.zip"), format!("{name}-{function}.zip")]
        } else {
            vec![format!("{name}.zip")]
        };
        self.first_of(recorded.into_iter().chain(names))
    }

    /// The package of a layer.
    pub(super) fn of_layer(&self, layer: &str, own: &Packaging) -> Package {
        if let Some(artifact) = &own.artifact {
            return self.given(artifact);
        }
        let recorded = self.recorded_file(&["service", "layers", layer, "package", "artifact"]);
        self.first_of(recorded.into_iter().chain([format!("{layer}.zip")]))
    }

    fn given(&self, artifact: &Text) -> Package {
        // The forms of URLs that Serverless takes for objects in S3 (`parse-s3-uri.js`).
        let is_remote = artifact.text.starts_with("s3://")
            || (artifact.text.starts_with("https://") && artifact.text.contains("amazonaws.com/"));
        if is_remote {
            return Package::InS3(artifact.clone());
        }
        let path: PathBuf = self.service.join(&artifact.text).components().collect();
        let name = artifact.text.rsplit(['/', '\\']).next().unwrap_or_default();
        match self.folder.join(name) {
            built if self.is_definition && !name.is_empty() && fs::is_file(&built) => Package::Built(built),
            built if self.is_definition && !fs::is_file(&path) => Package::Absent(built),
            _ => Package::Given(path, artifact.clone()),
        }
    }

    /// A text that the state file has.
    fn recorded(&self, steps: &[&str]) -> Option<String> {
        text_in_state(self.state.as_ref()?, &self.work, steps)
    }

    /// The name of a file whose path the state file has.
    fn recorded_file(&self, steps: &[&str]) -> Option<String> {
        file_name(&self.recorded(steps)?)
    }

    /// The first of these files that is there.
    fn first_of(&self, names: impl Iterator<Item = String>) -> Package {
        let paths: Vec<_> = names.map(|name| self.folder.join(name)).collect();
        match (paths.iter().find(|path| fs::is_file(path)), paths.first()) {
            (Some(path), _) => Package::Built(path.clone()),
            (None, Some(path)) => Package::Absent(path.clone()),
            (None, None) => Package::Absent(self.folder.clone()),
        }
    }
}

/// The name at the end of a path of this or another system.
fn file_name(path: &str) -> Option<String> {
    let name = path.rsplit(['/', '\\']).next()?;
    (!matches!(name, "" | "." | "..")).then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
