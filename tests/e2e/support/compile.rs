//! Compilers for functions.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::bases::{Base, base};
use super::command::{succeed, tool};
use super::repository;

/// Compiles a Java source into a folder of class files.
pub(crate) fn compile_java(source: &Path, classes: &Path) {
    succeed(tool("javac").args(["--release", "17", "-d"]).args([classes, source]));
}

/// Packs a folder into a jar whose manifest has these lines.
pub(crate) fn make_jar(classes: &Path, jar: &Path, manifest: &str) {
    let lines = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(lines.path(), manifest).unwrap();
    let mut command: Command = tool("jar");
    command.arg("--create").arg("--file").arg(jar).arg("--manifest").arg(lines.path());
    succeed(command.arg("-C").arg(classes).arg("."));
}

/// Compiles a C# source into `FOLDER/NAME.dll` against .NET's own assemblies, with the two files that describe it.
pub(crate) fn compile_dotnet(source: &Path, folder: &Path, name: &str) {
    base(Base::DotnetCore31);
    let mut command = tool("mcs");
    command.args(["-nostdlib", "-noconfig", "-target:library"]);
    for assembly in dotnet_assemblies() {
        command.arg(format!("-reference:{}", assembly.display()));
    }
    command.arg(format!("-out:{}", folder.join(format!("{name}.dll")).display()));
    succeed(command.arg(source));

    let framework = serde_json::json!({ "name": "Microsoft.NETCore.App", "version": "3.1.0" });
    let configuration = serde_json::json!({ "runtimeOptions": { "framework": framework } });
    std::fs::write(folder.join(format!("{name}.runtimeconfig.json")), configuration.to_string()).unwrap();
    let (target, library) = (".NETCoreApp,Version=v3.1", format!("{name}/1.0.0"));
    let file = format!("{name}.dll");
    let dependencies = serde_json::json!({
        "runtimeTarget": { "name": target },
        "targets": { target: { &library: { "runtime": { file: {} } } } },
        "libraries": { &library: { "type": "project", "serviceable": false, "sha512": "" } },
    });
    std::fs::write(folder.join(format!("{name}.deps.json")), dependencies.to_string()).unwrap();
}

/// The assemblies of the base's .NET, which the build of the base also leaves as files.
fn dotnet_assemblies() -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.collect::<Vec<_>>()
    };
    let name_of = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let layers = entries(&repository().join("target/bases/.layers/x86_64"));
    let layer = layers.iter().find(|path| name_of(path).starts_with("dotnetcore3.1-")).unwrap();
    let [version]: [_; 1] =
        entries(&layer.join("root/var/lang/bin/shared/Microsoft.NETCore.App")).try_into().unwrap();
    let is_reference = |path: &PathBuf| {
        name_of(path).starts_with("System") && path.extension().is_some_and(|extension| extension == "dll")
    };
    entries(&version).into_iter().filter(is_reference).collect()
}
