//! Packages of Node.js that limg installs from lock files, with the real tools and the npm registry.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{
    self, Base, Docker, Image, PNPM, Workspace, YARN, assert_same, base, fails, listing, package_manager,
    succeed, tool,
};

/// A package manager: its name, its program if it is not npm, and how it writes its lock file.
struct Manager {
    name: &'static str,
    program: Option<&'static str>,
    writes_lock: &'static [&'static str],
}

const NPM: Manager =
    Manager { name: "npm", program: None, writes_lock: &["install", "--silent", "--package-lock-only"] };
const PNPM_10: Manager =
    Manager { name: "pnpm", program: Some(PNPM), writes_lock: &["install", "--lockfile-only"] };
const PNPM_9: Manager =
    Manager { name: "pnpm", program: Some(support::PNPM_9), writes_lock: &["install", "--lockfile-only"] };
const YARN_1: Manager =
    Manager { name: "yarn", program: Some(support::YARN_1), writes_lock: &["install", "--ignore-scripts"] };
const YARN_4: Manager = Manager {
    name: "yarn",
    program: Some(YARN),
    writes_lock: &["install", "--no-immutable", "--mode=update-lockfile"],
};

/// Defines a test of each package manager for a check, so that they run at the same time: `node_packages::CHECK::MANAGER`.
macro_rules! every_package_manager {
    ($($check:ident)+) => {$(
        mod $check {
            every_package_manager! { $check: npm NPM, pnpm_10 PNPM_10, pnpm_9 PNPM_9, yarn_1 YARN_1, yarn_4 YARN_4 }
        }
    )+};
    ($check:ident: $($name:ident $manager:ident),+) => {$(
        #[test]
        #[ignore = "needs npm's registry and the open bases; `make test` runs it"]
        fn $name() {
            super::$check(&super::$manager);
        }
    )+};
}

every_package_manager! {
    installs_what_its_lock_file_pins
    a_lock_file_that_is_not_up_to_date_is_an_error_with_the_command_that_updates_it
}

/// Packages of one file and of many, with programs, native ones for each system, and one for development.
fn manifest() -> Value {
    json!({
        "name": "orders", "version": "1.0.0", "license": "MIT",
        "dependencies": { "ms": "2.1.3", "express": "4.21.2", "sharp": "0.33.5" },
        "devDependencies": { "typescript": "5.4.5" },
    })
}

/// A project whose code has a lock file of one package manager.
struct Project {
    workspace: Workspace,
    manager: &'static Manager,
}

impl Project {
    fn new(manager: &'static Manager) -> Self {
        let project = Self { workspace: Workspace::new(), manager };
        project.workspace.write("code/package.json", manifest().to_string());
        project.workspace.write("code/app.js", "exports.handler = async () => require('ms')('2 days');\n");
        if manager.name == "yarn" {
            project.workspace.write("code/.yarnrc.yml", "enableTelemetry: false\n");
            project.workspace.write("code/yarn.lock", "");
        }
        if let Some(program) = manager.program {
            let script = format!("#!/bin/sh\nexec node {} \"$@\"\n", package_manager(program).display());
            project.workspace.write_program(format!("bin/{}", manager.name), script);
        }
        project.manage(manager.writes_lock);
        let _linked = std::fs::remove_dir_all(project.workspace.path("code/node_modules"));
        let _cache = std::fs::remove_dir_all(project.workspace.path("code/.yarn"));
        let image = format!("oci:{}", base(Base::Nodejs22).display());
        let arm = format!("oci:{}", base(Base::ProvidedAl2023Arm64).display());
        let function = |base: &str, architecture: &str| {
            json!({
                "runtime": base, "handler": "app.handler", "code": "code", "architecture": architecture,
                "install": { "scripts": false },
            })
        };
        let definition = json!({
            "bases": {
                "node": { "image": image, "contract": "nodejs22.x" },
                // Has no Node.js, which is not needed to install packages.
                "arm": { "image": arm, "contract": "nodejs22.x", "entrypoint": ["/usr/bin/true"] },
            },
            "functions": { "intel": function("node", "x86_64"), "arm": function("arm", "arm64") },
        });
        project.workspace.write("limg.yaml", definition.to_string());
        project
    }

