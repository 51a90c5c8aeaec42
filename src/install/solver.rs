//! Resolves requirements, with uv if it is there and else with pip.

use super::error::InstallError;
use super::job::Job;
use super::lists::Requested;
use super::program::{Program, Programs};
use super::pylock::LockedPackage;
use super::unsolved::{Retry, has_no_wheel};
use super::uv::Sources;
use super::{pip, requirement_files, uv};
use crate::event::{Event, Reporter};
use crate::fs;
use crate::project::PackageList;
use crate::store::Store;
use crate::wheel::PythonTarget;

/// Receives what only answers a question of limg's own.
pub(super) struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: Event) {}
}

/// Resolves requirements with uv, or else with pip.
pub(super) struct Solver<'a> {
    pub(super) list: &'a PackageList,
    pub(super) requested: &'a Requested,
    pub(super) target: &'a PythonTarget,
    pub(super) uv: Option<&'a Program>,
    pub(super) programs: &'a Programs,
    pub(super) store: &'a Store,
}

impl Solver<'_> {
    /// What a tool has to do.
    pub(super) fn job<'a>(
        &'a self,
        requested: &'a Requested,
        target: &PythonTarget,
        reporter: &'a dyn Reporter,
    ) -> Job<'a> {
        Job {
            requested,
            target: *target,
            folder: fs::folder_of(&self.list.path),
            store: self.store,
            reporter,
        }
    }

    /// The packages that requirements need on a target.
    ///
    /// # Errors
    /// When there is neither uv nor Python, there is no solution, or the tool fails.
    pub(super) fn solve(
        &self,
        requested: &Requested,
        target: &PythonTarget,
        reporter: &dyn Reporter,
    ) -> Result<Vec<LockedPackage>, InstallError> {
        let job = self.job(requested, target, reporter);
        let with_pip = || pip::python(self.programs).map(|python| pip::resolve(python, &job));
        let Some(uv) = self.uv else {
            return with_pip().unwrap_or_else(|| Err(InstallError::no_uv(&self.list.path)));
        };
        let resolved = uv::resolve(uv, Sources::None, &job);
        match resolved {
            // Wheels for a glibc between two that uv knows.
            Err(InstallError::Program { command, message })
                if !uv::knows_glibc(target) && has_no_wheel(&message) =>
            {
                let error = InstallError::Program { command, message };
                with_pip().and_then(Result::ok).ok_or(error)
            }
            resolved => resolved,
        }
    }

    /// Whether a package that is built from source has compiled code. If that is not known, the build tells.
    pub(super) fn is_compiled(&self, package: &LockedPackage) -> bool {
        let (Some(uv), Some(version)) = (self.uv, &package.version) else { return package.is_compiled() };
        let text = format!("{}=={version}", package.name);
        let Ok(requested) = self.alone(&text, true) else { return false };
        uv::resolve(uv, Sources::OfAnyMachine, &self.job(&requested, self.target, &Silent))
            .is_ok_and(|packages| packages.iter().any(LockedPackage::is_compiled))
    }

    /// A requirement with the options of the list.
    fn alone(&self, requirement: &str, is_resolved: bool) -> Result<Requested, InstallError> {
        let mut requirements = requirement_files::of_text(requirement, &self.list.path)?;
        requirements.options.clone_from(&self.requested.requirements.options);
        Ok(Requested::new(requirements, is_resolved))
    }
}

impl Retry for Solver<'_> {
    fn resolves_on(&self, target: &PythonTarget) -> bool {
        self.solve(self.requested, target, &Silent).is_ok()
    }

    fn newest(&self, package: &str) -> Option<String> {
        let requested = self.alone(package, false).ok()?;
        let packages = self.solve(&requested, self.target, &Silent).ok()?;
        packages.into_iter().find(|it| it.name == package)?.version
    }
}
