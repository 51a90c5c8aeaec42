//! What is wrong with a definition: where it stands, what it is, and how to mend it.
//!
//! A [`Problem`] names its place by a [`DocumentPath`], not by a line, so that every stage can report one without
//! the text of the definition at hand. [`crate::definition`] turns the place into a line when it is shown.
//! This module must not print and must not know the format of the text.

use std::fmt;

/// One step into a definition: a key of a mapping or an index of a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The value under this key.
    Key(String),
    /// The item at this index, counted from 0.
    Index(usize),
}

/// A place in a definition, such as `functions.orders.layers[1]`.
///
/// `on_key` tells whether the place is the last key itself (a misspelt one) or the value below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DocumentPath {
    steps: Vec<Step>,
    on_key: bool,
}

impl DocumentPath {
    /// The whole document.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The value that these keys lead to.
    #[must_use]
    pub fn keys(keys: &[&str]) -> Self {
        Self { steps: keys.iter().map(|key| Step::Key((*key).to_owned())).collect(), on_key: false }
    }

    /// The value under `key` below this place.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.to_owned()))
    }

    /// The item at `index` below this place.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    /// The last key itself instead of the value below it.
    #[must_use]
    pub fn on_key(mut self) -> Self {
        self.on_key = true;
        self
    }

    /// Whether the place is the last key itself.
    #[must_use]
    pub fn is_on_key(&self) -> bool {
        self.on_key
    }

    /// The steps from the top of the document.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step);
        Self { steps, on_key: false }
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

/// One thing that is wrong, or worth a warning, in a definition or in what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A stable name of the kind of problem, in kebab-case, for programs to match.
    pub code: &'static str,
    /// Where it stands.
    pub at: DocumentPath,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl Problem {
    /// Makes a problem without a mend.
    pub fn new(code: &'static str, at: DocumentPath, message: impl Into<String>) -> Self {
        Self { code, at, message: message.into(), help: None }
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The candidate that a misspelt `word` most likely means, if one is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_as_a_user_would_write_them() {
        let path = DocumentPath::keys(&["functions", "orders"]).key("layers").index(1);
        assert_eq!(path.to_string(), "functions.orders.layers[1]");
    }

    #[test]
    fn nearest_finds_a_slip_and_leaves_a_stranger() {
        assert_eq!(nearest("handlr", ["handler", "runtime"]), Some("handler"));
        assert_eq!(nearest("python312", ["python3.12", "nodejs20.x"]), Some("python3.12"));
        assert_eq!(nearest("zzz", ["handler", "runtime"]), None);
    }
}
