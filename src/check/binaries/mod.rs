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

use std::collections::{BTreeMap, BTreeSet};

use self::package::Package;
use super::{Source, Subject};
use crate::files::{Binary, FileIndex, Libc, NodeInterface, Target, Wheel, recorded_by};
use crate::finding::{Code, Finding, Help, Setting, Severity};
use crate::project::{Architecture, ImagePath};
use crate::runtime::Contract;
use crate::tree::{Node, TreeError};

/// How many files or packages a message names.
const NAMED: usize = 3;

/// Far more than the description of any package of Node.js.
const MANIFEST_LIMIT: usize = 1024 * 1024;

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
        findings.extend(of_source(subject, &source, &host, &started)?);
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

fn of_source(
    subject: &Subject<'_>,
    source: &Source<'_>,
    host: &Host<'_>,
    started: &BTreeSet<String>,
) -> Result<Vec<Finding>, TreeError> {
    let is_seen = |path: &ImagePath| {
        subject.plan.merged.owner(path.as_str()).is_some_and(|owner| owner.place == *source.place)
    };
    let seen = source.tree.binaries.iter().filter(|(path, _)| is_seen(path));
    let judged: Vec<_> = seen.map(|(path, binary)| host.judge(path, binary)).collect();
    let right = || judged.iter().filter(|judged| judged.fault.is_none());
    let served: BTreeSet<_> = right().map(Judged::key).collect();
    let versions: BTreeSet<_> = right().filter(|judged| judged.is_versioned).map(Judged::key).collect();
    let is_served = |kind: Kind, key: Option<&str>| {
        if kind == Kind::Version { &versions } else { &served }.contains(&key)
    };
    let mut wrong = Vec::new();
    for file in &judged {
        if let Some(fault) = &file.fault
            && !started.contains(file.path.as_str())
            && !is_served(fault.kind, file.key())
            && !is_inert(file, &judged, source, host)?
        {
            wrong.push((file, fault));
        }
    }
    let mut wheels = Vec::new();
    for wheel in source.tree.wheels.iter().filter(|wheel| is_seen(&wheel.file)) {
        let Some(version) =
            host.python.filter(|version| !python::is_for_another_version(&wheel.metadata, version))
        else {
            continue;
        };
        let fault = python::fault_of_wheel(wheel, host, version);
        if fault.is_none() && wrong.is_empty() {
            continue;
        }
        // A wheel says what its files are for: these are not judged one by one.
        let recorded = recorded_by(&source.tree.tree, &wheel.metadata)?;
        wrong.retain(|(file, _)| !recorded.contains(file.path));
        if let Some(fault) = fault
            && !is_served_otherwise(&recorded, fault.kind, &judged, host)
        {
            wheels.push((wheel, fault));
        }
    }
    let of_wheels = wheels.iter().map(|(wheel, fault)| (Item::Wheel(wheel), fault));
    let of_files = wrong.into_iter().map(|(file, fault)| (Item::File(file), fault));
    Ok(findings(of_wheels.chain(of_files), source, host))
}

/// Whether a package that a wheel records contains files for the function that did not come with the wheel.
fn is_served_otherwise(
    recorded: &BTreeSet<ImagePath>,
    kind: Kind,
    judged: &[Judged<'_>],
    host: &Host<'_>,
) -> bool {
    let packages = recorded.iter().filter_map(|path| Package::of(path, host.contract));
    let keys: BTreeSet<_> = packages.map(|package| package.key).collect();
    judged.iter().any(|file| {
        let is_right = file.fault.is_none() && (file.is_versioned || kind != Kind::Version);
        is_right && !recorded.contains(file.path) && file.key().is_some_and(|key| keys.contains(key))
    })
}

/// Something of a source that the function cannot load.
enum Item<'a> {
    Wheel(&'a Wheel),
    File(&'a Judged<'a>),
}

/// One finding for each kind of fault, of packages and of files.
fn findings<'a>(
    items: impl Iterator<Item = (Item<'a>, &'a Fault)>,
    source: &Source<'_>,
    host: &Host<'_>,
) -> Vec<Finding> {
    let mut groups: BTreeMap<(Kind, bool), Vec<(Item<'a>, &'a Fault)>> = BTreeMap::new();
    for (item, fault) in items {
        groups.entry((fault.kind, matches!(item, Item::File(_)))).or_default().push((item, fault));
    }
    groups.into_iter().map(|((kind, _), items)| finding(kind, &items, source, host)).collect()
}

