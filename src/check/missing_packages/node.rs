//! Packages of a `package.json`, and version 2 of the AWS SDK.
//!
//! A package counts as missing if the handler's module imports it, itself or through the modules of the code that it imports.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use serde::Deserialize;

use super::{Source, Subject, finding, is_of_tool, named, severe, shown, text};
use crate::check::OF_NODE_RUNTIME;
use crate::check::handler_module::Module;
use crate::finding::{Finding, Help};
use crate::project::{FunctionCode, ImagePath, SourceKind};
use crate::runtime::{LAYER_ROOT, TASK_ROOT};
use crate::tree::{Node, TreeError};

/// Version 2 of the SDK, which runtimes have not had since Node.js 18 (Lambda developer guide, lambda-nodejs).
const OLD_SDK: &str = "aws-sdk";

/// How many modules of the code are followed: many times what a function has that is not bundled.
const MODULES_LIMIT: usize = 500;

/// What a relative import leaves out.
const ENDINGS: [&str; 6] = ["", ".js", ".mjs", ".cjs", "/index.js", "/index.cjs"];

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    dependencies: BTreeMap<String, serde_json::Value>,
}

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let mut findings = Vec::new();
    for source in subject.sources().filter(|source| source.has_exclude) {
        if source.is_code {
            of_code(subject, &source, &mut findings)?;
        } else {
            of_layer(subject, &source, &mut findings)?;
        }
    }
    Ok(findings)
}

/// Packages of the lists that are in the code, next to the handler's module or above it.
fn of_code(subject: &Subject<'_>, code: &Source<'_>, findings: &mut Vec<Finding>) -> Result<(), TreeError> {
    let handler = subject.function.handler.as_deref().unwrap_or_default();
    let path = |file: &String| format!("{TASK_ROOT}/{file}").parse::<ImagePath>().ok();
    let is_file = |path: &ImagePath| matches!(code.tree.tree.get(path), Some(Node::File(_)));
    let files = Module::of(handler, &subject.contract.id).map(|module| module.files()).unwrap_or_default();
    let Some(module) = files.iter().filter_map(path).find(is_file) else { return Ok(()) };
    let mut missing = imported(code, &module)?;
    missing.retain(|name, importer| !is_given(name) && !is_installed(name, importer, subject));
    if missing.is_empty() {
        return Ok(());
    }
    for folder in folders_above(&module) {
        let Some(listed) = dependencies(code, folder)? else { continue };
        let own: Vec<_> = missing.keys().filter(|name| listed.contains(*name)).cloned().collect();
        missing.retain(|name, _| !listed.contains(name));
        if !own.is_empty() {
            findings.push(listed_by_code(subject, code, folder, &own));
        }
    }
    if missing.contains_key(OLD_SDK) && !may_be_in_base(subject) {
        findings.push(old_sdk(subject, code));
    }
    Ok(())
}

/// The packages that a module imports, itself or through other modules of the code, each with the first module that does so.
fn imported(code: &Source<'_>, handler: &ImagePath) -> Result<BTreeMap<String, ImagePath>, TreeError> {
    let tree = &code.tree.tree;
    let mut packages = BTreeMap::new();
    let mut seen = BTreeSet::from([handler.clone()]);
    let mut next = VecDeque::from([handler.clone()]);
    while let Some(module) = next.pop_front() {
        let Some(specifiers) = code.tree.javascript.of(tree, &module)? else { continue };
        for specifier in specifiers.iter() {
            if !specifier.starts_with('.') {
                if let Some(name) = package(specifier) {
                    packages.entry(name.to_owned()).or_insert_with(|| module.clone());
                }
                continue;
            }
            let target = relative(&module, specifier);
            let files = ENDINGS
                .iter()
                .filter_map(|ending| format!("{}{ending}", target.as_ref()?).parse::<ImagePath>().ok());
            let mut files = files.filter(|path| matches!(tree.get(path), Some(Node::File(_))));
            if let Some(file) = files.next().filter(|file| seen.len() < MODULES_LIMIT && !seen.contains(file))
            {
                seen.insert(file.clone());
                next.push_back(file);
            }
        }
    }
    Ok(packages)
}

