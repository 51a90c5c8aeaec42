//! `install`: which list of packages is installed.

use std::path::Path;

use super::super::format;
use crate::definition::fields::{Findings, package_list};
use crate::finding::{Code, Finding, Place};
use crate::fs;
use crate::project::{PackageList, PackageListKind};
use crate::text::nearest;

/// The list that is installed: a named one, or the first one in `folder`, the directory of the code, that is for `runtime`.
pub(super) fn list(
    written: &format::Install,
    at: &Place,
    root: &Path,
    folder: Option<&Path>,
    runtime: Option<&str>,
    findings: &mut Findings,
) -> Option<PackageList> {
    let nothing_more = format::MoreInstall::default();
    let (written_path, more) = match written {
        format::Install::Automatic(false) => return None,
        format::Install::Automatic(true) => (None, &nothing_more),
        format::Install::List(list) => (Some(list), &nothing_more),
        format::Install::More(more) => (more.list.as_ref(), more),
    };
    let path = match written_path {
        Some(written) => Some(fs::normal(&root.join(written))).filter(|path| fs::is_file(path)),
        None => folder.and_then(|folder| package_list::find(folder, runtime)).map(|list| list.path),
    };
    let Some(path) = path else {
        findings.add(missing(written_path, package_list::names_for(runtime), at, root));
        return None;
    };
    let kind = PackageListKind::of(&path);
    check_keys(more, kind, at, findings);
    let format::MoreInstall { list: _, groups, extras, scripts, base_provides, allow_source } = more;
    Some(PackageList {
        kind,
        path,
        groups: groups.clone().unwrap_or_default(),
        extras: extras.clone().unwrap_or_default(),
        scripts: *scripts,
        base_provides: base_provides.unwrap_or_default(),
        allow_source: allow_source.unwrap_or_default(),
    })
}

/// Reports keys that only lists of the other language have.
fn check_keys(more: &format::MoreInstall, kind: PackageListKind, at: &Place, findings: &mut Findings) {
    let of_python = [
        ("groups", more.groups.is_some()),
        ("extras", more.extras.is_some()),
        ("allow_source", more.allow_source.is_some()),
    ];
    let of_node = [("scripts", more.scripts.is_some())];
    let (misplaced, language) =
        if kind.is_of_node() { (&of_python[..], "Python") } else { (&of_node[..], "Node.js") };
    for (key, _) in misplaced.iter().filter(|(_, is_there)| *is_there) {
        let message = format!("`{key}` applies only to packages of {language}");
        let finding = Finding::error(Code::MisplacedKey, at.key(key).on_key(), message);
        findings.add(finding.help("remove it"));
    }
}

/// The finding about a list that is not there.
fn missing(written_path: Option<&String>, found: &[&str], at: &Place, root: &Path) -> Finding {
    let Some(written) = written_path else {
        let message = "there is no list of packages in the directory of the code";
        let help = format!("name one, or add one of `{}`", found.join("`, `"));
        return Finding::error(Code::MissingPath, at.clone(), message).help(help);
    };
    let path = root.join(written);
    let names = fs::names_in(fs::folder_of(&path)).unwrap_or_default();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let message = format!("the list of packages `{written}` is not a file");
    Finding::error(Code::MissingPath, at.clone(), message).help(
        match nearest(&name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "correct the path".to_owned(),
        },
    )
}
