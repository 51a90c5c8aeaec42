//! What differs from runtime to runtime: the base, the probe, and how a library looks.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::made;
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
    /// A program that is its own runtime, on nothing.
    Binary,
}

/// Under these names [`super::cells`] makes the tests.
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
    /// The entry of `bases`.
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

    /// Whether the image has no emulator of its own.
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

    /// Puts the probe into a folder, as the code of a function; gives its main file.
    pub(super) fn write_probe(self, workspace: &Workspace, folder: &str) -> String {
        let source = match self {
            Self::Python311 => probes("python/app.py"),
            Self::Nodejs18 | Self::Nodejs22 => probes("nodejs/app.js"),
            Self::Ruby31 => probes("ruby/app.rb"),
            Self::Java17 => probes("java/Probe.java"),
            Self::Dotnet => probes("dotnet/Probe.cs"),
            Self::Script => probes("script/bootstrap"),
            Self::Binary => made::native("probe"),
        };
        self.write_code(workspace, folder, &source)
    }

    /// Puts a function into a folder that fails before it can take an event, saying `broken on purpose`.
    pub(super) fn write_broken(self, workspace: &Workspace, folder: &str) {
        let (name, content) = match self {
            Self::Python311 => ("app.py", "raise RuntimeError('broken on purpose')\n"),
            Self::Nodejs18 | Self::Nodejs22 => ("app.js", "throw new Error('broken on purpose');\n"),
            Self::Ruby31 => ("app.rb", "raise 'broken on purpose'\n"),
            Self::Java17 => ("Probe.java", BROKEN_JAVA),
            Self::Dotnet => ("Probe.cs", BROKEN_CSHARP),
            Self::Script => ("bootstrap", "#!/bin/sh\necho broken on purpose >&2\nexit 3\n"),
            Self::Binary => panic!("a binary has no phase of its own before the first event"),
        };
        let source = workspace.write(format!("sources/{name}"), content);
        self.write_code(workspace, folder, &source);
    }

    /// Puts the one source of a function into a folder, compiled where the language is; gives the main file.
    fn write_code(self, workspace: &Workspace, folder: &str, source: &Path) -> String {
        let compiled = match self {
            Self::Java17 => made::classes(source),
            Self::Dotnet => made::assembly(source),
            _ => {
                // Under the name without the sum that what is made bears.
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

    /// Puts a library named `greetings` into a folder, in the form that is looked for there.
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
                workspace.write(format!("{folder}/greetings.jar"), read(&made::jar(&source, "")));
                return;
            }
            Self::Dotnet => panic!("nothing below /opt is searched for assemblies"),
            Self::Script | Self::Binary => panic!("a custom runtime has no libraries of its own"),
        };
        workspace.write(format!("{folder}/{name}"), content);
    }
}

/// A class that cannot be initialised.
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
