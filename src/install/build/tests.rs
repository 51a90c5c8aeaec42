//! Builds with stand-ins for the programs: scripts that write what the real ones would.

use std::ops::Deref;

use super::*;
use crate::failure::Failure as _;
use crate::install::stand_ins::StandIns;
use crate::project::{Architecture, BundleOption};
use crate::tree::Node;

/// An esbuild that writes its arguments and what it finds of the project, and names what it has read.
const ESBUILD: &str = r#"
echo "$@" > ../out/app.js
ls > ../out/found.txt
echo '{"inputs": {"src/app.ts": {}, "(disabled):fs": {}}}' > ../meta.json
"#;

/// An npm that installs esbuild and one more package.
const NPM: &str = r#"
[ "$1" = --version ] && echo 11.2.0 && exit
mkdir -p node_modules/esbuild/bin node_modules/sharp node_modules/color
echo '{"name": "esbuild", "scripts": {"postinstall": "node install.js"}}' > node_modules/esbuild/package.json
echo '{"dependencies": {"color": "1"}, "scripts": {"install": "x"}}' > node_modules/sharp/package.json
echo '{}' > node_modules/color/package.json
cp "$(dirname "$0")/esbuild-of-project" node_modules/esbuild/bin/esbuild
"#;

/// The stand-ins need programs such as `ls`.
const SYSTEM: [&str; 2] = ["/usr/bin", "/bin"];

struct Fixture(StandIns);

impl Deref for Fixture {
    type Target = StandIns;

    fn deref(&self) -> &StandIns {
        &self.0
    }
}

impl Fixture {
    fn new() -> Self {
        let fixture = Self(StandIns::new());
        fixture.write("project/src/app.ts", "export {}");
        fixture.write("project/node_modules/old.js", "");
        fixture
    }

    /// With a lock file, and an esbuild that it installs.
    fn with_packages() -> Self {
        let fixture = Self::new();
        fixture.write(
            "project/package.json",
            r#"{"dependencies": {"sharp": "1"}, "devDependencies": {"esbuild": "1"}}"#,
        );
        fixture.write("project/package-lock.json", "{}");
        fixture.program("npm", NPM);
        fixture.program("esbuild-of-project", ESBUILD);
        fixture.program("node", "exec sh \"$@\"");
        fixture
    }

    fn source(&self) -> Source {
        Source::new(self.path("project"), SourceKind::Directory)
    }

    fn bundle(&self, options: &[(&str, BundleOption)]) -> Result<Built, InstallError> {
        let path = self.path("project/package-lock.json");
        let list = PackageList::new(path);
        let bundle = Bundle {
            packages: Some(list).filter(|list| list.path.exists()),
            entry_points: vec!["src/app".to_owned()],
            options: options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        };
        let target = NodeTarget { runtime: "nodejs22.x".to_owned(), architecture: Architecture::X86_64 };
        let target = BundleTarget { machine: &target, provided: &["aws-sdk"], root: &root() };
        self.installer(&SYSTEM).bundle(&self.source(), &bundle, &target)
    }

    fn make(&self, folder: &str, again: bool) -> Result<Built, InstallError> {
        let target = MakeTarget {
            name: "build-Orders".to_owned(),
            makefile: self.path("project/Makefile"),
            folder: folder.to_owned(),
        };
        self.installer(&SYSTEM).make(&self.source(), &target, &root(), again)
    }

    /// The programs that were called since the last time.
    fn programs(&self) -> Vec<String> {
        self.calls().iter().filter_map(|call| Some(call.split(' ').next()?.to_owned())).collect()
    }
}

fn root() -> ImagePath {
    "/var/task".parse().unwrap()
}

fn help(error: &InstallError) -> String {
    format!("{:?}", error.help().unwrap())
}

fn text(tree: &Tree, path: &str) -> String {
    let Some(Node::File(file)) = tree.get_or_implied(path) else { panic!("{path} is not in {tree:?}") };
    String::from_utf8(file.content.head(10_000).unwrap()).unwrap().trim().to_owned()
}

fn paths(tree: &Tree) -> Vec<&str> {
    let files = tree.iter().filter(|(_, node)| !matches!(node, Node::Directory));
    files.map(|(path, _)| path.as_str().strip_prefix("/var/task/").unwrap()).collect()
}