/// The path of a relative specifier; nothing if it leaves the image.
fn relative(module: &ImagePath, specifier: &str) -> Option<String> {
    let mut parts: Vec<&str> = module.folder().split('/').collect();
    for part in specifier.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().filter(|part| !part.is_empty())?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The package of a specifier, such as `@scope/name` of `@scope/name/file`.
fn package(specifier: &str) -> Option<&str> {
    let slashes = usize::from(specifier.starts_with('@'));
    let end = specifier.match_indices('/').nth(slashes).map_or(specifier.len(), |(end, _)| end);
    let name = &specifier[..end];
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "@/._-".contains(letter);
    (!name.starts_with('/') && name.chars().all(is_name)).then_some(name)
}

/// The packages that the list in a folder has, if there is one that package managers accept.
fn dependencies(source: &Source<'_>, folder: &str) -> Result<Option<BTreeSet<String>>, TreeError> {
    let Some(list) = text(source, &format!("{folder}/package.json"))? else { return Ok(None) };
    let package: Option<Package> = serde_json::from_str(&list).ok();
    Ok(package.map(|package| package.dependencies.into_keys().collect()))
}

fn is_given(name: &str) -> bool {
    OF_NODE_RUNTIME.iter().any(|given| name.starts_with(given))
}

/// The folders of a path, the nearest first, up to the root of the code.
fn folders_above(path: &ImagePath) -> impl Iterator<Item = &str> {
    let folder = path.folder();
    let ends = folder.rmatch_indices('/').map(|(end, _)| &folder[..end]);
    [folder].into_iter().chain(ends).take_while(|folder| folder.len() >= TASK_ROOT.len())
}

/// Whether a package is in a folder in which a module would find it.
fn is_installed(name: &str, importer: &ImagePath, subject: &Subject<'_>) -> bool {
    let own = folders_above(importer).map(|folder| format!("{folder}/node_modules"));
    own.chain(shared_folders(subject)).any(|folder| has_package(subject, &folder, name))
}

/// The folders in which every module finds packages.
fn shared_folders(subject: &Subject<'_>) -> impl Iterator<Item = String> {
    let searched = subject.contract.search_path("NODE_PATH").map(str::to_owned);
    searched.chain([TASK_ROOT, LAYER_ROOT].map(|root| format!("{root}/node_modules")))
}

fn has_package(subject: &Subject<'_>, folder: &str, name: &str) -> bool {
    subject.plan.merged.is_directory(&format!("{folder}/{name}"))
}

/// Whether a base that was not read may have a package. An error can be decided with all its files, a warning is not worth
/// reading them.
fn may_be_in_base(subject: &Subject<'_>) -> bool {
    let is_unread = !subject.plan.merged.base().is_full() && subject.function.base.image.is_some();
    is_unread && subject.function.build_command.is_none()
}

fn listed_by_code(subject: &Subject<'_>, code: &Source<'_>, folder: &str, missing: &[String]) -> Finding {
    let message = format!(
        "the handler of `{}` imports {}, which `package.json` lists, but neither the code nor a layer contains",
        subject.function.name,
        named(missing)
    );
    let has_lock = code.tree.tree.get_or_implied(&format!("{folder}/package-lock.json")).is_some();
    let command = if has_lock { "npm ci --omit=dev" } else { "npm install --omit=dev" };
    let help = match folder_of_list(code, folder) {
        Some(folder) => format!("run `{command}` in `{folder}`"),
        None => format!("run `{command}` in the folder that the archive is created from"),
    };
    // The build tool reads the list at the root of the code.
    if folder == TASK_ROOT {
        finding(subject, code, message, help)
    } else {
        severe(subject, code, message, help)
    }
}

fn old_sdk(subject: &Subject<'_>, code: &Source<'_>) -> Finding {
    let message = format!(
        "the handler of `{}` imports `{OLD_SDK}`, which neither the code nor a layer contains, nor any runtime since \
         Node.js 18",
        subject.function.name
    );
    let new = "use the clients of version 3, such as `@aws-sdk/client-s3`, which the runtime contains";
    let help = match (&subject.function.code, &subject.function.build_command) {
        (FunctionCode::Inline(_), _) => Help::from(new),
        (_, Some(command)) => {
            Help::from(format!("add `{OLD_SDK}` to the dependencies in `package.json` and run `{command}`"))
                .or(new)
        }
        (_, None) => Help::from(match folder_of_list(code, TASK_ROOT) {
            Some(folder) => format!("run `npm install {OLD_SDK}` in `{folder}`"),
            None => format!("add `{OLD_SDK}` to the archive"),
        })
        .or(new),
    };
    severe(subject, code, message, help)
}

/// The folder on this machine that a folder of a source comes from, as the definition would have it. Nothing for archives.
fn folder_of_list(source: &Source<'_>, folder: &str) -> Option<String> {
    let files = source.files.filter(|files| files.kind == SourceKind::Directory)?;
    let below = folder.get(source.root.len()..).unwrap_or_default().trim_start_matches('/');
    let path: PathBuf = files.path.join(below).components().collect();
    Some(shown(&path, source.place))
}

/// Packages of the list of a layer in which nothing is installed.
fn of_layer(subject: &Subject<'_>, layer: &Source<'_>, findings: &mut Vec<Finding>) -> Result<(), TreeError> {
    for folder in [format!("{LAYER_ROOT}/nodejs"), LAYER_ROOT.to_owned()] {
        let Some(listed) = dependencies(layer, &folder)? else { continue };
        let mut folders = shared_folders(subject);
        if folders.any(|folder| layer.tree.tree.get_or_implied(&folder).is_some()) {
            continue;
        }
        let is_missing = |name: &&String| {
            !is_given(name) && !shared_folders(subject).any(|folder| has_package(subject, &folder, name))
        };
        let missing: Vec<_> = listed.iter().filter(is_missing).cloned().collect();
        if missing.is_empty() {
            continue;
        }
        let message = format!(
            "`package.json` of {} lists {}, which neither the code nor a layer contains",
            layer.name,
            named(&missing)
        );
        let in_folder = folder_of_list(layer, &folder);
        let at_root = folder == LAYER_ROOT;
        let help = Help::from(match in_folder {
            Some(folder) if at_root => {
                format!("move `package.json` to `{folder}/nodejs`, and run `npm install` there")
            }
            Some(folder) => format!("run `npm install` in `{folder}`"),
            None => "run `npm install` in the folder `nodejs` that the archive is created from".to_owned(),
        });
        let help = match is_of_tool(subject, "sam build") {
            Some(command) if at_root => help.or(format!(
                "add `BuildMethod: {}` to the layer's `Metadata` and run `{command}`",
                subject.contract.id
            )),
            _ => help,
        };
        findings.push(severe(subject, layer, message, help));
    }
    Ok(())
}
