//! A function on a base, planned.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::super::{BaseFacts, FunctionTrees, ImagePlan, Stacks, plan, started};
use crate::files::{FileIndex, SourceTree, base_of, elf};
use crate::finding::Place;
use crate::project::{
    Architecture, Base, Dependencies, Extension, Function, FunctionCode, FunctionImage, FunctionPlaces,
    ImagePath, Layer, LayerSource, RunConfig, Source, SourceKind, Wrapper, WrapperScript,
};
use crate::runtime::{self, AWS_ENTRYPOINT, Contract};
use crate::shared::Shared;
use crate::tree::{FileNode, Node, Tree};

/// A script that does nothing.
pub(crate) const SCRIPT: &str = "#!/bin/sh\n";

/// A function, its trees and its base, for each test to change.
pub(crate) struct Fixture {
    pub(crate) function: Function,
    pub(crate) trees: FunctionTrees,
    pub(crate) run: RunConfig,
    pub(crate) index: Shared<FileIndex>,
}

pub(crate) fn path(text: &str) -> ImagePath {
    text.parse().unwrap()
}

fn source() -> Source {
    Source::new("/nowhere".into(), SourceKind::Directory)
}

/// A tree of files: `PATH`, or `PATH=CONTENT`, or `PATH -> TARGET`, or `PATH/`. Content that is a program is executable.
pub(crate) fn tree(nodes: &[&str]) -> Tree {
    let mut tree = Tree::new();
    for node in nodes {
        if let Some((link, target)) = node.split_once(" -> ") {
            tree.insert(path(link), Node::Symlink(target.to_owned()));
        } else if let Some(directory) = node.strip_suffix('/') {
            tree.insert(path(directory), Node::Directory);
        } else {
            let (name, content) = node.split_once('=').unwrap_or((node, "text"));
            tree.insert(
                path(name),
                Node::File(FileNode::of_bytes(content.as_bytes(), content.starts_with("#!"))),
            );
        }
    }
    tree
}

/// A tree as it is loaded.
pub(crate) fn loaded(tree: Tree) -> SourceTree {
    let started = started(&tree).unwrap();
    SourceTree::read(tree, &started).unwrap()
}

/// As [`loaded`], of nodes.
pub(crate) fn files(nodes: &[&str]) -> SourceTree {
    loaded(tree(nodes))
}

/// The place that keys of the definition lead to.
pub(crate) fn place(keys: &[&str]) -> Place {
    Place::document(Path::new("limg.yaml")).keys(keys)
}

/// A wrapper script in the image.
pub(crate) fn in_image(script: &str) -> Wrapper {
    let place = place(&["functions", "orders", "wrapper"]);
    Wrapper { script: WrapperScript::InImage(path(script)), place, is_configured: false }
}

/// Executable files for the machines of these numbers, little-endian and of 64 bits.
pub(crate) fn binaries(files: &[(&str, u16)]) -> SourceTree {
    let mut tree = Tree::new();
    for (place, number) in files {
        tree.insert(path(place), Node::File(FileNode::of_bytes(&elf(*number, 2, 1), true)));
    }
    loaded(tree)
}

impl Fixture {
    /// A function on a base like AWS's.
    pub(crate) fn new(runtime: &str) -> Self {
        let own = |key: &str| {
            let function = place(&["functions", "orders"]);
            if key.is_empty() { function } else { function.key(key) }
        };
        let environment = [("PATH", "/var/lang/bin:/bin:/opt/bin"), ("LD_LIBRARY_PATH", "/lib64:/opt/lib")];
        Self {
            function: Function {
                name: "orders".to_owned(),
                places: FunctionPlaces {
                    function: own(""),
                    runtime: own("runtime"),
                    handler: own("handler"),
                    code: own("code"),
                    dependencies: own("dependencies"),
                    extensions: own("extensions"),
                },
                base: Base {
                    name: runtime.to_owned(),
                    place: own("runtime"),
                    image: None,
                    contract: runtime.to_owned(),
                    entrypoint: None,
                },
                handler: Some("app.handler".to_owned()),
                architecture: Architecture::X86_64,
                code: FunctionCode::Files(source()),
                install: None,
                bytecode: None,
                is_complete: false,
                dependencies: Dependencies::Installed,
                layers: Vec::new(),
                extensions: Vec::new(),
                wrapper: None,
                handler_wrapper: None,
                snapstart: false,
                environment: BTreeMap::new(),
                configuration: BTreeMap::new(),
                deployed_variables: Vec::new(),
                allowances: Arc::default(),
                build_command: None,
                image: FunctionImage { name: "orders".to_owned(), handler: Some("app.handler".to_owned()) },
                timeout: 3,
                memory: 128,
            },
            trees: FunctionTrees {
                layers: Vec::new(),
                extensions: Vec::new(),
                wrapper: None,
                code: files(&["/var/task/app.py"]),
                recorded: BTreeSet::new().into(),
                installed: None,
            },
            run: RunConfig {
                environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
                entrypoint: Some(vec![AWS_ENTRYPOINT.to_owned()]),
                command: None,
                working_directory: Some("/var/task".to_owned()),
                ..RunConfig::default()
            },
            index: base_of(&[
                &["bin/", "bin/sh", "lambda-entrypoint.sh", "opt/", "var/", "var/task/"],
                &["lib64/", "lib64/ld-linux-x86-64.so.2"],
            ]),
        }
    }

