//! What differs from runtime to runtime: the base, the probe, and how a library looks.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::made;
use crate::support::{Base, Workspace, base, repository};

/// A column of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runtime {
    Python,
    /// A custom runtime in shell on the base for custom runtimes.
    Script,
    /// A program that is its own runtime, on nothing.
    Binary,
}

impl Runtime {
    pub(super) fn python311() -> Self {
        Self::Python
    }

    pub(super) fn script() -> Self {
        Self::Script
    }

    pub(super) fn binary() -> Self {
        Self::Binary
    }

    /// The entry of `bases`.
    pub(super) fn base(self) -> Value {
        let (of, contract) = match self {
            Self::Python => (Base::Python311, "python3.11"),
            Self::Script => (Base::ProvidedAl2023, "provided.al2023"),
            Self::Binary => return json!({ "image": "scratch", "contract": "provided.al2023" }),
        };
        json!({ "image": format!("oci:{}", base(of).display()), "contract": contract })
    }

    /// Whether the image has no emulator of its own.
    pub(super) fn lacks_emulator(self) -> bool {
        self == Self::Binary
    }

    pub(super) fn handler(self) -> &'static str {
        match self {
            Self::Python => "app.handler",
            Self::Script | Self::Binary => "handler",
        }
    }

    /// Puts the probe into a folder, as the code of a function; gives its main file.
    pub(super) fn write_probe(self, workspace: &Workspace, folder: &str) -> String {
        let (name, source) = match self {
            Self::Python => ("app.py", probes("python/app.py")),
            Self::Script => ("bootstrap", probes("script/bootstrap")),
            Self::Binary => ("bootstrap", made::native("probe")),
        };
        let file = format!("{folder}/{name}");
        let content = fs::read(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        match self {
            Self::Python => workspace.write(&file, content),
            Self::Script | Self::Binary => workspace.write_program(&file, content),
        };
        file
    }

    /// Puts a function into a folder that fails before it can take an event, saying `broken on purpose`.
    pub(super) fn write_broken(self, workspace: &Workspace, folder: &str) {
        match self {
            Self::Python => {
                drop(workspace.write(format!("{folder}/app.py"), "raise RuntimeError('broken on purpose')\n"))
            }
            Self::Script => drop(workspace.write_program(
                format!("{folder}/bootstrap"),
                "#!/bin/sh\necho broken on purpose >&2\nexit 3\n",
            )),
            Self::Binary => panic!("a binary has no phase of its own before the first event"),
        }
    }

    /// Puts a library named `greetings` into a folder, in the form that is looked for there.
    pub(super) fn write_library(self, workspace: &Workspace, folder: &str, greeting: &str) {
        match self {
            Self::Python => drop(workspace.write(
                format!("{folder}/greetings.py"),
                format!("def greeting():\n    return {greeting:?}\n"),
            )),
            Self::Script | Self::Binary => panic!("a custom runtime has no libraries of its own"),
        }
    }
}

/// A file of `tests/e2e/matrix/probes`.
pub(super) fn probes(relative: &str) -> PathBuf {
    repository().join("tests/e2e/matrix/probes").join(relative)
}
