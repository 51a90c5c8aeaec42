//! What `package` says about the files of functions and layers (Serverless Framework, providers/aws/guide/packaging).
//!
//! [`Packaging`] is what one `package` key says, of the service, a function or a layer. [`ServicePackage`] joins that of the
//! service with the others, in the order in which Serverless evaluates them, to patterns in gitignore syntax for a
//! [`Source`](crate::project::Source). With these, neither limg's own list nor any default of a source applies.

mod dev_dependencies;
mod gitignore;
mod glob;

use std::collections::HashSet;
use std::path::Path;

use self::gitignore::{Effect, Inexact};
use super::values::{Text, boolean, get, text, texts};
use super::variables::{Resolver, Value};
use crate::definition::fields::Findings;
use crate::finding::{Code, Finding, Help, Place};

/// What Serverless leaves out by itself (`package-service.js`).
const DEFAULT_EXCLUDES: &[&str] = &[
    ".git/**",
    ".gitignore",
    ".DS_Store",
    "npm-debug.log",
    "yarn-*.log",
    ".serverless/**",
    ".serverless_plugins/**",
];

/// What one `package` key says.
#[derive(Debug, Default)]
pub(super) struct Packaging {
    /// Whether functions have a package each; nothing if it does not say.
    pub(super) individually: Option<bool>,
    /// A file that is the package: below the service's folder, or the URL of an S3 object.
    pub(super) artifact: Option<Text>,
    /// Whether a function is not packaged at all.
    pub(super) is_disabled: bool,
    /// The patterns of `exclude`.
    exclude: Vec<Text>,
    /// The patterns of `include`, then those of `patterns`.
    include: Vec<Text>,
}

/// What is packaged of the service, and what of its parts.
#[derive(Debug)]
pub(super) struct ServicePackage {
    /// What `package` of the service says.
    pub(super) packaging: Packaging,
    /// `package.path`: the folder of the packages instead of `.serverless`.
    pub(super) path: Option<Text>,
    /// What it leaves out of `node_modules`, in gitignore syntax.
    dev_dependencies: Vec<String>,
    /// The definition's own name, which is left out.
    definition: String,
    /// A folder with plugins, which is left out.
    plugins: Option<String>,
    /// The folders of the service's layers, which functions do not get.
    layers: Vec<String>,
    /// Whether `.env` files are left out.
    has_dotenv: bool,
}

/// The patterns that decide about the files of a source.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filter {
    /// In gitignore syntax, relative to the source.
    pub(super) exclude: Vec<String>,
}

impl Packaging {
    /// Reads `package` of the service, a function or a layer.
    pub(super) fn read(resolver: &Resolver<'_>, owner: &Value<'_>, findings: &mut Findings) -> Self {
        let Some(package) = get(resolver, owner, "package", findings) else { return Self::default() };
        let mut include = texts(resolver, &package, "include", findings);
        include.extend(texts(resolver, &package, "patterns", findings));
        Self {
            individually: boolean(resolver, &package, "individually", findings),
            artifact: text(resolver, &package, "artifact", findings),
            is_disabled: boolean(resolver, &package, "disable", findings).unwrap_or_default(),
            exclude: texts(resolver, &package, "exclude", findings),
            include,
        }
    }
}

