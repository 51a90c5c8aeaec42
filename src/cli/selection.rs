//! What a command works on: the definition, and the functions in it that the user selects.

use std::path::{Path, PathBuf};

use super::args::ShardArguments;
use super::error::CommandError;
use super::render::Terminal;
use super::settings::Settings;
use crate::check;
use crate::definition::{self, Loaded};
use crate::project::{Architecture, Function};

/// Finds the definition and reads it.
pub(super) fn load(
    architecture: Option<Architecture>,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Loaded, CommandError> {
    read(&find(settings)?, architecture, settings, terminal)
}

/// The definition that the user named, or the nearest one.
pub(super) fn find(settings: &Settings) -> Result<PathBuf, CommandError> {
    match &settings.file {
        Some(file) => Ok(file.clone()),
        None => Ok(definition::find(&settings.directory)?),
    }
}

/// Reads a definition, to which later findings refer; `architecture` overrides it.
pub(super) fn read(
    file: &Path,
    architecture: Option<Architecture>,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Loaded, CommandError> {
    let mut loaded = definition::load(file, settings.today)?;
    if architecture.is_some() {
        loaded = loaded.with_architecture_option();
    }
    terminal.definition(&loaded);
    Ok(loaded)
}

/// The functions that the user named, or all, and shows the warnings about them. `architecture` overrides the
/// definition.
pub(super) fn functions(
    loaded: &Loaded,
    names: &[String],
    architecture: Option<Architecture>,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Vec<Function>, CommandError> {
    let all = &loaded.project.functions;
    let find = |name: &String| {
        all.iter().find(|function| function.name == *name).ok_or_else(|| CommandError::UnknownFunction {
            name: name.clone(),
            known: all.iter().map(|function| function.name.clone()).collect(),
        })
    };
    let mut selected: Vec<&Function> = Vec::new();
    for name in names {
        let function = find(name)?;
        if selected.iter().all(|other| other.name != function.name) {
            selected.push(function);
        }
    }
    if names.is_empty() {
        selected.extend(all);
    }
    let with_architecture = |function: &Function| Function {
        architecture: architecture.unwrap_or(function.architecture),
        ..function.clone()
    };
    let selected: Vec<Function> = selected.into_iter().map(with_architecture).collect();
    if names.is_empty() {
        terminal.warnings(&loaded.warnings);
    } else {
        terminal.warnings(&loaded.warnings_about(&selected));
    }
    for finding in check::deprecated_runtimes(&selected, settings.today) {
        terminal.finding(finding);
    }
    Ok(selected)
}

/// The functions of this machine. A machine without any reports that.
pub(super) fn of_shard(
    arguments: ShardArguments,
    functions: Vec<Function>,
    terminal: &Terminal,
) -> Vec<Function> {
    let Some(shard) = arguments.shard else { return functions };
    let own = shard.functions(functions);
    if own.is_empty() {
        terminal.status(&format!("shard {shard} has 0 functions"));
    }
    own
}

/// The one function that the user named, or the only one.
pub(super) fn one_function(
    loaded: &Loaded,
    name: Option<String>,
    architecture: Option<Architecture>,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Function, CommandError> {
    let names: Vec<String> = name.into_iter().collect();
    if names.is_empty() && loaded.project.functions.len() > 1 {
        return Err(CommandError::which_function(loaded));
    }
    let selected = functions(loaded, &names, architecture, settings, terminal)?;
    selected.into_iter().next().ok_or_else(|| CommandError::which_function(loaded))
}
