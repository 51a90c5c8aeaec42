//! Places in documents that a user wrote: `functions.orders.layers[1]` of a file.
//!
//! A place names keys and indices, not a line, so that every room can pass one on without the text of the document at
//! hand. [`crate::definition`] finds the line when a finding is shown.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// One step into a document: a key of a mapping or an index of a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The value under this key.
    Key(String),
    /// The item at this index, counted from 0.
    Index(usize),
}

/// A path into a document, such as `functions.orders.layers[1]`.
///
/// `on_key` tells whether it means the last key itself (a misspelt one) or the value below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentPath {
    steps: Vec<Step>,
    on_key: bool,
}

/// A path into one document: where something was defined, or where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    file: Arc<Path>,
    path: DocumentPath,
}

impl Place {
    /// A whole document.
    #[must_use]
    pub fn document(file: &Path) -> Self {
        Self { file: file.into(), path: DocumentPath::default() }
    }

    /// The file that holds the document.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The path in the document.
    #[must_use]
    pub fn path(&self) -> &DocumentPath {
        &self.path
    }

    /// The value under `key` below this place.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.to_owned()))
    }

    /// The value that several keys lead to, one below the other.
    #[must_use]
    pub fn keys(&self, keys: &[&str]) -> Self {
        keys.iter().fold(self.clone(), |place, key| place.key(key))
    }

    /// The item at `index` below this place.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    /// The last key itself instead of the value below it.
    #[must_use]
    pub fn on_key(mut self) -> Self {
        self.path.on_key = true;
        self
    }

    /// What this place is directly in; nothing for a whole document.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, steps) = self.path.steps.split_last()?;
        let path = DocumentPath { steps: steps.to_owned(), on_key: false };
        Some(Self { file: Arc::clone(&self.file), path })
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = self.path.steps.clone();
        steps.push(step);
        Self { file: Arc::clone(&self.file), path: DocumentPath { steps, on_key: false } }
    }
}

impl DocumentPath {
    /// Whether it means the last key itself.
    #[must_use]
    pub fn is_on_key(&self) -> bool {
        self.on_key
    }

    /// The steps from the top of the document.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl fmt::Display for DocumentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) if position == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_as_a_user_would_write_them() {
        let place =
            Place::document(Path::new("limg.yaml")).keys(&["functions", "orders"]).key("layers").index(1);
        assert_eq!(place.path().to_string(), "functions.orders.layers[1]");
    }
}
