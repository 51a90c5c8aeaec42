//! What Lambda executes: extensions, bootstraps and wrappers must be programs, executable, and where Lambda looks.

use super::Findings;
use super::machine::Machine;
use super::merge::{Found, Merged};
use super::parts::place;
use super::wrapper;
use crate::event::Event;
use crate::problem::{DocumentPath, Problem};
use crate::project::{Architecture, Extension, ImagePath};
use crate::runtime::{LAYER_ROOT, TASK_ROOT};
use crate::tree::{Node, Tree, TreeError};

/// Where Lambda looks for external extensions: every file directly in it is started (Lambda developer guide,
/// lambda-extensions).
pub(super) const EXTENSIONS: &str = "/opt/extensions";

/// How many extensions may register (Lambda developer guide, runtimes-extensions-api).
const EXTENSION_LIMIT: usize = 10;

/// A file that switches extensions off (aws-lambda-runtime-interface-emulator, extensions/extensions.go).
const SWITCH: &str = "/opt/disable-extensions-jwigqn8j";

/// Enough of a file to see what program it is: Linux reads no longer first line of a script.
pub(super) const HEAD: usize = 256;

/// What the kernel would make of a file.
enum Program {
    Elf,
    Script,
    /// A script whose first line ends as on Windows: the kernel looks for an interpreter with a carriage return in its
    /// name.
    WindowsScript,
    None,
}

fn kind(head: &[u8]) -> Program {
    let first_line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match head {
        [0x7f, b'E', b'L', b'F', ..] => Program::Elf,
        [b'#', b'!', ..] if first_line.ends_with(b"\r") => Program::WindowsScript,
        [b'#', b'!', ..] => Program::Script,
        _ => Program::None,
    }
}

/// Makes programs executable that stand where Lambda executes what it finds, whatever their source's mode: archives often
/// lose it. What is no program is left as it is.
pub(super) fn make_executable(tree: &mut Tree) -> Result<(), TreeError> {
    let bootstraps = bootstrap_paths()?;
    let bootstraps = bootstraps.iter().filter_map(|path| Some((path, tree.get(path)?)));
    let directly_in = |folder| tree.below(folder).filter(move |(path, _)| path.folder() == folder);
    let run = bootstraps
        .chain(directly_in(EXTENSIONS))
        .chain(directly_in("/opt/bin"))
        .chain(tree.below(wrapper::FOLDER));
    let mut found = Vec::new();
    for (path, node) in run {
        if let Node::File(file) = node
            && !file.executable
            && !matches!(kind(&file.content.head(HEAD)?), Program::None)
        {
            found.push(path.clone());
        }
    }
    found.sort();
    for path in found {
        tree.make_executable(&path, "Lambda runs it as a program");
    }
    Ok(())
}

/// Where Lambda looks for a custom runtime, in this order (Lambda developer guide, runtimes-custom).
pub(super) fn bootstrap_paths() -> Result<[ImagePath; 2], TreeError> {
    Ok([place(&format!("{TASK_ROOT}/bootstrap"))?, place(&format!("{LAYER_ROOT}/bootstrap"))?])
}

/// Finds the custom runtime's program.
pub(super) fn bootstrap(
    merged: &Merged<'_>,
    at: &DocumentPath,
    findings: &mut Findings,
) -> Result<Option<ImagePath>, TreeError> {
    let paths = bootstrap_paths()?;
    for path in &paths {
        if merged.is_file(path) {
            check(merged, path, &format!("the custom runtime `{path}`"), at, findings)?;
            return Ok(Some(path.clone()));
        }
    }
    let [task, layer] = paths;
    findings.problems.push(
        Problem::new("no-bootstrap", at.clone(), format!("there is neither `{task}` nor `{layer}` to run"))
            .help(
                "name the program of the custom runtime `bootstrap`, at the root of the code or of a layer",
            ),
    );
    Ok(None)
}

/// Checks all that Lambda would start as an extension.
pub(super) fn check_extensions(
    merged: &Merged<'_>,
    at: &DocumentPath,
    findings: &mut Findings,
) -> Result<(), TreeError> {
    let mut number = 0;
    for path in &merged.children(EXTENSIONS) {
        let Some(owner) = merged.owner(path.as_str()) else { continue };
        if matches!(merged.get(path), Some(Node::Directory)) {
            continue;
        }
        number += 1;
        let subject = format!("`{path}` of {}, which Lambda would start as an extension,", owner.name);
        check(merged, path, &subject, owner.at, findings)?;
    }
    if number > EXTENSION_LIMIT {
        let message = format!(
            "`{EXTENSIONS}` has {number} files, and Lambda starts at most {EXTENSION_LIMIT} extensions"
        );
        findings.problems.push(
            Problem::new("too-many-extensions", at.key("extensions"), message)
                .help("leave some out, or move support files to a folder of their own below `/opt`"),
        );
    }
    Ok(())
}

