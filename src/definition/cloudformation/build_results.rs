//! What the AWS SAM CLI has built: `.aws-sam/build` next to the template, or in a folder above it where `sam build -t` was
//! run.
//!
//! `sam build` writes a template with the same resources, whose paths are those of the results, or of the sources that it has
//! not built. A result is fresh if it was built as the template says, and is newer than every file of its source or was built
//! from the same content.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::build_command;
use super::build_graph::{BuildGraph, Wanted};
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

/// The name of built templates.
const TEMPLATE: &str = "template.yaml";

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
    graph: BuildGraph,
    /// The folder of results.
    folder: PathBuf,
    newest: RefCell<BTreeMap<SourcesOf, Option<Rc<Newest>>>>,
}

/// The path of sources that functions may share, and the template that names it.
type SourcesOf = (PathBuf, PathBuf);

#[derive(Clone)]
struct BuildResult {
    path: PathBuf,
    /// The built template that names it, which is as old as the build.
    template: PathBuf,
    settings: BuiltSettings,
}

/// What a build has set for a function, of which the AWS SAM CLI writes only what it has bundled with esbuild (AWS SAM CLI,
/// `samcli/lib/build/bundler.py`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BuiltSettings {
    /// The handler in the bundle.
    pub(super) handler: Option<String>,
    /// The value of `NODE_OPTIONS`, which turns source maps on.
    pub(super) node_options: Option<String>,
    /// Whether the code has all that it needs.
    pub(super) is_complete: bool,
}

/// A result, as far as it can be used.
pub(super) enum Found {
    /// It is to be used.
    Fresh(Source, BuiltSettings),
    /// There is one that must not be used, with a clause that says why.
    Stale(String),
    /// There is none, or it must not be used.
    None,
}

impl Found {
    /// A clause that says why there is a result that must not be used.
    pub(super) fn why_stale(&self) -> Option<&str> {
        match self {
            Self::Stale(why) => Some(why),
            Self::Fresh(..) | Self::None => None,
        }
    }
}

impl BuildResults {
    /// The results next to a template, or in the folder that the user's configuration names.
    pub(super) fn read(template: &Path, folder: Option<&str>, usage: Use) -> Self {
        let command = build_command::sam_build(template);
        if usage == Use::Never {
            return Self { command, ..Self::none(usage) };
        }
        let folder = match folder {
            Some(named) => fs::folder_of(template).join(named),
            None => folder_for(template),
        };
        let mut results = BTreeMap::new();
        collect(&folder, &folder, "", DEPTH_LIMIT, &mut results);
        Self { command, results, graph: BuildGraph::read(&folder), folder, ..Self::none(usage) }
    }

    /// The command that makes them.
    pub(super) fn command(&self) -> &str {
        &self.command
    }

    /// No results, for templates that the AWS SAM CLI does not build.
    pub(in crate::definition) fn none(usage: Use) -> Self {
        let (command, results, graph, folder, newest) = Default::default();
        Self { usage, command, results, graph, folder, newest }
    }

    /// Whether results are used where there are any.
    pub(super) fn are_used(&self) -> bool {
        self.usage != Use::Never
    }

    /// The result for a resource; `place` names the path of its sources.
    pub(super) fn find(&self, full_name: &str, place: &Place, wanted: &Wanted<'_>) -> Found {
        let Some(result) = self.result(full_name) else { return Found::None };
        if self.usage == Use::Fresh {
            if let Some(why) = self.graph.difference(full_name, wanted) {
                return Found::Stale(why);
            }
            let is_newer = self
                .newest(wanted.sources.clone(), place.file())
                .and_then(|newest| freshness::of_package(&result.template, &[], &newest).ok())
                .is_some_and(|freshness| freshness == Freshness::Fresh);
            if !is_newer && !self.graph.was_built_from(full_name, &wanted.sources, &result.path) {
                return Found::Stale("the last build is older than its sources".to_owned());
            }
        }
        // Copies of one result are one image.
        let first = self.results.get(self.graph.first_alike(full_name)).unwrap_or(&result);
        let path = first.path.to_string_lossy();
        // Results are taken as they are.
        let written =
            Written { follow: Some(true), default_excludes: Some(false), ..Written::path(&path, place) };
        source::read(&written, Path::new("/"), &mut Findings::new(place.clone()))
            .map_or(Found::None, |source| {
                Found::Fresh(source, BuiltSettings { is_complete: true, ..result.settings.clone() })
            })
    }

    /// What was built for a resource. The built template names the results of loops by their collections, in folders with
    /// the names of the resources.
    fn result(&self, full_name: &str) -> Option<BuildResult> {
        if let Some(result) = self.results.get(full_name) {
            return Some(result.clone());
        }
        let path = self.folder.join(full_name);
        let is_built = self.graph.has(full_name) && fs::metadata(&path).is_ok_and(|it| it.is_dir());
        let template = self.folder.join(TEMPLATE);
        is_built.then(|| BuildResult { path, template, settings: BuiltSettings::default() })
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

impl BuiltSettings {
    /// Those of a resource in a built template.
    fn of(resource: &Node) -> Self {
        let text =
            |keys: &[&str]| keys.iter().try_fold(resource, |node, key| node.entry(key)).and_then(Node::text);
        if text(&["Metadata", "BuildMethod"]) != Some("esbuild") {
            return Self::default();
        }
        Self {
            handler: text(&["Properties", "Handler"]).map(str::to_owned),
            node_options: text(&["Properties", "Environment", "Variables", "NODE_OPTIONS"])
                .map(|options| options.trim().to_owned()),
            is_complete: false,
        }
    }
}

/// The folder of results for a template: next to it, or in the nearest folder above it that has one, but no template that the
/// AWS SAM CLI would find there.
fn folder_for(template: &Path) -> PathBuf {
    let own = fs::folder_of(template).join(FOLDER);
    if fs::metadata(&own).is_ok() {
        return own;
    }
    let above = fs::folder_of(template).ancestors().skip(1).take(DEPTH_LIMIT);
    let has = |folder: &Path, name: &str| fs::metadata(&folder.join(name)).is_ok();
    let mut found = above
        .filter(|folder| has(folder, FOLDER))
        .filter(|folder| !build_command::FOUND_BY_SAM.iter().any(|name| has(folder, name)));
    found.next().map_or(own, |folder| folder.join(FOLDER))
}

/// Reads the paths of a built template, and of those that it nests. Only those below the folder of all results are results.
fn collect(
    root: &Path,
    folder: &Path,
    prefix: &str,
    depth: usize,
    results: &mut BTreeMap<String, BuildResult>,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let template = folder.join(TEMPLATE);
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
            let path = fs::normal(&folder.join(path));
            if path.starts_with(fs::normal(root)) && fs::symlink_metadata(&path).is_ok() {
                let settings = BuiltSettings::of(&resource.value);
                results.insert(name, BuildResult { path, template: template.clone(), settings });
            }
        } else if let Some(path) = property(&NESTED)
            && let Some(nested) = folder.join(path).parent()
        {
            collect(root, nested, &format!("{name}/"), depth, results);
        }
    }
}
