//! How the image runs: entry point, command, working directory and environment.

use super::environment::Environment;
use super::{PlacedWrapper, Planner, Startup, WorkingDirectory, wrapper};
use crate::project::{Function, RunConfig};
use crate::runtime::{AWS_ENTRYPOINT, LIMG_ENTRYPOINT, LIMG_ENTRYPOINT_SCRIPT, Language, WRAPPER_VARIABLE};
use crate::tree::TreeError;

/// The label by which an image allows snapshots although its runtime takes no part in them (Lambda developer guide,
/// snapstart-runtime-hooks-custom).
const SNAPSTART_LABEL: (&str, &str) = ("com.amazonaws.lambda.feature.snapstart", "Allow");

impl Planner<'_, '_> {
    /// Environment, entry point and command, with the working directory.
    pub(super) fn run_config(
        &mut self,
        startup: &Startup<'_>,
        wrappers: &[PlacedWrapper],
        directory: &WorkingDirectory,
    ) -> Result<RunConfig, TreeError> {
        let function = self.function;
        let keeps_contract = matches!(startup, Startup::Script { .. });
        let mut environment = Environment::new(self.base.run, self.contract, keeps_contract);
        // An entry point that limg does not know may start the client too.
        if matches!(startup, Startup::Client(_) | Startup::Foreign(_))
            && let Some(client) = &self.contract.client
        {
            environment.complete(&client.environment);
        }
        for extension in &function.extensions {
            environment.extend(&extension.environment);
        }
        environment.extend(&function.environment);
        let (handler, variables) = redirect(function);
        for (name, value) in variables {
            environment.set(name, value);
        }
        if self.contract.language() == Some(Language::Node) && self.merged.is_directory("/opt/node_modules") {
            environment.set("NODE_PATH", "/opt/node_modules");
        }
        let command = self.command(handler, startup);
        let entrypoint = self.entrypoint(startup, wrappers, &mut environment)?;
        let (label, value) = SNAPSTART_LABEL;
        let labels = function.snapstart.then(|| (label.to_owned(), value.to_owned()));
        Ok(RunConfig {
            environment: environment.into_variables(),
            entrypoint: Some(entrypoint),
            command,
            working_directory: Some(directory.path.clone()),
            labels: labels.into_iter().collect(),
        })
    }

    /// The entry point, with the wrappers where it finds them: named by the variable, or else in front.
    fn entrypoint(
        &mut self,
        startup: &Startup<'_>,
        wrappers: &[PlacedWrapper],
        environment: &mut Environment<'_>,
    ) -> Result<Vec<String>, TreeError> {
        let mut entrypoint = Vec::new();
        let is_foreign = match startup {
            // An entry point that ends in Lambda's own script runs the wrapper there.
            Startup::Foreign(words) => words.iter().all(|word| word != AWS_ENTRYPOINT),
            Startup::Client(_) => true,
            _ => false,
        };
        match startup {
            _ if is_foreign && self.base.index.has_file("/bin/sh") => {
                self.name_wrappers(wrappers, environment)?;
                self.add_lowest("entry script", super::image_path(LIMG_ENTRYPOINT)?, LIMG_ENTRYPOINT_SCRIPT);
                entrypoint.push(LIMG_ENTRYPOINT.to_owned());
            }
            Startup::Script { honours_wrapper: true, .. } | Startup::Launcher { .. } => {
                self.name_wrappers(wrappers, environment)?;
            }
            Startup::Foreign(_) if !is_foreign && self.contract.honours_wrapper => {
                self.name_wrappers(wrappers, environment)?;
            }
            // A bootstrap that may not run wrappers gets none in front of the script either.
            Startup::Script { honours_wrapper: false, .. } => {}
            _ => entrypoint.extend(wrappers.iter().map(|wrapper| wrapper.path.to_string())),
        }
        match startup {
            Startup::Script { .. } => entrypoint.push(AWS_ENTRYPOINT.to_owned()),
            Startup::Launcher { launcher: path, .. } | Startup::Program(path) => {
                entrypoint.push(path.to_string());
            }
            Startup::Foreign(words) => entrypoint.extend(words.iter().cloned()),
            Startup::Client(client) => entrypoint.extend(client.command.iter().cloned()),
            Startup::NoBootstrap | Startup::NoEntryPoint => {}
        }
        Ok(entrypoint)
    }

    /// Names the wrappers by their variable, and adds the script that this takes for several.
    fn name_wrappers(
        &mut self,
        wrappers: &[PlacedWrapper],
        environment: &mut Environment<'_>,
    ) -> Result<(), TreeError> {
        if let Some((path, script)) = wrapper::variable(wrappers, self.function)? {
            environment.set(WRAPPER_VARIABLE, path.as_str());
            if let Some(script) = script {
                self.add_own(format!("wrapper chain of {}", self.function.image.name), path, &script);
            }
        }
        Ok(())
    }

    /// The handler as the one argument of the entry point. A base's own command is for its own entry point.
    fn command(&self, handler: Option<&str>, startup: &Startup<'_>) -> Option<Vec<String>> {
        let handler = handler.map(|handler| vec![handler.to_owned()]);
        let is_replaced = self.function.base.entrypoint.is_some();
        let inherited = self.base.run.command.clone().filter(|_| !is_replaced);
        match startup {
            Startup::Script { .. } => handler.or(inherited.filter(|command| command.len() == 1)),
            Startup::Foreign(_) => handler.or(inherited),
            _ => handler,
        }
    }
}

/// The handler that Lambda calls, and the variables that pass it on: the first handler wrapper is called, each names the
/// next, and the last names the function's own handler.
fn redirect(function: &Function) -> (Option<&str>, Vec<(&str, &str)>) {
    let wrappers = function.extensions.iter().filter_map(|extension| extension.handler_wrapper.as_ref());
    let wrappers: Vec<_> = wrappers.chain(&function.handler_wrapper).collect();
    let mut handler = function.handler.as_deref();
    let mut variables = Vec::new();
    for wrapper in wrappers.into_iter().rev() {
        variables.extend(handler.map(|handler| (wrapper.variable.as_str(), handler)));
        handler = Some(&wrapper.handler);
    }
    (handler, variables)
}
