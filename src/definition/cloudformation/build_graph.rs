//! `build.toml`, in which the AWS SAM CLI keeps for which runtime and from which sources it has built each function and layer
//! (AWS SAM CLI, `samcli/lib/build/build_graph.py`).
//!
//! Its hashes recognise sources whose times say nothing, such as those of a fresh checkout next to a restored cache.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{MAIN_SEPARATOR_STR, Path, PathBuf};

use md5::Md5;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::fs::{self, FsError};
use crate::project::Architecture;
use crate::text::hex;

/// The file and the folder with copies of results, both next to the folder of results.
const FILE: &str = "build.toml";
const CACHE: &str = "cache";

/// The largest file that is read, in bytes: some hundred for each function.
const SIZE_LIMIT: u64 = 16 * 1024 * 1024;

/// What the hash of sources leaves out.
const NOT_HASHED: &str = ".aws-sam";

/// How many files and folders are looked at.
const ENTRIES_AT_MOST: usize = 200_000;

/// How many bytes of a file are read at once.
const CHUNK: usize = 64 * 1024;

/// What was built, by the full name of the function or layer.
#[derive(Default)]
pub(super) struct BuildGraph {
    definitions: BTreeMap<String, Definition>,
}

/// What a function's code runs on.
pub(super) struct Target<'a> {
    /// The runtime that the template names.
    pub(super) runtime: &'a str,
    pub(super) architecture: Architecture,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    function_build_definitions: BTreeMap<String, Entry>,
    #[serde(default)]
    layer_build_definitions: BTreeMap<String, Entry>,
}

/// One build, whose result several functions may have.
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    functions: Vec<String>,
    layer: Option<String>,
    #[serde(flatten)]
    definition: Definition,
}

#[derive(Clone, Deserialize)]
struct Definition {
    runtime: Option<String>,
    architecture: Option<String>,
    /// The hash of the sources, if the build was cached, and not of a language whose packages alone are.
    source_hash: Option<String>,
    /// The copy of the result.
    #[serde(skip)]
    cached: PathBuf,
}

impl BuildGraph {
    /// Reads the file next to a folder of results. One that cannot be read says nothing.
    pub(super) fn read(results: &Path) -> Self {
        let folder = fs::folder_of(results);
        let text = fs::read_text(&folder.join(FILE), SIZE_LIMIT).ok();
        let Some(document) = text.and_then(|text| toml::from_str::<Document>(&text).ok()) else {
            return Self::default();
        };
        let mut definitions = BTreeMap::new();
        let entries = document.function_build_definitions.into_iter().chain(document.layer_build_definitions);
        for (id, Entry { functions, layer, mut definition }) in entries {
            definition.cached = folder.join(CACHE).join(id);
            for name in functions.into_iter().chain(layer) {
                definitions.insert(name, definition.clone());
            }
        }
        Self { definitions }
    }

    /// The runtime or architecture that a result was built for, if the code is to run on another one.
    pub(super) fn other_target(&self, full_name: &str, target: &Target<'_>) -> Option<&str> {
        let Definition { runtime, architecture, .. } = self.definitions.get(full_name)?;
        let runtime = runtime.as_deref().filter(|built| *built != target.runtime);
        let architecture = architecture.as_deref().filter(|built| *built != target.architecture.name());
        runtime.or(architecture)
    }

    /// Whether a result was built from sources with exactly this content. Only the copy of a result that is as the result
    /// itself tells that the hash belongs to it, since builds without the cache keep the hash of the last one with it.
    pub(super) fn was_built_from(&self, full_name: &str, sources: &Path, result: &Path) -> bool {
        let Some(Definition { source_hash: Some(hash), cached, .. }) = self.definitions.get(full_name) else {
            return false;
        };
        are_same(cached, result).is_ok_and(|are_same| are_same)
            && hash_of(sources).is_ok_and(|found| found.as_ref() == Some(hash))
    }
}

