//! The wheels of 200 of the most used packages.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use limg::wheel::{WheelName, normalised};

use super::{compare, pip, platform};
use crate::support::{Workspace, lock, repository, sha256, succeed, tool};

/// The packages with their versions and hashes, one a line.
const LIST: &str = include_str!("most-used.txt");

/// How many downloads run at the same time.
const DOWNLOADS: usize = 4;

/// The version of Python that the list is for. Some wheels need a later one than the first of its minor version.
const PYTHON: &str = "3.11.9";

/// Package names and hashes of the list.
fn packages() -> BTreeMap<String, String> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    let package = |line: &str| {
        let (package, hash) = line.split_once(" --hash=sha256:").unwrap();
        (hash.to_owned(), package.split_once("==").unwrap().0.to_owned())
    };
    lines.map(package).collect()
}

/// The wheels, from `target/`, where they stay for the next run.
fn wheels() -> Vec<PathBuf> {
    let _lock = lock("most-used-wheels");
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("most-used-wheels").join(&sha256(LIST.as_bytes())[..16]);
    let complete = folder.join("complete");
    if !complete.exists() {
        download(&folder);
        fs::write(complete, "").unwrap();
    }
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "whl")).collect()
}

/// uv finds the addresses, and pip downloads: to look for each package in the index takes pip half a second.
fn download(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let list = folder.join("list.txt");
    fs::write(&list, LIST).unwrap();
    let mut uv = tool(repository().join("target/uv/bin/uv").to_str().unwrap());
    uv.args(["pip", "compile", "--quiet", "--no-deps", "--only-binary", ":all:", "--format", "pylock.toml"]);
    uv.args(["--python-version", PYTHON, "--python-platform", "x86_64-manylinux_2_34"]).arg(&list);
    let lock: toml::Table = succeed(&mut uv).text().parse().unwrap();
    let packages = packages();
    let mut lists = vec![String::new(); DOWNLOADS];
    let wheels = lock["packages"].as_array().unwrap().iter().flat_map(|it| it["wheels"].as_array().unwrap());
    let wanted = wheels.filter_map(|wheel| {
        let hash = wheel["hashes"]["sha256"].as_str().unwrap();
        let package = packages.get(hash)?;
        Some(format!("{package} @ {} --hash=sha256:{hash}\n", wheel["url"].as_str().unwrap()))
    });
    for (at, line) in wanted.enumerate() {
        lists[at % DOWNLOADS].push_str(&line);
    }
    std::thread::scope(|scope| {
        for (at, text) in lists.iter().enumerate() {
            scope.spawn(move || {
                let list = folder.join(format!("list-{at}.txt"));
                fs::write(&list, text).unwrap();
                let mut command = pip(&["download", "--no-deps", "--no-index", "--require-hashes", "--dest"]);
                succeed(command.arg(folder).args(platform()).arg("--requirement").arg(list));
            });
        }
    });
}

#[test]
#[ignore = "needs PyPI; `make test` runs it"]
fn the_most_used_wheels_are_installed_as_pip_does() {
    let wheels = wheels();
    let names = wheels.iter().map(|path| path.file_name().unwrap().to_str().unwrap());
    let names = names.map(|name| normalised(&name.parse::<WheelName>().unwrap().name));
    let mut listed: Vec<_> = packages().into_values().collect();
    let mut names: Vec<_> = names.collect();
    listed.sort();
    names.sort();
    assert_eq!((names.len(), &names), (200, &listed));
    let installation = compare(&wheels, &Workspace::new());
    assert_eq!(installation.conflicts, []);
}
