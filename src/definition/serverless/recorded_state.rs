//! The state that `serverless package` records: the service with all variables resolved, next to the packages.
//!
//! It stands for values that variables do not resolve to. For a service whose definition is a program, such as
//! `serverless.ts`, it is the definition.

use std::path::{Path, PathBuf};

use super::artifacts::{FOLDER, STATE, STATE_AT_MOST};
use super::builders::Builder;
use super::variables::{ServiceDocuments, read_file};
use crate::definition::document::{Document, Node};
use crate::definition::{BuildResults, Options, freshness};
use crate::fs;

/// Definitions that are programs (`resolve-path.js`).
const PROGRAMS: &[&str] = &[
    "serverless.ts",
    "serverless.js",
    "serverless.mjs",
    "serverless.cjs",
    "serverless.mts",
    "serverless.cts",
];

/// Whether a document with this value is such a state.
pub(in crate::definition) fn is_state(root: &Node) -> bool {
    let child = |node: &Node, key: &str| node.entries().iter().any(|entry| entry.key == key);
    let service = root.entries().iter().find(|entry| entry.key == "service");
    service.is_some_and(|service| child(&service.value, "provider")) && child(root, "package")
}

/// The documents of a service.
pub(super) fn documents(document: Document, options: &Options) -> ServiceDocuments {
    let folder = fs::folder_of(document.file());
    if is_state(document.root()) {
        let service = folder.parent().unwrap_or(folder).to_owned();
        return ServiceDocuments::of_state(document, service);
    }
    let state = folder.join(FOLDER).join(STATE);
    let is_used = match options.build_results {
        BuildResults::Never => false,
        BuildResults::Always => true,
        BuildResults::Fresh => freshness::is_newer(document.file(), &state).is_ok_and(|is_stale| !is_stale),
    };
    let recorded = is_used.then(|| Document::read_at_most(&state, STATE_AT_MOST).ok()).flatten();
    ServiceDocuments::new(document, read_file).with_recorded(recorded)
}

/// The programs that define a service of which only the state is known.
pub(super) fn programs(documents: &ServiceDocuments) -> Vec<PathBuf> {
    let paths = PROGRAMS.iter().map(|name| documents.folder().join(name));
    let is_there = |path: &PathBuf| documents.is_state() && fs::metadata(path).is_ok();
    paths.filter(is_there).collect()
}

/// What makes the packages of a service whose state is the definition.
pub(super) fn builder(documents: &ServiceDocuments) -> Builder {
    let program = programs(documents).into_iter().next();
    let name = program.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let name = format!("`{}`", name.unwrap_or_else(|| STATE.to_owned()));
    Builder { name, place: documents.definition().place() }
}
