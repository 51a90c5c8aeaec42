//! A definition that uses every key comes to exactly the project that it describes.

use std::collections::BTreeMap;

use super::{Folder, read_valid};
use crate::definition::{Options, load};
use crate::project::{
    Architecture, EcrSettings, Encryption, ImageFiles, ImageLocation, LayerSource, Source, SourceKind,
    VersionSource, Wrapper, WrapperScript,
};

const EXAMPLE: &str = r#"
project: shop                     # default: the folder's name
defaults:                         # any function key; a function's own key wins, maps merge
  architecture: arm64
  timeout: 5
  environment: { STAGE: test, VERSION: 1.10 }
bases:                            # optional; adds to or overrides the built-in catalogue
  python3.12: { image: registry.example.com/lambda/python:3.12 }
  slim-python: { image: "oci:./bases/slim", contract: python3.12 }

layers:
  utils:  { path: layers/utils }  # a directory or .zip laid out as Lambda lays it out: its root is /opt
  packed: { path: layers/packed.ZIP, follow: true, exclude: ["*.md"] }
  insights: { arn: "arn:aws:lambda:eu-west-1:580247275435:layer:LambdaInsightsExtension:53" }
  adapter: { image: public.ecr.aws/awsguru/aws-lambda-adapter:0.9.1, path: /lambda-adapter, to: /opt/extensions/lambda-adapter }
  whole: { image: registry.example.com/layers/fonts, path: /opt/ }

extensions:
  log-shipper:                    # external: a process beside the runtime
    path: extensions/log-shipper
  tracer:                         # internal: inside the runtime's process
    path: ./layers/tracer/
    environment: { NODE_OPTIONS: "--require /opt/tracer/hook.js" }
    wrapper: /opt/tracer/wrapper

functions:
  orders:
    runtime: slim-python
    handler: app.handler
    code: functions/orders
    layers: [utils, packed]
    extensions: [log-shipper, tracer]
    wrapper: scripts/importtime
    environment: { STAGE: 007, DEBUG: True, EMPTY: "" }
    exclude: ["tests/**"]
    timeout: 30
    memory: 512
  billing:
    runtime: python3.12
    architecture: x86_64
    handler: single.handler
    code: functions/single.py
    layers: [insights, adapter, whole]

ecr:
  repository: "team/{project}-{function}"
  scan_on_push: true
  immutable_tags: true
  encryption: KMS
  kms_key: alias/images
  keep: 20
  tags: { cost-centre: 0042, team: shop }
  lambda_accounts: [210987654321, "012345678901", 210987654321]
"#;

