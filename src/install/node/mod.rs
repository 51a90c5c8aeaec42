//! Installs the packages of Node.js that a lock file pins, with npm, pnpm or Yarn, in a temporary folder of the store.
//!
//! The result is kept in the store under everything that decides about it, so that an unchanged list runs no tool. No scripts
//! of packages run unless the definition allows it. Nothing is written to the user's folder.

mod error;
mod inputs;
mod installed;
mod kept;
mod npm_cache;
mod tool;

pub(crate) use error::NodeError;
use inputs::Inputs;
use installed::Installed;
use kept::Kept;
use npm_cache::NpmCache;
use tool::{Job, Tool, Version};

use super::Installer;
use super::error::InstallError;
use super::program::Program;
use crate::project::{Architecture, ImagePath, PackageList};
use crate::store::{Digest, FieldHasher};
use crate::tree::{Tree, TreeError};

/// The kind of the store's records of versions of tools.
const VERSIONS: &str = "node-tools-1";

/// The root of packages while they are looked at: every path of a tree is below one.
const ROOT: &str = "/packages";

/// What packages of Node.js run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeTarget {
    /// The id of the runtime, such as `nodejs22.x`.
    pub runtime: String,
    /// The architecture of the function.
    pub architecture: Architecture,
}

/// Installed packages.
#[derive(Debug)]
pub(crate) struct NodePackages {
    /// `node_modules`, below the root that was asked for.
    pub tree: Tree,
    /// The names of the packages with install scripts, which have run only if the list allows it.
    pub with_scripts: Vec<String>,
}

impl NodeTarget {
    /// The word of Node.js for the architecture (`process.arch`).
    fn cpu(&self) -> &'static str {
        match self.architecture {
            Architecture::X86_64 => "x64",
            Architecture::Arm64 => "arm64",
        }
    }
}

impl Installer {
    /// Installs the packages of a list, and places `node_modules` below `root`. This blocks, and runs a tool unless the store
    /// has the result.
    ///
    /// # Errors
    /// When the list cannot be read or used, the tool is missing or fails, or the store cannot be written.
    pub(crate) fn install_node(
        &self,
        list: &PackageList,
        target: &NodeTarget,
        root: &ImagePath,
    ) -> Result<NodePackages, InstallError> {
        let Some(inputs) = Inputs::read(list)? else {
            return Ok(NodePackages { tree: Tree::new(), with_scripts: Vec::new() });
        };
        let tool = Tool::of(list.kind);
        let program = self.programs.find(tool.name()).ok_or_else(|| InstallError::NoProgram {
            program: tool.name(),
            task: format!("install the packages of `{}`", list.path.display()),
            help: tool.help(),
        })?;
        let version = self.version(&program, &inputs)?;
        let scripts = list.scripts == Some(true);
        let key = key(&inputs, tool, &version, target, scripts);
        let kept = if let Some(kept) = Kept::find(&key, &self.store) {
            kept
        } else {
            let folder = self.store.temporary_folder()?;
            inputs.write(folder.path())?;
            let job = Job {
                tool,
                program: &program,
                version: &version,
                inputs: &inputs,
                lock: &list.path,
                cpu: target.cpu(),
                scripts,
                folder: folder.path(),
                reporter: &*self.reporter,
            };
            self.install(&job, &key, target)?
        };
        let with_scripts = kept.with_scripts.clone();
        Ok(NodePackages { tree: kept.tree(root, &self.store)?, with_scripts })
    }

    fn install(&self, job: &Job<'_>, key: &Digest, target: &NodeTarget) -> Result<Kept, InstallError> {
        if let Some(kept) = self.from_npm_cache(job)? {
            kept.record(key, &self.store)?;
            return Ok(kept);
        }
        job.run()?;
        let installed = installed::read(&job.folder.join(installed::FOLDER), target.cpu())?;
        if let Some(package) = installed.foreign.into_iter().next() {
            return Err(NodeError::OtherMachine {
                program: job.tool.name(),
                version: job.version.text.clone(),
                package,
                target: format!("Linux on {}", target.architecture.name()),
            }
            .into());
        }
        Kept::add(key, &installed.tree, installed.with_scripts, &self.store)
    }

    /// What npm would install, if its cache has all of it and nothing needs npm itself.
    fn from_npm_cache(&self, job: &Job<'_>) -> Result<Option<Kept>, InstallError> {
        if job.tool != Tool::Npm || job.scripts {
            return Ok(None);
        }
        let Some(packages) = npm_cache::packages(job.inputs, job.cpu) else { return Ok(None) };
        // An npm without these settings installs in its own way.
        let settings = job.npm_settings().unwrap_or_default();
        let Some(cache) = NpmCache::of(&settings) else { return Ok(None) };
        let Some(kept) = cache.unpack(&packages, &self.store)? else { return Ok(None) };
        let root = ROOT.parse().map_err(|source| TreeError::Path { what: ROOT.to_owned(), source })?;
        let tree = kept.tree(&root, &self.store)?;
        let folder = format!("{ROOT}/{}", installed::FOLDER);
        let Installed { tree, with_scripts, foreign } = installed::of_tree(tree, &folder, job.cpu)?;
        let is_kept = |path: &str| tree.get_or_implied(&format!("{ROOT}/{path}")).is_some();
        Ok(foreign.is_empty().then(|| kept.narrowed(is_kept, with_scripts)))
    }

    /// The version of a tool, which the settings of the project may choose. It is only asked when one of them has changed.
    fn version(&self, program: &Program, inputs: &Inputs) -> Result<Version, InstallError> {
        let mut hasher = FieldHasher::default();
        hasher.add(program.stamp()?.as_str());
        add_files(inputs.settings(), &mut hasher);
        let key = hasher.finish();
        let recorded: Option<String> = self.store.record(VERSIONS, &key);
        if let Some(version) = recorded.as_deref().and_then(Version::parse) {
            return Ok(version);
        }
        let folder = self.store.temporary_folder()?;
        inputs.write(folder.path())?;
        let version = tool::version(program, folder.path(), &*self.reporter)?;
        self.store.write_record(VERSIONS, &key, &version.text)?;
        Ok(version)
    }
}

/// All that decides what is installed.
fn key(inputs: &Inputs, tool: Tool, version: &Version, target: &NodeTarget, scripts: bool) -> Digest {
    let mut hasher = FieldHasher::default();
    let (tool, major) = (tool.name(), version.major);
    hasher.add(format!("{tool} {major}\0{}\0{} glibc\0{scripts}", target.runtime, target.cpu()));
    add_files(inputs.files(), &mut hasher);
    hasher.finish()
}

fn add_files<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])>, hasher: &mut FieldHasher) {
    for (name, content) in files {
        hasher.add(name);
        hasher.add(content);
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
