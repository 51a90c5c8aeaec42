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

use crate::definition::document::{Node, ScalarKind};
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

/// What the template says about how a function or layer is built, and what the command adds.
pub(super) struct Wanted<'a> {
    /// The runtime that the template names; nothing for a layer.
    pub(super) runtime: Option<&'a str>,
    /// Nothing for a layer.
    pub(super) architecture: Option<Architecture>,
    /// The path of the sources.
    pub(super) sources: PathBuf,
    /// `Metadata` of the resource.
    pub(super) metadata: Option<&'a Node>,
}

#[derive(Deserialize)]
struct File {
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
    codeuri: Option<PathBuf>,
    runtime: Option<String>,
    architecture: Option<String>,
    metadata: Option<toml::Table>,
    /// `BuildMethod` of a layer.
    build_method: Option<String>,
    /// The hash of the sources, if the build was cached, and not of a language whose packages alone are.
    source_hash: Option<String>,
    /// The copy of the result.
    #[serde(skip)]
    cached: PathBuf,
    /// The first function that has the result.
    #[serde(skip)]
    first: Option<String>,
}

/// The keys of `Metadata` that say how to build.
const OF_BUILDS: [&str; 2] = ["BuildMethod", "BuildProperties"];

impl Definition {
    /// Whether the build was made with the values of a resource's `Metadata`. The AWS SAM CLI may have added some.
    fn has_metadata(&self, metadata: Option<&Node>) -> bool {
        OF_BUILDS.iter().all(|key| {
            let built = self.metadata.as_ref().and_then(|metadata| metadata.get(*key));
            match (metadata.and_then(|metadata| metadata.entry(key)), built, &self.build_method) {
                (Some(wanted), Some(built), _) => is_made_with(built, wanted),
                (Some(wanted), None, Some(built)) => wanted.text().is_none_or(|wanted| wanted == built),
                (Some(_), None, None) => false,
                (None, built, _) => built.is_none(),
            }
        })
    }
}

/// Whether a value in the file is one of the template. What a function computes there is not compared.
fn is_made_with(built: &toml::Value, wanted: &Node) -> bool {
    match wanted {
        Node::Tagged(..) => true,
        // The identifier of a loop.
        Node::Scalar(scalar) if scalar.text.contains("${") || scalar.text.contains("&{") => true,
        Node::Scalar(scalar) => match built {
            toml::Value::String(text) => *text == scalar.text,
            toml::Value::Boolean(built) => {
                scalar.kind == ScalarKind::Boolean(*built)
                    || scalar.text.eq_ignore_ascii_case(&built.to_string())
            }
            // The texts of numbers may differ.
            other => !other.is_table() && !other.is_array(),
        },
        Node::List(items) => built.as_array().is_some_and(|built| {
            built.len() == items.len()
                && built.iter().zip(items).all(|(built, item)| is_made_with(built, item))
        }),
        Node::Mapping(entries)
            if entries.iter().any(|entry| entry.key == "Ref" || entry.key.starts_with("Fn::")) =>
        {
            true
        }
        Node::Mapping(entries) => built.as_table().is_some_and(|built| {
            entries
                .iter()
                .all(|entry| built.get(&entry.key).is_some_and(|built| is_made_with(built, &entry.value)))
        }),
    }
}

/// Whether the path of sources in the file, which is absolute, is that of the template. The project may have been moved.
fn are_same_path(built: &Path, sources: &Path) -> bool {
    match (built.canonicalize(), sources.canonicalize()) {
        (Ok(built), Ok(sources)) => built == sources,
        _ => true,
    }
}

impl BuildGraph {
    /// Reads the file next to a folder of results. One that cannot be read says nothing.
    pub(super) fn read(results: &Path) -> Self {
        let folder = fs::folder_of(results);
        let text = fs::read_text(&folder.join(FILE), SIZE_LIMIT).ok();
        let Some(file) = text.and_then(|text| toml::from_str::<File>(&text).ok()) else {
            return Self::default();
        };
        let mut definitions = BTreeMap::new();
        let entries = file.function_build_definitions.into_iter().chain(file.layer_build_definitions);
        for (id, Entry { functions, layer, mut definition }) in entries {
            definition.cached = folder.join(CACHE).join(id);
            definition.first = functions.first().cloned();
            for name in functions.into_iter().chain(layer) {
                definitions.insert(name, definition.clone());
            }
        }
        Self { definitions }
    }

