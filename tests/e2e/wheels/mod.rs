//! Wheels as limg reads them, and the same wheels installed by pip.

mod most_used;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use limg::project::{Architecture, ImagePath};
use limg::tree::{Node, Tree};
use limg::wheel::{Installation, PythonTarget, WheelArchive, install};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;

use crate::support::{Entry, Files, Workspace, assert_same, listing, succeed, tool};

const ROOT: &str = "/opt/python";

/// Where both wrote the same files, or the difference is one of these:
///
/// - pip writes `direct_url.json` for wheels that are given as files, and `REQUESTED`; limg is not asked to.
/// - `INSTALLER` has the name of the installer.
/// - The text of launchers differs between versions of pip. They must import and call the same.
/// - Headers are in `include/PACKAGE`. pip has the version of its own Python in the path.
/// - pip adds programs with the versions of its own Python, such as `pip3.11`, to its own package.
/// - `RECORD` has the rows of the above, paths from the root where pip has `../../`, and other ends of lines. Without the
///   launchers of the build that pip lists although it leaves them out.
fn assert_as_pip(installation: &Installation, pip: &Path, mut theirs: Files) {
    let mut ours = files(&installation.tree);
    let is_record = |path: &&String| in_info(path) == Some("RECORD");
    let records: Vec<_> = ours.keys().filter(is_record).cloned().collect();
    for (path, entry) in std::mem::take(&mut theirs) {
        if matches!(in_info(&path), Some("direct_url.json" | "REQUESTED")) || is_of_pip_alone(&path) {
            continue;
        }
        let entry = if is_launcher(&path, &fs::read(pip.join(&path)).unwrap_or_default()) {
            launcher(&fs::read_to_string(pip.join(&path)).unwrap())
        } else {
            entry
        };
        theirs.insert(plain_include(&path), entry);
    }
    theirs.retain(|path, entry| !path.starts_with("include") || entry.mode != 0o755);
    for record in &records {
        let own = rows(&content(&installation.tree, record), installation);
        let pips = rows(&fs::read(pip.join(record)).unwrap(), installation);
        assert_same("limg", &own, "pip", &pips);
        for files in [&mut ours, &mut theirs] {
            let info = record.strip_suffix("RECORD").unwrap();
            files.remove(record);
            files.remove(&format!("{info}INSTALLER")).unwrap();
        }
    }
    ours.retain(|path, entry| !path.starts_with("include") || entry.mode != 0o755);
    assert!(records.len() > 1 && ours.len() > 10);
    assert_same("limg", &ours, "pip", &theirs);
}

/// The rows of a list as files, without those that differ.
fn rows(record: &[u8], installation: &Installation) -> Files {
    let mut rows = Files::new();
    for line in String::from_utf8(record.to_vec()).unwrap().lines() {
        let fields: Vec<_> = line.rsplitn(3, ',').collect();
        let path = fields[2].trim_matches('"').trim_start_matches("../").to_owned();
        let is_written = matches!(in_info(&path), Some("direct_url.json" | "REQUESTED" | "INSTALLER"));
        if is_of_pip_alone(&path) {
            continue;
        }
        let is_launcher = path.starts_with("bin/") && is_launcher(&path, &content(&installation.tree, &path));
        if !is_written && !is_launcher && !path.contains(".data/scripts/") {
            rows.insert(
                plain_include(&path),
                Entry::file(0, format!("{} {}", fields[1], fields[0]).as_bytes()),
            );
        }
    }
    rows
}

/// The path of a file in the folder of a package's metadata, but not of one in another package.
fn in_info(path: &str) -> Option<&str> {
    let (folder, file) = path.split_once(".dist-info/")?;
    (!folder.contains('/')).then_some(file)
}

/// Whether a path is that of a program which only pip writes, and only for its own package.
fn is_of_pip_alone(path: &str) -> bool {
    path.starts_with("bin/pip3.")
}

