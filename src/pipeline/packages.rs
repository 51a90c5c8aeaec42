//! Packages that limg installs: the wheels and packages of Node.js that lists stand for, and the trees that these become.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::base::LoadedBase;
use super::base_packages::BasePackages;
use super::context::{Context, blocking};
use super::error::PipelineError;
use crate::event::Event;
use crate::failure::{Failure as _, FailureKind};
use crate::finding::{Code, Finding, Place};
use crate::install::{
    Fetched, InstallError, Installer, NodePackages, NodeTarget, PinnedWheel, ProvidedPackages, Resolution,
    Split, leave_out_of_node, split,
};
use crate::plan;
use crate::project::{Architecture, Function, ImageLocation, PackageList};
use crate::runtime::{Language, TASK_ROOT};
use crate::store::Digest;
use crate::text::{first_of, with_causes};
use crate::tree::Tree;
use crate::wheel::{self, Installation, PythonTarget};

/// Where the programs of packages find Python on AWS's bases.
const INTERPRETER: &str = "/var/lang/bin/python3";

/// The last Python whose runtime is based on Amazon Linux 2 (Lambda developer guide, lambda-runtimes).
const LAST_ON_AL2: u32 = 11;

/// The second number of the version of glibc of Amazon Linux 2 and 2023 (facts 5).
const GLIBC_OF_AL2: u32 = 26;
const GLIBC_OF_AL2023: u32 = 34;

/// How many packages a warning names.
const NAMED_PACKAGES: usize = 10;

/// What is installed where: the list, the runtime and the architecture, and the base if that decides what is left out.
type Key = (PackageList, String, Architecture, &'static str, Option<ImageLocation>);

/// The trees of installed packages.
#[derive(Default)]
pub(super) struct Packages {
    trees: BTreeMap<Key, Arc<Tree>>,
}

/// A list that a function or one of its layers asks for.
struct Wanted<'a> {
    list: &'a PackageList,
    place: &'a Place,
    /// The folder of the image that becomes their root.
    root: &'static str,
}

impl Packages {
    /// Those of a function's code; none if there is a finding about them.
    pub(super) fn of_code(&self, function: &Function) -> Option<&Arc<Tree>> {
        let install = function.install.as_ref()?;
        self.trees.get(&key(&install.list, function, TASK_ROOT))
    }

    /// Those of a layer.
    pub(super) fn of_layer(&self, list: &PackageList, function: &Function) -> Option<&Arc<Tree>> {
        self.trees.get(&key(list, function, plan::root_of_packages(list.kind.is_of_node())))
    }
}

fn key(list: &PackageList, function: &Function, root: &'static str) -> Key {
    let base = function.base.image.clone().filter(|_| list.base_provides);
    (list.clone(), function.base.contract.clone(), function.architecture, root, base)
}

/// Installs the packages of functions and their layers. Also returns findings about those that cannot be installed.
///
/// # Errors
/// When a tool is not there, or fails for a reason outside the lists.
pub(super) async fn load_all(
    functions: &[&Function],
    bases: &[Option<Arc<LoadedBase>>],
    context: &Context,
) -> Result<(Packages, Vec<Finding>), PipelineError> {
    let (mut all, mut findings) = (Packages::default(), Vec::new());
    let mut seen = BTreeSet::new();
    for (function, base) in functions.iter().zip(bases) {
        for Wanted { list, place, root } in wanted(function) {
            let key = key(list, function, root);
            if !seen.insert(key.clone()) {
                continue;
            }
            let base = base.as_ref().filter(|_| list.base_provides);
            let base = base.map(|base| BasePackages::of(&base.index, &function.base.contract));
            match install(list, function, root, base, context).await {
                Ok((tree, warnings)) => {
                    findings.extend(warnings.into_iter().map(|warning| finding(warning, place)));
                    all.trees.insert(key, Arc::new(tree));
                }
                Err(error) if error.kind() == FailureKind::User => {
                    let message = format!("the packages cannot be installed: {}", with_causes(&error));
                    let finding = Finding::error(Code::UninstallablePackages, place.clone(), message);
                    findings.push(finding.optional_help(error.help()));
                }
                Err(source) => {
                    return Err(PipelineError::Install { list: list.path.display().to_string(), source });
                }
            }
        }
    }
    Ok((all, findings))
}

