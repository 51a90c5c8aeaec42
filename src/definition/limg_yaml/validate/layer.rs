//! Layers: where the files of each come from. Local files are looked up; layer versions and images are checked when they
//! are fetched.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::format;
use super::install;
use crate::definition::fields::source::{self, Written};
use crate::definition::fields::{Findings, image, name};
use crate::finding::{Code, Finding, Place};
use crate::project::{
    BytecodeMode, ImageFiles, ImageLocation, ImagePath, ImagePathError, ImageReference, Layer, LayerSource,
    LayerVersionArnError, VersionSource,
};

/// Where all files of layers are (Lambda developer guide, packaging-layers).
const LAYER_ROOT: &str = "/opt";

/// All layers by name; `None` for a layer with errors.
pub(super) fn all<'a>(
    written: Option<&'a format::Entries<format::Layer>>,
    default: Option<BytecodeMode>,
    root: &Path,
    findings: &mut Findings,
) -> BTreeMap<&'a str, Option<Layer>> {
    let mut layers = BTreeMap::new();
    for (key, written) in written.into_iter().flat_map(|entries| &entries.0) {
        let at = findings.at(&["layers", key]);
        name::entry("a layer", key, &at, findings);
        let source = source(key, written, &at, root, findings);
        let layer = source.map(|source| {
            let key_of_source = match &source {
                LayerSource::Files(_) => "path",
                LayerSource::Version(_) => "arn",
                LayerSource::Image(_) => "image",
                LayerSource::Packages(_) | LayerSource::Built(_) => "install",
            };
            let source_place = at.key(key_of_source);
            let bytecode = written.bytecode.or(default);
            Layer { name: key.clone(), place: at.clone(), source, source_place, bytecode }
        });
        layers.insert(key.as_str(), layer);
    }
    layers
}

fn source(
    name: &str,
    written: &format::Layer,
    at: &Place,
    root: &Path,
    findings: &mut Findings,
) -> Option<LayerSource> {
    let format::Layer {
        path,
        arn,
        ignore_compatibility,
        image,
        install,
        bytecode: _,
        to,
        follow,
        exclude,
        default_excludes,
    } = written;
    let others = [("path", path.is_some()), ("arn", arn.is_some()), ("image", image.is_some())];
    let other = others.into_iter().find(|(_, is_there)| *is_there && install.is_some());
    if let Some((first, second)) = match (path, arn, image) {
        _ if let Some((other, _)) = other => Some((other, "install")),
        (_, Some(_), Some(_)) => Some(("arn", "image")),
        (Some(_), Some(_), None) => Some(("path", "arn")),
        _ => None,
    } {
        let message = format!("the layer `{name}` has both `{first}` and `{second}`");
        let finding = Finding::error(Code::SeveralSources, at.key(second).on_key(), message);
        findings.add(finding.help("remove one, or define two layers"));
        return None;
    }
    if to.is_some() && image.is_none() {
        let finding = misplaced(at, "to", "`to` requires `image`");
        findings.add(finding.help("remove it: the root of a layer is always `/opt`"));
    }
    if ignore_compatibility.is_some() && arn.is_none() {
        let finding = misplaced(at, "ignore_compatibility", "`ignore_compatibility` requires `arn`");
        findings.add(finding.help("remove it: only published layers declare compatibility"));
    }
    if arn.is_some() || image.is_some() || install.is_some() {
        let keys = [
            ("follow", follow.is_some()),
            ("exclude", exclude.is_some()),
            ("default_excludes", default_excludes.is_some()),
        ];
        for (key, _) in keys.into_iter().filter(|(_, is_there)| *is_there) {
            let message = format!("`{key}` applies only to layers with local files");
            findings.add(misplaced(at, key, message).help("remove it"));
        }
    }
    if let Some(install) = install {
        let list = install::list(install, &at.key("install"), root, None, None, findings);
        return list.map(LayerSource::Packages);
    }
    match (path.as_deref(), arn.as_deref(), image.as_deref()) {
        (_, Some(arn), _) => version(arn, ignore_compatibility.unwrap_or_default(), &at.key("arn"), findings),
        (path, None, Some(image)) => image_files(name, image, path, to.as_deref(), at, root, findings),
        (Some(path), None, None) => {
            let (path_at, exclude_at) = (at.key("path"), at.key("exclude"));
            let exclude = exclude.as_deref().unwrap_or_default();
            let (follow, default_excludes) = (*follow, *default_excludes);
            let written = Written { path, path_at, follow, exclude, exclude_at, default_excludes };
            let source = source::read(&written, root, findings)?;
            source::is_tree(&source, &written.path_at, findings).then_some(LayerSource::Files(source))
        }
        (None, None, None) => {
            let message = format!("the layer `{name}` has no source of files");
            let finding = Finding::error(Code::MissingKey, at.clone().on_key(), message);
            findings.add(finding.help(
                "add `path:` with a directory or .zip, `arn:` with a layer version, `image:` or `install:`",
            ));
            None
        }
    }
}