/// A path without the version of pip's Python in the folder of headers.
fn plain_include(path: &str) -> String {
    match path.strip_prefix("include/") {
        Some(below) if below.starts_with("site/python3.") => {
            format!("include/{}", below.splitn(3, '/').nth(2).unwrap_or_default())
        }
        Some(below) => format!("include/{}", below.strip_prefix("python/").unwrap_or(below)),
        None => path.to_owned(),
    }
}

fn is_launcher(path: &str, content: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content);
    path.starts_with("bin/") && text.starts_with("#!") && text.contains("sys.argv[0] = ")
}

/// What a launcher imports and calls.
fn launcher(text: &str) -> Entry {
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("#!/") || line.starts_with("from ") || line.contains("sys.exit("))
        .collect();
    assert_eq!(lines.len(), 3, "{text}");
    Entry::file(0o755, lines.join("\n").as_bytes())
}

fn content(tree: &Tree, path: &str) -> Vec<u8> {
    let Some(Node::File(file)) = tree.get(&format!("{ROOT}/{path}").parse().unwrap()) else {
        panic!("no file at {path}")
    };
    let mut content = Vec::new();
    std::io::copy(&mut file.content.open().unwrap(), &mut content).unwrap();
    content
}

/// The files of a tree and the folders above them.
fn files(tree: &Tree) -> Files {
    let mut files = Files::new();
    for (path, node) in tree.iter() {
        let Node::File(file) = node else { panic!("{path} is a {}", node.kind()) };
        let path = &path.as_str()[ROOT.len() + 1..];
        for (end, _) in path.match_indices('/') {
            files.insert(path[..end].to_owned(), Entry::folder(0o755));
        }
        let content = content(tree, path);
        let mode = if file.executable { 0o755 } else { 0o644 };
        let entry = if is_launcher(path, &content) {
            launcher(std::str::from_utf8(&content).unwrap())
        } else {
            Entry::file(mode, &content)
        };
        files.insert(path.to_owned(), entry);
    }
    files
}

/// pip, with the modes that files usually have.
fn pip(arguments: &[&str]) -> std::process::Command {
    let mut shell = tool("sh");
    shell.args(["-c", "umask 022; exec python3 -m pip --quiet \"$@\"", "pip"]).args(arguments);
    shell
}

/// The options of pip for wheels of Python 3.11 for `x86_64`, on any machine.
fn platform() -> Vec<String> {
    let target = PythonTarget { python_minor: 11, glibc_minor: 34, architecture: Architecture::X86_64 };
    let python =
        ["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--ignore-requires-python"];
    let platforms = target.platforms().into_iter().flat_map(|platform| ["--platform".to_owned(), platform]);
    python.into_iter().map(str::to_owned).chain(["--only-binary=:all:".to_owned()]).chain(platforms).collect()
}

/// Installs wheels with pip and with limg at the same time, and compares.
fn compare(wheels: &[PathBuf], workspace: &Workspace) -> Installation {
    let target = workspace.path("target");
    std::thread::scope(|scope| {
        let pip = scope.spawn(|| {
            let mut command = pip(&["install", "--no-deps", "--no-compile", "--no-index", "--target"]);
            succeed(command.arg(&target).args(platform()).args(wheels));
            listing(&target)
        });
        let installation = install_with_limg(wheels);
        assert_as_pip(&installation, &target, pip.join().unwrap());
        installation
    })
}

/// Reads and verifies wheels, and lays them into one tree.
fn install_with_limg(wheels: &[PathBuf]) -> Installation {
    let read = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        WheelArchive::read(path, name.parse().unwrap()).unwrap()
    };
    let read: Vec<_> = wheels.iter().map(read).collect();
    for wheel in &read {
        wheel.verify().unwrap();
    }
    let interpreter = succeed(tool("python3").args(["-c", "import sys; print(sys.executable)"])).text();
    let root: ImagePath = ROOT.parse().unwrap();
    install(&read, &root, interpreter.trim()).unwrap()
}

