//! How the image runs: entry point, command, working directory and environment, by what the base itself does.

use super::environment::Environment;
use super::{Planner, program, wrapper};
use crate::problem::Problem;
use crate::project::{ImagePath, RunConfig};
use crate::runtime::{ENTRY_SCRIPT, LAUNCHER, TASK_ROOT};
use crate::tree::TreeError;

/// How an image comes to run the function.
enum Entry {
    /// By the base's own entry script, which takes the handler as its one argument.
    Script {
        /// Whether the bootstrap that it starts runs `AWS_LAMBDA_EXEC_WRAPPER`.
        honours_wrapper: bool,
    },
    /// By limg's launcher as the entry point.
    Launcher(ImagePath),
    /// By the program itself: the base has no shell to run a launcher.
    Program(ImagePath),
    /// By an entry point of the base that limg does not know.
    Foreign(Vec<String>),
}

impl Planner<'_> {
    /// Environment, entry point, command and working directory.
    pub(super) fn run_config(&mut self) -> Result<RunConfig, TreeError> {
        let function = self.function;
        let entry = self.entry()?;
        let keeps_contract = matches!(entry, Some(Entry::Script { .. }));
        let mut environment = Environment::new(self.base.run, self.contract, keeps_contract);
        for extension in &function.extensions {
            environment.extend(&extension.environment);
        }
        environment.extend(&function.environment);
        if self.contract.search_paths.contains_key("NODE_PATH")
            && self.merged.is_directory("/opt/node_modules")
        {
            environment.set("NODE_PATH", "/opt/node_modules");
        }
        let command = self.command(entry.as_ref());
        let entrypoint = self.entrypoint(entry, &mut environment)?;
        let own_directory = self.base.run.working_directory.clone().filter(|_| keeps_contract);
        Ok(RunConfig {
            environment: environment.into_variables(),
            entrypoint: Some(entrypoint),
            command,
            working_directory: Some(own_directory.unwrap_or_else(|| TASK_ROOT.to_owned())),
        })
    }

    /// The entry point, with the wrappers where the entry finds them: named by the variable, or else in front.
    fn entrypoint(
        &mut self,
        entry: Option<Entry>,
        environment: &mut Environment<'_>,
    ) -> Result<Vec<String>, TreeError> {
        let wrappers = wrapper::chain(self.function, self.base.run, &mut self.findings)?;
        wrapper::check(&wrappers, &self.merged, &mut self.findings)?;
        let mut entrypoint = Vec::new();
        match &entry {
            Some(Entry::Script { honours_wrapper: true } | Entry::Launcher(_)) => {
                if let Some((path, script)) = wrapper::variable(&wrappers, self.function)? {
                    environment.set(wrapper::VARIABLE, path.as_str());
                    if let Some(script) = script {
                        self.add_own(format!("wrapper chain of {}", self.function.name), path, &script);
                    }
                }
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
            Some(Entry::Script { .. }) => entrypoint.push(ENTRY_SCRIPT.to_owned()),
            Some(Entry::Launcher(path) | Entry::Program(path)) => entrypoint.push(path.into()),
            Some(Entry::Foreign(words)) => entrypoint.extend(words),
            None => {}
        }
        self.check_first_word(&entrypoint);
        Ok(entrypoint)
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
    fn command(&mut self, entry: Option<&Entry>) -> Option<Vec<String>> {
        let handler = self.function.handler.clone().map(|handler| vec![handler]);
        let inherited = self.base.run.command.clone();
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
            Some(Entry::Launcher(_) | Entry::Program(_)) | None => handler,
        }
    }

    /// Decides how the image runs the function, and adds the launcher where the base needs it.
    fn entry(&mut self) -> Result<Option<Entry>, TreeError> {
        let own = self.base.run.entrypoint.clone();
        let script = own.as_deref().is_some_and(|words| words == [ENTRY_SCRIPT]);
        let honours_wrapper = self.contract.honours_wrapper;
        let Some(launcher) = &self.contract.launcher else {
            if own.is_none() {
                self.no_entry_point();
            }
            let entry =
                |words| if script { Entry::Script { honours_wrapper } } else { Entry::Foreign(words) };
            return Ok(own.map(entry));
        };
        if let Some(words) = own.filter(|_| !script) {
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
        self.add_own("launcher".to_owned(), launcher.clone(), LAUNCHER);
        // It never changes, so it goes below everything that does.
        self.layers.rotate_right(1);
        Ok(Some(if script {
            Entry::Script { honours_wrapper: true }
        } else {
            Entry::Launcher(launcher.clone())
        }))
    }

    fn no_entry_point(&mut self) {
        let (base, contract) = (&self.function.base.name, &self.contract.id);
        let message =
            format!("the base `{base}` has no entry point, so nothing in it would start the handler");
        self.findings.problems.push(Problem::new("no-entrypoint", self.at.key("runtime"), message).help(format!(
            "use a base that keeps the contract of `{contract}`, or one whose ENTRYPOINT is a runtime interface client"
        )));
    }
}
