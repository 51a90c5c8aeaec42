//! The sections of the new `limg.yaml`: what becomes of each function, layer and base, with comments on what cannot be
//! carried.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::MigrationError;
use super::names::Names;
use super::paths::Folder;
use super::sources::Sources;
use super::values::{Keys, Value};
use crate::definition::fields::bundle::as_pairs;
use crate::definition::fields::configuration::{DEFAULT_MEMORY, DEFAULT_TIMEOUT};
use crate::definition::{Loaded, Unbuildable, WhyUnbuildable, limg_yaml, shared_images};
use crate::fs;
use crate::project::{
    Architecture, Base, BuildMethod, Bundle, BundleOption, Function, FunctionCode, ImageFiles, InlineFile,
    Layer, LayerSource, MakeTarget, VersionSource,
};
use crate::runtime::WRAPPER_VARIABLE;

/// The timeouts, in seconds, and the memory sizes, in MB, that `limg.yaml` accepts (facts 12.1).
const TIMEOUTS: std::ops::RangeInclusive<u32> = 1..=5400;
const MEMORIES: std::ops::RangeInclusive<u32> = 128..=32_768;

/// The longest name of a project (`fields::name`).
const PROJECT_AT_MOST: usize = 128;

/// The folder for code that was in the definition.
const INLINE_FOLDER: &str = "functions";

/// A function, layer or base.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) comments: Vec<String>,
    pub(super) keys: Keys,
}

/// Code that was in the definition.
#[derive(Debug, Clone)]
pub(super) struct InlineCode {
    /// The name of the function in `limg.yaml`.
    pub(super) function: String,
    /// The absolute path of its folder.
    pub(super) folder: PathBuf,
    pub(super) files: Vec<InlineFile>,
}

/// The new definition.
#[derive(Debug, Clone)]
pub(super) struct Sections {
    pub(super) comments: Vec<String>,
    pub(super) project: String,
    pub(super) bases: Vec<Entry>,
    pub(super) layers: Vec<Entry>,
    /// In the order of the project.
    pub(super) functions: Vec<Entry>,
    /// A comment on each function that cannot be carried.
    pub(super) left_out: Vec<String>,
    pub(super) inline: Vec<InlineCode>,
}

impl Sections {
    pub(super) fn of(
        loaded: &Loaded,
        folder: &Folder,
        output: &Path,
        shares_images: bool,
    ) -> Result<Self, MigrationError> {
        let project = &loaded.project;
        let mut names = Names::default();
        let carried: Vec<(&Function, String)> = project
            .functions
            .iter()
            .map(|function| (function, names.function(&function.image.name, &function.places.function)))
            .collect();
        let inline: Vec<InlineCode> =
            carried.iter().filter_map(|(it, name)| inline(it, name, folder)).collect();
        let new_folders = new_folders(&inline, folder);
        let sources = Sources {
            folder,
            output,
            new_folders: &new_folders,
            format: loaded.format,
            definition_folder: fs::folder_of(&loaded.file),
        };
        let mut shared = project.functions.clone();
        if shares_images {
            shared_images::share(&mut shared);
        }
        let mut writer = Writer { sources, layers: Layers::default(), bases: Vec::new() };
        let mut functions = Vec::new();
        for ((function, name), shared) in carried.iter().zip(&shared) {
            let first = carried.iter().find(|(other, _)| other.image.name == shared.image.name);
            let first = first.map(|(_, first)| first.as_str()).filter(|first| first != name);
            functions.push(writer.function(function, name, first)?);
        }
        let definition = folder.written(&loaded.file)?;
        let mut comments =
            vec![format!("Written by `limg migrate` from {definition}: an image for each function.")];
        let name = project_name(&project.name);
        if name != project.name {
            comments.push(format!("The name of the project was longer: {}.", project.name));
        }
        let root = project.root.display().to_string();
        let left_out = loaded.unbuildable.iter().map(|it| left_out(it, loaded, folder, &root));
        Ok(Self {
            comments,
            project: name,
            left_out: left_out.collect::<Result<_, _>>()?,
            bases: writer.bases,
            layers: writer.layers.entries,
            functions,
            inline,
        })
    }
}

/// The code of a function that is in the definition.
fn inline(function: &Function, name: &str, folder: &Folder) -> Option<InlineCode> {
    let FunctionCode::Inline(files) = &function.code else { return None };
    let folder = folder.path.join(INLINE_FOLDER).join(name);
    Some(InlineCode { function: name.to_owned(), folder, files: files.clone() })
}

/// The folders that the code adds.
fn new_folders(inline: &[InlineCode], folder: &Folder) -> Vec<PathBuf> {
    let all = folder.path.join(INLINE_FOLDER);
    // A folder of which all content is left out would still be part of an image.
    if !inline.is_empty() && fs::symlink_metadata(&all).is_err() {
        return vec![all];
    }
    inline.iter().map(|code| code.folder.clone()).collect()
}

