//! A definition that has been read.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::cloudformation::NestedTemplate;
use super::document::{Documents, Listed, Position, Vocabulary};
use super::format::Format;
use super::unbuildable::{Unbuildable, WhyUnbuildable};
use crate::finding::{Allowance, Finding, Place, RemoteValue, Setting, Step, is_allowed};
use crate::project::{Function, Project};

/// A definition that has been read and found valid.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What it describes: the functions that can be built.
    pub project: Project,
    /// The other functions.
    pub unbuildable: Vec<Unbuildable>,
    /// Warnings.
    pub warnings: Listed,
    /// The same as they were found.
    pub findings: Vec<Finding>,
    /// The absolute path of the definition.
    pub file: PathBuf,
    /// The absolute path of its lock file, which need not exist.
    pub lock_file: PathBuf,
    /// Its format.
    pub(super) format: Format,
    /// What it was read from.
    pub sources: Arc<Sources>,
    /// Where its templates name each other.
    pub(super) nested: Vec<NestedTemplate>,
}

impl Loaded {
    /// The name of the function that a user means: the name itself, or the only function whose key in its document it is, such
    /// as the logical id of a function that CDK calls by a path.
    #[must_use]
    pub(crate) fn name_of<'n>(&'n self, written: &'n str) -> &'n str {
        let built = self.project.functions.iter().map(|it| (&it.name, &it.places.function));
        let all = built.chain(self.unbuildable.iter().map(|it| (&it.name, &it.place)));
        if all.clone().any(|(name, _)| name == written) {
            return written;
        }
        let is_key = |place: &Place| matches!(place.path().steps(), [.., Step::Key(key)] if key == written);
        let mut meant = all.filter(|(_, place)| is_key(place)).map(|(name, _)| name.as_str());
        match (meant.next(), meant.next()) {
            (Some(name), None) => name,
            _ => written,
        }
    }

    /// What can be fetched from AWS and would let more of the named functions be built, or of all if none are named. Nested
    /// stacks are always in it, since only their templates say which functions they have.
    #[must_use]
    pub(crate) fn remote_values(&self, names: &[String]) -> BTreeSet<RemoteValue> {
        let names: BTreeSet<&str> = names.iter().map(|name| self.name_of(name)).collect();
        let is_needed = |it: &&Unbuildable| {
            names.is_empty()
                || names.contains(it.name.as_str())
                || matches!(it.why, WhyUnbuildable::Remote(_))
        };
        self.unbuildable.iter().filter(is_needed).flat_map(Unbuildable::remote).cloned().collect()
    }

    /// The warnings that concern these functions: not those of other functions, or of bases, layers and extensions that
    /// only others use.
    #[must_use]
    pub(crate) fn warnings_about(&self, functions: &[Function]) -> Listed {
        self.sources.locate(&self.about(functions, &self.findings))
    }

    /// Those of some findings that are about these functions, what they use, or the whole definition.
    #[must_use]
    pub(crate) fn about(&self, functions: &[Function], findings: &[Finding]) -> Vec<Finding> {
        let entry =
            |place: &Place| self.sources.entry(place).map(|entry| (place.file().to_owned(), entry.to_vec()));
        let used: BTreeSet<_> = functions.iter().flat_map(Function::places).filter_map(entry).collect();
        let concerns = |finding: &&Finding| entry(&finding.place).is_none_or(|entry| used.contains(&entry));
        findings.iter().filter(concerns).cloned().collect()
    }
}

/// The documents that a definition was read from and the words of their format: what it takes to show a finding.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(super) documents: Documents,
    words: Vocabulary,
    /// Findings that the user allows.
    allowances: Arc<[Allowance]>,
}

impl Sources {
    pub(super) fn new(documents: Documents, words: Vocabulary, allowances: Arc<[Allowance]>) -> Self {
        Self { documents, words, allowances }
    }

    /// The files of the definition.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.documents.0.iter().map(|document| document.file().to_owned()).collect()
    }

    /// Finds the lines of findings, and words their help in the definition's format. Equal findings become one. Warnings that the
    /// definition allows are left out; of the errors, the rules leave out those that the work can go on with.
    #[must_use]
    pub(crate) fn locate(&self, findings: &[Finding]) -> Listed {
        let is_shown = |finding: &&Finding| finding.is_error() || !is_allowed(&self.allowances, finding);
        let shown: Vec<Finding> = findings.iter().filter(is_shown).cloned().collect();
        self.documents.locate(&shown, &self.words)
    }

    /// Where in its file a place is.
    #[must_use]
    pub(crate) fn position(&self, place: &Place) -> Option<Position> {
        self.documents.position(place)
    }

    /// The named entry that a place is in, such as a layer, which only the functions that name it use.
    fn entry<'p>(&self, place: &'p Place) -> Option<&'p [Step]> {
        let entry = place.path().steps().get(..2)?;
        matches!(&entry[0], Step::Key(section) if self.words.sections.contains(&section.as_str()))
            .then_some(entry)
    }

    /// How the definition's format spells a setting that help asks for.
    #[must_use]
    pub(crate) fn words(&self, setting: Setting) -> Option<String> {
        self.words.setting(setting)
    }
}
