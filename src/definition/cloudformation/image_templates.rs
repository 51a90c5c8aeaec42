//! The templates of a definition with built functions as image functions: which function is in which document, and how a
//! parent finds the new files of the templates that it nests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::nested::NESTED;
use super::rewrite::{self, ImageFunction, RewriteOptions, Rewritten};
use crate::definition::document::{Document, Node};
use crate::finding::{Code, Finding, Place, Step};
use crate::fs;
use crate::project::Function;

/// What is changed in the templates of a definition.
#[derive(Debug, Default)]
pub(crate) struct TemplateChanges<'a> {
    /// The functions that become images, each with its image by digest.
    pub images: Vec<(&'a Function, String)>,
    /// Whether layers go that no function uses any longer.
    pub prune_layers: bool,
    /// What the logical ids of these functions get at their end.
    pub suffix: Option<String>,
    /// The new name of the first template's file, in the same folder. Nested templates get it too.
    pub file_name: Option<String>,
}

/// A template with its changes.
#[derive(Debug)]
pub(crate) struct ImageTemplate {
    /// The file of the original.
    pub original: PathBuf,
    /// The text of the new one.
    pub text: String,
}

/// Rewrites the templates in which something changes, and always the first one.
///
/// # Errors
/// When a function is written in a way that allows no change of it alone, or is two functions of the deployed stacks.
pub(in crate::definition) fn rewrite(
    documents: &[Document],
    changes: &TemplateChanges<'_>,
) -> Result<(Vec<ImageTemplate>, Vec<Finding>), Vec<Finding>> {
    let images = by_file(&changes.images)?;
    let affected = changed_files(documents, &images);
    let (mut templates, mut notes) = (Vec::new(), Vec::new());
    for document in documents.iter().filter(|document| affected.contains(document.file())) {
        let options = RewriteOptions {
            prune_layers: changes.prune_layers,
            suffix: changes.suffix.clone(),
            values: locations(document, &affected, changes.file_name.as_deref())?,
        };
        let own = images.get(document.file()).map_or(&[][..], Vec::as_slice);
        let Rewritten { text, notes: further } = rewrite::rewrite(document, own, &options)?;
        templates.push(ImageTemplate { original: document.file().to_owned(), text });
        notes.extend(further);
    }
    Ok((templates, notes))
}

/// The functions of each template. Two stacks of one template have the same functions, whose images must be the same.
fn by_file<'a>(
    images: &'a [(&Function, String)],
) -> Result<BTreeMap<&'a Path, Vec<ImageFunction>>, Vec<Finding>> {
    let shared: BTreeSet<&str> = {
        let mut seen = BTreeSet::new();
        let names = images.iter().map(|(function, _)| function.image.name.as_str());
        names.filter(|name| !seen.insert(*name)).collect()
    };
    let mut files: BTreeMap<&Path, Vec<ImageFunction>> = BTreeMap::new();
    for (function, uri) in images {
        let place = &function.places.function;
        let logical_id = logical_id(function, place);
        let is_own =
            !shared.contains(function.image.name.as_str()) && function.image.handler == function.handler;
        let command = function.handler.clone().filter(|_| !is_own).map(|handler| vec![handler]);
        let image = ImageFunction { logical_id, image_uri: uri.clone(), command };
        let own = files.entry(place.file()).or_default();
        match own.iter().find(|other| other.logical_id == image.logical_id) {
            None => own.push(image),
            Some(other) if *other == image => {}
            Some(_) => {
                let message =
                    format!("two stacks of this template have different images of `{}`", image.logical_id);
                let finding = Finding::error(Code::UneditableValue, place.clone().on_key(), message);
                return Err(vec![finding.help("copy the template, and nest one copy in each stack")]);
            }
        }
    }
    Ok(files)
}

/// The logical id of a function in its own template.
fn logical_id(function: &Function, place: &Place) -> String {
    let of_name = || function.name.rsplit('/').next().unwrap_or_default().to_owned();
    match place.path().steps() {
        [_, Step::Key(id)] => id.clone(),
        _ => of_name(),
    }
}

/// The files that change: those with functions that become images, those that nest them, and the first one.
fn changed_files(documents: &[Document], images: &BTreeMap<&Path, Vec<ImageFunction>>) -> BTreeSet<PathBuf> {
    let mut changed: BTreeSet<PathBuf> = images.keys().map(|file| (*file).to_owned()).collect();
    changed.extend(documents.first().map(|document| document.file().to_owned()));
    loop {
        let nests_changed = |document: &&Document| {
            !changed.contains(document.file()) && nested(document).any(|(_, file)| changed.contains(&file))
        };
        let more: Vec<_> =
            documents.iter().filter(nests_changed).map(|document| document.file().to_owned()).collect();
        if more.is_empty() {
            return changed;
        }
        changed.extend(more);
    }
}

/// The new values of the places that name nested templates.
fn locations(
    document: &Document,
    changed: &BTreeSet<PathBuf>,
    file_name: Option<&str>,
) -> Result<Vec<(Place, String)>, Vec<Finding>> {
    let mut values = Vec::new();
    for ((place, written), file) in nested(document) {
        if !changed.contains(&file) {
            continue;
        }
        let Some(name) = file_name else {
            let finding = Finding::error(
                Code::NestedTemplate,
                place,
                "this nested template changes too, and standard output is one template",
            );
            return Err(vec![finding.help("use `-o FILE` with a new name in the folder of the template")]);
        };
        let folder = written.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
        values.push((place, format!("{folder}{name}")));
    }
    Ok(values)
}

/// The places that name nested templates by a path, what is written there, and the files.
fn nested(document: &Document) -> impl Iterator<Item = ((Place, String), PathBuf)> {
    let folder = fs::folder_of(document.file());
    let section = document.place().key("Resources");
    let resources = document.root().entry("Resources").map_or(&[][..], Node::entries);
    resources.iter().filter_map(move |resource| {
        let kind = resource.value.entry("Type")?.text()?;
        let (_, key) = NESTED.iter().find(|(own, _)| *own == kind)?;
        let written = resource.value.entry("Properties")?.entry(key)?.text()?;
        let place = section.keys(&[&resource.key, "Properties", key]);
        let file: PathBuf = folder.join(written).components().collect();
        Some(((place, written.to_owned()), file))
    })
}
