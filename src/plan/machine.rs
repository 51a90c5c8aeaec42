//! Programs and libraries of the machine that they are built for: what is meant for another than the function's cannot be
//! loaded, which Lambda finds out only when it runs (`exec format error`, `wrong ELF class`).

use std::collections::BTreeSet;

use super::Findings;
use super::merge::Merged;
use super::program::HEAD;
use crate::event::Event;
use crate::problem::{DocumentPath, Problem};
use crate::project::{Architecture, ImagePath};
use crate::runtime::Contract;
use crate::tree::{FileNode, Node, Tree, TreeError};

/// How many paths an error names.
const NAMED: usize = 3;

/// Endings of the names of executable files that are surely no programs of Linux, so that it is not worth opening them:
/// some file systems and archives have everything executable.
const NO_PROGRAM: &[&str] = &[
    "a", "bash", "cfg", "cjs", "class", "css", "csv", "d", "dll", "dylib", "exe", "gz", "h", "html", "ini",
    "jar", "jpg", "js", "json", "jsx", "lua", "map", "md", "mjs", "o", "php", "pl", "pm", "png", "ps1", "py",
    "pyc", "pyi", "rb", "rs", "rst", "sh", "svg", "toml", "ts", "tsx", "txt", "whl", "xml", "yaml", "yml",
    "zip",
];

/// What the names of libraries without a version end with.
const LIBRARIES: &[&str] = &[".so", ".node"];

/// What stands in the name of a library between its own name and its version.
const VERSIONED: &str = ".so.";

/// Words by which packages for several platforms tell them in their names: machines, systems and C libraries.
const PLATFORM: &[&str] = &[
    "386",
    "aarch64",
    "aarch64be",
    "amd64",
    "android",
    "arm",
    "arm32",
    "arm64",
    "arm64be",
    "armeb",
    "armel",
    "armhf",
    "armv6",
    "armv6l",
    "armv7",
    "armv7l",
    "freebsd",
    "gnu",
    "gnueabi",
    "gnueabihf",
    "i386",
    "i486",
    "i586",
    "i686",
    "ia32",
    "linux",
    "linuxmusl",
    "loong64",
    "loongarch64",
    "mips",
    "mips64",
    "mips64el",
    "mips64le",
    "mipsel",
    "mipsle",
    "musl",
    "musleabi",
    "musleabihf",
    "netbsd",
    "openbsd",
    "powerpc",
    "powerpc64",
    "powerpc64le",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv64",
    "riscv64gc",
    "s390x",
    "sunos",
    "x32",
    "x64",
    "x86",
];

/// The machine that an ELF file is for, by the fields of its header that tell (System V ABI, "ELF Header").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Machine {
    /// `e_machine`.
    number: u16,
    /// `EI_CLASS`: whether its addresses have 64 bits.
    is_64_bit: bool,
    /// `EI_DATA`.
    is_big_endian: bool,
}

impl Machine {
    /// Reads the beginning of a file. Nothing for what is no program and no shared library.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let (class, data) = (*head.get(4)?, *head.get(5)?);
        let is_big_endian = data == 2;
        let half = |at: usize| {
            let bytes = [*head.get(at)?, *head.get(at + 1)?];
            Some(if is_big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
        };
        let (kind, number) = (half(16)?, half(18)?);
        // ET_EXEC and ET_DYN: an object file or a core dump is loaded by nothing.
        let is_loaded = matches!(kind, 2 | 3);
        (head.starts_with(b"\x7fELF") && is_loaded).then_some(Self {
            number,
            is_64_bit: class == 2,
            is_big_endian,
        })
    }

    /// Whether a function of this architecture can load it.
    pub(super) fn fits(self, architecture: Architecture) -> bool {
        self.is_64_bit && !self.is_big_endian && self.number == architecture.elf_machine()
    }

    /// What it is usually called.
    fn name(self) -> Option<&'static str> {
        Some(match (self.number, self.is_64_bit, self.is_big_endian) {
            (3, _, _) => "32-bit x86",
            (62, true, _) => "x86_64",
            (62, false, _) => "x32",
            (183, true, false) => "arm64",
            (183, true, true) => "big-endian arm64",
            (183, false, _) => "32-bit arm64",
            (40, _, false) => "32-bit arm",
            (40, _, true) => "big-endian 32-bit arm",
            (20, _, _) => "32-bit ppc",
            (21, _, false) => "ppc64le",
            (21, _, true) => "ppc64",
            (22, true, _) => "s390x",
            (8, true, _) => "64-bit mips",
            (8, false, _) => "32-bit mips",
            (243, true, _) => "riscv64",
            (258, true, _) => "loong64",
            _ => return None,
        })
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            None => write!(f, "ELF machine {}", self.number),
            Some(name) => f.write_str(name),
        }
    }
}

