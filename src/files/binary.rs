//! The programs and shared libraries of a tree, and what each is built for.

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::elf_links::{self, Links};
use super::program::HEAD;
use super::target::Target;
use crate::project::ImagePath;
use crate::tree::{FileNode, Node, Tree, TreeError};

/// What a program or library is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binary {
    /// Its system and machine.
    pub target: Target,
    /// What it is linked to, if that was looked at.
    pub links: Links,
}

/// Endings of the names of executable files that are certainly not programs, so that they need not be opened: some file
/// systems and archives mark every file as executable.
const NOT_A_PROGRAM: &[&str] = &[
    "a", "bash", "cfg", "cjs", "class", "css", "csv", "d", "dll", "dylib", "exe", "gz", "h", "html", "ini",
    "jar", "jpg", "js", "json", "jsx", "lua", "map", "md", "mjs", "o", "php", "pl", "pm", "png", "ps1", "py",
    "pyc", "pyi", "rb", "rs", "rst", "sh", "svg", "toml", "ts", "tsx", "txt", "whl", "xml", "yaml", "yml",
    "zip",
];

/// Endings of the names of shared libraries without a version.
const LIBRARIES: &[&str] = &[".so", ".node", ".pyd"];

/// The part of a library's name between its own name and its version.
const VERSIONED: &str = ".so.";

/// Parts of the paths of Python's libraries that say what they are linked to: their names, and the folders in which tools
/// for wheels put what they need.
const LINKS_IN_NAME: &[&str] = &[".cpython-", ".abi3.so", ".libs/"];

/// The programs and shared libraries of a tree. Only files that are likely to be one are opened.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn binaries(tree: &Tree) -> Result<Vec<(ImagePath, Binary)>, TreeError> {
    let candidates = tree.iter().filter_map(|(path, node)| match node {
        Node::File(file) if is_candidate(path, file) => Some((path, file)),
        _ => None,
    });
    let candidates: Vec<_> = candidates.collect();
    let read =
        |&(path, file): &(&ImagePath, &FileNode)| Ok(read(path, file)?.map(|binary| (path.clone(), binary)));
    let found: Vec<_> = candidates.par_iter().map(read).collect::<Result<_, TreeError>>()?;
    Ok(found.into_iter().flatten().collect())
}

fn read(path: &ImagePath, file: &FileNode) -> Result<Option<Binary>, TreeError> {
    let head = file.content.head(HEAD)?;
    let Some(target) = Target::of(&head) else { return Ok(None) };
    let has_links = !LINKS_IN_NAME.iter().any(|part| path.as_str().contains(part));
    let links = if has_links && target.is_usual() {
        elf_links::links(&file.content, &head)?
    } else {
        Links::default()
    };
    Ok(Some(Binary { target, links }))
}

/// Whether a file is likely to be a program or library.
pub(super) fn is_candidate(path: &ImagePath, file: &FileNode) -> bool {
    let text = path.as_str();
    let is_versioned = || {
        // Hardly any path has it, which is quicker to find than where the name begins.
        let parts = text.contains(VERSIONED).then(|| path.name().rsplit_once(VERSIONED)).flatten();
        parts.is_some_and(|(_, version)| version.starts_with(|first: char| first.is_ascii_digit()))
    };
    let is_library = || LIBRARIES.iter().any(|ending| text.ends_with(ending)) || is_versioned();
    let is_program = || path.suffix().is_none_or(|suffix| !NOT_A_PROGRAM.contains(&suffix));
    let is_found_by_search = || matches!(path.folder(), "/opt/bin" | "/opt/lib");
    // Elsewhere, programs of Windows are launchers that nothing runs on Linux.
    let is_windows_program = || path.suffix() == Some("exe") && text.contains("/node_modules/");
    is_library() || is_windows_program() || file.executable && is_program() || is_found_by_search()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_likely_programs_and_libraries_are_opened() {
        let candidate = |path: &str, executable| {
            is_candidate(&path.parse().unwrap(), &FileNode::of_bytes(b"", executable))
        };
        for path in ["/opt/x/lib.so", "/opt/x/lib.so.1.2", "/opt/x/a.node", "/opt/bin/a", "/opt/lib/a.txt"] {
            assert!(candidate(path, false), "{path}");
        }
        assert!(candidate("/opt/x/tool", true) && candidate("/opt/x/tool-1.2", true));
        for path in ["/opt/x/a.py", "/opt/x/lib.so.md", "/opt/x/deep/tool", "/opt/bin/deep/tool"] {
            assert!(!candidate(path, false), "{path}");
        }
        for ending in ["sh", "js", "pyc", "jar", "png", "dll", "o", "zip"] {
            assert!(!candidate(&format!("/opt/x/run.{ending}"), true), "{ending}");
        }
    }
}
