//! How the image runs: entry point, command, working directory and environment, by what the base itself does.

use super::environment::Environment;
use super::{Planner, program, wrapper};
use crate::event::Event;
use crate::problem::{DocumentPath, Problem};
use crate::project::{Function, ImagePath, RunConfig};
use crate::runtime::{
    AWS_ENTRYPOINT, Client, LAUNCHER_SCRIPT, LIMG_ENTRYPOINT, LIMG_ENTRYPOINT_SCRIPT, TASK_ROOT,
};
use crate::tree::TreeError;

/// The label by which an image says that snapshots of it may be taken although its runtime takes no part in that (Lambda
/// developer guide, snapstart-runtime-hooks-custom).
const SNAPSTART_LABEL: (&str, &str) = ("com.amazonaws.lambda.feature.snapstart", "Allow");

/// How an image comes to run the function.
enum Entry<'a> {
    /// By the base's own entry script, which takes the handler as its one argument.
    Script {
        /// Whether the bootstrap that it starts runs `AWS_LAMBDA_EXEC_WRAPPER`.
        honours_wrapper: bool,
    },
    /// By limg's launcher as the entry point.
    Launcher(ImagePath),
    /// By the program itself: the base has no shell to run a launcher.
    Program(ImagePath),
    /// By an entry point of the base, or of the definition in its place, that limg does not know.
    Foreign(Vec<String>),
    /// By the language's client: the base has no entry point.
    Client(&'a Client),
}

