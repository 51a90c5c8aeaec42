//! Packages of a `requirements.txt`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::requirements::{self, Environment, normalised};
use super::{Source, Subject, finding, named, shown, text};
use crate::finding::Finding;
use crate::project::{ImagePath, SourceKind};
use crate::tree::TreeError;

/// Packages that AWS's bases contain, as dependencies of boto3 and of the runtime interface client; and those that install
/// others and are not needed at run time.
const GIVEN: &[&str] = &[
    "awslambdaric",
    "boto3",
    "botocore",
    "jmespath",
    "pip",
    "python-dateutil",
    "s3transfer",
    "setuptools",
    "simplejson",
    "six",
    "snapshot-restore-py",
    "urllib3",
    "wheel",
];

/// The name of the list.
const LIST: &str = "requirements.txt";

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let mut findings = Vec::new();
    let mut installed = None;
    for source in subject.sources().filter(|source| source.has_exclude) {
        let folders = [source.root.to_owned(), format!("{}/python", source.root)];
        for folder in if source.is_code { &folders[..1] } else { &folders[..] } {
            let Some(list) = text(&source, &format!("{folder}/{LIST}"))? else { continue };
            let listed = listed(&list, subject, &source, folder);
            let installed = installed.get_or_insert_with(|| Installed::of(subject));
            let missing: Vec<_> = listed.iter().filter(|name| installed.lacks(name, subject)).collect();
            let is_certain = installed.has_metadata || missing.len() == listed.len();
            if !missing.is_empty() && is_certain && !installed.is_unknown {
                findings.push(of_source(subject, &source, folder, &missing));
            }
        }
    }
    Ok(findings)
}

/// The packages that a list in a folder requires, and those of the lists that it includes, without those that are given.
fn listed(list: &str, subject: &Subject<'_>, source: &Source<'_>, folder: &str) -> Vec<String> {
    let mut numbers =
        subject.contract.id["python".len()..].split('.').map(|number| number.parse().unwrap_or_default());
    let python = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let environment = Environment { python, architecture: subject.function.architecture };
    let mut names = requirements::names(list, environment, &mut |file| {
        let path = folder.parse::<ImagePath>().ok()?.join(file).ok()?;
        text(source, path.as_str()).ok().flatten()
    });
    names.retain(|name| !GIVEN.contains(&name.as_str()));
    names
}

/// What is known of the packages in the image.
struct Installed {
    /// The normalised names in the metadata of packages.
    names: BTreeSet<String>,
    has_metadata: bool,
    /// Whether there may be packages of which nothing is known: in a base that was not read, or in a layer without metadata.
    is_unknown: bool,
}

impl Installed {
    fn of(subject: &Subject<'_>) -> Self {
        let mut names = BTreeSet::new();
        let mut is_unknown = false;
        for source in subject.sources() {
            let before = names.len();
            names.extend(source.tree.tree.iter().filter_map(|(path, _)| distribution(path)));
            let has_modules = || source.tree.tree.iter().any(|(path, _)| path.suffix() == Some("py"));
            is_unknown |= !source.is_code && names.len() == before && has_modules();
        }
        let has_metadata = !names.is_empty();
        let base = subject.plan.merged.base();
        names.extend(base.paths().filter_map(distribution));
        is_unknown =
            (is_unknown && !has_metadata) || (!base.is_full() && subject.function.base.image.is_some());
        Self { names, has_metadata, is_unknown }
    }

    /// Whether a package is not installed, and no module has a name that resembles its.
    fn lacks(&self, name: &str, subject: &Subject<'_>) -> bool {
        let resembling = || {
            let module = name.replace('-', "_");
            let short = module.trim_end_matches("_binary").trim_end_matches("_python");
            [short.trim_start_matches("python_"), short.trim_start_matches("py"), short, &module]
                .map(str::to_owned)
        };
        !self.names.contains(name)
            && !resembling().iter().any(|module| subject.has_python_module(module, None))
    }
}

/// The name of the package whose metadata a path is part of: `NAME-VERSION.dist-info/…` or `NAME-VERSION.egg-info/…`.
fn distribution(path: &ImagePath) -> Option<String> {
    let metadata = [path.name(), path.folder().rsplit('/').next().unwrap_or_default()];
    metadata.into_iter().find_map(|name| {
        let name = name.strip_suffix(".dist-info").or_else(|| name.strip_suffix(".egg-info"))?;
        Some(normalised(name.split('-').next().unwrap_or(name)))
    })
}

fn of_source(subject: &Subject<'_>, source: &Source<'_>, folder: &str, missing: &[&String]) -> Finding {
    let message = format!(
        "`{LIST}` of {} lists {}, which neither the code nor a layer contains",
        source.name,
        named(missing)
    );
    let machine = subject.function.architecture.linux_name();
    let path = source.files.map_or_else(PathBuf::new, |files| files.path.clone());
    let is_directory = source.files.is_some_and(|files| files.kind == SourceKind::Directory);
    let below = folder[source.root.len()..].trim_start_matches('/');
    let (list, target) = if is_directory {
        let target = if source.is_code { path.clone() } else { path.join("python") };
        (shown(&path.join(below).join(LIST), source.place), shown(&target, source.place))
    } else {
        (LIST.to_owned(), "DIR".to_owned())
    };
    let command = format!(
        "pip install -r {list} -t {target} --platform manylinux2014_{machine} --python-version {} --only-binary=:all:",
        &subject.contract.id["python".len()..]
    );
    let help = if is_directory {
        format!("install them with `{command}`")
    } else {
        format!("install them with `{command}` into the folder that the archive is created from")
    };
    finding(source.place, message, help)
}
