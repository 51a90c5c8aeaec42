//! The text of a lock file: sorted YAML with one line for each pin, so that diffs are readable and branches that change
//! different pins merge.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use super::{Lock, LockError, Pin};
use crate::finding::S3Object;
use crate::project::{Architecture, ImageReference, LayerVersionArn};
use crate::store::Digest;
use crate::strict_yaml::{self, FromText, UniqueKeys};

/// The first lines of every lock file.
const HEADER: &str = "# Pinned by limg: commit this file. `limg update` moves the pins.\nversion: 1\n";

/// The starts of the lines that git writes into a file with conflicts (git-merge(1), "How conflicts are presented").
const CONFLICT_MARKERS: [&str; 3] = ["<<<<<<< ", ">>>>>>> ", "||||||| "];

/// The key of a list's own digest among its wheels.
const LIST: &str = "list";

/// The content of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "version")]
    _version: u64,
    images: Option<UniqueKeys<ImageReference, Digests>>,
    layers: Option<UniqueKeys<LayerVersionArn, FromText<Digest>>>,
    objects: Option<UniqueKeys<S3Object, FromText<Digest>>>,
    packages: Option<UniqueKeys<String, UniqueKeys<String, FromText<Digest>>>>,
}

/// The digests of one image.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Digests {
    arm64: Option<FromText<Digest>>,
    x86_64: Option<FromText<Digest>>,
}

/// Only the version, ignoring all other keys.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// Reads the text of the lock file `path`.
pub(super) fn parse(text: &str, path: &Path) -> Result<Lock, LockError> {
    let is_marker = |line: &str| CONFLICT_MARKERS.iter().any(|marker| line.starts_with(marker));
    if let Some(position) = text.lines().position(is_marker) {
        return Err(LockError::Conflict { path: path.to_owned(), line: position + 1 });
    }
    let form = |error| LockError::Form { path: path.to_owned(), error };
    // The version comes first: a later one may have keys that are unknown here.
    let Versioned { version } = strict_yaml::parse(text).map_err(form)?;
    if version != 1 {
        return Err(LockError::Version { path: path.to_owned(), version });
    }
    let written: Written = strict_yaml::parse(text).map_err(form)?;
    let mut lock = Lock::default();
    for (reference, Digests { arm64, x86_64 }) in written.images.into_iter().flat_map(|images| images.0) {
        for (architecture, digest) in [(Architecture::Arm64, arm64), (Architecture::X86_64, x86_64)] {
            if let Some(FromText(digest)) = digest {
                lock.pin_image(&reference, architecture, digest);
            }
        }
    }
    for (arn, FromText(digest)) in written.layers.into_iter().flat_map(|layers| layers.0) {
        lock.pin_layer(&arn, digest);
    }
    for (object, FromText(digest)) in written.objects.into_iter().flat_map(|objects| objects.0) {
        lock.pin_object(&object, digest);
    }
    for (list, UniqueKeys(pins)) in written.packages.into_iter().flat_map(|packages| packages.0) {
        let (own, wheels): (Vec<_>, Vec<_>) = pins.into_iter().partition(|(key, _)| key == LIST);
        // Without its digest, a list is resolved again.
        if let Some((_, FromText(digest))) = own.into_iter().next() {
            let wheels = wheels.into_iter().map(|(url, FromText(digest))| (url, digest));
            lock.pin_packages(&list, digest, wheels);
        }
    }
    Ok(lock)
}

/// The text of a lock.
pub(super) fn render(lock: &Lock) -> String {
    let mut images: BTreeMap<&ImageReference, BTreeMap<&str, &Digest>> = BTreeMap::new();
    let (mut layers, mut objects) = (Vec::new(), Vec::new());
    let mut packages: BTreeMap<&str, Vec<(&str, &Digest)>> = BTreeMap::new();
    for (pin, digest) in &lock.pins {
        match pin {
            Pin::Image { reference, architecture } => {
                images.entry(reference).or_default().insert(architecture.name(), digest);
            }
            Pin::Layer(arn) => layers.push((arn, digest)),
            Pin::Object(object) => objects.push((object, digest)),
            Pin::List(list) => packages.entry(list).or_default().insert(0, (LIST, digest)),
            Pin::Wheel(list, url) => packages.entry(list).or_default().push((url, digest)),
        }
    }
    let mut text = String::from(HEADER);
    let mut line = |indent: usize, key: &str, value: &str| {
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "{:indent$}{key}:{value}", "");
    };
    if !images.is_empty() {
        line(0, "images", "");
    }
    for (reference, digests) in images {
        line(2, &key(&reference.to_string()), "");
        for (architecture, digest) in digests {
            line(4, architecture, &format!(" {digest}"));
        }
    }
    if !layers.is_empty() {
        line(0, "layers", "");
    }
    for (arn, digest) in layers {
        line(2, &key(&arn.to_string()), &format!(" {digest}"));
    }
    if !objects.is_empty() {
        line(0, "objects", "");
    }
    for (object, digest) in objects {
        line(2, &key(&object.to_string()), &format!(" {digest}"));
    }
    if !packages.is_empty() {
        line(0, "packages", "");
    }
    for (list, pins) in packages {
        line(2, &key(list), "");
        for (name, digest) in pins {
            line(4, &key(name), &format!(" {digest}"));
        }
    }
    text
}

/// A YAML key: plain if every reader parses it as text, else in quotes.
fn key(text: &str) -> String {
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | ':' | '@' | '-');
    let starts_with_letter = text.starts_with(|c: char| c.is_ascii_alphabetic());
    // Numbers have no slash; `null`, `yes` and the like have no colon.
    let is_name = text.contains('/') || (starts_with_letter && text.contains(':'));
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if is_name && starts_well && text.chars().all(letters) && !text.ends_with(':') {
        text.to_owned()
    } else {
        // JSON strings are YAML strings.
        serde_json::Value::from(text).to_string()
    }
}
