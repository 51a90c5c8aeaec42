//! From the text of `limg.yaml` to a [`Project`], or to all that is wrong with it at once, each with its line.
//!
//! The text goes through four hands, and each has one job:
//!
//! ```text
//! text ──node──> tree ──shape──> good tree ──typed, format──> as written ──validate──> Project
//! ```
//!
//! - `format` is the one description of the keys; the JSON Schema for editors is made from it.
//! - `shape` compares the tree with that schema, so that serde's first error is not the only one that a user sees.
//! - `validate` gives the keys their meaning and looks at what they name on disk.
//! - `locate` finds the line of a problem when it is shown.
//!
//! This module reads the definition and looks at the paths in it. It takes no clock, no environment, no network, prints
//! nothing, and knows runtimes only as ids that its caller gives.

pub mod codes;
mod format;
mod locate;
mod node;
mod secret;
mod shape;
mod shape_help;
mod starter;
mod typed;
mod validate;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;

pub use self::locate::{Located, locate};
pub use self::starter::{StarterFile, starter};
pub use self::validate::{VariableError, check_variable};
use crate::fs::{self, FsError, TextError};
use crate::problem::{DocumentPath, Problem};
use crate::project::Project;

/// The names of a definition, in the order in which they are looked for.
const NAMES: &[&str] = &["limg.yaml", "limg.yml"];
/// The names of other AWS tools' templates, which explain why somebody expected limg to find something.
const TEMPLATE_NAMES: &[&str] = &["template.yaml", "template.yml"];
/// Far more than any definition needs, and little enough to be read whole.
const BYTES_AT_MOST: u64 = 1024 * 1024;

/// A definition that has been read and found good.
#[derive(Debug)]
pub struct Loaded {
    /// What it describes.
    pub project: Project,
    /// What is worth a second look, in the order of the lines.
    pub warnings: Vec<Located>,
    /// The absolute path of the definition.
    pub file: PathBuf,
    text: String,
}

impl Loaded {
    /// Finds the lines of problems that a later stage has with what the definition says.
    #[must_use]
    pub fn locate(&self, problems: &[Problem]) -> Vec<Located> {
        locate_in_order(&self.text, problems)
    }
}

/// Why there is no project.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// There is no definition in a folder or above it.
    #[error("found no limg.yaml in `{}` or any folder above it", start.display())]
    NotFound {
        /// The folder.
        start: PathBuf,
    },
    /// There is a template of another tool, and no definition.
    #[error("found no limg.yaml, only the template `{}`, which limg cannot read yet", template.display())]
    OnlyTemplate {
        /// The template.
        template: PathBuf,
    },
    /// The path is that of a directory.
    #[error("`{}` is a directory, not a definition", path.display())]
    IsDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The file could not be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The file is too large to be a definition.
    #[error("`{}` is larger than {BYTES_AT_MOST} bytes and no definition", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
    },
    /// The file is not text in UTF-8.
    #[error("`{}` is not text in UTF-8", file.display())]
    NotUtf8 {
        /// The file.
        file: PathBuf,
    },
    /// The text is not one document of YAML.
    #[error("`{}` is not valid YAML: {}", file.display(), syntax.message)]
    Syntax {
        /// The file.
        file: PathBuf,
        /// What is wrong, and where.
        syntax: Syntax,
    },
    /// The definition can be read, but not meant.
    #[error("`{}` has {}", file.display(), count(problems.len()))]
    Problems {
        /// The file.
        file: PathBuf,
        /// Everything that is wrong, in the order of the lines.
        problems: Vec<Located>,
        /// What is worth a second look beside it. Empty when the keys themselves are wrong.
        warnings: Vec<Located>,
    },
}

impl DefinitionError {
    /// What to do about it. Problems have their own help each.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } => Some("`limg init` writes one; `-f FILE` names one elsewhere".to_owned()),
            Self::OnlyTemplate { .. } => Some("`limg init` writes a limg.yaml to begin with".to_owned()),
            Self::IsDirectory { path } => Some(format!("name the file: `{}`", path.join(NAMES[0]).display())),
            Self::TooLarge { .. } => Some("name a limg.yaml".to_owned()),
            Self::NotUtf8 { .. } => Some("save it as UTF-8".to_owned()),
            Self::Syntax { syntax, .. } => syntax.help.clone(),
            Self::Fs(_) | Self::Problems { .. } => None,
        }
    }
}

/// Where a text stops being YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syntax {
    /// The line, counted from 1.
    pub line: Option<usize>,
    /// The column, counted in characters from 1.
    pub column: Option<usize>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// How to mend it, where that can be guessed.
    pub help: Option<String>,
}

/// The definition that governs the folder `start`: `limg.yaml` or `limg.yml` in it, or in the nearest folder above.
///
/// # Errors
/// When there is none. A template of another AWS tool on the way is then named.
pub fn find(start: &Path) -> Result<PathBuf, DefinitionError> {
    let start = std::path::absolute(start).map_err(FsError::because("find", start))?;
    let first_of = |names: &[&str]| {
        let candidates = start.ancestors().flat_map(|folder| names.iter().map(move |name| folder.join(name)));
        // Whatever has the name is found, be it a directory or a link to nowhere: reading it then says so.
        candidates.into_iter().find(|candidate| fs::symlink_metadata(candidate).is_ok())
    };
    first_of(NAMES).ok_or_else(|| match first_of(TEMPLATE_NAMES) {
        Some(template) => DefinitionError::OnlyTemplate { template },
        None => DefinitionError::NotFound { start: start.clone() },
    })
}

