//! What the store knows about bytecode: that of whole trees, and that of single sources, across projects and versions.
//!
//! The code itself is in blobs, one for each time that an interpreter has run. The sources of one package or folder share a
//! record, so that another project, or another version of the package, only compiles what it has of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::sources::Source;
use super::version::PythonVersion;
use crate::project::ImagePath;
use crate::store::{Digest, Store};
use crate::tree::{StoredFile, Tree};

/// The kind of the records of trees, by the key of their sources. Change both kinds when the code of a source may change.
const TREES: &str = "bytecode-trees-1";

/// The kind of the records of packages and folders, by version and path.
const PACKAGES: &str = "bytecode-packages-1";

/// How many sources of one path a record keeps.
const KEPT_OF_PATH: usize = 4;

/// How many sources a record keeps.
const KEPT: usize = 20_000;

/// The folders in which packages are, besides those of a version.
const PACKAGE_FOLDERS: [&str; 3] = ["/var/task", "/opt/python", "/opt"];

/// Where the bytecode of a source is: the number of the blob, the range in it, and the digest of the range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Range(pub(super) usize, pub(super) u64, pub(super) u64, pub(super) Digest);

/// What became of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// The tree has its bytecode.
    #[serde(rename = "k")]
    Kept,
    /// It was compiled.
    #[serde(rename = "c")]
    Code(Range),
    /// It does not compile, for this reason.
    #[serde(rename = "f")]
    Failed(String),
}

/// The bytecode of a tree: blobs with their sizes, and what became of each source, in the order of the paths.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct TreeRecord {
    pub(super) blobs: Vec<(Digest, u64)>,
    pub(super) outcomes: Vec<Outcome>,
}

/// The bytecode of the sources of a package.
#[derive(Debug, Default, Serialize, Deserialize)]
struct PackageRecord {
    blobs: Vec<(Digest, u64)>,
    /// The path of each source, the digest of its bytes, and what became of it; the last used first.
    sources: Vec<(ImagePath, Digest, Outcome)>,
}

impl TreeRecord {
    /// That of an unchanged tree, if the store has all of its bytecode.
    pub(super) fn find(key: &Digest, sources: usize, store: &Store) -> Option<Self> {
        let record: Self = store.record(TREES, key)?;
        let are_there = record.blobs.iter().all(|(digest, size)| is_there(digest, *size, store));
        let are_whole = record.outcomes.iter().all(|outcome| match outcome {
            Outcome::Code(range) => range.is_in(&record.blobs),
            Outcome::Kept | Outcome::Failed(_) => true,
        });
        (are_there && are_whole && record.outcomes.len() == sources).then_some(record)
    }

    /// Keeps it for an unchanged tree.
    pub(super) fn write(&self, key: &Digest, store: &Store) {
        // The record only saves work, and the store may be read-only.
        let _unrecorded = store.write_record(TREES, key, self);
    }

    /// The tree of the bytecode.
    pub(super) fn tree(&self, sources: &[Source<'_>], store: &Store) -> Tree {
        let paths: Vec<Arc<Path>> =
            self.blobs.iter().map(|(digest, size)| store.expected_blob(digest, *size).path.into()).collect();
        let mut tree = Tree::new();
        for (source, outcome) in sources.iter().zip(&self.outcomes) {
            if let Outcome::Code(Range(blob, offset, size, digest)) = outcome {
                let (path, digest) = (Arc::clone(&paths[*blob]), digest.as_str().to_owned());
                let file = StoredFile { path, offset: *offset, size: *size, digest };
                tree.add_stored(source.bytecode.clone(), file, 0o644, None);
            }
        }
        tree
    }

    /// The number of a blob.
    pub(super) fn number(&mut self, digest: &Digest, size: u64) -> usize {
        number(&mut self.blobs, digest, size)
    }
}

impl Range {
    fn is_in(&self, blobs: &[(Digest, u64)]) -> bool {
        let Self(blob, offset, size, _) = self;
        let end = offset.checked_add(*size);
        blobs.get(*blob).is_some_and(|(_, length)| end.is_some_and(|end| end <= *length))
    }
}

fn is_there(digest: &Digest, size: u64, store: &Store) -> bool {
    store.blob(digest).is_some_and(|blob| blob.size == size)
}

fn number(blobs: &mut Vec<(Digest, u64)>, digest: &Digest, size: u64) -> usize {
    blobs.iter().position(|(known, _)| known == digest).unwrap_or_else(|| {
        blobs.push((digest.clone(), size));
        blobs.len() - 1
    })
}

/// What the store knows about the packages of a tree.
pub(super) struct Packages<'a> {
    version: PythonVersion,
    store: &'a Store,
    /// The record of each package, by its folder.
    records: BTreeMap<String, PackageRecord>,
    /// Their sources by path and digest: the package, and the position in its record.
    positions: HashMap<(ImagePath, Digest), (String, usize)>,
}