/// The machines of a tree's programs and shared libraries. Only files that are likely to be such are opened.
pub(super) fn list(tree: &Tree) -> Result<Vec<(ImagePath, Machine)>, TreeError> {
    let mut found = Vec::new();
    for (path, node) in tree.iter() {
        if let Node::File(file) = node
            && is_candidate(path, file)
            && let Some(machine) = Machine::of(&file.content.head(HEAD)?)
        {
            found.push((path.clone(), machine));
        }
    }
    Ok(found)
}

fn is_candidate(path: &ImagePath, file: &FileNode) -> bool {
    let text = path.as_str();
    let is_versioned = || {
        // Hardly any path has it at all, which shows without a look for where its name begins.
        let parts = text.contains(VERSIONED).then(|| path.name().rsplit_once(VERSIONED)).flatten();
        parts.is_some_and(|(_, version)| version.starts_with(|first: char| first.is_ascii_digit()))
    };
    let is_library = || LIBRARIES.iter().any(|ending| text.ends_with(ending)) || is_versioned();
    let is_program = || {
        let ending = path.name().rsplit_once('.').map(|(_, ending)| ending);
        ending.is_none_or(|ending| !NO_PROGRAM.contains(&ending))
    };
    let is_found_by_search = || matches!(path.folder(), "/opt/bin" | "/opt/lib");
    is_library() || file.executable && is_program() || is_found_by_search()
}

/// The package that a file belongs to, told so that packages of which only the platform differs are the same one: what
/// stands in `node_modules`, or in a folder of Python packages. Nothing for what is in no package.
fn package(path: &ImagePath, contract: &Contract) -> Option<String> {
    let parts: Vec<_> = path.as_str().split('/').skip(1).collect();
    let is_root = |end: usize| match parts[end] {
        "site-packages" | "dist-packages" => true,
        "python" => end == 1 && parts[0] == "opt" && !parts[2].starts_with("lib"),
        "task" => end == 1 && contract.search_paths.contains_key("PYTHONPATH"),
        _ => false,
    };
    let folders = 0..parts.len() - 1;
    let start = match parts[folders.clone()].iter().rposition(|part| *part == "node_modules") {
        // `node_modules/@SCOPE/NAME`
        Some(end) if parts[end + 1].starts_with('@') => end + 2,
        Some(end) => end + 1,
        None => folders.rev().find(|end| is_root(*end))? + 1,
    };
    let name = parts[..=start.min(parts.len() - 1)].join("/").to_lowercase();
    let name = name.replace("x86_64", "x64").replace("x86-64", "x64").replace("aarch_64", "aarch64");
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    Some(words.filter(|word| !PLATFORM.contains(word)).collect::<Vec<_>>().join("/"))
}

/// A tree and whose it is.
pub(super) struct Owned<'a> {
    /// Such as `the layer utils`.
    pub(super) name: String,
    /// Where the definition names it.
    pub(super) at: DocumentPath,
    /// What [`list`] found in it.
    pub(super) machines: &'a [(ImagePath, Machine)],
    /// Whether the definition can leave out some of its files.
    pub(super) has_exclude: bool,
    /// Whether the definition says that it works, whatever it looks like.
    pub(super) is_trusted: bool,
}

/// Finds what a tree brings for other machines than the function's, unless another tree takes its place. A package that
/// has files for the function's machine too brings one for each and loads the right one.
pub(super) fn check(tree: &Owned<'_>, contract: &Contract, merged: &Merged<'_>, findings: &mut Findings) {
    let architecture = merged.architecture;
    let is_seen = |path: &ImagePath| merged.owner(path.as_str()).is_some_and(|owner| *owner.at == tree.at);
    let seen = tree.machines.iter().filter(|(path, _)| is_seen(path));
    let (right, wrong): (Vec<_>, Vec<_>) = seen.partition(|(_, machine)| machine.fits(architecture));
    let served: BTreeSet<_> = right.into_iter().map(|(path, _)| package(path, contract)).collect();
    let wrong: Vec<_> = wrong
        .into_iter()
        .filter(|(path, _)| !findings.misbuilt.contains(path) && !served.contains(&package(path, contract)))
        .collect();
    if wrong.is_empty() {
        return;
    }
    let mut machines: Vec<_> = wrong.iter().map(|(_, machine)| machine.to_string()).collect();
    machines.sort();
    machines.dedup();
    let paths: Vec<_> = wrong.iter().take(NAMED).map(|(path, _)| format!("`{path}`")).collect();
    let more = match wrong.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "{} brings {}{more}, built for {}, and the function's architecture is {architecture}",
        tree.name,
        paths.join(", "),
        machines.join(" and "),
    );
    let other =
        Architecture::ALL.into_iter().find(|other| wrong.iter().all(|(_, machine)| machine.fits(*other)));
    let problem = Problem::new("wrong-architecture", tree.at.clone(), message).help(help(
        architecture,
        other,
        contract,
        tree.has_exclude,
    ));
    if tree.is_trusted {
        findings.notes.push(Event::Warning(problem));
    } else {
        findings.problems.push(problem);
    }
}

