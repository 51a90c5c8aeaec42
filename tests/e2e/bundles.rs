//! What limg builds from sources itself, with the real npm, esbuild and make: bundles and results of makefiles, compared with
//! those of `sam build`, and run under the emulator.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::node_packages::with_certificates;
use crate::support::{
    Base, Docker, Image, Node, Workspace, base, finish, listing, repository, succeed, tool,
};

/// A project in a folder that names its images after the test.
struct Project {
    docker: Docker,
    workspace: Workspace,
}

impl Project {
    fn new(name: &str) -> Self {
        Self { docker: Docker::new(name), workspace: Workspace::new() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.workspace.path(&self.docker.prefix).join(path)
    }

    fn write(&self, path: &str, content: &str) {
        self.workspace.write(format!("{}/{path}", self.docker.prefix), content);
    }

    /// A manifest with these packages, and its lock file.
    fn packages(&self, manifest: &Value) {
        self.write("package.json", &manifest.to_string());
        let mut npm = tool("npm");
        npm.args(["install", "--silent", "--package-lock-only"]).current_dir(self.path("."));
        succeed(npm.env("HOME", self.workspace.path("home")));
    }

    /// limg in the project, with the open bases.
    fn limg(&self, arguments: &[&str]) -> Command {
        let mut limg = with_certificates(self.workspace.limg(arguments));
        for open in [Base::Nodejs22, Base::ProvidedAl2023] {
            limg.args(["--base", &format!("{}=oci:{}", open.contract(), base(open).display())]);
        }
        limg.current_dir(self.path("."));
        limg
    }

    fn build(&self, function: &str, more: &[&str]) -> Image {
        let layout = self.workspace.path("out");
        let output = format!("oci:{}", layout.display());
        succeed(&mut self.limg(&[&["build", function, "-o", &output], more].concat()));
        Image::of_layout(&layout, Some(function))
    }

    fn invoke(&self, function: &str, event: &Value, more: &[&str]) -> Value {
        let event = event.to_string();
        let arguments = [&["invoke", function, "--as-lambda", "-e", &event], more].concat();
        let invoked = finish(&mut self.limg(&arguments));
        assert_eq!(invoked.code, 0, "{}\n{}", invoked.text(), invoked.stderr);
        invoked.json()
    }
}

/// The paths below the task root.
fn code(image: &Image) -> Vec<String> {
    let files = image.files();
    let files = files.iter().filter(|(_, entry)| matches!(entry.node, Node::File(..)));
    files.filter_map(|(path, _)| path.strip_prefix("var/task/")).map(str::to_owned).collect()
}

/// A source map without the paths of its sources, and these.
fn without_sources(map: &[u8]) -> (Value, Value) {
    let mut map: Value = serde_json::from_slice(map).unwrap();
    let sources = map["sources"].take();
    (map, sources)
}

const TEMPLATE: &str = "
Transform: AWS::Serverless-2016-10-31
Globals: { Function: { Runtime: nodejs22.x, Timeout: 20 } }
Resources:
  Small:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: ., Handler: src/app.handler }
    Metadata: { BuildMethod: esbuild, BuildProperties: { UseNpmCi: true } }
  Readable:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: ., Handler: src/app.handler }
    Metadata:
      BuildMethod: esbuild
      BuildProperties:
        UseNpmCi: true
        Minify: false
        Target: es2022
        EntryPoints: [src/app.ts, src/other.ts]
        External: ['@aws-sdk/*']
        Loader: [.txt=text]
        Banner: ['js=// made for a test']
        Define: ['STAGE=\"dev\"']
        KeepNames: true
        MainFields: module,main
  Mapped:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: ., Handler: src/app.handler }
    Metadata:
      BuildMethod: esbuild
      BuildProperties: { UseNpmCi: true, Minify: false, Sourcemap: true }
  Modules:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: ., Handler: src/other.handler }
    Metadata:
      BuildMethod: esbuild
      BuildProperties: { UseNpmCi: true, Format: esm, OutExtension: [.js=.mjs], Splitting: true }
";

const APP: &str = "\
import ms from 'ms';
import { greeting } from './lib/words';

export const handler = async (event: { name: string }): Promise<string> => {
  if (event.name === '') throw new Error('no name');
  return `${greeting(event.name)}, in ${ms(60000)}`;
};
";

fn typescript(name: &str) -> Project {
    let project = Project::new(name);
    project.write("template.yaml", TEMPLATE);
    project.write("src/app.ts", APP);
    project
        .write("src/lib/words.ts", "export const greeting = (name: string): string => `hello, ${name}`;\n");
    project.write("src/other.ts", "export const handler = async (): Promise<number> => 1;\n");
    project.packages(&json!({
        "name": "orders", "version": "1.0.0", "license": "MIT",
        "dependencies": { "ms": "2.1.3" },
        "devDependencies": { "esbuild": "0.25.12", "typescript": "5.4.5" },
    }));
    project
}

