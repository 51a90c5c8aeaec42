//! The state that `serverless package` records.

use super::{ZIP, age, code, functions, layers, messages, outcome, project, with_results};
use crate::definition::document::Document;
use crate::definition::serverless::fixture::folder_with;
use crate::definition::serverless::read;
use crate::definition::{BuildResults, Options, Outcome};

const STATE: &str = ".serverless/serverless-state.json";

#[test]
fn recorded_values_stand_for_what_variables_do_not_resolve_to() {
    let text = "service: shop
provider: { name: aws, runtime: '${self:custom.runtime}' }
custom: { runtime: '${file(x.js):runtime}' }
functions:
  a: { handler: 'app.${sls:stage}', memorySize: '${cf:other.size}', environment: { KEY: '${ssm:/key}' } }
";
    let state = r#"{
        "service": {
            "service": "shop",
            "provider": { "name": "aws", "runtime": "python3.13" },
            "custom": { "runtime": "python3.13" },
            "functions": { "a": { "handler": "app.recorded", "memorySize": 300, "environment": { "KEY": "k" } } }
        },
        "package": { "artifactDirectoryName": "serverless/shop/dev/17-2026" }
    }"#;
    let folder = project(text, &[(STATE, state), ("x.js", "")]);
    let function = &functions(folder.path(), &Options::of_tests())[0];
    // What can be resolved is not taken from there.
    assert_eq!((function.base.name.as_str(), function.handler.as_deref()), ("python3.13", Some("app.dev")));
    assert_eq!((function.memory, function.configuration["KEY"].as_str()), (300, "k"));
    let unresolved = |options: &Options| messages(&outcome(folder.path(), options));
    let program = "3: the value is computed by `x.js`, which limg does not run; run `serverless package`: its output \
                   contains the resolved value";
    let other_stage = Options { stage: Some("prod".to_owned()), ..Options::of_tests() };
    assert_eq!(unresolved(&other_stage), [program]);
    assert_eq!(unresolved(&with_results(BuildResults::Never)), [program]);
    age(&folder.path().join("serverless.yml"), -120);
    assert_eq!(unresolved(&Options::of_tests()), [program]);
    assert_eq!(unresolved(&with_results(BuildResults::Always)), [""; 0]);
}

#[test]
fn a_function_whose_package_is_used_has_the_settings_that_plugins_gave_it() {
    let text = "service: shop
provider: { name: aws, runtime: nodejs22.x }
plugins: [serverless-plugin-datadog]
functions:
  a: { handler: src/a.handler }
";
    let state = r#"{
        "service": { "provider": {}, "functions": { "a": {
            "handler": "/opt/dd/handler.handler",
            "layers": ["arn:aws:lambda:eu-west-1:464622532012:layer:Datadog-Node22-x:1"],
            "environment": { "DD_LAMBDA_HANDLER": "src/a.handler" },
            "package": {}
        } } },
        "package": { "artifact": "shop.zip", "artifactDirectoryName": "serverless/shop/dev/17-2026" }
    }"#;
    let folder = project(text, &[(STATE, state), (".serverless/shop.zip", ZIP), ("src/a.js", "")]);
    let function = &functions(folder.path(), &Options::of_tests())[0];
    assert_eq!(function.handler.as_deref(), Some("/opt/dd/handler.handler"));
    assert_eq!(layers(function), ["Datadog-Node22-x-1 eu-west-1"]);
    assert_eq!(function.configuration["DD_LAMBDA_HANDLER"], "src/a.handler");
    let own = &functions(folder.path(), &with_results(BuildResults::Never))[0];
    assert_eq!(own.handler.as_deref(), Some("src/a.handler"));
    let other_stage = Options { stage: Some("prod".to_owned()), ..Options::of_tests() };
    assert_eq!(
        messages(&outcome(folder.path(), &other_stage)),
        [
            "3: the plugin `serverless-plugin-datadog` makes the package, and `.serverless/shop.zip` is that of the stage \
             `dev`; run `serverless package` with `--stage` and `--param` as here, or use `--built` to take the package as \
             it is"
        ]
    );
}

/// The outcome of the state in a folder as definition.
fn of_state(folder: &std::path::Path, options: &Options) -> Outcome {
    read(Document::read(&folder.join(STATE)).unwrap(), options)
}

#[test]
fn the_state_is_the_definition_of_a_service_that_is_a_program() {
    let state = r#"{
        "service": {
            "service": "shop",
            "provider": { "name": "aws", "runtime": "nodejs22.x" },
            "functions": {
                "a": { "handler": "src/a.handler", "package": { "artifact": "/ci/shop/.serverless/a.zip" } },
                "b": { "handler": "src/b.handler", "package": {} },
                "c": { "handler": "src/c.handler", "package": { "artifact": ".serverless/c.zip" } }
            }
        },
        "package": { "artifact": "shop.zip" }
    }"#;
    let folder = folder_with(&[
        ("serverless.ts", "export default {}"),
        (STATE, state),
        (".serverless/a.zip", ZIP),
        (".serverless/shop.zip", ZIP),
    ]);
    for name in [STATE, ".serverless/a.zip", ".serverless/shop.zip"] {
        age(&folder.path().join(name), -60);
    }
    let outcome = of_state(folder.path(), &Options::of_tests());
    let missing =
        "1: `serverless.ts` makes the package, and `c.zip` does not exist; run `serverless package`";
    assert_eq!(messages(&outcome), [missing]);
    let project = outcome.project.unwrap();
    let codes: Vec<_> = project.functions.iter().map(|function| code(function, folder.path())).collect();
    assert_eq!(codes, [".serverless/a.zip", ".serverless/shop.zip"]);
    assert_eq!(project.root, folder.path());

    let source = of_state(folder.path(), &with_results(BuildResults::Never));
    assert_eq!(
        messages(&source),
        ["2: the state of Serverless does not contain which sources belong to a package; omit `--source`"]
    );
    age(&folder.path().join("serverless.ts"), -120);
    let reported = messages(&of_state(folder.path(), &Options::of_tests()));
    assert!(reported[0].starts_with("1: `serverless.ts` makes the package, and `"), "{reported:?}");
    assert!(
        reported.iter().any(|message| message.contains("serverless.ts` is newer than `")),
        "{reported:?}"
    );
}
