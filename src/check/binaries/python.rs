//! Which Python, C library and platform a package is built for, by the tags in its names (PEP 425, PEP 3149, PEP 600, PEP 656).

use super::{Fault, Host};
use crate::files::{Libc, Wheel};
use crate::project::{Architecture, ImagePath};
use crate::tree::{Node, Tree};

/// What begins the tags of another implementation of Python, which loads none of the usual modules, and the reverse.
const PYPY: &str = "pypy";

/// The version of Python in the name of an extension module: `312` of `x.cpython-312-x86_64-linux-gnu.so`, with the letter
/// of a special build; `pypy310` for `PyPy`. Nothing for a library without one, and `abi3`, which all later versions load.
pub(super) fn version_in_name(name: &str) -> Option<&str> {
    let tag = name.split('.').find_map(|part| {
        let of_pypy = Some(part).filter(|part| part.starts_with(PYPY));
        part.strip_prefix("cpython-").or(part.strip_prefix("cp")).or(of_pypy)
    })?;
    let version = tag.split('-').next()?;
    version.trim_start_matches(PYPY).starts_with(|first: char| first.is_ascii_digit()).then_some(version)
}

/// Whether a path is only searched by another version of Python, as in a layer for several.
pub(super) fn is_for_another_version(path: &ImagePath, version: &str) -> bool {
    let mut names = path.as_str().split('/');
    names.any(|name| {
        let other = name.strip_prefix("python").filter(|rest| rest.starts_with("3."));
        other.is_some_and(|other| other != version)
    })
}

/// `312` as `Python 3.12`.
pub(super) fn display(tag: &str) -> String {
    let (tag, language) = tag.strip_prefix(PYPY).map_or((tag, "Python"), |tag| (tag, "PyPy"));
    let digits = tag.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let (major, minor) = digits.split_at_checked(1).unwrap_or((digits, ""));
    let build = match tag.chars().last() {
        Some('t') => "free-threaded ",
        Some('d') => "a debug build of ",
        _ => "",
    };
    format!("{build}{language} {major}.{minor}")
}

/// What is wrong with a wheel: nothing if one of its tags fits.
pub(super) fn fault_of_wheel(wheel: &Wheel, host: &Host<'_>, version: &str) -> Option<Fault> {
    let tags: Vec<_> = wheel.tags.iter().filter_map(|tag| Tag::parse(tag)).flatten().collect();
    let faults: Vec<Fault> = tags.iter().map(|tag| tag.fault(host, version)).collect::<Option<_>>()?;
    // The tag that comes closest says best what is wrong.
    faults.into_iter().max_by_key(|fault| fault.kind)
}

/// One tag of a wheel.
struct Tag<'a> {
    python: &'a str,
    abi: &'a str,
    platform: &'a str,
}

impl<'a> Tag<'a> {
    /// The tags that a line of the `WHEEL` file stands for: each part may have alternatives.
    fn parse(line: &'a str) -> Option<Vec<Self>> {
        let (python, rest) = line.split_once('-')?;
        let (abi, platforms) = rest.split_once('-')?;
        let mut tags = Vec::new();
        for python in python.split('.') {
            for abi in abi.split('.') {
                tags.extend(platforms.split('.').map(|platform| Self { python, abi, platform }));
            }
        }
        Some(tags)
    }

    fn fault(&self, host: &Host<'_>, version: &str) -> Option<Fault> {
        let (libc, rest) = match self.platform {
            "any" => return self.version_fault(version),
            platform if platform.starts_with("manylinux") => (Some(Libc::Glibc), platform),
            platform if platform.starts_with("musllinux") => (Some(Libc::Musl), platform),
            platform if platform.starts_with("linux_") => (None, platform),
            other => return Some(Fault::platform(format!("`{other}`"))),
        };
        let is_for = |architecture: &Architecture| rest.ends_with(&format!("_{}", architecture.linux_name()));
        if !is_for(&host.architecture) {
            let fits = Architecture::ALL.into_iter().find(is_for);
            return Some(Fault::machine(
                fits.map_or(format!("`{}`", self.platform), |fits| fits.to_string()),
                fits,
            ));
        }
        match (libc, host.libc) {
            (Some(libc), Some(own)) if libc != own => Some(Fault::libc(libc)),
            _ => self.version_fault(version),
        }
    }

    fn version_fault(&self, version: &str) -> Option<Fault> {
        let minor = |tag: &str| tag.strip_prefix("cp3").and_then(|minor| minor.parse::<u32>().ok());
        let own: u32 = version.strip_prefix("3.")?.parse().ok()?;
        let fits = match self.abi {
            "none" => true,
            "abi3" => minor(self.python).is_none_or(|least| least <= own),
            abi => abi == format!("cp3{own}"),
        };
        let built_for = if self.abi == "abi3" { self.python } else { self.abi };
        let display = built_for.strip_prefix("cp").map_or(format!("`{built_for}`"), display);
        let later = if self.abi == "abi3" { " or later" } else { "" };
        (!fits).then(|| Fault::version(format!("{display}{later}")))
    }
}

/// Native modules that their packages import in a `try` statement and can do without: those of `MarkupSafe`, simplejson and
/// `PyYAML`.
const OPTIONAL: [&str; 2] = ["_speedups", "_yaml"];

/// What mypyc adds to the names of libraries that only the modules of the same build load (mypyc documentation).
const OF_MYPYC: &str = "__mypyc";

/// Whether Python passes over an extension module and finds the same module in Python: the interpreter of the function tries
/// only the endings of its own platform (PEP 3149).
pub(super) fn has_fallback(path: &ImagePath, tree: &Tree, host: &Host<'_>) -> bool {
    let Some(version) = host.python else { return false };
    let Some((module, ending)) = path.name().split_once('.') else { return false };
    let own = format!("cpython-{}-{}-linux-gnu.so", version.replace('.', ""), host.architecture.linux_name());
    let is_tried = ["so", "abi3.so", &own].contains(&ending);
    let is_module = matches!(path.suffix(), Some("so" | "pyd"));
    let has = |file: &str| {
        let path = format!("{}/{file}", path.folder()).parse().ok();
        path.is_some_and(|path| matches!(tree.get(&path), Some(Node::File(_))))
    };
    is_module
        && !is_tried
        && (OPTIONAL.contains(&module)
            || module.ends_with(OF_MYPYC)
            || has(&format!("{module}.py"))
            || has(&format!("{module}/__init__.py")))
}
