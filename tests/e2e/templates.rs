//! Rewritten templates, as AWS's own transform of SAM and cfn-lint read them.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Base, Registry, Workspace, base, finish, repository, succeed};

/// The templates that the rewriting is compared with, and their functions from images.
const REWRITTEN: &[(&str, &[&str])] = &[
    ("anchors.after.yaml", &["One", "Two", "Four"]),
    ("lambda.after.json", &["Orders0D9E8F7A"]),
    ("loops.after.yaml", &["Front"]),
    ("mixed.after.yaml", &["Converted"]),
    ("renamed.after.yaml", &["OrdersImage"]),
    ("serverless.after.yaml", &["Orders", "Inline", "Bare"]),
];

/// What AWS's tools find wrong with templates; nothing if they accept them and these functions are deployed from images.
fn faults(templates: &[(PathBuf, &[&str])]) -> Option<String> {
    let python = repository().join("target/sam/bin/python");
    assert!(python.is_file(), "cfn-lint is missing: run `.ci/install`, which installs it");
    let mut check = Command::new(python);
    check.arg(repository().join("tests/e2e/support/check_template.py"));
    check.args(
        templates.iter().map(|(path, functions)| format!("{}={}", path.display(), functions.join(","))),
    );
    let finished = finish(&mut check);
    (finished.code != 0).then(|| format!("{}\n{}", finished.text(), finished.stderr))
}

#[test]
#[ignore = "needs cfn-lint and aws-sam-translator; `make test` runs it"]
fn rewritten_templates_are_valid() {
    let folder = repository().join("src/definition/cloudformation/rewrite/tests/templates");
    let rewritten: Vec<_> =
        REWRITTEN.iter().map(|(name, functions)| (folder.join(name), *functions)).collect();
    assert_eq!(faults(&rewritten), None);
    let original = faults(&[(folder.join("serverless.yaml"), &["Orders"])]).unwrap();
    assert!(original.contains("Orders is not deployed from an image"), "{original}");
}

/// A template with everything that a stage, layers and a nested application need.
const TEMPLATE: &str = "
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String, Default: dev }
Globals:
  Function:
    Runtime: python3.11
    Handler: app.handler # of most functions
    CodeUri: src/
    Layers: [!Ref Words]
    Environment: { Variables: { STAGE: !Ref Stage } }
Resources:
  # Answers requests.
  Api:
    Type: AWS::Serverless::Function
    Properties: { Events: { Get: { Type: HttpApi } } }
  Worker:
    Type: AWS::Serverless::Function
    Properties: { Handler: app.work, MemorySize: 512 }
  Inline:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      Role: !GetAtt ApiRole.Arn
      Code: { ZipFile: 'def handler(event, context): return event' }
  App:
    Type: AWS::Serverless::Application
    Properties: { Location: app/template.yaml }
  Words: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: words } }
Outputs:
  Endpoint: { Value: !Sub 'https://${ServerlessHttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/' }
";

const APP: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Nested:
    Type: AWS::Serverless::Function
    Properties: { Runtime: python3.11, Handler: app.handler, CodeUri: . }
";

#[test]
#[ignore = "needs docker-registry, the open bases, cfn-lint and aws-sam-translator; `make test` runs it"]
fn the_template_of_pushed_images_is_valid() {
    let (workspace, registry) = (Workspace::new(), Registry::start());
    workspace.write("template.yaml", TEMPLATE);
    workspace.write("app/template.yaml", APP);
    for folder in ["src", "app"] {
        workspace.write(format!("{folder}/app.py"), "def handler(event, context): ...\nwork = handler\n");
    }
    workspace.write("words/python/words.py", "WORDS = []\n");
    let base = format!("python3.11=oci:{}", base(Base::Python311).display());
    let prefix = format!("{}/shop", registry.address);
    let arguments = ["push", "registry", &prefix, "--base", &base, "--format", "json"];
    let pushed = succeed(&mut workspace.limg(&arguments)).json();
    let uri = |name: &str| pushed["functions"][name]["image_uri"].as_str().unwrap().to_owned();
    assert_eq!(uri("Api"), uri("Worker"), "both are one image");
    succeed(&mut workspace.limg(&["template", "-o", "images.yaml", "--prune-layers"]));
    let text = |path: &str| std::fs::read_to_string(workspace.path(path)).unwrap();
    let (root, nested) = (text("images.yaml"), text("app/images.yaml"));
    assert!(root.contains("  # Answers requests.\n") && root.contains("Location: app/images.yaml"), "{root}");
    assert!(root.contains(&uri("Inline")) && nested.contains(&uri("App/Nested")), "{root}\n{nested}");
    for gone in ["Words", "CodeUri", "python3.11", "ZipFile"] {
        assert!(!root.contains(gone), "{gone} is still in\n{root}");
    }
    // Lambda takes images of ECR only.
    let ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    let written =
        [("images.yaml", root, &["Api", "Worker", "Inline"][..]), ("app/images.yaml", nested, &["Nested"])];
    let written = written.map(|(path, text, functions)| {
        (workspace.write(path, text.replace(&registry.address, ecr)), functions)
    });
    assert_eq!(faults(&written), None);
}
