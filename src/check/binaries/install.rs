//! How to get packages that the function can load.

use std::collections::BTreeSet;

use super::{Host, Kind};
use crate::files::Libc;
use crate::project::Architecture;

/// The help for a kind of fault; `packages` are the names of the packages, if they are known.
pub(super) fn help(kind: Kind, host: &Host<'_>, packages: &BTreeSet<String>) -> String {
    let architecture = host.architecture;
    let is_musl = host.libc == Some(Libc::Musl);
    let names: Vec<_> = packages.iter().map(String::as_str).collect();
    let names = if names.is_empty() { String::new() } else { format!(" {}", names.join(" ")) };
    if let Some(version) = host.python {
        let platform = if is_musl { "musllinux_1_2" } else { "manylinux2014" };
        let machine = architecture.linux_name();
        return format!(
            "install it for Python {version} on {architecture} (`pip install --platform {platform}_{machine} \
             --python-version {version} --only-binary=:all: --target ...{names}`)"
        );
    }
    if let Some(version) = host.node {
        if kind == Kind::Version {
            return format!(
                "install it with Node.js {version} on Linux for {architecture} (`npm rebuild{names}`)"
            );
        }
        let machine = match architecture {
            Architecture::X86_64 => "x64",
            Architecture::Arm64 => "arm64",
        };
        let libc = if is_musl { "musl" } else { "glibc" };
        return format!(
            "install it for {architecture} (`npm install --os=linux --cpu={machine} --libc={libc}{names}`)"
        );
    }
    build(kind, host)
}

/// The help for programs and libraries that no package manager has installed.
pub(super) fn build(kind: Kind, host: &Host<'_>) -> String {
    match (kind, host.libc) {
        (Kind::Libc, Some(libc)) => {
            format!("build it on a system with {}, or as a static program", libc.name())
        }
        _ => format!("build it for Linux on {}", host.architecture),
    }
}
