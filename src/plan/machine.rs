//! Programs and libraries of the machine that they are built for: what is meant for another than the function's cannot be
//! loaded, which Lambda finds out only when it runs (`exec format error`, `wrong ELF class`).

use super::Findings;
use super::merge::Merged;
use super::program::{self, HEAD};
use crate::problem::{DocumentPath, Problem};
use crate::project::{Architecture, ImagePath};
use crate::runtime::Contract;
use crate::tree::{FileNode, Node, Tree, TreeError};

/// How many paths an error names.
const NAMED: usize = 3;

/// Endings of the names of executable files that are surely text, so that it is not worth opening them: some file systems
/// and archives have everything executable.
const TEXT: &[&str] = &[
    "bash", "cfg", "cjs", "css", "csv", "d", "h", "html", "ini", "js", "json", "jsx", "lua", "map", "md",
    "mjs", "php", "pl", "pm", "ps1", "py", "pyi", "rb", "rs", "rst", "sh", "svg", "toml", "ts", "tsx", "txt",
    "xml", "yaml", "yml",
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

    /// What it is usually called, and words by which packages for several machines name it in paths.
    fn names(self) -> (&'static str, &'static [&'static str]) {
        match (self.number, self.is_64_bit, self.is_big_endian) {
            (3, _, _) => ("32-bit x86", &["ia32", "x86", "i386", "i486", "i586", "i686", "386"]),
            (62, true, _) => ("x86_64", &["x64", "amd64"]),
            (62, false, _) => ("x32", &["x32"]),
            (183, true, false) => ("arm64", &["arm64", "aarch64"]),
            (183, true, true) => ("big-endian arm64", &["aarch64_be", "arm64be"]),
            (183, false, _) => ("32-bit arm64", &["ilp32"]),
            (40, _, false) => {
                ("32-bit arm", &["arm", "armhf", "armel", "arm32", "armv6", "armv6l", "armv7", "armv7l"])
            }
            (40, _, true) => ("big-endian 32-bit arm", &["armeb"]),
            (20, _, _) => ("32-bit ppc", &["ppc", "powerpc"]),
            (21, _, false) => ("ppc64le", &["ppc64le", "ppc64", "powerpc64le"]),
            (21, _, true) => ("ppc64", &["ppc64", "powerpc64"]),
            (22, true, _) => ("s390x", &["s390x"]),
            (8, true, _) => ("64-bit mips", &["mips64", "mips64el", "mips64le"]),
            (8, false, _) => ("32-bit mips", &["mips", "mipsel", "mipsle"]),
            (243, true, _) => ("riscv64", &["riscv64", "riscv64gc"]),
            (258, true, _) => ("loong64", &["loong64", "loongarch64"]),
            _ => ("another machine", &[]),
        }
    }

    /// Whether a path says that what lies there is for this machine, as packages have it that bring a file for each
    /// (`prebuilds/linux-arm64/x.node`, `tool-amd64`), and load the right one.
    fn is_named_by(self, path: &ImagePath) -> bool {
        let (_, words) = self.names();
        // Python looks for an extension module under the name of its own machine alone: `x.cpython-312-x86_64-linux-gnu.so`
        // for another machine is not found.
        let is_module = path.name().contains(".cpython-") || path.name().contains(".pypy");
        let folder = path.parent().map(String::from).unwrap_or_default();
        let text = if is_module { folder } else { path.as_str().to_owned() };
        let text = text.to_lowercase().replace("x86_64", "x64").replace("x86-64", "x64");
        let mut parts =
            text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').peekable();
        // `linux_arm64` and `aarch64_be` are both in use.
        parts.any(|part| words.contains(&part) || part.split('_').any(|word| words.contains(&word)))
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.names() {
            (_, []) => write!(f, "ELF machine {}", self.number),
            (name, _) => f.write_str(name),
        }
    }
}

/// The machines of a tree's programs and shared libraries, but for those that their paths name. Only files that are likely
/// to be such are opened.
pub(super) fn list(tree: &Tree) -> Result<Vec<(ImagePath, Machine)>, TreeError> {
    let mut found = Vec::new();
    for (path, node) in tree.iter() {
        if let Node::File(file) = node
            && is_candidate(path, file)
            && let Some(machine) = Machine::of(&file.content.head(HEAD)?)
            && !machine.is_named_by(path)
        {
            found.push((path.clone(), machine));
        }
    }
    Ok(found)
}

fn is_candidate(path: &ImagePath, file: &FileNode) -> bool {
    let name = path.name();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let is_library = || {
        let version = name.rsplit_once(".so.").map(|(_, version)| version);
        matches!(ending, Some("so" | "node"))
            || version.is_some_and(|version| version.starts_with(|letter: char| letter.is_ascii_digit()))
    };
    let is_program = || file.executable && ending.is_none_or(|ending| !TEXT.contains(&ending));
    let is_found_by_search =
        || ["/opt/bin", "/opt/lib"].iter().any(|folder| program::is_directly_in(path, folder));
    is_library() || is_program() || is_found_by_search()
}

/// A tree and whose it is.
pub(super) struct Owned<'a> {
    /// Such as `the layer utils`.
    pub(super) name: String,
    /// Where the definition names it.
    pub(super) at: DocumentPath,
    /// What [`list`] found in it.
    pub(super) machines: &'a [(ImagePath, Machine)],
}