#[test]
#[ignore = "needs npm's registry, the AWS SAM CLI and the open bases; `make test` runs it"]
fn bundles_equal_those_of_sam_build() {
    let project = typescript("bundled");
    let before = listing(&project.path("src"));
    let images: Vec<_> = ["Small", "Readable", "Mapped", "Modules"]
        .map(|name| (name, project.build(name, &["--install", "--image-per-function"])))
        .into();
    assert_eq!(before, listing(&project.path("src")));
    assert!(!project.path("node_modules").exists());
    let mut sam = Command::new(repository().join("target/sam/bin/sam"));
    sam.arg("build").current_dir(project.path(".")).env("SAM_CLI_TELEMETRY", "0");
    succeed(sam.env("HOME", project.workspace.path("home")));
    for (name, image) in images {
        let folder = project.path(".aws-sam/build").join(name);
        let paths = code(&image);
        let of_sam = listing(&folder);
        let of_sam = of_sam.iter().filter(|(_, entry)| matches!(entry.node, Node::File(..)));
        assert_eq!(paths, of_sam.map(|(path, _)| path.clone()).collect::<Vec<_>>(), "{name}");
        for path in paths {
            let own = image.read(&format!("var/task/{path}"));
            let theirs = fs::read(folder.join(&path)).unwrap();
            if path == "app.js.map" {
                let (own, theirs) = (without_sources(&own), without_sources(&theirs));
                assert_eq!(own.0, theirs.0, "{name}");
                // Those of the AWS SAM CLI name its temporary folder.
                let expected =
                    ["../code/node_modules/ms/index.js", "../code/src/app.ts", "../code/src/lib/words.ts"];
                assert_eq!(own.1, json!(expected));
                continue;
            }
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert_eq!(text(&own), text(&theirs), "{path} of {name} is another one");
        }
        // What it has set for the function.
        let template = fs::read_to_string(project.path(".aws-sam/build/template.yaml")).unwrap();
        let resource = template.split(&format!("  {name}:\n")).nth(1).unwrap();
        let handler = image.config["config"]["Cmd"][0].as_str().unwrap();
        assert!(resource.contains(&format!("Handler: {handler}\n")), "{name}: {handler} in {resource}");
        assert_eq!(image.environment().contains_key("NODE_OPTIONS"), name == "Mapped");
    }
}

#[test]
#[ignore = "needs Docker, npm's registry and the open bases; `make test` runs it"]
fn a_function_in_typescript_runs() {
    let project = typescript("typescript");
    let template = TEMPLATE.replace(
        "Properties: { CodeUri: ., Handler: src/app.handler }",
        &format!(
            "Properties: {{ CodeUri: ., Handler: src/app.handler, Environment: {{ Variables: {{ T: {} }} }} }}",
            project.docker.prefix
        ),
    );
    project.write("template.yaml", &template);
    let missing = finish(&mut project.limg(&["build", "Small"]));
    assert_eq!(missing.code, 2, "{}", missing.stderr);
    assert!(
        missing.stderr.contains("run `sam build`, use `--install` to build it with limg"),
        "{}",
        missing.stderr
    );
    let answer = project.invoke("Small", &json!({ "name": "Ada" }), &["--install"]);
    assert_eq!(answer, "hello, Ada, in 1m");
    // The place in the sources.
    let arguments = ["invoke", "Mapped", "--install", "-e", "{\"name\": \"\"}"];
    let failed = finish(&mut project.limg(&arguments));
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(failed.text().contains("code/src/app.ts:5:"), "{}", failed.text());
    assert_eq!(project.invoke("Modules", &json!({}), &["--install"]), 1);
}

#[test]
#[ignore = "needs npm's registry and the open bases; `make test` runs it"]
fn a_bundle_is_the_same_in_every_folder_and_is_made_once() {
    let digest = |name: &str| {
        let project = typescript(name);
        let images = ["Readable", "Mapped", "Modules"].map(|it| project.build(it, &["--install"]).digest);
        let again = succeed(&mut project.limg(&["build", "Mapped", "--install"]));
        assert!(!again.stderr.contains("running"), "{}", again.stderr);
        project.write("src/lib/words.ts", "export const greeting = (name: string): string => name;\n");
        let changed = succeed(&mut project.limg(&["build", "Mapped", "--install"]));
        assert!(changed.stderr.contains("running `esbuild"), "{}", changed.stderr);
        assert!(!changed.stderr.contains("running `npm"), "{}", changed.stderr);
        images
    };
    assert_eq!(digest("same"), digest("another-folder-with-a-longer-name"));
}

const EXPRESS: &str = "\
import express from 'express';
import serverless from 'serverless-http';
import { size } from './image.js';

const app = express();
app.get('/odd/:number', (request, response) => { response.json({ odd: Number(request.params.number) % 2 === 1 }); });
app.get('/size', async (request, response) => { response.json(await size()); });
export const handler = serverless(app);
";

const IMAGE: &str = "\
import sharp from 'sharp';

