//! Finds AWS's runtime interface emulator on this machine, for images that do not contain it.
//!
//! limg never puts the emulator into an image and never downloads it. It looks only at the path that the user names
//! and in the store, and does not read the environment.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::files::{HEAD, Machine};
use crate::fs::{self, FsError};
use crate::project::{Architecture, RunConfig};
use crate::runtime::{AWS_ENTRYPOINT, EMULATOR_PATH};
use crate::store::Store;

/// An emulator that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// The file does not exist.
    #[error("the image lacks the runtime interface emulator, and there is none for {architecture} at `{}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The architecture of the function.
        architecture: Architecture,
    },
    /// The file is not a program for Linux.
    #[error("the runtime interface emulator `{}` is not an ELF program", path.display())]
    NotElf {
        /// The file.
        path: PathBuf,
    },
    /// The file is a program for another architecture.
    #[error("the runtime interface emulator `{}` is built for {found}, not for {wanted}", path.display())]
    WrongArchitecture {
        /// The file.
        path: PathBuf,
        /// The machine that it is built for.
        found: Machine,
        /// The architecture of the function.
        wanted: Architecture,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl EmulatorError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let architecture = match self {
            Self::Missing { architecture, .. } => *architecture,
            Self::WrongArchitecture { wanted, .. } => *wanted,
            Self::NotElf { .. } => return Some("use AWS's binary, not a script or an archive".to_owned()),
            Self::Fs(_) => return None,
        };
        let asset = match architecture {
            Architecture::X86_64 => "aws-lambda-rie",
            Architecture::Arm64 => "aws-lambda-rie-arm64",
        };
        Some(format!(
            "download `{asset}` from the releases of github.com/aws/aws-lambda-runtime-interface-emulator, or take \
             `samcli/local/rapid/{}` from the Python package aws-sam-cli; save it at that path or name it with `--rie`",
            file_name(architecture)
        ))
    }
}

/// Whether limg has to copy the emulator into a container of the image. `has_file` is whether a path is a file of
/// the image.
#[must_use]
pub fn is_needed(run: &RunConfig, has_file: impl Fn(&str) -> bool) -> bool {
    match run.entrypoint.as_deref().unwrap_or_default() {
        [script, ..] if script == AWS_ENTRYPOINT => !has_file(EMULATOR_PATH),
        // limg's entry script and wrappers may come first.
        words => !words
            .iter()
            .any(|word| word.rsplit('/').next().is_some_and(|name| name.starts_with("aws-lambda-rie"))),
    }
}

/// The emulator for `architecture`: the file that the user names, or else the one in the store's folder `rie`.
///
/// # Errors
/// When it does not exist or is not a program for that architecture.
pub fn find(
    named: Option<&Path>,
    store: &Store,
    architecture: Architecture,
) -> Result<PathBuf, EmulatorError> {
    let path =
        named.map_or_else(|| store.root().join("rie").join(file_name(architecture)), Path::to_path_buf);
    if !path.exists() {
        return Err(EmulatorError::Missing { path, architecture });
    }
    let mut head = Vec::new();
    let read = fs::open(&path)?.take(HEAD as u64).read_to_end(&mut head);
    read.map_err(FsError::because("read", &path))?;
    match Machine::of(&head) {
        None => Err(EmulatorError::NotElf { path }),
        Some(found) if found.fits(architecture) => Ok(path),
        Some(found) => Err(EmulatorError::WrongArchitecture { path, found, wanted: architecture }),
    }
}

/// The same name as in aws-sam-cli.
fn file_name(architecture: Architecture) -> String {
    format!("aws-lambda-rie-{architecture}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::elf;

    #[test]
    fn the_emulator_must_be_for_the_architecture() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let find = |architecture| super::find(None, &store, architecture);
        let error = find(Architecture::X86_64).unwrap_err();
        assert!(matches!(error, EmulatorError::Missing { .. }));
        assert!(error.help().unwrap().contains("samcli/local/rapid/aws-lambda-rie-x86_64"));

        let rie = folder.path().join("rie");
        std::fs::create_dir(&rie).unwrap();
        for (name, content) in [("x86_64", elf(62, 2, 1)), ("arm64", elf(62, 2, 1))] {
            std::fs::write(rie.join(format!("aws-lambda-rie-{name}")), content).unwrap();
        }
        assert_eq!(find(Architecture::X86_64).unwrap(), rie.join("aws-lambda-rie-x86_64"));
        let error = find(Architecture::Arm64).unwrap_err();
        assert!(error.to_string().ends_with("is built for x86_64, not for arm64"), "{error}");

        let named = folder.path().join("mine");
        for content in [&b"#!/bin/sh\n"[..], b"", &elf(62, 2, 1)[..10]] {
            std::fs::write(&named, content).unwrap();
            let error = super::find(Some(&named), &store, Architecture::X86_64).unwrap_err();
            assert!(matches!(error, EmulatorError::NotElf { .. }), "{error}");
        }
        std::fs::write(&named, elf(183, 2, 1)).unwrap();
        assert_eq!(super::find(Some(&named), &store, Architecture::Arm64).unwrap(), named);
    }

    #[test]
    fn an_image_that_starts_its_own_emulator_needs_no_other() {
        let run = |entrypoint: &[&str]| RunConfig {
            entrypoint: Some(entrypoint.iter().map(|&word| word.to_owned()).collect()),
            ..RunConfig::default()
        };
        let rie = |path: &str| path == EMULATOR_PATH;
        assert!(!is_needed(&run(&[AWS_ENTRYPOINT]), rie));
        assert!(is_needed(&run(&[AWS_ENTRYPOINT]), |_| false));
        assert!(!is_needed(&run(&[EMULATOR_PATH, "/main"]), rie));
        assert!(!is_needed(&run(&["/opt/wrapper", EMULATOR_PATH, "/main"]), rie));
        assert!(is_needed(&run(&["/main"]), rie));
        assert!(is_needed(&RunConfig::default(), rie));
    }
}
