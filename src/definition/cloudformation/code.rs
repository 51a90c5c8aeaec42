//! Where the code of a function and the content of a layer are: a path, a text in the template, or S3.

use std::path::Path;

use super::assets::Asset;
use super::inline;
use super::intrinsics::{Expression, Stacks, Unresolved, Value};
use super::properties::Properties;
use crate::definition::Fetched;
use crate::definition::fields::source::{self, Written};
use crate::definition::fields::{Findings, build_output};
use crate::finding::{Code, Finding, Help, Place, RemoteValue, S3Object};
use crate::fs;
use crate::project::{FunctionCode, Source, SourceKind};
use crate::runtime::Language;

/// An object in S3.
pub(super) struct Object {
    /// Its bucket, if the template knows it.
    bucket: Result<String, Box<Unresolved>>,
    pub(super) key: String,
    version: Option<String>,
    /// What has to be fetched for it: the object itself, or what names it.
    remote: Option<RemoteValue>,
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
                let (bucket, version) =
                    (text(&["S3Bucket", "Bucket"]), text(&["S3ObjectVersion", "Version"]));
                Ok(Some(Self::S3 { object: Object::new(bucket, key, version), place }))
            }
            Value::Absent | Value::List(_) | Value::Reference(_) => Ok(None),
        }
    }
}

impl Object {
    fn of_url(url: &str) -> Self {
        let rest = url.strip_prefix("s3://").unwrap_or(url);
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        match S3Object::of_url(url) {
            Some(object) => Self {
                bucket: Ok(object.bucket().to_owned()),
                key: object.key().to_owned(),
                version: object.version().map(str::to_owned),
                remote: Some(RemoteValue::Object(object)),
            },
            None => Self { bucket: Ok(bucket.to_owned()), key: key.to_owned(), version: None, remote: None },
        }
    }

    /// The object of a key, as far as the rest is known.
    fn new(
        bucket: Result<Option<String>, Unresolved>,
        key: String,
        version: Result<Option<String>, Unresolved>,
    ) -> Self {
        let remote = match (&bucket, &version) {
            (Err(unresolved), _) | (Ok(_), Err(unresolved)) => unresolved.remote().cloned(),
            (Ok(bucket), Ok(version)) => {
                let object = S3Object::new(bucket.as_deref().unwrap_or_default(), &key, version.as_deref());
                object.map(RemoteValue::Object)
            }
        };
        let bucket = bucket.map(Option::unwrap_or_default).map_err(Box::new);
        Self { bucket, key, version: version.ok().flatten(), remote }
    }

    /// What downloads it to a file.
    fn download(&self) -> String {
        let Self { bucket, key, version, .. } = self;
        match (bucket, version) {
            (Err(_), _) => "download it".to_owned(),
            (Ok(bucket), None) => format!("download it with `aws s3 cp s3://{bucket}/{key} FILE.zip`"),
            (Ok(bucket), Some(version)) => format!(
                "download it with `aws s3api get-object --bucket {bucket} --key {key} --version-id {version} FILE.zip`"
            ),
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

/// An object in S3 as the definition names it.
pub(super) struct InS3<'a> {
    /// What it is, such as "the code of `Orders`".
    pub(super) what: &'a str,
    pub(super) object: &'a Object,
    pub(super) place: &'a Place,
    /// The property that would name a file instead.
    pub(super) property: &'a str,
}

impl InS3<'_> {
    /// The object as a file, if it has been fetched; reports it otherwise.
    pub(super) fn files(self, fetched: &Fetched, findings: &mut Findings) -> Option<Source> {
        let Self { what, object, place, property } = self;
        let fetched = match &object.remote {
            Some(RemoteValue::Object(remote)) => fetched.object(remote).map(|path| (remote, path)),
            _ => None,
        };
        let Some((remote, path)) = fetched else {
            findings.add(in_s3(what, object, place, property));
            return None;
        };
        let written = Written {
            path: &path.to_string_lossy(),
            path_at: place.clone(),
            follow: None,
            exclude: &[],
            exclude_at: place.clone(),
            default_excludes: None,
        };
        let source = source::read(&written, Path::new("/"), findings)?;
        if source.kind != SourceKind::Zip {
            let message = format!("{what} is not a zip archive: {remote}");
            let finding = Finding::error(Code::WrongFile, place.clone(), message);
            findings.add(finding.help("name the object that a packaging command has uploaded"));
            return None;
        }
        Some(source)
    }
}

/// The finding about an object in S3 that is not on this machine.
fn in_s3(what: &str, object: &Object, place: &Place, property: &str) -> Finding {
    let download = format!("{}, and write `{property}: FILE.zip`", object.download());
    let (message, help) = match &object.bucket {
        Ok(bucket) => {
            let help = object.remote.as_ref().map(|_| Help::from("use `--fetch` to download it"));
            (format!("{what} is in S3: s3://{bucket}/{}", object.key), help)
        }
        Err(unresolved) => {
            let Finding { message: why, help, .. } = unresolved.finding();
            (format!("{what} is in S3 as `{}`, and its bucket is not known: {why}", object.key), help)
        }
    };
    let help = match help {
        Some(help) => help.or(download),
        None => download.into(),
    };
    Finding::error(Code::RemoteCode, place.clone(), message).help(help).settled_by(object.remote.clone())
}

/// Whether a path in a template may name files on this machine; reports it if the template comes from S3, where a path means
/// nothing.
pub(super) fn may_be_on_this_machine(
    what: &str,
    place: &Place,
    fetched: &Fetched,
    findings: &mut Findings,
) -> bool {
    let Some(template) = fetched.object_in(place.file()) else { return true };
    let message = format!("{what} is a path, and its template is in S3: {template}");
    let finding = Finding::error(Code::RemoteCode, place.clone(), message);
    findings.add(finding.help("run `aws cloudformation package` or `sam package` on that template"));
    false
}