/// The paths of the files below a folder, sorted; nothing if there are too many. Links to folders are followed, as the AWS SAM
/// CLI does.
fn files_below(folder: &Path) -> Result<Option<Vec<String>>, FsError> {
    let mut files = Vec::new();
    let mut entries = 0;
    let mut folders = vec![String::new()];
    while let Some(below) = folders.pop() {
        for name in fs::names_in(&folder.join(&below))? {
            entries += 1;
            if entries > ENTRIES_AT_MOST {
                return Ok(None);
            }
            if name == NOT_HASHED {
                continue;
            }
            let path = below.clone() + &name;
            if fs::metadata(&folder.join(&path))?.is_dir() {
                folders.push(path + MAIN_SEPARATOR_STR);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(Some(files))
}

/// Whether two folders have the same files, as far as their names, sizes and times tell.
fn are_same(one: &Path, other: &Path) -> Result<bool, FsError> {
    let (Some(files), Some(others)) = (files_below(one)?, files_below(other)?) else { return Ok(false) };
    if files != others {
        return Ok(false);
    }
    for file in files {
        let (one, other) = (fs::metadata(&one.join(&file))?, fs::metadata(&other.join(&file))?);
        if one.len() != other.len() || one.modified().ok() != other.modified().ok() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The hash of sources (AWS SAM CLI, `dir_checksum`); nothing if there are too many.
fn hash_of(sources: &Path) -> Result<Option<String>, FsError> {
    let Some(files) = files_below(sources)? else { return Ok(None) };
    let mut hash = Sha256::new();
    for path in files {
        hash.update(&path);
        hash.update(content_hash(&sources.join(&path))?);
    }
    Ok(Some(hex(&hash.finalize())))
}

fn content_hash(path: &Path) -> Result<String, FsError> {
    let mut file = fs::open(path)?;
    let mut hash = Md5::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk).map_err(FsError::because("read", path))? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&chunk[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::tests::Folder;

    /// As the AWS SAM CLI 1.170 has written it for the files of [`project`].
    const GRAPH: &str = r#"# This file is auto generated by SAM CLI build command

[function_build_definitions.484fb39a-5df0-4d54-acc8-c482fc13162f]
codeuri = "/home/ada/shop/mk"
runtime = "provided.al2023"
architecture = "x86_64"
handler = "any"
source_hash = "4f212e903c9cad90a4172884c9f58f79791ff0cb0838a8e5ac7081ba2388b0da"
manifest_hash = ""
packagetype = "Zip"
functions = ["Mk", "App/Mk"]

[function_build_definitions.484fb39a-5df0-4d54-acc8-c482fc13162f.metadata]
BuildMethod = "makefile"

[layer_build_definitions.a5584e3a-0bc7-46c2-93a4-276d74f0dcab]
layer_name = "L"
codeuri = "/home/ada/shop/layer"
build_method = "python3.11"
compatible_runtimes = []
architecture = "x86_64"
manifest_hash = "5d2dfbea120f23e84e689374aa2ba84f"
layer = "L"
"#;

    /// Sources, their result and the copy of it.
    fn project() -> Folder {
        let folder = Folder::new();
        folder.write("mk/Makefile", b"build-Mk:\n\tcp bootstrap $(ARTIFACTS_DIR)/\n");
        folder.write(".aws-sam/build.toml", GRAPH.as_bytes());
        for path in ["mk", ".aws-sam/build/Mk", ".aws-sam/cache/484fb39a-5df0-4d54-acc8-c482fc13162f"] {
            let path = format!("{path}/bootstrap");
            folder.write(&path, b"#!/bin/sh\n");
            let file = std::fs::File::options().write(true).open(folder.path(&path)).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }
        folder
    }

    fn was_built(folder: &Folder, name: &str) -> bool {
        let graph = BuildGraph::read(&folder.path(".aws-sam/build"));
        graph.was_built_from(name, &folder.path("mk"), &folder.path(".aws-sam/build/Mk"))
    }

    #[test]
    fn sources_are_recognised_by_the_hash_of_the_aws_sam_cli() {
        let folder = project();
        assert!(was_built(&folder, "Mk"));
        assert!(was_built(&folder, "App/Mk"));
        assert!(!was_built(&folder, "L"), "it has no hash");
        assert!(!was_built(&folder, "Other"));
        folder.write("mk/.aws-sam/build/x", b"x");
        assert!(was_built(&folder, "Mk"), "results are not sources");
        folder.write("mk/more/x", b"x");
        assert!(!was_built(&folder, "Mk"));
    }

    #[test]
    fn a_hash_says_nothing_about_the_result_of_a_later_build() {
        let folder = project();
        folder.write(".aws-sam/build/Mk/bootstrap", b"#!/bin/ab\n");
        assert!(!was_built(&folder, "Mk"));
        let folder = project();
        std::fs::remove_dir_all(folder.path(".aws-sam/cache")).unwrap();
        assert!(!was_built(&folder, "Mk"));
    }

    #[test]
    fn a_result_is_for_one_runtime_and_architecture() {
        let graph = BuildGraph::read(&project().path(".aws-sam/build"));
        let other = |name, runtime, architecture| {
            graph.other_target(name, &Target { runtime, architecture }).map(str::to_owned)
        };
        let (x86, arm) = (Architecture::X86_64, Architecture::Arm64);
        assert_eq!(other("Mk", "provided.al2023", x86), None);
        assert_eq!(other("Mk", "provided.al2", x86).as_deref(), Some("provided.al2023"));
        assert_eq!(other("Mk", "provided.al2023", arm).as_deref(), Some("x86_64"));
        assert_eq!(other("Other", "provided.al2", arm), None);
    }

    #[test]
    fn a_file_that_is_not_a_build_graph_says_nothing() {
        let folder = project();
        for text in ["", "x", "[function_build_definitions]\na = 1\n"] {
            folder.write(".aws-sam/build.toml", text.as_bytes());
            assert!(!was_built(&folder, "Mk"), "{text}");
        }
    }
}
