//! `limg init`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::args::InitArguments;
use super::error::CommandError;
use super::render::Terminal;
use super::settings::Settings;
use crate::fs::{self, FsError};
use crate::project::ImageLocation;
use crate::text::nearest;
use crate::{definition, runtime};

pub(super) fn run(
    arguments: &InitArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let InitArguments { directory, runtime, base } = arguments;
    if runtime::contract(runtime).is_none() {
        let nearest = nearest(runtime, runtime::ids()).map(str::to_owned);
        return Err(CommandError::UnknownRuntime { name: runtime.clone(), nearest });
    }
    let named = base.as_deref().map(|base| base_for_definition(directory, base, settings)).transpose()?;
    let files = definition::starter(runtime, named.as_deref())
        .ok_or_else(|| CommandError::NoStarter { runtime: runtime.clone() })?;
    // Before anything is written, so that an error leaves the folder unchanged.
    let paths: Vec<_> = files.iter().map(|file| directory.join(file.path)).collect();
    if let Some(path) = paths.iter().find(|path| fs::symlink_metadata(path).is_ok()) {
        return Err(CommandError::FileExists { path: path.clone() });
    }
    for (file, path) in files.iter().zip(&paths) {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
            fs::remove_abandoned(folder);
        }
        fs::write_atomically(path, file.content.as_bytes())?;
        if file.executable {
            fs::make_executable(path)?;
        }
        terminal.status(&format!("wrote {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// The base as the definition in `directory` has to name it: a path on the command line is relative to the working
/// directory, a path in a definition is relative to the definition.
fn base_for_definition(directory: &Path, base: &str, settings: &Settings) -> Result<String, CommandError> {
    let Ok(location) = base.parse::<ImageLocation>() else { return Ok(base.to_owned()) };
    let real = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    let directory = settings.directory.join(directory);
    let folder = real(&directory).map_err(FsError::because("find", &directory))?;
    let from_folder = |path: PathBuf| real(&path).map_or(path, |path| relative(&folder, &path));
    Ok(location.relative_to(&settings.directory).map_path(from_folder).to_string())
}

/// The path relative to the folder, both absolute. Stays absolute if they have only the root in common.
fn relative(folder: &Path, path: &Path) -> PathBuf {
    let common = folder.components().zip(path.components()).take_while(|(one, other)| one == other).count();
    if common < 2 {
        return path.to_owned();
    }
    let up = folder.components().skip(common).map(|_| std::path::Component::ParentDir);
    up.chain(path.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_lead_from_the_folder_to_the_path() {
        for (folder, path, expected) in [
            ("/home/shop", "/home/bases/python", "../bases/python"),
            ("/home/shop", "/home/shop/base", "base"),
            ("/home/a/b", "/home/base", "../../base"),
            ("/home/shop", "/srv/base", "/srv/base"),
        ] {
            assert_eq!(relative(Path::new(folder), Path::new(path)), Path::new(expected));
        }
    }
}
