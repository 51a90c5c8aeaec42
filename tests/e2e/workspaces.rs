//! Functions of workspaces that real package managers install: the image has what the function needs, or limg says why not.

use std::process::Command;

use serde_json::json;

use crate::node_packages::with_certificates;
use crate::support::{
    Base, Docker, Finished, Image, PNPM, PNPM_9, Workspace, YARN, YARN_1, base, fails, package_manager,
    succeed, tool,
};

const HANDLER: &str = "\
const debug = require('debug');
exports.handler = async () => ({ odd: require('@ws/shared')(3), debug: typeof debug });
";

/// A workspace with the function `fn`, which uses `debug` and the package `@ws/shared`, which uses `is-odd`.
struct Monorepo {
    workspace: Workspace,
}

impl Monorepo {
    /// `version` is how `fn` names a package of its own workspace.
    fn new(version: &str) -> Self {
        let workspace = Workspace::new();
        let write = |path: &str, value: serde_json::Value| drop(workspace.write(path, value.to_string()));
        write("ws/package.json", json!({ "name": "root", "private": true, "workspaces": ["packages/*"] }));
        write(
            "ws/packages/fn/package.json",
            json!({ "name": "fn", "version": "1.0.0",
                "dependencies": { "@ws/shared": version, "debug": "4.3.4", "semver": "7.6.0" } }),
        );
        write(
            "ws/packages/shared/package.json",
            json!({ "name": "@ws/shared", "version": "1.0.0", "dependencies": { "is-odd": "3.0.1" } }),
        );
        workspace.write("ws/packages/fn/index.js", HANDLER);
        workspace.write("ws/packages/shared/index.js", "module.exports = n => require('is-odd')(n);\n");
        workspace.write("ws/pnpm-workspace.yaml", "packages: [packages/*]\n");
        workspace.write("ws/.yarnrc.yml", "nodeLinker: node-modules\nenableTelemetry: false\n");
        workspace.write("ws/yarn.lock", "");
        Self { workspace }
    }

    /// Runs a package manager in the workspace.
    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = if program == "npm" {
            tool("npm")
        } else {
            let mut node = tool("node");
            node.arg(package_manager(program));
            node
        };
        command.args(arguments).env("CI", "1").env("HOME", self.workspace.path("home"));
        succeed(command.current_dir(self.workspace.path("ws")));
    }

    fn define(&self, docker: &Docker, function: serde_json::Value) {
        let mut function = function;
        function["runtime"] = json!("node");
        function["timeout"] = json!(20);
        function["environment"] = json!({ "LIMG_E2E": docker.prefix });
        let image = format!("oci:{}", base(Base::Nodejs22).display());
        let definition = json!({
            "project": docker.prefix,
            "bases": { "node": { "image": image, "contract": "nodejs22.x" } },
            "functions": { "f": function },
        });
        self.workspace.write("limg.yaml", definition.to_string());
    }

    /// The function answers in its image.
    fn answers(&self, function: serde_json::Value) {
        let docker = Docker::new("workspaces");
        self.define(&docker, function);
        let invoked: Finished = succeed(&mut self.invoke());
        assert_eq!(invoked.json(), json!({ "odd": true, "debug": "function" }), "{}", invoked.stderr);
    }

    fn invoke(&self) -> Command {
        self.limg(&["invoke", "f"])
    }

    /// limg, which finds the programs of the workspace first.
    fn limg(&self, arguments: &[&str]) -> Command {
        let mut limg = with_certificates(self.workspace.limg(arguments));
        let path = std::env::var("PATH").unwrap();
        limg.env("PATH", format!("{}:{path}", self.workspace.path("bin").display()));
        limg
    }

    /// Has a package manager write the lock file, and installs nothing. limg finds it by its name.
    fn lock(&self, program: &str, name: &str, arguments: &[&str]) {
        for other in ["yarn.lock", "pnpm-workspace.yaml", ".yarnrc.yml"] {
            if (name == "yarn") != other.contains("yarn") {
                std::fs::remove_file(self.workspace.path("ws").join(other)).unwrap();
            }
        }
        if program != "npm" {
            let script = format!("#!/bin/sh\nexec node {} \"$@\"\n", package_manager(program).display());
            self.workspace.write_program(format!("bin/{name}"), script);
        }
        self.run(program, arguments);
        for folder in ["ws", "ws/packages/fn", "ws/packages/shared", "ws/packages/other"] {
            let _absent = std::fs::remove_dir_all(self.workspace.path(folder).join("node_modules"));
        }
    }

    /// The image is not built, for these reasons.
    fn is_refused(&self, function: serde_json::Value, expected: &[&str]) {
        let docker = Docker::new("workspaces");
        self.define(&docker, function);
        let refused = fails(2, &mut self.workspace.limg(&["build"]));
        for words in expected {
            assert!(refused.stderr.contains(words), "{words:?} is not in\n{}", refused.stderr);
        }
    }
}

