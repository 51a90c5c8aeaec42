//! `install`: which list of packages is installed.

use std::path::Path;

use super::super::format;
use crate::definition::fields::{Findings, package_list};
use crate::finding::{Code, Finding, Place};
use crate::fs;
use crate::project::{PackageList, PackageListKind};
use crate::text::nearest;

/// The list that is installed: a named one, or the first one in `folder`, the directory of the code.
pub(super) fn list(
    written: &format::Install,
    at: &Place,
    root: &Path,
    folder: Option<&Path>,
    findings: &mut Findings,
) -> Option<PackageList> {
    let (written_path, groups, extras) = match written {
        format::Install::Automatic(false) => return None,
        format::Install::Automatic(true) => (None, None, None),
        format::Install::List(list) => (Some(list), None, None),
        format::Install::More(more) => (more.list.as_ref(), more.groups.as_ref(), more.extras.as_ref()),
    };
    let path = match written_path {
        Some(written) => Some(fs::normal(&root.join(written))).filter(|path| package_list::is_file(path)),
        None => folder.and_then(package_list::find).map(|list| list.path),
    };
    let Some(path) = path else {
        findings.add(missing(written_path, at, root));
        return None;
    };
    Some(PackageList {
        kind: PackageListKind::of(&path),
        path,
        groups: groups.cloned().unwrap_or_default(),
        extras: extras.cloned().unwrap_or_default(),
    })
}

/// The finding about a list that is not there.
fn missing(written_path: Option<&String>, at: &Place, root: &Path) -> Finding {
    let Some(written) = written_path else {
        let message = "there is no list of packages in the directory of the code";
        let help = format!("name one, or add one of `{}`", PackageListKind::FOUND.join("`, `"));
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