export const size = async () => {
  const image = sharp({ create: { width: 3, height: 2, channels: 3, background: 'red' } });
  const { width, height } = await image.png().toBuffer({ resolveWithObject: true }).then(made => made.info);
  return { width, height };
};
";

/// Express behind an adapter, and a native package that the bundle leaves out.
fn express(name: &str) -> Project {
    let project = Project::new(name);
    project.write("app.ts", EXPRESS);
    project.write("image.ts", IMAGE);
    project.packages(&json!({
        "license": "MIT",
        "dependencies": { "express": "4.21.2", "serverless-http": "3.2.0", "sharp": "0.33.5", "ms": "2.1.3" },
        "devDependencies": { "esbuild": "0.25.12" },
    }));
    let arm = format!("oci:{}", base(Base::ProvidedAl2023Arm64).display());
    let function = |runtime: &str, architecture: &str| {
        json!({
            "runtime": runtime, "architecture": architecture, "handler": "app.handler", "code": ".",
            "install": { "scripts": false }, "timeout": 20,
            "bundle": { "target": "node22", "external": ["sharp"] },
            "environment": { "LIMG_E2E": project.docker.prefix },
        })
    };
    let definition = json!({
        "project": project.docker.prefix,
        "bases": {
            // Has no Node.js, which is not needed to build.
            "arm": { "image": arm, "contract": "nodejs22.x", "entrypoint": ["/usr/bin/true"] },
        },
        "functions": { "intel": function("nodejs22.x", "x86_64"), "arm": function("arm", "arm64") },
    });
    project.write("limg.yaml", &definition.to_string());
    project
}

fn request(path: &str) -> Value {
    json!({
        "httpMethod": "GET", "path": path, "headers": {}, "multiValueHeaders": {}, "body": null,
        "queryStringParameters": null, "requestContext": { "identity": {} }, "isBase64Encoded": false,
    })
}

#[test]
#[ignore = "needs Docker, npm's registry and the open bases; `make test` runs it"]
fn express_and_a_native_package_run_in_a_bundle() {
    let project = express("express-bundle");
    for (path, expected) in
        [("/odd/3", json!({ "odd": true })), ("/size", json!({ "width": 3, "height": 2 }))]
    {
        let response = project.invoke("intel", &request(path), &[]);
        assert_eq!(response["statusCode"], 200, "{response}");
        let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        assert_eq!(body, expected);
    }
}

#[test]
#[ignore = "needs npm's registry and the open bases; `make test` runs it"]
fn packages_that_a_bundle_leaves_out_are_those_of_the_functions_architecture() {
    let project = express("architectures");
    let (intel, arm) = (project.build("intel", &[]), project.build("arm", &[]));
    assert_eq!(intel.read("var/task/app.js"), arm.read("var/task/app.js"));
    for (image, own, other) in [(&intel, "x64", "arm64"), (&arm, "arm64", "x64")] {
        let paths = code(image);
        let has = |start: &str| paths.iter().any(|path| path.starts_with(start));
        assert!(has(&format!("node_modules/@img/sharp-linux-{own}/")), "{paths:?}");
        assert!(!has(&format!("node_modules/@img/sharp-linux-{other}/")), "{paths:?}");
        assert!(has("node_modules/detect-libc/"), "sharp needs it: {paths:?}");
        for bundled in ["express", "serverless-http", "ms", "esbuild"] {
            assert!(!has(&format!("node_modules/{bundled}/")), "{bundled}: {paths:?}");
        }
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn what_a_makefile_makes_runs() {
    let project = Project::new("makefile");
    project.write(
        "template.yaml",
        &format!(
            "
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: function.handler
      CodeUri: src
      Layers: [!Ref Shell]
      Environment: {{ Variables: {{ LIMG_E2E: {} }} }}
    Metadata: {{ BuildMethod: makefile }}
  Shell:
    Type: AWS::Serverless::LayerVersion
    Properties: {{ ContentUri: layer }}
    Metadata: {{ BuildMethod: makefile }}
",
            project.docker.prefix
        ),
    );
    let example = repository().join("examples/custom-runtime");
    let text = |path: &str| fs::read_to_string(example.join(path)).unwrap();
    project.write("src/function.txt", &text("functions/echo/function.sh"));
    project.write("src/Makefile", "build-Echo:\n\tcp function.txt $(ARTIFACTS_DIR)/function.sh\n");
    project.write("layer/runtime", &text("layers/shell-runtime/bootstrap"));
    project.write("layer/Makefile", "build-Shell:\n\tinstall -m 755 runtime $(ARTIFACTS_DIR)/bootstrap\n");
    let missing = finish(&mut project.limg(&["build", "--install"]));
    assert_eq!(missing.code, 2, "{}", missing.stderr);
    assert!(
        missing.stderr.contains("run `sam build`, use `--run-makefiles` to build it with limg"),
        "{}",
        missing.stderr
    );
    let answer = project.invoke("Echo", &json!({ "name": "Ada" }), &["--run-makefiles"]);
    assert!(answer.to_string().contains("Ada"), "{answer}");
}
