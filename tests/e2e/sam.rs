//! SAM and CloudFormation templates without any file of limg's own, run in Docker under the emulator.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Base, Docker, EXTENSION, Workspace, base, finish, repository, succeed};

/// A SAM project in a folder that names its images after the test.
struct Sam {
    docker: Docker,
    workspace: Workspace,
}

impl Sam {
    fn new(name: &str, template: &str) -> Self {
        let sam = Self { docker: Docker::new(name), workspace: Workspace::new() };
        sam.write("template.yaml", template);
        sam
    }

    fn write(&self, path: &str, content: &str) {
        self.workspace.write(format!("{}/{path}", self.docker.prefix), content);
    }

    fn write_program(&self, path: &str, content: &str) {
        self.workspace.write_program(format!("{}/{path}", self.docker.prefix), content);
    }

    /// limg in the project, with an open base for a runtime.
    fn limg(&self, open: Base, arguments: &[&str]) -> std::process::Command {
        let image = format!("{}=oci:{}", open.contract(), base(open).display());
        let mut limg = self.workspace.limg(arguments);
        limg.args(["--base", &image]).current_dir(self.workspace.path(&self.docker.prefix));
        limg
    }

    /// The response of a function.
    fn invoke(&self, open: Base, function: &str, more: &[&str]) -> Value {
        let arguments = [&["invoke", function, "-e", "{\"name\": \"Ada\"}"], more].concat();
        let invoked = finish(&mut self.limg(open, &arguments));
        assert_eq!(invoked.code, 0, "{}\n{}", invoked.text(), invoked.stderr);
        invoked.json()
    }

    /// Runs the AWS SAM CLI in the project.
    fn sam(&self, arguments: &[&str]) {
        let program = repository().join("target/sam/bin/sam");
        assert!(program.exists(), "the AWS SAM CLI is missing: run `.ci/install`, which installs it");
        let mut sam = std::process::Command::new(program);
        sam.args(arguments).current_dir(self.workspace.path(&self.docker.prefix));
        sam.env("HOME", self.workspace.path("home")).env("SAM_CLI_TELEMETRY", "0");
        // `sam build` asks the programs of a runtime, which must be the function's, for their packages.
        succeed(&mut sam);
    }
}

const FUNCTION: &str = "
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String, Default: dev }
Globals:
  Function:
    Runtime: python3.11
    Timeout: 20
    Environment: { Variables: { STAGE: !Ref Stage, TABLE: !Ref Table } }
Resources:
  Greet:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: src/, Handler: app.greet, Layers: [!Ref Words] }
  Stage:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: src/, Handler: app.stage, Layers: [!Ref Words] }
  Words: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: words } }
  Table: { Type: AWS::DynamoDB::Table }
";

const APP: &str = "
import os
from words import greeting

def greet(event, context):
    return greeting(event['name'])

def stage(event, context):
    return [os.environ.get('STAGE'), os.environ.get('TABLE')]
";