const DEFAULTS: &str =
    "./src/app.ts --bundle --platform=node --outdir=../out --color=false --metafile=../meta.json";

#[test]
fn the_esbuild_of_the_project_runs_in_a_copy_and_only_when_something_changes() {
    let fixture = Fixture::with_packages();
    // Not this one.
    fixture.program("esbuild", "exit 1");
    let built = fixture.bundle(&[]).unwrap();
    assert_eq!(paths(&built.tree), ["app.js", "found.txt"]);
    let arguments = text(&built.tree, "/var/task/app.js");
    assert_eq!(arguments, format!("{DEFAULTS} --target=es2020 --format=cjs --minify --log-level=warning"));
    let found = text(&built.tree, "/var/task/found.txt");
    assert_eq!(
        found.split_whitespace().collect::<Vec<_>>(),
        ["node_modules", "package-lock.json", "package.json", "src"]
    );
    assert_eq!(fixture.programs(), ["npm", "npm", "esbuild"]);
    assert!(built.with_scripts.is_empty(), "nothing of them is in the image");
    assert_eq!(std::fs::read_dir(fixture.path("store/tmp")).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(fixture.path("project/node_modules")).unwrap().count(), 1);

    fixture.bundle(&[]).unwrap();
    fixture.write("project/node_modules/new.js", "");
    fixture.bundle(&[]).unwrap();
    assert!(fixture.programs().is_empty(), "nothing that decides has changed");
    fixture.write("project/src/other.ts", "");
    fixture.bundle(&[]).unwrap();
    assert_eq!(fixture.programs(), ["esbuild"], "the packages are in the store");
    fixture.write("project/package-lock.json", "{ }");
    fixture.bundle(&[]).unwrap();
    assert_eq!(fixture.programs(), ["npm", "esbuild"]);
}

#[test]
fn options_are_passed_on_and_replace_defaults() {
    let fixture = Fixture::with_packages();
    let text_of = |text: &str| BundleOption::Text(text.to_owned());
    let list = |items: &[&str]| BundleOption::List(items.iter().map(|item| (*item).to_owned()).collect());
    let built = fixture.bundle(&[
        ("minify", BundleOption::Flag(false)),
        ("target", text_of("node22")),
        ("format", text_of("esm")),
        ("sourcemap", BundleOption::Flag(true)),
        ("sources-content", BundleOption::Flag(false)),
        ("log-level", text_of("error")),
        ("loader", list(&[".png=file", ".txt=text"])),
    ]);
    let expected = "--target=node22 --format=esm --sourcemap --sources-content=false --log-level=error \
                    --loader:.png=file --loader:.txt=text";
    assert_eq!(text(&built.unwrap().tree, "/var/task/app.js"), format!("{DEFAULTS} {expected}"));
}

#[test]
fn packages_that_are_left_out_are_installed_for_the_function() {
    let fixture = Fixture::with_packages();
    let external = BundleOption::List(vec!["sharp".to_owned(), "aws-sdk".to_owned()]);
    let built = fixture.bundle(&[("external", external)]).unwrap();
    let expected =
        ["app.js", "found.txt", "node_modules/color/package.json", "node_modules/sharp/package.json"];
    assert_eq!(paths(&built.tree), expected);
    assert_eq!(built.with_scripts, ["sharp"]);
    assert!(text(&built.tree, "/var/task/app.js").ends_with("--external:sharp --external:aws-sdk"));
    assert_eq!(fixture.programs(), ["npm", "npm", "esbuild", "npm"]);
    let all = BundleOption::List(vec!["./node_modules/*".to_owned(), "fsevents".to_owned()]);
    let built = fixture.bundle(&[("external", all)]).unwrap();
    assert_eq!(paths(&built.tree), expected);
    assert!(text(&built.tree, "/var/task/app.js").contains(" --external:sharp"));
    assert!(!text(&built.tree, "/var/task/app.js").contains("fsevents"));
}

