//! A package of Node.js that took the place of a link must find the packages that it needs from there. In a workspace of npm
//! or Yarn they are at its root, out of reach.

use serde_json::Value;

use super::{LISTED, OF_NODE_RUNTIME, Source, Subject};
use crate::files::Found;
use crate::finding::{Code, Finding, Help};
use crate::project::ImagePath;
use crate::runtime::Language;
use crate::text::first_of;
use crate::tree::TreeError;

/// More than any `package.json`.
const MANIFEST_LIMIT: usize = 4 * 1024 * 1024;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    if subject.contract.language() != Some(Language::Node) {
        return Ok(Vec::new());
    }
    let mut findings = Vec::new();
    for source in subject.sources() {
        let mut lacking = Vec::new();
        for package in source.tree.tree.followed_packages() {
            for name in needed(subject, package)? {
                if !is_found(subject, package, &name) {
                    lacking.push(format!("`{name}` of `{package}`"));
                }
            }
        }
        findings.extend(finding(&source, &lacking));
    }
    Ok(findings)
}

/// The packages without which a package does not work, as its `package.json` names them.
fn needed(subject: &Subject<'_>, package: &ImagePath) -> Result<Vec<String>, TreeError> {
    let manifest = package.join("package.json").ok().and_then(|path| subject.plan.merged.resolve(&path));
    let Some(Found::File(file)) = manifest else { return Ok(Vec::new()) };
    let Ok(manifest) = serde_json::from_slice::<Value>(&file.content.head(MANIFEST_LIMIT)?) else {
        return Ok(Vec::new());
    };
    let names = |kind: &str| manifest[kind].as_object().into_iter().flat_map(|packages| packages.keys());
    // npm treats what is named in both as optional.
    let optional: Vec<_> = names("optionalDependencies").collect();
    Ok(names("dependencies").filter(|name| !optional.contains(name)).cloned().collect())
}

/// Whether Node.js finds a package from the real path of another, or through `NODE_PATH`.
fn is_found(subject: &Subject<'_>, package: &ImagePath, name: &str) -> bool {
    let merged = &subject.plan.merged;
    let is_package = |folder: &str| merged.is_directory(&format!("{folder}/{name}"));
    let mut search = subject.contract.search_path("NODE_PATH");
    let mut above = package.ancestors().map(String::from).chain([package.to_string()]);
    above.any(|folder| is_package(&format!("{folder}/node_modules")))
        || search.any(is_package)
        || OF_NODE_RUNTIME.iter().any(|own| name.starts_with(own))
}

fn finding(source: &Source<'_>, lacking: &[String]) -> Option<Finding> {
    let message = format!(
        "{} lacks packages that followed links do not bring: {}",
        source.name,
        first_of(LISTED, lacking.iter())
    );
    let help = Help::from("use the root of the workspace as the function's code")
        .or("install the packages next to the code (`pnpm deploy`, `npm install --install-links`)")
        .or("add them to a layer");
    let finding = Finding::error(Code::IncompletePackage, source.place.clone(), message).help(help);
    (!lacking.is_empty()).then_some(finding)
}