/// A name that is not too long.
fn project_name(name: &str) -> String {
    let short: String = name.chars().take(PROJECT_AT_MOST).collect();
    if short == name { short } else { short.trim_end_matches(['.', '_', '-']).to_owned() }
}

/// The comment on a function that cannot be carried.
fn left_out(
    function: &Unbuildable,
    loaded: &Loaded,
    folder: &Folder,
    root: &str,
) -> Result<String, MigrationError> {
    let why = match &function.why {
        WhyUnbuildable::LeftAlone(_) | WhyUnbuildable::Remote(_) => {
            function.why_left_alone().unwrap_or_default()
        }
        WhyUnbuildable::Errors(findings) => {
            let located = loaded.sources.locate(findings).shown.into_iter();
            let reasons = located.map(|located| match located.help {
                Some(help) => format!("{}: {help}", located.finding.message),
                None => located.finding.message,
            });
            // A file that is shared does not contain where it was written.
            reasons.collect::<Vec<_>>().join("; ").replace(&format!("{root}/"), "").replace(root, ".")
        }
    };
    let file = folder.written(function.place.file())?;
    let line = loaded.sources.position(&function.place).map(|position| format!(", line {}", position.line));
    Ok(format!("- `{}` ({file}{}): {why}", function.name, line.unwrap_or_default()))
}

/// The state of one migration.
struct Writer<'a> {
    sources: Sources<'a>,
    layers: Layers,
    bases: Vec<Entry>,
}

/// The layers by name, each once.
#[derive(Default)]
struct Layers {
    names: Names,
    /// A layer and its name in `limg.yaml`.
    known: Vec<(Layer, String)>,
    entries: Vec<Entry>,
}

impl Writer<'_> {
    /// `first` is the function whose image this one had before, if it is another.
    fn function(
        &mut self,
        function: &Function,
        name: &str,
        first: Option<&str>,
    ) -> Result<Entry, MigrationError> {
        self.base(&function.base);
        let mut comments = comments(function, name, first);
        let mut keys = vec![("runtime", Value::Text(function.base.name.clone()))];
        if let Some(handler) = &function.handler {
            keys.push(("handler", Value::Text(handler.clone())));
        }
        if function.architecture != Architecture::default() {
            keys.push(("architecture", Value::Text(function.architecture.name().to_owned())));
        }
        match &function.code {
            FunctionCode::Files(source) => {
                comments.extend(self.sources.build_comment(source, function.build_command.as_deref()));
                comments.extend(self.sources.ignore_comment(source)?);
                keys.extend(self.sources.keys("code", source)?);
            }
            FunctionCode::Built(build) => {
                comments.extend(self.sources.ignore_comment(&build.source)?);
                keys.extend(self.sources.keys("code", &build.source)?);
                match &build.method {
                    BuildMethod::Esbuild(bundle) => keys.extend(self.bundle(bundle)?),
                    BuildMethod::Make(target) => comments.push(makefile_comment(target)),
                    BuildMethod::Packages(_) => {}
                }
            }
            FunctionCode::Inline(_) => {
                comments.push("The definition contained the code, which is in files now.".to_owned());
                keys.push(("code", Value::Text(format!("{INLINE_FOLDER}/{name}"))));
            }
        }
        if let Some(bytecode) = function.bytecode {
            keys.push(("bytecode", Value::Text(bytecode.to_string())));
        }
        if let Some(install) = &function.install {
            if install.list.allow_source {
                comments
                    .push("Build it with `--allow-source`, or set `allow_source` in `install`.".to_owned());
            }
            keys.push(("install", Value::Text(self.sources.folder.written(&install.list.path)?)));
        }
        let mut layers = Vec::new();
        for layer in &function.layers {
            let name = self.layer(layer, &layers)?;
            layers.push(name);
        }
        if !layers.is_empty() {
            keys.push(("layers", Value::Names(layers)));
        }
        if !function.environment.is_empty() {
            keys.push(("environment", Value::Variables(function.environment.clone())));
        }
        if function.snapstart {
            keys.push(("snapstart", Value::Literal("true".to_owned())));
        }
        for (key, value, default, range) in [
            ("timeout", function.timeout, DEFAULT_TIMEOUT, TIMEOUTS),
            ("memory", function.memory, DEFAULT_MEMORY, MEMORIES),
        ] {
            if !range.contains(&value) {
                comments.push(format!("Lambda does not accept the {key} {value}."));
            } else if value != default {
                keys.push((key, Value::Literal(value.to_string())));
            }
        }
        Ok(Entry { name: name.to_owned(), comments, keys })
    }

    /// The keys of a bundle.
    fn bundle(&self, bundle: &Bundle) -> Result<Keys, MigrationError> {
        let mut keys = Keys::new();
        let options = bundle.options.iter().map(|(name, value)| {
            let value = match value {
                BundleOption::Flag(flag) => json!(flag),
                BundleOption::Text(text) => json!(text),
                BundleOption::List(items) => match as_pairs(name, items) {
                    Some(pairs) => json!(pairs),
                    None => json!(items),
                },
            };
            (limg_yaml::key_of(name), value)
        });
        let entry_points = (limg_yaml::ENTRY_POINTS.to_owned(), json!(bundle.entry_points));
        let entries: Vec<String> = std::iter::once(entry_points)
            .chain(options)
            .map(|(key, value)| format!("{key}: {value}"))
            .collect();
        keys.push(("bundle", Value::Literal(format!("{{ {} }}", entries.join(", ")))));
        if let Some(list) = &bundle.packages {
            keys.push(("install", Value::Text(self.sources.folder.written(&list.path)?)));
        }
        Ok(keys)
    }

    /// Adds the base of a function, if it is not the runtime's own.
    fn base(&mut self, base: &Base) {
        let Some(image) = &base.image else { return };
        if self.bases.iter().any(|known| known.name == base.name) {
            return;
        }
        let image = image.clone().map_path(|path| self.sources.folder.relative(&path)).to_string();
        let mut keys = vec![("image", Value::Text(image))];
        if base.contract != base.name {
            keys.push(("contract", Value::Text(base.contract.clone())));
        }
        self.bases.push(Entry { name: base.name.clone(), comments: Vec::new(), keys });
    }

    /// The name of a layer in `limg.yaml`, which is none of `others`.
    fn layer(&mut self, layer: &Layer, others: &[String]) -> Result<String, MigrationError> {
        let known = self.layers.known.iter().find(|(known, name)| {
            known.name == layer.name && known.source == layer.source && !others.contains(name)
        });
        if let Some((_, name)) = known {
            return Ok(name.clone());
        }
        let name = self.layers.names.layer(&layer.name, &layer.place);
        let mut comments = Vec::new();
        if name != layer.name {
            comments.push(format!(
                "Its name was `{}`, which another layer has or limg.yaml does not accept: the digests of images differ.",
                layer.name
            ));
        }
        let mut keys = match &layer.source {
            LayerSource::Files(source) => {
                comments.extend(self.sources.build_comment(source, None));
                comments.extend(self.sources.ignore_comment(source)?);
                self.sources.keys("path", source)?
            }
            LayerSource::Version(VersionSource { arn, ignore_compatibility }) => {
                let mut keys = vec![("arn", Value::Text(arn.to_string()))];
                if *ignore_compatibility {
                    keys.push(("ignore_compatibility", Value::Literal("true".to_owned())));
                }
                keys
            }
            LayerSource::Packages(list) => {
                vec![("install", Value::Text(self.sources.folder.written(&list.path)?))]
            }
            LayerSource::Built(build) => {
                match &build.method {
                    BuildMethod::Make(target) => comments.push(makefile_comment(target)),
                    BuildMethod::Packages(_) | BuildMethod::Esbuild(_) => comments.push(
                        "Put its sources into the folder `python` or `nodejs`, and install its packages there.".to_owned(),
                    ),
                }
                self.sources.keys("path", &build.source)?
            }
            LayerSource::Image(ImageFiles { reference, path, to }) => vec![
                ("image", Value::Text(reference.to_string())),
                ("path", Value::Text(path.to_string())),
                ("to", Value::Text(to.to_string())),
            ],
        };
        if let Some(bytecode) = layer.bytecode {
            keys.push(("bytecode", Value::Text(bytecode.to_string())));
        }
        self.layers.entries.push(Entry { name: name.clone(), comments, keys });
        self.layers.known.push((layer.clone(), name.clone()));
        Ok(name)
    }
}

