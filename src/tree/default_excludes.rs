//! What is left out of a directory although no pattern says so: what tools leave behind next to code, and no function needs.
//!
//! A function that fails without a file is worse than an image with a file too many. So this list has only names that
//! belong to one tool, and everything on it can be brought back by a pattern.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::project::LOCK_FILE;

/// The file that makes a folder a virtual environment of Python (PEP 405). Its packages are links into the machine that made
/// it, and in no place where Lambda looks.
pub(super) const VIRTUAL_ENVIRONMENT: &str = "pyvenv.cfg";

/// The folder in which Python keeps the bytecode of the modules next to it (PEP 3147).
pub(super) const BYTECODE_FOLDER: &str = "__pycache__";

/// Whether the list has a name. Bytecode and virtual environments need more than a name.
pub(super) fn contains(name: &str, is_directory: bool) -> bool {
    match name {
        // Version control. In a worktree or submodule, `.git` is a file.
        ".git" | ".hg" | ".svn" | ".bzr" | ".jj"
        // Tools that build and deploy functions.
        | ".aws-sam" | ".serverless" | "cdk.out" | ".terraform" | ".terragrunt-cache"
        // Editors.
        | ".idea" | ".vscode" | ".vs"
        // Caches of tools that check and test.
        | ".pytest_cache" | ".mypy_cache" | ".ruff_cache" | ".hypothesis" | ".tox" | ".nox"
        // File managers of macOS and Windows.
        | ".DS_Store" | "__MACOSX" | "Thumbs.db" | "desktop.ini"
        // limg's own.
        | "limg.yaml" | "limg.yml" | "limg.lock" => true,
        // What macOS adds next to a file on file systems of others.
        _ if name.starts_with("._") => !is_directory,
        // The state of Terraform contains the secrets of what it has created.
        _ => name.contains(".tfstate"),
    }
}

/// The files of a definition that is not called `limg.yaml`.
#[derive(Debug)]
pub(super) struct DefinitionFiles {
    folder: PathBuf,
    definition: PathBuf,
    lock: PathBuf,
}

impl DefinitionFiles {
    pub(super) fn new(definition: &Path) -> Self {
        let name = Path::new(definition.file_name().unwrap_or_default());
        Self {
            folder: definition.parent().unwrap_or(Path::new("")).to_owned(),
            definition: name.to_owned(),
            lock: name.with_extension("lock"),
        }
    }

    /// Whether an entry of a folder is one of them.
    pub(super) fn contain(&self, folder: &Path, name: &OsStr) -> bool {
        (name == self.definition.as_os_str() || name == self.lock.as_os_str() || name == LOCK_FILE)
            && folder == self.folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_only_resemble_those_of_tools_are_kept() {
        for name in
            [".gitignore", ".github", "git", "idea", "cdk.out.json", "_private", "._pth.d", "limg.yaml.md"]
        {
            assert!(!contains(name, name == "._pth.d"), "{name}");
        }
        for name in [".git", "terraform.tfstate", "terraform.tfstate.backup", "prod.tfstate.d", "._app.py"] {
            assert!(contains(name, false), "{name}");
        }
    }
}
