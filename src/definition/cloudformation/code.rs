//! Where the code of a function and the content of a layer are: a path, a text in the template, or S3.

use std::path::Path;

use super::assets::Asset;
use super::inline;
use super::intrinsics::{Expression, Stacks, Unresolved, Value};
use super::properties::Properties;
use crate::definition::fields::source::{self, Written};
use crate::definition::fields::{Findings, build_output};
use crate::finding::{Code, Finding, Place};
use crate::fs;
use crate::project::{FunctionCode, Source};
use crate::runtime::Language;

/// An object in S3.
pub(super) struct Object {
    bucket: String,
    pub(super) key: String,
    version: Option<String>,
}

/// What a property says about files.
pub(super) enum Location {
    /// A path, relative to the template's folder.
    Path { path: String, place: Place },
    /// A text in the template.
    Inline { text: String, place: Place },
    /// An object in S3.
    S3 { object: Object, place: Place },
    /// An object in S3 whose key is empty, which the tools of .NET fill in when they deploy.
    ToBeFilled { place: Place },
    /// An asset of CDK.
    Asset(Asset),
    /// A container image.
    Image,
}

impl Location {
    /// The code of an `AWS::Serverless::Function`. Without any it is the template's folder (AWS SAM CLI, which builds
    /// `CodeUri: .`).
    pub(super) fn of_serverless<'t>(
        stacks: &Stacks<'t>,
        properties: &Properties<'_, 't>,
    ) -> Result<Self, Unresolved> {
        if properties.find("ImageUri").is_some() {
            return Ok(Self::Image);
        }
        if let Some(text) = properties.text("InlineCode")? {
            return Ok(Self::Inline { text, place: properties.place("InlineCode") });
        }
        let found = properties.find("CodeUri").map(|value| Self::of_value(stacks, value)).transpose()?;
        let whole_folder = || Self::Path { path: ".".to_owned(), place: properties.place("CodeUri") };
        Ok(found.flatten().unwrap_or_else(whole_folder))
    }

    /// The code of an `AWS::Lambda::Function`, or the content of a layer.
    pub(super) fn of_value<'t>(
        stacks: &Stacks<'t>,
        value: &Expression<'t>,
    ) -> Result<Option<Self>, Unresolved> {
        let place = value.place().clone();
        match stacks.evaluate(value)? {
            Value::Text(text) if text.text.starts_with("s3://") => {
                Ok(Some(Self::S3 { object: Object::of_url(&text.text), place }))
            }
            // `aws cloudformation package` and the SAM CLI accept a path where CloudFormation has a mapping.
            Value::Text(text) => Ok(Some(Self::Path { path: text.text, place })),
            Value::Map(entries) => {
                let text = |keys: &[&str]| {
                    let entry = entries.iter().find(|(key, _)| keys.contains(&key.as_str()));
                    let text = entry.map(|(_, value)| stacks.text(value)).transpose()?.flatten();
                    Ok::<_, Unresolved>(text.map(|scalar| scalar.text))
                };
                if entries.iter().any(|(key, _)| key == "ImageUri") {
                    return Ok(Some(Self::Image));
                }
                if let Some(code) = text(&["ZipFile"])? {
                    return Ok(Some(Self::Inline { text: code, place: place.key("ZipFile") }));
                }
                let Some(key) = text(&["S3Key", "Key"])? else { return Ok(None) };
                if key.is_empty() {
                    return Ok(Some(Self::ToBeFilled { place }));
                }
                // Only AWS may know the name of the bucket, and the answer is the same.
                let bucket =
                    text(&["S3Bucket", "Bucket"]).ok().flatten().unwrap_or_else(|| "BUCKET".to_owned());
                let version = text(&["S3ObjectVersion", "Version"]).ok().flatten();
                Ok(Some(Self::S3 { object: Object { bucket, key, version }, place }))
            }
            Value::Absent | Value::List(_) | Value::Reference(_) => Ok(None),
        }
    }
}

impl Object {
    fn of_url(url: &str) -> Self {
        let rest = url.strip_prefix("s3://").unwrap_or(url);
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        Self { bucket: bucket.to_owned(), key: key.to_owned(), version: None }
    }

    /// The command that downloads it to a file.
    fn download(&self) -> String {
        let Self { bucket, key, version } = self;
        match version {
            None => format!("aws s3 cp s3://{bucket}/{key} FILE.zip"),
            Some(version) => {
                format!("aws s3api get-object --bucket {bucket} --key {key} --version-id {version} FILE.zip")
            }
        }
    }
}

/// Finds files on this machine for a function with a runtime, or for a layer.
pub(super) fn files(path: &str, place: &Place, runtime: &str, findings: &mut Findings) -> Option<Source> {
    let folder = fs::folder_of(place.file());
    // The SAM CLI follows links when it packs code.
    let written = Written { follow: Some(true), ..Written::path(path, place) };
    let mut found = Findings::new(place.clone());
    let source = source::read(&written, folder, &mut found);
    for finding in found.all {
        let is_missing = finding.code == Code::MissingPath;
        let help = is_missing.then(|| build_output::help(Path::new(path), runtime)).flatten();
        findings.add(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }
    source
}

/// Code in the template.
pub(super) fn inline(
    text: String,
    runtime: &str,
    place: &Place,
    findings: &mut Findings,
) -> Option<FunctionCode> {
    let files = inline::files(text, runtime);
    if files.is_none() {
        let message =
            format!("code in a template must be Python or JavaScript, and the runtime is {runtime}");
        let finding = Finding::error(Code::WrongFile, place.clone(), message);
        findings.add(finding.help("put the code into a folder, and name it as `CodeUri`"));
    }
    files.map(FunctionCode::Inline)
}

/// The finding about an object in S3.
pub(super) fn in_s3(what: &str, object: &Object, place: &Place, property: &str) -> Finding {
    let message = format!("{what} is in S3: s3://{}/{}", object.bucket, object.key);
    let finding = Finding::error(Code::RemoteCode, place.clone(), message);
    finding.help(format!("download it with `{}`, and write `{property}: FILE.zip`", object.download()))
}

/// The finding about an object in S3 that has no key yet.
pub(super) fn to_be_filled(what: &str, runtime: &str, place: &Place, property: &str) -> Finding {
    let message = format!("{what} must be built first, since its key in S3 is empty");
    let finding = Finding::error(Code::MissingBuild, place.clone(), message);
    let pack = match Language::of(runtime) {
        Some(Language::DotNet) => "run `dotnet lambda package -o FILE.zip`",
        _ => "pack it into a .zip",
    };
    finding.help(format!("{pack}, and write `{property}: FILE.zip`"))
}
