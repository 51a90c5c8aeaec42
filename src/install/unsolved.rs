//! Requirements without a solution: where they are, and whether the age of the C library is to blame.

use super::error::InstallError;
use super::lists::Requested;
use super::requirement_files::Requirement;
use crate::project::PackageList;
use crate::wheel::PythonTarget;

/// What uv and pip say if there is no wheel for the target, or none at all.
const NO_WHEEL: [&str; 2] = ["no usable wheels", "No matching distribution found"];

/// What tools say if they fail for other reasons than the requirements.
const NOT_OF_LIST: [&str; 4] =
    ["Failed to fetch", "lack of valid authentication", "Connection refused", "No interpreter found"];

/// The first Python whose runtime is based on Amazon Linux 2023, and its glibc.
const NEWER_PYTHON: u32 = 12;
const NEWER_GLIBC: u32 = 34;

/// An error of a tool that resolves, with the lines of the packages that it names. `resolves` tells whether the requirements
/// have a solution on another target.
pub(super) fn explained(
    error: InstallError,
    list: &PackageList,
    requested: &Requested,
    target: &PythonTarget,
    resolves: impl FnOnce(PythonTarget) -> bool,
) -> InstallError {
    let InstallError::Program { message, .. } = &error else { return error };
    if NOT_OF_LIST.iter().any(|words| message.contains(words)) {
        return error;
    }
    let named = requested.requirements.lines.iter().filter(|it| it.at.line > 0 && names(message, it));
    let places: Vec<String> = named
        .filter_map(|requirement| Some(format!("`{}` is in {}", requirement.name()?, requirement.at)))
        .collect();
    let places = if places.is_empty() { String::new() } else { format!(" ({})", places.join(", ")) };
    let has_no_wheel = NO_WHEEL.iter().any(|words| message.contains(words));
    let newer = PythonTarget { glibc_minor: NEWER_GLIBC, ..*target };
    let help = if has_no_wheel && target.glibc_minor < NEWER_GLIBC && resolves(newer) {
        let of_runtime = target.glibc_minor;
        Some(format!(
            "use a runtime from python3.{NEWER_PYTHON} on, which has glibc 2.{NEWER_GLIBC}, or an older version of the package: \
             its wheels need a newer glibc than the 2.{of_runtime} of python3.{}",
            target.python_minor
        ))
    } else if has_no_wheel {
        Some("use a version that has a wheel for the runtime: limg builds no packages from source".to_owned())
    } else {
        None
    };
    InstallError::NoSolution { list: list.path.clone(), message: format!("{message}{places}"), help }
}

/// Whether a message names the package of a requirement.
fn names(message: &str, requirement: &Requirement) -> bool {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let own = requirement.name();
    message
        .split(|letter| !is_name(letter))
        .any(|word| own.as_deref() == Some(crate::wheel::normalised(word).as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Failure as _, help_text};
    use crate::install::requirement_files;
    use crate::project::{Architecture, PackageListKind};

    fn explain(message: &str, resolves: bool) -> InstallError {
        let path = std::path::PathBuf::from("requirements.txt");
        let requirements = requirement_files::of_text("six\nnumpy==2.4.6\nNum_Py2\n", &path).unwrap();
        let requested = Requested { requirements, is_resolved: false };
        let kind = PackageListKind::Requirements;
        let list = PackageList { path, kind, groups: Vec::new(), extras: Vec::new(), scripts: None };
        let target = PythonTarget { python_minor: 11, glibc_minor: 26, architecture: Architecture::X86_64 };
        let error = InstallError::Program { command: "uv pip".to_owned(), message: message.to_owned() };
        explained(error, &list, &requested, &target, |_| resolves)
    }

    #[test]
    fn packages_have_their_lines_and_an_old_glibc_is_named() {
        let message = "Because numpy==2.4.6 has no usable wheels and you require numpy==2.4.6";
        let error = explain(message, true);
        assert!(error.to_string().ends_with("(`numpy` is in requirements.txt:2)"), "{error}");
        let help = help_text(&error);
        assert!(help.contains("glibc 2.34") && help.contains("2.26 of python3.11"), "{help}");
        let help = help_text(&explain(message, false));
        assert!(help.contains("builds no packages from source"), "{help}");
        assert!(explain("you require six>2 and six<1", true).help().is_none());
    }

    #[test]
    fn a_failure_of_the_network_is_not_one_of_the_list() {
        let error = explain("error: Failed to fetch: `https://pypi.example/simple/six/`", true);
        assert!(matches!(error, InstallError::Program { .. }), "{error}");
    }
}
