//! What makes the package of a function other than its files: build plugins, and the esbuild of version 4.
//!
//! The code in the service's folder is then not what Lambda runs, and only the package that `serverless package` writes is.

use std::path::Path;

use super::values::get;
use super::variables::{Resolver, Value};
use crate::definition::document::{Scalar, ScalarKind};
use crate::definition::fields::Findings;
use crate::definition::freshness::Freshness;
use crate::finding::{Code, Finding, Help, Place};
use crate::fs;

/// The command that makes packages.
pub(super) const COMMAND: &str = "serverless package";

/// Words in the names of plugins that compile, bundle or install, such as that of `serverless-plugin-typescript`. They are
/// also in the names of plugins for them, such as `serverless-webpack-prisma`.
const BUILDING: &[&str] = &[
    "babel",
    "browserifier",
    "bundle",
    "bundler",
    "cargo",
    "dotnet",
    "esbuild",
    "go",
    "golang",
    "gradle",
    "haskell",
    "jetpack",
    "kotlin",
    "maven",
    "monorepo",
    "optimize",
    "optimizer",
    "parcel",
    "pipenv",
    "poetry",
    "requirements",
    "rollup",
    "rspack",
    "rust",
    "scala",
    "swc",
    "swift",
    "typescript",
    "vite",
    "webpack",
];

/// Plugins whose names do not tell that they change packages, or the layers and handlers of functions.
const OTHERS: &[&str] = &[
    "serverless-build-plugin",
    "serverless-layers",
    "serverless-lumigo",
    "serverless-newrelic-lambda-layers",
    "serverless-package-external",
    "serverless-package-python-functions",
    "serverless-plugin-datadog",
    "serverless-plugin-include-dependencies",
    "serverless-plugin-layer-manager",
    "serverless-ruby-layer",
];

/// Words in the names of plugins that only run functions on the user's machine.
const LOCAL: &[&str] = &["offline", "local", "localstack", "simulate", "dotenv"];

/// The suffixes in which version 4 looks for the file of a handler, in this order (`esbuild/index.js`).
const HANDLER_SUFFIXES: &[&str] = &["js", "ts", "cjs", "mjs", "cts", "mts", "jsx", "tsx"];

/// Those of TypeScript.
const TYPESCRIPT_SUFFIXES: &[&str] = &["ts", "cts", "mts", "tsx"];

/// What makes packages, and where the service says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Builder {
    /// As `… makes the package` begins.
    pub(super) name: String,
    pub(super) place: Place,
}

impl Builder {
    /// The plugin or setting that makes the packages of all functions, if any does.
    pub(super) fn of_service(resolver: &Resolver<'_>, findings: &mut Findings) -> Option<Self> {
        let root = resolver.root();
        let plugins = get(resolver, &root, "plugins", findings);
        let listed = plugins.as_ref().filter(|plugins| plugins.is_mapping());
        let plugins = match listed {
            Some(plugins) => get(resolver, plugins, "modules", findings),
            None => plugins,
        };
        for plugin in plugins.as_ref().and_then(Value::items).into_iter().flatten() {
            match resolver.resolve(&plugin) {
                Ok(plugin) if plugin.text().is_some_and(changes_packages) => {
                    let name = format!("the plugin `{}`", plugin.text().unwrap_or_default());
                    return Some(Self { name, place: plugin.place().clone() });
                }
                Ok(_) => {}
                Err(unresolved) => findings.add(unresolved.finding()),
            }
        }
        // Version 4 installs requirements by itself if there is this setting, unless it is turned off (`plugin-manager.js`).
        let custom = get(resolver, &root, "custom", findings)?;
        let requirements =
            get(resolver, &custom, "pythonRequirements", findings).filter(Value::is_mapping)?;
        let enabled = get(resolver, &requirements, "enabled", findings);
        if enabled.as_ref().and_then(Value::text) == Some("false") {
            return None;
        }
        Some(Self { name: "`custom.pythonRequirements`".to_owned(), place: requirements.place().clone() })
    }

