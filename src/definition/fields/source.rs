//! Paths that a definition names on this machine.
//!
//! A file with the content of a zip is a zip, regardless of its name: that is also how Lambda accepts a `.jar` as code. A zip
//! may follow a program that unpacks or runs it; whether the file is then meant as a zip or as the program, its suffix
//! decides. A file with the suffix `.zip` that is not a zip archive is an error, as is an archive of another kind, since it
//! would otherwise be copied into the image.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::{Findings, build_output};
use crate::finding::{Code, Finding, Place};
use crate::fs::{self, FsError};
use crate::project::{ImagePath, Source, SourceKind, Wrapper, WrapperScript};
use crate::text::nearest;

/// A source as the definition has it, with the places for findings.
pub(in crate::definition) struct Written<'a> {
    pub(in crate::definition) path: &'a str,
    pub(in crate::definition) path_at: Place,
    pub(in crate::definition) follow: Option<bool>,
    pub(in crate::definition) exclude: &'a [String],
    pub(in crate::definition) exclude_at: Place,
    pub(in crate::definition) default_excludes: Option<bool>,
}

impl<'a> Written<'a> {
    /// A path, with nothing written about its files.
    pub(in crate::definition) fn path(path: &'a str, at: &Place) -> Self {
        Self {
            path,
            path_at: at.clone(),
            follow: None,
            exclude: &[],
            exclude_at: at.clone(),
            default_excludes: None,
        }
    }
}

/// Looks up a source. `None` if it has errors, which are reported.
pub(in crate::definition) fn read(
    written: &Written<'_>,
    root: &Path,
    findings: &mut Findings,
) -> Option<Source> {
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
pub(in crate::definition) fn is_tree(source: &Source, at: &Place, findings: &mut Findings) -> bool {
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
pub(in crate::definition) fn wrapper(
    text: &str,
    at: &Place,
    root: &Path,
    findings: &mut Findings,
) -> Option<Wrapper> {
    if text.starts_with('/') {
        return match text.parse::<ImagePath>() {
            Ok(path) => Some(Wrapper {
                script: WrapperScript::InImage(path),
                place: at.clone(),
                is_configured: false,
            }),
            Err(error) => {
                let finding = Finding::error(Code::BadWrapper, at.clone(), error.to_string());
                findings.add(finding.help("write a path without a leading `/` for a local file; with one, it is a path in the image"));
                None
            }
        };
    }
    let path = resolve(text, at, root, findings)?;
    match kind_of(&path) {
        Ok(SourceKind::File) => {
            Some(Wrapper { script: WrapperScript::Local(path), place: at.clone(), is_configured: false })
        }
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
pub(in crate::definition) fn check_patterns(
    patterns: &[String],
    at: &Place,
    findings: &mut Findings,
) -> bool {
    let mut all_good = true;
    for (position, pattern) in patterns.iter().enumerate() {
        // Each pattern is tried alone; limits on all patterns together apply when files are listed.
        all_good &= self::pattern(pattern, &at.index(position), findings).is_some();
    }
    all_good
}

/// Compiles one pattern in gitignore syntax; reports what is wrong with it.
pub(in crate::definition) fn pattern(
    pattern: &str,
    at: &Place,
    findings: &mut Findings,
) -> Option<Gitignore> {
    let mut builder = GitignoreBuilder::new("");
    match builder.add_line(None, pattern).and_then(|builder| builder.build()) {
        Ok(compiled) => Some(compiled),
        Err(error) => {
            let message = format!("`{pattern}` is not a valid pattern: {}", reason(&error));
            findings.add(Finding::error(Code::BadPattern, at.clone(), message));
            None
        }
    }
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
    OtherArchive(&'static str),
    ExecutableJar,
}

/// How much of a file shows what it is: the signature of a tar is in the first header, from 257 on (POSIX `pax`, "ustar").
const BEGINNING: u64 = 262;

/// How much of its end: the end record of a zip and the longest comment (APPNOTE.TXT 4.3.16).
const END: u64 = 22 + 65_535;

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
    let mut file = fs::open(path)?;
    let read = file.by_ref().take(BEGINNING).read_to_end(&mut beginning);
    read.map_err(FsError::because("read", path))?;
    // A local file header, or the end record of an archive without files (APPNOTE.TXT 4.3.7, 4.3.16).
    if matches!(beginning[..], [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..]) {
        return Ok(SourceKind::Zip);
    }
    if let Some(kind) = other_archive(&beginning) {
        return Err(Unusable::OtherArchive(kind));
    }
    let is_called =
        |suffix: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(suffix));
    let is_jar = is_called("jar") || is_called("war");
    let follows_program = (is_jar || ARCHIVES_AFTER_PROGRAMS.into_iter().any(is_called))
        && ends_as_zip(&mut file).map_err(FsError::because("read", path))?;
    match follows_program {
        true if is_jar => Err(Unusable::ExecutableJar),
        true => Ok(SourceKind::Zip),
        false if is_called("zip") => Err(Unusable::NotZip),
        false => Ok(SourceKind::File),
    }
}

/// The suffixes of zips that often follow a program: archives that unpack themselves, and Python's zipapps.
const ARCHIVES_AFTER_PROGRAMS: [&str; 4] = ["zip", "pyz", "exe", "sfx"];

/// What a file is called that is an archive, or is compressed, and is not a zip.
fn other_archive(beginning: &[u8]) -> Option<&'static str> {
    let signatures: [(&[u8], &str); 6] = [
        (b"\x1f\x8b", "compressed with gzip, such as a .tar.gz"),
        (b"BZh", "compressed with bzip2, such as a .tar.bz2"),
        (b"\xfd7zXZ\0", "compressed with xz, such as a .tar.xz"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd, such as a .tar.zst"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!\x1a\x07", "a rar archive"),
    ];
    let known = signatures.into_iter().find(|(signature, _)| beginning.starts_with(signature));
    let is_tar = beginning.get(257..262) == Some(b"ustar");
    known.map(|(_, kind)| kind).or(is_tar.then_some("a tar archive"))
}

/// Whether a file has the end record of a zip, with something other than a zip before it.
fn ends_as_zip(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    let size = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(size.saturating_sub(END)))?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end)?;
    Ok(end.windows(4).any(|window| window == b"PK\x05\x06"))
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
            Self::OtherArchive(kind) => {
                let message = format!("`{shown}` is {kind}: limg and Lambda unpack only zip archives");
                Finding::error(Code::WrongFile, at.clone(), message)
                    .help("unpack it and name the folder that contains its files, or create a .zip of them")
            }
            Self::ExecutableJar => {
                let message = format!(
                    "`{shown}` is an executable jar: a script in front of an archive, which Lambda does not read"
                );
                Finding::error(Code::WrongFile, at.clone(), message).help(format!(
                    "build it as a plain jar, or remove the script with `zip --junk-sfx {shown}`"
                ))
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
    // A path of a language's tool needs no runtime to be known.
    let command = build_output::command(path, "");
    match (nearest(&name, beside.iter().map(String::as_str)), command) {
        (Some(near), _) => format!("did you mean `{near}` in `{}`?", folder.display()),
        (None, Some(command)) => format!("run `{command}` if it makes this path, or correct the path"),
        (None, None) if missing == path => {
            format!("check the path: `{}` contains nothing with a similar name", folder.display())
        }
        (None, None) => format!("check the path: `{}` does not exist", missing.display()),
    }
}