/// Writes a wheel of version 1, with modes as they are in the zip.
fn write_wheel(workspace: &Workspace, name: &str, files: &[(&str, &str, u32)]) -> PathBuf {
    let info = format!("{name}-1.dist-info");
    let mut all: BTreeMap<String, (String, u32)> = files
        .iter()
        .map(|(path, content, mode)| ((*path).to_owned(), ((*content).to_owned(), *mode)))
        .collect();
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1\n");
    all.insert(format!("{info}/METADATA"), (metadata, 0o644));
    all.insert(format!("{info}/WHEEL"), ("Wheel-Version: 1.0\nTag: py3-none-any\n".to_owned(), 0o644));
    let mut record = format!("{info}/RECORD,,\n");
    for (path, (content, _)) in &all {
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
        record.extend([format!("\"{path}\",sha256={digest},{}\n", content.len())]);
    }
    all.insert(format!("{info}/RECORD"), (record, 0o644));
    let path = workspace.write(format!("{name}-1-py3-none-any.whl"), "");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for (name, (content, mode)) in all {
        let options = SimpleFileOptions::default().system(zip::System::Unix).unix_permissions(mode);
        zip.start_file(name, options).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    path
}

#[test]
#[ignore = "needs pip; `make test` runs it"]
fn what_few_wheels_have_is_installed_as_pip_does() {
    let workspace = Workspace::new();
    let one = write_wheel(
        &workspace,
        "one",
        &[
            ("shared/a.py", "a", 0o644),
            ("tests.py", "one", 0o644),
            ("same.py", "same", 0o644),
            ("modes/x.py", "x", 0o654),
            ("modes/private.py", "x", 0o600),
            ("one-1.data/scripts/rewritten", "#!pythonw -E\r\nx", 0o755),
            ("one-1.data/scripts/plain", "#!python\nx\n", 0o644),
            ("one-1.data/scripts/shell.sh", "#!/bin/sh\n", 0o755),
            ("one-1.data/scripts/run", "#!python\nreplaced", 0o755),
            ("one-1.data/scripts/run-script.py", "#!python\nleft out", 0o755),
            ("one-1.data/data/share/one/a,b.txt", "x", 0o644),
            ("one-1.data/platlib/lib.py", "x", 0o644),
            ("one-1.data/purelib/one/__init__.py", "x", 0o644),
            ("one-1.data/headers/one.h", "x", 0o644),
            (
                "one-1.dist-info/entry_points.txt",
                "[console_scripts]\nrun = one:Main.run [extra]\n[gui_scripts]\nwindow=one:main\n",
                0o644,
            ),
        ],
    );
    let two = write_wheel(
        &workspace,
        "two",
        &[("shared/b.py", "b", 0o644), ("tests.py", "two", 0o644), ("same.py", "same", 0o644)],
    );
    let installation = compare(&[two, one], &workspace);
    let conflicts: Vec<_> = installation.conflicts.iter().map(|conflict| conflict.path.as_str()).collect();
    assert_eq!(conflicts, [format!("{ROOT}/tests.py")]);
    assert_eq!(content(&installation.tree, "tests.py"), b"one");
}

/// Prints the tags of a target as pip's own library lists them.
const TAGS: &str = "
import json, sys
from pip._vendor.packaging import tags
minor, platforms = int(sys.argv[1]), sys.argv[2:]
own = tags.cpython_tags((3, minor), [f'cp3{minor}'], platforms)
others = tags.compatible_tags((3, minor), f'cp3{minor}', platforms)
print(json.dumps([str(tag) for tag in [*own, *others]]))
";

#[test]
#[ignore = "needs pip; `make test` runs it"]
fn tags_are_in_the_order_of_pip() {
    for (python_minor, glibc_minor, architecture) in
        [(9, 26, Architecture::X86_64), (12, 34, Architecture::X86_64), (13, 34, Architecture::Arm64)]
    {
        let target = PythonTarget { python_minor, glibc_minor, architecture };
        let mut python = tool("python3");
        python.args(["-c", TAGS, &python_minor.to_string()]).args(target.platforms());
        let Value::Array(tags) = succeed(&mut python).json() else { panic!("no list") };
        assert_eq!(target.tags(), tags.iter().map(|tag| tag.as_str().unwrap()).collect::<Vec<_>>());
    }
}
