//! Programs and libraries must be built for what the function runs on: Linux, its architecture, the C library of the base, and
//! the version of Python or Node.js. Others cannot be loaded, which Lambda finds out only when it runs the function (`exec
//! format error`, `wrong ELF class`, `No module named`, `NODE_MODULE_VERSION`).
//!
//! A package with files for the function too contains one for each platform and loads the right one. What Lambda starts
//! itself has its own rules.

mod install;
mod node;
mod package;
mod python;
mod report;
mod source;

use self::package::Package;
use super::Subject;
use crate::files::{Binary, FileIndex, Libc, NodeInterface, Target};
use crate::finding::Finding;
use crate::project::{Architecture, ImagePath};
use crate::runtime::Contract;
use crate::tree::TreeError;

/// The loaders of the C libraries, whose paths are part of every program.
const LOADERS: [(&str, Libc); 4] = [
    ("/lib/ld-musl-x86_64.so.1", Libc::Musl),
    ("/lib/ld-musl-aarch64.so.1", Libc::Musl),
    ("/lib64/ld-linux-x86-64.so.2", Libc::Glibc),
    ("/lib/ld-linux-aarch64.so.1", Libc::Glibc),
];

/// What the function runs on.
struct Host<'a> {
    contract: &'a Contract,
    architecture: Architecture,
    /// The name of the base.
    base: &'a str,
    /// The C library of the base, if it is known.
    libc: Option<Libc>,
    python: Option<&'a str>,
    node: Option<&'a str>,
}

/// What is wrong with a file or package, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Platform,
    Libc,
    Version,
}

/// Why a function cannot load something.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    kind: Kind,
    built_for: String,
    /// The architecture whose functions can load it.
    fits: Option<Architecture>,
    is_for_linux: bool,
}

impl Fault {
    fn machine(built_for: String, fits: Option<Architecture>) -> Self {
        Self { kind: Kind::Platform, built_for, fits, is_for_linux: true }
    }

    fn platform(built_for: String) -> Self {
        Self { is_for_linux: false, ..Self::machine(built_for, None) }
    }

    fn libc(libc: Libc) -> Self {
        Self { kind: Kind::Libc, ..Self::machine(libc.name().to_owned(), None) }
    }

    fn version(built_for: String) -> Self {
        Self { kind: Kind::Version, ..Self::machine(built_for, None) }
    }
}

/// A program or library of a source.
struct Judged<'a> {
    path: &'a ImagePath,
    target: Target,
    package: Option<Package>,
    fault: Option<Fault>,
    /// Whether it names the version of the language that it is for.
    is_versioned: bool,
}

impl Judged<'_> {
    /// Whether the language's runtime loads it: it is a library, and no program.
    fn is_module(&self) -> bool {
        matches!(self.path.suffix(), Some("node" | "pyd" | "so"))
    }

    /// What counts as one package; all files outside of packages count as one.
    fn key(&self) -> Option<&str> {
        self.package.as_ref().map(|package| package.key.as_str())
    }
}

/// Finds what each source contains that is built for something else, unless another source's file replaces it.
pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let Subject { function, contract, plan, .. } = *subject;
    let host = Host {
        contract,
        architecture: function.architecture,
        base: &function.base.name,
        libc: libc(plan.merged.base()),
        python: contract.id.strip_prefix("python"),
        node: contract.id.strip_prefix("nodejs").map(|version| version.trim_end_matches(".x")),
    };
    let started = subject.started();
    let mut findings = Vec::new();
    for source in subject.sources() {
        findings.extend(source::findings(subject, &source, &host, &started)?);
    }
    Ok(findings)
}

/// The C library of a base. A base that is only known by its contract has AWS's.
pub(super) fn libc(base: &FileIndex) -> Option<Libc> {
    if !base.is_full() {
        return Some(Libc::Glibc);
    }
    let has = |libc| LOADERS.iter().any(|(loader, own)| *own == libc && base.has_file(loader));
    match (has(Libc::Musl), has(Libc::Glibc)) {
        (true, false) => Some(Libc::Musl),
        (false, true) => Some(Libc::Glibc),
        // A base with both can load both.
        _ => None,
    }
}

impl Host<'_> {
    /// What a file is built for and, if the function cannot load it, why.
    fn judge<'a>(&self, path: &'a ImagePath, binary: &Binary) -> Judged<'a> {
        let is_add_on = path.suffix() == Some("node");
        let package = Package::of(path, self.contract);
        let by_version = self.version(path, binary, is_add_on);
        let fault = if binary.target.fits(self.architecture) {
            let libc = binary.links.libc.or_else(|| libc_in_name(path, package.as_ref()));
            let other = libc.filter(|libc| self.libc.is_some_and(|own| own != *libc));
            other.map(Fault::libc).or(by_version.clone().and_then(Result::err))
        } else if let Target::Linux(_) = binary.target {
            let fits = Architecture::ALL.into_iter().find(|other| binary.target.fits(*other));
            Some(Fault::machine(binary.target.to_string(), fits))
        } else {
            Some(Fault::platform(binary.target.to_string()))
        };
        Judged { path, target: binary.target, package, fault, is_versioned: by_version.is_some() }
    }

    /// Whether a module is for this version of the language. Nothing if it names none.
    fn version(&self, path: &ImagePath, binary: &Binary, is_add_on: bool) -> Option<Result<(), Fault>> {
        if let Some(version) = self.python.filter(|version| !python::is_for_another_version(path, version)) {
            let name = path.name();
            let Some(tag) = python::version_in_name(name) else {
                return name.contains(".abi3.").then_some(Ok(()));
            };
            let own = version.replace('.', "");
            return Some(if tag == own { Ok(()) } else { Err(Fault::version(python::display(tag))) });
        }
        let own = node::number(self.node.filter(|_| is_add_on)?)?;
        Some(match binary.links.node.or_else(|| node::interface_in_name(path))? {
            NodeInterface::Version(number) if number != own => Err(Fault::version(node::display(number))),
            NodeInterface::Version(_) | NodeInterface::NodeApi => Ok(()),
        })
    }
}

/// The C library that the names of a library say.
fn libc_in_name(path: &ImagePath, package: Option<&Package>) -> Option<Libc> {
    // A static program of a package for musl runs everywhere.
    let is_library = matches!(path.suffix(), Some("node" | "so"));
    let start = package.map_or(0, |package| package.start);
    let names = path.as_str().get(start..).filter(|_| is_library)?;
    package::names_musl(names).then_some(Libc::Musl)
}
