//! `limg template`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::args::{Format, Reading, TemplateArguments};
use super::error::CommandError;
use super::fetch_error::FetchError;
use super::pushed::PushedImages;
use super::render::Terminal;
use super::selection;
use super::settings::Settings;
use crate::definition::{ImageTemplate, TemplateChanges};
use crate::fs;
use crate::pipeline::Pinning;
use crate::project::Function;

pub(super) async fn run(
    arguments: TemplateArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let TemplateArguments { functions, output, uris, prune_layers, suffix, definition } = arguments;
    let reading = Reading { functions: &functions, ..Reading::all(&definition, Pinning::Add) };
    // This builds nothing, so it pins nothing.
    let (loaded, _objects) = selection::load(reading, settings, terminal).await?;
    loaded.check_template()?;
    let output = output.map(|output| settings.directory.join(output));
    if let Some(output) = &output {
        check_output(output, &loaded.file)?;
    }
    let functions = selection::functions(&loaded, &functions, settings, terminal)?;
    check_originals(&functions, settings)?;
    let pushed = PushedImages::read(&loaded.project)?;
    let uris: BTreeMap<String, String> = uris.into_iter().collect();
    let unknown = uris.keys().find(|name| functions.iter().all(|function| function.name != **name));
    if let Some(name) = unknown {
        let known = functions.iter().map(|function| function.name.clone()).collect();
        return Err(CommandError::UnknownFunction { name: name.clone(), known });
    }
    let image = |function: &Function| {
        uris.get(&function.name).map(String::as_str).or_else(|| pushed.get(&function.name))
    };
    let missing: Vec<String> =
        functions.iter().filter(|function| image(function).is_none()).map(|it| it.name.clone()).collect();
    if !missing.is_empty() {
        return Err(CommandError::NotPushed { functions: missing });
    }
    let images = functions.iter().filter_map(|function| Some((function, image(function)?.to_owned())));
    let changes = TemplateChanges {
        images: images.collect(),
        prune_layers,
        suffix,
        file_name: output
            .as_deref()
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy().into_owned()),
    };
    let (templates, notes) = loaded.image_templates(&changes)?;
    terminal.warnings(&notes);
    match &output {
        Some(_) => write(&templates, terminal)?,
        None => print(&templates, terminal),
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks that the new template is in the folder of the original, so that its paths stay right, and is another file.
fn check_output(output: &Path, original: &Path) -> Result<(), CommandError> {
    let folder = |path: &Path| fs::folder_of(path).canonicalize().ok();
    if folder(output) != folder(original) {
        return Err(CommandError::TemplateElsewhere { folder: fs::folder_of(original).to_owned() });
    }
    if output.file_name() == original.file_name() {
        return Err(CommandError::TemplateItself { file: original.to_owned() });
    }
    Ok(())
}

/// Checks that the templates of all functions are the user's own files, and none has been fetched.
fn check_originals(functions: &[Function], settings: &Settings) -> Result<(), CommandError> {
    let is_fetched = |function: &&Function| settings.is_in_store(function.places.function.file());
    match functions.iter().find(is_fetched) {
        Some(function) => Err(FetchError::Template { function: function.name.clone() }.into()),
        None => Ok(()),
    }
}

/// Writes each template to its file.
fn write(templates: &[ImageTemplate], terminal: &Terminal) -> Result<(), CommandError> {
    let mut written = Vec::new();
    for ImageTemplate { text, file } in templates {
        let Some(file) = file else { continue };
        fs::write_atomically(file, text.as_bytes())?;
        written.push(file.clone());
    }
    for file in &written {
        terminal.status(&format!("wrote {}", file.display()));
    }
    if terminal.format() == Format::Json {
        terminal.print_json(&terminal.with_findings(&TemplateReport { written, template: None }));
    }
    Ok(())
}

/// Prints the only template.
fn print(templates: &[ImageTemplate], terminal: &Terminal) {
    let Some(template) = templates.first() else { return };
    if terminal.format() == Format::Json {
        let report = TemplateReport { written: Vec::new(), template: Some(&template.text) };
        terminal.print_json(&terminal.with_findings(&report));
    } else {
        terminal.print_bytes(template.text.as_bytes());
    }
}

/// What `--format json` prints.
#[derive(Serialize)]
struct TemplateReport<'a> {
    /// The files, the first template first.
    written: Vec<PathBuf>,
    /// The text, if it is not written to a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<&'a str>,
}
