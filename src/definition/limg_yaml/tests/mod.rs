//! From the text of a `limg.yaml` to a project or to findings.

mod example;
mod findings;
mod meaning_cases;
mod never_panics;
mod remote_cases;
mod shape_cases;

use super::{VOCABULARY, project};
use crate::definition::document::{Document, DocumentError, Documents, Located};
use crate::definition::tests::{Folder, TODAY};
use crate::finding::Finding;
use crate::project::Project;

/// A project, if there is one, and the findings.
type Read = (Option<Project>, Vec<Finding>);

/// Reads a text as the `limg.yaml` of a folder.
fn read_in(folder: &Folder, text: &str) -> Result<(Read, Documents), DocumentError> {
    let document = Document::parse(&folder.path("limg.yaml"), text.to_owned())?;
    Ok((project(&document, TODAY), Documents(vec![document])))
}

/// The project of a text without errors.
fn read_valid(folder: &Folder, text: &str) -> Project {
    let ((project, findings), _) = read_in(folder, text).unwrap();
    assert!(!findings.iter().any(Finding::is_error), "{findings:?}");
    project.unwrap()
}

/// All findings as a user could be shown them.
fn report(folder: &Folder, text: &str) -> String {
    let ((_, findings), documents) = read_in(folder, text).unwrap();
    let located = documents.locate(&findings, &VOCABULARY).shown;
    let mut lines = Vec::new();
    for Located { finding, position, excerpt, help } in located {
        let place = position.map_or("?".to_owned(), |at| format!("{}:{}", at.line, at.column));
        lines.push(format!("{place} {}[{}] {}", finding.severity.name(), finding.code, finding.message));
        lines.extend(excerpt.map(|excerpt| format!("  | {}", excerpt.trim())));
        lines.extend(help.map(|help| format!("  help: {help}")));
    }
    lines.join("\n").replace(&folder.root().display().to_string(), "ROOT")
}
