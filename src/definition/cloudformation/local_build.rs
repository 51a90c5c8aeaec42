//! What limg builds itself in the place of the AWS SAM CLI, from what `Metadata` says: bundles by esbuild with `--install`,
//! makefiles with `--run-makefiles`, and layers of packages with sources.

use std::path::PathBuf;

use super::build_command;
use super::build_results::BuiltSettings;
use super::code;
use super::context::Context;
use super::intrinsics::{Expression, Stacks, Unresolved, Value};
use crate::definition::document::ScalarKind;
use crate::definition::fields::bundle::{self, Written};
use crate::definition::fields::{Findings, package_list};
use crate::finding::{Code, Finding, Place};
use crate::fs;
use crate::project::{
    Build, BuildMethod, Bundle, BundleOption, LayerPackages, LayerSource, MakeTarget, Source, SourceKind,
};
use crate::runtime::Language;

/// Properties that the AWS SAM CLI accepts and does not pass on (AWS Lambda Builders, `nodejs_npm_esbuild`): these values are
/// always the same.
const FIXED: [&str; 4] = ["bundle", "outdir", "platform", "use-npm-ci"];

/// The name of makefiles (AWS SAM CLI, `samcli/lib/build/workflows.py`).
const MAKEFILE: &str = "Makefile";

/// A function or layer whose path in the template is a folder.
pub(super) struct Sources<'a, 't> {
    pub(super) stacks: &'a Stacks<'t>,
    pub(super) context: &'a Context<'a>,
    pub(super) resource: &'a Expression<'t>,
    pub(super) logical_id: &'a str,
    /// The path as it is written, and where.
    pub(super) path: &'a str,
    pub(super) place: &'a Place,
}

/// Findings say why it cannot be built.
#[derive(Debug)]
pub(super) struct Reported;

/// How a function runs, as far as its build needs to know.
pub(super) struct Runs<'a> {
    pub(super) runtime: &'a str,
    pub(super) handler: &'a str,
    /// `NODE_OPTIONS` of the function.
    pub(super) node_options: Option<&'a str>,
}

