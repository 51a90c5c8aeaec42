//! Paths that a definition names on this machine.
//!
//! A file with the content of a zip is a zip, regardless of its name: that is also how Lambda accepts a `.jar` as code. A file
//! with the suffix `.zip` that is not a zip archive is an error, since it would otherwise be copied into the image.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use ignore::gitignore::GitignoreBuilder;

use super::Findings;
use crate::finding::{Code, Finding, Place};
use crate::fs::{self, FsError};
use crate::project::{ImagePath, Source, SourceKind, Wrapper, WrapperScript};
use crate::text::nearest;

/// A source as the definition has it, with the places for findings.
pub(super) struct Written<'a> {
    pub(super) path: &'a str,
    pub(super) path_at: Place,
    pub(super) follow: Option<bool>,
    pub(super) exclude: &'a [String],
    pub(super) exclude_at: Place,
    pub(super) default_excludes: Option<bool>,
}

/// Looks up a source. `None` if it has errors, which are reported.
pub(super) fn read(written: &Written<'_>, root: &Path, findings: &mut Findings) -> Option<Source> {
    let patterns_are_good = check_patterns(written.exclude, &written.exclude_at, findings);
    let path = resolve(written.path, &written.path_at, root, findings)?;
    let kind = kind_of(&path).map_err(|why| findings.add(why.finding(&path, &written.path_at))).ok()?;
    patterns_are_good.then(|| Source {
        path,
        kind,
        follow: written.follow.unwrap_or_default(),
        exclude: written.exclude.to_vec(),
        default_excludes: written.default_excludes.unwrap_or(true),
        definition: Some(written.path_at.file().to_owned()),
    })
}

/// Whether a source is a whole tree, as a layer must be; reports it otherwise.
pub(super) fn is_tree(source: &Source, at: &Place, findings: &mut Findings) -> bool {
    let is_file = source.kind == SourceKind::File;
    if is_file {
        let message =
            format!("a layer must be a directory or a .zip, and `{}` is a file", source.path.display());
        let finding = Finding::error(Code::WrongFile, at.clone(), message);
        findings.add(finding.help("name a directory that contains the file where it should be in `/opt`"));
    }
    !is_file
}

/// Reads a wrapper: a path in the image if it begins with `/`, else a local file.
pub(super) fn wrapper(text: &str, at: &Place, root: &Path, findings: &mut Findings) -> Option<Wrapper> {
    if text.starts_with('/') {
        return match text.parse::<ImagePath>() {
            Ok(path) => Some(Wrapper { script: WrapperScript::InImage(path), place: at.clone() }),
            Err(error) => {
                let finding = Finding::error(Code::BadWrapper, at.clone(), error.to_string());
                findings.add(finding.help("write a path without a leading `/` for a local file; with one, it is a path in the image"));
                None
            }
        };
    }
    let path = resolve(text, at, root, findings)?;
    match kind_of(&path) {
        Ok(SourceKind::File) => Some(Wrapper { script: WrapperScript::Local(path), place: at.clone() }),
        Ok(SourceKind::Directory | SourceKind::Zip) => {
            let message =
                format!("a wrapper must be a program, and `{}` is a directory or a zip", path.display());
            findings.add(Finding::error(Code::WrongFile, at.clone(), message));
            None
        }
        Err(why) => {
            findings.add(why.finding(&path, at));
            None
        }
    }
}

/// The absolute path of a text, without looking it up.
fn resolve(text: &str, at: &Place, root: &Path, findings: &mut Findings) -> Option<PathBuf> {
    if text.is_empty() || text.contains('\0') {
        let finding = Finding::error(Code::EmptyValue, at.clone(), "the path is empty");
        findings.add(finding.help("write a path relative to this file; `.` is its folder"));
        return None;
    }
    // Collecting the components removes `./` and a final `/`, so that each path has one spelling.
    Some(root.join(text).components().collect())
}

