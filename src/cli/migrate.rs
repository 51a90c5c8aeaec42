//! `limg migrate`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::args::{MigrateArguments, Reading};
use super::error::CommandError;
use super::fetch_error::FetchError;
use super::render::Terminal;
use super::selection;
use super::settings::Settings;
use crate::definition::{self, MigratedCode, Migration};
use crate::fs;
use crate::pipeline::Pinning;
use crate::project::{Build, Function, LayerSource};
use crate::text::first_of;

/// How many functions a line lists.
const LISTED: usize = 10;

pub(super) async fn run(
    arguments: MigrateArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let MigrateArguments { output, mut definition } = arguments;
    let shares_images = !definition.image_per_function;
    definition.image_per_function = true;
    // This builds nothing, so it pins nothing.
    let reading = Reading::all(&definition, Pinning::Add);
    let (loaded, _objects) = selection::load(reading, settings, terminal).await?;
    check_files(&loaded.project.functions, settings)?;
    if loaded.project.functions.is_empty() {
        // Says why there is none.
        selection::functions(&loaded, &[], settings, terminal)?;
    }
    let is_named = output.is_some();
    let output = match output {
        Some(output) => settings.directory.join(output),
        None => loaded.project.root.join(definition::NAMES[0]),
    };
    let output: PathBuf = output.components().collect();
    let migration = loaded.migrate(&output, shares_images, settings.today)?;
    check_new(&migration, &output, is_named)?;
    let written = write(&migration, &output)?;
    let written: Vec<(String, Option<&str>)> =
        written.into_iter().map(|(path, function)| (shown(path, settings), function)).collect();
    terminal.warnings(&loaded.warnings);
    if !migration.left_out.is_empty() {
        let names = first_of(LISTED, migration.left_out.iter());
        terminal.status(&format!("left out, with the reason in a comment: {names}"));
    }
    for (path, function) in &written {
        let what = function.map(|function| format!(", the code of `{function}`")).unwrap_or_default();
        terminal.status(&format!("wrote {path}{what}"));
    }
    let report = MigrateReport { written: written.iter().map(|(path, _)| path.as_str()).collect() };
    terminal.print(&terminal.with_findings(&report), Vec::new);
    Ok(ExitCode::SUCCESS)
}

/// Checks that the definition would name the user's own files only: those that were fetched are in the store, which another
/// machine does not have.
fn check_files(functions: &[Function], settings: &Settings) -> Result<(), CommandError> {
    let has_fetched = |function: &&Function| {
        let code = function.code.sources();
        let layers = function.layers.iter().filter_map(|layer| match &layer.source {
            LayerSource::Files(source) | LayerSource::Built(Build { source, .. }) => Some(source),
            LayerSource::Image(_) | LayerSource::Version(_) | LayerSource::Packages(_) => None,
        });
        code.into_iter().chain(layers).any(|source| settings.is_in_store(&source.path))
    };
    match functions.iter().find(has_fetched) {
        Some(function) => Err(FetchError::Files { function: function.name.clone() }.into()),
        None => Ok(()),
    }
}

/// Checks that nothing is overwritten or hidden: a folder of code must contain nothing else, and in a folder with a `limg.yml`
/// limg does not look for other definitions.
fn check_new(migration: &Migration, output: &Path, is_named: bool) -> Result<(), CommandError> {
    fs::metadata(fs::folder_of(output))?;
    let others = definition::NAMES.iter().filter(|_| !is_named).map(|name| output.with_file_name(name));
    let folders = migration.code.iter().map(|code| code.folder.clone());
    match others.chain([output.to_owned()]).chain(folders).find(|path| fs::symlink_metadata(path).is_ok()) {
        Some(path) => Err(CommandError::OutputExists { path }),
        None => Ok(()),
    }
}

/// Writes the code first: the definition names it. Gives the files, each with the function of which it is code.
fn write<'m>(
    migration: &'m Migration,
    output: &Path,
) -> Result<Vec<(PathBuf, Option<&'m str>)>, CommandError> {
    let mut written = Vec::new();
    for MigratedCode { function, folder, files } in &migration.code {
        fs::create_dir_all(folder)?;
        for (name, content) in files {
            let file = folder.join(name);
            fs::write_atomically(&file, content.as_bytes())?;
            written.push((file, Some(function.as_str())));
        }
    }
    fs::write_atomically(output, migration.text.as_bytes())?;
    written.push((output.to_owned(), None));
    Ok(written)
}

/// A path as people and programs find it from the working directory.
fn shown(path: PathBuf, settings: &Settings) -> String {
    let path = path.strip_prefix(&settings.directory).map(Path::to_owned).unwrap_or(path);
    path.display().to_string()
}

/// What `--format json` prints.
#[derive(Serialize)]
struct MigrateReport<'a> {
    /// The files, in the order in which they were written.
    written: Vec<&'a str>,
}
