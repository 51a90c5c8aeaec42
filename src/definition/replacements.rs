//! Applies what a command replaces in any definition: architectures, layer versions and base images; and what it adds:
//! packages to install, and bytecode.

use std::path::Path;

use super::Options;
use super::fields::source::{self, Written};
use super::fields::{Findings, package_list};
use crate::finding::{Finding, Place};
use crate::project::{Function, Install, LayerSource, PackageList, Project, Source, SourceKind};
use crate::runtime::Language;

/// The project with the replacements.
///
/// # Errors
/// When a path that stands for a layer version is neither a directory nor a zip.
pub(super) fn apply(mut project: Project, options: &Options) -> Result<Project, Vec<Finding>> {
    let mut findings = Findings::new(Place::document(&project.root));
    for function in &mut project.functions {
        if let Some(architecture) = options.architecture {
            function.architecture = architecture;
        }
        if let Some(image) = options.bases.get(&function.base.name) {
            function.base.image = Some(image.clone());
        }
        if options.install && function.install.is_none() && !function.is_complete {
            function.install = install(function);
        }
        if Language::of(&function.base.contract) == Some(Language::Python) {
            function.bytecode = function.bytecode.or(options.bytecode);
        }
        for extension in &mut function.extensions {
            extension.bytecode = extension.bytecode.or(options.bytecode);
        }
        if options.allow_source {
            lists(function).for_each(|list| list.allow_source = true);
        }
        for layer in &mut function.layers {
            layer.bytecode = layer.bytecode.or(options.bytecode);
            if let LayerSource::Version(version) = &layer.source
                && let Some(path) = options.layers.get(&version.arn)
                && let Some(source) = files(path, &layer.source_place, &mut findings)
            {
                layer.source = LayerSource::Files(source);
            }
        }
    }
    if findings.has_errors() { Err(findings.all) } else { Ok(project) }
}

/// The lists of packages of a function's code and layers.
fn lists(function: &mut Function) -> impl Iterator<Item = &mut PackageList> {
    let layers = function.layers.iter_mut().filter_map(|layer| layer.source.packages_mut());
    function.install.iter_mut().map(|install| &mut install.list).chain(layers)
}

/// The packages that the directory of a function's code lists, if none is installed there.
fn install(function: &Function) -> Option<Install> {
    let code = function.code.files().filter(|code| code.kind == SourceKind::Directory)?;
    let contract = function.base.contract.as_str();
    let is_known = matches!(Language::of(contract), Some(Language::Python | Language::Node));
    if !is_known || package_list::has_packages(&code.path) {
        return None;
    }
    let list = package_list::find(&code.path, Some(contract))?;
    Some(Install { list, place: function.places.code.clone() })
}

/// Files that stand for a layer version, all of them.
fn files(path: &Path, place: &Place, findings: &mut Findings) -> Option<Source> {
    let text = path.to_string_lossy();
    let source = source::read(&Written::path(&text, place), Path::new("/"), findings)?;
    source::is_tree(&source, place, findings).then(|| Source::new(source.path, source.kind))
}
