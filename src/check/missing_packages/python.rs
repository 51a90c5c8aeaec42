//! Packages of a `requirements.txt`.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use super::requirements::{self, Environment, normalised};
use super::{Source, Subject, finding, is_of_tool, named, shown, text};
use crate::files::package_of_metadata;
use crate::finding::{Code, Finding, Help};
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
            let missing: Vec<_> = listed.iter().filter(|name| installed.lacks(name)).collect();
            if missing.is_empty() {
                continue;
            }
            // Elsewhere a guess would often be wrong; here there is a tool that would have installed them.
            let has_tool = subject.function.build_command.is_some();
            let is_certain = has_tool || installed.has_metadata || missing.len() == listed.len();
            if is_certain && !installed.is_unknown {
                findings.push(of_source(subject, &source, folder, &missing));
            } else if has_tool {
                let Finding { place, message, .. } = of_source(subject, &source, folder, &missing);
                let help = "check whether the layers that limg cannot judge contain them";
                findings.push(Finding::warning(Code::MissingPackages, place, message).help(help));
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
struct Installed<'a> {
    subject: &'a Subject<'a>,
    /// The normalised names in the metadata of packages.
    names: BTreeSet<String>,
    /// Those of the base, once they are needed.
    of_base: OnceCell<BTreeSet<String>>,
    has_metadata: bool,
    /// Whether there may be packages of which nothing is known: in a base that was not read, or in a layer without metadata.
    is_unknown: bool,
}

impl<'a> Installed<'a> {
    fn of(subject: &'a Subject<'a>) -> Self {
        let mut names = BTreeSet::new();
        let mut is_unknown = false;
        let has_tool = subject.function.build_command.is_some();
        for source in subject.sources() {
            let python = &source.tree.python;
            names.extend(python.names.iter().map(|name| normalised(name)));
            // What is in a local layer of a project with a tool is what the project's sources say.
            let is_judged = source.is_code || (has_tool && source.files.is_some());
            is_unknown |= !is_judged && python.names.is_empty() && python.has_modules;
        }
        let has_metadata = !names.is_empty();
        // An error can be decided with all files of the base, a warning is not worth reading them.
        let is_unread = !subject.plan.merged.base().is_full() && subject.function.base.image.is_some();
        is_unknown = (is_unknown && !has_metadata) || (is_unread && !has_tool);
        Self { subject, names, of_base: OnceCell::new(), has_metadata, is_unknown }
    }

    /// Whether a package is not installed, and no module has a name that resembles its.
    fn lacks(&self, name: &str) -> bool {
        let resembling = || {
            let module = name.replace('-', "_");
            let short = module.trim_end_matches("_binary").trim_end_matches("_python");
            [short.trim_start_matches("python_"), short.trim_start_matches("py"), short, &module]
                .map(str::to_owned)
        };
        let of_base = || {
            let paths = self.subject.plan.merged.base().paths();
            let names = paths.filter_map(|path| package_of_metadata(path.as_str()));
            names.map(|name| normalised(&name)).collect()
        };
        !self.names.contains(name)
            && !resembling().iter().any(|module| self.subject.has_python_module(module, None))
            && !self.of_base.get_or_init(of_base).contains(name)
    }
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
    let help = Help::from(help);
    let help = match is_of_tool(subject, "sam build") {
        Some(command) if !source.is_code && folder == source.root => help.or(format!(
            "add `BuildMethod: {}` to the layer's `Metadata` and run `{command}`",
            subject.contract.id
        )),
        _ => help,
    };
    finding(subject, source, message, help)
}
