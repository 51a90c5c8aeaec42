//! Reads requirement files and those that they include, before a tool does (pip documentation, Requirements File Format).
//!
//! Some lines make uv and pip run code of a package although they are to use wheels only: folders, source archives,
//! repositories, `--editable` and `--no-binary`. They are refused here, with their places. What remains goes to the tools as
//! one file.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::error::{InstallError, RefusedLine};
use crate::fs;
use crate::wheel::normalised;

/// The largest file that is read, in bytes: far more than the hashes of some thousand packages need.
const SIZE_LIMIT: u64 = 16 * 1024 * 1024;

/// How many files may include each other.
const FILES_AT_MOST: usize = 100;

/// What requirement files say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Requirements {
    /// The requirements, in order.
    pub(super) lines: Vec<Requirement>,
    /// Those that only limit versions.
    pub(super) constraints: Vec<Requirement>,
    /// Options about indexes and versions, which the tools need too.
    pub(super) options: Vec<String>,
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requirement {
    /// Its text on one line, without hashes: `requests[socks]>=2 ; python_version > "3.8"`.
    pub(super) text: String,
    /// The hashes that its files may have, as `sha256:…`.
    pub(super) hashes: Vec<String>,
    /// Where it is.
    pub(super) at: Position,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) file: PathBuf,
    /// Counted from 1.
    pub(super) line: usize,
}

/// How an included file counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Requirements,
    Constraints,
}

/// The options that are passed on, with whether they have a value.
const PASSED_ON: [(&str, bool); 8] = [
    ("--index-url", true),
    ("-i", true),
    ("--extra-index-url", true),
    ("--find-links", true),
    ("-f", true),
    ("--trusted-host", true),
    ("--no-index", false),
    ("--pre", false),
];

/// The options that change nothing here.
const IGNORED: [&str; 4] = ["--only-binary", "--prefer-binary", "--require-hashes", "--use-feature"];

/// Reads a file and what it includes.
///
/// # Errors
/// When a file cannot be read, or a line would make a tool run code.
pub(super) fn read(file: &Path) -> Result<Requirements, InstallError> {
    let mut reader = Reader { requirements: Requirements::default(), seen: BTreeSet::new() };
    reader.read(file, Role::Requirements)?;
    Ok(reader.requirements)
}

struct Reader {
    requirements: Requirements,
    seen: BTreeSet<PathBuf>,
}

impl Reader {
    fn read(&mut self, file: &Path, role: Role) -> Result<(), InstallError> {
        let file = fs::normal(file);
        if self.seen.len() >= FILES_AT_MOST || !self.seen.insert(file.clone()) {
            return Ok(());
        }
        let text = fs::read_text(&file, SIZE_LIMIT)?;
        self.text(&text, &file, role)
    }

    fn text(&mut self, text: &str, file: &Path, role: Role) -> Result<(), InstallError> {
        for (line, text) in logical_lines(text) {
            let at = Position { file: file.to_owned(), line };
            self.line(&text, at, role)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str, at: Position, role: Role) -> Result<(), InstallError> {
        let refused = |why: RefusedLine| Err(InstallError::Refused { at: at.to_string(), why });
        let included = |options: [&str; 2]| options.into_iter().find_map(|option| value_of(line, option));
        let next_to = |path: &str| fs::folder_of(&at.file).join(path.trim_matches(['"', '\'']));
        if let Some(path) = included(["--requirement", "-r"]) {
            return self.read(&next_to(path), role);
        }
        if let Some(path) = included(["--constraint", "-c"]) {
            return self.read(&next_to(path), Role::Constraints);
        }
        if included(["--editable", "-e"]).is_some() {
            return refused(RefusedLine::Source);
        }
        if value_of(line, "--no-binary").is_some() {
            return refused(RefusedLine::NoBinary);
        }
        if line.starts_with('-') {
            if PASSED_ON.iter().any(|(option, has_value)| match value_of(line, option) {
                Some(value) => *has_value != value.is_empty(),
                None => false,
            }) {
                self.requirements.options.push(line.to_owned());
                return Ok(());
            }
            let is_ignored = IGNORED.iter().any(|option| value_of(line, option).is_some());
            return if is_ignored { Ok(()) } else { refused(RefusedLine::Option) };
        }
        let (text, options) = line.split_once(" --").unwrap_or((line, ""));
        let text = text.trim();
        if is_source(text) {
            return refused(RefusedLine::Source);
        }
        let hashes = options.split(" --").filter_map(|option| option.trim().strip_prefix("hash"));
        let hashes = hashes.map(|hash| hash.trim_start_matches(['=', ' ']).trim().to_owned()).collect();
        let requirement = Requirement { text: text.to_owned(), hashes, at };
        match role {
            Role::Requirements => self.requirements.lines.push(requirement),
            Role::Constraints => self.requirements.constraints.push(requirement),
        }
        Ok(())
    }
}

/// The lines of a file without comments, those that continue joined, with the numbers of their first lines.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut is_continued = false;
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let without_comment = match line.find('#') {
            Some(0) => "",
            // The fragment of an address does not begin a comment.
            Some(_) => line.split_once(" #").map_or(line, |(before, _)| before),
            None => line,
        };
        let (line, continues) = match without_comment.trim_end().strip_suffix('\\') {
            Some(line) => (line.trim(), true),
            None => (without_comment.trim(), false),
        };
        match lines.last_mut().filter(|_| is_continued) {
            Some((_, whole)) => {
                whole.push(' ');
                whole.push_str(line);
            }
            None => lines.push((number + 1, line.to_owned())),
        }
        is_continued = continues;
    }
    lines.retain(|(_, line)| !line.is_empty());
    lines
}