    /// Runs the package manager in the code.
    fn manage(&self, arguments: &[&str]) {
        let mut command = self.with_path(tool(if self.manager.program.is_some() { "env" } else { "npm" }));
        command.args(self.manager.program.map(|_| self.manager.name)).args(arguments);
        succeed(command.env("HOME", self.workspace.path("home")).current_dir(self.workspace.path("code")));
    }

    /// A command that finds the package manager.
    fn with_path(&self, mut command: Command) -> Command {
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.workspace.path("bin").display()));
        command
    }

    fn limg(&self, arguments: &[&str]) -> Command {
        self.with_path(with_certificates(self.workspace.limg(arguments)))
    }

    /// Builds a function.
    fn build(&self, function: &str) -> Image {
        succeed(&mut self.limg(&["build", function, "-o", "oci:out"]));
        Image::of_layout(&self.workspace.path("out"), Some(function))
    }
}

/// limg with the certificates of this machine's proxy, if it has one: the tools inherit them.
pub(crate) fn with_certificates(mut limg: Command) -> Command {
    for name in ["NODE_EXTRA_CA_CERTS", "HTTPS_PROXY"] {
        if let Some(value) = std::env::var_os(name) {
            limg.env(name, value);
        }
    }
    limg
}

/// The paths below `node_modules`.
fn packages(image: &Image) -> Vec<String> {
    let files = image.files();
    files.keys().filter_map(|path| path.strip_prefix("var/task/node_modules/")).map(str::to_owned).collect()
}

/// Asserts that these paths are there, and none that begins with one of the others.
fn assert_paths(who: &str, paths: &[String], expected: &[&str], unexpected: &[&str]) {
    for path in expected {
        assert!(paths.iter().any(|own| own == path), "{who}: {path} is not in {paths:?}");
    }
    let is_unexpected = |path: &&String| unexpected.iter().any(|start| path.starts_with(start));
    assert_eq!(paths.iter().find(is_unexpected), None, "{who}");
}

fn installs_what_its_lock_file_pins(manager: &'static Manager) {
    let who = manager.program.unwrap_or("npm");
    let project = Project::new(manager);
    let before = listing(&project.workspace.path("code"));
    let built = project.build("intel");
    let common = ["ms/index.js", "express/index.js", "sharp/lib/index.js", ".bin/semver"];
    let unexpected = [
        "typescript/",
        ".bin/tsc",
        ".package",
        ".modules",
        ".pnpm",
        ".yarn",
        "@img/sharp-linuxmusl",
        "@img/sharp-darwin",
        "@img/sharp-win32",
    ];
    let paths = packages(&built);
    assert_paths(who, &paths, &common, &unexpected);
    assert_paths(who, &paths, &["@img/sharp-linux-x64/package.json"], &["@img/sharp-linux-arm64"]);
    assert_same("before", &before, "after", &listing(&project.workspace.path("code")));
    let again = succeed(&mut project.limg(&["build", "intel", "-o", "oci:out"]));
    assert!(!again.stderr.contains("running"), "{who}: {}", again.stderr);
    assert!(!again.stderr.contains("install-scripts"), "{who}: {}", again.stderr);

    if manager.program == Some(support::YARN_1) {
        let refused = fails(3, &mut project.limg(&["build", "arm", "-o", "oci:out"]));
        assert!(
            refused.stderr.contains("for this machine, and not for Linux on arm64"),
            "{}",
            refused.stderr
        );
    } else {
        let paths = packages(&project.build("arm"));
        assert_paths(who, &paths, &common, &unexpected);
        assert_paths(who, &paths, &["@img/sharp-linux-arm64/package.json"], &["@img/sharp-linux-x64"]);
    }

    if manager.program.is_none() {
        let mut limg = project.limg(&["build", "intel", "-o", "oci:out"]);
        let cached = succeed(limg.env("LIMG_STORE", project.workspace.path("empty")));
        assert!(!cached.stderr.contains("npm ci"), "npm's cache has all archives: {}", cached.stderr);
        let image = Image::of_layout(&project.workspace.path("out"), Some("intel"));
        assert_eq!(image.digest, built.digest, "the same as npm would install");
    }

    // Another store, and another folder.
    let elsewhere = Project { workspace: Workspace::new(), manager };
    let (from, to) = (project.workspace.path("."), elsewhere.workspace.path("."));
    for name in ["code", "bin", "limg.yaml"].into_iter().filter(|name| from.join(name).exists()) {
        succeed(tool("cp").arg("-r").arg(from.join(name)).arg(&to));
    }
    assert_eq!(elsewhere.build("intel").digest, built.digest, "{who}");
}

