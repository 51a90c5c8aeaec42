//! Which package a file belongs to: a package that contains files for several platforms loads the right one.

use crate::project::ImagePath;
use crate::runtime::{Contract, Language};

/// Words that packages for several platforms use in their names: machines, systems and C libraries.
const PLATFORM: &[&str] = &[
    "386",
    "aarch64",
    "aarch64be",
    "amd64",
    "android",
    "apple",
    "arm",
    "arm32",
    "arm64",
    "arm64be",
    "armeb",
    "armel",
    "armhf",
    "armv6",
    "armv6l",
    "armv7",
    "armv7l",
    "darwin",
    "freebsd",
    "gnu",
    "gnueabi",
    "gnueabihf",
    "i386",
    "i486",
    "i586",
    "i686",
    "ia32",
    "linux",
    "linuxmusl",
    "loong64",
    "loongarch64",
    "macos",
    "macosx",
    "mips",
    "mips64",
    "mips64el",
    "mips64le",
    "mipsel",
    "mipsle",
    "msvc",
    "musl",
    "musleabi",
    "musleabihf",
    "netbsd",
    "openbsd",
    "osx",
    "powerpc",
    "powerpc64",
    "powerpc64le",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv64",
    "riscv64gc",
    "s390x",
    "sunos",
    "universal",
    "universal2",
    "win32",
    "windows",
    "x32",
    "x64",
    "x86",
];

/// A folder in `node_modules`, or a module in a folder of Python packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    /// Its own folder or file.
    pub root: String,
    /// Its name.
    pub name: String,
    /// Where its name begins in the paths of its files.
    pub start: usize,
    /// Its path without the platform: packages for several platforms have one key.
    pub key: String,
    /// Whether its name names a platform.
    pub is_for_platform: bool,
    /// Whether it is a folder, and not a module of one file.
    pub is_folder: bool,
}

impl Package {
    /// The package of a file. Nothing for a file outside of packages.
    pub(super) fn of(path: &ImagePath, contract: &Contract) -> Option<Self> {
        let parts: Vec<_> = path.as_str().split('/').skip(1).collect();
        let is_root = |end: usize| match parts[end] {
            "site-packages" | "dist-packages" => true,
            "python" => end == 1 && parts[0] == "opt" && !parts[2].starts_with("lib"),
            "task" => end == 1 && contract.language() == Some(Language::Python),
            _ => false,
        };
        let folders = 0..parts.len() - 1;
        let (first, last) = match parts[folders.clone()].iter().rposition(|part| *part == "node_modules") {
            // `node_modules/@SCOPE/NAME`
            Some(end) if parts[end + 1].starts_with('@') => (end + 1, end + 2),
            Some(end) => (end + 1, end + 1),
            None => folders.rev().find(|end| is_root(*end)).map(|end| (end + 1, end + 1))?,
        };
        let last = last.min(parts.len() - 1);
        let mut name = parts[first..=last].join("/");
        let is_folder = last < parts.len() - 1;
        if !is_folder {
            // A module of one file: what follows its name is what it is built for.
            name.truncate(name.find('.').unwrap_or(name.len()));
        }
        let own = words(&name);
        let above = parts[..first].join("/");
        let start = above.len() + "//".len();
        let mut key = words(&above);
        key.extend(own.iter().filter(|word| !is_platform(word)).cloned());
        let is_for_platform = own.iter().any(|word| is_platform(word));
        let root = format!("/{}", parts[..=last].join("/"));
        Some(Self { root, name, start, key: key.join("/"), is_for_platform, is_folder })
    }
}

fn is_platform(word: &str) -> bool {
    PLATFORM.contains(&word)
}

/// Whether the names of a path say that it is for a C library that is called `musl`.
pub(super) fn names_musl(path: &str) -> bool {
    words(path).iter().any(|word| word.ends_with("musl"))
}

fn words(path: &str) -> Vec<String> {
    let path = path.to_lowercase();
    let path = path.replace("x86_64", "x64").replace("x86-64", "x64").replace("aarch_64", "aarch64");
    path.split(|letter: char| !letter.is_ascii_alphanumeric()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_which_only_the_platform_differs_are_one() {
        let contract = crate::runtime::contract("python3.12").unwrap();
        let package = |path: &str| Package::of(&path.parse().unwrap(), contract).map(|package| package.key);
        for (one, other) in [
            (
                "/opt/nodejs/node_modules/@img/sharp-linux-x64/a.node",
                "/opt/nodejs/node_modules/@img/sharp-linuxmusl-arm64/b",
            ),
            (
                "/var/task/node_modules/@esbuild/linux-x64/bin/e",
                "/var/task/node_modules/@esbuild/linux-arm64/bin/e",
            ),
            ("/var/task/node_modules/x/prebuilds/linux-x64/x.node", "/var/task/node_modules/x/build/y.node"),
            (
                "/opt/python/m.cpython-312-x86_64-linux-gnu.so",
                "/opt/python/m.cpython-312-aarch64-linux-gnu.so",
            ),
            ("/opt/python/m.cpython-312-darwin.so", "/opt/python/m.cpython-311-aarch64-linux-gnu.so"),
            (
                "/var/task/node_modules/@esbuild/win32-x64/esbuild.exe",
                "/var/task/node_modules/@esbuild/darwin-arm64/bin/esbuild",
            ),
            ("/opt/python/numpy/a.so", "/opt/python/numpy/core/b.so"),
            ("/opt/lib/a.so", "/opt/native/linux/armv8/glibc/x.so"),
        ] {
            assert_eq!(package(one), package(other), "{one} {other}");
        }
        for (one, other) in [
            ("/var/task/node_modules/a/x.node", "/var/task/node_modules/b/x.node"),
            ("/var/task/node_modules/@a/a/x.node", "/var/task/node_modules/@a/b/x.node"),
            ("/var/task/node_modules/a/x.node", "/var/task/node_modules/a/node_modules/b/x.node"),
            (
                "/opt/python/lib/python3.12/site-packages/a/x.so",
                "/opt/python/lib/python3.12/site-packages/b/x.so",
            ),
            ("/opt/python/a/x.so", "/opt/python/b/x.so"),
            ("/opt/python/a/x.so", "/opt/lib/x.so"),
            ("/var/task/a/x.so", "/var/task/b/x.so"),
        ] {
            assert_ne!(package(one), package(other), "{one} {other}");
        }
    }
}