/// The value of an option: `--option value` or `--option=value`; empty if there is none.
fn value_of<'l>(line: &'l str, option: &str) -> Option<&'l str> {
    let rest = line.strip_prefix(option)?;
    let is_short = !option.starts_with("--");
    let is_whole = rest.is_empty() || is_short || rest.starts_with(['=', ' ', '\t']);
    is_whole.then(|| rest.trim_start_matches(['=', ' ', '\t']).trim())
}

/// Whether a requirement is something other than a name or a wheel: a folder, a source archive or a repository.
fn is_source(text: &str) -> bool {
    let location = text
        .split_once('@')
        .map_or(text, |(name, location)| if is_name(name.trim()) { location.trim() } else { text });
    let location = location.split(';').next().unwrap_or_default().trim();
    let is_location = location.contains("://")
        || location.starts_with(['.', '/', '~'])
        || location.contains(['/', '\\'])
        || [".zip", ".tar.gz", ".tgz", ".tar.bz2", ".whl"].iter().any(|suffix| location.ends_with(suffix));
    let path = location.split(['#', '?']).next().unwrap_or_default();
    is_location && !is_wheel(path)
}

/// Whether a path is that of a wheel.
pub(super) fn is_wheel(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "whl")
}

/// Whether a text is the name of a package with extras (PEP 508).
pub(super) fn is_name(text: &str) -> bool {
    let name = text.split('[').next().unwrap_or_default().trim();
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
}

/// Reads requirements that are not in a file of their own; `file` is where they come from.
///
/// # Errors
/// As [`read`].
pub(super) fn of_text(text: &str, file: &Path) -> Result<Requirements, InstallError> {
    let mut reader = Reader { requirements: Requirements::default(), seen: BTreeSet::new() };
    reader.text(text, file, Role::Requirements)?;
    Ok(reader.requirements)
}

impl Requirements {
    /// The hashes that the files of a package may have; none if all may be.
    pub(super) fn hashes_of(&self, name: &str) -> Vec<&str> {
        let own = self.lines.iter().filter(|requirement| requirement.name().as_deref() == Some(name));
        own.flat_map(|requirement| &requirement.hashes).map(String::as_str).collect()
    }
}

impl Requirement {
    /// The normalised name of its package (PEP 503), if it names one.
    pub(super) fn name(&self) -> Option<String> {
        let end = self.text.find(|letter: char| !letter.is_ascii_alphanumeric() && !"._-".contains(letter));
        let name = &self.text[..end.unwrap_or(self.text.len())];
        (!name.is_empty()).then(|| normalised(name))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_text(text: &str) -> Result<Requirements, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("requirements.txt");
        std::fs::write(&file, text).unwrap();
        std::fs::write(folder.path().join("more.txt"), "six\n-r requirements.txt\n").unwrap();
        read(&file).map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn requirements_constraints_and_options_are_read_from_all_files() {
        let read = read_text(
            "\u{feff}# comment\n--index-url https://example.com/simple # why\n\
             requests[socks]>=2 # comment\npinned==1 ; python_version > '3' \\\n  --hash=sha256:a \\\n  --hash sha256:b\n\
             -r more.txt\n-c more.txt\n--constraint=missing-is-read-once/../more.txt\n\
             wheel @ https://example.com/wheel-1-py3-none-any.whl#sha256=c\n--only-binary :all:\n",
        )
        .unwrap();
        let texts: Vec<_> = read.lines.iter().map(|it| (it.text.as_str(), it.at.line)).collect();
        assert_eq!(
            texts,
            [
                ("requests[socks]>=2", 3),
                ("pinned==1 ; python_version > '3'", 4),
                ("six", 1),
                ("wheel @ https://example.com/wheel-1-py3-none-any.whl#sha256=c", 10),
            ]
        );
        assert_eq!(read.lines[1].hashes, ["sha256:a", "sha256:b"]);
        assert_eq!(read.options, ["--index-url https://example.com/simple"]);
        assert_eq!(read.lines[0].name().as_deref(), Some("requests"));
    }

    #[test]
    fn lines_that_would_run_code_are_refused_with_their_places() {
        for (line, why) in [
            ("-e .", "source"),
            ("--editable=../lib", "source"),
            (".", "source"),
            ("./lib", "source"),
            ("lib/", "source"),
            ("name @ file:///lib", "source"),
            ("git+https://example.com/x", "source"),
            ("name @ git+ssh://git@example.com/x@v1", "source"),
            ("https://example.com/x-1.tar.gz", "source"),
            ("x-1.zip", "source"),
            ("--no-binary :all:", "no-binary"),
            ("--no-binary=x", "no-binary"),
            ("--config-settings x", "option"),
        ] {
            let error = read_text(&format!("six\n{line}\n")).unwrap_err();
            assert!(error.starts_with("requirements.txt:2: "), "{line}: {error}");
            assert!(error.contains(why), "{line}: {error}");
        }
        for line in [
            "x-1-py3-none-any.whl",
            "./wheels/x-1-py3-none-any.whl",
            "name@https://e.com/x-1-py3-none-any.whl",
        ] {
            assert!(read_text(line).is_ok(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([-a-z=@#;:/.\\\\ \\n]|\\PC){0,80}") {
            let _either = read_text(&text);
        }
    }
}