impl<'a> Planner<'a> {
    /// Environment, entry point, command and working directory.
    pub(super) fn run_config(&mut self) -> Result<RunConfig, TreeError> {
        let function = self.function;
        let entry = self.entry()?;
        let keeps_contract = matches!(entry, Some(Entry::Script { .. }));
        let mut environment = Environment::new(self.base.run, self.contract, keeps_contract);
        if let Some(Entry::Client(client)) = &entry {
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
        if self.contract.search_paths.contains_key("NODE_PATH")
            && self.merged.is_directory("/opt/node_modules")
        {
            environment.set("NODE_PATH", "/opt/node_modules");
        }
        let command = self.command(handler, entry.as_ref());
        let entrypoint = self.entrypoint(entry, &mut environment)?;
        let own_directory = self.base.run.working_directory.clone().filter(|_| keeps_contract);
        let (label, value) = SNAPSTART_LABEL;
        let labels = function.snapstart.then(|| (label.to_owned(), value.to_owned()));
        Ok(RunConfig {
            environment: environment.into_variables(),
            entrypoint: Some(entrypoint),
            command,
            working_directory: Some(own_directory.unwrap_or_else(|| TASK_ROOT.to_owned())),
            labels: labels.into_iter().collect(),
        })
    }

    /// The entry point, with the wrappers where the entry finds them: named by the variable, or else in front.
    fn entrypoint(
        &mut self,
        entry: Option<Entry<'a>>,
        environment: &mut Environment<'_>,
    ) -> Result<Vec<String>, TreeError> {
        let wrappers = wrapper::chain(self.function, self.base.run, &mut self.findings)?;
        wrapper::check(&wrappers, &self.merged, &mut self.findings)?;
        let mut entrypoint = Vec::new();
        let is_foreign = match &entry {
            // What comes to Lambda's own script in the end runs the wrapper there.
            Some(Entry::Foreign(words)) => words.iter().all(|word| word != AWS_ENTRYPOINT),
            Some(Entry::Client(_)) => true,
            _ => false,
        };
        let has_script = is_foreign && self.base.index.has_file("/bin/sh");
        match &entry {
            _ if has_script => {
                self.name_wrappers(&wrappers, environment)?;
                self.warn_of_arguments(&wrappers);
                self.add_lowest("entry script", LIMG_ENTRYPOINT.parse().ok(), LIMG_ENTRYPOINT_SCRIPT);
                entrypoint.push(LIMG_ENTRYPOINT.to_owned());
            }
            Some(Entry::Script { honours_wrapper: true } | Entry::Launcher(_)) => {
                self.name_wrappers(&wrappers, environment)?;
            }
            Some(Entry::Foreign(_)) if !is_foreign && self.contract.honours_wrapper => {
                self.name_wrappers(&wrappers, environment)?;
            }
            Some(Entry::Script { honours_wrapper: false }) if !wrappers.is_empty() => {
                let message =
                    "the base brings its own bootstrap, of which limg does not know whether it runs wrappers";
                self.findings.problems.push(Problem::new("wrapper-ignored", self.at.clone(), message).help(
                    "leave the wrappers out, or use a base without a bootstrap and bring it as a layer",
                ));
            }
            _ => entrypoint.extend(wrappers.iter().map(|wrapper| wrapper.path.to_string())),
        }
        match entry {
            Some(Entry::Script { .. }) => entrypoint.push(AWS_ENTRYPOINT.to_owned()),
            Some(Entry::Launcher(path) | Entry::Program(path)) => entrypoint.push(path.into()),
            Some(Entry::Foreign(words)) => entrypoint.extend(words),
            Some(Entry::Client(client)) => entrypoint.extend(client.command.iter().cloned()),
            None => {}
        }
        self.check_first_word(&entrypoint);
        Ok(entrypoint)
    }

    /// Names the wrappers by their variable, and adds the script that it takes for several.
    fn name_wrappers(
        &mut self,
        wrappers: &[wrapper::Placed<'_>],
        environment: &mut Environment<'_>,
    ) -> Result<(), TreeError> {
        if let Some((path, script)) = wrapper::variable(wrappers, self.function)? {
            environment.set(wrapper::VARIABLE, path.as_str());
            if let Some(script) = script {
                self.add_own(&format!("wrapper chain of {}", self.function.name), path, &script);
            }
        }
        Ok(())
    }

    /// Warns that a wrapper that counts its arguments from the end counts otherwise on Lambda's own bases, whose Python
    /// command ends with `bootstrap.py`. The example of the Lambda developer guide (runtimes-modify) does.
    fn warn_of_arguments(&mut self, wrappers: &[wrapper::Placed<'_>]) {
        if let Some(wrapper) =
            wrappers.last().filter(|_| self.contract.search_paths.contains_key("PYTHONPATH"))
        {
            let message = format!(
                "on the base `{}`, the last argument of the wrapper `{}` is the handler and not a script",
                self.function.base.name, wrapper.path
            );
            let problem = Problem::new("wrapper-arguments", wrapper.at.clone(), message);
            self.findings.notes.push(Event::Warning(problem.help(
                "that does not matter to one that ends with `exec \"$@\"`; one that adds options for the interpreter must put \
                 them behind its name",
            )));
        }
    }

    /// Adds a program of limg's own below everything else: it never changes.
    fn add_lowest(&mut self, name: &str, path: Option<ImagePath>, content: &str) {
        if let Some(path) = path {
            self.add_own(name, path, content);
            self.layers.rotate_right(1);
        }
    }

    /// Lambda wants the program of the entry point to be no link (Lambda developer guide, troubleshooting-images).
    fn check_first_word(&mut self, entrypoint: &[String]) {
        let program = entrypoint.first().and_then(|word| word.parse::<ImagePath>().ok());
        if let Some(path) = program.filter(|path| self.merged.is_link(path)) {
            let message = format!("the entry point `{path}` is a symbolic link, which Lambda does not take");
            self.findings.problems.push(
                Problem::new("entry-point-link", self.at.clone(), message)
                    .help("put the program itself there instead of a link to it"),
            );
        }
    }

    /// The handler as the one argument of the entry point. A base's own command holds for its own entry point.
    fn command(&mut self, handler: Option<&str>, entry: Option<&Entry<'_>>) -> Option<Vec<String>> {
        let handler = handler.map(|handler| vec![handler.to_owned()]);
        let is_replaced = self.function.base.entrypoint.is_some();
        let inherited = self.base.run.command.clone().filter(|_| !is_replaced);
        match entry {
            Some(Entry::Script { .. }) => {
                let command = handler.or(inherited.filter(|command| command.len() == 1));
                if command.is_none() {
                    self.findings.problems.push(
                        Problem::new(
                            "no-handler",
                            self.at.clone(),
                            "the base's entry script needs a handler",
                        )
                        .help("add `handler:`; a custom runtime that does not look at it takes any word"),
                    );
                }
                command
            }
            Some(Entry::Foreign(_)) => handler.or(inherited),
            Some(Entry::Launcher(_) | Entry::Program(_) | Entry::Client(_)) | None => handler,
        }
    }

    /// Decides how the image runs the function, and adds the launcher where the base needs it.
    fn entry(&mut self) -> Result<Option<Entry<'a>>, TreeError> {
        self.check_given_entry_point()?;
        let own = self.function.base.entrypoint.clone().or_else(|| self.base.run.entrypoint.clone());
        let script = own.as_deref().is_some_and(|words| words == [AWS_ENTRYPOINT]);
        let honours_wrapper = self.contract.honours_wrapper;
        let Some(launcher) = &self.contract.launcher else {
            return Ok(match own {
                Some(_) if script => Some(Entry::Script { honours_wrapper }),
                Some(words) => Some(Entry::Foreign(words)),
                None => self.client().map(Entry::Client),
            });
        };
        // An entry point that was only inherited gives way to the custom runtime that the function brings.
        let is_given = self.function.base.entrypoint.is_some();
        let brings_runtime =
            program::bootstrap_paths()?.iter().any(|path| self.merged.owner(path.as_str()).is_some());
        if let Some(words) = own.filter(|_| !script && (is_given || !brings_runtime)) {
            return Ok(Some(Entry::Foreign(words)));
        }
        // A base of the user's own may bring its runtime.
        if script && self.merged.is_file(launcher) {
            return Ok(Some(Entry::Script { honours_wrapper }));
        }
        let Some(bootstrap) = program::bootstrap(&self.merged, &self.at, &mut self.findings)? else {
            return Ok(None);
        };
        if !script && !self.base.index.has_file("/bin/sh") {
            return Ok(Some(Entry::Program(bootstrap)));
        }
        self.add_lowest("launcher", Some(launcher.clone()), LAUNCHER_SCRIPT);
        Ok(Some(if script {
            Entry::Script { honours_wrapper: true }
        } else {
            Entry::Launcher(launcher.clone())
        }))
    }

    /// An entry point that the definition gives must be there.
    fn check_given_entry_point(&mut self) -> Result<(), TreeError> {
        let program = self.function.base.entrypoint.as_deref().and_then(<[String]>::first);
        let Some(path) = program.and_then(|word| word.parse::<ImagePath>().ok()) else { return Ok(()) };
        let at = DocumentPath::keys(&["bases", &self.function.base.name, "entrypoint"]);
        if self.merged.resolve(&path).is_none() {
            let message = format!("the entry point `{path}` is not in the image");
            self.findings.problems.push(
                Problem::new("missing-entrypoint", at, message)
                    .help("the base, a layer, an extension or the code must bring it"),
            );
            return Ok(());
        }
        program::check(&self.merged, &path, &format!("the entry point `{path}`"), &at, &mut self.findings)
    }

    /// The language's client, for a base without an entry point, if there is what starts it.
    fn client(&mut self) -> Option<&'a Client> {
        let (base, contract) = (&self.function.base.name, self.contract);
        let starter = contract.client.as_ref().and_then(|client| client.command.first());
        if let Some(client) = &contract.client
            && starter.is_some_and(|program| self.base.index.has_file(program))
        {
            return Some(client);
        }
        let why = match starter {
            Some(program) => format!("and no `{program}` that would find its runtime interface client"),
            None => "so nothing in it would start the handler".to_owned(),
        };
        let message = format!("the base `{base}` has no entry point, {why}");
        self.findings.problems.push(Problem::new("no-entrypoint", self.at.key("runtime"), message).help(format!(
            "say how it starts the handler with `entrypoint:` under `bases`, or use a base that keeps the contract of `{}`",
            contract.id
        )));
        None
    }
}

/// The handler that Lambda is to call, and the variables by which it is handed on: the first handler wrapper is called, each
/// names the next, and the last the function's own handler.
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
