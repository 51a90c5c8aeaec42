//! From a place in a document to a line of its text, when a finding is shown.

use super::{BYTE_ORDER_MARK, Document, Position, secret};
use crate::finding::{DocumentPath, Finding, Place, SHOWN_AT_MOST, Setting, Step};
use crate::project::Architecture;

/// The longest line that is shown, in bytes.
const EXCERPT_AT_MOST: usize = 1000;

/// The findings that are shown, and how many more there are.
#[derive(Debug, Default, Clone)]
pub(crate) struct Listed {
    /// At most [`SHOWN_AT_MOST`], errors first, each kind by file, then line.
    pub shown: Vec<Located>,
    /// How many errors are not shown.
    pub more_errors: usize,
    /// How many warnings are not shown.
    pub more_warnings: usize,
}

impl Listed {
    /// The number of all errors.
    #[must_use]
    pub(crate) fn errors(&self) -> usize {
        self.shown.iter().filter(|located| located.finding.is_error()).count() + self.more_errors
    }
}

/// A finding with the line that it is about and its help in the words of the document's format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    /// The finding.
    pub finding: Finding,
    /// Where it is in the file.
    pub position: Option<Position>,
    /// The line itself, unless it would show the value of a variable. Text in it that looks like a secret is replaced by
    /// `***`.
    pub excerpt: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// What a format of definitions calls things.
#[derive(Debug, Clone, Copy)]
pub(in crate::definition) struct Vocabulary {
    /// How a setting is changed, as an imperative clause; nothing if the format has no such setting.
    setting: fn(Setting) -> Option<String>,
    /// Whether `--arch` overrides the architecture of all functions.
    has_architecture_option: bool,
    /// The key whose value maps variables to values.
    pub(in crate::definition) variables: &'static str,
    /// The keys at the top whose values map names to entries that functions use, and that of the functions themselves.
    pub(in crate::definition) sections: &'static [&'static str],
}

impl Vocabulary {
    /// The words of a format; the parameters are those of the fields.
    pub(in crate::definition) const fn new(
        setting: fn(Setting) -> Option<String>,
        variables: &'static str,
        sections: &'static [&'static str],
    ) -> Self {
        Self { setting, has_architecture_option: false, variables, sections }
    }

    /// The same words in a command whose `--arch` may override the architecture of all functions.
    pub(in crate::definition) fn under(self, architecture: Option<Architecture>) -> Self {
        Self { has_architecture_option: architecture.is_some(), ..self }
    }

    /// How a setting is changed, as an imperative clause; nothing if the format has no such setting.
    pub(in crate::definition) fn setting(&self, setting: Setting) -> Option<String> {
        match setting {
            Setting::Architecture(architecture) if self.has_architecture_option => {
                Some(format!("use `--arch {architecture}`"))
            }
            Setting::OtherArchitecture if self.has_architecture_option => {
                Some("use another `--arch`".to_owned())
            }
            other => (self.setting)(other),
        }
    }
}

/// The documents of one definition.
#[derive(Debug)]
pub(in crate::definition) struct Documents(pub(in crate::definition) Vec<Document>);

impl Documents {
    /// Where in its file a place is.
    pub(in crate::definition) fn position(&self, place: &Place) -> Option<Position> {
        let document = self.0.iter().find(|document| document.file() == place.file())?;
        Some(Position::of(&document.text, document.nearest(place.clone().on_key().path())))
    }

    /// Finds the line of each finding and words its help, as far as findings are shown. Equal findings are one, and one slip
    /// under an anchor is one finding, however many aliases repeat it.
    pub(in crate::definition) fn locate(&self, findings: &[Finding], words: &Vocabulary) -> Listed {
        let locators: Vec<_> = self.0.iter().map(|document| Locator::new(document, words)).collect();
        let mut ordered: Vec<&Finding> = findings.iter().collect();
        ordered.sort_by_key(|finding| finding.severity);
        let mut ordered = ordered.into_iter();
        let mut shown: Vec<Located> = Vec::new();
        for finding in ordered.by_ref() {
            let of_file = |locator: &&Locator<'_>| locator.document.file() == finding.place.file();
            let located = match locators.iter().find(of_file) {
                Some(locator) => locator.locate(finding),
                None => Located::of(finding, None, None, words),
            };
            if !shown.iter().any(|other| other.is_same(&located)) {
                shown.push(located);
            }
            if shown.len() == SHOWN_AT_MOST {
                break;
            }
        }
        let (more_errors, more_warnings): (Vec<_>, Vec<_>) = ordered.partition(|finding| finding.is_error());
        let file = |located: &Located| {
            let file = located.finding.place.file();
            self.0.iter().position(|document| document.file() == file).unwrap_or(usize::MAX)
        };
        shown.sort_by_key(|located| {
            let position = located.position.map_or((usize::MAX, 0), |at| (at.line, at.column));
            (located.finding.severity, file(located), position)
        });
        Listed { shown, more_errors: more_errors.len(), more_warnings: more_warnings.len() }
    }
}

/// Finds the lines of findings in one document.
struct Locator<'a> {
    document: &'a Document,
    words: &'a Vocabulary,
    /// The values that an excerpt must not show.
    hidden: Vec<String>,
}

impl<'a> Locator<'a> {
    fn new(document: &'a Document, words: &'a Vocabulary) -> Self {
        Self { document, words, hidden: secret::values(&document.root, words.variables) }
    }

    fn locate(&self, finding: &Finding) -> Located {
        let text = &self.document.text;
        let path = finding.place.path();
        let position = Position::of(text, self.document.nearest(path));
        let line = text.lines().nth(position.line - 1).filter(|_| !is_in_variables(path, self.words));
        let line = line.map(|line| line.trim_start_matches(BYTE_ORDER_MARK));
        let excerpt = line.filter(|line| line.len() <= EXCERPT_AT_MOST).map(|line| {
            let hidden = self.hidden.iter().filter(|value| line.contains(value.as_str()));
            hidden.fold(line.to_owned(), |line, value| line.replace(value, "***"))
        });
        Located::of(finding, Some(position), excerpt, self.words)
    }
}

impl Located {
    fn of(
        finding: &Finding,
        position: Option<Position>,
        excerpt: Option<String>,
        words: &Vocabulary,
    ) -> Self {
        let help = finding.help.as_ref().and_then(|help| help.render(|setting| words.setting(setting)));
        Self { finding: finding.clone(), position, excerpt, help }
    }

    /// Whether both are the same, or the same slip under an anchor.
    fn is_same(&self, other: &Self) -> bool {
        let Finding { code, message, place, .. } = &self.finding;
        self.finding == other.finding
            || self.position.is_some()
                && self.position == other.position
                && place.file() == other.finding.place.file()
                && *code == other.finding.code
                && *message == other.finding.message
    }
}

/// Whether a path leads to variables. Their values may be secret, even if their names do not suggest it.
fn is_in_variables(path: &DocumentPath, words: &Vocabulary) -> bool {
    path.steps().iter().any(|step| matches!(step, Step::Key(key) if key == words.variables))
}