fn a_lock_file_that_is_not_up_to_date_is_an_error_with_the_command_that_updates_it(
    manager: &'static Manager,
) {
    let project = Project::new(manager);
    let mut manifest = manifest();
    manifest["dependencies"]["left-pad"] = json!("1.3.0");
    project.workspace.write("code/package.json", manifest.to_string());
    let failed = fails(2, &mut project.limg(&["build", "intel", "-o", "oci:out"]));
    for words in [
        "[uninstallable-packages]",
        "is not up to date with `package.json`",
        "help: run `",
        "commit the lock file",
    ] {
        assert!(failed.stderr.contains(words), "{:?}: {words}: {}", manager.program, failed.stderr);
    }
    assert_eq!(std::fs::read_dir(project.workspace.path("store/tmp")).unwrap().count(), 0);
}

const EXPRESS: &str = "\
const express = require('express');
const app = express();
app.get('/odd', (request, response) => response.json({ odd: require('is-odd')(3) }));
const server = new Promise(resolve => { const server = app.listen(0, () => resolve(server)); });
exports.handler = async event => {
  const { port } = (await server).address();
  return (await fetch(`http://127.0.0.1:${port}${event.rawPath}`)).json();
};
";

#[test]
#[ignore = "needs Docker, npm's registry and the open bases; `make test` runs it"]
fn a_function_with_express_answers_and_finds_packages_of_a_layer() {
    let (docker, workspace) = (Docker::new("express"), Workspace::new());
    let write = |folder: &str, package: &str, version: &str| {
        let manifest = json!({ "license": "MIT", "dependencies": { package: version } });
        workspace.write(format!("{folder}/package.json"), manifest.to_string());
        let mut npm = tool("npm");
        npm.args(["install", "--silent", "--package-lock-only"]).current_dir(workspace.path(folder));
        succeed(npm.env("HOME", workspace.path("home")));
    };
    write("code", "express", "4.21.2");
    write("shared", "is-odd", "3.0.1");
    workspace.write("code/app.js", EXPRESS);
    let image = format!("oci:{}", base(Base::Nodejs22).display());
    let definition = json!({
        "project": docker.prefix,
        "bases": { "node": { "image": image, "contract": "nodejs22.x" } },
        "layers": { "shared": { "install": "shared/package-lock.json" } },
        "functions": { "f": {
            "runtime": "node", "handler": "app.handler", "code": "code", "install": true, "layers": ["shared"],
            "timeout": 20, "environment": { "LIMG_E2E": docker.prefix },
        } },
    });
    workspace.write("limg.yaml", definition.to_string());
    let limg = workspace.limg(&["invoke", "f", "--as-lambda", "-e", r#"{"rawPath": "/odd"}"#]);
    let invoked = succeed(&mut with_certificates(limg));
    assert_eq!(invoked.json(), json!({ "odd": true }), "{}", invoked.stderr);
}
