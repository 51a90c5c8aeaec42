//! The templates of a definition with built functions as image functions: which function is in which document, and how a
//! parent finds the new files of the templates that it nests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::intrinsics::LOOP_PREFIX;
use super::nested::NestedTemplate;
use super::output_files::OutputFiles;
use super::rewrite::{self, ImageFunction, RewriteOptions, Rewritten};
use crate::definition::document::{Document, Node};
use crate::finding::{Code, Finding, Help, Place, Step};
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
    /// The new name of the first template's file, in the same folder. Nested templates get it too, after their own names where
    /// several are in one folder.
    pub file_name: Option<String>,
}

/// A template with its changes.
#[derive(Debug)]
pub(crate) struct ImageTemplate {
    /// Its text.
    pub text: String,
    /// The file that it is written to, next to the original; nothing if the changes have no file name.
    pub file: Option<PathBuf>,
}

/// Rewrites the templates in which something changes, and always the first one.
///
/// # Errors
/// When a function, or the path of a nested template, is written in a way that allows no change of it alone, when a function is two
/// functions of the deployed stacks, or when a template would overwrite another one.
pub(in crate::definition) fn rewrite(
    documents: &[Document],
    nested: &[NestedTemplate],
    changes: &TemplateChanges<'_>,
) -> Result<(Vec<ImageTemplate>, Vec<Finding>), Vec<Finding>> {
    let images = by_file(&changes.images)?;
    let affected = changed_files(documents, nested, &images);
    let outputs = OutputFiles::decide(documents, &affected, changes.file_name.as_deref())?;
    let (mut templates, mut notes) = (Vec::new(), Vec::new());
    for document in documents.iter().filter(|document| affected.contains(document.file())) {
        let options = RewriteOptions {
            prune_layers: changes.prune_layers,
            suffix: changes.suffix.clone(),
            values: locations(document, nested, &outputs)?,
        };
        let own = images.get(document.file()).map_or(&[][..], Vec::as_slice);
        let Rewritten { text, notes: further } = rewrite::rewrite(document, own, &options)?;
        templates.push(ImageTemplate { text, file: outputs.file(document.file()) });
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
fn changed_files(
    documents: &[Document],
    nested: &[NestedTemplate],
    images: &BTreeMap<&Path, Vec<ImageFunction>>,
) -> BTreeSet<PathBuf> {
    let mut changed: BTreeSet<PathBuf> = images.keys().map(|file| (*file).to_owned()).collect();
    changed.extend(documents.first().map(|document| document.file().to_owned()));
    loop {
        let nests_changed = |nested: &&NestedTemplate| {
            changed.contains(&nested.file) && !changed.contains(nested.place.file())
        };
        let more: Vec<_> =
            nested.iter().filter(nests_changed).map(|nested| nested.place.file().to_owned()).collect();
        if more.is_empty() {
            return changed;
        }
        changed.extend(more);
    }
}

/// The new values of the places in a document that name nested templates.
fn locations(
    document: &Document,
    nested: &[NestedTemplate],
    outputs: &OutputFiles,
) -> Result<Vec<(Place, String)>, Vec<Finding>> {
    let mut places: BTreeMap<&Place, BTreeSet<&Path>> = BTreeMap::new();
    for NestedTemplate { place, file } in
        nested.iter().filter(|nested| nested.place.file() == document.file())
    {
        places.entry(place).or_default().insert(file);
    }
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for (place, files) in places {
        if !files.iter().any(|file| outputs.is_changed(file)) {
            continue;
        }
        match location(document, place, &files, outputs) {
            Ok(value) => values.push((place.clone(), value)),
            Err(finding) => errors.push(finding),
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

/// The new path of the nested template that a place names.
fn location(
    document: &Document,
    place: &Place,
    files: &BTreeSet<&Path>,
    outputs: &OutputFiles,
) -> Result<String, Finding> {
    let key = match place.path().steps().last() {
        Some(Step::Key(key)) => key.as_str(),
        _ => "Location",
    };
    let uneditable = |why: &str, help: &str| {
        let message =
            format!("limg cannot change `{key}`, which names a template with image functions: {why}");
        let help =
            Help::from(help).or("name the functions that become images without those of this template");
        Finding::error(Code::UneditableValue, place.clone(), message).help(help)
    };
    let is_looped = |step: &Step| matches!(step, Step::Key(key) if key.starts_with(LOOP_PREFIX));
    let is_looped = place.path().steps().iter().any(is_looped);
    let written = match document.value(place.path()) {
        Some(Node::Scalar(written)) if is_looped && written.text.contains(['$', '&']) => {
            return Err(uneditable("a loop makes it", "write each nested stack as a resource of its own"));
        }
        Some(Node::Scalar(written)) => written.text.as_str(),
        _ => return Err(uneditable("a function computes it", "write the path of the template")),
    };
    let path = fs::normal(&fs::folder_of(document.file()).join(written));
    let file = match files.first() {
        Some(file) if files.len() == 1 && fs::normal(file) == path => file,
        _ => return Err(uneditable("it is not the path of a file", "write the path of the template")),
    };
    let Some(name) = outputs.name(file) else {
        let finding = Finding::error(
            Code::NestedTemplate,
            place.clone(),
            "this nested template changes too, and standard output is one template",
        );
        return Err(finding.help("use `-o FILE` with a new name in the folder of the template"));
    };
    let folder = written.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    Ok(format!("{folder}{name}"))
}
