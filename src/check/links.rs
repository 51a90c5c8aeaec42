//! Symbolic links must lead to something in the image: they are judged where they lie there (facts 12.5).

use std::collections::BTreeSet;

use super::{LISTED, Source, Subject};
use crate::files::DeadEnd;
use crate::finding::{Code, Finding, Help, Setting};
use crate::project::{ImagePath, SourceKind, is_in};
use crate::text::{count, excerpt, first_of};
use crate::tree::{MachineLink, Node, TreeError};

/// What exists only at run time: folders of the kernel, file systems that are mounted, and what a function writes.
const OF_RUN_TIME: &[&str] = &["/dev", "/mnt", "/proc", "/sys", "/tmp"];

/// Where bases have files of their own.
const OF_BASE: &[&str] = &[
    "/bin",
    "/boot",
    "/etc",
    "/home",
    "/lib",
    "/lib64",
    "/media",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/usr",
    "/var/cache",
    "/var/db",
    "/var/lang",
    "/var/lib",
    "/var/local",
    "/var/lock",
    "/var/log",
    "/var/mail",
    "/var/opt",
    "/var/rapid",
    "/var/run",
    "/var/runtime",
    "/var/spool",
    "/var/tmp",
];

/// A link in a source.
struct Link<'a> {
    path: &'a ImagePath,
    target: &'a str,
}

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let started = subject.started();
    Ok(subject.sources().flat_map(|source| of_source(subject, &source, &started)).collect())
}

fn of_source(subject: &Subject<'_>, source: &Source<'_>, started: &BTreeSet<String>) -> Vec<Finding> {
    let merged = &subject.plan.merged;
    let (mut to_machine, mut to_system, mut to_nothing) = (Vec::new(), Vec::new(), Vec::new());
    for path in source.tree.links.iter().filter(|path| source.owns(path, subject.plan)) {
        let (Err(end), Some(Node::Symlink(target))) = (merged.trace(path), merged.get(path)) else {
            continue;
        };
        let link = Link { path, target };
        // The links of a published layer are not the user's to change, and every image has its root.
        let is_judged = source.has_exclude && end != DeadEnd::Root;
        match source.tree.tree.machine_links().get(path).filter(|_| is_judged) {
            Some(MachineLink::Certain) => to_machine.push(link),
            Some(MachineLink::UnlessInBase) => to_system.push(link),
            None if !started.contains(path.as_str()) && leads_nowhere(subject, &end) => {
                to_nothing.push(link);
            }
            None => {}
        }
    }
    let found = [to_machine_found(source, &to_machine), to_system_found(source, &to_system)];
    found.into_iter().chain([to_nothing_found(source, &to_nothing)]).flatten().collect()
}

/// Whether nothing will be where a link ends, as far as that is known.
fn leads_nowhere(subject: &Subject<'_>, end: &DeadEnd) -> bool {
    let exists_at_run_time = match end {
        DeadEnd::At(place) => is_in_one_of(OF_RUN_TIME, place),
        DeadEnd::Root => true,
        DeadEnd::Loop => false,
    };
    let base_may_have = !subject.plan.merged.base().is_full()
        && matches!(end, DeadEnd::At(place) if is_in_one_of(OF_BASE, place));
    !exists_at_run_time && !base_may_have
}

fn is_in_one_of(folders: &[&str], path: &str) -> bool {
    folders.iter().any(|folder| is_in(path, folder))
}

fn to_machine_found(source: &Source<'_>, links: &[Link<'_>]) -> Option<Finding> {
    let finding = Finding::error(
        Code::LinkToMachine,
        source.place.clone(),
        message(source, links, "files of the build machine, which the image does not have"),
    )
    .about(links.iter().map(|link| link.path));
    let help = if links
        .iter()
        .any(|link| [link.path.as_str(), link.target].iter().any(|path| path.contains("/node_modules/")))
    {
        Help::from("use the root of the workspace as the function's code")
            .or("install the packages next to the code (`pnpm deploy`, `npm install --install-links`)")
    } else {
        Help::from("make each link relative and keep it inside its file tree").or(Setting::Exclude)
    };
    (!links.is_empty()).then(|| finding.help(or_follow(help, source)))
}

fn to_system_found(source: &Source<'_>, links: &[Link<'_>]) -> Option<Finding> {
    let finding = Finding::error(
        Code::LinkToSystem,
        source.place.clone(),
        message(source, links, "system files of the build machine, which the image does not have"),
    )
    .about(links.iter().map(|link| link.path));
    let help = Help::from("use a base image that has them").or(Setting::Exclude);
    (!links.is_empty()).then(|| finding.help(or_follow(help, source)))
}

/// Adds that links can be followed, if the source is a folder whose links are not followed yet.
fn or_follow(help: Help, source: &Source<'_>) -> Help {
    let can_follow = source.files.is_some_and(|files| files.kind == SourceKind::Directory && !files.follow);
    if can_follow { help.or(Setting::FollowLinks) } else { help }
}

fn to_nothing_found(source: &Source<'_>, links: &[Link<'_>]) -> Option<Finding> {
    let finding = Finding::warning(
        Code::DanglingLink,
        source.place.clone(),
        message(source, links, "nothing in the image"),
    )
    .about(links.iter().map(|link| link.path));
    let help = Help::from("add what it should lead to, or remove it");
    let help = if source.has_exclude { help.or(Setting::Exclude) } else { help };
    (!links.is_empty()).then(|| finding.help(help))
}

fn message(source: &Source<'_>, links: &[Link<'_>], to: &str) -> String {
    let shown = links.iter().map(|Link { path, target }| format!("`{path}` -> `{}`", excerpt(target)));
    let listed = first_of(LISTED, shown);
    format!("{} contains {} to {to}: {listed}", source.name, count(links.len(), "symbolic link"))
}
