//! Packages of a `package.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Subject, finding, named, shown, text};
use crate::check::OF_NODE_RUNTIME;
use crate::check::handler_module::Module;
use crate::finding::Finding;
use crate::project::SourceKind;
use crate::runtime::{LAYER_ROOT, TASK_ROOT};
use crate::tree::TreeError;

#[derive(serde::Deserialize)]
struct Package {
    #[serde(default)]
    dependencies: BTreeMap<String, serde_json::Value>,
}

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let Some(code) = subject.sources().find(|source| source.is_code) else { return Ok(Vec::new()) };
    let Some(list) = text(&code, &format!("{TASK_ROOT}/package.json"))? else { return Ok(Vec::new()) };
    // A file that is not valid is not read by anything but package managers, which report it.
    let Ok(Package { dependencies }) = serde_json::from_str(&list) else { return Ok(Vec::new()) };
    let handler = subject.function.handler.as_deref().unwrap_or_default();
    let mut module = None;
    for path in Module::of(handler, &subject.contract.id).iter().flat_map(Module::files) {
        module = module.or(text(&code, &format!("{TASK_ROOT}/{path}"))?);
    }
    let Some(module) = module else { return Ok(Vec::new()) };
    let missing: Vec<_> = dependencies
        .keys()
        .filter(|name| !OF_NODE_RUNTIME.iter().any(|given| name.starts_with(given)))
        .filter(|name| !is_installed(name, handler, subject) && imports(&module, name))
        .collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let message = format!(
        "the handler of `{}` imports {}, which `package.json` lists, but neither the code nor a layer contains",
        subject.function.name,
        named(&missing)
    );
    let path = code.files.map_or_else(PathBuf::new, |files| files.path.clone());
    let has_lock = code.tree.tree.get_or_implied(&format!("{TASK_ROOT}/package-lock.json")).is_some();
    let command = if has_lock { "npm ci --omit=dev" } else { "npm install --omit=dev" };
    let help = if code.files.is_some_and(|files| files.kind == SourceKind::Directory) {
        format!("run `{command}` in `{}`", shown(&path, code.place))
    } else {
        format!("run `{command}` in the folder that the archive is created from")
    };
    Ok(vec![finding(subject, code.place, message, help)])
}

/// Whether a package is in a folder in which the handler would find it.
fn is_installed(name: &str, handler: &str, subject: &Subject<'_>) -> bool {
    let folders =
        handler.match_indices('/').map(|(end, _)| format!("{TASK_ROOT}/{}/node_modules", &handler[..end]));
    let searched = subject.contract.search_path("NODE_PATH").map(str::to_owned);
    let roots = [TASK_ROOT, LAYER_ROOT].map(|root| format!("{root}/node_modules"));
    folders
        .chain(searched)
        .chain(roots)
        .any(|folder| subject.plan.merged.is_directory(&format!("{folder}/{name}")))
}

/// Whether a module imports a package: `require("NAME")`, `from "NAME/…"`, `import("NAME")`.
fn imports(module: &str, name: &str) -> bool {
    module.match_indices(name).any(|(at, _)| {
        let (before, after) = (&module[..at], &module[at + name.len()..]);
        let Some(quote) = before.chars().next_back().filter(|quote| matches!(quote, '"' | '\'' | '`')) else {
            return false;
        };
        let line = before.rsplit('\n').next().unwrap_or_default().trim_start();
        let before = before[..before.len() - 1].trim_end().trim_end_matches('(').trim_end();
        (after.starts_with(quote) || after.starts_with('/'))
            && ["require", "from", "import"].iter().any(|word| before.ends_with(word))
            && !line.starts_with("//")
            && !line.starts_with('*')
    })
}