impl ServicePackage {
    /// Reads what the service says; `definition` is the name of its file.
    pub(super) fn read(resolver: &Resolver<'_>, definition: &str, findings: &mut Findings) -> Self {
        let root = resolver.root();
        let package = get(resolver, &root, "package", findings);
        let path = package.as_ref().and_then(|package| text(resolver, package, "path", findings));
        let dev = package.as_ref().and_then(|it| boolean(resolver, it, "excludeDevDependencies", findings));
        let plugins = get(resolver, &root, "plugins", findings).filter(Value::is_mapping);
        let layers = get(resolver, &root, "layers", findings);
        let layers = layers.as_ref().and_then(Value::entries).into_iter().flatten();
        let layer_path = |(_, layer): (_, Value<'_>)| text(resolver, &layer, "path", findings);
        let layers = layers.filter_map(layer_path).map(|path| path.text).collect();
        Self {
            packaging: Packaging::read(resolver, &root, findings),
            path,
            dev_dependencies: match dev {
                Some(false) => Vec::new(),
                _ => dev_dependencies::patterns(resolver.documents().folder()),
            },
            definition: definition.to_owned(),
            plugins: plugins
                .and_then(|plugins| text(resolver, &plugins, "localPath", findings))
                .map(|path| path.text),
            layers,
            has_dotenv: boolean(resolver, &root, "useDotenv", findings).unwrap_or_default(),
        }
    }

    /// Whether a function has a package of its own.
    pub(super) fn is_individual(&self, function: &Packaging) -> bool {
        function.individually == Some(true) || self.packaging.individually == Some(true)
    }

    /// What decides about the files of a function. Without a package of its own, only the service's patterns do.
    pub(super) fn filter_of_function(&self, function: &Packaging, findings: &mut Findings) -> Filter {
        let shared = Packaging::default();
        let own = if self.is_individual(function) { function } else { &shared };
        let mut filter = self.filter(own, &self.layers, findings);
        // They come last, so that no pattern brings them back.
        filter.exclude.extend(self.dev_dependencies.iter().cloned());
        filter
    }

    /// What decides about the files of a layer, relative to its own folder.
    pub(super) fn filter_of_layer(&self, layer: &Packaging, findings: &mut Findings) -> Filter {
        self.filter(layer, &[], findings)
    }

    fn filter(&self, own: &Packaging, layers: &[String], findings: &mut Findings) -> Filter {
        let layers: Vec<String> = layers.iter().map(|path| format!("{path}/**")).collect();
        // limg's own lock file is next to the definition.
        let lock = Path::new(&self.definition).with_extension("lock").to_string_lossy().into_owned();
        let by_itself = DEFAULT_EXCLUDES.iter().copied().chain([self.definition.as_str(), lock.as_str()]);
        let exclude = by_itself
            .chain(self.plugins.as_deref())
            .map(unplaced)
            .chain(self.packaging.exclude.iter().map(placed))
            .chain(layers.iter().map(String::as_str).map(unplaced))
            .chain(self.has_dotenv.then_some(".env*").map(unplaced))
            .chain(own.exclude.iter().map(placed));
        let include = self.packaging.include.iter().chain(&own.include).map(placed);

        let of_exclude = distinct(exclude).into_iter().map(|pattern| match pattern.0.strip_prefix('!') {
            Some(glob) => (pattern, glob, Effect::Include),
            None => (pattern, pattern.0, Effect::Exclude),
        });
        let of_include = distinct(include).into_iter().map(|pattern| match pattern.0.strip_prefix('!') {
            Some(glob) => (pattern, glob, Effect::ExcludeWithFolders),
            None => (pattern, pattern.0, Effect::Include),
        });
        let mut exclude = Vec::new();
        for ((text, place), glob, effect) in of_exclude.chain(of_include) {
            let translated = gitignore::translate(glob, effect, &mut exclude);
            if let (Err(inexact), Some(place)) = (translated, place) {
                findings.add(inexact.finding(text, place));
            }
        }
        Filter { exclude }
    }
}

/// A pattern, and where it is written unless Serverless adds it by itself.
type Pattern<'a> = (&'a str, Option<&'a Place>);

fn placed(pattern: &Text) -> Pattern<'_> {
    (&pattern.text, Some(&pattern.place))
}

fn unplaced(pattern: &str) -> Pattern<'_> {
    (pattern, None)
}

/// The patterns without repeated ones: Serverless drops these, so that only the first one counts.
fn distinct<'a>(patterns: impl Iterator<Item = Pattern<'a>>) -> Vec<Pattern<'a>> {
    let mut known = HashSet::new();
    patterns.filter(|(text, _)| known.insert(*text)).collect()
}

impl Inexact {
    fn finding(self, pattern: &str, place: &Place) -> Finding {
        match self {
            Self::Outside => {
                let message =
                    format!("`{pattern}` adds files from outside of the folder, which limg does not");
                let help = Help::from("copy or link the files into the folder")
                    .or("run `serverless package` and use `--built`");
                Finding::error(Code::BadPattern, place.clone(), message).help(help)
            }
            Self::Approximate => {
                let message = format!(
                    "gitignore syntax cannot express `{pattern}`: the image may contain more files than the package"
                );
                let help = "use only `*`, `**`, `?`, `[…]`, `{…,…}` and `!` at the start";
                Finding::warning(Code::BadPattern, place.clone(), message).help(help)
            }
        }
    }
}

#[cfg(test)]
mod tests;
