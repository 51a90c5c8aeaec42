//! What is placed where. How the image runs has a file of its own.

pub(crate) mod fixture;
mod run;

use super::*;
use crate::files::Overwrite;
use crate::project::Dependencies;
use crate::runtime::AWS_ENTRYPOINT;
use fixture::{Fixture, SCRIPT, files, loaded, path};

#[test]
fn layers_come_in_the_order_of_change() {
    let fixture = Fixture::new("python3.12")
        .layer("utils", &["/opt/python/u.py"])
        .layer("empty", &[])
        .extension("log", &[&format!("/opt/extensions/log={SCRIPT}")], &[], None)
        .code(&["/var/task/app.py", "/var/task/node_modules/a/index.js"]);
    let plan = fixture.planned();
    assert_eq!(plan.names(), ["layer utils", "extension log", "dependencies of orders", "code of orders"]);
    assert_eq!(plan.run.entrypoint, Some(vec![AWS_ENTRYPOINT.to_owned()]));
    assert_eq!(plan.run.command, Some(vec!["app.handler".to_owned()]));
    assert_eq!(plan.run.working_directory.as_deref(), Some("/var/task"));
}

#[test]
fn bytecode_of_an_overwritten_source_does_not_count_as_that_of_the_new_one() {
    let source = |text: &str| {
        let file = FileNode { modified: Some(1_700_000_000), ..FileNode::of_bytes(text.as_bytes(), false) };
        let mut tree = Tree::new();
        tree.insert(path("/opt/python/conf.py"), Node::File(file));
        tree.insert(path("/opt/python/__pycache__/conf.cpython-312.pyc"), Node::Directory);
        loaded(tree)
    };
    let mut fixture = Fixture::new("python3.12").layer("old", &[]).layer("new", &[]);
    fixture.trees.layers = vec![source("V=1"), source("V=2")];
    let plan = fixture.planned();
    let modified: Vec<_> = plan.layers[..2]
        .iter()
        .map(|layer| match layer.tree.get(&path("/opt/python/conf.py")) {
            Some(Node::File(file)) => file.modified,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(modified, [None, Some(1_700_000_000)]);
    assert!(
        matches!(fixture.trees.layers[0].tree.get(&path("/opt/python/conf.py")), Some(Node::File(file)) if file.modified.is_some()),
        "other functions share it"
    );
}

#[test]
fn dependencies_are_separated_from_code() {
    let record =
        "pkg/__init__.py,sha256=x,1\n\"pkg/odd,name.py\",,\n../../bin/tool,,\npkg-1.0.dist-info/METADATA,,\n";
    let record = format!("/var/task/vendor/pkg-1.0.dist-info/RECORD={record}");
    let code = [
        "/var/task/",
        "/var/task/app.py",
        "/var/task/lib/a.jar",
        "/var/task/lib/a.txt",
        "/var/task/sub/node_modules/x/index.js",
        record.as_str(),
        "/var/task/vendor/pkg-1.0.dist-info/METADATA",
        "/var/task/vendor/pkg/__init__.py",
        "/var/task/vendor/pkg/odd,name.py",
        "/var/task/vendor/pkg/mine.py",
        "/var/task/vendor/pkg/__pycache__/__init__.cpython-312.pyc",
        "/var/task/vendor/pkg/__pycache__/mine.cpython-312.pyc",
    ];
    let fixture = Fixture::new("python3.12").code(&code);
    let plan = fixture.planned();
    let paths = |place: usize| -> Vec<&str> {
        plan.layers[place].tree.iter().map(|(path, _)| path.as_str()).collect()
    };
    assert_eq!(
        paths(0),
        [
            "/var/task/lib/a.jar",
            "/var/task/sub/node_modules/x/index.js",
            "/var/task/vendor/pkg-1.0.dist-info/METADATA",
            "/var/task/vendor/pkg-1.0.dist-info/RECORD",
            "/var/task/vendor/pkg/__init__.py",
            "/var/task/vendor/pkg/__pycache__/__init__.cpython-312.pyc",
            "/var/task/vendor/pkg/odd,name.py",
        ]
    );
    assert_eq!(
        paths(1),
        [
            "/var/task",
            "/var/task/app.py",
            "/var/task/lib/a.txt",
            "/var/task/vendor/pkg/__pycache__/mine.cpython-312.pyc",
            "/var/task/vendor/pkg/mine.py"
        ]
    );
}

#[test]
fn programs_become_executable_where_lambda_starts_them() {
    let mut tree = Tree::new();
    for (place, content) in [
        ("/opt/extensions/log", SCRIPT),
        ("/opt/extensions/readme", "text"),
        ("/opt/extensions/deep/log", SCRIPT),
        ("/opt/bin/tool", "\x7fELF"),
        ("/var/task/bootstrap", SCRIPT),
        ("/opt/other", SCRIPT),
    ] {
        tree.insert(path(place), Node::File(FileNode::of_bytes(content.as_bytes(), false)));
    }
    let tree = loaded(tree).tree;
    let made: Vec<_> = tree.adjustments().iter().map(|adjustment| adjustment.path.as_str()).collect();
    assert_eq!(made, ["/opt/bin/tool", "/opt/extensions/log", "/var/task/bootstrap"]);
}

#[test]
fn a_later_layer_wins_file_by_file() {
    let fixture = Fixture::new("python3.12").layer("a", &["/opt/x", "/opt/y"]).layer("b", &["/opt/x"]);
    let plan = fixture.planned();
    let (winner, loser) = ("layer b".to_owned(), "layer a".to_owned());
    assert_eq!(plan.merge.overwrites, [Overwrite { path: path("/opt/x"), winner, loser }]);
}

#[test]
fn functions_share_the_layers_below_their_code() {
    let fixture = Fixture::new("python3.12")
        .layer("one", &["/opt/a", "/opt/b"])
        .layer("two", &["/opt/b"])
        .extension("log", &["/opt/extensions/log=#!/bin/sh"], &[], None);
    let other_base = Fixture::new("python3.12").index;
    let mut stacks = Stacks::default();
    let mut planned = |code: &[&str], index| {
        let trees = FunctionTrees { code: files(code), ..fixture.trees.clone() };
        let facts = BaseFacts { run: &fixture.run, index };
        let plan = plan(&fixture.function, fixture.contract(), facts, &trees, &mut stacks).unwrap();
        (plan, stacks.kept())
    };
    let (first, _) = planned(&["/var/task/app.py"], &fixture.index);
    let (second, kept) = planned(&["/var/task/app.py", "/opt/a"], &fixture.index);

    assert_eq!(kept, 1, "the layers were laid over each other once");
    let overwritten = |plan: &ImagePlan<'_>| -> Vec<String> {
        let overwrites = plan.merge.overwrites.iter();
        overwrites.map(|Overwrite { path, loser, .. }| format!("{path} of {loser}")).collect()
    };
    assert_eq!(overwritten(&first), ["/opt/b of layer one"]);
    assert_eq!(overwritten(&second), ["/opt/b of layer one", "/opt/a of layer one"]);
    assert_eq!(first.names(), second.names());
    assert_eq!(planned(&["/var/task/app.py"], &other_base).1, 2, "another base may conflict with a layer");
}

#[test]
fn the_definition_can_name_the_dependencies() {
    let code = [
        "/var/task/",
        "/var/task/app.py",
        "/var/task/deep/lib/x.so",
        "/var/task/lib/a.py",
        "/var/task/lib/__pycache__/a.cpython-312.pyc",
        "/var/task/node_modules/x/index.js",
        "/var/task/vendor/keep/b.py",
        "/var/task/vendor/p/c.py",
    ];
    let layers = |dependencies: Dependencies| {
        let mut fixture = Fixture::new("python3.12").code(&code);
        fixture.function.dependencies = dependencies;
        let plan = fixture.planned();
        let paths = |layer: &LayerPlan| -> Vec<String> {
            layer.tree.iter().map(|(path, _)| path.as_str().replacen("/var/task", "", 1)).collect()
        };
        (plan.layers.iter().map(paths).collect::<Vec<_>>(), plan.idle_patterns.clone())
    };
    let matching = |patterns: &[&str]| {
        layers(Dependencies::Matching(patterns.iter().map(|pattern| (*pattern).to_owned()).collect()))
    };

    assert_eq!(layers(Dependencies::Installed).0[0], ["/node_modules/x/index.js"]);
    assert_eq!(layers(Dependencies::Unsplit).0.len(), 1);
    let (split, idle) = matching(&["/lib/*.py", "vendor/**", "!vendor/keep/**", "nothing/"]);
    assert_eq!(split[0], ["/lib/__pycache__/a.cpython-312.pyc", "/lib/a.py", "/vendor/p/c.py"]);
    assert_eq!(split[1].len(), code.len() - 3);
    assert_eq!(idle, ["nothing/"]);
    assert_eq!(matching(&[]), layers(Dependencies::Unsplit));
    assert_eq!(matching(&["*"]).0.len(), 2, "the folder of the code itself stays");
}