/// Checks that a path leads to something that the kernel can execute on the function's machine.
pub(super) fn check(
    merged: &Merged<'_>,
    path: &ImagePath,
    subject: &str,
    at: &DocumentPath,
    findings: &mut Findings,
) -> Result<(), TreeError> {
    let (why, help) = match merged.resolve(path) {
        // What is in the base's own programs is its maker's.
        Some(Found::BaseFile(mode)) if mode & 0o111 != 0 => return Ok(()),
        Some(Found::BaseFile(_)) => ("is not executable", "use another, or another base image"),
        Some(Found::Directory) => {
            ("is a link to a directory", "link to a file, or move it out of the folder")
        }
        None => ("is a link that leads nowhere", "link to a file that is in the image"),
        Some(Found::File(file)) => {
            let head = file.content.head(HEAD)?;
            match kind(&head) {
                Program::Elf | Program::Script if file.executable => {
                    check_machine(&head, merged.architecture, path, subject, at, findings);
                    return Ok(());
                }
                Program::Elf | Program::Script => ("is not executable", "`chmod +x` it"),
                Program::WindowsScript => (
                    "has a first line that ends with a carriage return, so its interpreter would not be found",
                    "save it with Unix line ends",
                ),
                Program::None => (
                    "is no program: neither an ELF binary nor a script that begins with `#!`",
                    "give a script a first line such as `#!/bin/sh`; keep other files in a folder of their own below `/opt`",
                ),
            }
        }
    };
    let message = format!("{subject} {why}");
    findings.problems.push(Problem::new("not-a-program", at.clone(), message).help(help));
    Ok(())
}

/// Checks that a program of which the first bytes are given is for the function's machine.
fn check_machine(
    head: &[u8],
    architecture: Architecture,
    path: &ImagePath,
    subject: &str,
    at: &DocumentPath,
    findings: &mut Findings,
) {
    let Some(machine) = Machine::of(head).filter(|machine| !machine.fits(architecture)) else { return };
    findings.misbuilt.insert(path.clone());
    let message =
        format!("{subject} is built for {machine}, and the function's architecture is {architecture}");
    let other = Architecture::ALL.into_iter().find(|other| machine.fits(*other));
    let change = other.map(|other| format!(", or set `architecture: {other}` for the function"));
    findings.problems.push(Problem::new("wrong-architecture", at.clone(), message).help(format!(
        "build it for {architecture}, or take its version for it{}",
        change.unwrap_or_default()
    )));
}

/// Warns of what is not where Lambda looks, as older descriptions of Lambda have it, and of what switches things off.
pub(super) fn warn_of_misplaced(merged: &Merged<'_>, node: bool, notes: &mut Vec<Event>) {
    let mut warn = |code, path: &str, what: &str, help: &str| {
        if let Some(owner) = merged.owner(path) {
            let problem = Problem::new(code, owner.at.clone(), format!("{} {what}", owner.name));
            notes.push(Event::Warning(problem.help(help)));
        }
    };
    if node && merged.is_directory("/opt/node_modules") {
        warn(
            "misplaced-node-modules",
            "/opt/node_modules",
            "has `node_modules` at its root, where Lambda's Node.js runtime does not look",
            "`NODE_PATH` of this image has `/opt/node_modules` added; in a layer its place is `nodejs/node_modules`",
        );
    }
    if merged.is_directory("/opt/extension") {
        warn(
            "misplaced-extension",
            "/opt/extension",
            "has a folder `extension`, but Lambda starts only what is in `/opt/extensions`",
            "rename the folder to `extensions`",
        );
    }
    warn(
        "extensions-switched-off",
        SWITCH,
        &format!("has the file `{SWITCH}`, which keeps Lambda from starting any extension"),
        "remove it, unless that is meant",
    );
}

/// Warns of an extension that brings files of which Lambda starts none.
pub(super) fn warn_of_idle(extension: &Extension, tree: &Tree, notes: &mut Vec<Event>) {
    let starts = tree
        .below(EXTENSIONS)
        .any(|(path, node)| path.folder() == EXTENSIONS && !matches!(node, Node::Directory));
    let works_inside = !extension.environment.is_empty() || extension.wrapper.is_some();
    if extension.source.is_some() && !starts && !works_inside {
        let at = DocumentPath::keys(&["extensions", &extension.name, "path"]);
        let message = format!(
            "the extension `{}` has nothing in `extensions/`, so Lambda would start nothing of it",
            extension.name
        );
        notes.push(Event::Warning(Problem::new("idle-extension", at, message).help(
            "its root is `/opt`: put the program into a folder `extensions` in it, or name the one program as `path`",
        )));
    }
}
