//! The tree of one source, and what its files contain as far as later stages need it.

use std::sync::Arc;

use super::binary::{Binary, binaries};
use super::javascript_imports::JavaScriptImports;
use super::program::{HEAD, Program};
use super::python_imports::PythonImports;
use super::python_packages::PythonPackages;
use super::secret_files;
use crate::project::ImagePath;
use crate::shared::Shared;
use crate::tree::{Node, Tree, TreeError};

/// A tree, and what its programs, libraries and packages are built for. Files are read once, for all functions that share
/// the tree.
#[derive(Debug, Clone)]
pub struct SourceTree {
    /// The tree.
    pub tree: Shared<Tree>,
    /// Its programs and shared libraries.
    pub binaries: Arc<[(ImagePath, Binary)]>,
    /// Its Python packages.
    pub python: Arc<PythonPackages>,
    /// What its files of JavaScript import, once that is asked for.
    pub javascript: Arc<JavaScriptImports>,
    /// What its files of Python import, once that is asked for.
    pub python_imports: Arc<PythonImports>,
    /// The paths of its symbolic links.
    pub links: Arc<[ImagePath]>,
    /// The files that look like secrets.
    pub secrets: Arc<[ImagePath]>,
}

impl SourceTree {
    /// Reads a tree. Files at `started`, where Lambda starts what it finds, become executable if they are programs: archives
    /// often lose the permission bits.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(mut tree: Tree, started: &[ImagePath]) -> Result<Self, TreeError> {
        for path in started {
            if let Some(Node::File(file)) = tree.get(path)
                && !file.executable
                && !matches!(Program::of(&file.content.head(HEAD)?), Program::Other | Program::Foreign(_))
            {
                tree.make_executable(path, "Lambda runs it as a program");
            }
        }
        let (binaries, python) = (binaries(&tree)?.into(), PythonPackages::of(&tree)?.into());
        let links = tree.iter().filter(|(_, node)| matches!(node, Node::Symlink(_)));
        let links = links.map(|(path, _)| path.clone()).collect();
        let secrets = secret_files::of_tree(&tree)?.into();
        let (javascript, python_imports) = Default::default();
        let tree = Shared::new(tree);
        Ok(Self { tree, binaries, python, javascript, python_imports, links, secrets })
    }
}
