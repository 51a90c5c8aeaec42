//! What one source contains that the function cannot load. A package that also has what the function can load is right, and
//! so are files that nothing on Linux loads.

use std::collections::BTreeSet;

use super::package::Package;
use super::report::{self, Item};
use super::{Fault, Host, Judged, Kind, python};
use crate::check::{Source, Subject};
use crate::files::{Target, recorded_by};
use crate::finding::Finding;
use crate::project::ImagePath;
use crate::runtime::Language;
use crate::tree::{Node, TreeError};

/// Far more than the description of any package of Node.js.
const MANIFEST_LIMIT: usize = 1024 * 1024;

/// Finds what a source contains that the function cannot load, unless another source's file replaces it.
pub(super) fn findings(
    subject: &Subject<'_>,
    source: &Source<'_>,
    host: &Host<'_>,
    started: &BTreeSet<String>,
) -> Result<Vec<Finding>, TreeError> {
    let is_seen = |path: &ImagePath| source.owns(path, subject.plan);
    let seen = source.tree.binaries.iter().filter(|(path, _)| is_seen(path));
    let judged: Vec<_> = seen.map(|(path, binary)| host.judge(path, binary)).collect();
    let mut wrong = wrong_files(&judged, source, host, started)?;
    let mut wheels = Vec::new();
    for wheel in source.tree.python.wheels.iter().filter(|wheel| is_seen(&wheel.file)) {
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
            && !runs_without(&recorded, &judged, source, host)
        {
            wheels.push((wheel, fault));
        }
    }
    let of_wheels = wheels.iter().map(|(wheel, fault)| (Item::Wheel(wheel), fault));
    let of_files = wrong.into_iter().map(|(file, fault)| (Item::File(file), fault));
    Ok(report::findings(of_wheels.chain(of_files), source, host))
}

/// The files with a fault, unless their package also has one without it.
fn wrong_files<'a>(
    judged: &'a [Judged<'a>],
    source: &Source<'_>,
    host: &Host<'_>,
    started: &BTreeSet<String>,
) -> Result<Vec<(&'a Judged<'a>, &'a Fault)>, TreeError> {
    let right = || judged.iter().filter(|judged| judged.fault.is_none());
    let served: BTreeSet<_> = right().map(Judged::key).collect();
    let versions: BTreeSet<_> = right().filter(|judged| judged.is_versioned).map(Judged::key).collect();
    let is_served = |kind: Kind, key: Option<&str>| {
        if kind == Kind::Version { &versions } else { &served }.contains(&key)
    };
    let mut wrong = Vec::new();
    for file in judged {
        if let Some(fault) = &file.fault
            && !started.contains(file.path.as_str())
            && !is_served(fault.kind, file.key())
            && !python::has_fallback(file.path, &source.tree.tree, host)
            && !is_inert(file, judged, source, host)?
        {
            wrong.push((file, fault));
        }
    }
    Ok(wrong)
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

/// Whether the native modules of a package that a wheel records all have a fallback.
fn runs_without(
    recorded: &BTreeSet<ImagePath>,
    judged: &[Judged<'_>],
    source: &Source<'_>,
    host: &Host<'_>,
) -> bool {
    let mut native = judged.iter().filter(|file| recorded.contains(file.path)).peekable();
    native.peek().is_some() && native.all(|file| python::has_fallback(file.path, &source.tree.tree, host))
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
    if host.contract.language() == Some(Language::DotNet)
        && assembly().is_some_and(|path| tree.get(&path).is_some())
    {
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