fn finding(kind: Kind, items: &[(Item<'_>, &Fault)], source: &Source<'_>, host: &Host<'_>) -> Finding {
    let mut names = Vec::new();
    let mut packages = BTreeSet::new();
    for (item, _) in items {
        match item {
            Item::Wheel(wheel) => {
                names.push(format!("`{}`", wheel.name()));
                packages.insert(wheel.name().to_owned());
            }
            Item::File(file) => {
                names.push(format!("`{}`", file.path));
                let own = file.package.as_ref().filter(|package| !package.is_for_platform);
                packages.extend(own.map(|package| package.name.clone()));
            }
        }
    }
    let noun = match (&items[0].0, items.len()) {
        (Item::File(_), _) => "",
        (Item::Wheel(_), 1) => "the package ",
        (Item::Wheel(_), _) => "the packages ",
    };
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    names.truncate(NAMED);
    let built_for: BTreeSet<_> = items.iter().map(|(_, fault)| fault.built_for.as_str()).collect();
    let message = format!(
        "{} contains {noun}{}{more}, built for {}, but {}",
        source.name,
        names.join(", "),
        built_for.into_iter().collect::<Vec<_>>().join(" and "),
        host.but(kind, items.iter().all(|(_, fault)| fault.is_for_linux)),
    );
    let mut help = Help::from(install::help(kind, host, &packages));
    if source.has_exclude {
        help = help.or(Setting::Exclude);
    }
    let fits = |other: &Architecture| items.iter().all(|(_, fault)| fault.fits == Some(*other));
    if let Some(other) = Architecture::ALL.into_iter().find(fits) {
        help = help.or(Setting::Architecture(other.name()));
    }
    let code = match kind {
        Kind::Platform => Code::WrongArchitecture,
        Kind::Libc => Code::WrongLibc,
        Kind::Version => Code::WrongLanguageVersion,
    };
    let severity = if source.is_trusted { Severity::Warning } else { Severity::Error };
    Finding { severity, ..Finding::error(code, source.place.clone(), message).help(help) }
}

impl Host<'_> {
    /// What a file is built for and, if the function cannot load it, why.
    fn judge<'a>(&self, path: &'a ImagePath, binary: &Binary) -> Judged<'a> {
        let is_add_on = ending(path) == Some("node");
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

    /// The clause that says what the function needs instead.
    fn but(&self, kind: Kind, is_for_linux: bool) -> String {
        let Self { architecture, base, .. } = self;
        match kind {
            Kind::Platform if is_for_linux => format!("the function's architecture is {architecture}"),
            Kind::Platform => format!("the function runs on Linux on {architecture}"),
            Kind::Libc => {
                format!("the base `{base}` has {}", self.libc.map_or("another C library", Libc::name))
            }
            Kind::Version => format!("the runtime is {}", self.language()),
        }
    }

    /// The language and its version.
    fn language(&self) -> String {
        match (self.python, self.node) {
            (Some(version), _) => format!("Python {version}"),
            (_, Some(version)) => format!("Node.js {version}"),
            _ => format!("`{}`", self.contract.id),
        }
    }
}

/// What follows the last full stop of a name.
fn ending(path: &ImagePath) -> Option<&str> {
    path.name().rsplit_once('.').map(|(_, ending)| ending)
}

/// The C library that the names of a library say.
fn libc_in_name(path: &ImagePath, package: Option<&Package>) -> Option<Libc> {
    // A static program of a package for musl runs everywhere.
    let is_library = matches!(ending(path), Some("node" | "so"));
    let start = package.map_or(0, |package| package.start);
    let names = path.as_str().get(start..).filter(|_| is_library)?;
    package::names_musl(names).then_some(Libc::Musl)
}

/// Whether nothing on Linux would load a file for another system.
fn is_inert(
    file: &Judged<'_>,
    all: &[Judged<'_>],
    source: &Source<'_>,
    host: &Host<'_>,
) -> Result<bool, TreeError> {
    let tree = &source.tree.tree;
    // .NET starts the assembly next to it.
    let assembly = || format!("{}.dll", file.path).parse().ok();
    if host.contract.id.starts_with("dotnet") && assembly().is_some_and(|path| tree.get(&path).is_some()) {
        return Ok(true);
    }
    let Some(package) = file.package.as_ref().filter(|package| !package.is_for_platform) else {
        return Ok(false);
    };
    if let Target::Linux(_) = file.target {
        return Ok(false);
    }
    // A package with programs for several systems contains them for all users and needs none on Linux.
    let of_package = || all.iter().filter(|other| other.package.as_ref() == Some(package));
    let has = |is_system: fn(&Target) -> bool| of_package().any(|other| is_system(&other.target));
    if has(|target| matches!(target, Target::MacOs(_))) && has(|target| matches!(target, Target::Windows(_)))
    {
        return Ok(true);
    }
    // A package that declares itself for another system, such as `fsevents`, is optional.
    let manifest = format!("{}/package.json", package.root).parse().ok();
    let Some(Node::File(manifest)) = manifest.and_then(|path| tree.get(&path)) else { return Ok(false) };
    let manifest: serde_json::Value =
        serde_json::from_slice(&manifest.content.head(MANIFEST_LIMIT)?).unwrap_or_default();
    let systems = manifest["os"].as_array();
    Ok(systems.is_some_and(|systems| !systems.is_empty() && systems.iter().all(|system| system != "linux")))
}