/// Reads the definition in `file`; `runtimes` are the ids of all runtimes that have a contract.
///
/// # Errors
/// When it cannot be read, is not YAML, or has any problem.
pub fn load(file: &Path, runtimes: &[&str]) -> Result<Loaded, DefinitionError> {
    let file = std::path::absolute(file).map_err(FsError::because("find", file))?;
    let text = read_text(&file)?;
    let root = file.parent().unwrap_or(Path::new("/")).to_owned();
    match read(&text, &root, runtimes) {
        Err(syntax) => Err(DefinitionError::Syntax { file, syntax }),
        Ok(Outcome { project: Some(project), warnings, .. }) => {
            Ok(Loaded { project, warnings: locate_in_order(&text, &warnings), file, text })
        }
        Ok(Outcome { problems, warnings, .. }) => Err(DefinitionError::Problems {
            file,
            problems: locate_in_order(&text, &problems),
            warnings: locate_in_order(&text, &warnings),
        }),
    }
}

/// The JSON Schema of `limg.yaml`, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    format::schema()
}

/// What a text comes to.
#[derive(Debug)]
struct Outcome {
    /// There is a project when there is no problem.
    project: Option<Project>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Outcome {
    fn failed(problems: Vec<Problem>) -> Self {
        Self { project: None, problems, warnings: Vec::new() }
    }
}

/// Reads a definition that lies in the folder `root`.
fn read(text: &str, root: &Path, runtimes: &[&str]) -> Result<Outcome, Syntax> {
    let document = node::parse(text).map_err(|error| Syntax::of(&error, text))?;
    if document.is_null() {
        let problem = Problem::new(codes::EMPTY_DEFINITION, DocumentPath::root(), "the definition is empty");
        let help = "add a function under `functions:`; `limg init` writes a definition to begin with";
        return Ok(Outcome::failed(vec![problem.help(help)]));
    }
    let problems = shape::check(&document, &schema());
    if !problems.is_empty() {
        return Ok(Outcome::failed(problems));
    }
    match format::Definition::deserialize(&document) {
        Ok(definition) => {
            let validate::Validated { project, problems, warnings } =
                validate::validate(&definition, root, runtimes);
            Ok(Outcome { project, problems, warnings })
        }
        // Good by the schema and refused by the types: the two disagree, and the user must still hear of it.
        Err(error) => Ok(Outcome::failed(vec![Problem::new(
            codes::WRONG_TYPE,
            DocumentPath::root(),
            error.to_string(),
        )])),
    }
}

/// The text of a definition, without a byte order mark.
fn read_text(file: &Path) -> Result<String, DefinitionError> {
    if fs::metadata(file)?.is_dir() {
        return Err(DefinitionError::IsDirectory { path: file.to_owned() });
    }
    fs::read_text(file, BYTES_AT_MOST).map_err(|error| match error {
        TextError::Fs(error) => DefinitionError::Fs(error),
        TextError::TooLarge { path: file, .. } => DefinitionError::TooLarge { file },
        TextError::NotUtf8 { path: file } => DefinitionError::NotUtf8 { file },
    })
}

/// Finds the lines, and sorts by them. One slip under an anchor is one problem, however many aliases repeat it.
fn locate_in_order(text: &str, problems: &[Problem]) -> Vec<Located> {
    let mut located = locate(text, problems);
    located.sort_by_key(|it| (it.line.unwrap_or(usize::MAX), it.column));
    let mut seen = BTreeSet::new();
    located.retain(|it| {
        let Located { problem: Problem { code, message, .. }, line, column, .. } = it;
        line.is_none() || seen.insert((*line, *column, *code, message.clone()))
    });
    located
}

/// `1 problem`, `2 problems`.
fn count(problems: usize) -> String {
    format!("{problems} problem{}", if problems == 1 { "" } else { "s" })
}

impl Syntax {
    fn of(error: &node::ParseError, text: &str) -> Self {
        let error = match error {
            node::ParseError::Yaml(error) => error,
            node::ParseError::SecondDocument { line } => {
                return Self {
                    line: *line,
                    column: line.map(|_| 1),
                    message: "a second document begins here, and a definition is one".to_owned(),
                    help: Some("remove the `---` between them, or move one into its own file".to_owned()),
                };
            }
        };
        let place = error.location().map(|place| (place.line(), place.column()));
        let mut message = error.to_string();
        if let Some((line, column)) = place {
            // The library repeats the place in its text; a reader has it already.
            message = message.replacen(&format!(" at line {line} column {column}"), "", 1);
        }
        let line = place.and_then(|(line, _)| text.lines().nth(line - 1)).unwrap_or_default();
        let help = syntax_help(&message, line);
        Self { line: place.map(|place| place.0), column: place.map(|place| place.1), message, help }
    }
}

/// The usual slip behind an error of the YAML library.
fn syntax_help(message: &str, line: &str) -> Option<String> {
    let indentation = &line[..line.len() - line.trim_start().len()];
    let help = if indentation.contains('\t') {
        "this line is indented with a tab; YAML takes only spaces"
    } else if message.contains("mapping values are not allowed") {
        "put a value that holds `: ` in quotes, and indent keys of one mapping alike"
    } else if message.contains("cannot start any token") || message.contains("unknown anchor") {
        "put a value that begins with `@`, a backtick, `%`, `&` or `*` in quotes"
    } else if message.contains("did not find expected key") {
        "indent the keys of one mapping alike, and close quotes and brackets"
    } else if message.contains("limit exceeded") || message.contains("expand to too much") {
        "this nests or repeats far too much for a definition"
    } else {
        return None;
    };
    Some(help.to_owned())
}

#[cfg(test)]
mod tests;
