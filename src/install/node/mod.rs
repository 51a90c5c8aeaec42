//! Installs the packages of Node.js that a lock file pins, with npm, pnpm or Yarn, in a temporary folder of the store.
//!
//! The result is kept in the store under everything that decides about it, so that an unchanged list runs no tool. No scripts
//! of packages run unless the definition allows it. Nothing is written to the user's folder.

mod error;
mod inputs;
mod installed;
mod manifest;
mod npm_cache;
mod placement;
mod tool;
mod workspace;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

pub(crate) use error::NodeError;
use inputs::Inputs;
use installed::Installed;
use npm_cache::NpmCache;
use placement::Placed;
use tool::{Job, Tool, Version};

use super::Installer;
use super::error::InstallError;
use super::folder::{self, ROOT, Sources};
use super::kept::Kept;
use super::node_modules::FOLDER;
use super::program::{Program, machine};
use crate::project::{Architecture, ImagePath, PackageList, Source, SourceKind};
use crate::store::{Digest, FieldHasher};
use crate::tree::{self, Tree};

/// The kind of the store's records of versions of tools.
const VERSIONS: &str = "node-tools-1";

/// How many archives npm is asked to download into its cache: more make too long a command line for some systems.
const ADDED_AT_MOST: usize = 200;

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

/// Which packages are installed, and for which machine.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    /// Those that the code needs when it runs, for a function's machine.
    Image(&'a NodeTarget),
    /// All, those for development among them, for the machine that builds.
    Build,
}

/// An installation.
#[derive(Debug)]
pub(super) struct Planned<'a> {
    /// The digest of all that decides what is installed.
    pub(super) key: Digest,
    inputs: Inputs,
    tool: Tool,
    program: Program,
    version: Version,
    list: &'a PackageList,
    scope: Scope<'a>,
}

impl Scope<'_> {
    /// The word of Node.js for the function's architecture.
    fn cpu(self) -> Option<&'static str> {
        match self {
            Self::Image(target) => Some(target.cpu()),
            Self::Build => None,
        }
    }
}

