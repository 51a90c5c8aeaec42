//! What is laid where. What runs, and for which machine, stand in files of their own.

mod machines;
mod run;

use std::collections::BTreeMap;

use super::*;
use crate::files::base_of;
use crate::project::{
    Architecture, Base, Dependencies, Extension, HandlerWrapper, Layer, LayerSource, Source, SourceKind,
    VersionSource, Wrapper,
};
use crate::runtime::{self, AWS_ENTRYPOINT, LAUNCHER_SCRIPT, LIMG_ENTRYPOINT, LIMG_ENTRYPOINT_SCRIPT};

/// A function, its parts and its base, to be changed by each test.
struct Bench {
    function: Function,
    parts: Parts,
    run: RunConfig,
    index: FileIndex,
}

fn path(text: &str) -> ImagePath {
    text.parse().unwrap()
}

fn source() -> Source {
    Source { path: "/nowhere".into(), kind: SourceKind::Directory, follow: false, exclude: Vec::new() }
}

/// A tree of files: `PATH`, or `PATH=CONTENT`, or `PATH -> TARGET`, or `PATH/`. Content that is a program is executable.
fn tree(nodes: &[&str]) -> Tree {
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

fn part(nodes: &[&str]) -> Part {
    image_tree(tree(nodes)).unwrap()
}

/// Executable files for the machines of these numbers, little-endian and of 64 bits.
fn binaries(files: &[(&str, u16)]) -> Part {
    let mut tree = Tree::new();
    for (place, number) in files {
        tree.insert(path(place), Node::File(FileNode::of_bytes(&machine::tests::elf(*number, 2, 1), true)));
    }
    image_tree(tree).unwrap()
}

impl Bench {
    /// A function on a base like AWS's.
    fn new(runtime: &str) -> Self {
        let environment = [("PATH", "/var/lang/bin:/bin:/opt/bin"), ("LD_LIBRARY_PATH", "/lib64:/opt/lib")];
        Self {
            function: Function {
                name: "orders".to_owned(),
                base: Base {
                    name: runtime.to_owned(),
                    image: None,
                    contract: runtime.to_owned(),
                    entrypoint: None,
                },
                handler: Some("app.handler".to_owned()),
                architecture: Architecture::X86_64,
                code: source(),
                dependencies: Dependencies::Installed,
                layers: Vec::new(),
                extensions: Vec::new(),
                wrapper: None,
                handler_wrapper: None,
                snapstart: false,
                environment: BTreeMap::new(),
                timeout: 3,
                memory: 128,
            },
            parts: Parts { layers: Vec::new(), extensions: Vec::new(), code: part(&["/var/task/app.py"]) },
            run: RunConfig {
                environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
                entrypoint: Some(vec![AWS_ENTRYPOINT.to_owned()]),
                command: None,
                working_directory: Some("/var/task".to_owned()),
                ..RunConfig::default()
            },
            index: base_of(&[&["bin/", "bin/sh", "lambda-entrypoint.sh", "opt/", "var/", "var/task/"]]),
        }
    }

    /// The same on a base without anything of Lambda's: a shell, `/usr/bin/env`, and a command for people.
    fn on_debian(runtime: &str) -> Self {
        let run = RunConfig {
            environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
            command: Some(vec!["bash".to_owned()]),
            ..RunConfig::default()
        };
        let index = base_of(&[&["bin/", "bin/sh", "usr/", "usr/bin/", "usr/bin/env"]]);
        Self { run, index, ..Self::new(runtime) }
    }

    /// The same on nothing at all.
    fn on_scratch(runtime: &str) -> Self {
        Self { run: RunConfig::default(), index: FileIndex::default(), ..Self::new(runtime) }
    }

    fn layer(mut self, name: &str, nodes: &[&str]) -> Self {
        self.function.layers.push(Layer { name: name.to_owned(), source: LayerSource::Files(source()) });
        self.parts.layers.push(part(nodes));
        self
    }

    fn extension(
        mut self,
        name: &str,
        nodes: &[&str],
        environment: &[(&str, &str)],
        wrapper: Option<&str>,
    ) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.function.extensions.push(Extension {
            name: name.to_owned(),
            source: Some(source()),
            environment: environment.iter().map(own).collect(),
            wrapper: wrapper.map(|wrapper| Wrapper::InImage(path(wrapper))),
            handler_wrapper: None,
        });
        self.parts.extensions.push(part(nodes));
        self
    }

    fn code(mut self, nodes: &[&str]) -> Self {
        self.parts.code = part(nodes);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.function.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn plan(&self) -> Result<ImagePlan, PlanError> {
        let contract = runtime::contract(&self.function.base.contract).unwrap();
        let facts = BaseFacts { run: &self.run, index: &self.index };
        plan(&self.function, contract, facts, &self.parts, &mut Stacks::default())
    }

    fn planned(&self) -> ImagePlan {
        self.plan().unwrap_or_else(|error| panic!("{error:?}"))
    }

    fn problems(&self) -> Vec<String> {
        match self.plan() {
            Err(PlanError::Problems(problems)) => {
                assert!(problems.iter().all(|problem| problem.help.is_some()), "{problems:?}");
                problems.into_iter().map(|problem| format!("{}: {}", problem.code, problem.message)).collect()
            }
            other => panic!("{other:?}"),
        }
    }
}

impl ImagePlan {
    fn variable(&self, name: &str) -> Option<&str> {
        let found: Vec<_> = self.run.environment.iter().filter(|(own, _)| own == name).collect();
        assert!(found.len() < 2, "{name} is there twice");
        found.first().map(|(_, value)| value.as_str())
    }

    fn names(&self) -> Vec<&str> {
        self.layers.iter().map(|layer| layer.name.as_str()).collect()
    }

    fn file(&self, place: &str) -> String {
        let node = self.layers.iter().rev().find_map(|layer| layer.tree.get(&path(place)));
        let Some(Node::File(file)) = node else { panic!("no file at {place}") };
        assert!(file.executable, "{place} is not executable");
        String::from_utf8(file.content.head(10_000).unwrap()).unwrap()
    }
}

const SCRIPT: &str = "#!/bin/sh\n";

#[test]
fn layers_come_in_the_order_of_change() {
    let plan = Bench::new("python3.12")
        .layer("utils", &["/opt/python/u.py"])
        .layer("empty", &[])
        .extension("log", &[&format!("/opt/extensions/log={SCRIPT}")], &[], None)
        .code(&["/var/task/app.py", "/var/task/node_modules/a/index.js"])
        .planned();
    assert_eq!(plan.names(), ["layer utils", "extension log", "dependencies of orders", "code of orders"]);
    assert_eq!(plan.run.entrypoint, Some(vec![AWS_ENTRYPOINT.to_owned()]));
    assert_eq!(plan.run.command, Some(vec!["app.handler".to_owned()]));
    assert_eq!(plan.run.working_directory.as_deref(), Some("/var/task"));
}

#[test]
fn a_later_layer_wins_file_by_file_and_it_is_told() {
    let plan = Bench::new("python3.12").layer("a", &["/opt/x", "/opt/y"]).layer("b", &["/opt/x"]).planned();
    let overwrite =
        Event::Overwrite { path: path("/opt/x"), winner: "layer b".to_owned(), loser: "layer a".to_owned() };
    assert_eq!(plan.notes, [overwrite]);
}

#[test]
fn a_file_and_a_directory_at_one_place_are_an_error() {
    let both_ways = [(["/opt/a"], ["/opt/a/b"]), (["/opt/a/b"], ["/opt/a"])];
    for (lower, upper) in both_ways {
        let problems = Bench::new("python3.12").layer("one", &lower).layer("two", &upper).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("file-over-directory: layer two has a "), "{problems:?}");
    }
    let link = Bench::new("python3.12")
        .layer("one", &["/opt/lib -> lib64"])
        .layer("two", &["/opt/lib/x.so"])
        .problems();
    assert!(link[0].contains("a directory at `/opt/lib` where layer one has a symbolic link"), "{link:?}");
}

