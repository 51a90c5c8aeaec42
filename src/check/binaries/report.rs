//! The findings about what a function cannot load: one for each kind of fault, of packages and of files.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fault, Host, Judged, Kind, install};
use crate::check::{Source, named};
use crate::files::{Libc, Wheel};
use crate::finding::{Code, Finding, Help, Setting, Severity};
use crate::project::Architecture;

/// Something of a source that the function cannot load.
pub(super) enum Item<'a> {
    Wheel(&'a Wheel),
    File(&'a Judged<'a>),
}

/// One finding for each kind of fault, of packages and of files.
pub(super) fn findings<'a>(
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
    let mut is_of_package = false;
    for (item, _) in items {
        match item {
            Item::Wheel(wheel) => {
                names.push(wheel.name().to_owned());
                packages.insert(wheel.name().to_owned());
                is_of_package = true;
            }
            Item::File(file) => {
                names.push(file.path.to_string());
                is_of_package |=
                    file.package.as_ref().is_some_and(|package| package.is_folder || file.is_module());
                // The name of a single file is seldom that of its package, and folders such as `.prisma` are not packages.
                let own = file.package.as_ref().filter(|package| {
                    package.is_folder && !package.is_for_platform && !package.name.starts_with('.')
                });
                packages.extend(own.map(|package| package.name.clone()));
            }
        }
    }
    let noun = match (&items[0].0, items.len()) {
        (Item::File(_), _) => "",
        (Item::Wheel(_), 1) => "the package ",
        (Item::Wheel(_), _) => "the packages ",
    };
    let built_for: BTreeSet<_> = items.iter().map(|(_, fault)| fault.built_for.as_str()).collect();
    let message = format!(
        "{} contains {noun}{}, built for {}, but {}",
        source.name,
        named(&names),
        built_for.into_iter().collect::<Vec<_>>().join(" and "),
        needed(host, kind, items.iter().all(|(_, fault)| fault.is_for_linux)),
    );
    let mut help = Help::from(if is_of_package {
        install::help(kind, host, &packages)
    } else {
        install::build(kind, host)
    });
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
    let paths = items.iter().filter_map(|(item, _)| match item {
        Item::Wheel(_) => None,
        Item::File(file) => Some(file.path),
    });
    Finding { severity, ..Finding::error(code, source.place.clone(), message).about(paths).help(help) }
}

/// The clause that says what the function needs instead.
fn needed(host: &Host<'_>, kind: Kind, is_for_linux: bool) -> String {
    let Host { architecture, base, libc, .. } = host;
    match kind {
        Kind::Platform if is_for_linux => format!("the function's architecture is {architecture}"),
        Kind::Platform => format!("the function runs on Linux on {architecture}"),
        Kind::Libc => {
            format!("the base `{base}` has {}", libc.map_or("another C library", Libc::name))
        }
        Kind::Version => format!("the runtime is {}", language(host)),
    }
}

/// The language and its version.
fn language(host: &Host<'_>) -> String {
    match (host.python, host.node) {
        (Some(version), _) => format!("Python {version}"),
        (_, Some(version)) => format!("Node.js {version}"),
        _ => format!("`{}`", host.contract.id),
    }
}