fn function() -> Sam {
    let sam = Sam::new("sam", FUNCTION);
    sam.write("src/app.py", APP);
    sam.write("words/python/words.py", "def greeting(name):\n    return f'hello, {name}'\n");
    sam
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_sam_function_runs_from_its_sources() {
    let sam = function();
    assert_eq!(sam.invoke(Base::Python311, "Greet", &[]), "hello, Ada");
    // The variables of the configuration are set, and the command is that of the function, not of its image.
    assert_eq!(sam.invoke(Base::Python311, "Stage", &[]), json!(["dev", null]));
    let given = ["--parameter-overrides", "Stage=prod", "--env", "TABLE=orders"];
    assert_eq!(sam.invoke(Base::Python311, "Stage", &given), json!(["prod", "orders"]));
}

#[test]
#[ignore = "needs the open bases; `make test` runs it"]
fn the_image_does_not_depend_on_the_stage() {
    let sam = function();
    let digest = |parameters: &str| {
        let arguments = ["build", "--format", "json", "--parameter-overrides", parameters];
        let built = succeed(&mut sam.limg(Base::Python311, &arguments)).json();
        let digest = |name: &str| built["functions"][name]["digest"].as_str().unwrap().to_owned();
        assert_eq!(digest("Greet"), digest("Stage"), "both functions are one image");
        digest("Greet")
    };
    assert_eq!(digest("Stage=dev"), digest("Stage=prod"));
}

#[test]
#[ignore = "needs Docker, PyPI and the open bases; `make test` runs it"]
fn a_sam_function_runs_from_the_results_of_sam_build() {
    let sam = Sam::new("built", &FUNCTION.replace(", Layers: [!Ref Words]", ""));
    sam.write("words/python/words.py", "");
    sam.write("src/requirements.txt", "markupsafe==3.0.2\n");
    sam.write(
        "src/app.py",
        "import markupsafe\ndef greet(event, context):\n    return markupsafe.escape('<')\n",
    );
    let missing = finish(&mut sam.limg(Base::Python311, &["build", "Greet"]));
    assert_eq!(missing.code, 2, "{}", missing.stderr);
    assert!(missing.stderr.contains("run `sam build`"), "{}", missing.stderr);
    sam.sam(&["build"]);
    assert_eq!(sam.invoke(Base::Python311, "Greet", &[]), "&lt;");
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn code_in_a_template_runs() {
    let template = "
Resources:
  Python:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: |
        import cfnresponse
        def handler(event, context):
            return [event['name'], cfnresponse.SUCCESS]
  Node:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      Code:
        ZipFile: !Sub |
          const response = require('cfn-response');
          exports.handler = async (event) => [`${!event.name}`, response.FAILED];
";
    let sam = Sam::new("inline", template);
    assert_eq!(sam.invoke(Base::Python311, "Python", &[]), json!(["Ada", "SUCCESS"]));
    assert_eq!(sam.invoke(Base::Nodejs22, "Node", &[]), json!(["Ada", "FAILED"]));
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn an_extension_in_a_layer_runs_with_the_function() {
    let template = "
Resources:
  Function:
    Type: AWS::Lambda::Function
    Properties: { Runtime: python3.11, Handler: app.handler, Code: src, Layers: [!Ref Logger] }
  Logger: { Type: AWS::Lambda::LayerVersion, Properties: { Content: layer } }
";
    let sam = Sam::new("layer", template);
    sam.write("src/app.py", "def handler(event, context):\n    return event['name']\n");
    sam.write_program("layer/extensions/logger", EXTENSION);
    let invoked = finish(&mut sam.limg(Base::Python311, &["invoke", "-e", "{\"name\": \"Ada\"}"]));
    assert_eq!((invoked.code, invoked.json()), (0, json!("Ada")), "{}", invoked.stderr);
    assert!(invoked.stderr.contains("INVOKE"), "{}", invoked.stderr);
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_custom_runtime_in_a_layer_runs() {
    let template = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties: { Runtime: provided.al2023, Handler: function.handler, CodeUri: src, Layers: [!Ref Shell] }
  Shell: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layer } }
";
    let sam = Sam::new("runtime", template);
    let example = repository().join("examples/custom-runtime");
    let text = |path: &str| fs::read_to_string(example.join(path)).unwrap();
    sam.write("src/function.sh", &text("functions/echo/function.sh"));
    sam.write_program("layer/bootstrap", &text("layers/shell-runtime/bootstrap"));
    assert!(sam.invoke(Base::ProvidedAl2023, "Echo", &[]).to_string().contains("Ada"));
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_function_of_a_nested_application_runs() {
    let template = "
Transform: AWS::Serverless-2016-10-31
Resources:
  App:
    Type: AWS::Serverless::Application
    Properties: { Location: app/template.yaml, Parameters: { Words: !Ref Words, Greeting: good morning } }
  Words: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: words } }
";
    let nested = "
Transform: AWS::Serverless-2016-10-31
Parameters:
  Words: { Type: String }
  Greeting: { Type: String }
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: app.greet
      Layers: [!Ref Words]
      Environment: { Variables: { GREETING: !Ref Greeting } }
";
    let sam = Sam::new("nested", template);
    sam.write("app/template.yaml", nested);
    let app = "import os, words\ndef greet(event, context):\n    \
               return words.greeting(os.environ['GREETING'], event['name'])\n";
    sam.write("app/app.py", app);
    sam.write("words/python/words.py", "def greeting(words, name):\n    return f'{words}, {name}'\n");
    assert_eq!(sam.invoke(Base::Python311, "App/Function", &[]), "good morning, Ada");
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn the_example_runs() {
    let read = |path: &str| fs::read_to_string(repository().join("examples/sam").join(path)).unwrap();
    let sam = Sam::new("example", &read("template.yaml"));
    for path in ["src/app.py", "layer/python/words.py"] {
        sam.write(path, &read(path));
    }
    assert_eq!(sam.invoke(Base::Python311, "Greet", &[]), json!({ "greeting": "Good morning, Ada!" }));
    assert_eq!(sam.invoke(Base::Python311, "Stage", &[]), json!({ "stage": "dev" }));
}