/// The comment on files that a makefile makes.
fn makefile_comment(target: &MakeTarget) -> String {
    format!("`make {}` made it: run that first, and name its result here.", target.name)
}

/// What cannot be carried of a function.
fn comments(function: &Function, name: &str, first: Option<&str>) -> Vec<String> {
    let mut comments = Vec::new();
    if function.name != name && function.image.name == name {
        comments.push(format!("`{}` in the definition.", function.name));
    } else if function.image.name != name {
        comments.push(format!(
            "`{}` in the definition. limg.yaml does not accept the name of its image, `{}`: the digest differs.",
            function.name, function.image.name
        ));
    }
    if let Some(first) = first {
        comments
            .push(format!("Shared the image of `{first}`: they differ only in handler and configuration."));
    }
    let mut variables: BTreeSet<&str> = function.configuration.keys().map(String::as_str).collect();
    variables.extend(function.deployed_variables.iter().map(String::as_str));
    if !variables.is_empty() {
        let names: Vec<_> = variables.into_iter().collect();
        let mut comment =
            format!("Variables that stay in the function's configuration: {}.", names.join(", "));
        if !function.deployed_variables.is_empty() {
            let deployed = function.deployed_variables.join(", ");
            comment = format!("{comment} Only the deployed stack knows the values of {deployed}.");
        }
        comments.push(comment);
    }
    if function.wrapper.as_ref().is_some_and(|wrapper| wrapper.is_configured) {
        comments.push(format!(
            "If the base has no shell, add `wrapper:` with the value of {WRAPPER_VARIABLE}: nothing else starts it."
        ));
    }
    comments
}
