//! Files that programs of the project make from sources: bundles, and what makefiles make. Each is made once for all functions
//! that need it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::context::{Context, blocking};
use super::error::PipelineError;
use super::packages::{self, about_scripts, installer};
use crate::failure::{Failure as _, FailureKind};
use crate::finding::{Code, Finding, Place};
use crate::install::{Built, BundleTarget, InstallError, NodeTarget};
use crate::plan;
use crate::project::{Architecture, Build, BuildMethod, Function, FunctionCode, LayerSource};
use crate::runtime::{LAYER_ROOT, TASK_ROOT};
use crate::text::with_causes;
use crate::tree::Tree;

/// The last Node.js whose runtime has version 2 of the AWS SDK, and not version 3 (Lambda developer guide, lambda-nodejs).
const LAST_WITH_OLD_SDK: u32 = 16;

/// What the runtimes of Node.js have.
const OLD_SDK: &[&str] = &["aws-sdk"];
const SDK: &[&str] = &["@aws-sdk/*", "@smithy/*"];

/// What is made, for which runtime and architecture, and the folder of the image that becomes its root.
type Key = (Build, String, Architecture, &'static str);

/// The trees of what was made.
#[derive(Default)]
pub(super) struct Builds {
    trees: BTreeMap<Key, Arc<Tree>>,
}

/// Something that a function or one of its layers needs.
struct Wanted<'a> {
    build: &'a Build,
    place: &'a Place,
    /// Whose files it makes.
    what: String,
    root: &'static str,
}

impl Builds {
    /// What was made for a function's code; nothing if there is a finding about it.
    pub(super) fn of_code(&self, build: &Build, function: &Function) -> Option<&Arc<Tree>> {
        self.trees.get(&key(build, function, TASK_ROOT))
    }

    /// What was made for a layer.
    pub(super) fn of_layer(&self, build: &Build, function: &Function) -> Option<&Arc<Tree>> {
        self.trees.get(&key(build, function, LAYER_ROOT))
    }
}

fn key(build: &Build, function: &Function, root: &'static str) -> Key {
    (build.clone(), function.base.contract.clone(), function.architecture, root)
}

/// Makes what functions and their layers need. Also returns findings about what cannot be made.
///
/// # Errors
/// When a tool is not there, or fails for a reason outside the sources.
pub(super) async fn load_all(
    functions: &[&Function],
    context: &Context,
) -> Result<(Builds, Vec<Finding>), PipelineError> {
    let (mut all, mut findings) = (Builds::default(), Vec::new());
    let mut seen = BTreeSet::new();
    for function in functions {
        for Wanted { build, place, what, root } in wanted(function) {
            let key = key(build, function, root);
            if !seen.insert(key.clone()) {
                continue;
            }
            match make(build, function, root, context).await {
                Ok(Built { tree, with_scripts }) => {
                    let warning = about_scripts(&with_scripts, scripts(build));
                    findings.extend(warning.map(|warning| packages::finding(warning, place)));
                    all.trees.insert(key, Arc::new(tree));
                }
                Err(error) if error.kind() == FailureKind::User => {
                    findings.push(finding(&what, place, &error));
                }
                Err(source) => return Err(PipelineError::Build { what, source }),
            }
        }
    }
    Ok((all, findings))
}

fn wanted(function: &Function) -> impl Iterator<Item = Wanted<'_>> {
    let code = match &function.code {
        FunctionCode::Built(build) => Some(Wanted {
            build,
            place: &function.places.code,
            what: format!("the code of `{}`", function.name),
            root: TASK_ROOT,
        }),
        FunctionCode::Files(_) | FunctionCode::Inline(_) => None,
    };
    let layers = function.layers.iter().filter_map(|layer| match &layer.source {
        LayerSource::Built(build) if !matches!(build.method, BuildMethod::Packages(_)) => Some(Wanted {
            build,
            place: &layer.source_place,
            what: format!("the layer `{}`", layer.name),
            root: LAYER_ROOT,
        }),
        _ => None,
    });
    code.into_iter().chain(layers)
}

async fn make(
    build: &Build,
    function: &Function,
    root: &'static str,
    context: &Context,
) -> Result<Built, InstallError> {
    let (installer, own, verify) = (installer(context), build.clone(), context.verify);
    let runtime = function.base.contract.clone();
    let provided = provided(&runtime);
    let target = NodeTarget { runtime, architecture: function.architecture };
    let work = move || {
        let root = plan::image_path(root)?;
        match &own.method {
            BuildMethod::Esbuild(bundle) => {
                let target = BundleTarget { machine: &target, provided, root: &root };
                installer.bundle(&own.source, bundle, &target)
            }
            BuildMethod::Make(make) => installer.make(&own.source, make, &root, verify),
            // Not one of those that are wanted here.
            BuildMethod::Packages(_) => Ok(Built { tree: Tree::new(), with_scripts: Vec::new() }),
        }
    };
    blocking(work).await
}

/// The packages that a runtime has.
fn provided(runtime: &str) -> &'static [&'static str] {
    let version = runtime.strip_prefix("nodejs").and_then(|version| version.split('.').next()?.parse().ok());
    if version.is_some_and(|version: u32| version <= LAST_WITH_OLD_SDK) { OLD_SDK } else { SDK }
}

/// Whether the definition allows install scripts.
fn scripts(build: &Build) -> Option<bool> {
    match &build.method {
        BuildMethod::Esbuild(bundle) => bundle.packages.as_ref().and_then(|list| list.scripts),
        BuildMethod::Make(_) | BuildMethod::Packages(_) => None,
    }
}

fn finding(what: &str, place: &Place, error: &InstallError) -> Finding {
    let (code, is_about) = match error {
        InstallError::Build(_) => (Code::FailedBuild, format!("{what} cannot be built")),
        _ => (Code::UninstallablePackages, format!("the packages of {what} cannot be installed")),
    };
    let message = format!("{is_about}: {}", with_causes(error));
    Finding::error(code, place.clone(), message).optional_help(error.help())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_has_one_version_of_the_sdk() {
        for (runtime, expected) in
            [("nodejs16.x", OLD_SDK), ("nodejs18.x", SDK), ("nodejs22.x", SDK), ("provided.al2023", SDK)]
        {
            assert_eq!(provided(runtime), expected, "{runtime}");
        }
    }
}