/// Whether all patterns are in gitignore syntax; reports those that are not.
pub(super) fn check_patterns(patterns: &[String], at: &Place, findings: &mut Findings) -> bool {
    let mut all_good = true;
    for (position, pattern) in patterns.iter().enumerate() {
        // Each pattern is tried alone; limits on all patterns together apply when files are listed.
        if let Err(error) = GitignoreBuilder::new("").add_line(None, pattern) {
            all_good = false;
            let message = format!("`{pattern}` is not a valid pattern: {}", reason(&error));
            findings.add(Finding::error(Code::BadPattern, at.index(position), message));
        }
    }
    all_good
}

/// What is wrong with a pattern, without the pattern itself, which the message already contains.
fn reason(error: &ignore::Error) -> String {
    match error {
        ignore::Error::Glob { err, .. } => err.clone(),
        other => other.to_string(),
    }
}

/// Why a path cannot be a source.
enum Unusable {
    Missing,
    Unreadable(FsError),
    Special,
    NotZip,
}

fn kind_of(path: &Path) -> Result<SourceKind, Unusable> {
    let metadata = fs::metadata(path).map_err(Unusable::from)?;
    if metadata.is_dir() {
        return Ok(SourceKind::Directory);
    }
    // A pipe must not be opened: that would wait for a writer.
    if !metadata.is_file() {
        return Err(Unusable::Special);
    }
    let mut beginning = Vec::new();
    let read = fs::open(path)?.take(4).read_to_end(&mut beginning);
    read.map_err(FsError::because("read", path))?;
    // A local file header, or the end record of an archive without files (APPNOTE.TXT 4.3.7, 4.3.16).
    let is_zip = matches!(beginning[..], [b'P', b'K', 3, 4] | [b'P', b'K', 5, 6]);
    let is_called_zip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
    match (is_zip, is_called_zip) {
        (true, _) => Ok(SourceKind::Zip),
        (false, true) => Err(Unusable::NotZip),
        (false, false) => Ok(SourceKind::File),
    }
}

impl From<FsError> for Unusable {
    fn from(error: FsError) -> Self {
        match error.source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Missing,
            _ => Self::Unreadable(error),
        }
    }
}

impl Unusable {
    fn finding(&self, path: &Path, at: &Place) -> Finding {
        let shown = path.display();
        match self {
            Self::Missing => {
                let finding =
                    Finding::error(Code::MissingPath, at.clone(), format!("`{shown}` does not exist"));
                finding.help(missing_help(path))
            }
            Self::Unreadable(error) => {
                let message = format!("{error}: {}", error.source);
                Finding::error(Code::UnreadablePath, at.clone(), message)
            }
            Self::Special => {
                let message = format!("`{shown}` is neither a directory nor a file");
                Finding::error(Code::WrongFile, at.clone(), message)
            }
            Self::NotZip => {
                let message = format!("`{shown}` has the suffix .zip but is not a zip archive");
                Finding::error(Code::WrongFile, at.clone(), message)
                    .help("create the archive again, or rename the file")
            }
        }
    }
}

/// The likely reason for a missing path: a dangling link, a missing folder, or a misspelt name.
fn missing_help(path: &Path) -> String {
    if fs::symlink_metadata(path).is_ok() {
        return "correct the symbolic link: its target does not exist".to_owned();
    }
    if path.components().any(|part| part.as_os_str() == "~") {
        return "write a path relative to this file: `~` is not expanded".to_owned();
    }
    let missing =
        path.ancestors().take_while(|above| fs::symlink_metadata(above).is_err()).last().unwrap_or(path);
    let name = missing.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(folder) = missing.parent() else {
        return "write a path relative to this file".to_owned();
    };
    let Ok(beside) = fs::names_in(folder) else {
        return format!("check `{}`, which is not a readable directory", folder.display());
    };
    match nearest(&name, beside.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}` in `{}`?", folder.display()),
        None if missing == path => {
            format!("check the path: `{}` contains nothing with a similar name", folder.display())
        }
        None => format!("check the path: `{}` does not exist", missing.display()),
    }
}
