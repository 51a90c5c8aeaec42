//! References in a recorded state, where an object or list occurs again.

use std::path::Path;

use proptest::prelude::*;

use super::{ZIP, functions, layers, messages, outcome, project};
use crate::definition::document::Document;
use crate::definition::serverless::fixture::folder_with;
use crate::definition::serverless::read;
use crate::definition::{Options, Outcome};

const STATE: &str = ".serverless/serverless-state.json";

/// What Serverless 3.40 records of the service below, without what limg never reads.
const RECORDED: &str = r#"{
    "service": {
        "service": "shop",
        "provider": {
            "name": "aws",
            "runtime": "nodejs22.x",
            "layers": ["arn:aws:lambda:us-east-1:111111111111:layer:base:4"],
            "compiledCloudFormationTemplate": { "Resources": {
                "OwnLambdaFunction": { "Properties": { "Layers": [
                    "arn:aws:lambda:us-east-1:111111111111:layer:x:1",
                    { "Ref": "SharedDepsLambdaLayer" },
                    { "Ref": "PluginLambdaLayer" }
                ] } },
                "NoneLambdaFunction": { "Properties": { "Layers": [] } }
            } }
        },
        "functions": {
            "own": {
                "handler": "h.api",
                "layers": { "$ref": "$[\"service\"][\"provider\"][\"compiledCloudFormationTemplate\"][\"Resources\"][\"OwnLambdaFunction\"][\"Properties\"][\"Layers\"]" },
                "package": {}
            },
            "none": {
                "handler": "h.api",
                "layers": { "$ref": "$[\"service\"][\"provider\"][\"compiledCloudFormationTemplate\"][\"Resources\"][\"NoneLambdaFunction\"][\"Properties\"][\"Layers\"]" },
                "package": {}
            },
            "provided": { "handler": "h.api", "package": {} }
        },
        "initialServerlessConfig": {
            "provider": { "$ref": "$[\"service\"][\"provider\"]" },
            "functions": { "$ref": "$[\"service\"][\"functions\"]" },
            "layers": {
                "sharedDeps": { "path": "layer", "package": { "artifact": "/ci/.serverless/shared-1.zip" } },
                "plugin": { "artifact": ".serverless/plugin.zip", "package": {} }
            }
        },
        "layers": { "$ref": "$[\"service\"][\"initialServerlessConfig\"][\"layers\"]" }
    },
    "package": { "artifactDirectoryName": "serverless/shop/dev/17-2026", "artifact": "shop.zip" }
}"#;

const SERVICE: &str = "service: shop
provider:
  name: aws
  runtime: nodejs22.x
  layers: ['arn:aws:lambda:us-east-1:111111111111:layer:base:4']
layers: { sharedDeps: { path: layer } }
functions:
  own:
    handler: h.api
    layers: ['arn:aws:lambda:us-east-1:111111111111:layer:x:1', !Ref SharedDepsLambdaLayer, !Ref PluginLambdaLayer]
  none: { handler: h.api, layers: [] }
  provided: { handler: h.api }
";

const FILES: &[(&str, &str)] = &[
    ("h.js", ""),
    ("layer/nodejs/x.js", ""),
    (STATE, RECORDED),
    (".serverless/shop.zip", ZIP),
    (".serverless/shared-1.zip", ZIP),
    (".serverless/plugin.zip", ZIP),
];

const EXPECTED: [&[&str]; 3] =
    [&["x-1 us-east-1", "sharedDeps shared-1.zip", "plugin plugin.zip"], &[], &["base-4 us-east-1"]];

/// The outcome of the state in a folder as definition.
fn of_state(folder: &Path) -> Outcome {
    read(Document::read(&folder.join(STATE)).unwrap(), &Options::of_tests())
}

#[test]
fn a_function_whose_package_is_used_has_its_layers() {
    let folder = project(SERVICE, FILES);
    let read = functions(folder.path(), &Options::of_tests());
    assert_eq!(read.iter().map(layers).collect::<Vec<_>>(), EXPECTED);
}

#[test]
fn the_state_as_definition_has_the_same_layers() {
    let folder = project(SERVICE, FILES);
    let outcome = of_state(folder.path());
    assert_eq!(messages(&outcome), [""; 0]);
    let read = outcome.project.unwrap().functions;
    assert_eq!(read.iter().map(layers).collect::<Vec<_>>(), EXPECTED);
}

/// A state with one function, whose layers are this text, and with other content.
fn state(layers: &str, other: &str) -> String {
    format!(
        r#"{{ "service": {{ "service": "shop", "provider": {{ "name": "aws", "runtime": "nodejs22.x" }},
        "functions": {{ "f": {{ "handler": "h.api", "layers": {layers}, "package": {{}} }} }}, "layers": {{}} }},
        "package": {{ "artifact": "shop.zip" }}, "other": {other} }}"#
    )
}

