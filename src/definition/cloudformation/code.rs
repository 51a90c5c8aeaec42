//! Where the code of a function and the content of a layer are: a path, a text in the template, or S3.

use std::path::Path;

use super::assets::Asset;
use super::inline;
use super::intrinsics::{Expression, Stacks, Unresolved, Value};
use super::properties::Properties;
use crate::definition::fields::Findings;
use crate::definition::fields::source::{self, Written};
use crate::finding::{Code, Finding, Help, Place};
use crate::project::{FunctionCode, Source};

/// What a property says about files.
pub(super) enum Location {
    /// A path, relative to the template's folder.
    Path { path: String, place: Place },
    /// A text in the template.
    Inline { text: String, place: Place },
    /// An object in S3.
    S3 { url: String, place: Place },
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
                Ok(Some(Self::S3 { url: text.text, place }))
            }
            // `aws cloudformation package` and the SAM CLI accept a path where CloudFormation has a mapping.
            Value::Text(text) => Ok(Some(Self::Path { path: text.text, place })),
            Value::Map(entries) => {
                let text = |keys: [&str; 2]| {
                    let entry = entries.iter().find(|(key, _)| keys.contains(&key.as_str()));
                    let text = entry.map(|(_, value)| stacks.text(value)).transpose()?.flatten();
                    Ok::<_, Unresolved>(text.map(|scalar| scalar.text))
                };
                if entries.iter().any(|(key, _)| key == "ImageUri") {
                    return Ok(Some(Self::Image));
                }
                if let Some(code) = text(["ZipFile", "ZipFile"])? {
                    return Ok(Some(Self::Inline { text: code, place: place.key("ZipFile") }));
                }
                let Some(key) = text(["S3Key", "Key"])? else { return Ok(None) };
                // Only AWS may know the name of the bucket, and the answer is the same.
                let bucket =
                    text(["S3Bucket", "Bucket"]).ok().flatten().unwrap_or_else(|| "BUCKET".to_owned());
                Ok(Some(Self::S3 { url: format!("s3://{bucket}/{key}"), place }))
            }
            Value::Absent | Value::List(_) | Value::Reference(_) => Ok(None),
        }
    }
}

/// Finds files on this machine. `command` says what makes them if they do not exist.
pub(super) fn files(
    path: &str,
    place: &Place,
    command: impl Fn(&Path) -> Help,
    findings: &mut Findings,
) -> Option<Source> {
    let folder = place.file().parent().unwrap_or(Path::new("/"));
    // The SAM CLI follows links when it packs code.
    let written = Written {
        path,
        path_at: place.clone(),
        follow: Some(true),
        exclude: &[],
        exclude_at: place.clone(),
        default_excludes: None,
    };
    let mut found = Findings::new(place.clone());
    let source = source::read(&written, folder, &mut found);
    for finding in found.all {
        let is_missing = finding.code == Code::MissingPath;
        let help = is_missing.then(|| command(&folder.join(path)));
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
pub(super) fn in_s3(what: &str, url: &str, place: &Place, property: &str) -> Finding {
    let finding = Finding::error(Code::RemoteCode, place.clone(), format!("{what} is in S3: {url}"));
    finding.help(format!("download it with `aws s3 cp {url} FILE.zip`, and write `{property}: FILE.zip`"))
}
