//! The variables of the image: the base's, completed, then those of the extensions and the function.

use std::collections::BTreeMap;

use crate::project::RunConfig;
use crate::runtime::{Contract, RUNTIME_DIR, TASK_ROOT, WRAPPER_VARIABLE};

/// Variables that are lists: another value is appended instead of replacing them.
const LISTS: [(&str, &str); 9] = [
    ("NODE_OPTIONS", " "),
    ("JAVA_TOOL_OPTIONS", " "),
    ("RUBYOPT", " "),
    ("DOTNET_STARTUP_HOOKS", ":"),
    ("PYTHONPATH", ":"),
    ("NODE_PATH", ":"),
    ("CLASSPATH", ":"),
    ("GEM_PATH", ":"),
    ("RUBYLIB", ":"),
];

/// Variables that every AWS base image sets, for bases that do not, with the values that Lambda uses for a runtime without a
/// language (the published Dockerfiles of aws/aws-lambda-base-images; Lambda developer guide, configuration-envvars).
const COMPLETION: [(&str, &str); 6] = [
    ("LANG", "en_US.UTF-8"),
    ("TZ", ":/etc/localtime"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin"),
    ("LD_LIBRARY_PATH", "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"),
    ("LAMBDA_TASK_ROOT", TASK_ROOT),
    ("LAMBDA_RUNTIME_DIR", RUNTIME_DIR),
];

/// The folders of layers that a base's own search paths must contain.
const LAYER_ENTRIES: [(&str, &str); 2] = [("PATH", "/opt/bin"), ("LD_LIBRARY_PATH", "/opt/lib")];

/// The variables of an image, in order.
pub(super) struct Environment<'a> {
    contract: &'a Contract,
    variables: Vec<(String, String)>,
}

impl<'a> Environment<'a> {
    /// Starts from the base's variables. A base without the contract's entry script also gets the variables that AWS's images
    /// set, and the search paths that their bootstrap would set.
    pub(super) fn new(base: &RunConfig, contract: &'a Contract, keeps_contract: bool) -> Self {
        let mut environment = Self { contract, variables: Vec::new() };
        for (name, value) in &base.environment {
            if name != WRAPPER_VARIABLE {
                environment.put(name, value.clone());
            }
        }
        for (name, entry) in LAYER_ENTRIES {
            if let Some(value) = environment.get(name)
                && value.split(':').all(|own| own != entry)
            {
                let value = join([value, entry], ":");
                environment.put(name, value);
            }
        }
        for (name, value) in COMPLETION {
            if environment.get(name).is_none() {
                environment.put(name, value.to_owned());
            }
        }
        let mut search_paths: BTreeMap<_, _> = contract.search_paths.iter().collect();
        if !keeps_contract {
            search_paths.extend(contract.foreign_search_paths.iter());
        }
        for (name, entries) in search_paths {
            // A bootstrap adds nothing to a variable that is set, even by the base.
            let value = environment.get(name).unwrap_or_default().to_owned();
            if !keeps_contract || !value.is_empty() {
                let missing =
                    entries.iter().filter(|entry| value.split(':').all(|own| own != entry.as_str()));
                let mut joined = join(missing.map(String::as_str).chain([value.as_str()]), ":");
                if value.is_empty() && entries.last().is_some_and(String::is_empty) {
                    joined.push(':');
                }
                environment.put(name, joined);
            }
        }
        environment
    }

    /// Sets the variables that are not set.
    pub(super) fn complete(&mut self, variables: &BTreeMap<String, String>) {
        for (name, value) in variables {
            if self.get(name).is_none() {
                self.put(name, value.clone());
            }
        }
    }

    /// Sets variables, or appends to those that are lists.
    pub(super) fn extend(&mut self, variables: &BTreeMap<String, String>) {
        for (name, value) in variables {
            self.set(name, value);
        }
    }

    /// Sets a variable, or appends to it if it is a list. A list that the runtime fills only when it is not set gets the
    /// runtime's own entries first.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let Some(&(_, separator)) = LISTS.iter().find(|(list, _)| *list == name) else {
            return self.put(name, value.to_owned());
        };
        let own = || self.contract.search_paths.get(name).map(|entries| entries.join(":"));
        let before = self.get(name).filter(|value| !value.is_empty()).map(str::to_owned).or_else(own);
        let before = before.unwrap_or_default();
        // An empty entry at the end stays there: RubyGems reads it nowhere else.
        let (before, end) = match before.strip_suffix(separator) {
            Some(before) if separator == ":" => (before, separator),
            _ => (before.as_str(), ""),
        };
        let value = join([before, value], separator) + end;
        self.put(name, value);
    }

    pub(super) fn into_variables(self) -> Vec<(String, String)> {
        self.variables
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn put(&mut self, name: &str, value: String) {
        match self.variables.iter_mut().find(|(own, _)| own == name) {
            Some((_, own)) => *own = value,
            None => self.variables.push((name.to_owned(), value)),
        }
    }
}

/// Joins the non-empty parts: an empty entry of a search path would mean the working directory.
fn join<'a>(parts: impl IntoIterator<Item = &'a str>, separator: &str) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(separator)
}