#[test]
fn what_the_base_has_is_not_replaced_by_another_kind() {
    let mut bench = Bench::new("python3.12").layer("a", &["/opt/lib/x", "/opt/lib/y"]);
    bench.index = base_of(&[&["bin/", "bin/sh", "opt/", "opt/lib -> ../usr/lib"]]);
    let problems = bench.problems();
    assert_eq!(problems.len(), 1, "one place, one problem: {problems:?}");
    assert!(problems[0].contains("where the base image has a symbolic link"), "{problems:?}");
}

#[test]
fn node_modules_at_the_root_of_a_layer_are_found_and_warned_of() {
    let plan = Bench::new("nodejs22.x").layer("old", &["/opt/node_modules/foo/index.js"]).planned();
    let expected = "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:\
                    /var/task:/opt/node_modules";
    assert_eq!(plan.variable("NODE_PATH"), Some(expected));
    let [Event::Warning(warning)] = &plan.notes[..] else { panic!("{:?}", plan.notes) };
    assert!(warning.help.as_ref().unwrap().contains("`nodejs/node_modules`"));
    let python = Bench::new("python3.12").layer("old", &["/opt/node_modules/foo/index.js"]).planned();
    assert_eq!((python.variable("NODE_PATH"), python.notes.len()), (None, 0));
}

