//! Programs for the tests. Each is compiled once, under a lock, for all tests and runs until its sources change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::runtime::{probes, read};
use crate::support::{compile_dotnet, compile_java, lock, make_jar, sha256, succeed, tool};

/// A program of `probes/native`, linked statically so that it runs in any image.
pub(super) fn native(name: &str) -> PathBuf {
    let sources = [probes(&format!("native/{name}.rs")), probes("native/http.rs")];
    once(name, &sources, |to| {
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition", "2024", "-O", "-C", "target-feature=+crt-static", "-C", "strip=symbols"]);
        succeed(rustc.arg("-o").arg(to).arg(&sources[0]));
    })
}

/// A shared library in C and a program that is linked to it, `libanswer.so` and `answer`, in one folder.
pub(super) fn shared_library() -> PathBuf {
    let sources = [probes("native/libanswer.c"), probes("native/answer.c")];
    once("answer", &sources, |to| {
        fs::create_dir(to).unwrap();
        let library = to.join("libanswer.so");
        succeed(tool("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&sources[0]));
        succeed(
            tool("cc").arg("-o").arg(to.join("answer")).arg(&sources[1]).arg("-L").arg(to).arg("-lanswer"),
        );
    })
}

/// A program in C, linked statically.
pub(super) fn static_program() -> PathBuf {
    let sources = [probes("native/libanswer.c"), probes("native/answer.c")];
    once("static-answer", &sources, |to| {
        succeed(tool("cc").args(["-static", "-o"]).arg(to).args(&sources));
    })
}

/// A folder with the class files of one Java source.
pub(super) fn classes(source: &Path) -> PathBuf {
    once("classes", &[source.to_owned()], |to| compile_java(source, to))
}

/// A jar with the class files of one Java source, whose manifest has these lines.
pub(super) fn jar(source: &Path, manifest: &str) -> PathBuf {
    let classes = classes(source);
    once("jar", &[source.to_owned()], |to| make_jar(&classes, to, manifest))
}

/// A folder with the assembly of one C# source, named after it, and its two description files.
pub(super) fn assembly(source: &Path) -> PathBuf {
    let name = source.file_stem().unwrap().to_str().unwrap();
    once(name, &[source.to_owned()], |to| {
        fs::create_dir(to).unwrap();
        compile_dotnet(source, to, name);
    })
}

/// Builds something unless it exists. Its path contains a digest of the sources and of this file.
fn once(name: &str, sources: &[PathBuf], make: impl FnOnce(&Path)) -> PathBuf {
    let recipes =
        [include_bytes!("programs.rs").as_slice(), include_bytes!("../support/compile.rs")].concat();
    let digest = sha256(&sources.iter().flat_map(|source| read(source)).chain(recipes).collect::<Vec<_>>());
    let digest = digest.trim_start_matches("sha256:");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", &digest[..16]));
    let _lock = lock(name);
    if !path.exists() {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        make(&folder.path().join(name));
        fs::rename(folder.path().join(name), &path).unwrap();
    }
    path
}