#[test]
fn without_packages_the_esbuild_of_the_search_path_runs() {
    let fixture = Fixture::new();
    let missing = fixture.bundle(&[]).unwrap_err();
    assert_eq!(missing.to_string(), "there is no `esbuild` to bundle `src/app.ts`");
    assert!(help(&missing).contains("npm install --save-dev"));
    fixture.program("esbuild", ESBUILD);
    fixture.bundle(&[]).unwrap();
    fixture.bundle(&[]).unwrap();
    assert_eq!(fixture.programs(), ["esbuild"]);
    fixture.program("esbuild", &format!("{ESBUILD}\n# another version"));
    fixture.bundle(&[]).unwrap();
    assert_eq!(fixture.programs(), ["esbuild"], "another program may write another bundle");
}

#[test]
fn failures_of_esbuild_say_what_it_has_written() {
    let fixture = Fixture::with_packages();
    let error = "echo; echo '✘ [ERROR] Could not resolve \"x\"' >&2; echo >&2; echo '    src/app.ts:1:7:' >&2; exit 1";
    fixture.program("esbuild-of-project", error);
    let failed = fixture.bundle(&[]).unwrap_err();
    assert_eq!(failed.to_string(), "esbuild failed: Could not resolve \"x\" (src/app.ts:1:7)");
    assert!(help(&failed).contains("did not run for `sharp`"));

    let other = Fixture::new();
    other.program("esbuild", &ESBUILD.replace("src/app.ts", "../../../home/x.js"));
    let outside = other.bundle(&[]).unwrap_err();
    assert!(outside.to_string().starts_with("the bundle has `../../../home/x.js`"), "{outside}");
    other.program("esbuild", "echo '{\"inputs\": {}}' > ../meta.json");
    assert_eq!(other.bundle(&[]).unwrap_err().to_string(), "`esbuild` has written no files");
    std::fs::rename(other.path("project/src/app.ts"), other.path("project/src/apq.ts")).unwrap();
    let missing = other.bundle(&[]).unwrap_err();
    assert_eq!(missing.to_string(), "there is no module `src/app` to bundle");
    assert!(help(&missing).contains("did you mean `src/apq.ts`?"));
}

const MAKEFILE: &str = "\
build-Orders:
\tmkdir -p $(ARTIFACTS_DIR)/lib
\tcp src/app.ts $(ARTIFACTS_DIR)/lib/app.ts
\tprintf '#!/bin/sh' > $(ARTIFACTS_DIR)/bootstrap
\tchmod 755 $(ARTIFACTS_DIR)/bootstrap
\ttouch written-here
";

#[test]
fn a_target_of_a_makefile_runs_in_a_copy_and_is_kept() {
    let fixture = Fixture::new();
    fixture.write("project/Makefile", MAKEFILE);
    let built = fixture.make("", false).unwrap();
    assert_eq!(paths(&built.tree), ["bootstrap", "lib/app.ts"]);
    assert!(
        matches!(built.tree.get_or_implied("/var/task/bootstrap"), Some(Node::File(file)) if file.executable)
    );
    assert!(!fixture.path("project/written-here").exists());
    fixture.make("", false).unwrap();
    assert_eq!(fixture.programs(), ["make"]);
    fixture.make("", true).unwrap();
    assert_eq!(fixture.programs(), ["make"], "it is made again if that is asked for");
    fixture.write("project/src/app.ts", "changed");
    let built = fixture.make("", false).unwrap();
    assert_eq!(text(&built.tree, "/var/task/lib/app.ts"), "changed");
}

#[test]
fn make_runs_in_the_folder_that_is_named_and_its_failures_are_shown() {
    let fixture = Fixture::new();
    let no_makefile = fixture.make("", false).unwrap_err().to_string();
    assert!(no_makefile.starts_with("there is no makefile `"), "{no_makefile}");
    fixture.write("project/Makefile", "build-Orders:\n\tcp app.ts $(ARTIFACTS_DIR)\n");
    assert_eq!(paths(&fixture.make("src", false).unwrap().tree), ["app.ts"]);
    let failed = fixture.make("", false).unwrap_err().to_string();
    assert!(failed.starts_with("`make build-Orders` failed: "), "{failed}");
    fixture.write("project/Makefile", "build-Orders:\n\ttrue\n");
    let nothing = fixture.make("", false).unwrap_err().to_string();
    assert_eq!(nothing, "`make build-Orders` has written no files");
}
