//! Which modules in a folder package managers have installed: the bytecode of those is part of the installation, while that
//! of a user's own modules comes and goes as they run.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::default_excludes::BYTECODE_FOLDER;
use crate::fs;

/// How much of a line of a list is read at once, in bytes: of a path only the first name counts.
const LONGEST_LINE: u64 = 4 * 1024;

/// Folders that only package managers write to.
const INSTALLED_ONLY: &[&str] = &["site-packages", "dist-packages", "node_modules"];

/// What the modules of a folder are.
#[derive(Debug, Clone)]
pub(super) enum Modules {
    /// The user's own.
    Own,
    /// Installed, in this folder and below it.
    Installed,
    /// Both: packages were installed into this folder.
    Mixed(Arc<Site>),
    /// Those of one package, or one other folder, of such a folder.
    PackageOf(Arc<Site>, Arc<str>),
    /// The bytecode of the modules directly in such a folder.
    BytecodeOf(Arc<Site>),
}

/// A folder into which packages were installed, as `pip install --target` does.
#[derive(Debug)]
pub(super) struct Site {
    folder: Arc<Path>,
    /// The names of the folders of metadata (Core metadata specifications, "Recording installed projects").
    metadata: Vec<OsString>,
    /// The top-level names that the packages list. Read only if there is bytecode to decide about.
    names: OnceLock<HashSet<String>>,
}

impl Modules {
    /// What those of a folder are, by the folder's name and entries; `self` is what those of the folder above are.
    pub(super) fn of_folder<'a>(
        self,
        name: &str,
        folder: &Arc<Path>,
        entries: impl Iterator<Item = &'a OsStr>,
    ) -> Self {
        if matches!(self, Self::Installed) || INSTALLED_ONLY.contains(&name) {
            return Self::Installed;
        }
        let is_metadata = |name: &&OsStr| name.as_encoded_bytes().ends_with(b".dist-info");
        let metadata: Vec<_> = entries.filter(is_metadata).map(OsStr::to_owned).collect();
        if metadata.is_empty() {
            return self;
        }
        Self::Mixed(Arc::new(Site { folder: Arc::clone(folder), metadata, names: OnceLock::new() }))
    }

    /// What those of a folder below are.
    pub(super) fn below(&self, name: &str) -> Self {
        match self {
            Self::Mixed(site) if name == BYTECODE_FOLDER => Self::BytecodeOf(Arc::clone(site)),
            Self::Mixed(site) => Self::PackageOf(Arc::clone(site), name.into()),
            other => other.clone(),
        }
    }

    /// Whether any of those in the folder may be installed.
    pub(super) fn may_be_installed(&self) -> bool {
        match self {
            Self::Own => false,
            Self::Installed | Self::Mixed(_) | Self::BytecodeOf(_) => true,
            Self::PackageOf(site, package) => site.lists(package),
        }
    }

    /// Whether a file in the folder is bytecode of a module that is not installed, as far as the folder contains both.
    pub(super) fn is_own_bytecode(&self, name: &str) -> bool {
        match self {
            Self::BytecodeOf(site) => !site.lists(name.split('.').next().unwrap_or_default()),
            _ => false,
        }
    }
}

impl Site {
    fn lists(&self, name: &str) -> bool {
        self.names.get_or_init(|| self.read_names()).contains(name)
    }

    /// The first folder of each listed path, and each listed module without its suffixes. A list that cannot be read counts as
    /// ended there: the file is in the tree, and making its layer reports the failure.
    fn read_names(&self) -> HashSet<String> {
        let mut names = HashSet::new();
        for metadata in &self.metadata {
            let path = self.folder.join(metadata).join("RECORD");
            let Some(list) = open(&path) else { continue };
            let read = fs::for_each_line(list, LONGEST_LINE, |line| {
                let first = line.trim_start_matches('"').split(['/', ',', '.']).next().unwrap_or_default();
                if !names.contains(first) {
                    names.insert(first.to_owned());
                }
            });
            drop(read);
        }
        names
    }
}

/// Opens a file; nothing if it is not a regular file, which opening could wait for.
fn open(path: &Path) -> Option<File> {
    fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file).and_then(|_| fs::open(path).ok())
}
