//! From a place in a document to a line of its text, when a finding is shown.

use super::node::Node;
use super::{Document, Position, secret};
use crate::finding::{DocumentPath, Finding, Setting, Step};

/// How much text may be read to find lines; findings beyond it are shown without a line. That is thousands of findings in
/// a definition of usual size.
const READ_AT_MOST: usize = 64 * 1024 * 1024;

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
#[derive(Debug)]
pub(in crate::definition) struct Vocabulary {
    /// How a setting is changed, as an imperative clause; nothing if the format has no such setting.
    pub(in crate::definition) setting: fn(Setting) -> Option<String>,
    /// The key whose value maps variables to values.
    pub(in crate::definition) variables: &'static str,
}

/// The documents of one definition.
#[derive(Debug)]
pub(in crate::definition) struct Documents(pub(in crate::definition) Vec<Document>);

impl Documents {
    /// Finds the line of each finding and words its help. The order is by file, then line; equal findings are one, and one
    /// slip under an anchor is one finding, however many aliases repeat it.
    pub(in crate::definition) fn locate(&self, findings: &[Finding], words: &Vocabulary) -> Vec<Located> {
        let mut located = Vec::new();
        for document in &self.0 {
            let own: Vec<&Finding> =
                findings.iter().filter(|finding| finding.place.file() == document.file()).collect();
            let mut own = document.locate(&own, words);
            own.sort_by_key(|it| it.position.map_or((usize::MAX, 0), |at| (at.line, at.column)));
            located.append(&mut own);
        }
        let is_elsewhere =
            |finding: &&Finding| self.0.iter().all(|document| document.file() != finding.place.file());
        located.extend(
            findings.iter().filter(is_elsewhere).map(|finding| Located::of(finding, None, None, words)),
        );
        let mut unique: Vec<Located> = Vec::new();
        for it in located {
            let is_same = |other: &Located| {
                other.finding == it.finding
                    || other.position.is_some()
                        && other.position == it.position
                        && other.finding.place.file() == it.finding.place.file()
                        && other.finding.code == it.finding.code
                        && other.finding.message == it.finding.message
            };
            if !unique.iter().any(is_same) {
                unique.push(it);
            }
        }
        unique
    }
}

impl Document {
    /// A place that the text does not have, such as a missing key, is that of the nearest key above it. A place that came in
    /// by an alias or a merge key is where the anchor is.
    fn locate(&self, findings: &[&Finding], words: &Vocabulary) -> Vec<Located> {
        let hidden = secret::values(&self.root, words.variables);
        let affordable = READ_AT_MOST / self.text.len().max(1);
        let locate = |(number, finding): (usize, &&Finding)| {
            let path = finding.place.path();
            let goal = (number < affordable).then(|| Goal::of(&self.root, path));
            let position = goal.and_then(|goal| self.language.locate(&self.text, &goal.steps, goal.on_key));
            let excerpt = position
                .filter(|_| !is_in_variables(path, words))
                .and_then(|position| self.text.lines().nth(position.line - 1))
                .map(|line| hidden.iter().fold(line.to_owned(), |line, value| line.replace(value, "***")));
            Located::of(finding, position, excerpt, words)
        };
        findings.iter().enumerate().map(locate).collect()
    }
}

impl Located {
    fn of(
        finding: &Finding,
        position: Option<Position>,
        excerpt: Option<String>,
        words: &Vocabulary,
    ) -> Self {
        let help = finding.help.as_ref().and_then(|help| help.render(words.setting));
        Self { finding: finding.clone(), position, excerpt, help }
    }
}

/// Whether a path leads to variables. Their values may be secret, even if their names do not suggest it.
fn is_in_variables(path: &DocumentPath, words: &Vocabulary) -> bool {
    path.steps().iter().any(|step| matches!(step, Step::Key(key) if key == words.variables))
}

/// A place in the text: positions in mappings and lists, merged or not.
struct Goal {
    steps: Vec<usize>,
    on_key: bool,
}

impl Goal {
    /// The place in the text that a path leads to, or the nearest above it.
    fn of(document: &Node, path: &DocumentPath) -> Self {
        let mut goal = Self { steps: Vec::new(), on_key: false };
        let mut node = document;
        for (depth, step) in path.steps().iter().enumerate() {
            let is_last = depth + 1 == path.steps().len();
            let next = match (step, node.untagged()) {
                (Step::Key(key), Node::Mapping(entries)) => {
                    let mut same = entries.iter().filter(|entry| entry.key == *key);
                    // Of a duplicate key, the second one is wrong.
                    let entry = if is_last && path.is_on_key() { same.next_back() } else { same.next() };
                    entry.map(|entry| (&entry.steps[..], &entry.value))
                }
                (Step::Index(index), Node::List(items)) => {
                    items.get(*index).map(|item| (std::slice::from_ref(index), item))
                }
                _ => None,
            };
            let Some((steps, value)) = next else {
                goal.on_key = depth > 0 && matches!(path.steps()[depth - 1], Step::Key(_));
                return goal;
            };
            goal.steps.extend_from_slice(steps);
            node = value;
        }
        // An absent value has no position; its key has one.
        let by_key = matches!(path.steps().last(), Some(Step::Key(_)));
        goal.on_key = by_key && (path.is_on_key() || node.is_null());
        goal
    }
}
