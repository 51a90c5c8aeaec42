//! Settings of functions, over those of the provider.

use std::collections::BTreeMap;

use super::{function, functions, layers, left_alone, outcome, project};
use crate::definition::Options;
use crate::project::{Architecture, WrapperScript};

#[test]
fn a_function_has_the_settings_of_the_provider_unless_it_has_its_own() {
    let provider = "service: shop
provider:
  name: aws
  runtime: nodejs22.x
  architecture: arm64
  memorySize: 512
  timeout: 20
  layers: ['arn:aws:lambda:eu-west-1:123456789012:layer:a:1']
  environment: { STAGE: dev, TABLE: t }
functions:
  orders:
    handler: src/orders.handler
";
    let inherited = function(provider, &[]);
    assert_eq!(
        (inherited.base.name.as_str(), inherited.handler.as_deref()),
        ("nodejs22.x", Some("src/orders.handler"))
    );
    assert_eq!(inherited.architecture, Architecture::Arm64);
    assert_eq!((inherited.memory, inherited.timeout), (512, 20));
    assert_eq!(layers(&inherited), ["a-1 eu-west-1"]);
    let own = function(
        &format!(
            "{provider}    runtime: python3.12
    architecture: x86_64
    memorySize: 1769
    timeout: '7'
    layers: []
    environment: {{ STAGE: prod, EXTRA: 5, TABLE: null }}
"
        ),
        &[],
    );
    assert_eq!((own.base.name.as_str(), own.architecture), ("python3.12", Architecture::X86_64));
    assert_eq!((own.memory, own.timeout), (1769, 7));
    assert!(own.layers.is_empty());
    let expected =
        [("EXTRA", "5"), ("STAGE", "prod")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(own.configuration, BTreeMap::from(expected));
    let least =
        function("service: s\nprovider: aws\nfunctions: { f: { handler: a.b, runtime: python3.12 } }\n", &[]);
    assert_eq!((least.memory, least.timeout, least.architecture), (1024, 6, Architecture::X86_64));
    // `serverless package` does not install packages.
    assert_eq!(least.build_command, None);
    assert!(least.environment.is_empty());
}

#[test]
fn variables_of_the_environment_stay_configuration() {
    let function = function(
        "service: shop
provider: { name: aws, region: eu-west-1, runtime: python3.12 }
functions:
  orders:
    handler: app.handler
    environment:
      STAGE: ${sls:stage}
      REGION: !Ref AWS::Region
      URL: { 'Fn::Sub': 'https://x.${AWS::Region}.${AWS::URLSuffix}' }
      ARN: { 'Fn::Join': [':', [arn, { Ref: 'AWS::Partition' }, '${self:service}']] }
      TABLE: !Ref Table
      KEY: !GetAtt Key.Arn
      STACK: ${cf:other.Output}
      SECRET: ${ssm:/shop/secret}
      FROM_OUTSIDE: ${env:LIMG_TEST_UNSET}
      ON: true
      AWS_LAMBDA_EXEC_WRAPPER: /opt/wrapper
",
        &[],
    );
    let known: Vec<_> =
        function.configuration.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let expected = [
        "ARN=arn:aws:shop",
        "AWS_LAMBDA_EXEC_WRAPPER=/opt/wrapper",
        "ON=true",
        "REGION=eu-west-1",
        "STAGE=dev",
        "URL=https://x.eu-west-1.amazonaws.com",
    ];
    assert_eq!(known, expected);
    assert_eq!(function.deployed_variables, ["TABLE", "KEY", "STACK", "SECRET", "FROM_OUTSIDE"]);
    assert!(function.environment.is_empty());
    let wrapper = function.wrapper.unwrap();
    assert!(wrapper.is_configured);
    assert_eq!(wrapper.script, WrapperScript::InImage("/opt/wrapper".parse().unwrap()));
}

#[test]
fn functions_that_differ_only_in_configuration_share_an_image() {
    let folder = project(
        "service: shop
provider: { name: aws, runtime: python3.12 }
functions:
  a: { handler: app.a, memorySize: 256 }
  b: { handler: app.b, environment: { X: y } }
  c: { handler: app.c, architecture: arm64 }
  d: { handler: app.d, environment: { AWS_LAMBDA_EXEC_WRAPPER: /opt/w } }
",
        &[],
    );
    let images = |options: &Options| -> Vec<_> {
        functions(folder.path(), options).into_iter().map(|function| function.image.name).collect()
    };
    assert_eq!(images(&Options::of_tests()), ["a", "a", "c", "d"]);
    assert_eq!(images(&Options { image_per_function: true, ..Options::of_tests() }), ["a", "b", "c", "d"]);
}

#[test]
fn stage_parameters_and_environment_come_from_the_command() {
    let folder = project(
        "service: shop
provider: { name: aws, runtime: '${param:runtime}' }
functions:
  a: { handler: 'app.${sls:stage}', environment: { REGION: '${aws:region}', TAG: '${env:TAG}' } }
",
        &[],
    );
    let pair = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let options = Options {
        stage: Some("prod".to_owned()),
        // That of the environment does not decide.
        region: Some("eu-west-3".to_owned()),
        region_of_option: Some("eu-west-2".to_owned()),
        service_parameters: pair("runtime", "python3.13"),
        environment: pair("TAG", "7"),
        ..Options::of_tests()
    };
    let function = &functions(folder.path(), &options)[0];
    assert_eq!((function.base.name.as_str(), function.handler.as_deref()), ("python3.13", Some("app.prod")));
    let values: Vec<_> = function.configuration.values().collect();
    assert_eq!(values, ["eu-west-2", "7"]);
}

#[test]
fn functions_may_be_in_several_files() {
    let folder = project(
        "service: shop
provider: { name: aws, runtime: python3.12 }
functions:
  - ${file(a.yml)}
  - ${file(none.yml), null}
  - c: ${file(c.json)}
    gone: null
",
        &[
            ("a.yml", "a: { handler: app.a }\nb: { handler: app.b }\n"),
            ("c.json", "{\"handler\": \"app.c\"}"),
        ],
    );
    let names: Vec<_> =
        functions(folder.path(), &Options::of_tests()).into_iter().map(|function| function.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn some_functions_are_left_alone() {
    let folder = project(
        "service: shop
provider: { name: aws, runtime: python3.12 }
functions:
  a: { handler: app.a }
  i: { image: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/a@sha256:0' }
  j: { image: { name: base } }
  k: { handler: app.k, package: { disable: true } }
",
        &[],
    );
    let outcome = outcome(folder.path(), &Options::of_tests());
    assert_eq!(
        left_alone(&outcome),
        [
            "`i`, since it is an image function already: its own build makes it",
            "`j`, since it is an image function already: its own build makes it",
            "`k`, since `package.disable` is set for it",
        ]
    );
    assert_eq!(outcome.project.unwrap().functions.len(), 1);
}

#[test]
fn the_project_has_the_name_of_the_service() {
    for (service, expected) in [("shop", "shop"), ("My_Shop", "my-shop"), ("{ name: old }", "old")] {
        let text = format!(
            "service: {service}\nprovider: aws\nfunctions: {{ f: {{ handler: a.b, runtime: python3.12 }} }}\n"
        );
        let folder = project(&text, &[]);
        assert_eq!(outcome(folder.path(), &Options::of_tests()).project.unwrap().name, expected);
    }
}

#[test]
fn a_snapshot_needs_a_label_where_the_base_does_not_have_it() {
    let text = |runtime: &str, on: &str| {
        format!(
            "service: s\nprovider: aws\nfunctions: {{ f: {{ handler: a.b, runtime: {runtime}, snapStart: {on} }} }}\n"
        )
    };
    assert!(!function(&text("python3.12", "true"), &[]).snapstart);
    assert!(function(&text("nodejs22.x", "true"), &[]).snapstart);
    assert!(!function(&text("nodejs22.x", "false"), &[]).snapstart);
}