    /// The same on a base without anything of Lambda's but the clients: a shell, `/usr/bin/env`, and a command for people.
    pub(crate) fn on_debian(runtime: &str) -> Self {
        let run = RunConfig {
            environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
            command: Some(vec!["bash".to_owned()]),
            ..RunConfig::default()
        };
        let clients = ["usr/lib/awslambdaric/", "usr/lib/aws-lambda-ric/", "usr/bin/aws_lambda_ric"];
        let index = base_of(&[&["bin/", "bin/sh", "usr/", "usr/bin/", "usr/bin/env"], &clients]);
        Self { run, index, ..Self::new(runtime) }
    }

    /// The same on nothing at all.
    pub(crate) fn on_scratch(runtime: &str) -> Self {
        Self { run: RunConfig::default(), index: Shared::new(FileIndex::default()), ..Self::new(runtime) }
    }

    pub(crate) fn layer(mut self, name: &str, nodes: &[&str]) -> Self {
        let place = place(&["layers", name]);
        let source_place = place.key("path");
        let source = LayerSource::Files(source());
        self.function.layers.push(Layer {
            name: name.to_owned(),
            place,
            source,
            source_place,
            bytecode: None,
        });
        self.trees.layers.push(files(nodes));
        self
    }

    pub(crate) fn extension(
        mut self,
        name: &str,
        nodes: &[&str],
        environment: &[(&str, &str)],
        wrapper: Option<&str>,
    ) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let place = place(&["extensions", name]);
        self.function.extensions.push(Extension {
            name: name.to_owned(),
            source_place: place.key("path"),
            source: Some(source()),
            environment: environment.iter().map(own).collect(),
            wrapper: wrapper.map(in_image),
            handler_wrapper: None,
            bytecode: None,
            place,
        });
        self.trees.extensions.push(files(nodes));
        self
    }

    pub(crate) fn code(mut self, nodes: &[&str]) -> Self {
        let code = tree(nodes);
        self.trees.recorded = crate::files::recorded(&code).unwrap().into();
        self.trees.code = loaded(code);
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.function.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn contract(&self) -> &'static Contract {
        runtime::contract(&self.function.base.contract).unwrap()
    }

    pub(crate) fn planned(&self) -> ImagePlan<'_> {
        let facts = BaseFacts { run: &self.run, index: &self.index };
        plan(&self.function, self.contract(), facts, &self.trees, &mut Stacks::default()).unwrap()
    }
}

impl ImagePlan<'_> {
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let found: Vec<_> = self.run.environment.iter().filter(|(own, _)| own == name).collect();
        assert!(found.len() < 2, "{name} is duplicate");
        found.first().map(|(_, value)| value.as_str())
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.layers.iter().map(|layer| layer.name.as_str()).collect()
    }

    pub(crate) fn file(&self, place: &str) -> String {
        let node = self.layers.iter().rev().find_map(|layer| layer.tree.get(&path(place)));
        let Some(Node::File(file)) = node else { panic!("no file at {place}") };
        assert!(file.executable, "{place} is not executable");
        String::from_utf8(file.content.head(10_000).unwrap()).unwrap()
    }
}
