//! What a command works on: the definition, and the functions in it that the user selects.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{DefinitionArguments, Reading, ShardArguments};
use super::context::{self, ObjectPins};
use super::error::CommandError;
use super::fetch;
use super::render::Terminal;
use super::settings::Settings;
use crate::check;
use crate::definition::{
    self, BuildResults, DefinitionError, Loaded, Options, ParameterOverrides, Unbuildable,
};
use crate::finding::{Code, Finding};
use crate::project::{Architecture, Function};
use crate::text::first_of;

/// How many variables a line lists.
const LISTED: usize = 10;

/// Finds the definition and reads it.
pub(super) async fn load(
    reading: Reading<'_>,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<(Loaded, ObjectPins), CommandError> {
    read(&find(settings)?, reading, settings, terminal).await
}

/// The definition that the user named, or the nearest one.
pub(super) fn find(settings: &Settings) -> Result<PathBuf, CommandError> {
    match &settings.file {
        Some(file) => Ok(file.clone()),
        None => Ok(definition::find(&settings.directory)?),
    }
}

/// Reads a definition, to which later findings refer.
pub(super) async fn read(
    file: &Path,
    reading: Reading<'_>,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<(Loaded, ObjectPins), CommandError> {
    let options = options(reading.arguments, reading.architecture, settings)?;
    let (loaded, objects) = Box::pin(fetch::read(file, options, &reading, settings, terminal)).await?;
    terminal.definition(&loaded);
    Ok((loaded, objects))
}

/// What the arguments and the environment add to a definition.
fn options(
    arguments: &DefinitionArguments,
    architecture: Option<Architecture>,
    settings: &Settings,
) -> Result<Options, CommandError> {
    let DefinitionArguments { region, parameters, config_env, stage, service_parameters, .. } = arguments;
    let DefinitionArguments { account, layers, runtimes, bases, .. } = arguments;
    let directory = &settings.directory;
    let mut all_layers = context::configuration(settings)?.layers;
    all_layers.extend(layers.iter().map(|(arn, path)| (arn.clone(), directory.join(path))));
    Ok(Options {
        architecture,
        layers: all_layers,
        runtimes: runtimes.iter().cloned().collect(),
        bases: bases.iter().map(|(id, image)| (id.clone(), image.clone().relative_to(directory))).collect(),
        parameters: parameters.iter().flat_map(|ParameterOverrides(values)| values.clone()).collect(),
        region: region.clone().or_else(|| settings.region.clone()),
        region_of_option: region.clone(),
        account: account.clone(),
        stage: stage.clone(),
        service_parameters: service_parameters.iter().cloned().collect(),
        environment: settings.environment.clone(),
        environment_of_samconfig: config_env.clone(),
        build_results: match (arguments.built, arguments.source) {
            (true, _) => BuildResults::Always,
            (false, true) => BuildResults::Never,
            (false, false) => BuildResults::Fresh,
        },
        image_per_function: arguments.image_per_function,
        install: arguments.install,
        bytecode: arguments.bytecode,
        run_makefiles: arguments.run_makefiles,
        allow_source: arguments.allow_source,
        helper_functions: arguments.all_functions,
        ..Options::new(settings.today)
    })
}

/// Lists the variables that are left to the deployed functions.
pub(super) fn report_deployed_variables(functions: &[Function], terminal: &Terminal) {
    let names = functions.iter().flat_map(|function| &function.deployed_variables);
    let names: BTreeSet<&String> = names.collect();
    if !names.is_empty() {
        let names = first_of(LISTED, names.into_iter());
        terminal.status(&format!("left to the deployed functions: the values of {names}"));
    }
}

/// Warns of variables that an invoked function gets no value of.
fn warn_of_deployed_variables(function: &Function, settings: &Settings, terminal: &Terminal) {
    let missing = function.deployed_variables.iter().filter(|name| !settings.variables.contains_key(*name));
    let missing: Vec<_> = missing.collect();
    let Some(first) = missing.first() else { return };
    let message = format!(
        "only the deployed stack knows the values of {}, so the function runs without them",
        first_of(LISTED, missing.iter())
    );
    let place = function.places.function.clone();
    let finding = Finding::warning(Code::DeployedValue, place, message);
    terminal.finding(finding.help(format!("pass `--env {first}=VALUE`")));
}

/// The functions that the user named, or all that limg does not leave alone, and shows the warnings about them.
pub(super) fn functions(
    loaded: &Loaded,
    names: &[String],
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Vec<Function>, CommandError> {
    let (all, unbuildable) = (&loaded.project.functions, &loaded.unbuildable);
    let mut selected: Vec<&Function> = Vec::new();
    let mut errors: Vec<Finding> = Vec::new();
    for name in names {
        let name = loaded.name_of(name);
        if let Some(function) = all.iter().find(|function| function.name == *name) {
            if selected.iter().all(|other| other.name != function.name) {
                selected.push(function);
            }
        } else if let Some(other) = unbuildable.iter().find(|other| other.name == *name) {
            if let Some(why) = other.why_left_alone() {
                return Err(CommandError::LeftAlone { name: name.to_owned(), why });
            }
            errors.extend(other.errors().iter().cloned());
        } else {
            let known = all.iter().map(|function| &function.name);
            let known = known.chain(unbuildable.iter().map(|other| &other.name)).cloned().collect();
            return Err(CommandError::UnknownFunction { name: name.to_owned(), known });
        }
    }
    if names.is_empty() {
        selected.extend(all);
        errors.extend(unbuildable.iter().flat_map(Unbuildable::errors).cloned());
    }
    if !errors.is_empty() {
        let findings = loaded.sources.locate(&errors);
        return Err(DefinitionError::Findings { file: loaded.file.clone(), findings }.into());
    }
    if selected.is_empty() {
        return Err(CommandError::AllLeftAlone {
            reasons: unbuildable.iter().filter_map(Unbuildable::reason_to_leave).collect(),
        });
    }
    if names.is_empty() {
        for reason in unbuildable.iter().filter_map(Unbuildable::reason_to_leave) {
            terminal.status(&format!("left alone: {reason}"));
        }
    }
    let selected: Vec<Function> = selected.into_iter().cloned().collect();
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

/// The one function that the user named, or the only one, to run it.
pub(super) fn function_to_run(
    loaded: &Loaded,
    name: Option<String>,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Function, CommandError> {
    let function = one_function(loaded, name, settings, terminal)?;
    warn_of_deployed_variables(&function, settings, terminal);
    Ok(function)
}

/// The one function that the user named, or the only one.
pub(super) fn one_function(
    loaded: &Loaded,
    name: Option<String>,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Function, CommandError> {
    let names: Vec<String> = name.into_iter().collect();
    let count = loaded.project.functions.len() + loaded.unbuildable.len();
    if names.is_empty() && count > 1 {
        return Err(CommandError::which_function(loaded));
    }
    let selected = functions(loaded, &names, settings, terminal)?;
    selected.into_iter().next().ok_or_else(|| CommandError::which_function(loaded))
}
