//! Reads the new `limg.yaml` before it is written, and compares what it describes with the original.

use std::path::Path;

use super::sections::{InlineCode, Sections};
use super::values::Value;
use super::{MigrationError, paths, text};
use crate::definition::document::Document;
use crate::definition::{Options, limg_yaml};
use crate::finding::Finding;
use crate::fs;
use crate::project::{
    Build, BuildMethod, Function, FunctionCode, ImageLocation, Layer, LayerSource, Project, Source,
};
use crate::runtime::Date;

/// Checks that the sections describe the project.
pub(super) fn verify(
    sections: &Sections,
    project: &Project,
    output: &Path,
    today: Date,
) -> Result<(), MigrationError> {
    let differs = |what: String| MigrationError::Differs { what };
    let text = text::write(&with_existing_code(sections, &project.root)?);
    let document = Document::parse(output, text).map_err(|error| differs(error.to_string()))?;
    let outcome = limg_yaml::read(document, &Options::new(today));
    let Some(read) = outcome.project else {
        let error = outcome.findings.into_iter().find(Finding::is_error);
        return Err(differs(error.map_or_else(|| "it has errors".to_owned(), |error| error.message)));
    };
    let functions = project.functions.iter().zip(&read.functions).zip(&sections.functions);
    for ((before, now), entry) in functions {
        let differs =
            |what: &str| MigrationError::Differs { what: format!("the {what} of `{}`", before.name) };
        if let Some(what) = difference(before, now) {
            return Err(differs(what));
        }
        // Without the key, Lambda's own default applies, and a comment says why.
        let is_written = |key: &str| entry.keys.iter().any(|(own, _)| *own == key);
        if is_written("timeout") && before.timeout != now.timeout {
            return Err(differs("timeout"));
        }
        if is_written("memory") && before.memory != now.memory {
            return Err(differs("memory"));
        }
        if now.name != entry.name {
            return Err(differs("name"));
        }
    }
    if read.functions.len() == project.functions.len() {
        Ok(())
    } else {
        Err(differs("the number of functions".to_owned()))
    }
}

/// The sections with a folder that exists in place of each that does not yet.
fn with_existing_code(sections: &Sections, root: &Path) -> Result<Sections, MigrationError> {
    let mut sections = sections.clone();
    let existing = Value::Text(paths::text(root)?);
    for InlineCode { function, .. } in &sections.inline {
        let entry = sections.functions.iter_mut().filter(|entry| entry.name == *function);
        for (_, value) in entry.flat_map(|entry| &mut entry.keys).filter(|(key, _)| *key == "code") {
            value.clone_from(&existing);
        }
    }
    Ok(sections)
}

/// What differs in the images of two functions.
fn difference(before: &Function, now: &Function) -> Option<&'static str> {
    let base = |function: &Function| {
        let image = function.base.image.clone().map(normal_location);
        (
            function.base.contract.clone(),
            image,
            function.base.entrypoint.as_ref().map(|it| it.command.clone()),
        )
    };
    let code = match (&before.code, &now.code) {
        (FunctionCode::Files(before), FunctionCode::Files(now)) => same_source(before, now),
        (FunctionCode::Built(before), FunctionCode::Built(now)) => same_build(before, now),
        // Its files do not exist yet: `limg.yaml` has no makefiles, and names the result.
        (FunctionCode::Built(Build { method: BuildMethod::Make(_), .. }), FunctionCode::Files(_))
        | (FunctionCode::Inline(_), _) => true,
        (FunctionCode::Files(_), _) | (_, FunctionCode::Inline(_) | FunctionCode::Files(_)) => false,
    };
    let layers = before.layers.len() == now.layers.len()
        && before.layers.iter().zip(&now.layers).all(|(before, now)| same_layer(before, now));
    let own_wrapper = |function: &Function| {
        function.wrapper.as_ref().filter(|it| !it.is_configured).map(|it| it.script.clone())
    };
    let others = before.environment == now.environment
        && before.extensions.is_empty()
        && now.extensions.is_empty()
        && before.handler_wrapper == now.handler_wrapper
        && own_wrapper(before) == own_wrapper(now);
    [
        (base(before) == base(now), "base"),
        (before.handler == now.handler, "handler"),
        (before.architecture == now.architecture, "architecture"),
        (before.snapstart == now.snapstart, "SnapStart setting"),
        (before.dependencies == now.dependencies, "dependencies"),
        (code, "code"),
        (layers, "layers"),
        (others, "environment"),
    ]
    .into_iter()
    .find(|(is_same, _)| !is_same)
    .map(|(_, what)| what)
}

/// Whether the same is made of the same files.
fn same_build(before: &Build, now: &Build) -> bool {
    before.method == now.method && same_source(&before.source, &now.source)
}

fn same_layer(before: &Layer, now: &Layer) -> bool {
    match (&before.source, &now.source) {
        (LayerSource::Files(before), LayerSource::Files(now)) => same_source(before, now),
        (before, now) => before == now,
    }
}

/// Whether two sources have the same files. The later one may leave out files that limg writes.
fn same_source(before: &Source, now: &Source) -> bool {
    fs::normal(&before.path) == fs::normal(&now.path)
        && before.kind == now.kind
        && before.follow == now.follow
        && before.default_excludes == now.default_excludes
        && now.exclude.starts_with(&before.exclude)
}

fn normal_location(image: ImageLocation) -> ImageLocation {
    image.map_path(|path| fs::normal(&path))
}
