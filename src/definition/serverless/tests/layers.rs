//! Layers: ARNs, layers of the service, and those that plugins add.

use super::super::layers::logical_id;
use super::{ZIP, functions, layers, messages, outcome, project, with_results};
use crate::definition::{BuildResults, Options};

/// The layers of the function `f` with such a list, or what is wrong.
fn listed(list: &str, files: &[(&str, &str)]) -> Vec<String> {
    let text = format!(
        "service: shop
provider: {{ name: aws, region: eu-central-1, runtime: python3.12 }}
custom: {{ arn: 'arn:aws:lambda:us-east-1:123456789012:layer:c:3' }}
layers: {{ my-deps_1: {{ path: layer }}, packed: {{ package: {{ artifact: packed.zip }} }}, empty: {{}} }}
functions:
  f:
    handler: app.f
    layers: {list}
"
    );
    let folder = project(&text, &[files, &[("layer/python/x.py", ""), ("packed.zip", ZIP)]].concat());
    let outcome = outcome(folder.path(), &Options::of_tests());
    match messages(&outcome) {
        wrong if wrong.is_empty() => layers(&outcome.project.unwrap().functions[0]),
        wrong => wrong,
    }
}

#[test]
fn layers_are_arns_or_layers_of_the_service() {
    for (list, expected) in [
        ("['arn:aws:lambda:eu-west-1:123456789012:layer:a:1']", "a-1 eu-west-1"),
        ("['${self:custom.arn}']", "c-3 us-east-1"),
        ("['arn:aws:lambda:${aws:region}:123456789012:layer:a:1']", "a-1 eu-central-1"),
        ("['arn:aws:lambda:${AWS::Region}:123456789012:layer:a:1']", "a-1 eu-central-1"),
        ("['arn:aws:lambda:#{AWS::Region}:123456789012:layer:a:1']", "a-1 eu-central-1"),
        ("[!Sub 'arn:${AWS::Partition}:lambda:${AWS::Region}:123456789012:layer:a:1']", "a-1 eu-central-1"),
        ("[{ 'Fn::Sub': 'arn:aws:lambda:${AWS::Region}:123456789012:layer:a:1' }]", "a-1 eu-central-1"),
        (
            "[{ 'Fn::Join': [':', [arn, aws, lambda, !Ref 'AWS::Region', 123456789012, layer, a, 1]] }]",
            "a-1 eu-central-1",
        ),
        ("[{ Ref: MyDashdepsUnderscore1LambdaLayer }]", "my-deps_1 layer"),
        ("[!Ref MyDashdepsUnderscore1LambdaLayer]", "my-deps_1 layer"),
        ("[!Ref PackedLambdaLayer, !Ref PackedLambdaLayer]", "packed packed.zip"),
    ] {
        assert_eq!(listed(list, &[]), [expected], "{list}");
    }
}

#[test]
fn what_is_wrong_with_a_layer_has_its_line() {
    for (list, expected) in [
        (
            "['not an arn']",
            "8: `not an arn` is not the ARN of a layer version, `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION`; use \
             the ARN of a layer version, or `{ Ref: NameLambdaLayer }` for a layer of this service",
        ),
        (
            "[!Ref Other]",
            "8: no layer of this service becomes `Other`; use one of `MyDashdepsUnderscore1LambdaLayer`, \
             `PackedLambdaLayer`, `EmptyLambdaLayer`, or run `serverless package` if a plugin makes the layer",
        ),
        (
            "[!Ref EmptyLambdaLayer]",
            "4: the layer `empty` has no `path`, and `.serverless/empty.zip` does not exist; add `path:` with a folder, \
             or run `serverless package`",
        ),
        ("[!ImportValue x]", "8: only the deployed stack knows this layer; use the ARN of a layer version"),
        (
            "['${cf:stack.layer}']",
            "8: limg cannot resolve `${cf:stack.layer}`, which needs another service; run `serverless package`: its \
             output contains the resolved value",
        ),
        (
            "['arn:aws:lambda:eu-west-1:123456789012:layer:a:1', 'arn:aws:lambda:eu-west-1:123456789012:layer:a:2']",
            "8: versions 1 and 2 of the layer `arn:aws:lambda:eu-west-1:123456789012:layer:a`; remove one of them: \
             Lambda rejects a function with two versions of a layer",
        ),
        (
            "x",
            "8: `layers` must be a list; use the ARN of a layer version, or `{ Ref: NameLambdaLayer }` for a layer of \
             this service",
        ),
    ] {
        assert_eq!(listed(list, &[]), [expected], "{list}");
    }
}

#[test]
fn a_fresh_package_of_a_layer_is_used() {
    let list = "[!Ref MyDashdepsUnderscore1LambdaLayer]";
    assert_eq!(listed(list, &[(".serverless/my-deps_1.zip", ZIP)]), ["my-deps_1 my-deps_1.zip"]);
    assert_eq!(listed("[!Ref EmptyLambdaLayer]", &[(".serverless/empty.zip", ZIP)]), ["empty empty.zip"]);
}

#[test]
fn a_plugin_may_add_a_layer() {
    let text = "service: shop
provider: { name: aws, runtime: python3.12 }
plugins: [serverless-python-requirements]
functions:
  f: { handler: app.f, layers: [!Ref PythonRequirementsLambdaLayer] }
";
    let state = r#"{ "service": { "provider": {}, "functions": {}, "layers": { "pythonRequirements": {
        "package": { "artifact": "/ci/.serverless/pythonRequirements.zip" } } } }, "package": {} }"#;
    let files = [
        (".serverless/serverless-state.json", state),
        (".serverless/pythonRequirements.zip", ZIP),
        (".serverless/shop.zip", ZIP),
    ];
    let folder = project(text, &files);
    let read = functions(folder.path(), &Options::of_tests());
    assert_eq!(layers(&read[0]), ["pythonRequirements pythonRequirements.zip"]);
    let outcome = outcome(folder.path(), &with_results(BuildResults::Never));
    assert!(messages(&outcome)[0].contains("run `serverless package` if a plugin makes the layer"));
}

#[test]
fn logical_ids_are_those_of_serverless() {
    for (name, id) in [
        ("deps", "DepsLambdaLayer"),
        ("my-deps", "MyDashdepsLambdaLayer"),
        ("my_deps", "MyUnderscoredepsLambdaLayer"),
        ("Deps2", "Deps2LambdaLayer"),
        ("", "LambdaLayer"),
    ] {
        assert_eq!(logical_id(name), id);
    }
}
