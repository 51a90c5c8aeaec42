//! What was found in the text of a tree's files, read once for all functions that share the tree.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::project::ImagePath;
use crate::sync::lock;
use crate::tree::{Node, Tree, TreeError};

/// How much of a file is read, in bytes.
const READ: usize = 1024 * 1024;

/// One value for each file of a tree that was asked for.
#[derive(Debug)]
pub(super) struct FileFacts<T>(Mutex<BTreeMap<ImagePath, Arc<T>>>);

impl<T> Default for FileFacts<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> FileFacts<T> {
    /// The value of a file. Nothing if the tree has no such file. `find` gets its text, and whether that is only the beginning.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn of(
        &self,
        tree: &Tree,
        path: &ImagePath,
        find: impl FnOnce(&str, bool) -> T,
    ) -> Result<Option<Arc<T>>, TreeError> {
        let Some(Node::File(file)) = tree.get(path) else { return Ok(None) };
        if let Some(known) = lock(&self.0).get(path) {
            return Ok(Some(Arc::clone(known)));
        }
        let head = file.content.head(READ)?;
        let found = Arc::new(find(&String::from_utf8_lossy(&head), head.len() == READ));
        lock(&self.0).insert(path.clone(), Arc::clone(&found));
        Ok(Some(found))
    }
}
