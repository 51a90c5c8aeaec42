//! Why a wheel does not fit, in words.

use std::fmt;

/// Why a wheel does not fit a function. They are in the order of distance: of several wheels, the reason of the smallest
/// is the one to show.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mismatch {
    /// It needs a newer glibc.
    Glibc {
        /// The oldest that would do.
        needed: (u32, u32),
        /// That of the image.
        found: (u32, u32),
    },
    /// It is for another Python, named for people.
    Python(String),
    /// It is for another architecture, in Linux's word.
    Architecture(String),
    /// It needs musl instead of glibc.
    Musl,
    /// It is for another operating system, named for people.
    System(String),
}

impl fmt::Display for Mismatch {
    /// A clause that follows the wheel.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Glibc { needed, found } => {
                write!(f, "needs glibc {}.{}, but the image has {}.{}", needed.0, needed.1, found.0, found.1)
            }
            Self::Python(other) => write!(f, "is for {other}"),
            Self::Musl => f.write_str("is built for musl, the C library of Alpine Linux"),
            Self::Architecture(other) | Self::System(other) => write!(f, "is built for {other}"),
        }
    }
}

/// Why a platform does not fit Linux with this glibc 2.x and architecture; none if it fits.
pub(super) fn of_platform(platform: &str, glibc_minor: u32, architecture: &str) -> Option<Mismatch> {
    if platform == "any" {
        return None;
    }
    let system = |name: &str| Some(Mismatch::System(name.to_owned()));
    let Some((kind, rest)) = platform.split_once('_') else {
        return system(if platform == "win32" { "Windows" } else { platform });
    };
    // The version of glibc and the architecture.
    let (needed, built_for) = match kind {
        "linux" => (Some((2, 0)), rest),
        "manylinux1" => (Some((2, 5)), rest),
        "manylinux2010" => (Some((2, 12)), rest),
        "manylinux2014" => (Some((2, 17)), rest),
        "manylinux" | "musllinux" => {
            let mut fields = rest.splitn(3, '_');
            let (Some(Ok(major)), Some(Ok(minor)), Some(built_for)) =
                (fields.next().map(str::parse), fields.next().map(str::parse), fields.next())
            else {
                return system(platform);
            };
            (Some((major, minor)).filter(|_| kind == "manylinux"), built_for)
        }
        "macosx" => return system("macOS"),
        "win" => return system("Windows"),
        "android" => return system("Android"),
        "ios" => return system("iOS"),
        _ => return system(platform),
    };
    let found = (2, glibc_minor);
    match needed {
        _ if built_for != architecture => Some(Mismatch::Architecture(built_for.to_owned())),
        None => Some(Mismatch::Musl),
        Some(needed) if needed > found => Some(Mismatch::Glibc { needed, found }),
        Some(_) => None,
    }
}

/// The Python of a wheel for people: `CPython 3.12`, `Python 2`, `PyPy 3.10`.
pub(super) fn describe_python(python: &str, abi: &str) -> String {
    let end = python.find(|c: char| c.is_ascii_digit()).unwrap_or(python.len());
    let (kind, version) = python.split_at(end);
    let kind = match kind {
        "cp" if abi.starts_with("cp") && abi.ends_with('t') || abi == "abi3t" => "free-threaded CPython",
        "cp" => "CPython",
        "py" => "Python",
        "pp" => "PyPy",
        _ => return python.to_owned(),
    };
    let version = match version.split_at_checked(1) {
        Some((major, "")) => major.to_owned(),
        Some((major, minor)) => format!("{major}.{minor}"),
        None => return kind.to_owned(),
    };
    let newer = if abi == "abi3" { " and newer" } else { "" };
    format!("{kind} {version}{newer}")
}