impl<'t> Sources<'_, 't> {
    /// How limg builds a function itself, if it does.
    pub(super) fn of_function(
        &self,
        runs: &Runs<'_>,
        findings: &mut Findings,
    ) -> Option<Result<(Build, BuiltSettings), Reported>> {
        if build_command::skips_build(self.stacks, self.resource) {
            return None;
        }
        let method = build_command::build_method(self.stacks, self.resource);
        let options = self.context.options;
        if method.as_deref() == Some("esbuild") {
            let is_wanted = options.install && Language::of(runs.runtime) == Some(Language::Node);
            return is_wanted.then(|| self.bundle(runs, findings).ok_or(Reported));
        }
        let is_made = match method.as_deref() {
            Some(method) => method == "makefile",
            None => build_command::has_own_target(runs.runtime, &self.folder(), self.logical_id),
        };
        (is_made && options.run_makefiles).then(|| {
            let build = self.make(runs.runtime, findings).ok_or(Reported)?;
            Ok((build, BuiltSettings { is_complete: true, ..BuiltSettings::default() }))
        })
    }

    /// How limg builds a layer itself, as for functions.
    pub(super) fn of_layer(&self, findings: &mut Findings) -> Option<Result<LayerSource, Reported>> {
        if build_command::skips_build(self.stacks, self.resource) {
            return None;
        }
        let method = build_command::build_method(self.stacks, self.resource)?;
        let options = self.context.options;
        if method == "makefile" {
            return options
                .run_makefiles
                .then(|| self.make("", findings).map(LayerSource::Built).ok_or(Reported));
        }
        let language = Language::of(&method).filter(|_| build_command::only_installs(&method));
        let are_of_node = match language {
            Some(Language::Node) => true,
            Some(Language::Python) => false,
            _ => return None,
        };
        options.install.then(|| {
            if let Some(list) = package_list::alone_in(&self.folder()) {
                return Ok(LayerSource::Packages(list));
            }
            let source = code::files(self.path, self.place, "", findings).ok_or(Reported)?;
            let list = package_list::find(&source.path, Some(&method));
            let method = BuildMethod::Packages(LayerPackages { list, are_of_node });
            Ok(LayerSource::Built(Build { source, method }))
        })
    }

    fn folder(&self) -> PathBuf {
        self.below_template(self.path)
    }

    fn below_template(&self, path: &str) -> PathBuf {
        fs::normal(&fs::folder_of(self.place.file()).join(path))
    }

    /// What esbuild makes of the folder.
    fn bundle(&self, runs: &Runs<'_>, findings: &mut Findings) -> Option<(Build, BuiltSettings)> {
        let (written, mut options) = self.properties(findings)?;
        let entry_points =
            if written.is_empty() { vec![bundle::entry_point_of(runs.handler)] } else { written };
        if let Some(outside) = bundle::check_entry_points(&entry_points, self.place) {
            findings.add(outside);
            return None;
        }
        let wants_source_maps = runs.node_options.is_some_and(bundle::reads_source_maps);
        if wants_source_maps && !options.iter().any(|(name, _)| name == "sourcemap") {
            options.push(("sourcemap".to_owned(), BundleOption::Flag(true)));
        }
        let source = code::files(self.path, self.place, runs.runtime, findings)?;
        let packages = package_list::find(&source.path, Some(runs.runtime));
        let bundle = Bundle { packages, entry_points, options };
        let settings = BuiltSettings {
            handler: Some(bundle::handler_in(&bundle, runs.handler)),
            node_options: bundle::has_source_maps(&bundle).then(|| bundle::SOURCE_MAPS.to_owned()),
            is_complete: true,
        };
        Some((Build { source, method: BuildMethod::Esbuild(bundle) }, settings))
    }

    /// The entry points and options in `BuildProperties`.
    #[expect(clippy::type_complexity, reason = "each is used once")]
    fn properties(&self, findings: &mut Findings) -> Option<(Vec<String>, Vec<(String, BundleOption)>)> {
        let stacks = self.stacks;
        let properties = || {
            let Some(metadata) = stacks.get(self.resource, "Metadata")? else { return Ok(None) };
            let Some(properties) = stacks.get(&metadata, "BuildProperties")? else { return Ok(None) };
            stacks.map(&properties)
        };
        let entries = properties().map_err(|unresolved| findings.add(unresolved.finding())).ok()?;
        let (mut entry_points, mut options, mut is_good) = (Vec::new(), Vec::new(), true);
        for (key, value) in entries.unwrap_or_default() {
            let name = kebab(&key);
            if FIXED.contains(&name.as_str()) {
                continue;
            }
            let written = match self.written(&value) {
                Ok(Some(written)) => written,
                Ok(None) => continue,
                Err(unresolved) => {
                    findings.add(unresolved.finding());
                    is_good = false;
                    continue;
                }
            };
            let at = value.place();
            let option = match (name.as_str(), bundle::known(&name)) {
                ("entry-points", _) => {
                    match written {
                        Written::Items(items) => entry_points.extend(items),
                        Written::Text(text) => entry_points.push(text),
                        Written::Flag(_) | Written::Pairs(_) => {
                            let message = "expected a list of modules";
                            findings.add(Finding::error(Code::WrongType, at.clone(), message));
                            is_good = false;
                        }
                    }
                    continue;
                }
                (_, Ok(known)) => bundle::option(known, written, at).map(|option| (name, option)),
                (_, Err(near)) => {
                    let message = format!("unknown property `{key}`");
                    let finding = Finding::error(Code::UnknownKey, at.clone().on_key(), message);
                    Err(finding.help(match near {
                        Some(near) => format!("did you mean `{}`?", pascal(near)),
                        None => "remove it: it is not an option of esbuild for bundles".to_owned(),
                    }))
                }
            };
            match option {
                Ok(option) => options.push(option),
                Err(finding) => {
                    findings.add(finding);
                    is_good = false;
                }
            }
        }
        is_good.then_some((entry_points, options))
    }

    /// The value of a property; nothing if it is absent.
    fn written(&self, value: &Expression<'t>) -> Result<Option<Written>, Unresolved> {
        let text = |value: &Expression<'t>| {
            self.stacks.text(value).map(|text| text.map(|text| text.text).unwrap_or_default())
        };
        Ok(Some(match self.stacks.evaluate(value)? {
            Value::Absent => return Ok(None),
            Value::List(_) => {
                let items = self.stacks.list(value)?.unwrap_or_default();
                Written::Items(items.iter().map(text).collect::<Result<_, _>>()?)
            }
            Value::Map(entries) => {
                let pair = |(key, value): (String, Expression<'t>)| Ok((key, text(&value)?));
                Written::Pairs(entries.into_iter().map(pair).collect::<Result<_, Unresolved>>()?)
            }
            Value::Text(scalar) => match scalar.kind {
                ScalarKind::Boolean(flag) => Written::Flag(flag),
                _ => Written::Text(scalar.text),
            },
            Value::Reference(_) => Written::Text(text(value)?),
        }))
    }

    /// The target of a makefile that makes the folder (AWS SAM CLI, `samcli/lib/build/app_builder.py`).
    fn make(&self, runtime: &str, findings: &mut Findings) -> Option<Build> {
        let named = |key: &str| build_command::metadata(self.stacks, self.resource, key);
        let root = named("ProjectRootDirectory");
        let path = root.as_deref().unwrap_or(self.path);
        let source = code::files(path, self.place, runtime, findings)?;
        if source.kind != SourceKind::Directory {
            let message = format!("make needs a folder, and `{path}` is not one");
            findings.add(Finding::error(Code::WrongFile, self.place.clone(), message));
            return None;
        }
        let makefile = named("ContextPath").map_or(source.path.clone(), |path| self.below_template(&path));
        let folder = self.working_folder(named("WorkingDirectory"), &source, findings)?;
        let target = MakeTarget {
            name: format!("build-{}", self.logical_id),
            makefile: makefile.join(MAKEFILE),
            folder,
        };
        Some(Build { source, method: BuildMethod::Make(target) })
    }

    /// Where make runs, below the folder of sources.
    fn working_folder(
        &self,
        named: Option<String>,
        source: &Source,
        findings: &mut Findings,
    ) -> Option<String> {
        let Some(named) = named else { return Some(String::new()) };
        let folder = self.below_template(&named);
        if let Ok(below) = folder.strip_prefix(fs::normal(&source.path)) {
            return Some(below.to_string_lossy().into_owned());
        }
        let message =
            format!("make cannot run in `{named}`, since only the folder of the code is copied for it");
        let finding = Finding::error(Code::MissingBuild, self.place.clone(), message);
        let command = self.context.build_command(self.resource);
        findings.add(finding.help(format!("run `{command}`")));
        None
    }
}

/// A name such as `MainFields` in the spelling of esbuild, `main-fields`.
fn kebab(pascal: &str) -> String {
    let mut kebab = String::with_capacity(pascal.len() + 2);
    for letter in pascal.chars() {
        if letter.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}

/// The reverse of [`kebab`].
fn pascal(kebab: &str) -> String {
    let upper = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect::<String>())
            .unwrap_or_default()
    };
    kebab.split('-').map(upper).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_properties_are_those_of_esbuild_in_another_spelling() {
        for (written, name) in
            [("Minify", "minify"), ("MainFields", "main-fields"), ("TsconfigRaw", "tsconfig-raw")]
        {
            assert_eq!(kebab(written), name);
            assert_eq!(pascal(name), written);
        }
    }
}