/// A reference with this path.
fn reference(path: &str) -> String {
    serde_json::json!({ "$ref": path }).to_string()
}

/// What is wrong with a service whose definition is this state.
fn wrong(state: &str) -> Vec<String> {
    let folder = folder_with(&[("h.js", ""), (STATE, state), (".serverless/shop.zip", ZIP)]);
    messages(&of_state(folder.path()))
}

#[test]
fn only_paths_of_lists_and_mappings_are_followed() {
    let list = r#"{ "a.b\"]": [["arn:aws:lambda:us-east-1:111111111111:layer:x:1"]], "c": "x", "d": { "$ref": "$[\"other\"][\"d\"]" } }"#;
    assert_eq!(wrong(&state(&reference(r#"$["other"]["a.b\"]"][0]"#), list)), [""; 0]);
    assert_eq!(wrong(&state(&reference(r#"$["\u006fther"]["a.b\"]"][0]"#), list)), [""; 0]);
    let not_a_list = "2: `layers` must be a list; use the ARN of a layer version, or `{ Ref: NameLambdaLayer }` for a \
                      layer of this service";
    for path in [
        "$",
        "",
        "$.other",
        "$[",
        "$[0]",
        "$[-1]",
        r#"$["other"]"#,
        r#"$["other"]["c"]"#,
        r#"$["other"]["d"]"#,
        r#"$["other"]["missing"]"#,
        r#"$["other"]["a.b\"]"][1]"#,
        r#"$["other"]["a.b\"]"]0"#,
        r#"$["other"]["a.b\"]"][99999999999999999999999]"#,
        r#"$["other"]["a.b"#,
        r#"$["\ud800"]"#,
        "#/other",
    ] {
        assert_eq!(wrong(&state(&reference(path), list)), [not_a_list], "{path}");
    }
    let two_keys = r#"{ "$ref": "$[\"other\"][\"a.b\\\"]\"][0]", "x": 1 }"#;
    assert_eq!(wrong(&state(two_keys, list)), [not_a_list]);
}

#[test]
fn references_that_lead_to_each_other_end() {
    let join = |items: usize| {
        let again = vec![r#"{ "$ref": "$[\"other\"]" }"#; items].join(", ");
        format!(r#"{{ "Fn::Join": ["", [{again}]] }}"#)
    };
    let deployed = "2: only the deployed stack knows this layer; use the ARN of a layer version";
    for items in [1, 2, 500] {
        let state = state(r#"[{ "$ref": "$[\"other\"]" }]"#, &join(items));
        assert_eq!(wrong(&state), [deployed], "{items}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_state_with_references_anywhere_is_read(
        changes in prop::collection::vec(
            (
                0..RECORDED.len(),
                prop::sample::select(vec![
                    "$", "$[\"service\"]", "$[\"service\"][\"functions\"]", "$[\"service\"][\"layers\"]",
                    "$[\"service\"][\"functions\"][\"own\"]", "$[\"service\"][\"provider\"]", "$[\"package\"]",
                    "$[\"service\"][\"initialServerlessConfig\"]", "$[\"service\"][\"provider\"][\"layers\"]",
                    "$[\"service\"][\"provider\"][\"layers\"][0]", "$[0]", "$[\"", "$$", "",
                ]),
            ),
            1..6,
        ),
    ) {
        // Replaces values of the state, each from a bracket or quotation mark to its end, by references.
        let mut state = RECORDED.to_owned();
        for (start, path) in changes {
            let start = start.min(state.len());
            let Some((before, value)) = state.split_once(':').filter(|_| start == 0).or_else(|| {
                let colon = state[..start].rfind(':')?;
                Some((&state[..colon], &state[colon + 1..]))
            }) else { continue };
            let mut values = serde_json::Deserializer::from_str(value).into_iter::<serde::de::IgnoredAny>();
            if !matches!(values.next(), Some(Ok(_))) {
                continue;
            }
            let replaced = format!("{before}: {}{}", reference(path), &value[values.byte_offset()..]);
            if serde_json::from_str::<serde::de::IgnoredAny>(&replaced).is_ok() {
                state = replaced;
            }
        }
        let files: Vec<_> = FILES.iter().map(|(name, text)| (*name, if *name == STATE { &state } else { *text })).collect();
        let folder = project(SERVICE, &files);
        for outcome in [outcome(folder.path(), &Options::of_tests()), of_state(folder.path())] {
            let reported = messages(&outcome);
            prop_assert!(reported.iter().all(|message| !message.starts_with("0:")), "{reported:?} in {state}");
            prop_assert!(outcome.project.is_some() || !reported.is_empty());
        }
    }
}
