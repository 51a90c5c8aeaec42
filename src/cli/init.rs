//! `limg init`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::args::InitArguments;
use super::error::CommandError;
use super::render::Terminal;
use super::settings::Settings;
use crate::definition::Starter;
use crate::fs::{self, FsError};
use crate::project::ImageLocation;
use crate::{definition, runtime};

/// The largest `.gitignore` that limg adds to, in bytes.
const LARGEST_GITIGNORE: u64 = 1024 * 1024;

/// The language of a project for which the user names no runtime.
const DEFAULT_FAMILY: &str = "python";

pub(super) fn run(
    arguments: &InitArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let InitArguments { directory, runtime, base } = arguments;
    let runtime = runtime_id(runtime.as_deref().unwrap_or(DEFAULT_FAMILY), settings)?;
    let named = base.as_deref().map(|base| base_for_definition(directory, base, settings)).transpose()?;
    let Starter { files, ignored, compile } = definition::starter(runtime, named.as_deref())
        .ok_or_else(|| CommandError::UnknownRuntime { name: runtime.to_owned(), meant: Vec::new() })?;
    // Before anything is written, so that an error leaves the folder unchanged.
    let paths: Vec<_> = files.iter().map(|file| directory.join(file.path)).collect();
    let definitions = definition::NAMES.iter().map(|name| directory.join(name));
    if let Some(path) = definitions.chain(paths.clone()).find(|path| fs::symlink_metadata(path).is_ok()) {
        return Err(CommandError::FileExists { path });
    }
    if let Some(path) = paths.iter().find_map(|path| file_above(path)) {
        return Err(CommandError::NotAFolder { path: path.to_owned() });
    }
    let gitignore = directory.join(".gitignore");
    let ignored = with_patterns(read_if_exists(&gitignore)?.as_deref(), &ignored);
    for (file, path) in files.iter().zip(&paths) {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
            fs::remove_abandoned(folder);
        }
        fs::write_atomically(path, file.content.as_bytes())?;
        if file.executable {
            fs::make_executable(path)?;
        }
    }
    let mut written = paths;
    if let Some(text) = ignored {
        fs::write_atomically(&gitignore, &text)?;
        written.push(gitignore);
    }
    for path in &written {
        terminal.status(&format!("wrote {}", path.display()));
    }
    if let Some(command) = compile {
        terminal.status(&format!("compile the function before you build it: {command}"));
    }
    let report = InitReport { written: written.iter().map(|path| path.display().to_string()).collect() };
    terminal.print(&report, Vec::new);
    Ok(ExitCode::SUCCESS)
}

/// What `--format json` prints.
#[derive(Serialize)]
struct InitReport {
    /// The files, in the order in which they were written.
    written: Vec<String>,
}

/// What is in the way of the folder that `path` is in.
fn file_above(path: &Path) -> Option<&Path> {
    let existing = path.ancestors().skip(1).find(|above| fs::symlink_metadata(above).is_ok())?;
    (!existing.is_dir()).then_some(existing)
}

/// The runtime that the user named: an id, or a language, whose newest runtime it is.
fn runtime_id(text: &str, settings: &Settings) -> Result<&'static str, CommandError> {
    let named = runtime::contract(text).map(|contract| contract.id.as_str());
    named.or_else(|| runtime::newest(text, settings.today)).ok_or_else(|| CommandError::UnknownRuntime {
        name: text.to_owned(),
        meant: runtime::meant(text, settings.today),
    })
}

fn read_if_exists(path: &Path) -> Result<Option<Vec<u8>>, FsError> {
    match fs::read(path, LARGEST_GITIGNORE) {
        Ok(content) => Ok(Some(content)),
        Err(error) if matches!(error.source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The content of a `.gitignore` with these patterns, or nothing if it has them. What the user wrote stays.
fn with_patterns(content: Option<&[u8]>, patterns: &[&str]) -> Option<Vec<u8>> {
    let mut text = content.unwrap_or_default().to_vec();
    let plain = |line: &[u8]| {
        let line = line.trim_ascii();
        line.strip_prefix(b"/").unwrap_or(line).to_vec()
    };
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').map(plain).collect();
    let has = |pattern: &str| {
        let without_slash = pattern.trim_end_matches('/').as_bytes();
        lines.iter().any(|line| line.strip_suffix(b"/").unwrap_or(line) == without_slash)
    };
    let missing: Vec<_> = patterns.iter().filter(|pattern| !has(pattern)).collect();
    if missing.is_empty() {
        return None;
    }
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    for pattern in missing {
        text.extend(pattern.as_bytes());
        text.push(b'\n');
    }
    Some(text)
}

/// The base as the definition in `directory` has to name it: a path on the command line is relative to the working
/// directory, a path in a definition is relative to the definition.
fn base_for_definition(directory: &Path, base: &str, settings: &Settings) -> Result<String, CommandError> {
    let Ok(location) = base.parse::<ImageLocation>() else { return Ok(base.to_owned()) };
    let real = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    let directory = settings.directory.join(directory);
    let folder = real(&directory).map_err(FsError::because("find", &directory))?;
    let from_folder = |path: PathBuf| real(&path).map_or(path, |path| fs::relative(&folder, &path));
    Ok(location.relative_to(&settings.directory).map_path(from_folder).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gitignore_keeps_its_lines_and_gets_what_it_lacks() {
        let with = |content: Option<&str>| {
            with_patterns(content.map(str::as_bytes), &[".limg/", "out/"])
                .map(|text| String::from_utf8(text).unwrap())
        };
        assert_eq!(with(None).unwrap(), ".limg/\nout/\n");
        assert_eq!(with(Some("*.log")).unwrap(), "*.log\n.limg/\nout/\n");
        assert_eq!(with(Some("/.limg\r\n# mine\n")).unwrap(), "/.limg\r\n# mine\nout/\n");
        assert_eq!(with(Some(" .limg/\nout\n")), None);
    }
}
