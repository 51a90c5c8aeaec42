//! Requirements without a solution: where they are, and whether the age of the C library is to blame.

use super::error::InstallError;
use super::lists::Requested;
use super::requirement_files::{Position, Requirement};
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

/// What the tool finds if it is asked for something else.
pub(super) trait Retry {
    /// Whether the requirements have a solution on another target.
    fn resolves_on(&self, target: &PythonTarget) -> bool;

    /// The newest version of a package that has a wheel for the target.
    fn newest(&self, package: &str) -> Option<String>;
}

/// An error of a tool that resolves, with the lines of the packages that it names.
pub(super) fn explained(
    error: InstallError,
    list: &PackageList,
    requested: &Requested,
    target: &PythonTarget,
    retry: &impl Retry,
) -> InstallError {
    let InstallError::Program { message, .. } = &error else { return error };
    if NOT_OF_LIST.iter().any(|words| message.contains(words)) {
        return error;
    }
    let named = requested.requirements.lines.iter().filter(|it| it.at.line > 0 && names(message, it));
    let named: Vec<(String, &Position)> = named.filter_map(|it| Some((it.name()?, &it.at))).collect();
    let places: Vec<String> = named.iter().map(|(name, at)| format!("`{name}` is in {at}")).collect();
    let places = if places.is_empty() { String::new() } else { format!(" ({})", places.join(", ")) };
    let help = has_no_wheel(message).then(|| {
        let name = named.first().map(|(name, _)| name.as_str());
        help(name, list.allow_source, target, retry)
    });
    InstallError::NoSolution { list: list.path.clone(), message: format!("{message}{places}"), help }
}

/// Whether a tool has failed since a package has no wheel that fits.
pub(super) fn has_no_wheel(message: &str) -> bool {
    NO_WHEEL.iter().any(|words| message.contains(words))
}

/// What to do about a package without a wheel for the target.
fn help(package: Option<&str>, allows_source: bool, target: &PythonTarget, retry: &impl Retry) -> String {
    let runtime = format!("python3.{}", target.python_minor);
    let newest = package.and_then(|name| Some((name, retry.newest(name)?)));
    let version = match newest {
        Some((name, version)) => {
            format!("use {name} {version}, the newest version with a wheel for {runtime}")
        }
        None => format!("use an older version of the package, which may have a wheel for {runtime}"),
    };
    let newer = PythonTarget { glibc_minor: NEWER_GLIBC, ..*target };
    let runtime = if target.glibc_minor < NEWER_GLIBC && retry.resolves_on(&newer) {
        format!(
            "; or a runtime from python3.{NEWER_PYTHON} on, which has glibc 2.{NEWER_GLIBC}: the wheels need a newer glibc than \
             the 2.{} of {runtime}",
            target.glibc_minor
        )
    } else if allows_source {
        String::new()
    } else {
        "; or build the package from source with `--allow-source`, which runs its code".to_owned()
    };
    version + &runtime
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
    use crate::project::Architecture;

    struct Answers {
        resolves: bool,
        newest: Option<&'static str>,
    }

    impl Retry for Answers {
        fn resolves_on(&self, target: &PythonTarget) -> bool {
            assert_eq!(target.glibc_minor, 34);
            self.resolves
        }

        fn newest(&self, package: &str) -> Option<String> {
            assert_eq!(package, "numpy");
            self.newest.map(str::to_owned)
        }
    }

    fn explain(message: &str, answers: &Answers) -> InstallError {
        let path = std::path::PathBuf::from("requirements.txt");
        let requirements = requirement_files::of_text("six\nnumpy==2.4.6\nNum_Py2\n", &path).unwrap();
        let requested = Requested::new(requirements, false);
        let list = PackageList::new(path);
        let target = PythonTarget { python_minor: 11, glibc_minor: 26, architecture: Architecture::X86_64 };
        let error = InstallError::Program { command: "uv pip".to_owned(), message: message.to_owned() };
        explained(error, &list, &requested, &target, answers)
    }

    const NONE: Answers = Answers { resolves: false, newest: None };

    #[test]
    fn packages_have_their_lines_and_what_would_do_is_named() {
        let message = "Because numpy==2.4.6 has no usable wheels and you require numpy==2.4.6";
        let error = explain(message, &Answers { resolves: true, newest: Some("2.2.6") });
        assert!(error.to_string().ends_with("(`numpy` is in requirements.txt:2)"), "{error}");
        assert_eq!(
            help_text(&error),
            "use numpy 2.2.6, the newest version with a wheel for python3.11; or a runtime from python3.12 on, which has glibc \
             2.34: the wheels need a newer glibc than the 2.26 of python3.11"
        );
        let help = help_text(&explain(message, &NONE));
        assert!(help.starts_with("use an older version") && help.contains("with `--allow-source`"), "{help}");
        let conflict = "you require six>2 and six<1";
        assert!(explain(conflict, &NONE).help().is_none());
    }

    #[test]
    fn a_failure_of_the_network_is_not_one_of_the_list() {
        let error = explain("error: Failed to fetch: `https://pypi.example/simple/six/`", &NONE);
        assert!(matches!(error, InstallError::Program { .. }), "{error}");
    }
}