impl<'a> Packages<'a> {
    /// Reads the records of the packages of some sources. What is in blobs that the store has lost is not known.
    pub(super) fn read(sources: &[Source<'_>], version: PythonVersion, store: &'a Store) -> Self {
        let mut all = Self { version, store, records: BTreeMap::new(), positions: HashMap::new() };
        let folders: BTreeSet<&str> = sources.iter().map(|source| package(source.path, version)).collect();
        for folder in folders {
            let record = store.record(PACKAGES, &key(folder, version));
            let record = record.map(|record| present(record, store)).unwrap_or_default();
            for (position, (path, digest, _)) in record.sources.iter().enumerate() {
                let known = || (folder.to_owned(), position);
                all.positions.entry((path.clone(), digest.clone())).or_insert_with(known);
            }
            all.records.insert(folder.to_owned(), record);
        }
        all
    }

    /// What became of a source with this digest, with the blob that its code is in.
    pub(super) fn find(&self, path: &ImagePath, digest: &Digest) -> Option<(Outcome, Option<(Digest, u64)>)> {
        let (folder, position) = self.positions.get(&(path.clone(), digest.clone()))?;
        let record = self.records.get(folder)?;
        let (_, _, outcome) = record.sources.get(*position)?;
        let blob = match outcome {
            Outcome::Code(Range(blob, ..)) => record.blobs.get(*blob).cloned(),
            Outcome::Kept | Outcome::Failed(_) => None,
        };
        Some((outcome.clone(), blob))
    }

    /// Adds what became of sources that were compiled: path, digest and outcome, whose blobs are those of `blobs`.
    pub(super) fn add(&mut self, compiled: &[(ImagePath, Digest, Outcome)], blobs: &[(Digest, u64)]) {
        let mut by_package = BTreeMap::<&str, Vec<_>>::new();
        for source in compiled {
            by_package.entry(package(&source.0, self.version)).or_default().push(source);
        }
        for (folder, compiled) in by_package {
            let old = self.records.remove(folder).unwrap_or_default();
            let mut record = PackageRecord::default();
            let mut of_path = BTreeMap::<&ImagePath, usize>::new();
            let new = compiled.into_iter().map(|source| (source, blobs));
            for ((path, digest, outcome), blobs) in
                new.chain(old.sources.iter().map(|it| (it, &old.blobs[..])))
            {
                let number_of_path = of_path.entry(path).or_default();
                *number_of_path += 1;
                if *number_of_path <= KEPT_OF_PATH && record.sources.len() < KEPT {
                    record.keep(path, digest, outcome, blobs);
                }
            }
            // The record only saves work, and the store may be read-only.
            let _unrecorded = self.store.write_record(PACKAGES, &key(folder, self.version), &record);
        }
    }
}

impl PackageRecord {
    fn keep(&mut self, path: &ImagePath, source: &Digest, outcome: &Outcome, blobs: &[(Digest, u64)]) {
        let outcome = match outcome {
            Outcome::Code(Range(blob, offset, size, digest)) => {
                let (blob, length) = &blobs[*blob];
                let blob = number(&mut self.blobs, blob, *length);
                Outcome::Code(Range(blob, *offset, *size, digest.clone()))
            }
            other => other.clone(),
        };
        self.sources.push((path.clone(), source.clone(), outcome));
    }
}

/// A record without what is not in the store.
fn present(mut record: PackageRecord, store: &Store) -> PackageRecord {
    let PackageRecord { blobs, sources } = &mut record;
    let are_there: Vec<bool> = blobs.iter().map(|(digest, size)| is_there(digest, *size, store)).collect();
    sources.retain(|(_, _, outcome)| match outcome {
        Outcome::Code(range) => range.is_in(blobs) && are_there[range.0],
        Outcome::Kept | Outcome::Failed(_) => true,
    });
    record
}

fn key(folder: &str, version: PythonVersion) -> Digest {
    Digest::of(format!("{version} {folder}").as_bytes())
}

/// The folder of a package: the first one below a folder of packages, or that folder itself for single modules.
fn package(path: &ImagePath, version: PythonVersion) -> &str {
    let of_version = format!("/opt/python/lib/python{version}/site-packages");
    let path = path.as_str();
    for folder in [of_version.as_str()].into_iter().chain(PACKAGE_FOLDERS) {
        if let Some(rest) = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) {
            let end = rest.find('/').map_or(folder.len(), |end| folder.len() + 1 + end);
            return &path[..end];
        }
    }
    "/"
}
