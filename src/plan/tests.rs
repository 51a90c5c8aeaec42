use std::collections::BTreeMap;

use super::*;
use crate::project::{
    Architecture, Base, Extension, HandlerWrapper, Layer, LayerSource, Source, SourceKind, VersionSource,
    Wrapper,
};
use crate::runtime::{self, ENTRY_SCRIPT, FOREIGN_ENTRY, FOREIGN_ENTRY_SCRIPT, LAUNCHER};
use crate::tree::base_of;

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
                entrypoint: Some(vec![ENTRY_SCRIPT.to_owned()]),
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
        plan(&self.function, contract, BaseFacts { run: &self.run, index: &self.index }, &self.parts)
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
    assert_eq!(plan.run.entrypoint, Some(vec![ENTRY_SCRIPT.to_owned()]));
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
fn lists_are_appended_to_and_other_variables_replaced() {
    let mut bench = Bench::new("nodejs22.x")
        .extension("a", &[], &[("NODE_OPTIONS", "--require /opt/a.js"), ("MODE", "a")], None)
        .extension("b", &[], &[("NODE_OPTIONS", "--require /opt/b.js"), ("MODE", "b")], None)
        .variable("NODE_OPTIONS", "--trace-warnings")
        .variable("DOTNET_STARTUP_HOOKS", "/opt/hook.dll");
    bench.run.environment.push(("DOTNET_STARTUP_HOOKS".to_owned(), "/base.dll".to_owned()));
    let plan = bench.planned();
    assert_eq!(
        plan.variable("NODE_OPTIONS"),
        Some("--require /opt/a.js --require /opt/b.js --trace-warnings")
    );
    assert_eq!(plan.variable("MODE"), Some("b"));
    assert_eq!(plan.variable("DOTNET_STARTUP_HOOKS"), Some("/base.dll:/opt/hook.dll"));
}

#[test]
fn a_search_path_keeps_the_runtimes_own_entries() {
    let plan = Bench::new("python3.12").variable("PYTHONPATH", "/opt/mine").planned();
    let expected = "/opt/python/lib/python3.12/site-packages:/opt/python:/var/runtime:/opt/mine";
    assert_eq!(plan.variable("PYTHONPATH"), Some(expected));
    assert_eq!(
        Bench::new("python3.12").planned().variable("PYTHONPATH"),
        None,
        "the runtime sets it by itself"
    );
}

#[test]
fn a_base_like_awss_gets_no_variable_that_it_has() {
    let plan = Bench::new("python3.12").planned();
    assert_eq!(plan.variable("PATH"), Some("/var/lang/bin:/bin:/opt/bin"));
    assert_eq!(plan.variable("LD_LIBRARY_PATH"), Some("/lib64:/opt/lib"));
}

#[test]
fn another_base_is_completed() {
    let mut bench = Bench::new("python3.12");
    bench.run = RunConfig {
        environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        entrypoint: Some(vec!["/usr/bin/python3".to_owned(), "-m".to_owned(), "awslambdaric".to_owned()]),
        command: Some(vec!["bash".to_owned()]),
        working_directory: Some("/root".to_owned()),
        ..RunConfig::default()
    };
    let plan = bench.planned();
    assert_eq!(plan.variable("PATH"), Some("/usr/bin:/bin:/opt/bin"));
    assert!(plan.variable("LD_LIBRARY_PATH").unwrap().ends_with("/opt/lib"));
    assert_eq!(plan.variable("LAMBDA_TASK_ROOT"), Some("/var/task"));
    assert!(plan.variable("PYTHONPATH").unwrap().contains("/opt/python:"));
    let entrypoint = [FOREIGN_ENTRY, "/usr/bin/python3", "-m", "awslambdaric"];
    assert_eq!(plan.run.entrypoint.as_deref().unwrap(), entrypoint);
    assert_eq!(plan.run.command, Some(vec!["app.handler".to_owned()]));
    assert_eq!(plan.run.working_directory.as_deref(), Some("/var/task"), "clients look for modules there");
}