    /// The esbuild of version 4, if it makes the package of a function that has no artifact: by default it does so for a
    /// handler in TypeScript (providers/aws/guide/building).
    pub(super) fn of_function<'a>(
        resolver: &Resolver<'a>,
        function: &Value<'a>,
        handler: &str,
        runtime: &str,
        findings: &mut Findings,
    ) -> Option<Self> {
        let mut build_of = |owner: &Value<'a>| {
            let build = get(resolver, owner, "build", findings)?;
            let esbuild = get(resolver, &build, "esbuild", findings);
            Some((build, esbuild))
        };
        let (service, own) = (build_of(&resolver.root()), build_of(function));
        let is_off = |(_, esbuild): &(Value<'_>, Option<Value<'_>>)| {
            let scalar = esbuild.as_ref().and_then(Value::scalar);
            matches!(scalar, Some(Scalar { kind: ScalarKind::Boolean(false), .. }))
        };
        if !runtime.starts_with("nodejs") || service.as_ref().is_some_and(is_off) {
            return None;
        }
        let place = match (own, service) {
            (Some((own, _)), _) => (own.text() == Some("esbuild")).then(|| own.place().clone())?,
            (None, Some((build, Some(_)))) => build.place().clone(),
            (None, Some((build, None))) => {
                (build.text() == Some("esbuild")).then(|| build.place().clone())?
            }
            (None, None) => is_typescript(resolver.documents().folder(), handler)
                .then(|| function.place().key("handler"))?,
        };
        Some(Self { name: "esbuild".to_owned(), place })
    }

    /// That the package which it makes is missing.
    pub(super) fn missing(&self, package: &Path) -> Finding {
        let message = format!("{} makes the package, and `{}` does not exist", self.name, package.display());
        self.finding(message)
    }

    /// That the package which it makes is not fresh; nothing if it is.
    pub(super) fn not_fresh(&self, package: &Path, freshness: &Freshness) -> Option<Finding> {
        let (name, package) = (&self.name, package.display());
        let finding = self.finding(match freshness {
            Freshness::Fresh => return None,
            Freshness::Stale(source) => {
                format!("{name} makes the package, and `{}` is newer than `{package}`", source.display())
            }
            Freshness::OtherStage(stage) => {
                format!("{name} makes the package, and `{package}` is that of the stage `{stage}`")
            }
            Freshness::Unknown => {
                format!("{name} makes the package, and there are too many files to tell whether `{package}` is up to date")
            }
        });
        let run = Help::from(match freshness {
            Freshness::OtherStage(_) => format!("run `{COMMAND}` with `--stage` and `--param` as here"),
            _ => format!("run `{COMMAND}`"),
        });
        Some(finding.help(run.or("use `--built` to take the package as it is")))
    }

    fn finding(&self, message: String) -> Finding {
        Finding::error(Code::MissingBuild, self.place.clone(), message).help(format!("run `{COMMAND}`"))
    }
}

/// Whether a plugin makes the packages of functions, or changes how they start.
fn changes_packages(plugin: &str) -> bool {
    let name = plugin.to_lowercase();
    let has = |words: &[&str]| name.split(['-', '/', '@', '.', '_']).any(|word| words.contains(&word));
    OTHERS.contains(&name.as_str()) || (has(BUILDING) && !has(LOCAL))
}

/// Whether the file of a handler is in TypeScript.
fn is_typescript(folder: &Path, handler: &str) -> bool {
    let stem = handler.rsplit_once('.').map_or(handler, |(stem, _)| stem);
    let exists = |suffix: &&&str| fs::is_file(&folder.join(format!("{stem}.{suffix}")));
    HANDLER_SUFFIXES.iter().find(exists).is_some_and(|suffix| TYPESCRIPT_SUFFIXES.contains(suffix))
}

#[cfg(test)]
mod tests;
