//! What is wrong with services, with lines and help.

use super::{messages, outcome, project};
use crate::definition::Options;
use crate::definition::serverless::VOCABULARY;
use crate::finding::Setting;

fn wrong(definition: &str) -> Vec<String> {
    let folder = project(definition, &[]);
    messages(&outcome(folder.path(), &Options::of_tests()))
}

#[test]
fn another_provider_is_one_error_about_the_whole_service() {
    let text = "service: shop\nprovider:\n  name: google\n  runtime: nodejs\nfunctions:\n  a: { handler: x }\n  b: {}\n";
    assert_eq!(
        wrong(text),
        ["3: this service is for `google`, and limg builds functions for AWS Lambda only"]
    );
    let folder = project(text, &[]);
    assert!(outcome(folder.path(), &Options::of_tests()).project.is_none());
    assert_eq!(
        wrong("service: shop\nprovider: azure\n"),
        ["2: this service is for `azure`, and limg builds functions for AWS Lambda only"]
    );
    let missing = "1: the service has no `provider`; add `provider: { name: aws, runtime: ... }`";
    assert_eq!(wrong("service: shop\nfunctions: { a: { handler: x.y } }\n"), [missing]);
    assert_eq!(wrong("service: shop\nprovider: {}\n"), ["2: the provider has no `name`; add `name: aws`"]);
}

#[test]
fn what_is_wrong_with_one_function_leaves_the_others() {
    let text = "service: shop
provider:
  name: aws
  runtime: python3.12
functions:
  good: { handler: app.good }
  old: { handler: app.old, runtime: python3.6 }
  odd: { handler: app.odd, runtime: pyton3.12 }
  none: {}
  spaced: { handler: 'app. x' }
  arch: { handler: app.arch, architecture: sparc }
  unknown: { handler: '${cf:stack.handler}' }
  opt: { handler: 'app.${opt:name}' }
  text: here
  Good: { handler: app.other }
  a..b: { handler: app.b }
";
    let folder = project(text, &[]);
    let outcome = outcome(folder.path(), &Options::of_tests());
    assert_eq!(
        messages(&outcome),
        [
            "7: Lambda no longer has the runtime `python3.6`; use `--runtime python3.6=python3.11`, or change `runtime` \
             to `python3.11`",
            "8: unknown runtime `pyton3.12`; use `--runtime pyton3.12=python3.12`, or change `runtime` to `python3.12`",
            "9: the function `none` has no `handler`; add `handler:`, such as `app.handler`",
            "10: a handler must be one word, and `app. x` is not; write the handler as in Lambda, such as `app.handler`",
            "11: unknown architecture `sparc`; use `x86_64` or `arm64`",
            "12: limg cannot resolve `${cf:stack.handler}`, which needs another service; run `serverless package`: its \
             output contains the resolved value",
            "13: `${opt:name}` has no value; add a default: `${opt:name, 'VALUE'}`",
            "14: `text` must be a mapping",
            "15: `Good` and `good` differ only in case; rename one of them: image names are in lower case",
            "16: `a..b` cannot be the name of an image",
        ]
    );
    let names: Vec<_> =
        outcome.project.unwrap().functions.into_iter().map(|function| function.name).collect();
    assert_eq!(names, ["good"]);
}

#[test]
fn a_service_without_runtime_or_functions_is_reported() {
    assert_eq!(
        wrong("service: shop\nprovider:\n  name: aws\nfunctions:\n  a:\n    handler: x.y\n"),
        [
            "5: the function `a` has no `runtime`; add `runtime:` with a runtime id such as `python3.12` to the function \
             or to `provider`: the default depends on the version of Serverless"
        ]
    );
    assert_eq!(
        wrong("service: shop\nprovider: aws\n"),
        ["1: there are no functions; add one: `NAME: { handler: ..., runtime: ... }`"]
    );
    assert_eq!(wrong("service: shop\nprovider: aws\nfunctions: 7\n"), ["3: `functions` must be a mapping"]);
}

#[test]
fn a_part_of_the_functions_that_a_program_computes_leaves_the_others() {
    let text = "service: shop\nprovider: { name: aws, runtime: python3.12 }\nfunctions:\n  - a: { handler: a.b }\n  - ${file(x.js)}\n";
    let folder = project(text, &[("x.js", "")]);
    let outcome = outcome(folder.path(), &Options::of_tests());
    assert_eq!(
        messages(&outcome),
        [
            "5: the value is computed by `x.js`, which limg does not run; run `serverless package`: its output contains \
             the resolved value"
        ]
    );
    assert_eq!(outcome.unbuildable[0].name, "functions[1]");
    assert_eq!(outcome.project.unwrap().functions.len(), 1);
}

#[test]
fn an_environment_that_a_program_computes_is_only_a_warning() {
    let text = "service: shop\nprovider: { name: aws, runtime: python3.12 }\nfunctions:\n  a:\n    handler: a.b\n    environment: ${file(x.js)}\n";
    let folder = project(text, &[("x.js", "")]);
    let outcome = outcome(folder.path(), &Options::of_tests());
    assert_eq!(messages(&outcome).len(), 1);
    assert!(outcome.findings.iter().all(|finding| !finding.is_error()));
    assert_eq!(outcome.project.unwrap().functions.len(), 1);
}

#[test]
fn the_packages_of_a_list_are_installed_by_a_plugin() {
    assert_eq!(
        VOCABULARY.setting(Setting::InstallRequirements).as_deref(),
        Some("use the plugin `serverless-python-requirements` and run `serverless package`")
    );
}