#[test]
fn every_key_comes_to_its_part_of_the_project() {
    let folder = Folder::new();
    folder.write("limg.yaml", EXAMPLE.as_bytes());
    let loaded = load(&folder.path("limg.yaml"), &Options::of_tests()).unwrap();
    assert_eq!(loaded.warnings.shown, []);
    let project = loaded.project;
    assert_eq!((project.name.as_str(), project.root.as_path()), ("shop", folder.root()));
    let [orders, billing] = &project.functions[..] else { panic!() };

    assert_eq!(orders.name, "orders");
    assert_eq!(orders.base.name, "slim-python");
    assert_eq!(orders.base.contract, "python3.12");
    assert_eq!(orders.base.image, Some(ImageLocation::Oci(folder.path("bases/slim"), None)));
    assert_eq!(orders.handler.as_deref(), Some("app.handler"));
    assert_eq!(orders.architecture, Architecture::Arm64);
    let definition = Some(folder.path("limg.yaml"));
    let source = |path: &str, kind| Source {
        default_excludes: true,
        definition: definition.clone(),
        ..Source::new(folder.path(path), kind)
    };
    assert_eq!(
        *orders.code.files().unwrap(),
        Source { exclude: vec!["tests/**".into()], ..source("functions/orders", SourceKind::Directory) }
    );
    let packed = source("layers/packed.ZIP", SourceKind::Zip);
    let sources: Vec<_> =
        orders.layers.iter().map(|layer| (layer.name.as_str(), layer.source.clone())).collect();
    assert_eq!(
        sources,
        [
            ("utils", LayerSource::Files(source("layers/utils", SourceKind::Directory))),
            ("packed", LayerSource::Files(Source { follow: true, exclude: vec!["*.md".into()], ..packed })),
        ]
    );
    let [shipper, tracer] = &orders.extensions[..] else { panic!() };
    assert_eq!(shipper.source, Some(source("extensions/log-shipper", SourceKind::File)));
    assert_eq!(tracer.source, Some(source("layers/tracer", SourceKind::Directory)));
    assert_eq!(tracer.environment["NODE_OPTIONS"], "--require /opt/tracer/hook.js");
    let script = |wrapper: &Option<Wrapper>| wrapper.as_ref().map(|wrapper| wrapper.script.clone());
    let in_image = WrapperScript::InImage("/opt/tracer/wrapper".parse().unwrap());
    assert_eq!(script(&tracer.wrapper), Some(in_image));
    assert_eq!(script(&orders.wrapper), Some(WrapperScript::Local(folder.path("scripts/importtime"))));
    // Numbers and booleans keep their text; the default's variables stay where the function has none of that name.
    assert_eq!(
        orders.environment,
        BTreeMap::from(
            [("DEBUG", "True"), ("EMPTY", ""), ("STAGE", "007"), ("VERSION", "1.10")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        )
    );
    assert_eq!((orders.timeout, orders.memory), (30, 512));

    assert_eq!(
        billing.base.image,
        Some(ImageLocation::Registry("registry.example.com/lambda/python:3.12".parse().unwrap()))
    );
    assert_eq!(billing.architecture, Architecture::X86_64);
    assert_eq!(billing.code.files().unwrap().kind, SourceKind::File);
    assert_eq!((billing.timeout, billing.memory), (5, 128));
    assert_eq!(billing.environment["STAGE"], "test");
    let insights = "arn:aws:lambda:eu-west-1:580247275435:layer:LambdaInsightsExtension:53";
    let files = |reference: &str, path: &str, to: &str| {
        let reference = reference.parse().unwrap();
        LayerSource::Image(ImageFiles { reference, path: path.parse().unwrap(), to: to.parse().unwrap() })
    };
    let adapter = "public.ecr.aws/awsguru/aws-lambda-adapter:0.9.1";
    let sources: Vec<_> = billing.layers.iter().map(|layer| layer.source.clone()).collect();
    assert_eq!(
        sources,
        [
            LayerSource::Version(VersionSource {
                arn: insights.parse().unwrap(),
                ignore_compatibility: false
            }),
            files(adapter, "/lambda-adapter", "/opt/extensions/lambda-adapter"),
            files("registry.example.com/layers/fonts", "/opt", "/opt"),
        ]
    );

    assert_eq!(project.ecr_repository.as_str(), "team/{project}-{function}");
    let text = |text: &str| text.to_owned();
    assert_eq!(
        project.ecr,
        EcrSettings {
            scan_on_push: true,
            immutable_tags: true,
            encryption: Encryption::Kms { key: Some(text("alias/images")) },
            keep: Some(20),
            tags: BTreeMap::from(
                [("cost-centre", "0042"), ("team", "shop")].map(|(k, v)| (text(k), text(v)))
            ),
            lambda_accounts: vec![text("012345678901"), text("210987654321")],
        }
    );
}

#[test]
fn without_an_ecr_block_repositories_have_the_defaults_of_aws() {
    let folder = Folder::new();
    let project =
        // ECR would reject the name, but this project may never be pushed to ECR.
        read_valid(&folder, "functions: { a--b: { runtime: python3.12, handler: a.b, code: functions/orders } }");
    assert_eq!(project.ecr, EcrSettings::default());
    assert_eq!(project.ecr_repository.repository("shop", "orders").unwrap(), "shop/orders");
}

#[test]
fn merge_keys_and_aliases_work_as_in_yaml() {
    let folder = Folder::new();
    let project = read_valid(
        &folder,
        "
functions:
  orders: &orders
    runtime: python3.12
    handler: app.handler
    code: functions/orders
    environment: &common { STAGE: dev, LEVEL: info }
  billing:
    handler: app.billing
    <<: *orders
    environment: { <<: [*common, { REGION_NAME: x, STAGE: never }], LEVEL: debug }
",
    );
    let billing = &project.functions[1];
    assert_eq!(billing.handler.as_deref(), Some("app.billing"));
    assert_eq!(billing.base.contract, "python3.12");
    let variables: Vec<_> =
        billing.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(variables, ["LEVEL=debug", "REGION_NAME=x", "STAGE=dev"]);
}

#[test]
fn a_key_without_a_value_counts_as_absent() {
    let folder = Folder::new();
    let project = read_valid(
        &folder,
        "
project:
defaults: { handler: app.handler, layers: [utils] }
bases: ~
layers: { utils: { path: layers/utils } }
functions:
  orders: { runtime: python3.12, code: functions/orders, handler: null, environment: , timeout: ~ }
  billing: { runtime: python3.12, code: functions/orders, layers: [] }
",
    );
    let functions = project.functions;
    assert_eq!(functions[0].handler.as_deref(), Some("app.handler"));
    assert_eq!((functions[0].layers.len(), functions[1].layers.len()), (1, 0));
}

#[test]
fn a_custom_runtime_needs_no_handler_and_a_jar_is_a_zip() {
    let folder = Folder::new();
    let project = read_valid(
        &folder,
        "
bases: { app: { image: scratch, contract: provided.al2023 } }
functions:
  orders: { runtime: app, code: layers/empty.jar }
",
    );
    let function = &project.functions[0];
    assert_eq!((&function.handler, function.code.files().unwrap().kind), (&None, SourceKind::Zip));
    assert_eq!(function.base.image, Some(ImageLocation::Scratch));
}