#[test]
fn a_folder_named_extension_is_warned_of() {
    let plan = Bench::new("python3.12").layer("old", &["/opt/extension/log"]).planned();
    assert!(matches!(&plan.notes[..], [Event::Warning(warning)] if warning.code == "misplaced-extension"));
}

#[test]
fn only_programs_may_stand_in_the_folder_of_extensions() {
    let script = format!("/opt/extensions/script={SCRIPT}");
    let good = [script.as_str(), "/opt/extensions/support/readme", "/opt/extensions/link -> script"];
    Bench::new("python3.12").layer("good", &good).planned();
    for (node, why) in [
        ("/opt/extensions/readme.md", "is no program"),
        ("/opt/extensions/windows=#!/bin/sh\r\necho", "carriage return"),
        ("/opt/extensions/empty=", "is no program"),
        ("/opt/extensions/link -> nowhere", "leads nowhere"),
        ("/opt/extensions/link -> ../python", "link to a directory"),
    ] {
        let problems = Bench::new("python3.12").layer("bad", &[node, "/opt/python/x"]).problems();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("not-a-program: ") && problems[0].contains(why), "{problems:?}");
    }
    let many: Vec<_> = (0..11).map(|number| format!("/opt/extensions/e{number}={SCRIPT}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert!(Bench::new("python3.12").layer("many", &many).problems()[0].starts_with("too-many-extensions"));
}

#[test]
fn all_problems_are_found_in_one_go() {
    let mut bench =
        Bench::new("provided.al2023").layer("a", &["/opt/x", "/opt/extensions/t"]).layer("b", &["/opt/x/y"]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/missing")));
    let codes: Vec<_> =
        bench.problems().iter().map(|problem| problem.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(codes, ["file-over-directory", "not-a-program", "no-bootstrap", "missing-wrapper"]);
}

#[test]
fn an_extension_that_starts_nothing_is_warned_of() {
    let codes = |bench: Bench| -> Vec<&'static str> {
        let notes = bench.planned().notes;
        notes
            .iter()
            .filter_map(|note| if let Event::Warning(problem) = note { Some(problem.code) } else { None })
            .collect()
    };
    let new = || Bench::new("python3.12");
    let script = format!("/opt/extensions/e={SCRIPT}");
    assert_eq!(codes(new().extension("e", &["/opt/prog"], &[], None)), ["idle-extension"]);
    assert!(codes(new().extension("e", &[&script], &[], None)).is_empty());
    assert!(codes(new().extension("e", &["/opt/hook.js"], &[("MODE", "x")], None)).is_empty());
    assert_eq!(codes(new().layer("l", &["/opt/disable-extensions-jwigqn8j"])), ["extensions-switched-off"]);
}

#[test]
fn bytecode_of_an_overwritten_source_is_not_taken_for_the_new_ones() {
    let source = |text: &str| {
        let file = FileNode { modified: Some(1_700_000_000), ..FileNode::of_bytes(text.as_bytes(), false) };
        let mut tree = Tree::new();
        tree.insert(path("/opt/python/conf.py"), Node::File(file));
        tree.insert(path("/opt/python/__pycache__/conf.cpython-312.pyc"), Node::Directory);
        image_tree(tree).unwrap()
    };
    let mut bench = Bench::new("python3.12").layer("old", &[]).layer("new", &[]);
    bench.parts.layers = vec![source("V=1"), source("V=2")];
    let plan = bench.planned();
    let modified: Vec<_> = plan.layers[..2]
        .iter()
        .map(|layer| match layer.tree.get(&path("/opt/python/conf.py")) {
            Some(Node::File(file)) => file.modified,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(modified, [None, Some(1_700_000_000)]);
    assert!(
        matches!(bench.parts.layers[0].tree.get(&path("/opt/python/conf.py")), Some(Node::File(file)) if file.modified.is_some()),
        "other functions share it"
    );
}

#[test]
fn functions_share_what_lies_below_their_code() {
    let bench = Bench::new("python3.12")
        .layer("one", &["/opt/a", "/opt/b"])
        .layer("two", &["/opt/b"])
        .extension("log", &["/opt/extensions/log=#!/bin/sh"], &[], None);
    let other_base = Bench::new("python3.12").index;
    let contract = runtime::contract("python3.12").unwrap();
    let mut stacks = Stacks::default();
    let mut planned = |code: &[&str], index| {
        let parts = Parts { code: part(code), ..bench.parts.clone() };
        let facts = BaseFacts { run: &bench.run, index };
        let plan = plan(&bench.function, contract, facts, &parts, &mut stacks).unwrap();
        (plan, stacks.kept())
    };
    let (first, _) = planned(&["/var/task/app.py"], &bench.index);
    let (second, kept) = planned(&["/var/task/app.py", "/opt/a"], &bench.index);

    assert_eq!(kept, 1, "the layers were laid over each other once");
    let overwritten = |plan: &ImagePlan| -> Vec<String> {
        let path = |note: &Event| match note {
            Event::Overwrite { path, loser, .. } => Some(format!("{path} of {loser}")),
            _ => None,
        };
        plan.notes.iter().filter_map(path).collect()
    };
    assert_eq!(overwritten(&first), ["/opt/b of layer one"]);
    assert_eq!(overwritten(&second), ["/opt/b of layer one", "/opt/a of layer one"]);
    assert_eq!(first.names(), second.names());
    assert_eq!(planned(&["/var/task/app.py"], &other_base).1, 2, "another base may contradict a layer");
}

#[test]
fn dependencies_are_told_from_code() {
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
    let plan = Bench::new("python3.12").code(&code).planned();
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
fn dependencies_are_what_the_definition_says() {
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
        let mut bench = Bench::new("python3.12").code(&code);
        bench.function.dependencies = dependencies;
        let plan = bench.planned();
        let paths = |layer: &LayerPlan| -> Vec<String> {
            layer.tree.iter().map(|(path, _)| path.as_str().replacen("/var/task", "", 1)).collect()
        };
        let warned = |note: &Event| matches!(note, Event::Warning(problem) if problem.code == "idle-pattern");
        let idle = plan.notes.iter().filter(|note| warned(note)).count();
        (plan.layers.iter().map(paths).collect::<Vec<_>>(), idle)
    };
    let matching = |patterns: &[&str]| {
        layers(Dependencies::Matching(patterns.iter().map(|pattern| (*pattern).to_owned()).collect()))
    };

    assert_eq!(layers(Dependencies::Installed).0[0], ["/node_modules/x/index.js"]);
    assert_eq!(layers(Dependencies::Unsplit).0.len(), 1);
    let (split, idle) = matching(&["/lib/*.py", "vendor/**", "!vendor/keep/**", "nothing/"]);
    assert_eq!(split[0], ["/lib/__pycache__/a.cpython-312.pyc", "/lib/a.py", "/vendor/p/c.py"]);
    assert_eq!(split[1].len(), code.len() - 3);
    assert_eq!(idle, 1);
    assert_eq!(matching(&[]), layers(Dependencies::Unsplit));
    assert_eq!(matching(&["*"]).0.len(), 2, "the folder of the code itself stays");
}

#[test]
fn programs_get_the_bit_that_archives_lose() {
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
    let tree = image_tree(tree).unwrap().tree;
    let made: Vec<_> = tree.adjustments().iter().map(|adjustment| adjustment.path.as_str()).collect();
    assert_eq!(made, ["/opt/bin/tool", "/opt/extensions/log", "/var/task/bootstrap"]);
}
