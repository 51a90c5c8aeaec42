//! Finds AWS's runtime interface emulator on this machine, for images that do not contain it.
//!
//! limg never puts the emulator into an image and never downloads it. It looks only at the path that the user names
//! and in the store, and does not read the environment.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, FailureKind};
use crate::files::{HEAD, Machine};
use crate::finding::Help;
use crate::fs::{self, FsError};
use crate::project::{Architecture, RunConfig};
use crate::store::Store;

/// The name of the emulator.
pub(super) const NAME: &str = "aws-lambda-rie";

/// The port in the container on which the emulator accepts events. The emulator's own default is 8080, where in Lambda
/// applications listen that the web adapter starts.
pub(super) const PORT: u16 = 28080;

/// Where images have the emulator: AWS's base images, those that aws-sam-cli builds, and the examples of AWS's
/// documentation (Lambda developer guide, images-test), which also put it into the root.
const FOLDERS: [&str; 5] = ["/usr/local/bin", "/var/rapid", "/usr/bin", "/aws-lambda", ""];

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

impl Failure for EmulatorError {
    fn kind(&self) -> FailureKind {
        FailureKind::Environment
    }

    fn help(&self) -> Option<Help> {
        let architecture = match self {
            Self::Missing { architecture, .. } => *architecture,
            Self::WrongArchitecture { wanted, .. } => *wanted,
            Self::NotElf { .. } => return Some("use AWS's binary, not a script or an archive".into()),
            Self::Fs(_) => return None,
        };
        let asset = match architecture {
            Architecture::X86_64 => "aws-lambda-rie",
            Architecture::Arm64 => "aws-lambda-rie-arm64",
        };
        let help = format!(
            "download `{asset}` from the releases of github.com/aws/aws-lambda-runtime-interface-emulator, or take \
             `samcli/local/rapid/{}` from the Python package aws-sam-cli; save it at that path or name it with `--rie`",
            file_name(architecture)
        );
        Some(help.into())
    }
}

/// Where the emulator of a container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Emulator {
    /// At this path of the image.
    InImage(String),
    /// In this file of limg's machine, which is copied into the container.
    Copied(PathBuf),
}

/// The emulator in an image, if it has one in a usual place. `has_program` is whether a path leads to a program.
#[must_use]
pub fn in_image(
    run: &RunConfig,
    architecture: Architecture,
    has_program: impl Fn(&str) -> bool,
) -> Option<String> {
    if let Some(word) = run.entrypoint.iter().flatten().find(|word| is_emulator(word)) {
        return Some(word.clone());
    }
    let search_path =
        run.environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_str());
    let folders = FOLDERS.into_iter().chain(search_path.into_iter().flat_map(|path| path.split(':')));
    let names = [NAME.to_owned(), file_name(architecture)];
    folders
        .filter(|folder| folder.is_empty() || folder.starts_with('/'))
        .flat_map(|folder| names.iter().map(move |name| format!("{}/{name}", folder.trim_end_matches('/'))))
        .find(|path| has_program(path))
}

/// The command line of a container: the entry point and its command, started by the emulator, as Lambda starts them.
/// The emulator runs its arguments as a command. If there are several, it also takes the last one as the handler, which
/// is CMD in an image for Lambda; an image without CMD has one argument or names the handler itself (rie/run.go).
pub(super) fn command_line(emulator: &str, run: &RunConfig) -> Option<(Vec<String>, Vec<String>)> {
    let own = run.entrypoint.clone().unwrap_or_default();
    let command = run.command.clone().unwrap_or_default();
    let options = ["--runtime-interface-emulator-address".to_owned(), format!("0.0.0.0:{PORT}")];
    let entrypoint = match own.iter().position(|word| is_emulator(word)) {
        // limg's entry script and wrappers may come first.
        Some(position) => [&own[..=position], &options, &own[position + 1..]].concat(),
        None if own.is_empty() && command.is_empty() => return None,
        None => [&[emulator.to_owned()], &options[..], &own].concat(),
    };
    Some((entrypoint, command))
}

/// Whether a word of an entry point is an emulator.
fn is_emulator(word: &str) -> bool {
    word.rsplit('/').next().is_some_and(|name| name.starts_with(NAME))
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
    format!("{NAME}-{architecture}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::help_text;
    use crate::files::elf;

    #[test]
    fn the_emulator_must_be_for_the_architecture() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let find = |architecture| super::find(None, &store, architecture);
        let error = find(Architecture::X86_64).unwrap_err();
        assert!(matches!(error, EmulatorError::Missing { .. }));
        assert!(help_text(&error).contains("samcli/local/rapid/aws-lambda-rie-x86_64"));

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

    fn run(entrypoint: &[&str], command: &[&str]) -> RunConfig {
        let given = |list: &[&str]| Some(words(list)).filter(|list| !list.is_empty());
        RunConfig { entrypoint: given(entrypoint), command: given(command), ..RunConfig::default() }
    }

    #[test]
    fn an_emulator_is_found_at_the_usual_places_of_an_image() {
        let find = |run: &RunConfig, file: &str| in_image(run, Architecture::Arm64, |path| path == file);
        let mut plain = run(&["/main"], &[]);
        plain.environment = vec![("PATH".to_owned(), "/bin:/tools/:relative".to_owned())];
        for place in [
            "/usr/local/bin/aws-lambda-rie",
            "/var/rapid/aws-lambda-rie",
            "/var/rapid/aws-lambda-rie-arm64",
            "/usr/bin/aws-lambda-rie",
            "/aws-lambda/aws-lambda-rie",
            "/aws-lambda-rie",
            "/tools/aws-lambda-rie",
        ] {
            assert_eq!(find(&plain, place).as_deref(), Some(place));
        }
        for place in ["/var/rapid/aws-lambda-rie-x86_64", "relative/aws-lambda-rie", "/x/aws-lambda-rie"] {
            assert_eq!(find(&plain, place), None);
        }
        assert_eq!(
            find(&run(&["/x/aws-lambda-rie", "/main"], &[]), "").as_deref(),
            Some("/x/aws-lambda-rie")
        );
    }

    #[test]
    fn the_emulator_starts_the_entry_point_and_leaves_port_8080_free() {
        let rie = "/usr/local/bin/aws-lambda-rie";
        let (option, address) = ("--runtime-interface-emulator-address", "0.0.0.0:28080");
        let cases: [(&[&str], &[&str], &[&str]); 5] = [
            (&["/lambda-entrypoint.sh"], &["app.handler"], &[rie, option, address, "/lambda-entrypoint.sh"]),
            (&["/main"], &[], &[rie, option, address, "/main"]),
            (&[], &["/main", "x"], &[rie, option, address]),
            (&["/x/aws-lambda-rie", "/main"], &["x"], &["/x/aws-lambda-rie", option, address, "/main"]),
            (&["/wrapper", rie], &["/main"], &["/wrapper", rie, option, address]),
        ];
        for (entrypoint, command, expected) in cases {
            let (line, rest) = command_line(rie, &run(entrypoint, command)).unwrap();
            assert_eq!((line, rest), (words(expected), words(command)));
        }
        assert_eq!(command_line(rie, &RunConfig::default()), None);
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }
}
