//! What differs between runtimes: the base, the probe, and the form of libraries.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::programs;
use crate::support::{Base, Workspace, base, repository};

/// A column of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runtime {
    Python311,
    Nodejs18,
    Nodejs22,
    Java17,
    Ruby31,
    Dotnet,
    /// A custom runtime in shell on the base for custom runtimes.
    Script,
    /// A program that is its own runtime, on `scratch`.
    Binary,
}

/// The names that [`super::cells`] uses.
impl Runtime {
    pub(super) fn python311() -> Self {
        Self::Python311
    }

    pub(super) fn nodejs18() -> Self {
        Self::Nodejs18
    }

    pub(super) fn nodejs22() -> Self {
        Self::Nodejs22
    }

    pub(super) fn java17() -> Self {
        Self::Java17
    }

    pub(super) fn ruby31() -> Self {
        Self::Ruby31
    }

    pub(super) fn dotnet() -> Self {
        Self::Dotnet
    }

    pub(super) fn script() -> Self {
        Self::Script
    }

    pub(super) fn binary() -> Self {
        Self::Binary
    }
}

impl Runtime {
    /// The entry in `bases`.
    pub(super) fn base(self) -> Value {
        let of = match self {
            Self::Python311 => Base::Python311,
            Self::Nodejs18 => Base::Nodejs18,
            Self::Nodejs22 => Base::Nodejs22,
            Self::Java17 => Base::Java17,
            Self::Ruby31 => Base::Ruby31,
            Self::Dotnet => Base::DotnetCore31,
            Self::Script => Base::ProvidedAl2023,
            Self::Binary => return json!({ "image": "scratch", "contract": "provided.al2023" }),
        };
        json!({ "image": format!("oci:{}", base(of).display()), "contract": of.contract() })
    }

    /// Whether the image does not contain the emulator.
    pub(super) fn lacks_emulator(self) -> bool {
        self == Self::Binary
    }

    pub(super) fn handler(self) -> &'static str {
        match self {
            Self::Python311 | Self::Nodejs18 | Self::Nodejs22 | Self::Ruby31 => "app.handler",
            Self::Java17 => "Probe::handler",
            Self::Dotnet => "Probe::Probe::Handler",
            Self::Script | Self::Binary => "handler",
        }
    }

    /// Writes the probe to a folder, as the code of a function. Returns its main file.
    pub(super) fn write_probe(self, workspace: &Workspace, folder: &str) -> String {
        let source = match self {
            Self::Python311 => probes("python/app.py"),
            Self::Nodejs18 | Self::Nodejs22 => probes("nodejs/app.js"),
            Self::Ruby31 => probes("ruby/app.rb"),
            Self::Java17 => probes("java/Probe.java"),
            Self::Dotnet => probes("dotnet/Probe.cs"),
            Self::Script => probes("script/bootstrap"),
            Self::Binary => programs::native("probe"),
        };
        self.write_code(workspace, folder, &source)
    }

    /// Writes a function to a folder that fails during initialization with the message `broken on purpose`.
    pub(super) fn write_broken(self, workspace: &Workspace, folder: &str) {
        let (name, content) = match self {
            Self::Python311 => ("app.py", "raise RuntimeError('broken on purpose')\n"),
            Self::Nodejs18 | Self::Nodejs22 => ("app.js", "throw new Error('broken on purpose');\n"),
            Self::Ruby31 => ("app.rb", "raise 'broken on purpose'\n"),
            Self::Java17 => ("Probe.java", BROKEN_JAVA),
            Self::Dotnet => ("Probe.cs", BROKEN_CSHARP),
            Self::Script => ("bootstrap", "#!/bin/sh\necho broken on purpose >&2\nexit 3\n"),
            Self::Binary => panic!("a binary has no separate initialization"),
        };
        let source = workspace.write(format!("sources/{name}"), content);
        self.write_code(workspace, folder, &source);
    }

    /// Writes the only source of a function to a folder, compiled if necessary. Returns the main file.
    fn write_code(self, workspace: &Workspace, folder: &str, source: &Path) -> String {
        let compiled = match self {
            Self::Java17 => programs::classes(source),
            Self::Dotnet => programs::assembly(source),
            _ => {
                // Without the digest in the name of a built program.
                let name = if self == Self::Binary { "bootstrap".into() } else { name_of(source) };
                let file = format!("{folder}/{name}");
                if name == "bootstrap" {
                    workspace.write_program(&file, read(source));
                } else {
                    workspace.write(&file, read(source));
                }
                return file;
            }
        };
        for entry in fs::read_dir(&compiled).unwrap() {
            let path = entry.unwrap().path();
            workspace.write(format!("{folder}/{}", name_of(&path)), read(&path));
        }
        format!("{folder}/Probe.{}", if self == Self::Java17 { "class" } else { "dll" })
    }

    /// Writes a library named `greetings` to a folder, in the form that the language expects there.
    pub(super) fn write_library(self, workspace: &Workspace, folder: &str, greeting: &str) {
        let (name, content) = match self {
            Self::Python311 => ("greetings.py", format!("def greeting():\n    return {greeting:?}\n")),
            Self::Nodejs18 | Self::Nodejs22 => {
                ("greetings/index.js", format!("exports.greeting = () => {greeting:?};\n"))
            }
            Self::Ruby31 => {
                ("greetings.rb", format!("module Greetings\n  def self.greeting = {greeting:?}\nend\n"))
            }
            Self::Java17 => {
                let text = format!(
                    "public class greetings {{ public static String greeting() {{ return {greeting:?}; }} }}\n"
                );
                let source = workspace.write("sources/greetings.java", text);
                workspace.write(format!("{folder}/greetings.jar"), read(&programs::jar(&source, "")));
                return;
            }
            Self::Dotnet => panic!(".NET does not search /opt for assemblies"),
            Self::Script | Self::Binary => panic!("a custom runtime has no libraries"),
        };
        workspace.write(format!("{folder}/{name}"), content);
    }
}

/// A class that cannot be initialized.
const BROKEN_JAVA: &str = "\
public class Probe {
    private static final String NAME = name();

    private static String name() {
        throw new IllegalStateException(\"broken on purpose\");
    }

    public String handler(Object event) {
        return NAME;
    }
}
";

const BROKEN_CSHARP: &str = "\
public class Probe {
    public Probe() { throw new System.InvalidOperationException(\"broken on purpose\"); }
    public object Handler(object operations) { return null; }
}
";

/// A file of `tests/e2e/matrix/probes`.
pub(super) fn probes(relative: &str) -> PathBuf {
    repository().join("tests/e2e/matrix/probes").join(relative)
}

/// The bytes of a file.
pub(super) fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}