#[test]
#[ignore = "needs Docker, npm and the open bases; `make test` runs it"]
fn a_function_of_a_pnpm_workspace_answers() {
    let monorepo = Monorepo::new("workspace:*");
    monorepo.run(PNPM, &["install"]);
    monorepo.answers(json!({ "code": "ws/packages/fn", "handler": "index.handler", "follow": true }));
    monorepo.answers(json!({ "code": "ws", "handler": "packages/fn/index.handler" }));
    monorepo.is_refused(
        json!({ "code": "ws/packages/fn", "handler": "index.handler" }),
        &[
            "3 symbolic links",
            "node_modules/@ws/shared",
            "node_modules/debug",
            "node_modules/semver",
            "pnpm deploy",
        ],
    );
    monorepo.run(PNPM, &["--filter", "fn", "deploy", "--legacy", "--prod", "../deployed"]);
    monorepo.answers(json!({ "code": "deployed", "handler": "index.handler" }));
}

#[test]
#[ignore = "needs Docker, npm and the open bases; `make test` runs it"]
fn a_function_of_an_npm_or_yarn_workspace_answers_from_its_root() {
    for (program, version, arguments) in [
        ("npm", "*", &["install", "--silent"][..]),
        (YARN_1, "*", &["install", "--silent"]),
        (YARN, "workspace:*", &["install", "--no-immutable"]),
    ] {
        let monorepo = Monorepo::new(version);
        monorepo.run(program, arguments);
        monorepo.answers(json!({ "code": "ws", "handler": "packages/fn/index.handler" }));
        if program == YARN_1 {
            let function = json!({ "code": "ws/packages/fn", "handler": "index.handler", "follow": true });
            monorepo.is_refused(function, &[".bin/semver` leads to", "the root of the workspace"]);
        }
        // A link to the package by hand, as `npm link` makes it.
        let modules = monorepo.workspace.path("ws/packages/fn/node_modules/@ws");
        let _absent = std::fs::remove_dir_all(modules.parent().unwrap());
        std::fs::create_dir_all(&modules).unwrap();
        std::os::unix::fs::symlink("../../../shared", modules.join("shared")).unwrap();
        let function = json!({ "code": "ws/packages/fn", "handler": "index.handler", "follow": true });
        monorepo.is_refused(
            function,
            &["[incomplete-package]", "`is-odd` of `/var/task/node_modules/@ws/shared`"],
        );
    }
}

/// Package managers: the program, its name, how a member names another one, and how it writes the lock file.
const MANAGERS: [(&str, &str, &str, &[&str]); 5] = [
    (PNPM, "pnpm", "workspace:*", &["install", "--lockfile-only"]),
    (PNPM_9, "pnpm", "workspace:*", &["install", "--lockfile-only"]),
    ("npm", "npm", "*", &["install", "--silent", "--package-lock-only"]),
    (YARN_1, "yarn", "*", &["install", "--silent", "--ignore-scripts"]),
    (YARN, "yarn", "workspace:*", &["install", "--no-immutable", "--mode=update-lockfile"]),
];

