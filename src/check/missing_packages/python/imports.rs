//! Follows imports from the handler's module through the modules of the code.
//!
//! Installed packages are not followed: what they need is what their own metadata says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::{Source, Subject};
use crate::check::handler_module::Module;
use crate::files::PythonImport;
use crate::project::ImagePath;
use crate::runtime::TASK_ROOT;
use crate::tree::{Node, Tree, TreeError};

/// How many modules of the code are followed: many times what a function has without its packages.
const MODULES_LIMIT: usize = 500;

/// What the code imports from elsewhere.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// The names of the modules, without what is below them, that are not in the code.
    pub(super) modules: BTreeSet<String>,
    /// Those of them that are imported whenever the handler's module is loaded, by the file that does so.
    pub(super) certain: BTreeMap<ImagePath, BTreeSet<String>>,
    /// Whether the code may import more than that.
    pub(super) may_be_more: bool,
    /// Whether the code may change where modules are found.
    pub(super) changes_search: bool,
}

impl Imports {
    /// What the handler's module imports, itself or through other modules of the code. If it is not in the code, what all modules
    /// of the code import.
    pub(super) fn of(subject: &Subject<'_>, code: &Source<'_>) -> Result<Self, TreeError> {
        let tree = &code.tree.tree;
        let handler = subject.function.handler.as_deref().unwrap_or_default();
        let files = Module::of(handler, &subject.contract.id).map(|module| module.files());
        let files = files.into_iter().flatten().filter_map(|file| format!("{TASK_ROOT}/{file}").parse().ok());
        let mut files = files.filter(|path: &ImagePath| path.suffix() == Some("py"));
        let handler = files.find(|path| is_file(tree, path));
        // Modules behind a link, or in further folders, are not followed.
        let has_variable = has_search_variable(subject);
        let may_be_more = has_variable || !code.tree.links.is_empty();
        let mut imports = Self { may_be_more, changes_search: has_variable, ..Self::default() };
        if let Some(handler) = handler {
            // A module of a package is loaded after the package.
            let packages = handler.ancestors().filter_map(|folder| folder.join("__init__.py").ok());
            let packages = packages.filter(|path| path.is_below(TASK_ROOT) && is_file(tree, path));
            let start: Vec<_> = packages.chain([handler.clone()]).collect();
            imports.follow(subject, code, start.clone(), false)?;
            imports.follow(subject, code, start, true)?;
        } else {
            let own = tree.below(TASK_ROOT).map(|(path, _)| path);
            let own = own.filter(|path| path.suffix() == Some("py") && !is_installed(subject, path));
            let start: Vec<_> = own.cloned().collect();
            imports.may_be_more |= start.is_empty();
            imports.follow(subject, code, start, false)?;
        }
        Ok(imports)
    }

    /// Follows imports from some modules: all, or those alone that run whenever a module is loaded.
    fn follow(
        &mut self,
        subject: &Subject<'_>,
        code: &Source<'_>,
        start: Vec<ImagePath>,
        is_certain: bool,
    ) -> Result<(), TreeError> {
        let tree = &code.tree.tree;
        let mut seen: BTreeSet<_> = start.iter().cloned().collect();
        let mut next = VecDeque::from(start);
        let mut count = 0;
        while let Some(path) = next.pop_front() {
            count += 1;
            if count > MODULES_LIMIT {
                self.may_be_more = true;
                break;
            }
            let Some(module) = code.tree.python_imports.of(tree, &path)? else { continue };
            self.may_be_more |= module.may_import_more;
            self.changes_search |= module.changes_search;
            for import in module.imports.iter().filter(|import| !is_certain || import.is_unconditional) {
                let (top, files) = resolve(tree, &path, import);
                if let Some(top) = top {
                    if is_certain {
                        self.certain.entry(path.clone()).or_default().insert(top.to_owned());
                    } else {
                        self.modules.insert(top.to_owned());
                    }
                }
                for file in files {
                    if !is_installed(subject, &file) && seen.insert(file.clone()) {
                        next.push_back(file);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether the function's environment adds folders in which modules are found.
fn has_search_variable(subject: &Subject<'_>) -> bool {
    let own = subject.function.environment.keys().chain(subject.function.configuration.keys());
    let base = subject.base.environment.iter().map(|(name, _)| name);
    own.chain(base).any(|name| name == "PYTHONPATH")
}

/// Whether a file came with a package.
fn is_installed(subject: &Subject<'_>, path: &ImagePath) -> bool {
    subject.trees.recorded.contains(path)
}

fn is_file(tree: &Tree, path: &ImagePath) -> bool {
    matches!(tree.get(path), Some(Node::File(_)))
}

/// The files of the code that an import loads; if the code has not even a folder for it, the module that it names.
fn resolve<'a>(
    tree: &Tree,
    importer: &ImagePath,
    import: &'a PythonImport,
) -> (Option<&'a str>, Vec<ImagePath>) {
    let mut folder = TASK_ROOT.to_owned();
    if import.level > 0 {
        let ends = importer.as_str().rmatch_indices('/').map(|(end, _)| end);
        match ends.take(import.level).last().and_then(|end| importer.as_str().get(..end)) {
            Some(package) if package.starts_with(TASK_ROOT) => package.clone_into(&mut folder),
            _ => return (None, Vec::new()),
        }
    }
    let mut files = Vec::new();
    let mut place = folder.clone();
    for (number, name) in import.name.split('.').filter(|name| !name.is_empty()).enumerate() {
        place = format!("{place}/{name}");
        let file = module_at(tree, &place);
        if number == 0 && import.level == 0 && file.is_none() && tree.get_or_implied(&place).is_none() {
            return (Some(name), Vec::new());
        }
        files.extend(file);
    }
    if import.name.is_empty() {
        files.extend(format!("{place}/__init__.py").parse().ok().filter(|path| is_file(tree, path)));
    }
    files.extend(import.members.iter().filter_map(|member| module_at(tree, &format!("{place}/{member}"))));
    (None, files)
}

/// The file of the module at a path without an ending. A package precedes a file.
fn module_at(tree: &Tree, path: &str) -> Option<ImagePath> {
    let files = ["/__init__.py", ".py"].iter().filter_map(|ending| format!("{path}{ending}").parse().ok());
    let mut files = files.filter(|path| is_file(tree, path));
    files.next()
}
