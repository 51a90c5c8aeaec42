//! Which of the packages to install can be left to the base image, because it has them.
//!
//! A package of the base replaces one of the list only by its name: `base_provides` says that its version may be another. But
//! what is installed must still work with it, and it must work with what is installed. This room compares names and versions;
//! which ones the base has, its caller finds out.

mod node;
mod requirement;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use node::leave_out as leave_out_of_node;
use requirement::Requirement;

use crate::wheel::{WheelArchive, normalised};

/// What is installed, and what is left to the base.
#[derive(Debug)]
pub(crate) struct Split {
    /// The wheels to install.
    pub(crate) installed: Vec<WheelArchive>,
    /// What is worth knowing about the others.
    pub(crate) choice: Choice,
}

/// Which packages the base provides, and which it has but does not provide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The packages that are left out, with their versions in the base, if these are known.
    pub(crate) left_out: Vec<(String, Option<String>)>,
    /// The packages that are installed although the base has them, each with the reason.
    pub(crate) installed: Vec<(String, String)>,
}

/// A package to install.
struct Package {
    name: String,
    requirements: Vec<Requirement>,
}

/// Leaves out the wheels of packages that the base has, by normalised name with their versions.
///
/// A package stays if another one that stays does not accept the base's version, or if the base's would get one of its own
/// dependencies from what is installed.
pub(crate) fn split(wheels: Vec<WheelArchive>, base: &BTreeMap<String, String>, python_minor: u32) -> Split {
    let packages: Vec<Package> = wheels
        .iter()
        .map(|wheel| Package {
            name: normalised(&wheel.name().name),
            requirements: requirement::applicable(&wheel.metadata().requires_dist, python_minor),
        })
        .collect();
    let choice = choose(&packages, base);
    let is_left_out = |wheel: &WheelArchive| {
        let name = normalised(&wheel.name().name);
        choice.left_out.iter().any(|(left_out, _)| *left_out == name)
    };
    let installed = wheels.into_iter().filter(|wheel| !is_left_out(wheel)).collect();
    Split { installed, choice }
}

fn choose(packages: &[Package], base: &BTreeMap<String, String>) -> Choice {
    let mut left_out: BTreeSet<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .filter(|name| base.contains_key(*name))
        .collect();
    let mut installed = BTreeMap::new();
    // Each round may keep what made another package one to leave out.
    loop {
        let reason = |package: &&Package| why_installed(package, packages, &left_out, base);
        let of_base = packages.iter().filter(|package| left_out.contains(package.name.as_str()));
        let kept: Vec<(&str, String)> =
            of_base.filter_map(|package| Some((package.name.as_str(), reason(&package)?))).collect();
        if kept.is_empty() {
            break;
        }
        for (name, why) in kept {
            left_out.remove(name);
            installed.insert(name.to_owned(), why);
        }
    }
    let version = |name: &str| (name.to_owned(), base.get(name).cloned());
    Choice {
        left_out: left_out.into_iter().map(version).collect(),
        installed: installed.into_iter().collect(),
    }
}

/// Why a package cannot be left to the base, if `left_out` are.
fn why_installed(
    package: &Package,
    packages: &[Package],
    left_out: &BTreeSet<&str>,
    base: &BTreeMap<String, String>,
) -> Option<String> {
    let version = base.get(&package.name)?;
    for other in packages.iter().filter(|other| !left_out.contains(other.name.as_str())) {
        let own = other.requirements.iter().filter(|requirement| requirement.name == package.name);
        if let Some(requirement) = own.into_iter().find(|requirement| !requirement.accepts(version)) {
            return Some(format!("`{}` requires `{requirement}`, and the base has {version}", other.name));
        }
    }
    let mut dependencies = package.requirements.iter().filter(|requirement| !requirement.is_of_extra);
    let shadowed = dependencies.find(|requirement| {
        let name = requirement.name.as_str();
        base.contains_key(name)
            && !left_out.contains(name)
            && packages.iter().any(|package| package.name == name)
    })?;
    Some(format!("the base's needs the base's `{}`, which is installed too", shadowed.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(packages: &[(&str, &[&str])], base: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let package = |(name, requirements): &(&str, &[&str])| {
            let requirements: Vec<String> = requirements.iter().map(|&text| text.to_owned()).collect();
            Package { name: (*name).to_owned(), requirements: requirement::applicable(&requirements, 12) }
        };
        let packages: Vec<_> = packages.iter().map(package).collect();
        let base = base.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
        let choice = choose(&packages, &base);
        let installed = choice.installed.iter().map(|(name, why)| format!("{name}: {why}"));
        (choice.left_out.into_iter().map(|(name, _)| name).collect(), installed.collect())
    }

    const BASE: &[(&str, &str)] = &[
        ("boto3", "1.40.4"),
        ("botocore", "1.40.4"),
        ("jmespath", "1.0.1"),
        ("python-dateutil", "2.9.0"),
        ("six", "1.16.0"),
        ("urllib3", "1.26.19"),
    ];
    const BOTO: [(&str, &[&str]); 5] = [
        ("boto3", &["botocore<1.45,>=1.44", "jmespath<2,>=0.7"]),
        (
            "botocore",
            &[
                "jmespath<2,>=0.7",
                "python-dateutil<3,>=2.1",
                "urllib3!=2.2.0,<3,>=1.25.4; python_version >= \"3.10\"",
            ],
        ),
        ("jmespath", &[]),
        ("python-dateutil", &["six>=1.5"]),
        ("six", &[]),
    ];

    #[test]
    fn what_the_base_has_is_left_out_with_its_dependencies() {
        let (left_out, installed) = choice(&BOTO, BASE);
        assert_eq!(left_out, ["boto3", "botocore", "jmespath", "python-dateutil", "six"]);
        assert_eq!(installed, [""; 0]);
        // What the base lacks is installed, and may use what the base has.
        let more =
            [&BOTO[..], &[("pandas", &["python-dateutil>=2.8.2", "numpy>=2"]), ("numpy", &[])]].concat();
        assert_eq!(choice(&more, BASE), (left_out, installed));
        assert_eq!(choice(&BOTO, &[]).0, [""; 0]);
    }

    #[test]
    fn what_another_version_is_required_of_is_installed_with_what_uses_it() {
        let more = [&BOTO[..], &[("urllib3", &[]), ("client", &["urllib3 (>=2)"])]].concat();
        let (left_out, installed) = choice(&more, BASE);
        assert_eq!(left_out, ["jmespath", "python-dateutil", "six"]);
        assert_eq!(
            installed,
            [
                "boto3: the base's needs the base's `botocore`, which is installed too",
                "botocore: the base's needs the base's `urllib3`, which is installed too",
                "urllib3: `client` requires `urllib3>=2`, and the base has 1.26.19",
            ]
        );
    }

    #[test]
    fn requirements_of_extras_and_of_addresses_count_for_versions() {
        let pinned = [("six", &[][..]), ("client", &["six==1.15 ; extra == 'old'"])];
        assert_eq!(choice(&pinned, BASE).0, [""; 0]);
        let address = [("six", &[][..]), ("client", &["six @ https://example.com/six-1-py3-none-any.whl"])];
        assert_eq!(choice(&address, BASE).0, [""; 0]);
        // But an extra does not tell what the base's package needs.
        let extra =
            [("botocore", &["urllib3>=1 ; extra == 'x'"][..]), ("urllib3", &[]), ("client", &["urllib3>2"])];
        assert_eq!(choice(&extra, BASE).0, ["botocore"]);
    }
}
