//! SAM and CloudFormation templates, without any file of limg's own.

use serde_json::{Value, json};

use crate::support::{Context, Layout, Run};

const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String, Default: dev }
Globals:
  Function:
    Runtime: provided.al2023
    Handler: one
    CodeUri: fn
    Environment: { Variables: { STAGE: !Ref Stage, TABLE: !Ref Table } }
Resources:
  One: { Type: AWS::Serverless::Function }
  Two: { Type: AWS::Serverless::Function, Properties: { Handler: two, MemorySize: 512 } }
  Docker: { Type: AWS::Serverless::Function, Properties: { PackageType: Image } }
  Table: { Type: AWS::DynamoDB::Table }
";

/// A project with a template, and what `--base` needs for its runtime.
fn project(template: &str) -> Context {
    let context = Context::new();
    context.write("template.yaml", template);
    context.program("fn/bootstrap", "#!/bin/sh\n");
    context
}

fn json_of(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap()
}

const BASE: [&str; 2] = ["--base", "provided.al2023=scratch"];

#[test]
fn a_template_is_built_where_it_stands() {
    let context = project(TEMPLATE);
    let run = context.limg(&[&["build"], &BASE[..]].concat()).ok();
    assert!(run.stderr.contains("left alone: `Docker`, since it is an image function"), "{}", run.stderr);
    assert!(run.stderr.contains("left to the deployed functions: the values of TABLE"), "{}", run.stderr);
    let layout = Layout::open(&context.path(".limg/images"));
    assert_eq!(layout.names(), ["One"], "two functions, one image");
    assert_eq!(layout.image("One").variable("STAGE"), None, "it stays configuration");
}

#[test]
fn a_stage_does_not_change_the_image() {
    let context = project(TEMPLATE);
    let digest = |more: &[&str]| {
        let run = context.limg(&[&["build", "--format", "json"], &BASE[..], more].concat()).ok();
        json_of(&run)["functions"]["One"]["digest"].take()
    };
    let dev = digest(&[]);
    assert_eq!(dev, digest(&["--parameter-overrides", "Stage=prod"]));
    let each = ["--image-per-function"];
    assert_eq!(dev, digest(&each), "the first function's image is the shared one");
    let run = context.limg(&[&["build", "--format", "json"], &BASE[..], &each].concat()).ok();
    assert_ne!(dev, json_of(&run)["functions"]["Two"]["digest"]);
}

#[test]
fn functions_are_listed_with_what_stops_them() {
    let broken = TEMPLATE.replace("CodeUri: fn", "CodeUri: !Ref Where");
    let context = project(&broken.replace("Parameters:", "Parameters:\n  Where: { Type: String }"));
    let functions = |more: &[&str]| -> Value {
        json_of(&context.limg(&[&["functions", "--format", "json"], more].concat()).ok())["functions"].take()
    };
    let listed = functions(&[]);
    assert_eq!(listed["One"]["can_be_built"], json!(false));
    let reason = listed["One"]["reasons"][0].as_str().unwrap();
    assert!(reason.contains("`Where` has no value") && reason.contains("--parameter-overrides Where=VALUE"));
    assert_eq!((&listed["Docker"]["left_alone"], &listed["One"]["line"]), (&json!(true), &json!(12)));
    let listed = functions(&["--parameter-overrides", "Where=fn"]);
    assert_eq!(listed["Two"]["can_be_built"], json!(true));
    assert_eq!((&listed["Two"]["image"], &listed["Two"]["handler"]), (&json!("One"), &json!("two")));
    let table = context.limg(&["functions"]).ok().stdout;
    for words in
        ["FUNCTION  RUNTIME", "  cannot be built: the parameter `Where`", "  left alone: it is an image"]
    {
        assert!(table.contains(words), "{words} is not in\n{table}");
    }
}

#[test]
fn a_function_builds_although_another_one_cannot() {
    let template = format!(
        "{TEMPLATE}  Gone: {{ Type: AWS::Serverless::Function, Properties: {{ CodeUri: nowhere }} }}\n"
    );
    let context = project(&template);
    context.limg(&[&["build", "One"], &BASE[..]].concat()).ok();
    let all = context.limg(&[&["build"], &BASE[..]].concat());
    all.fails(2, &["template.yaml:15:", "nowhere` does not exist [missing-path]", "correct the path"]);
    context
        .limg(&["build", "Docker"])
        .fails(2, &["limg leaves the function `Docker` alone", "limg functions"]);
    context.limg(&["build", "Three"]).fails(2, &["unknown function `Three`"]);
}

#[test]
fn definitions_are_found_by_name_and_read_by_content() {
    for name in ["template.yml", "serverless.template", "sam.yaml", "any.json"] {
        let context = project("");
        std::fs::remove_file(context.path("template.yaml")).unwrap();
        let json = json!({ "Resources": { "One": { "Type": "AWS::Serverless::Function", "Properties": {
            "Runtime": "provided.al2023", "CodeUri": "fn" } } } });
        context.write(name, json.to_string());
        let file: &[&str] = if name == "any.json" { &["-f", name] } else { &[] };
        let run = context.limg(&[&["functions", "--format", "json"], file].concat()).ok();
        assert_eq!(json_of(&run)["functions"]["One"]["can_be_built"], json!(true), "{name}");
        let run = context.limg(&[&["functions", "--format", "json", "-f"], &["."][..]].concat());
        assert_eq!(run.code == Some(0), name != "any.json", "{name}: {}", run.stderr);
    }
}
