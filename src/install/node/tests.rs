//! Installations with stand-ins for the tools: scripts that write what the real ones would.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::event::Event;
use crate::failure::Failure as _;
use crate::install::stand_ins::StandIns;
use crate::project::PackageListKind;
use crate::store::{Retention, Store};
use crate::tree::Node;

struct Fixture(StandIns);

impl Deref for Fixture {
    type Target = StandIns;

    fn deref(&self) -> &StandIns {
        &self.0
    }
}

/// What a stand-in writes: one package with a program, and the state of the tool.
const PACKAGES: &str = r#"
mkdir -p node_modules/ms node_modules/.bin
pwd > node_modules/.package-lock.json
echo '{"name": "ms", "scripts": {"install": "exit 1"}}' > node_modules/ms/package.json
echo "module.exports = 1" > node_modules/ms/index.js
chmod 755 node_modules/ms/index.js
ln -s ../ms/index.js node_modules/.bin/ms
"#;

impl Fixture {
    fn new() -> Self {
        let fixture = Self(StandIns::new());
        fixture.write("project/package.json", r#"{"dependencies": {"ms": "2"}}"#);
        fixture.write("project/package-lock.json", "{}");
        fixture
    }

    /// A tool of a version that otherwise runs a script.
    fn tool(&self, name: &str, version: &str, script: &str) {
        self.program(name, &format!("[ \"$1\" = --version ] && echo {version} && exit\n{script}"));
    }

    fn install_as(
        &self,
        change: impl FnOnce(&mut PackageList, &mut NodeTarget),
    ) -> Result<NodePackages, InstallError> {
        let path = self.path("project/package-lock.json");
        let mut list = PackageList::new(path);
        let mut target = NodeTarget { runtime: "nodejs22.x".to_owned(), architecture: Architecture::X86_64 };
        change(&mut list, &mut target);
        self.installer(&[]).install_node(&list, &target, &"/opt/nodejs".parse().unwrap())
    }

    fn install(&self) -> Result<NodePackages, InstallError> {
        self.install_as(|_, _| {})
    }
}

fn listing(tree: &Tree) -> Vec<String> {
    let lines = tree.iter().map(|(path, node)| match node {
        Node::Directory => format!("{path}/"),
        Node::File(file) => {
            let text = String::from_utf8(file.content.head(1000).unwrap()).unwrap();
            format!("{path}{} {}", if file.executable { "*" } else { "" }, text.trim())
        }
        Node::Symlink(target) => format!("{path} -> {target}"),
    });
    lines.collect()
}

#[test]
fn packages_are_installed_in_another_folder_and_kept() {
    let fixture = Fixture::new();
    fixture.tool("npm", "11.2.0", PACKAGES);
    let installed = fixture.install().unwrap();
    let files = [
        "/opt/nodejs/node_modules/.bin/",
        "/opt/nodejs/node_modules/.bin/ms -> ../ms/index.js",
        "/opt/nodejs/node_modules/ms/",
        "/opt/nodejs/node_modules/ms/index.js* module.exports = 1",
        "/opt/nodejs/node_modules/ms/package.json {\"name\": \"ms\", \"scripts\": {\"install\": \"exit 1\"}}",
    ];
    assert_eq!(listing(&installed.tree), files);
    assert_eq!(installed.with_scripts, ["ms"]);
    assert_eq!(fixture.calls().len(), 2);
    assert_eq!(
        std::fs::read_dir(fixture.path("project")).unwrap().count(),
        2,
        "the user's folder is unchanged"
    );
    assert_eq!(std::fs::read_dir(fixture.path("store/tmp")).unwrap().count(), 0);

    let again = fixture.install().unwrap();
    assert_eq!(
        (listing(&again.tree), again.with_scripts),
        (files.map(str::to_owned).to_vec(), installed.with_scripts)
    );
    assert_eq!(fixture.calls(), [""; 0], "no tool runs for an unchanged list");
}

#[test]
fn a_tool_runs_again_when_something_that_decides_has_changed() {
    let fixture = Fixture::new();
    fixture.tool("npm", "11.2.0", PACKAGES);
    let digest = |packages: NodePackages| format!("{:?}", listing(&packages.tree));
    let first = digest(fixture.install().unwrap());
    let has_run = |fixture: &Fixture| fixture.calls().iter().any(|call| call.starts_with("npm ci"));
    assert!(has_run(&fixture));
    let changes: [(&str, &dyn Fn()); 3] = [
        ("lock file", &|| fixture.write("project/package-lock.json", "{ }")),
        ("manifest", &|| fixture.write("project/package.json", r#"{"dependencies": {"ms": "^2"}}"#)),
        ("settings", &|| fixture.write("project/.npmrc", "registry=https://example.com")),
    ];
    for (what, change) in changes {
        change();
        assert_eq!(digest(fixture.install().unwrap()), first, "{what}");
        assert!(has_run(&fixture), "{what}");
    }
    fixture.install_as(|_, target| target.architecture = Architecture::Arm64).unwrap();
    assert!(has_run(&fixture), "architecture");
    fixture.install_as(|_, target| target.runtime = "nodejs20.x".to_owned()).unwrap();
    assert!(has_run(&fixture), "runtime");
    fixture.install_as(|list, _| list.scripts = Some(true)).unwrap();
    assert!(has_run(&fixture), "scripts");
    fixture.install_as(|list, _| list.scripts = Some(false)).unwrap();
    assert!(!has_run(&fixture), "no scripts run unless they are allowed");
    fixture.tool("npm", "11.10.0", PACKAGES);
    fixture.install().unwrap();
    assert!(!has_run(&fixture), "a minor version");
    fixture.tool("npm", "12.0.0", PACKAGES);
    fixture.install().unwrap();
    assert!(has_run(&fixture), "a major version");
}

#[test]
fn packages_that_were_pruned_are_installed_again() {
    let fixture = Fixture::new();
    fixture.tool("npm", "11.2.0", PACKAGES);
    fixture.install().unwrap();
    let StandIns { folder, store, .. } = fixture.0;
    let removal = store.prune(&Retention { bytes: Some(0), ..Retention::of_bytes(0) }).unwrap().unwrap();
    assert_eq!(removal.blobs.len(), 1);
    let store = Store::open(&folder.path().join("store")).unwrap();
    let fixture = Fixture(StandIns { folder, store, events: Arc::default() });
    assert_eq!(fixture.install().unwrap().tree.files(), 3);
    assert!(fixture.calls().iter().any(|call| call.starts_with("npm ci")));
}

#[test]
fn the_target_and_what_must_not_run_are_in_the_calls() {
    let fixture = Fixture::new();
    let print = "printf '%s ' called \"$@\" >&2; echo >&2; echo \"ignore=$npm_config_ignore_scripts\"; mkdir -p node_modules";
    for (name, version) in [("npm", "11.2.0"), ("pnpm", "10.20.0"), ("yarn", "4.9.0")] {
        fixture.tool(name, version, print);
    }
    fixture.write("project/pnpm-lock.yaml", "importers:\n  .:\n");
    fixture.write("project/yarn.lock", "__metadata:\n  version: 8\n");
    let calls = |name: &str, scripts: Option<bool>| {
        let path = fixture.path("project").join(name);
        let change = |list: &mut PackageList, target: &mut NodeTarget| {
            list.kind = PackageListKind::of(&path);
            list.path = path.clone();
            list.scripts = scripts;
            target.architecture = Architecture::Arm64;
        };
        fixture.install_as(change).unwrap();
        let lines = std::mem::take(&mut *fixture.events.0.lock().unwrap());
        let lines = lines.into_iter().filter_map(|event| match event {
            Event::Program { line } if !line.starts_with("running") => Some(line.trim_end().to_owned()),
            _ => None,
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let npm = calls("package-lock.json", None);
    for word in [
        "called ci --omit=dev",
        "--cpu=arm64",
        "--os=linux",
        "--libc=glibc",
        "--ignore-scripts",
        "ignore=true",
    ] {
        assert!(npm.contains(word), "{word}: {npm}");
    }
    let npm = calls("package-lock.json", Some(true));
    assert!(!npm.contains("--ignore-scripts") && !npm.contains("ignore=true"), "{npm}");
    let pnpm = calls("pnpm-lock.yaml", None);
    for word in
        ["called install --frozen-lockfile --prod", "--cpu=arm64", "node-linker=hoisted", "--ignore-scripts"]
    {
        assert!(pnpm.contains(word), "{word}: {pnpm}");
    }
    let yarn = calls("yarn.lock", None);
    for word in ["\"cpu\":[\"arm64\"]", "called install --immutable", "called workspaces focus --production"]
    {
        assert!(yarn.contains(word), "{word}: {yarn}");
    }
}

#[test]
fn what_a_tool_writes_is_in_the_error_and_nothing_is_kept() {
    let fixture = Fixture::new();
    fixture.tool("npm", "11.2.0", "echo 'npm error code E401' >&2; exit 1");
    let error = fixture.install().unwrap_err();
    assert_eq!(error.to_string(), "`npm ci` failed: npm error code E401");
    fixture.tool(
        "npm",
        "11.2.0",
        "echo 'npm error x are in sync' >&2; echo 'npm error Missing: a@1' >&2; exit 1",
    );
    let error = fixture.install().unwrap_err();
    assert_eq!(
        error.to_string().replace(&format!("{}/", fixture.folder.path().display()), ""),
        "`project/package-lock.json` is not up to date with `package.json`: Missing: a@1"
    );
    assert_eq!(std::fs::read_dir(fixture.path("store/tmp")).unwrap().count(), 0);
    fixture.tool("npm", "11.2.0", PACKAGES);
    assert!(fixture.install().is_ok());
}

#[test]
fn a_tool_that_is_missing_or_does_not_fit_is_named() {
    let fixture = Fixture::new();
    let error = fixture.install().unwrap_err();
    assert!(error.to_string().starts_with("there is no `npm` to install the packages of "), "{error}");
    assert!(error.help().is_some());
    let yarn = |lock: &str, version: &str| {
        fixture.tool("yarn", version, "mkdir -p node_modules");
        fixture.write("project/yarn.lock", lock);
        let change = |list: &mut PackageList, _: &mut NodeTarget| {
            list.path = fixture.path("project/yarn.lock");
            list.kind = PackageListKind::YarnLock;
        };
        fixture.install_as(change).map(drop).map_err(|error| error.to_string())
    };
    let berry = "__metadata:\n  version: 8\n";
    assert!(
        yarn(berry, "1.22.22")
            .unwrap_err()
            .ends_with("was written by Yarn 2 or later, and `yarn` is version 1.22.22")
    );
    assert!(yarn("# yarn lockfile v1\n", "4.9.0").unwrap_err().contains("was written by Yarn 1,"));
    assert!(
        yarn("x@1:\n  resolved \"git+https://e.com/x.git#1\"\n", "1.22.22")
            .unwrap_err()
            .contains("Git repository")
    );
    assert!(yarn("# yarn lockfile v1\n", "1.22.22").is_ok());
}

#[test]
fn packages_for_the_machine_of_the_tool_are_refused_and_those_for_another_c_library_left_out() {
    let fixture = Fixture::new();
    let package = |name: &str, keys: &str| {
        format!("mkdir -p node_modules/{name}; echo '{{{keys}}}' > node_modules/{name}/package.json\n")
    };
    fixture.tool("npm", "9.0.0", &package("mac", r#""os": ["darwin"]"#));
    let error = fixture.install().unwrap_err();
    assert_eq!(
        error.to_string(),
        "npm 9.0.0 has installed `mac` for this machine, and not for Linux on x86_64"
    );
    let both = package("musl", r#""libc": ["musl"]"#) + &package("glibc", r#""libc": ["glibc"]"#);
    fixture.tool("npm", "10.0.0", &both);
    let installed = fixture.install().unwrap();
    let folders = listing(&installed.tree);
    assert_eq!(folders[0], "/opt/nodejs/node_modules/glibc/");
    assert_eq!(folders.len(), 2);
}

#[test]
fn a_store_keeps_nothing_of_an_empty_list() {
    let fixture = Fixture::new();
    fixture.write("project/package.json", "{}");
    assert!(fixture.install().unwrap().tree.is_empty(), "no tool is needed");
    assert!(Path::new(&fixture.path("store/node-packages-1")).metadata().is_err());
}