/// Resolves the lists of functions again, and pins what they stand for. Returns the names of all lists in the lock file.
///
/// # Errors
/// When one cannot be resolved.
pub(super) async fn update(
    functions: &[Function],
    names: &[String],
    context: &Context,
) -> Result<BTreeSet<String>, PipelineError> {
    let mut used = BTreeSet::new();
    for function in functions {
        for Wanted { list, .. } in wanted(function).filter(|wanted| !wanted.list.kind.is_of_node()) {
            let failed = |source| PipelineError::Install { list: list.path.display().to_string(), source };
            let target = target(list, function).map_err(failed)?;
            let name = name_in_lock(list, function, context);
            if names.is_empty() && used.insert(name.clone()) {
                let resolution = resolve(list, target, None, context).await.map_err(failed)?;
                pin(&name, &resolution, context);
            }
        }
    }
    Ok(used)
}

/// The positions of the functions whose packages depend on what their base has, and whose bases are not read completely.
pub(super) fn needing_full_indexes(
    functions: &[&Function],
    bases: &[Option<Arc<LoadedBase>>],
) -> BTreeSet<usize> {
    let needs = |function: &Function, base: &Option<Arc<LoadedBase>>| {
        let mut lists = wanted(function);
        lists.any(|wanted| wanted.list.base_provides)
            && base.as_ref().is_some_and(|base| !base.index.is_full())
    };
    let both = functions.iter().zip(bases).enumerate();
    both.filter(|(_, (function, base))| needs(function, base)).map(|(position, _)| position).collect()
}

fn wanted(function: &Function) -> impl Iterator<Item = Wanted<'_>> {
    let code = function.install.iter();
    let code = code.map(|install| Wanted { list: &install.list, place: &install.place, root: TASK_ROOT });
    let layers = function.layers.iter().filter_map(|layer| {
        let list = layer.source.packages()?;
        let root = plan::root_of_packages(list.kind.is_of_node());
        Some(Wanted { list, place: &layer.source_place, root })
    });
    code.chain(layers)
}

