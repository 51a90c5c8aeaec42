//! What is known of the packages and modules in the image.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::super::Subject;
use super::super::requirements::normalised;
use super::imports::Imports;
use super::{GIVEN, standard_library, version};
use crate::files::package_of_metadata;
use crate::runtime::TASK_ROOT;

/// The modules of given packages whose names differ from theirs, and those that AWS's bases have at `/var/runtime`.
const GIVEN_MODULES: &[&str] = &[
    "bootstrap",
    "dateutil",
    "lambda_runtime_client",
    "lambda_runtime_exception",
    "lambda_runtime_log_utils",
    "lambda_runtime_marshaller",
    "pkg_resources",
    "snapshot_restore_py",
];

/// What is known of the packages in the image.
pub(super) struct Installed<'a> {
    subject: &'a Subject<'a>,
    /// The normalised names in the metadata of packages.
    names: BTreeSet<String>,
    /// Those of the base, once they are needed.
    of_base: OnceCell<BTreeSet<String>>,
    /// The modules that the code and layers have where Python finds them, or anywhere if the code changes where that is, and
    /// those of the base, once they are needed.
    modules: OnceCell<BTreeSet<String>>,
    is_anywhere: bool,
    /// Whether a layer without metadata has modules.
    pub(super) is_layer_unknown: bool,
    /// Whether the base was not read.
    pub(super) is_base_unknown: bool,
}

impl<'a> Installed<'a> {
    pub(super) fn of(subject: &'a Subject<'a>, imports: &Imports) -> Self {
        let mut names = BTreeSet::new();
        let mut is_layer_unknown = false;
        let has_tool = subject.function.build_command.is_some();
        for source in subject.sources() {
            let python = &source.tree.python;
            names.extend(python.names.iter().map(|name| normalised(name)));
            // What is in a local layer of a project with a tool is what the project's sources say.
            let is_judged = source.is_code || (has_tool && source.files.is_some());
            is_layer_unknown |= !is_judged && python.names.is_empty() && python.has_modules;
        }
        // An error can be decided with all files of the base, a warning is not worth reading them.
        let is_unread = !subject.plan.merged.base().is_full() && subject.function.base.image.is_some();
        Self {
            subject,
            of_base: OnceCell::new(),
            modules: OnceCell::new(),
            is_anywhere: imports.changes_search,
            is_layer_unknown: is_layer_unknown && names.is_empty(),
            names,
            is_base_unknown: is_unread && !has_tool,
        }
    }

    /// Whether any package has metadata.
    pub(super) fn has_metadata(&self) -> bool {
        !self.names.is_empty()
    }

    /// Whether a package is not installed, and no module has a name that resembles its.
    pub(super) fn lacks(&self, name: &str) -> bool {
        let of_base = || {
            let paths = self.subject.plan.merged.base().paths();
            let names = paths.filter_map(|path| package_of_metadata(path.as_str()));
            names.map(|name| normalised(&name)).collect()
        };
        !self.names.contains(name)
            && !resembling(name).iter().any(|module| self.subject.has_python_module(module, None))
            && !self.of_base.get_or_init(of_base).contains(name)
    }

    /// Whether Python finds a module: in its standard library, the code, a layer or the base.
    pub(super) fn explains(&self, module: &str) -> bool {
        standard_library::has(module, version(self.subject))
            || GIVEN.contains(&module)
            || GIVEN_MODULES.contains(&module)
            || self.modules.get_or_init(|| self.modules()).contains(module)
    }

    fn modules(&self) -> BTreeSet<String> {
        let Subject { contract, plan, .. } = self.subject;
        let stem = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        let folders = contract.search_path("PYTHONPATH").chain([TASK_ROOT]);
        let folders = folders.chain(plan.run.working_directory.as_deref());
        let own = folders.flat_map(|folder| plan.merged.children(folder));
        let mut modules: BTreeSet<_> = own.map(|path| stem(path.name())).collect();
        let base = plan.merged.base().paths().flat_map(|path| path.as_str().split('/'));
        modules.extend(base.map(stem));
        if self.is_anywhere {
            modules.extend(plan.merged.paths().flat_map(|path| path.as_str().split('/')).map(stem));
        }
        modules
    }
}

/// The names that the module of a package may have.
pub(super) fn resembling(package: &str) -> [String; 4] {
    let module = package.replace('-', "_");
    let short = module.trim_end_matches("_binary").trim_end_matches("_python");
    [short.trim_start_matches("python_"), short.trim_start_matches("py"), short, &module].map(str::to_owned)
}