#[test]
fn what_a_base_sets_does_not_hide_the_layers() {
    let mut bench = Bench::new("python3.12").variable("PYTHONPATH", "/mine");
    bench.run.environment =
        [("PYTHONPATH", "/app:/opt/python"), ("LD_LIBRARY_PATH", ""), ("NODE_PATH", "/x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
    let plan = bench.planned();
    let expected = "/opt/python/lib/python3.12/site-packages:/var/runtime:/app:/opt/python:/mine";
    assert_eq!(plan.variable("PYTHONPATH"), Some(expected));
    assert_eq!(
        plan.variable("LD_LIBRARY_PATH"),
        Some("/opt/lib"),
        "an empty entry would be the working directory"
    );
    assert_eq!(plan.variable("NODE_PATH"), Some("/x"), "no Node.js, no concern");
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
fn one_wrapper_is_named_by_the_variable() {
    let mut bench = Bench::new("python3.12").layer("w", &[&format!("/opt/w={SCRIPT}")]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/w")));
    assert_eq!(bench.planned().variable("AWS_LAMBDA_EXEC_WRAPPER"), Some("/opt/w"));
}

#[test]
fn several_wrappers_chain_in_their_order() {
    let script = |name: &str| format!("/opt/{name}={SCRIPT}");
    let mut bench = Bench::new("python3.12")
        .extension("one", &[&script("one")], &[], Some("/opt/one"))
        .extension("two", &[&script("it's two")], &[("AWS_LAMBDA_EXEC_WRAPPER", "/opt/it's two")], None)
        .layer("w", &[&script("three")])
        .variable("AWS_LAMBDA_EXEC_WRAPPER", "/opt/three");
    bench.run.environment.push(("AWS_LAMBDA_EXEC_WRAPPER".to_owned(), "/bin/sh".to_owned()));
    let plan = bench.planned();
    let chain = plan.variable("AWS_LAMBDA_EXEC_WRAPPER").unwrap();
    let expected = "#!/bin/sh\nexec '/bin/sh' '/opt/one' '/opt/it'\\''s two' '/opt/three' \"$@\"\n";
    assert_eq!(plan.file(chain), expected);
}

#[test]
fn a_wrapper_variable_that_is_no_path_is_an_error() {
    for value in ["/opt//wrapper", "opt/wrapper", "./wrapper", "/opt/w/"] {
        let problems = Bench::new("python3.12").variable("AWS_LAMBDA_EXEC_WRAPPER", value).problems();
        assert!(problems[0].starts_with("bad-wrapper: "), "{problems:?}");
    }
    let unset = Bench::new("python3.12").variable("AWS_LAMBDA_EXEC_WRAPPER", "").planned();
    assert_eq!(unset.variable("AWS_LAMBDA_EXEC_WRAPPER"), None);
}

#[test]
fn a_wrapper_that_would_not_start_is_an_error() {
    let mut bench = Bench::new("python3.12").layer("w", &["/opt/text"]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/missing")));
    assert_eq!(bench.problems(), ["missing-wrapper: the wrapper `/opt/missing` is not in the image"]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/text")));
    assert!(bench.problems()[0].starts_with("not-a-program: the wrapper `/opt/text` is no program"));
    let windows = bench.layer("windows", &["/opt/text=#!/bin/sh\r\n"]).problems();
    assert!(windows[0].contains("carriage return"), "{windows:?}");
}

#[test]
fn wrappers_of_one_name_do_not_take_each_others_place() {
    let folder = tempfile::tempdir().unwrap();
    let wrapper = |folder_name: &str| {
        let file = folder.path().join(folder_name).join("wrapper");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, SCRIPT).unwrap();
        Wrapper::Local(file)
    };
    let mut bench = Bench::new("python3.12").extension("e", &[], &[], None);
    bench.function.wrapper = Some(wrapper("function"));
    bench.function.extensions[0].source = None;
    bench.function.extensions[0].wrapper = Some(wrapper("extension"));
    bench.parts.extensions = vec![extension_tree(&bench.function.extensions[0]).unwrap()];
    assert_eq!(bench.problems(), ["wrapper-collision: two wrappers would stand at `/opt/wrappers/wrapper`"]);
    bench.function.extensions[0].wrapper = bench.function.wrapper.clone();
    bench.planned();
}

#[test]
fn a_custom_runtime_is_started_by_the_launcher() {
    let bench = Bench::new("provided.al2023").layer("runtime", &[&format!("/opt/bootstrap={SCRIPT}")]);
    let plan = bench.planned();
    assert_eq!(plan.names(), ["launcher", "layer runtime", "code of orders"]);
    assert_eq!(plan.file("/var/runtime/bootstrap"), LAUNCHER);
    assert_eq!(plan.run.entrypoint, Some(vec![ENTRY_SCRIPT.to_owned()]));
}

#[test]
fn without_an_entry_script_the_launcher_is_the_entry_point() {
    let mut bench = Bench::on_scratch("provided.al2023").code(&[&format!("/var/task/bootstrap={SCRIPT}")]);
    bench.index = base_of(&[&["bin/", "bin/sh"]]);
    let plan = bench.planned();
    assert_eq!(plan.run.entrypoint, Some(vec!["/var/runtime/bootstrap".to_owned()]));
    assert_eq!(plan.names(), ["launcher", "code of orders"]);
}

#[test]
fn without_a_shell_the_program_is_the_entry_point_and_wrappers_stand_in_front() {
    let mut bench = Bench::on_scratch("provided.al2023")
        .code(&["/var/task/bootstrap=#!elf", "/var/task/wrap=#!elf"])
        .extension("e", &["/opt/e=#!elf"], &[], Some("/opt/e"));
    bench.function.wrapper = Some(Wrapper::InImage(path("/var/task/wrap")));
    bench.function.handler = None;
    let plan = bench.planned();
    let entrypoint = ["/opt/e", "/var/task/wrap", "/var/task/bootstrap"].map(str::to_owned).to_vec();
    assert_eq!((plan.run.entrypoint.clone(), plan.run.command.clone()), (Some(entrypoint), None));
    assert_eq!(plan.variable("AWS_LAMBDA_EXEC_WRAPPER"), None);
}

#[test]
fn a_custom_runtime_must_be_there_and_be_a_program() {
    let missing = Bench::new("provided.al2023").code(&["/var/task/main"]).problems();
    assert_eq!(missing, ["no-bootstrap: there is neither `/var/task/bootstrap` nor `/opt/bootstrap` to run"]);
    let text = Bench::new("provided.al2023").code(&["/var/task/bootstrap"]).problems();
    assert!(
        text[0].starts_with("not-a-program: the custom runtime `/var/task/bootstrap` is no program"),
        "{text:?}"
    );
}

#[test]
fn a_base_that_brings_its_runtime_keeps_it() {
    let mut bench = Bench::new("provided.al2023");
    bench.index = base_of(&[&["bin/", "bin/sh", "var/", "var/runtime/", "var/runtime/bootstrap"]]);
    assert_eq!(bench.planned().names(), ["code of orders"]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/bin/sh")));
    assert!(bench.problems()[0].starts_with("wrapper-ignored: "), "its bootstrap may not know of wrappers");
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
fn an_entry_point_of_the_bases_own_keeps_its_command() {
    let mut bench = Bench::new("provided.al2023");
    bench.run.entrypoint = Some(vec!["/app".to_owned()]);
    bench.run.command = Some(["serve", "--port"].map(str::to_owned).to_vec());
    assert_eq!(bench.planned().run.command, Some(vec!["app.handler".to_owned()]));
    bench.function.handler = None;
    assert_eq!(bench.planned().run.command, bench.run.command);
}

#[test]
fn the_entry_point_is_no_link() {
    let bench = Bench::on_scratch("provided.al2023")
        .code(&["/var/task/bootstrap -> bin/real", "/var/task/bin/real=#!elf"]);
    assert!(bench.problems()[0].starts_with("entry-point-link: "));
    Bench::new("provided.al2023")
        .code(&["/var/task/bootstrap -> bin/real", "/var/task/bin/real=#!sh"])
        .planned();
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
fn an_entry_script_needs_a_handler_and_a_client_an_entry_point() {
    let mut bench = Bench::new("provided.al2023").code(&[&format!("/var/task/bootstrap={SCRIPT}")]);
    bench.function.handler = None;
    assert!(bench.problems()[0].starts_with("no-handler: "));
    assert!(Bench::on_scratch("python3.12").problems()[0].starts_with("no-entrypoint: "));
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

const X86_64: u16 = 62;
const ARM64: u16 = 183;

#[test]
fn what_lambda_starts_must_be_for_the_functions_machine() {
    let mut bench = Bench::new("provided.al2023").extension("log", &[], &[], None);
    bench.parts.extensions = vec![binaries(&[("/opt/extensions/log", ARM64), ("/opt/arm64/wrap", ARM64)])];
    bench.parts.code = binaries(&[("/var/task/bootstrap", ARM64)]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/arm64/wrap")));
    assert_eq!(
        bench.problems(),
        [
            "wrong-architecture: `/opt/extensions/log` of extension log, which Lambda would start as an extension, is \
             built for arm64, and the function's architecture is x86_64",
            "wrong-architecture: the custom runtime `/var/task/bootstrap` is built for arm64, and the function's \
             architecture is x86_64",
            "wrong-architecture: the wrapper `/opt/arm64/wrap` is built for arm64, and the function's architecture is \
             x86_64",
        ],
        "each is told once, whatever its path says"
    );
    bench.function.architecture = Architecture::Arm64;
    bench.planned();
}

#[test]
fn libraries_for_another_machine_are_one_problem_for_each_tree() {
    let mut bench = Bench::new("python3.12").layer("numpy", &[]).layer("mixed", &[]);
    let module = |name: &str| format!("/opt/python/numpy/{name}.cpython-312-x86_64-linux-gnu.so");
    let modules = ["a", "b", "c", "d", "e"].map(module);
    let files: Vec<_> = modules.iter().map(|path| (path.as_str(), X86_64)).collect();
    bench.parts.layers[0] = binaries(&files);
    bench.parts.layers[1] = binaries(&[("/opt/lib/a.so.1", 40), ("/opt/bin/tool", 243)]);
    bench.parts.code = binaries(&[("/var/task/tool", X86_64)]);
    bench.function.architecture = Architecture::Arm64;
    assert_eq!(
        bench.problems(),
        [
            format!(
                "wrong-architecture: the layer `numpy` brings `{}`, `{}`, `{}` and 2 more, built for x86_64, and the \
                 function's architecture is arm64",
                modules[0], modules[1], modules[2]
            ),
            "wrong-architecture: the layer `mixed` brings `/opt/bin/tool`, `/opt/lib/a.so.1`, built for 32-bit arm \
             and riscv64, and the function's architecture is arm64"
                .to_owned(),
            "wrong-architecture: the code of `orders` brings `/var/task/tool`, built for x86_64, and the function's \
             architecture is arm64"
                .to_owned(),
        ]
    );
    let Err(PlanError::Problems(problems)) = bench.plan() else { panic!("it has problems") };
    let help = problems[0].help.as_deref().unwrap();
    for words in ["--platform manylinux2014_aarch64", "`exclude:`", "`architecture: x86_64`"] {
        assert!(help.contains(words), "{help}");
    }
    assert!(!problems[1].help.as_deref().unwrap().contains("`architecture:"), "no function can load both");
}

#[test]
fn a_package_for_another_machine_alone_is_a_problem() {
    let module = |machine: &str| format!("/var/task/node_modules/@img/sharp-linux-{machine}/lib/sharp.node");
    let mut bench = Bench::new("nodejs22.x");
    bench.parts.code = binaries(&[(&module("arm64"), ARM64), ("/var/task/node_modules/x/x.node", X86_64)]);
    assert!(bench.problems()[0].contains(&module("arm64")));
    bench.parts.code = binaries(&[(&module("arm64"), ARM64), (&module("x64"), X86_64)]);
    bench.planned();
}

#[test]
fn a_layer_that_is_trusted_is_warned_of_and_one_without_exclude_is_not_advised_it() {
    let version = |ignore_compatibility| {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:layer:tools:3".parse().unwrap();
        LayerSource::Version(VersionSource { arn, ignore_compatibility })
    };
    let mut bench = Bench::new("python3.12").layer("tools", &[]);
    bench.parts.layers[0] = binaries(&[("/opt/lib/a.so", ARM64)]);
    bench.function.layers[0].source = version(false);
    let Err(PlanError::Problems(problems)) = bench.plan() else { panic!("it has problems") };
    assert!(!problems[0].help.as_deref().unwrap().contains("exclude"), "{problems:?}");
    bench.function.layers[0].source = version(true);
    let plan = bench.planned();
    assert!(matches!(&plan.notes[..], [Event::Warning(warning)] if warning.code == "wrong-architecture"));
}

#[test]
fn files_for_several_machines_beside_each_other_are_no_problem() {
    let mut bench = Bench::new("nodejs22.x").layer("below", &[]).layer("above", &[]);
    bench.parts.code = binaries(&[
        ("/var/task/node_modules/x/prebuilds/linux-arm64/x.node", ARM64),
        ("/var/task/node_modules/x/prebuilds/linux-x64/x.node", X86_64),
    ]);
    bench.parts.layers = vec![binaries(&[("/opt/lib/x.so", ARM64)]), binaries(&[("/opt/lib/x.so", X86_64)])];
    assert!(bench.planned().names().contains(&"layer below"), "what another layer replaces is not loaded");
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_language_on_a_foreign_base_is_started_by_its_client() {
    let java = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda";
    for (runtime, client) in [
        ("python3.11", &["python3", "-m", "awslambdaric"][..]),
        ("nodejs22.x", &["npx", "aws-lambda-ric"]),
        ("java21", &["java", java]),
        ("ruby3.3", &["aws_lambda_ric"]),
    ] {
        let plan = Bench::on_debian(runtime).planned();
        let entrypoint = [&[FOREIGN_ENTRY, "/usr/bin/env"], client].concat();
        assert_eq!(plan.run.entrypoint, Some(words(&entrypoint)), "{runtime}");
        assert_eq!(plan.run.command, Some(words(&["app.handler"])), "{runtime}");
        assert_eq!(plan.run.working_directory.as_deref(), Some("/var/task"), "{runtime}");
        assert_eq!(plan.names()[0], "entry script", "{runtime}");
        assert_eq!(plan.file(FOREIGN_ENTRY), FOREIGN_ENTRY_SCRIPT, "{runtime}");
        assert_eq!(plan.variable("NPM_CONFIG_CACHE"), (runtime == "nodejs22.x").then_some("/tmp/.npm"));
    }
}

#[test]
fn without_what_starts_a_client_there_is_no_entry_point() {
    let message = |bench: Bench| bench.problems().remove(0);
    assert!(
        message(Bench::on_debian("dotnet8"))
            .starts_with("no-entrypoint: the base `dotnet8` has no entry point, so")
    );
    let mut bare = Bench::on_debian("python3.11");
    bare.index = base_of(&[&["bin/", "bin/sh"]]);
    assert!(message(bare).contains("no `/usr/bin/env`"));
}

#[test]
fn a_foreign_base_has_what_lambdas_own_set() {
    let languages = [
        ("python3.11", "PYTHONPATH", "/opt/python/lib/python3.11/site-packages:/opt/python:/var/runtime"),
        (
            "nodejs22.x",
            "NODE_PATH",
            "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task",
        ),
        ("java21", "CLASSPATH", "/var/runtime/lib/*:/var/task:/var/task/*:/var/task/lib/*:/opt/java/lib/*"),
        ("ruby3.3", "GEM_PATH", "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0:"),
        ("ruby3.3", "RUBYLIB", "/var/task:/opt/ruby/lib"),
    ];
    for (runtime, name, value) in languages {
        let plan = Bench::on_debian(runtime).planned();
        assert_eq!(plan.variable(name), Some(value), "{runtime}");
        assert_eq!(Bench::new(runtime).planned().variable(name), None, "{runtime}: its bootstrap sets it");
        for (name, value) in [
            ("PATH", "/usr/bin:/bin:/opt/bin"),
            ("LANG", "en_US.UTF-8"),
            ("TZ", ":/etc/localtime"),
            ("LAMBDA_TASK_ROOT", "/var/task"),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ] {
            assert_eq!(plan.variable(name), Some(value), "{runtime}");
        }
        assert!(plan.variable("LD_LIBRARY_PATH").unwrap().ends_with(":/opt/lib"), "{runtime}");
    }
    let mut own = Bench::on_debian("ruby3.3");
    own.run.environment.push(("GEM_PATH".to_owned(), "/gems".to_owned()));
    let gems = "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0:/gems";
    assert_eq!(own.planned().variable("GEM_PATH"), Some(gems), "an entry that is empty is the base's affair");
    let user = Bench::new("java21").variable("CLASSPATH", "/opt/x.jar").planned();
    assert_eq!(user.variable("CLASSPATH"), Some("/opt/x.jar"));
}

#[test]
fn a_given_entry_point_takes_the_place_of_the_bases_own() {
    for runtime in ["python3.11", "provided.al2023"] {
        let mut bench = Bench::on_debian(runtime).code(&["/var/task/start=#!/bin/sh\n"]);
        bench.run.entrypoint = Some(words(&["/init"]));
        bench.function.base.entrypoint = Some(words(&["/var/task/start", "--now"]));
        let plan = bench.planned();
        assert_eq!(plan.run.entrypoint, Some(words(&[FOREIGN_ENTRY, "/var/task/start", "--now"])));
        bench.function.handler = None;
        assert_eq!(bench.planned().run.command, None, "the base's command belongs to its own entry point");
        bench.function.base.entrypoint = Some(words(&["/nowhere"]));
        assert_eq!(bench.problems(), ["missing-entrypoint: the entry point `/nowhere` is not in the image"]);
        bench.function.base.entrypoint = Some(words(&["/var/task/text"]));
        let text = bench.code(&["/var/task/text"]).problems();
        assert!(text[0].starts_with("not-a-program: the entry point `/var/task/text`"), "{text:?}");
    }
}

#[test]
fn wrappers_on_a_foreign_base_are_named_by_the_variable_where_there_is_a_shell() {
    let wrapper = format!("/opt/w={SCRIPT}");
    let mut bench = Bench::on_debian("python3.11").layer("w", &[&wrapper]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/w")));
    let plan = bench.planned();
    assert_eq!(plan.variable("AWS_LAMBDA_EXEC_WRAPPER"), Some("/opt/w"));
    assert_eq!(plan.run.entrypoint.as_deref().unwrap()[0], FOREIGN_ENTRY);
    let [Event::Warning(warning)] = &plan.notes[..] else { panic!("{:?}", plan.notes) };
    assert_eq!(warning.code, "wrapper-arguments");

    bench.run.entrypoint = Some(words(&["/usr/bin/env", "python"]));
    bench.index = base_of(&[&["usr/", "usr/bin/", "usr/bin/env"]]);
    let plan = bench.planned();
    assert_eq!(plan.variable("AWS_LAMBDA_EXEC_WRAPPER"), None);
    assert_eq!(plan.run.entrypoint, Some(words(&["/opt/w", "/usr/bin/env", "python"])));
}

#[test]
fn an_entry_point_that_comes_to_lambdas_own_script_runs_no_wrapper_twice() {
    let mut bench = Bench::new("python3.12").layer("w", &[&format!("/opt/w={SCRIPT}")]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/w")));
    bench.run.entrypoint = Some(words(&["/sbin/tini", "--", ENTRY_SCRIPT]));
    let plan = bench.planned();
    assert_eq!(plan.run.entrypoint, Some(words(&["/sbin/tini", "--", ENTRY_SCRIPT])));
    assert_eq!(plan.variable("AWS_LAMBDA_EXEC_WRAPPER"), Some("/opt/w"));
}

#[test]
fn a_wrapper_that_is_named_twice_runs_once() {
    let mut bench = Bench::new("python3.12").layer("w", &[&format!("/opt/w={SCRIPT}")]);
    bench = bench.extension("a", &[], &[("AWS_LAMBDA_EXEC_WRAPPER", "/opt/w")], None);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/w")));
    assert_eq!(bench.planned().variable("AWS_LAMBDA_EXEC_WRAPPER"), Some("/opt/w"));
}

#[test]
fn an_entry_point_that_a_base_only_happens_to_have_gives_way_to_a_custom_runtime() {
    let mut bench = Bench::on_debian("provided.al2023").code(&[&format!("/var/task/bootstrap={SCRIPT}")]);
    bench.run.entrypoint = Some(words(&["/init"]));
    assert_eq!(bench.planned().run.entrypoint, Some(words(&["/var/runtime/bootstrap"])));
}

#[test]
fn handlers_are_handed_on_from_the_first_wrapper_to_the_function() {
    let wrapper = |handler: &str, variable: &str| {
        Some(HandlerWrapper { handler: handler.to_owned(), variable: variable.to_owned() })
    };
    let mut bench = Bench::new("python3.12").extension("a", &[], &[], None).extension("b", &[], &[], None);
    bench.function.extensions[0].handler_wrapper = wrapper("a.handler", "A_HANDLER");
    bench.function.handler_wrapper = wrapper("own.handler", "OWN_HANDLER");
    let plan = bench.planned();
    assert_eq!(plan.run.command, Some(words(&["a.handler"])));
    assert_eq!(plan.variable("A_HANDLER"), Some("own.handler"));
    assert_eq!(plan.variable("OWN_HANDLER"), Some("app.handler"));
}

#[test]
fn snapstart_is_a_label() {
    let mut bench = Bench::new("nodejs22.x");
    assert!(bench.planned().run.labels.is_empty());
    bench.function.snapstart = true;
    let label = ("com.amazonaws.lambda.feature.snapstart".to_owned(), "Allow".to_owned());
    assert_eq!(bench.planned().run.labels, [label].into());
}
