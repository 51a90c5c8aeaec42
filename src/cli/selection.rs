//! What a command works on: the definition, and the functions in it that the user selects.

use std::path::{Path, PathBuf};

use super::args::ShardArguments;
use super::error::CommandError;
use super::render::Terminal;
use super::settings::Settings;
use crate::definition::{self, Loaded};
use crate::project::{Architecture, Function};
use crate::runtime;

/// Finds the definition, reads it and shows its warnings.
pub(super) fn load(settings: &Settings, terminal: &Terminal) -> Result<Loaded, CommandError> {
    read(&find(settings)?, terminal)
}

/// The definition that the user named, or the nearest one.
pub(super) fn find(settings: &Settings) -> Result<PathBuf, CommandError> {
    match &settings.file {
        Some(file) => Ok(file.clone()),
        None => Ok(definition::find(&settings.directory)?),
    }
}

/// Reads a definition and shows its warnings.
pub(super) fn read(file: &Path, terminal: &Terminal) -> Result<Loaded, CommandError> {
    let loaded = definition::load(file, &runtime::ids())?;
    terminal.definition(&loaded);
    Ok(loaded)
}

/// The functions that the user named, or all. `architecture` overrides the definition.
pub(super) fn functions(
    loaded: &Loaded,
    names: &[String],
    architecture: Option<Architecture>,
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
    Ok(selected.into_iter().map(with_architecture).collect())
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
) -> Result<Function, CommandError> {
    let names: Vec<String> = name.into_iter().collect();
    let mut selected = functions(loaded, &names, architecture)?;
    match (selected.pop(), selected.is_empty()) {
        (Some(function), true) => Ok(function),
        _ => Err(CommandError::which_function(loaded)),
    }
}