/// A key without the one that it belongs to.
fn misplaced(at: &Place, key: &str, message: impl Into<String>) -> Finding {
    Finding::error(Code::MisplacedKey, at.key(key).on_key(), message)
}

fn version(
    text: &str,
    ignore_compatibility: bool,
    at: &Place,
    findings: &mut Findings,
) -> Option<LayerSource> {
    match text.parse() {
        Ok(arn) => Some(LayerSource::Version(VersionSource { arn, ignore_compatibility })),
        Err(error) => {
            let message = LayerVersionArnError::to_string(&error);
            let help = match error {
                LayerVersionArnError::Owned(_) => {
                    "remove the layer: AWS adds it to zip functions only, and an image has the base's files instead"
                }
                _ => "copy the version ARN from Lambda's console or from `aws lambda list-layer-versions`",
            };
            findings.add(Finding::error(Code::BadArn, at.clone(), message).help(help));
            None
        }
    }
}

fn image_files(
    name: &str,
    image: &str,
    path: Option<&str>,
    to: Option<&str>,
    at: &Place,
    root: &Path,
    findings: &mut Findings,
) -> Option<LayerSource> {
    let reference = reference(image, &at.key("image"), root, findings);
    let Some(path) = path else {
        let message = format!("the layer `{name}` does not name files of the image");
        let finding = Finding::error(Code::MissingKey, at.key("path"), message);
        findings.add(finding.help("add `path:` with a file or folder in the image, such as `/opt`"));
        return None;
    };
    let path = image_path(path, &at.key("path"), findings);
    let to = match to {
        Some(text) => {
            let to = image_path(text, &at.key("to"), findings);
            to.filter(|to| {
                let message = format!("`{to}` is outside `{LAYER_ROOT}`");
                let help = format!("write `{LAYER_ROOT}` or a path below it");
                is_for_layers(to, message, help, &at.key("to"), findings)
            })
        }
        None => path.clone().filter(|path| {
            let message = format!("the files would be at `{path}`, outside `{LAYER_ROOT}`");
            let help = format!("add `to:` with a path for them, such as `{LAYER_ROOT}/{}`", path.name());
            is_for_layers(path, message, help, &at.key("path"), findings)
        }),
    };
    Some(LayerSource::Image(ImageFiles { reference: reference?, path: path?, to: to? }))
}

fn reference(text: &str, at: &Place, root: &Path, findings: &mut Findings) -> Option<ImageReference> {
    match image::location(text, at, root, findings)? {
        ImageLocation::Registry(reference) => Some(reference),
        ImageLocation::Scratch => {
            let message = "`scratch` is empty and has no files";
            let finding = Finding::error(Code::BadImage, at.clone(), message);
            findings.add(finding.help("name an image in a registry"));
            None
        }
        _ => {
            let message =
                format!("limg can use files of images in registries only, and `{text}` is not in a registry");
            let finding = Finding::error(Code::BadImage, at.clone(), message);
            findings
                .add(finding.help("push the image to a registry, or unpack the files and use `path: ...`"));
            None
        }
    }
}

/// A path in an image. A slash at its end, which is common after the name of a folder, makes no difference.
fn image_path(text: &str, at: &Place, findings: &mut Findings) -> Option<ImagePath> {
    let plain = text.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(text);
    match plain.parse() {
        Ok(path) => Some(path),
        Err(error) => {
            let message = ImagePathError::to_string(&error);
            let finding = Finding::error(Code::BadImagePath, at.clone(), message);
            let help = "write the absolute path of a file or folder in the image, such as `/opt/python`";
            findings.add(finding.help(help));
            None
        }
    }
}

/// Whether a path is for a layer's files; reports it otherwise.
fn is_for_layers(
    place: &ImagePath,
    message: String,
    help: String,
    at: &Place,
    findings: &mut Findings,
) -> bool {
    let is_good = place.as_str() == LAYER_ROOT || place.is_below(LAYER_ROOT);
    if !is_good {
        findings.add(Finding::error(Code::BadImagePath, at.clone(), message).help(help));
    }
    is_good
}
