//! `limg migrate`: the new limg.yaml builds the same images.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Context, write_base};

/// The digests of all functions, by names that a limg.yaml may have.
fn digests(context: &Context, arguments: &[&str]) -> BTreeMap<String, String> {
    let run = context.limg(&[&["build", "--format", "json"], arguments].concat()).ok();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let functions = report["functions"].as_object().unwrap();
    let digest = |(name, function): (&String, &Value)| {
        (name.replace('/', "-"), function["digest"].as_str().unwrap().to_owned())
    };
    functions.iter().map(digest).collect()
}

/// Builds a definition, migrates it, and compares what the new one builds. Gives its text.
#[track_caller]
fn assert_same_images(context: &Context, arguments: &[&str], functions: &[&str]) -> String {
    let before = digests(context, &[&["--image-per-function"], arguments].concat());
    let names: Vec<_> = before.keys().map(String::as_str).collect();
    assert_eq!(names, functions);
    let run = context.limg(&[&["migrate"], arguments].concat()).ok();
    assert!(run.stderr.ends_with("wrote limg.yaml\n"), "{run:?}");
    let text = std::fs::read_to_string(context.path("limg.yaml")).unwrap();
    assert_eq!(before, digests(context, &[]), "{text}");
    text
}

const ARN: &str = "arn:aws:lambda:eu-west-1:580247275435:layer:Insights:53";