/// Finds what a tree brings for other machines than the function's, unless another tree takes its place.
pub(super) fn check(
    tree: &Owned<'_>,
    architecture: Architecture,
    contract: &Contract,
    merged: &Merged<'_>,
    findings: &mut Findings,
) {
    let is_seen = |path: &ImagePath| merged.owner(path.as_str()).is_some_and(|owner| *owner.at == tree.at);
    let wrong: Vec<_> = tree
        .machines
        .iter()
        .filter(|(path, machine)| {
            !machine.fits(architecture) && is_seen(path) && !findings.misbuilt.contains(path)
        })
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
    findings.problems.push(Problem::new("wrong-architecture", tree.at.clone(), message).help(help(
        architecture,
        other,
        contract,
    )));
}

/// How to come by what fits; `other` is the architecture that everything does fit.
pub(super) fn help(architecture: Architecture, other: Option<Architecture>, contract: &Contract) -> String {
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
    format!("{build}; `exclude:` what nothing loads{change}")
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
    fn a_path_names_its_own_machine_or_not() {
        let named =
            |number, path: &str| Machine::of(&elf(number, 2, 1)).unwrap().is_named_by(&path.parse().unwrap());
        for (number, path) in [
            (183, "/var/task/node_modules/x/prebuilds/linux-arm64/x.node"),
            (62, "/var/task/node_modules/@esbuild/linux-x64/bin/esbuild"),
            (62, "/opt/bin/tool-linux_amd64"),
            (62, "/opt/bin/tool_x86_64"),
            (183, "/opt/lib/aarch64-linux-gnu/libx.so.1"),
            (62, "/opt/python/manylinux_x86_64/y.cpython-312-x86_64-linux-gnu.so"),
        ] {
            assert!(named(number, path), "{path}");
        }
        for (number, path) in [
            (62, "/var/task/node_modules/x/prebuilds/linux-arm64/x.node"),
            (62, "/opt/python/numpy/core.cpython-312-x86_64-linux-gnu.so"),
            (62, "/opt/python/numpy.libs/libopenblas64_p-r0-0cf96a72.so"),
            (183, "/opt/bin/alarm64"),
            (3, "/opt/x86_64/libx.so"),
        ] {
            assert!(!named(number, path), "{path}");
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
        assert!(!candidate("/opt/x/run.sh", true) && !candidate("/opt/x/run.js", true));
    }
}
