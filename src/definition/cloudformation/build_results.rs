//! What the AWS SAM CLI has built: `.aws-sam/build` next to the template.
//!
//! `sam build` writes a template with the same resources, whose paths are those of the results. A result is fresh if it is
//! newer than every file of its source.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::build_command;
use super::nested::NESTED;
use crate::definition::BuildResults as Use;
use crate::definition::document::{Document, Node};
use crate::definition::fields::Findings;
use crate::definition::fields::source::{self, Written};
use crate::definition::freshness::{self, Freshness, Newest, Sources};
use crate::finding::Place;
use crate::fs;
use crate::project::Source;

/// The folder of results (AWS SAM CLI, `sam build`, `--build-dir`).
const FOLDER: &str = ".aws-sam/build";

/// How deep applications may be nested in each other.
const DEPTH_LIMIT: usize = 16;

/// The properties that name results, by the type of the resource.
const PATHS: [(&str, &str); 4] = [
    ("AWS::Serverless::Function", "CodeUri"),
    ("AWS::Lambda::Function", "Code"),
    ("AWS::Serverless::LayerVersion", "ContentUri"),
    ("AWS::Lambda::LayerVersion", "Content"),
];

/// The results of a project's build tool.
pub(in crate::definition) struct BuildResults {
    usage: Use,
    /// The command that makes them.
    command: String,
    /// The results by the full name of the resource.
    results: BTreeMap<String, BuildResult>,
    newest: RefCell<BTreeMap<SourcesOf, Option<Rc<Newest>>>>,
}

/// The path of sources that functions may share, and the template that names it.
type SourcesOf = (PathBuf, PathBuf);

struct BuildResult {
    path: PathBuf,
    /// The built template that names it, which is as old as the build.
    template: PathBuf,
}

/// A result, as far as it can be used.
pub(super) enum Found {
    /// It is to be used.
    Fresh(Source),
    /// There is one, but its sources are newer.
    Stale,
    /// There is none, or it must not be used.
    None,
}

impl BuildResults {
    /// The results next to a template, or in the folder that the user's configuration names.
    pub(super) fn read(template: &Path, folder: Option<&str>, usage: Use) -> Self {
        let mut results = BTreeMap::new();
        if usage != Use::Never
            && let Some(root) = template.parent()
        {
            collect(&root.join(folder.unwrap_or(FOLDER)), "", DEPTH_LIMIT, &mut results);
        }
        Self { usage, command: build_command::sam_build(template), results, newest: RefCell::default() }
    }

    /// The command that makes them.
    pub(super) fn command(&self) -> &str {
        &self.command
    }

    /// No results, for templates that the AWS SAM CLI does not build.
    pub(in crate::definition) fn none(usage: Use) -> Self {
        Self { usage, command: String::new(), results: BTreeMap::new(), newest: RefCell::default() }
    }

    /// Whether results are used where there are any.
    pub(super) fn are_used(&self) -> bool {
        self.usage != Use::Never
    }

    /// The result for a resource whose sources are at a path; `place` names that path.
    pub(super) fn find(&self, full_name: &str, place: &Place, path: &str) -> Found {
        let Some(result) = self.results.get(full_name) else { return Found::None };
        let is_fresh = match self.usage {
            Use::Never => return Found::None,
            Use::Always => true,
            Use::Fresh => self
                .newest(fs::folder_of(place.file()).join(path), place.file())
                .and_then(|newest| freshness::of_package(&result.template, &[], &newest).ok())
                .is_some_and(|freshness| freshness == Freshness::Fresh),
        };
        if !is_fresh {
            return Found::Stale;
        }
        let path = result.path.to_string_lossy();
        // Results are taken as they are.
        let written =
            Written { follow: Some(true), default_excludes: Some(false), ..Written::path(&path, place) };
        source::read(&written, Path::new("/"), &mut Findings::new(place.clone()))
            .map_or(Found::None, Found::Fresh)
    }

    /// The newest of some sources, which are read once; nothing if that fails.
    fn newest(&self, sources: PathBuf, template: &Path) -> Option<Rc<Newest>> {
        let mut known = self.newest.borrow_mut();
        let newest = known.entry((sources, template.to_owned()));
        newest
            .or_insert_with_key(|(sources, template)| {
                freshness::newest(sources, Sources::Built, template).ok().map(Rc::new)
            })
            .clone()
    }
}

/// Reads the paths of a built template, and of those that it nests.
fn collect(folder: &Path, prefix: &str, depth: usize, results: &mut BTreeMap<String, BuildResult>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let template = folder.join("template.yaml");
    let Ok(document) = Document::read(&template) else { return };
    let Some(resources) = document.root().entry("Resources") else { return };
    for resource in resources.entries() {
        let (Some(kind), Some(properties)) =
            (resource.value.entry("Type").and_then(Node::text), resource.value.entry("Properties"))
        else {
            continue;
        };
        let property = |table: &[(&str, &str)]| {
            let (_, key) = table.iter().find(|(own, _)| *own == kind)?;
            properties.entry(key).and_then(Node::text)
        };
        let name = format!("{prefix}{}", resource.key);
        if let Some(path) = property(&PATHS) {
            let path = folder.join(path);
            if fs::symlink_metadata(&path).is_ok() {
                results.insert(name, BuildResult { path, template: template.clone() });
            }
        } else if let Some(path) = property(&NESTED)
            && let Some(nested) = folder.join(path).parent()
        {
            collect(nested, &format!("{name}/"), depth, results);
        }
    }
}
