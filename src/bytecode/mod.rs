//! Compiles the Python sources of a tree to bytecode, which Lambda would otherwise do at every cold start.
//!
//! An interpreter of the function's version of Python, of this machine or of the base image, compiles, and never imports or runs, what may come from anybody. Its
//! result is written in one form, so that the same source always gives the same bytes, and kept in the store: a tree that has not
//! changed needs no interpreter, and no source of it is read. Which trees are compiled, and where their bytecode goes in an image, is
//! decided elsewhere.

mod compilation;
mod error;
mod interpreter;
mod known;
mod marshal;
mod sources;
#[cfg(test)]
#[cfg(unix)]
mod tests;
mod version;
mod worker;

use std::sync::Arc;

use compilation::Compilation;
pub(crate) use error::{BasePython, BytecodeError};
pub(crate) use interpreter::{Interpreter, Unpacked};
use known::{Outcome, TreeRecord};
pub(crate) use version::PythonVersion;

use crate::event::Reporter;
use crate::install::Programs;
use crate::project::ImagePath;
use crate::store::Store;
use crate::tree::Tree;

/// Compiles trees.
pub(crate) struct Compiler<'a> {
    /// Has the interpreters.
    pub(crate) programs: &'a Programs,
    /// Keeps the bytecode.
    pub(crate) store: &'a Store,
    /// Receives events.
    pub(crate) reporter: &'a Arc<dyn Reporter>,
    /// Whether sources are read even if their sizes and times have not changed.
    pub(crate) verify: bool,
}

/// A tree to compile.
pub(crate) struct Request<'a> {
    /// What it contains, such as `code of orders`.
    pub(crate) name: &'a str,
    /// The tree.
    pub(crate) tree: &'a Tree,
    /// For which Python.
    pub(crate) version: PythonVersion,
    /// The time of every file in the image.
    pub(crate) mtime: u64,
    /// Which of the sources are compiled.
    pub(crate) is_wanted: &'a (dyn Fn(&ImagePath) -> bool + Sync),
    /// Whether the Python of the base image may run.
    pub(crate) base: BasePython,
    /// That Python, once it was needed and is unpacked.
    pub(crate) unpacked: Option<&'a Interpreter>,
}

/// The bytecode of a tree.
#[derive(Debug)]
pub(crate) struct Bytecode {
    /// Its files.
    pub(crate) tree: Tree,
    /// The sources that do not compile, and why.
    pub(crate) failed: Vec<(ImagePath, String)>,
}

impl Compiler<'_> {
    /// Compiles the sources of a tree that have no valid bytecode in it. This blocks, and runs an interpreter unless the store
    /// has all of the bytecode.
    ///
    /// # Errors
    /// When there is no interpreter and one is needed, a source cannot be read, or the store cannot be written.
    pub(crate) fn compile(&self, request: &Request<'_>) -> Result<Bytecode, BytecodeError> {
        let Request { tree, version, mtime, is_wanted, .. } = *request;
        let sources = sources::of_tree(tree, version, is_wanted);
        let key = sources::key(&sources, version, mtime);
        let known = TreeRecord::find(&key, sources.len(), self.store).filter(|_| !self.verify);
        let record = if let Some(record) = known {
            record
        } else {
            let record = Compilation::new(self, request, &sources).run()?;
            if tree.has_reliable_times() {
                record.write(&key, self.store);
            }
            record
        };
        let failed = sources.iter().zip(&record.outcomes).filter_map(|(source, outcome)| match outcome {
            Outcome::Failed(why) => Some((source.path.clone(), why.clone())),
            Outcome::Kept | Outcome::Code(_) => None,
        });
        Ok(Bytecode { failed: failed.collect(), tree: record.tree(&sources, self.store) })
    }
}