impl Planned<'_> {
    /// `package.json`.
    pub(super) fn manifest(&self) -> &Value {
        &self.inputs.manifest
    }

    /// The sources of the members of a workspace that the function needs, by their folders.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn members(&self, left_out: &[&str]) -> Result<BTreeMap<String, Sources>, InstallError> {
        let workspace = self.inputs.workspace.iter();
        let members = workspace.flat_map(|workspace| {
            workspace.needed().into_iter().filter(|member| *member != workspace.member).map(|member| {
                let source = Source::new(workspace.root.join(member), SourceKind::Directory);
                Ok((member.to_owned(), Sources::read(&source, left_out)?))
            })
        });
        members.collect()
    }

    /// Whether install scripts run.
    fn runs_scripts(&self) -> bool {
        self.list.scripts == Some(true)
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
        let Some(planned) = self.plan(list, Scope::Image(target))? else {
            return Ok(NodePackages { tree: Tree::new(), with_scripts: Vec::new() });
        };
        let kept = if let Some(kept) = Kept::find(&planned.key, &self.store) {
            kept
        } else {
            self.install(&planned, self.store.temporary_folder()?.path())?
        };
        let mut tree = kept.tree(root, &self.store)?;
        if let Some(workspace) = &planned.inputs.workspace {
            for (place, member) in &kept.members {
                let mut source = Source::new(workspace.root.join(member), SourceKind::Directory);
                source.exclude.push(format!("/{FOLDER}"));
                tree.follow_package(&source, tree::join(root, place, place)?)?;
            }
        }
        Ok(NodePackages { tree, with_scripts: kept.with_scripts })
    }

    /// Finds out what installs a list. Nothing if there are no packages in it.
    pub(super) fn plan<'a>(
        &self,
        list: &'a PackageList,
        scope: Scope<'a>,
    ) -> Result<Option<Planned<'a>>, InstallError> {
        let Some(inputs) = Inputs::read(list, matches!(scope, Scope::Build))? else { return Ok(None) };
        let tool = Tool::of(inputs.kind);
        let program = self.programs.find(tool.name()).ok_or_else(|| InstallError::NoProgram {
            program: tool.name(),
            task: format!("install the packages of `{}`", list.path.display()),
            help: tool.help(),
        })?;
        let version = self.version(&program, &inputs)?;
        let key = key(&inputs, tool, &version, scope, list.scripts == Some(true));
        Ok(Some(Planned { key, inputs, tool, program, version, list, scope }))
    }

    /// Installs packages into a folder, from the store if it has them. `members` are those of the workspace that the packages
    /// are for. Returns the names of those whose install scripts have not run.
    pub(super) fn install_into(
        &self,
        planned: &Planned<'_>,
        members: &BTreeMap<String, Sources>,
        folder: &Path,
    ) -> Result<Vec<String>, InstallError> {
        let kept = match Kept::find(&planned.key, &self.store) {
            None if planned.inputs.workspace.is_none() => self.install(planned, folder)?,
            kept => {
                let kept = kept.map_or_else(
                    || self.install(planned, self.store.temporary_folder()?.path()),
                    Ok::<_, InstallError>,
                )?;
                folder::write(&kept.tree(&folder::root()?, &self.store)?, folder)?;
                kept
            }
        };
        for (place, member) in &kept.members {
            if let Some(sources) = members.get(member) {
                sources.write(&folder.join(place))?;
            }
        }
        Ok(if planned.runs_scripts() { Vec::new() } else { kept.with_scripts })
    }

    fn install(&self, planned: &Planned<'_>, folder: &Path) -> Result<Kept, InstallError> {
        let Planned { inputs, key, tool, program, version, list: _, scope } = planned;
        inputs.write(folder)?;
        let job = Job {
            tool: *tool,
            program,
            version,
            inputs,
            cpu: scope.cpu(),
            scripts: planned.runs_scripts(),
            folder,
            reporter: &*self.reporter,
        };
        if let Some(kept) = self.unpack_npm_cache(&job)? {
            kept.record(key, &self.store)?;
            return Ok(kept);
        }
        job.run()?;
        let (installed, members) = match &inputs.workspace {
            Some(workspace) => {
                let Placed { tree, members } = placement::of_member(folder, workspace)?;
                (installed::of_tree(tree, &format!("/{FOLDER}"), scope.cpu())?, members)
            }
            None => (installed::read(&folder.join(FOLDER), scope.cpu())?, BTreeMap::new()),
        };
        if let Scope::Image(target) = scope
            && let Some(package) = installed.foreign.into_iter().next()
        {
            return Err(NodeError::OtherMachine {
                program: tool.name(),
                version: version.text.clone(),
                package,
                target: format!("Linux on {}", target.architecture.name()),
            }
            .into());
        }
        let mut kept = Kept::add((&installed.tree, ""), &self.store)?;
        (kept.with_scripts, kept.members) = (installed.with_scripts, members);
        kept.record(key, &self.store)?;
        Ok(kept)
    }

    /// What npm would install, from its cache, if nothing needs npm itself.
    fn unpack_npm_cache(&self, job: &Job<'_>) -> Result<Option<Kept>, InstallError> {
        // Without a target, the packages are for programs of this machine, which run in the folder.
        let is_for_cache = job.tool == Tool::Npm && !job.scripts && job.inputs.workspace.is_none();
        let Some(cpu) = job.cpu.filter(|_| is_for_cache) else { return Ok(None) };
        let Some(packages) = npm_cache::packages(job.inputs, cpu) else { return Ok(None) };
        // An npm without these settings installs in its own way.
        let settings = job.npm_settings().unwrap_or_default();
        let Some(cache) = NpmCache::of(&settings) else { return Ok(None) };
        let missing = cache.missing(&packages);
        // If that fails, npm says why when it does all of it.
        if !missing.is_empty() && (missing.len() > ADDED_AT_MOST || job.fill_npm_cache(&missing).is_err()) {
            return Ok(None);
        }
        let Some(kept) = cache.unpack(&packages, &self.store)? else { return Ok(None) };
        let root = folder::root()?;
        let tree = kept.tree(&root, &self.store)?;
        let folder = format!("{ROOT}/{FOLDER}");
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
fn key(inputs: &Inputs, tool: Tool, version: &Version, scope: Scope<'_>, scripts: bool) -> Digest {
    let mut hasher = FieldHasher::default();
    let (tool, major) = (tool.name(), version.major);
    let machine = match scope {
        Scope::Image(target) => format!("{}\0{} glibc", target.runtime, target.cpu()),
        Scope::Build => format!("build\0{}", machine()),
    };
    hasher.add(format!("{tool} {major}\0{machine}\0{scripts}"));
    add_files(inputs.files(), &mut hasher);
    if let Some(workspace) = &inputs.workspace {
        hasher.add(&workspace.member);
        add_files(workspace.deciding().map(|(folder, text)| (folder, text.as_bytes())), &mut hasher);
    }
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