#[test]
fn a_template_builds_the_same_images() {
    let context = Context::new();
    write_base(&context.path("base"), "amd64");
    context.write(
        "template.yaml",
        format!(
            "Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {{ Runtime: provided.al2023, Handler: one, CodeUri: fn, Layers: [!Ref Utils, \"{ARN}\"] }}
Resources:
  One: {{ Type: AWS::Serverless::Function }}
  Two: {{ Type: AWS::Serverless::Function, Properties: {{ Handler: two, MemorySize: 512 }} }}
  Arm: {{ Type: AWS::Serverless::Function, Properties: {{ Architectures: [arm64] }} }}
  Whole: {{ Type: AWS::Serverless::Function, Properties: {{ CodeUri: . }} }}
  Text:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: |
        import cfnresponse
        def handler(event, context): ...
  Docker: {{ Type: AWS::Serverless::Function, Properties: {{ PackageType: Image }} }}
  Utils: {{ Type: AWS::Serverless::LayerVersion, Properties: {{ ContentUri: layers/utils }} }}
  App: {{ Type: AWS::Serverless::Application, Properties: {{ Location: nested/app.yaml }} }}
"
        ),
    );
    context.write(
        "nested/app.yaml",
        "Resources:
  Inner:
    Type: AWS::Lambda::Function
    Properties: { Runtime: provided.al2023, Code: ../fn, Layers: [!Ref Own] }
  Whole:
    Type: AWS::Lambda::Function
    Properties: { Runtime: provided.al2023, Code: . }
  Own: { Type: AWS::Lambda::LayerVersion, Properties: { Content: layer } }
",
    );
    context.program("fn/bootstrap", "#!/bin/sh\n");
    context.program("bootstrap", "#!/bin/sh\n");
    context.program("nested/bootstrap", "#!/bin/sh\n");
    context.write("layers/utils/share/words.txt", "words");
    context.write("nested/layer/share/more.txt", "more");
    context.write("insights/share/insights.txt", "insights");
    let layer = format!("{ARN}=insights");
    let text = assert_same_images(
        &context,
        &["--base", "provided.al2023=scratch", "--base", "python3.12=oci:base", "--layer", &layer],
        &["App-Inner", "App-Whole", "Arm", "One", "Text", "Two", "Whole"],
    );
    for expected in
        ["# - `Docker` (template.yaml, line ", "# Shared the image of `One`", "code: functions/Text"]
    {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    let code = std::fs::read_to_string(context.path("functions/Text/index.py")).unwrap();
    assert_eq!(code, "import cfnresponse\ndef handler(event, context): ...\n");
}

#[test]
fn a_service_builds_the_same_images() {
    let context = Context::new();
    context.write(
        "serverless.yml",
        "service: shop
provider: { name: aws, runtime: provided.al2023, environment: { SECRET: \"${ssm:/shop/secret}\" } }
package: { patterns: [\"!docs/**\", \"!*.md\", \"docs/kept.txt\"] }
layers: { data: { path: data } }
functions:
  orders: { handler: orders, memorySize: 512, layers: [!Ref DataLambdaLayer] }
  users: { handler: users, package: { individually: true, patterns: [\"!private/**\"] } }
",
    );
    context.program("bootstrap", "#!/bin/sh\nexec true\n");
    for file in ["docs/notes.txt", "docs/kept.txt", "README.md", "private/notes.txt", "data/share/words.txt"]
    {
        context.write(file, file);
    }
    let text = assert_same_images(&context, &["--base", "provided.al2023=scratch"], &["orders", "users"]);
    assert!(text.contains("configuration: SECRET. Only the deployed stack"), "{text}");
}

#[test]
fn an_assembly_builds_the_same_images() {
    let context = Context::new();
    let function = json!({
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": { "S3Bucket": "assets", "S3Key": "asset.code.zip" },
            "Runtime": "provided.al2023",
            "Layers": [{ "Ref": "Words1234ABCD" }],
        },
        "Metadata": {
            "aws:cdk:path": "Shop/Api/Handler/Resource",
            "aws:asset:path": "asset.code",
            "aws:asset:is-bundled": true,
            "aws:asset:property": "Code",
        },
    });
    let layer = json!({
        "Type": "AWS::Lambda::LayerVersion",
        "Properties": { "Content": { "S3Bucket": "assets", "S3Key": "asset.words.zip" } },
        "Metadata": {
            "aws:cdk:path": "Shop/Words/Resource",
            "aws:asset:path": "asset.words",
            "aws:asset:property": "Content",
        },
    });
    let template = json!({ "Resources": { "ApiHandler5E7490E8": function, "Words1234ABCD": layer } });
    let stack = json!({
        "type": "aws:cloudformation:stack",
        "environment": "aws://111111111111/eu-west-1",
        "properties": { "templateFile": "Shop.template.json" },
    });
    let manifest = json!({ "version": "36.0.0", "artifacts": { "Shop": stack } });
    context.write("cdk.out/cdk.out", "{\"version\":\"36.0.0\"}");
    context.write("cdk.out/manifest.json", manifest.to_string());
    context.write("cdk.out/Shop.template.json", template.to_string());
    context.program("cdk.out/asset.code/bootstrap", "#!/bin/sh\n");
    context.write("cdk.out/asset.words/share/words.txt", "words");
    context.write(".limgignore", "notes.txt\n");
    context.write("cdk.out/asset.code/notes.txt", "left out");
    let text = assert_same_images(&context, &["--base", "provided.al2023=scratch"], &["Api-Handler"]);
    assert!(text.contains("# `cdk synth` makes it"), "{text}");
}

#[test]
fn a_plan_builds_the_same_images() {
    let context = Context::new();
    let function = |name: &str, package: &str| {
        json!({
            "address": format!("aws_lambda_function.{name}"),
            "mode": "managed",
            "type": "aws_lambda_function",
            "name": name,
            "values": { "filename": package, "handler": name, "runtime": "provided.al2023" },
        })
    };
    let archive = json!({
        "address": "data.archive_file.late",
        "mode": "data",
        "type": "archive_file",
        "name": "late",
        "values": { "output_path": "build/late.zip", "source_dir": "fn" },
    });
    let functions = [function("orders", "build/orders.zip"), function("late", "build/late.zip")];
    let plan = json!({
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": { "root_module": { "resources": functions } },
        "prior_state": { "values": { "root_module": { "resources": [archive] } } },
    });
    context.write("plan.json", plan.to_string());
    context.zip("build/orders.zip", &[("bootstrap", "#!/bin/sh\n")]);
    context.program("fn/bootstrap", "#!/bin/sh\nexit 1\n");
    let text = assert_same_images(
        &context,
        &["-f", "plan.json", "--base", "provided.al2023=scratch"],
        &["late", "orders"],
    );
    assert!(text.contains("# Terraform or another build makes it"), "{text}");
}

const TEMPLATE: &str = "Resources: { One: { Type: AWS::Serverless::Function, Properties: { \
                        Runtime: python3.12, Handler: index.handler, InlineCode: \"x = 1\" } } }\n";

#[test]
fn nothing_is_overwritten() {
    for existing in ["limg.yaml", "limg.yml", "functions/One/other.py"] {
        let context = Context::new();
        context.write("template.yaml", TEMPLATE);
        context.write(existing, "mine\n");
        let before = context.files("project");
        context
            .limg(&["migrate", "-f", "template.yaml"])
            .fails(2, &["already exists", "help: rename or remove it"]);
        assert_eq!(context.files("project"), before, "{existing}");
    }
}

#[test]
fn the_written_files_are_listed() {
    let context = Context::new();
    context.write("template.yaml", TEMPLATE);
    let run = context.limg(&["migrate", "--format", "json", "-o", "other.yaml"]).ok();
    assert!(run.stderr.contains("wrote functions/One/index.py, the code of `One`"), "{run:?}");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["written"], json!(["functions/One/index.py", "other.yaml"]));
    assert!(context.path("other.yaml").is_file());
}

#[test]
fn what_cannot_be_migrated_is_an_error() {
    let context = Context::new();
    context.write("template.yaml", TEMPLATE);
    context.limg(&["migrate", "-o", "limg.json"]).fails(2, &["use a name that ends in .yaml"]);
    context.limg(&["migrate", "-o", "absent/limg.yaml"]).fails(3, &["absent"]);
    let image = TEMPLATE.replace("InlineCode: \"x = 1\"", "PackageType: Image");
    context.write("image.yaml", image);
    context.limg(&["migrate", "-f", "image.yaml"]).fails(2, &["has no function that limg builds", "`One`"]);
    context.write("own.yaml", "functions: { one: { runtime: python3.12, handler: a.b, code: . } }\n");
    context.limg(&["migrate", "-f", "own.yaml"]).fails(
        2,
        &[
            "is in the format of limg.yaml already",
            "help: use `-f FILE` to name the definition of another tool",
        ],
    );
    assert_eq!(context.files("project"), ["image.yaml", "own.yaml", "template.yaml"]);
}
