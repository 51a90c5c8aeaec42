//! Programs and libraries must be built for the function's architecture: others cannot be loaded, which Lambda finds out
//! only when it runs the function (`exec format error`, `wrong ELF class`).

use std::collections::BTreeSet;

use super::{Source, Subject};
use crate::finding::{Code, Finding, Help, Setting, Severity};
use crate::project::{Architecture, ImagePath};
use crate::runtime::Contract;
use crate::tree::TreeError;

/// How many paths a message names.
const NAMED: usize = 3;

/// Words that packages for several platforms use in their names: machines, systems and C libraries.
const PLATFORM: &[&str] = &[
    "386",
    "aarch64",
    "aarch64be",
    "amd64",
    "android",
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
    "mips",
    "mips64",
    "mips64el",
    "mips64le",
    "mipsel",
    "mipsle",
    "musl",
    "musleabi",
    "musleabihf",
    "netbsd",
    "openbsd",
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
    "x32",
    "x64",
    "x86",
];

/// Finds programs and libraries of each source that are built for another machine, unless another source's file replaces
/// them. A package with files for the function's machine too contains one for each and loads the right one. What Lambda
/// starts itself has its own rules.
pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let started = subject.started();
    Ok(subject.sources().filter_map(|source| of_source(subject, &source, &started)).collect())
}

fn of_source(
    Subject { function, contract, plan, .. }: &Subject<'_>,
    source: &Source<'_>,
    started: &BTreeSet<String>,
) -> Option<Finding> {
    let architecture = function.architecture;
    let is_seen =
        |path: &ImagePath| plan.merged.owner(path.as_str()).is_some_and(|owner| owner.place == *source.place);
    let seen = source.tree.machines.iter().filter(|(path, _)| is_seen(path));
    let (right, wrong): (Vec<_>, Vec<_>) = seen.partition(|(_, machine)| machine.fits(architecture));
    let served: BTreeSet<_> = right.into_iter().map(|(path, _)| package(path, contract)).collect();
    let wrong: Vec<_> = wrong
        .into_iter()
        .filter(|(path, _)| !started.contains(path.as_str()) && !served.contains(&package(path, contract)))
        .collect();
    if wrong.is_empty() {
        return None;
    }
    let machines: BTreeSet<_> = wrong.iter().map(|(_, machine)| machine.to_string()).collect();
    let paths: Vec<_> = wrong.iter().take(NAMED).map(|(path, _)| format!("`{path}`")).collect();
    let more = match wrong.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "{} contains {}{more}, built for {}, but the function's architecture is {architecture}",
        source.name,
        paths.join(", "),
        machines.into_iter().collect::<Vec<_>>().join(" and "),
    );
    let other =
        Architecture::ALL.into_iter().find(|other| wrong.iter().all(|(_, machine)| machine.fits(*other)));
    let mut help = Help::from(install(architecture, contract));
    if source.has_exclude {
        help = help.or(Setting::Exclude);
    }
    if let Some(other) = other {
        help = help.or(Setting::Architecture(other.name()));
    }
    let finding = Finding::error(Code::WrongArchitecture, source.place.clone(), message).help(help);
    let severity = if source.is_trusted { Severity::Warning } else { Severity::Error };
    Some(Finding { severity, ..finding })
}

/// How to get packages for an architecture.
fn install(architecture: Architecture, contract: &Contract) -> String {
    let (python, node) = match architecture {
        Architecture::X86_64 => ("x86_64", "x64"),
        Architecture::Arm64 => ("aarch64", "arm64"),
    };
    if contract.search_paths.contains_key("PYTHONPATH") {
        format!(
            "install it for {architecture} (`pip install --platform manylinux2014_{python} --only-binary=:all: --target ...`)"
        )
    } else if contract.search_paths.contains_key("NODE_PATH") {
        format!("install it for {architecture} (`npm install --os=linux --cpu={node}`)")
    } else {
        format!("build it for {architecture}")
    }
}

/// The package that a file belongs to: a folder in `node_modules`, or in a folder of Python packages. Packages whose names
/// differ only in the platform count as one. Nothing for a file outside of packages.
fn package(path: &ImagePath, contract: &Contract) -> Option<String> {
    let parts: Vec<_> = path.as_str().split('/').skip(1).collect();
    let is_root = |end: usize| match parts[end] {
        "site-packages" | "dist-packages" => true,
        "python" => end == 1 && parts[0] == "opt" && !parts[2].starts_with("lib"),
        "task" => end == 1 && contract.search_paths.contains_key("PYTHONPATH"),
        _ => false,
    };
    let folders = 0..parts.len() - 1;
    let start = match parts[folders.clone()].iter().rposition(|part| *part == "node_modules") {
        // `node_modules/@SCOPE/NAME`
        Some(end) if parts[end + 1].starts_with('@') => end + 2,
        Some(end) => end + 1,
        None => folders.rev().find(|end| is_root(*end))? + 1,
    };
    let name = parts[..=start.min(parts.len() - 1)].join("/").to_lowercase();
    let name = name.replace("x86_64", "x64").replace("x86-64", "x64").replace("aarch_64", "aarch64");
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    Some(words.filter(|word| !PLATFORM.contains(word)).collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_which_only_the_platform_differs_are_one() {
        let package =
            |path: &str| package(&path.parse().unwrap(), crate::runtime::contract("python3.12").unwrap());
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
