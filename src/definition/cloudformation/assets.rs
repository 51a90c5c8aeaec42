//! Assets of CDK: files and folders on this machine that CDK uploads to S3 when it deploys.
//!
//! A template names an asset's place in S3 in the property itself. Its path on this machine is in the resource's metadata
//! (AWS CDK developer guide, Assets), or else in the asset manifest next to the template.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::intrinsics::{Expression, Stacks};
use crate::definition::document::{Document, Node};
use crate::definition::fields::Findings;
use crate::definition::fields::source::{self, Written};
use crate::definition::find;
use crate::finding::{Code, Place};
use crate::fs;
use crate::project::Source;

/// How the name of a template in a cloud assembly ends, and that of its asset manifest.
const TEMPLATE: &str = ".template.json";
const MANIFEST: &str = ".assets.json";

/// The largest asset manifest that is read, in bytes: some hundred for each asset.
const MANIFEST_AT_MOST: u64 = 16 * 1024 * 1024;

/// The code of a function, the content of a layer, or a nested template.
pub(super) struct Asset {
    /// Its absolute path. It may not exist.
    pub(super) path: PathBuf,
    /// Where the template names it.
    pub(super) place: Place,
    /// Whether a bundler has made it, so that it has exactly the files that are needed.
    pub(super) is_bundled: bool,
}

/// The assets of a template.
#[derive(Default)]
pub(super) struct Assets {
    /// The files that the asset manifest lists, by the last part of their keys in S3.
    by_key: BTreeMap<String, PathBuf>,
    /// The folder that CDK has written, if the template is in one.
    pub(super) assembly: Option<PathBuf>,
}

impl Assets {
    /// Reads the asset manifest next to a template. Without one, only metadata says where assets are.
    pub(super) fn of_template(template: &Path) -> Self {
        let name = template.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let manifest =
            name.strip_suffix(TEMPLATE).map(|stack| template.with_file_name(format!("{stack}{MANIFEST}")));
        let document = manifest.and_then(|file| Document::read_at_most(&file, MANIFEST_AT_MOST).ok());
        let by_key = document.as_ref().map(files).unwrap_or_default();
        Self { by_key, assembly: find::assembly_around(fs::folder_of(template)) }
    }

    /// The asset that a resource's metadata names for a property.
    pub(super) fn of_resource<'t>(
        stacks: &Stacks<'t>,
        resource: &Expression<'t>,
        property: &str,
    ) -> Option<Asset> {
        let metadata = stacks.get(resource, "Metadata").ok()??;
        let text = |key: &str| Some(stacks.text(&stacks.get(&metadata, key).ok()??).ok()??.text);
        if text("aws:asset:property")? != property {
            return None;
        }
        let place = metadata.place().key("aws:asset:path");
        let path = absolute(fs::folder_of(place.file()), &text("aws:asset:path")?);
        Some(Asset { path, place, is_bundled: text("aws:asset:is-bundled").as_deref() == Some("true") })
    }

    /// The asset of an object in S3.
    pub(super) fn in_s3(&self, url: &str, place: &Place) -> Option<Asset> {
        let path = self.by_key.get(url.rsplit('/').next()?)?;
        Some(Asset { path: path.clone(), place: place.clone(), is_bundled: false })
    }

    /// The files of an asset.
    pub(super) fn files(&self, asset: Asset, findings: &mut Findings) -> Option<Source> {
        let Asset { path, place, is_bundled } = asset;
        let path = path.to_string_lossy();
        let written = Written {
            // CDK follows links when it packs an asset.
            follow: Some(true),
            default_excludes: is_bundled.then_some(false),
            ..Written::path(&path, &place)
        };
        let mut found = Findings::new(place.clone());
        let source = source::read(&written, Path::new("/"), &mut found);
        for finding in found.all {
            let is_missing = finding.code == Code::MissingPath;
            findings.add(if is_missing { finding.help("run `cdk synth`") } else { finding });
        }
        // A `.limgignore` belongs next to the folder that CDK writes, not in it.
        let definition = self.assembly.clone().or_else(|| Some(place.file().to_owned()));
        source.map(|source| Source { definition, ..source })
    }
}

/// The files of an asset manifest (`@aws-cdk/cloud-assembly-schema`, `assets.schema.json`, `FileAsset`).
fn files(manifest: &Document) -> BTreeMap<String, PathBuf> {
    let folder = fs::folder_of(manifest.file());
    let mut files = BTreeMap::new();
    for asset in manifest.root().entry("files").into_iter().flat_map(Node::entries) {
        let path = asset.value.entry("source").and_then(|source| source.entry("path")).and_then(Node::text);
        let Some(path) = path.filter(|path| !path.is_empty()) else { continue };
        for destination in asset.value.entry("destinations").into_iter().flat_map(Node::entries) {
            let key = destination.value.entry("objectKey").and_then(Node::text);
            if let Some(key) = key.and_then(|key| key.rsplit('/').next()) {
                files.insert(key.to_owned(), absolute(folder, path));
            }
        }
    }
    files
}

/// A path below a folder, with one spelling for each file, so that templates of several folders share assets. CDK joins paths
/// as text, too.
fn absolute(folder: &Path, path: &str) -> PathBuf {
    let mut absolute = PathBuf::new();
    for component in folder.join(path).components() {
        match component {
            Component::ParentDir => {
                absolute.pop();
            }
            Component::CurDir => {}
            other => absolute.push(other),
        }
    }
    absolute
}