#[test]
#[ignore = "needs Docker, npm and the open bases; `make test` runs it"]
fn a_member_gets_its_packages_from_the_lock_file_of_its_workspace() {
    for (program, name, version, arguments) in MANAGERS {
        let monorepo = Monorepo::new(version);
        let other = json!({ "name": "other", "version": "1.0.0", "dependencies": { "ms": "2.1.3", "uuid": "9.0.0" } });
        monorepo.workspace.write("ws/packages/other/package.json", other.to_string());
        monorepo.lock(program, name, arguments);
        monorepo.answers(json!({ "code": "ws/packages/fn", "handler": "index.handler", "install": true }));
        succeed(&mut monorepo.limg(&["build", "-o", "oci:out"]));
        let files = Image::of_layout(&monorepo.workspace.path("out"), Some("f")).files();
        let packages: Vec<_> =
            files.keys().filter_map(|path| path.strip_prefix("var/task/node_modules/")).collect();
        for expected in ["@ws/shared/index.js", "debug/src/index.js", "is-odd/index.js", "semver/index.js"] {
            assert!(packages.contains(&expected), "{program}: {expected} is not in {packages:?}");
        }
        assert!(
            !packages.iter().any(|path| path.starts_with("uuid/") || path.starts_with("fn/")),
            "{program}"
        );
        monorepo.is_refused(
            json!({ "code": "ws/packages/fn", "handler": "index.handler", "install": lock_file(name) }),
            &["the lock file of a workspace", "package.json"],
        );
    }
}

fn lock_file(manager: &str) -> &'static str {
    match manager {
        "pnpm" => "ws/pnpm-lock.yaml",
        "yarn" => "ws/yarn.lock",
        _ => "ws/package-lock.json",
    }
}

#[test]
#[ignore = "needs Docker, npm and the open bases; `make test` runs it"]
fn a_bundle_of_a_member_contains_the_sources_of_another() {
    for (program, name, version, arguments) in MANAGERS.into_iter().filter(|it| it.0 != PNPM_9) {
        let monorepo = Monorepo::new(version);
        let workspace = &monorepo.workspace;
        let root = json!({
            "name": "root", "private": true, "workspaces": ["packages/*"],
            "devDependencies": { "esbuild": "0.21.5" },
        });
        workspace.write("ws/package.json", root.to_string());
        workspace.write("ws/packages/fn/index.ts", HANDLER);
        monorepo.lock(program, name, arguments);
        let function = json!({ "code": "ws/packages/fn", "handler": "index.handler", "bundle": true });
        monorepo.answers(function);
        let build = || succeed(&mut monorepo.limg(&["build", "-o", "oci:out"])).stderr;
        assert!(!build().contains("running `"), "{program}: nothing has changed");
        workspace.write("ws/packages/shared/index.js", "module.exports = n => !require('is-odd')(n + 1);\n");
        assert!(build().contains("esbuild"), "{program}: the source of another member has changed");
    }
}

#[test]
#[ignore = "needs Docker, npm and the open bases; `make test` runs it"]
fn an_es_module_imports_from_a_layer_through_a_link() {
    let monorepo = Monorepo::new("*");
    let workspace = &monorepo.workspace;
    workspace.write(
        "layer/nodejs/node_modules/words/package.json",
        r#"{"type": "module", "exports": "./index.js"}"#,
    );
    workspace.write("layer/nodejs/node_modules/words/index.js", "export const word = 'hello';\n");
    workspace
        .write("code/index.mjs", "import { word } from 'words';\nexport const handler = async () => word;\n");
    std::os::unix::fs::symlink("/opt/nodejs/node_modules", workspace.path("code/node_modules")).unwrap();
    let docker = Docker::new("workspaces");
    monorepo.define(&docker, json!({ "code": "code", "handler": "index.handler", "layers": ["words"] }));
    let text = std::fs::read_to_string(workspace.path("limg.yaml")).unwrap();
    let mut definition: serde_json::Value = serde_json::from_str(&text).unwrap();
    definition["layers"] = json!({ "words": { "path": "layer" } });
    workspace.write("limg.yaml", definition.to_string());
    assert_eq!(succeed(&mut monorepo.invoke()).json(), json!("hello"));
}
