//! Applies what a command replaces in any definition: architectures, layer versions and base images.

use std::path::Path;

use super::Options;
use super::fields::Findings;
use super::fields::source::{self, Written};
use crate::finding::{Finding, Place};
use crate::project::{LayerSource, Project, Source};

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
        for layer in &mut function.layers {
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

/// Files that stand for a layer version, all of them.
fn files(path: &Path, place: &Place, findings: &mut Findings) -> Option<Source> {
    let text = path.to_string_lossy();
    let source = source::read(&Written::path(&text, place), Path::new("/"), findings)?;
    source::is_tree(&source, place, findings).then(|| Source::new(source.path, source.kind))
}
