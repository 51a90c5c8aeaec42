//! Services of the Serverless Framework, without a limg.yaml.

use std::time::{Duration, SystemTime};

use crate::support::{Context, Layout};

const SERVICE: &str = "\
service: shop
provider:
  name: aws
  runtime: provided.al2023
  environment: { STAGE: \"${sls:stage}\", SECRET: \"${ssm:/shop/secret}\" }
package: { patterns: [\"!docs/**\"] }
layers: { data: { path: data } }
functions:
  orders: { handler: orders, memorySize: 512, layers: [!Ref DataLambdaLayer] }
  users: { handler: users, layers: [!Ref DataLambdaLayer], environment: { TABLE: !Ref Users } }
  old: { image: { name: base } }
";

/// Options to build on no base.
const ON_SCRATCH: [&str; 2] = ["--base", "provided.al2023=scratch"];

fn service() -> Context {
    let context = Context::new();
    context.write("serverless.yml", SERVICE);
    context.program("bootstrap", "#!/bin/sh\nexec true\n");
    context.write("docs/notes.md", "notes");
    context.write("data/share/words.txt", "words");
    context
}

/// The files of the layers of a function's image that is in the default destination.
fn files(context: &Context, function: &str) -> Vec<String> {
    let image = Layout::open(&context.path(".limg/images")).image(function);
    image.files.into_keys().collect()
}

/// Makes a file newer than all others.
fn touch(context: &Context, path: &str, seconds: u64) {
    let file = std::fs::File::options().write(true).open(context.path(path)).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(seconds)).unwrap();
}

#[test]
fn a_service_is_built_from_its_sources() {
    let context = service();
    let report = context.build(&ON_SCRATCH);
    assert_eq!(report.digest("orders"), report.digest("users"), "they differ only in configuration");
    let run = context.limg(&["build", ON_SCRATCH[0], ON_SCRATCH[1]]).ok();
    assert!(run.stderr.contains("left alone: `old`, since it is an image function already"), "{run:?}");
    assert!(run.stderr.contains("left to the deployed functions: the values of SECRET, TABLE"), "{run:?}");
    let files = files(&context, "orders");
    assert!(
        files.contains(&"/var/task/bootstrap".to_owned())
            && files.contains(&"/opt/share/words.txt".to_owned())
    );
    for absent in
        ["/var/task/docs", "/var/task/data", "/var/task/serverless.yml", "/var/task/serverless.lock"]
    {
        assert!(!files.iter().any(|file| file.starts_with(absent)), "{files:?}");
    }
}

#[test]
fn the_variables_of_a_stage_do_not_change_the_image() {
    let context = service();
    let of_stage = |stage: &str| {
        let report = context.build(&[&ON_SCRATCH[..], &["--stage", stage]].concat());
        report.digest("orders").to_owned()
    };
    assert_eq!(of_stage("dev"), of_stage("prod"));
}

#[test]
fn a_fresh_package_is_built_and_a_stale_one_is_not() {
    let context = service();
    context.settle();
    context.zip(".serverless/shop.zip", &[("bootstrap", "#!/bin/sh\nexec packaged\n"), ("packaged.txt", "")]);
    let has_package = |arguments: &[&str]| {
        context.build(&[&ON_SCRATCH[..], arguments].concat());
        files(&context, "orders").contains(&"/var/task/packaged.txt".to_owned())
    };
    assert!(has_package(&[]));
    assert!(!has_package(&["--source"]));
    assert!(
        has_package(&[]),
        "the images that were built are newer than the package, and are not its sources"
    );
    touch(&context, "bootstrap", 120);
    assert!(!has_package(&[]));
    assert!(has_package(&["--built"]));
}

#[test]
fn a_missing_package_of_a_plugin_is_an_error_with_its_line() {
    let context = service();
    context.write("serverless.yml", format!("{SERVICE}plugins:\n  - serverless-webpack\n"));
    context.limg(&["build", ON_SCRATCH[0], ON_SCRATCH[1]]).fails(
        2,
        &[
            "serverless.yml:13:5: the plugin `serverless-webpack` makes the package, and \
             `[DIR]/project/.serverless/shop.zip` does not exist [missing-build]",
            "help: run `serverless package`",
        ],
    );
}

#[test]
fn a_service_that_is_a_program_is_read_from_its_state() {
    let context = Context::new();
    context.write("serverless.ts", "export default { service: 'shop' };\n");
    context.limg(&["build"]).fails(
        2,
        &["serverless.ts` is a Serverless Framework service written as a program", "use `-f .serverless`"],
    );
    let state = r#"{
        "service": {
            "service": "shop",
            "provider": { "name": "aws", "runtime": "provided.al2023" },
            "functions": { "orders": { "handler": "x", "package": { "artifact": "/ci/.serverless/orders.zip" } } }
        },
        "package": { "individually": true }
    }"#;
    context.write(".serverless/serverless-state.json", state);
    context.zip(".serverless/orders.zip", &[("bootstrap", "#!/bin/sh\nexec true\n")]);
    touch(&context, ".serverless/orders.zip", 60);
    context.build(&[&ON_SCRATCH[..], &["-f", ".serverless"]].concat());
    assert!(files(&context, "orders").contains(&"/var/task/bootstrap".to_owned()));
}

#[test]
fn functions_are_listed_with_what_is_wrong() {
    let context = service();
    let run = context.limg(&["functions"]).ok();
    assert!(run.stdout.contains("orders"), "{run:?}");
    assert!(run.stdout.contains("left alone: it is an image function already"), "{run:?}");
    let run = context.limg(&["functions", "--param", "a=b", "--stage", "x"]).ok();
    assert!(run.stdout.contains("data"), "{run:?}");
}
