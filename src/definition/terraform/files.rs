//! The files of functions and layers: packages, and the sources of packages that Terraform makes itself.

use std::path::{Path, PathBuf};

use super::plan::{self, Plan, Resource};
use crate::definition::document::Node;
use crate::definition::fields::Findings;
use crate::definition::fields::source::{self, Written};
use crate::finding::{Code, Finding, Place};
use crate::fs;
use crate::project::Source;

/// The data source and resource that make a package (Terraform Registry, hashicorp/archive).
const ARCHIVE: &str = "archive_file";

/// The objects in S3 that a plan may upload (Terraform Registry, hashicorp/aws).
const OBJECTS: [&str; 2] = ["aws_s3_object", "aws_s3_bucket_object"];

/// Finds the files of a function or layer. `what` names it in messages.
pub(super) fn of_resource(
    plan: &Plan<'_>,
    resource: &Resource<'_>,
    what: &str,
    root: &Path,
    findings: &mut Findings,
) -> Option<Source> {
    if let Some(package) = resource.text("filename") {
        return package_or_sources(plan, package, &resource.place_of("filename"), root, findings);
    }
    if let Some(key) = resource.text("s3_key") {
        let bucket = resource.text("s3_bucket");
        let is_it = |object: &&Resource<'_>| {
            object.text("key") == Some(key)
                && (bucket.is_none() || object.text("bucket").is_none_or(|own| Some(own) == bucket))
        };
        let mut objects = OBJECTS.iter().flat_map(|kind| plan.of_kind(kind));
        if let Some(package) = objects.find(is_it).and_then(|object| object.text("source")) {
            return package_or_sources(plan, package, &resource.place_of("s3_key"), root, findings);
        }
        let (place, download) = if let Some(bucket) = bucket {
            let url = format!("s3://{bucket}/{key}");
            (format!(": {url}"), format!("download it with `aws s3 cp {url} FILE.zip`"))
        } else {
            (format!(" as `{key}`, in a bucket that the plan does not know"), "download it".to_owned())
        };
        let message = format!("{what} is in S3{place}");
        let finding = Finding::error(Code::RemoteCode, resource.place_of("s3_key"), message);
        findings.add(finding.help(format!("{download}, write `filename = \"FILE.zip\"`, and plan again")));
        return None;
    }
    // A package that will only be made by the apply.
    if let Some(archive) = unread_archive(plan, resource) {
        return of_archive(&archive, &resource.place_of("filename"), root, findings);
    }
    let message = format!("the plan does not contain where {what} is");
    let finding = Finding::error(Code::MissingKey, resource.place_of("filename"), message);
    findings.add(finding.help("set `filename` to a path that the plan knows"));
    None
}

/// What an `archive_file` makes a package of.
struct Archive<'d> {
    folder: Option<&'d str>,
    file: Option<&'d str>,
    excludes: Vec<String>,
}

/// The package if it exists, or what Terraform would make it of.
fn package_or_sources(
    plan: &Plan<'_>,
    package: &str,
    place: &Place,
    root: &Path,
    findings: &mut Findings,
) -> Option<Source> {
    if fs::metadata(&root.join(package)).is_err()
        && let Some(archive) = archive_of(plan, package)
    {
        return of_archive(&archive, place, root, findings);
    }
    read(package, &[], place, root, findings)
}

/// The archive that makes a package.
fn archive_of<'d>(plan: &Plan<'d>, package: &str) -> Option<Archive<'d>> {
    // Either may begin with `./`.
    let clean = |path: &str| Path::new("/").join(path).components().collect::<PathBuf>();
    let archives = plan.data.iter().filter(|data| data.address.kind == ARCHIVE).chain(plan.of_kind(ARCHIVE));
    let mut archives = archives
        .filter(|archive| archive.text("output_path").is_some_and(|path| clean(path) == clean(package)));
    archives.next().map(|archive| Archive {
        folder: archive.text("source_dir"),
        file: archive.text("source_file"),
        excludes: texts(archive.value("excludes")),
    })
}

/// The archive that a resource's configuration names, as far as its own configuration has values.
fn unread_archive<'d>(plan: &Plan<'d>, resource: &Resource<'d>) -> Option<Archive<'d>> {
    let filename = plan.expressions(&resource.address)?.entry("filename")?;
    let mut references = plan::items(filename.entry("references")).iter().filter_map(plan::text);
    let name = references.find_map(|reference| {
        let rest =
            reference.strip_prefix("data.").unwrap_or(reference).strip_prefix(ARCHIVE)?.strip_prefix('.')?;
        rest.split(['.', '[']).next()
    })?;
    let mut address = resource.address.clone();
    ARCHIVE.clone_into(&mut address.kind);
    name.clone_into(&mut address.resource.name);
    let expressions = plan.expressions(&address)?;
    let constant = |key: &str| expressions.entry(key)?.entry("constant_value");
    let archive = Archive {
        folder: constant("source_dir").and_then(plan::text),
        file: constant("source_file").and_then(plan::text),
        excludes: texts(constant("excludes")),
    };
    (archive.folder.is_some() || archive.file.is_some()).then_some(archive)
}

fn of_archive(archive: &Archive<'_>, place: &Place, root: &Path, findings: &mut Findings) -> Option<Source> {
    if let Some(path) = archive.folder.or(archive.file) {
        // They are relative to the folder, and gitignore syntax has the same wildcards.
        let excludes: Vec<_> = archive.excludes.iter().map(|pattern| format!("/{pattern}")).collect();
        return read(path, &excludes, place, root, findings);
    }
    let message = "the package does not exist, and its sources are in the configuration itself";
    let finding = Finding::error(Code::MissingPath, place.clone(), message);
    findings.add(finding.help("run `terraform plan` again, which makes the package"));
    None
}

fn read(
    path: &str,
    exclude: &[String],
    place: &Place,
    root: &Path,
    findings: &mut Findings,
) -> Option<Source> {
    let written = Written { follow: Some(true), exclude, ..Written::path(path, place) };
    let mut found = Findings::new(place.clone());
    let source = source::read(&written, root, &mut found);
    for finding in found.all {
        let is_missing = finding.code == Code::MissingPath;
        let help = "build it first, or move the plan into the folder in which Terraform runs: paths are relative to it";
        findings.add(if is_missing { finding.help(help) } else { finding });
    }
    source
}

fn texts(list: Option<&Node>) -> Vec<String> {
    plan::items(list).iter().filter_map(plan::text).map(str::to_owned).collect()
}
