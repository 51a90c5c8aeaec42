//! What packages require of each other (`PyPA`, dependency specifiers), as far as versions decide.

use std::fmt;
use std::str::FromStr as _;

use pep440_rs::{Version, VersionSpecifiers};

use crate::text::excerpt;
use crate::wheel::normalised;

/// A requirement that a package may have on the function's machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requirement {
    /// The normalised name of the package.
    pub(super) name: String,
    /// Whether only an extra of the requiring package needs it. Which extras are installed is not known.
    pub(super) is_of_extra: bool,
    /// As written.
    versions: String,
}

impl Requirement {
    /// Whether a version is certainly one that the requirement accepts.
    pub(super) fn accepts(&self, version: &str) -> bool {
        let specifiers = VersionSpecifiers::from_str(&self.versions);
        match (specifiers, Version::from_str(version)) {
            (Ok(specifiers), Ok(version)) => specifiers.contains(&version),
            _ => false,
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, excerpt(&self.versions))
    }
}

/// The requirements that hold for Python 3 of a minor version. If a marker says more than that, its requirement counts.
pub(super) fn applicable(texts: &[String], python_minor: u32) -> Vec<Requirement> {
    let python = Version::new([3, u64::from(python_minor)]);
    let requirement = |text: &String| {
        let (text, marker) = text.split_once(';').unwrap_or((text, ""));
        let is_of_other_python = conditions(marker).any(|condition| is_of_other_python(condition, &python));
        let is_of_extra = conditions(marker).any(|condition| condition.starts_with("extra"));
        (!is_of_other_python).then(|| parse(text.trim(), is_of_extra))
    };
    texts.iter().filter_map(requirement).collect()
}

fn parse(text: &str, is_of_extra: bool) -> Requirement {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && !"._-".contains(letter));
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    let rest = rest.trim();
    let rest = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(rest, |(_, rest)| rest);
    let versions = rest.trim().trim_start_matches('(').trim_end_matches(')').trim();
    Requirement { name: normalised(name), is_of_extra, versions: versions.to_owned() }
}

/// The conditions of a marker that all must hold; none if it has others.
fn conditions(marker: &str) -> impl Iterator<Item = &str> {
    let is_simple = !marker.contains(" or ") && !marker.contains('(');
    marker.split(" and ").map(str::trim).filter(move |condition| is_simple && !condition.is_empty())
}

/// Whether a condition is about the version of Python and does not hold.
fn is_of_other_python(condition: &str, python: &Version) -> bool {
    let Some(rest) = condition.strip_prefix("python_version") else { return false };
    let versions = rest.replace(['"', '\''], "");
    VersionSpecifiers::from_str(versions.trim()).is_ok_and(|versions| !versions.contains(python))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Vec<Requirement> {
        applicable(&[text.to_owned()], 9)
    }

    #[test]
    fn names_and_versions_are_read() {
        for (text, shown, accepted, refused) in [
            ("urllib3[socks]<1.27,>=1.25.4", "urllib3<1.27,>=1.25.4", "1.26.19", "2.0"),
            ("Python_Dateutil (>=2.8.2)", "python-dateutil>=2.8.2", "2.9.0.post0", "2.8"),
            ("six ~= 1.16", "six~= 1.16", "1.17", "2.0"),
        ] {
            let requirement = &of(text)[0];
            assert_eq!(requirement.to_string(), shown);
            assert!(requirement.accepts(accepted) && !requirement.accepts(refused), "{text}");
        }
        assert!(of("six")[0].accepts("1") && !of("six")[0].accepts("not a version"));
        assert!(!of("six @ https://example.com/x")[0].accepts("1"));
    }

    #[test]
    fn requirements_of_another_python_do_not_count() {
        for (text, counts) in [
            ("a ; python_version >= \"3.10\"", false),
            ("a ; python_version<'3.10' and sys_platform == 'win32'", true),
            ("a ; python_version < '3.9' and extra == 'x'", false),
            // What limg does not evaluate may hold.
            ("a ; python_version >= '3.10' or extra == 'x'", true),
            ("a ; (python_version >= '3.10')", true),
        ] {
            assert_eq!(of(text).len() == 1, counts, "{text}");
        }
        assert!(of("a ; extra == 'x'")[0].is_of_extra && !of("a ; python_version > '3'")[0].is_of_extra);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "([a-z0-9<>=!~,;()\\[\\]@ .'\"]|python_version|extra|\\PC){0,60}") {
            for requirement in of(&text) {
                let _accepted = requirement.accepts("1");
            }
        }
    }
}