/// How to come by what fits; `other` is the architecture that everything does fit.
fn help(
    architecture: Architecture,
    other: Option<Architecture>,
    contract: &Contract,
    has_exclude: bool,
) -> String {
    let python = match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Arm64 => "aarch64",
    };
    let node = match architecture {
        Architecture::X86_64 => "x64",
        Architecture::Arm64 => "arm64",
    };
    let build = if contract.search_paths.contains_key("PYTHONPATH") {
        format!(
            "install it for {architecture} (`pip install --platform manylinux2014_{python} --only-binary=:all: --target ...`)"
        )
    } else if contract.search_paths.contains_key("NODE_PATH") {
        format!("install it for {architecture} (`npm install --os=linux --cpu={node}`)")
    } else {
        format!("build it for {architecture}, or take its version for it")
    };
    let change =
        other.map(|other| format!(", or set `architecture: {other}` for the function")).unwrap_or_default();
    let exclude = if has_exclude { "; `exclude:` what nothing loads" } else { "" };
    format!("{build}{exclude}{change}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The first bytes of a shared library or program for a machine.
    pub(in crate::plan) fn elf(number: u16, class: u8, data: u8) -> Vec<u8> {
        let mut head = vec![0; 64];
        head[..4].copy_from_slice(b"\x7fELF");
        (head[4], head[5]) = (class, data);
        let bytes = |number: u16| if data == 2 { number.to_be_bytes() } else { number.to_le_bytes() };
        head[16..18].copy_from_slice(&bytes(3));
        head[18..20].copy_from_slice(&bytes(number));
        head
    }

    #[test]
    fn machines_have_their_usual_names() {
        for (number, class, data, name) in [
            (62, 2, 1, "x86_64"),
            (62, 1, 1, "x32"),
            (3, 1, 1, "32-bit x86"),
            (183, 2, 1, "arm64"),
            (183, 2, 2, "big-endian arm64"),
            (40, 1, 1, "32-bit arm"),
            (21, 2, 1, "ppc64le"),
            (21, 2, 2, "ppc64"),
            (22, 2, 2, "s390x"),
            (243, 2, 1, "riscv64"),
            (999, 2, 1, "ELF machine 999"),
        ] {
            let machine = Machine::of(&elf(number, class, data)).unwrap();
            assert_eq!(machine.to_string(), name);
            assert_eq!(machine.fits(Architecture::X86_64), name == "x86_64");
            assert_eq!(machine.fits(Architecture::Arm64), name == "arm64");
        }
    }

    #[test]
    fn what_nothing_loads_has_no_machine() {
        let whole = elf(62, 2, 1);
        for length in 0..20 {
            assert_eq!(Machine::of(&whole[..length]), None, "{length}");
        }
        let mut object = whole.clone();
        object[16] = 1;
        assert_eq!(Machine::of(&object), None);
        assert_eq!(Machine::of(&[b'#'; 64]), None);
    }

    #[test]
    fn packages_of_which_only_the_platform_differs_are_one() {
        let package =
            |path: &str| package(&path.parse().unwrap(), crate::runtime::contract("python3.12").unwrap());
        for (one, other) in [
            (
                "/opt/nodejs/node_modules/@img/sharp-linux-x64/a.node",
                "/opt/nodejs/node_modules/@img/sharp-linuxmusl-arm64/b",
            ),
            (
                "/var/task/node_modules/@esbuild/linux-x64/bin/e",
                "/var/task/node_modules/@esbuild/linux-arm64/bin/e",
            ),
            ("/var/task/node_modules/x/prebuilds/linux-x64/x.node", "/var/task/node_modules/x/build/y.node"),
            (
                "/opt/python/m.cpython-312-x86_64-linux-gnu.so",
                "/opt/python/m.cpython-312-aarch64-linux-gnu.so",
            ),
            ("/opt/python/numpy/a.so", "/opt/python/numpy/core/b.so"),
            ("/opt/lib/a.so", "/opt/native/linux/armv8/glibc/x.so"),
        ] {
            assert_eq!(package(one), package(other), "{one} {other}");
        }
        for (one, other) in [
            ("/var/task/node_modules/a/x.node", "/var/task/node_modules/b/x.node"),
            ("/var/task/node_modules/@a/a/x.node", "/var/task/node_modules/@a/b/x.node"),
            ("/var/task/node_modules/a/x.node", "/var/task/node_modules/a/node_modules/b/x.node"),
            (
                "/opt/python/lib/python3.12/site-packages/a/x.so",
                "/opt/python/lib/python3.12/site-packages/b/x.so",
            ),
            ("/opt/python/a/x.so", "/opt/python/b/x.so"),
            ("/opt/python/a/x.so", "/opt/lib/x.so"),
            ("/var/task/a/x.so", "/var/task/b/x.so"),
        ] {
            assert_ne!(package(one), package(other), "{one} {other}");
        }
    }

    #[test]
    fn only_what_may_be_loaded_is_opened() {
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
