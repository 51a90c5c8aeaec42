//! Makes files from sources, with a program of the project: bundles by esbuild, and what makefiles make.
//!
//! A program works on a copy of the sources in a temporary folder of the store, so that nothing is written to the user's folder.
//! The result is kept in the store under everything that decides about it: unchanged sources run no program.

mod error;
mod esbuild;
mod external;
mod make;
#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::path::PathBuf;

pub(super) use error::BuildError;

use super::Installer;
use super::error::InstallError;
use super::folder::{self, Sources};
use super::kept::Kept;
use super::node::{NodeTarget, Planned, Scope};
use super::program::{Program, machine};
use crate::fs::{self, FsError};
use crate::project::{Bundle, ImagePath, MakeTarget, PackageList, Source, SourceKind};
use crate::store::{Digest, FieldHasher, TemporaryFolder};
use crate::tree::Tree;

/// The folders of a temporary folder: what the program reads, and what it makes.
const SOURCES: &str = "code";
const RESULT: &str = "out";

/// What a program has made.
#[derive(Debug)]
pub(crate) struct Built {
    /// The files, below the root that was asked for.
    pub tree: Tree,
    /// The names of the packages with install scripts among those that are in the tree.
    pub with_scripts: Vec<String>,
}

/// What a bundle is made for.
#[derive(Debug)]
pub(crate) struct BundleTarget<'a> {
    /// Where the function runs.
    pub machine: &'a NodeTarget,
    /// Patterns of the packages that its runtime has.
    pub provided: &'a [&'a str],
    /// The folder of the image that becomes the root of the bundle.
    pub root: &'a ImagePath,
}

/// Where a program works.
struct Workshop {
    _folder: TemporaryFolder,
    /// The folder itself, without links: esbuild resolves them, and would show the longer way in its output.
    path: PathBuf,
}

impl Installer {
    /// Bundles modules with the project's own esbuild, and adds the packages that are left out of the bundle. This blocks, and
    /// runs programs unless the store has the result.
    ///
    /// # Errors
    /// When packages cannot be installed, there is no esbuild, or it fails.
    pub(crate) fn bundle(
        &self,
        source: &Source,
        bundle: &Bundle,
        target: &BundleTarget<'_>,
    ) -> Result<Built, InstallError> {
        let sources = Sources::read(source, esbuild::NOT_COPIED)?;
        let packages =
            bundle.packages.as_ref().map(|list| self.plan(list, Scope::Build)).transpose()?.flatten();
        let manifest = packages.as_ref().map(Planned::manifest);
        let members = packages.as_ref().map(|packages| packages.members(esbuild::NOT_COPIED)).transpose()?;
        let members = members.unwrap_or_default();
        let entry_points = esbuild::entry_points(bundle, &sources)?;
        let arguments = esbuild::arguments(&entry_points, bundle, manifest);
        let on_path = self.programs.find("esbuild").filter(|_| !manifest.is_some_and(esbuild::is_named));
        let mut key = key_of("esbuild", &sources);
        key.add(packages.as_ref().map_or("", |packages| packages.key.as_str()));
        for (member, sources) in &members {
            key.add(member);
            key.add(sources.digest.as_str());
        }
        key.add(on_path.as_ref().map(Program::stamp).transpose()?.as_ref().map_or("", Digest::as_str));
        for argument in &arguments {
            key.add(argument);
        }
        let key = key.finish();
        let kept = if let Some(kept) = Kept::find(&key, &self.store) {
            kept
        } else {
            let workshop = self.workshop()?;
            let code = workshop.path.join(SOURCES);
            let mut with_scripts = match &packages {
                Some(packages) => self.install_into(packages, &members, &code)?,
                None => Vec::new(),
            };
            // It works without.
            with_scripts.retain(|name| name != "esbuild");
            sources.write(&code)?;
            esbuild::run(self, &workshop.path, &arguments, on_path, with_scripts)?;
            self.keep(&key, &workshop, &"esbuild")?
        };
        let mut built = Built { tree: kept.tree(target.root, &self.store)?, with_scripts: Vec::new() };
        if let (Some(list), Some(manifest)) = (&bundle.packages, manifest) {
            self.add_external(list, manifest, bundle, target, &mut built)?;
        }
        Ok(built)
    }

    /// Adds the packages that a bundle leaves out.
    fn add_external(
        &self,
        list: &PackageList,
        manifest: &serde_json::Value,
        bundle: &Bundle,
        target: &BundleTarget<'_>,
        built: &mut Built,
    ) -> Result<(), InstallError> {
        let names = external::packages(manifest, bundle, target.provided);
        if names.is_empty() {
            return Ok(());
        }
        let installed = self.install_node(list, target.machine, target.root)?;
        let external = external::with_dependencies(&names, installed.tree, target.root)?;
        let with_scripts = installed.with_scripts.into_iter();
        built.with_scripts = with_scripts.filter(|name| external.names.contains(name)).collect();
        for (path, node) in external.tree.iter() {
            if built.tree.get(path).is_none() {
                built.tree.insert(path.clone(), node.clone());
            }
        }
        Ok(())
    }

    /// Runs a target of a makefile in a copy of the sources, and places what it has written below `root`. This blocks. If
    /// `again`, make runs even if the store has the result.
    ///
    /// # Errors
    /// When there is no make, it fails, or it has made nothing.
    pub(crate) fn make(
        &self,
        source: &Source,
        target: &MakeTarget,
        root: &ImagePath,
        again: bool,
    ) -> Result<Built, InstallError> {
        let sources = Sources::read(source, make::NOT_COPIED)?;
        let makefile = make::read(target)?;
        let mut key = key_of("make", &sources);
        for text in [&target.name, &target.folder, &makefile] {
            key.add(text);
        }
        let key = key.finish();
        let kept = if let Some(kept) = Kept::find(&key, &self.store).filter(|_| !again) {
            kept
        } else {
            let workshop = self.workshop()?;
            sources.write(&workshop.path.join(SOURCES))?;
            make::run(self, target, &makefile, &workshop.path)?;
            self.keep(&key, &workshop, &format!("make {}", target.name))?
        };
        Ok(Built { tree: kept.tree(root, &self.store)?, with_scripts: Vec::new() })
    }

    fn workshop(&self) -> Result<Workshop, FsError> {
        let folder = self.store.temporary_folder()?;
        let path = folder.path().canonicalize().map_err(FsError::because("access", folder.path()))?;
        for name in [SOURCES, RESULT] {
            fs::create_dir_all(&path.join(name))?;
        }
        Ok(Workshop { _folder: folder, path })
    }

    /// Keeps what a program has made.
    fn keep(
        &self,
        key: &Digest,
        workshop: &Workshop,
        program: &dyn std::fmt::Display,
    ) -> Result<Kept, InstallError> {
        let mut result = Source::new(workshop.path.join(RESULT), SourceKind::Directory);
        result.follow = true;
        let tree = Tree::load(&result, &folder::root()?)?;
        if tree.is_empty() {
            return Err(BuildError::Nothing { program: program.to_string() }.into());
        }
        let kept = Kept::add((&tree, folder::ROOT), &self.store)?;
        kept.record(key, &self.store)?;
        Ok(kept)
    }
}

/// Begins the digest of everything that decides about a result.
fn key_of(program: &str, sources: &Sources) -> FieldHasher {
    let mut key = FieldHasher::default();
    key.add(program);
    key.add(sources.digest.as_str());
    key.add(machine());
    key
}
