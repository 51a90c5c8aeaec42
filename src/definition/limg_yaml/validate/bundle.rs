//! `bundle`: what esbuild bundles.

use super::super::bundle::{BundleValue, ENTRY_POINTS};
use super::super::format;
use crate::definition::fields::Findings;
use crate::definition::fields::bundle::{self, Written};
use crate::finding::{Code, Finding, Place};
use crate::project::{Bundle, PackageList, Source, SourceKind};

/// What a bundle begins with, and its options. Nothing if there is none, or if it has errors, which are reported.
pub(super) fn read(
    written: &format::Bundle,
    at: &Place,
    handler: Option<&str>,
    packages: Option<PackageList>,
    findings: &mut Findings,
) -> Option<Bundle> {
    let (mut entry_points, mut options) = (Vec::new(), Vec::new());
    match written {
        format::Bundle::Automatic(false) => return None,
        format::Bundle::Automatic(true) => {}
        format::Bundle::EntryPoint(path) => entry_points.push(path.clone()),
        format::Bundle::Options(entries) => {
            for (key, value) in &entries.0 {
                let Some(BundleValue(written)) = value else { continue };
                if key == ENTRY_POINTS {
                    if let Written::Items(items) = written {
                        entry_points.extend(items.iter().cloned());
                    }
                    continue;
                }
                // The shape check knows all keys.
                let Ok(name) = bundle::known(&key.replace('_', "-")) else { continue };
                match bundle::option(name, written.clone(), &at.key(key)) {
                    Ok(option) => options.push((name.to_owned(), option)),
                    Err(finding) => findings.add(finding),
                }
            }
        }
    }
    if entry_points.is_empty() {
        entry_points.extend(handler.map(bundle::entry_point_of));
    }
    if let Some(outside) = bundle::check_entry_points(&entry_points, at) {
        findings.add(outside);
    }
    Some(Bundle { packages, entry_points, options })
}

/// Whether the code is the folder of modules that esbuild needs; reports it otherwise.
pub(super) fn check_code(code: &Source, at: &Place, findings: &mut Findings) {
    if code.kind != SourceKind::Directory {
        let message =
            format!("esbuild bundles a directory of modules, and `{}` is not one", code.path.display());
        let finding = Finding::error(Code::WrongFile, at.clone(), message);
        findings.add(finding.help("name the directory as `code`, and the module in it as the handler"));
    }
}