    /// How the build differs from what is wanted, as a clause; nothing if it does not, or is not known.
    pub(super) fn difference(&self, full_name: &str, wanted: &Wanted<'_>) -> Option<String> {
        let definition = self.definitions.get(full_name)?;
        let runtime =
            definition.runtime.as_deref().filter(|built| wanted.runtime.is_some_and(|it| it != *built));
        let architecture = definition
            .architecture
            .as_deref()
            .filter(|built| wanted.architecture.is_some_and(|it| it.name() != *built));
        if let Some(other) = runtime.or(architecture) {
            return Some(format!("the last build is for {other}"));
        }
        if definition.codeuri.as_ref().is_some_and(|built| !are_same_path(built, &wanted.sources)) {
            return Some("the last build is of other sources".to_owned());
        }
        (!definition.has_metadata(wanted.metadata))
            .then(|| "its `Metadata` has changed since the last build".to_owned())
    }

    /// The first function that has the same result as this one, as the AWS SAM CLI lists them.
    pub(super) fn first_alike<'a>(&'a self, full_name: &'a str) -> &'a str {
        self.definitions
            .get(full_name)
            .and_then(|definition| definition.first.as_deref())
            .unwrap_or(full_name)
    }

    /// Whether a function was built.
    pub(super) fn has(&self, full_name: &str) -> bool {
        self.definitions.contains_key(full_name)
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
    use crate::definition::document::Document;
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
    fn a_result_that_was_built_otherwise_is_recognised() {
        let folder = project();
        folder.write("other/x", b"");
        folder.write(
            ".aws-sam/build.toml",
            GRAPH.replace("/home/ada/shop", folder.root().to_str().unwrap()).as_bytes(),
        );
        let graph = BuildGraph::read(&folder.path(".aws-sam/build"));
        let metadata = |text: &str| {
            let document = Document::parse(Path::new("template.yaml"), text.to_owned()).unwrap();
            document.root().clone()
        };
        let makefile = metadata("{ BuildMethod: makefile, Other: 1 }");
        let wanted = || Wanted {
            runtime: Some("provided.al2023"),
            architecture: Some(Architecture::X86_64),
            sources: folder.path("mk"),
            metadata: Some(&makefile),
        };
        let difference = |wanted: Wanted<'_>| graph.difference("Mk", &wanted);
        assert_eq!(difference(wanted()), None);
        let other = difference(Wanted { runtime: Some("provided.al2"), ..wanted() });
        assert_eq!(other.as_deref(), Some("the last build is for provided.al2023"));
        let other = difference(Wanted { architecture: Some(Architecture::Arm64), ..wanted() });
        assert_eq!(other.as_deref(), Some("the last build is for x86_64"));
        let other = difference(Wanted { sources: folder.path("other"), ..wanted() });
        assert_eq!(other.as_deref(), Some("the last build is of other sources"));
        for text in ["{}", "{ BuildMethod: go1.x }", "{ BuildMethod: makefile, BuildProperties: { A: b } }"] {
            let metadata = metadata(text);
            let other = difference(Wanted { metadata: Some(&metadata), ..wanted() });
            assert_eq!(other.as_deref(), Some("its `Metadata` has changed since the last build"), "{text}");
        }
        assert_eq!(graph.difference("Other", &wanted()), None);
        assert_eq!((graph.first_alike("App/Mk"), graph.first_alike("Other")), ("Mk", "Other"));
    }

    #[test]
    fn values_of_templates_are_compared_with_those_of_the_file() {
        let built: toml::Table =
            "A = { Minify = true, Target = 'es2020', Entries = ['a.ts', 'b.ts'], Level = 2, Added = 1 }"
                .parse()
                .unwrap();
        for (text, expected) in [
            ("{ Minify: true, Target: es2020, Entries: [a.ts, b.ts], Level: 2 }", true),
            ("{ Minify: 'True', Target: !Ref Target, Entries: { Ref: Entries } }", true),
            ("{ Minify: false }", false),
            ("{ Target: es2022 }", false),
            ("{ Entries: [a.ts] }", false),
            ("{ Sourcemap: true }", false),
            ("x", false),
        ] {
            let document = Document::parse(Path::new("template.yaml"), text.to_owned()).unwrap();
            assert_eq!(is_made_with(&built["A"], document.root()), expected, "{text}");
        }
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