/// A warning about packages: its code, message and help.
pub(super) type Warning = (Code, String, Option<&'static str>);

/// A warning at the place that asks for the packages.
pub(super) fn finding((code, message, help): Warning, place: &Place) -> Finding {
    Finding::warning(code, place.clone(), message).optional_help(help.map(Into::into))
}

/// The tree of the packages of a list without those that are left to `base`, and what is worth knowing about them.
async fn install(
    list: &PackageList,
    function: &Function,
    root: &'static str,
    base: Option<BasePackages>,
    context: &Context,
) -> Result<(Tree, Vec<Warning>), InstallError> {
    if list.kind.is_of_node() {
        return install_node(list, function, root, base, context).await;
    }
    let (Installation { tree, conflicts }, mut warnings) =
        install_wheels(list, function, root, base, context).await?;
    let warning = |conflict: wheel::FileConflict| {
        let message = format!(
            "`{}` is in {} and in {}: the image has the first one",
            conflict.path, conflict.kept, conflict.dropped
        );
        (Code::PackageConflict, message, None)
    };
    warnings.extend(conflicts.into_iter().map(warning));
    Ok((tree, warnings))
}

fn report(choice: ProvidedPackages, list: &PackageList, context: &Context) {
    let ProvidedPackages { left_out, installed } = choice;
    let list = list.path.display().to_string();
    context.reporter.report(Event::BaseProvides { list, left_out, installed });
}

async fn install_node(
    list: &PackageList,
    function: &Function,
    root: &'static str,
    base: Option<BasePackages>,
    context: &Context,
) -> Result<(Tree, Vec<Warning>), InstallError> {
    let runtime = function.base.contract.clone();
    if Language::of(&runtime) != Some(Language::Node) {
        return Err(other_runtime(list, function));
    }
    let target = NodeTarget { runtime, architecture: function.architecture };
    let (installer, own) = (installer(context), list.clone());
    let work = move || {
        let root = plan::image_path(root)?;
        let mut packages = installer.install_node(&own, &target, &root)?;
        let choice = base.map(|base| leave_out_of_node(&mut packages.tree, &root, &own.path, &base.node));
        Ok::<_, InstallError>((packages, choice.transpose()?))
    };
    let (NodePackages { tree, with_scripts }, choice) = blocking(work).await?;
    if let Some(choice) = choice {
        report(choice, list, context);
    }
    let warning = about_scripts(&with_scripts, list.scripts);
    Ok((tree, warning.into_iter().collect()))
}

/// What is worth knowing about the install scripts of packages, unless the definition forbids them.
pub(super) fn about_scripts(packages: &[String], scripts: Option<bool>) -> Option<Warning> {
    let names = first_of(NAMED_PACKAGES, packages.iter().map(|name| format!("`{name}`")));
    let (message, help) = match scripts {
        _ if packages.is_empty() => return None,
        Some(false) => return None,
        Some(true) => (format!("install scripts ran on this machine: {names}"), None),
        None => (
            format!("install scripts did not run, so that native modules may be missing: {names}"),
            Some(
                "check that the function works without them, and add `scripts: false`; or run them with `scripts: true`",
            ),
        ),
    };
    Some((Code::InstallScripts, message, help))
}

async fn install_wheels(
    list: &PackageList,
    function: &Function,
    root: &'static str,
    base: Option<BasePackages>,
    context: &Context,
) -> Result<(Installation, Vec<Warning>), InstallError> {
    let target = target(list, function)?;
    let name = name_in_lock(list, function, context);
    let pinned = context.pins.packages(&name);
    let of_pin = pinned.as_ref().map(|(list, _)| list.clone());
    let resolution = resolve(list, target, pinned, context).await?;
    let is_pinned = of_pin.is_some_and(|list| list == resolution.list);
    if !is_pinned && !resolution.is_locked {
        if context.pins.are_locked() {
            return Err(InstallError::NotPinned { list: name });
        }
        pin(&name, &resolution, context);
    }
    let (installer, allow_source) = (installer(context), list.allow_source);
    let fetch = move || {
        let Fetched { wheels, built } = installer.fetch(&resolution, &target, allow_source)?;
        let warnings: Vec<_> = about_sources(&built).into_iter().collect();
        let (wheels, choice) = match base {
            Some(base) => {
                let Split { installed, choice } = split(wheels, &base.python, target.python_minor);
                (installed, Some(choice))
            }
            None => (wheels, None),
        };
        let root = plan::image_path(root)?;
        Ok::<_, InstallError>((wheel::install(&wheels, &root, INTERPRETER)?, warnings, choice))
    };
    let (installation, warnings, choice) = blocking(fetch).await?;
    if let Some(choice) = choice {
        report(choice, list, context);
    }
    Ok((installation, warnings))
}

/// What is worth knowing about packages that were built from source.
fn about_sources(packages: &[String]) -> Option<Warning> {
    let names = first_of(NAMED_PACKAGES, packages.iter().map(|name| format!("`{name}`")));
    let message = format!("built from source, which ran code of the packages on this machine: {names}");
    (!packages.is_empty()).then_some((Code::BuiltFromSource, message, None))
}

async fn resolve(
    list: &PackageList,
    target: PythonTarget,
    pinned: Option<(Digest, Vec<(String, Digest)>)>,
    context: &Context,
) -> Result<Resolution, InstallError> {
    let (installer, list) = (installer(context), list.clone());
    let pinned = pinned.map(|(list, wheels)| {
        let wheel = |(url, sha256)| PinnedWheel { url, sha256 };
        (list, wheels.into_iter().map(wheel).collect())
    });
    blocking(move || installer.resolve(&list, &target, pinned)).await
}

fn pin(name: &str, resolution: &Resolution, context: &Context) {
    if !resolution.is_locked {
        let wheels = resolution.wheels.iter().map(|wheel| (wheel.url.clone(), wheel.sha256.clone()));
        context.pins.pin_packages(name, resolution.list.clone(), wheels.collect());
    }
}

pub(super) fn installer(context: &Context) -> Installer {
    Installer::new(context.programs.clone(), context.store.clone(), Arc::clone(&context.reporter))
}

fn name_in_lock(list: &PackageList, function: &Function, context: &Context) -> String {
    let target = format!("{} {}", function.base.contract, function.architecture.name());
    context.pins.list_key(&list.path, &target)
}

fn other_runtime(list: &PackageList, function: &Function) -> InstallError {
    let language = if list.kind.is_of_node() { "Node.js" } else { "Python" };
    InstallError::OtherRuntime { list: list.path.clone(), language, runtime: function.base.contract.clone() }
}

/// What the function's packages of Python run on.
fn target(list: &PackageList, function: &Function) -> Result<PythonTarget, InstallError> {
    let contract = &function.base.contract;
    let minor = contract.strip_prefix("python3.").and_then(|minor| minor.parse().ok());
    let python_minor = minor.ok_or_else(|| other_runtime(list, function))?;
    let glibc_minor = if python_minor <= LAST_ON_AL2 { GLIBC_OF_AL2 } else { GLIBC_OF_AL2023 };
    Ok(PythonTarget { python_minor, glibc_minor, architecture: function.architecture })
}
