//! What starts the function in an image, by what the base itself does.

use super::{Planner, places};
use crate::project::ImagePath;
use crate::runtime::{AWS_ENTRYPOINT, Client, LAUNCHER_SCRIPT};
use crate::tree::TreeError;

/// What starts the function.
#[derive(Debug)]
pub(crate) enum Startup<'a> {
    /// The base's own entry script, which takes the handler as its one argument.
    Script {
        /// Whether the bootstrap that it starts runs `AWS_LAMBDA_EXEC_WRAPPER`.
        honours_wrapper: bool,
        /// The custom runtime that limg's launcher starts, if limg adds one.
        bootstrap: Option<ImagePath>,
    },
    /// limg's launcher as the entry point.
    Launcher {
        /// Its path.
        launcher: ImagePath,
        /// The custom runtime that it starts.
        bootstrap: ImagePath,
    },
    /// The custom runtime itself: the base has no shell to run a launcher.
    Program(ImagePath),
    /// An entry point of the base, or of the definition, that limg does not know.
    Foreign(Vec<String>),
    /// The language's client: the base has no entry point.
    Client(&'a Client),
    /// Nothing: there is no custom runtime.
    NoBootstrap,
    /// Nothing: the base has neither an entry point nor the program that would start the language's client.
    NoEntryPoint,
}

impl Startup<'_> {
    /// The custom runtime that is started, if any.
    #[must_use]
    pub(crate) fn bootstrap(&self) -> Option<&ImagePath> {
        match self {
            Self::Script { bootstrap, .. } => bootstrap.as_ref(),
            Self::Launcher { bootstrap, .. } | Self::Program(bootstrap) => Some(bootstrap),
            Self::Foreign(_) | Self::Client(_) | Self::NoBootstrap | Self::NoEntryPoint => None,
        }
    }
}

impl<'a> Planner<'_, 'a> {
    /// Decides what starts the function, and adds the launcher where the base needs it.
    pub(super) fn startup(&mut self) -> Result<Startup<'a>, TreeError> {
        let given = self.function.base.entrypoint.as_ref().map(|entry| entry.command.clone());
        let is_given = given.is_some();
        let own = given.or_else(|| self.base.run.entrypoint.clone());
        let is_script = own.as_deref().is_some_and(|words| words == [AWS_ENTRYPOINT]);
        let honours_wrapper = self.contract.honours_wrapper;
        let Some(launcher) = &self.contract.launcher else {
            return Ok(match own {
                Some(_) if is_script => Startup::Script { honours_wrapper, bootstrap: None },
                Some(words) => Startup::Foreign(words),
                None => self.client().map_or(Startup::NoEntryPoint, Startup::Client),
            });
        };
        // An entry point that was only inherited gives way to the function's own custom runtime.
        let bootstraps = places::bootstraps()?;
        let has_runtime = bootstraps.iter().any(|path| self.merged.owner(path.as_str()).is_some());
        if let Some(words) = own.filter(|_| !is_script && (is_given || !has_runtime)) {
            return Ok(Startup::Foreign(words));
        }
        // A base of the user's own may contain its runtime.
        if is_script && self.merged.is_file(launcher) {
            return Ok(Startup::Script { honours_wrapper, bootstrap: None });
        }
        let Some(bootstrap) = bootstraps.into_iter().find(|path| self.merged.is_file(path)) else {
            return Ok(Startup::NoBootstrap);
        };
        if !is_script && !self.base.index.has_file("/bin/sh") {
            return Ok(Startup::Program(bootstrap));
        }
        self.add_lowest("launcher", launcher.clone(), LAUNCHER_SCRIPT);
        Ok(if is_script {
            Startup::Script { honours_wrapper: true, bootstrap: Some(bootstrap) }
        } else {
            Startup::Launcher { launcher: launcher.clone(), bootstrap }
        })
    }

    /// The language's client, if the base has the program that starts it.
    fn client(&self) -> Option<&'a Client> {
        let client = self.contract.client.as_ref()?;
        client.command.first().is_some_and(|program| self.base.index.has_file(program)).then_some(client)
    }
}
