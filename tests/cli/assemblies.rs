//! Cloud assemblies of the AWS CDK, as `cdk synth` leaves them.

use serde_json::{Value, json};

use crate::support::{Context, Layout};

const ON_SCRATCH: [&str; 2] = ["--base", "provided.al2023=scratch"];

/// A function whose construct and asset have these names.
fn function(path: &str, asset: &str) -> Value {
    json!({
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": { "S3Bucket": "assets", "S3Key": format!("{asset}.zip") },
            "Handler": "app.handler",
            "Runtime": "provided.al2023",
        },
        "Metadata": {
            "aws:cdk:path": path,
            "aws:asset:path": asset,
            "aws:asset:is-bundled": true,
            "aws:asset:property": "Code",
        },
    })
}

/// An app with one stack: a function, and one that CDK adds itself.
fn app() -> Context {
    let context = Context::new();
    let helper = function("Shop/LogRetentionaae0aa3c5b4d4f87b02d85b201efdd8a/Resource", "asset.helper");
    let resources = json!({
        "ApiHandler5E7490E8": function("Shop/Api/Handler/Resource", "asset.code"),
        "LogRetentionaae0aa3c5b4d4f87b02d85b201efdd8aFD4BFC8A": helper,
    });
    let stack = json!({
        "type": "aws:cloudformation:stack",
        "environment": "aws://111111111111/eu-west-1",
        "properties": { "templateFile": "Shop.template.json" },
    });
    let manifest = json!({ "version": "36.0.0", "artifacts": { "Shop": stack } });
    context.write("cdk.json", "{\"app\": \"node app.js\"}");
    context.write("cdk.out/cdk.out", "{\"version\": \"36.0.0\"}");
    context.write("cdk.out/manifest.json", manifest.to_string());
    context.write("cdk.out/Shop.template.json", json!({ "Resources": resources }).to_string());
    context.program("cdk.out/asset.code/bootstrap", "#!/bin/sh\n");
    context
}

#[test]
fn an_app_is_built_from_what_cdk_has_synthesised() {
    let context = app();
    let helper = "left alone: `LogRetentionaae0aa3c5b4d4f87b02d85b201efdd8a`, since CDK adds it";
    for file in [&[][..], &["-f", "cdk.out"], &["-f", "cdk.out/Shop.template.json"]] {
        let run = context.limg(&[&["build"], &ON_SCRATCH[..], file].concat()).ok();
        assert!(run.stderr.contains(helper), "{}", run.stderr);
        let layout = Layout::open(&context.path(".limg/images"));
        assert_eq!(layout.names(), ["Api-Handler"]);
    }
    let report = context.build(&[&["ApiHandler5E7490E8"], &ON_SCRATCH[..]].concat());
    assert!(report.digest("Api/Handler").starts_with("sha256:"), "a logical id names a function, too");
    let written = context.files("project/cdk.out");
    assert_eq!(written, ["Shop.template.json", "asset.code/bootstrap", "cdk.out", "manifest.json"]);
}

#[test]
fn a_lost_asset_is_reported_with_the_command_that_makes_it() {
    let context = app();
    std::fs::remove_dir_all(context.path("cdk.out/asset.code")).unwrap();
    let expected = ["[missing-path]", "help: run `cdk synth`"];
    context.limg(&[&["build"], &ON_SCRATCH[..]].concat()).fails(2, &expected);
}

/// What the aspect in `docs/cdk.md` makes of an app: the metadata of the asset stays.
#[test]
fn functions_that_the_app_deploys_as_images_are_left_alone() {
    let context = app();
    let mut deployed = function("Shop/Api/Handler/Resource", "asset.code");
    deployed["Properties"] = json!({
        "Code": { "ImageUri": "111111111111.dkr.ecr.eu-west-1.amazonaws.com/api@sha256:0" },
        "ImageConfig": { "Command": ["app.handler"] },
        "PackageType": "Image",
    });
    let template = json!({ "Resources": { "ApiHandler5E7490E8": deployed } });
    context.write("cdk.out/Shop.template.json", template.to_string());
    let expected = ["`Api/Handler`, since it is an image function already"];
    context.limg(&["build"]).fails(2, &expected);
}
