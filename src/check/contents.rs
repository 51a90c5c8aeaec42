//! Sources whose files are not where Lambda looks, as a whole: there are none, or they are in one archive, one folder, or a
//! virtual environment. And layers whose packages are in a virtual environment, which limg leaves out.

use std::path::Path;

use super::handler_module::Module;
use super::{Source, Subject, named, shown};
use crate::finding::{Code, Finding, Help, Setting};
use crate::project::{ImagePath, SourceKind};
use crate::runtime::Language;
use crate::tree::{Node, Tree, TreeError};

/// Endings of the names of archives.
const ARCHIVES: &[&str] = &["7z", "bz2", "gz", "rar", "tar", "tbz2", "tgz", "txz", "whl", "xz", "zip", "zst"];

/// What is at the root of a layer for some runtime or for all (Lambda developer guide, packaging-layers).
const OF_LAYERS: &[&str] = &[
    "bin",
    "dotnetcore",
    "etc",
    "extensions",
    "java",
    "lib",
    "nodejs",
    "node_modules",
    "python",
    "ruby",
    "share",
];

/// The folder of a layer in and below which Lambda looks for packages of Python. No name that ends so is on limg's list, so
/// limg leaves it out only if it is a virtual environment.
const PYTHON: &str = "python/";

/// What such a virtual environment has for a function. The rest are programs, as links to those of the build machine.
const PYTHON_LIB: &str = "python/lib/";

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    Ok(subject.sources().filter_map(|source| of_source(subject, &source)).collect())
}

fn of_source(subject: &Subject<'_>, source: &Source<'_>) -> Option<Finding> {
    let (tree, files) = (&source.tree.tree, source.files?);
    let mut all = tree.iter().filter(|(_, node)| !matches!(node, Node::Directory)).map(|(path, _)| path);
    if tree.get_or_implied(&format!("{}/pyvenv.cfg", source.root)).is_some() {
        return Some(virtual_environment(source));
    }
    let is_for_python = !source.is_code && subject.contract.language() == Some(Language::Python);
    if is_for_python && tree.left_out().by_default.iter().any(|path| path == PYTHON) {
        return Some(left_out_environment(source));
    }
    match (all.next(), all.next()) {
        (None, _) => Some(empty(source, tree)),
        (Some(only), None) if is_archive(only, source) => {
            let message =
                format!("{} has only the archive `{only}` in it, which Lambda does not unpack", source.name);
            let help = match files.kind {
                SourceKind::Directory if is_zip(only) => {
                    format!(
                        "name the archive itself: `{}`",
                        shown(&files.path.join(only.name()), source.place)
                    )
                }
                _ => "unpack it, and name the folder that contains its files".to_owned(),
            };
            Some(Finding::warning(Code::PackedTwice, source.place.clone(), message).help(help))
        }
        _ => wrapped(subject, source),
    }
}

fn virtual_environment(source: &Source<'_>) -> Finding {
    let target = if source.is_code { "DIR" } else { "DIR/python" };
    let message = format!(
        "{} is a virtual environment of Python, in which Lambda's runtime finds no packages",
        source.name
    );
    Finding::warning(Code::VirtualEnvironment, source.place.clone(), message).help(format!(
        "name a folder without it, and install the packages there (`pip install -r requirements.txt -t {target}`)"
    ))
}

/// Lambda would find the packages in `python/lib/python3.x/site-packages`, so a layer made with `virtualenv python` works
/// when it is published.
fn left_out_environment(source: &Source<'_>) -> Finding {
    let message = format!(
        "`{PYTHON}` of {} is a virtual environment, which limg left out: its packages are not in the image",
        source.name
    );
    let folder = source.files.map(|files| shown(&files.path.join("python"), source.place));
    let help = Help::from(format!(
        "remove it, and install the packages with `pip install -r requirements.txt -t {}`",
        folder.as_deref().unwrap_or("DIR/python")
    ));
    let help = help.or(Setting::KeepMatching(PYTHON_LIB));
    Finding::warning(Code::VirtualEnvironment, source.place.clone(), message).help(help)
}

fn empty(source: &Source<'_>, tree: &Tree) -> Finding {
    let left_out = tree.left_out();
    let (why, help) = if !left_out.by_default.is_empty() {
        let paths: Vec<_> = left_out.by_default.iter().collect();
        (format!(": limg left out {}", named(&paths)), Help::setting(Setting::Keep))
    } else if left_out.by_patterns {
        (": patterns exclude all of them".to_owned(), "correct `exclude` or the `.limgignore`".into())
    } else {
        (String::new(), "check the path, and whether its files must be built first".into())
    };
    Finding::warning(Code::NoFiles, source.place.clone(), format!("{} has no files{why}", source.name))
        .help(help)
}

/// Whether the only file of a source is an archive by mistake. In a layer, it may be data, unless it is packed as code is.
fn is_archive(path: &ImagePath, source: &Source<'_>) -> bool {
    let is_archive =
        path.suffix().is_some_and(|suffix| ARCHIVES.contains(&suffix.to_ascii_lowercase().as_str()));
    is_archive && (source.is_code || (is_zip(path) && path.folder() == source.root))
}

fn is_zip(path: &ImagePath) -> bool {
    Path::new(path.name()).extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("zip"))
}

/// One folder with everything in it, where what Lambda looks for is in this folder and not at the root.
fn wrapped(subject: &Subject<'_>, source: &Source<'_>) -> Option<Finding> {
    let root = source.root;
    let folder = only_folder(&source.tree.tree, root)?;
    let (inside, what) = if source.is_code {
        let handler = subject.function.handler.as_deref().unwrap_or_default();
        let (at_root, below) =
            (|path: &String| format!("{root}/{path}"), |path: &String| format!("{folder}/{path}"));
        let module = Module::of(handler, &subject.contract.id).filter(|_| !handler.is_empty());
        let candidates = module.map_or_else(|| vec!["bootstrap".to_owned()], |module| module.files());
        let has = |path: String| source.tree.tree.get_or_implied(&path).is_some();
        if candidates.iter().any(|path| has(at_root(path))) {
            return None;
        }
        (candidates.iter().map(below).find(|path| has(path.clone()))?, "the handler".to_owned())
    } else {
        let name = folder.rsplit('/').next().unwrap_or_default();
        if OF_LAYERS.contains(&name) {
            return None;
        }
        let inside = OF_LAYERS
            .iter()
            .find(|name| source.tree.tree.get_or_implied(&format!("{folder}/{name}")).is_some())?;
        (format!("{folder}/{inside}"), format!("`{inside}`"))
    };
    let name = &folder[root.len() + 1..];
    let message = format!(
        "everything in {} is in the folder `{name}`, so that {what} is at `{inside}`, where Lambda does not look",
        source.name
    );
    let files = source.files?;
    let help = match files.kind {
        SourceKind::Directory => {
            format!("name that folder: `{}`", shown(&files.path.join(name), source.place))
        }
        _ => {
            format!("create the archive again from inside of `{name}` (`cd {name} && zip -r ../FILE.zip .`)")
        }
    };
    Some(Finding::warning(Code::WrappedInFolder, source.place.clone(), message).help(help))
}

/// The only entry at the root of a tree, if it is a folder.
fn only_folder<'a>(tree: &'a Tree, root: &str) -> Option<&'a str> {
    tree.only_entry(root).filter(|entry| matches!(tree.get_or_implied(entry), Some(Node::Directory)))
}
