//! Whole plans, in the form that Terraform documents (developer.hashicorp.com/terraform/internals/json-format).

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::definition::tests::{Folder, described};
use crate::definition::{Options, load};

fn resource(address: &str, kind: &str, values: &Value) -> Value {
    let name = address.rsplit('.').next().unwrap().split('[').next().unwrap();
    let mode = if address.contains("data.") { "data" } else { "managed" };
    json!({ "address": address, "mode": mode, "type": kind, "name": name, "values": values, "sensitive_values": {} })
}

/// A function with these values over the usual ones.
fn function(address: &str, values: Value) -> Value {
    let mut all = json!({
        "function_name": "x", "handler": "app.handler", "runtime": "python3.12", "package_type": "Zip",
        "filename": null, "image_uri": null, "s3_bucket": null, "s3_key": null, "layers": null,
        "memory_size": 512, "timeout": 30, "environment": [], "snap_start": [],
    });
    let Value::Object(values) = values else { panic!("values are an object") };
    all.as_object_mut().unwrap().extend(values);
    resource(address, "aws_lambda_function", &all)
}

fn layer(address: &str, filename: &str) -> Value {
    resource(address, "aws_lambda_layer_version", &json!({ "filename": filename, "layer_name": "x" }))
}

fn archive(address: &str, values: &Value) -> Value {
    resource(address, "archive_file", values)
}

/// A change with what only the apply will know.
fn change(address: &str, unknown: &Value) -> Value {
    json!({ "address": address, "change": { "actions": ["create"], "after_unknown": unknown } })
}

/// The configuration of a resource.
fn configured(kind: &str, name: &str, expressions: &Value) -> Value {
    json!({ "mode": "managed", "type": kind, "name": name, "expressions": expressions })
}

fn references(references: &[&str]) -> Value {
    json!({ "references": references })
}

fn report(folder: &Folder, plan: &Value) -> String {
    folder.write("plan.json", plan.to_string().as_bytes());
    described(folder, load(&folder.path("plan.json"), &Options::of_tests()))
}

#[track_caller]
fn assert_report(folder: &Folder, plan: &Value, expected: &str) {
    let (found, expected) = (report(folder, plan), expected.trim_matches('\n'));
    assert!(found == expected, "--- expected\n{expected}\n--- found\n{found}\n");
}

fn of_root(resources: &[Value]) -> Value {
    json!({ "format_version": "1.2", "planned_values": { "root_module": { "resources": resources } } })
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("build/orders.zip", b"PK\x03\x04rest");
    folder.write("build/words.zip", b"PK\x03\x04rest");
    folder
}

#[test]
fn functions_have_the_names_of_their_addresses_and_the_files_that_the_plan_names() {
    let folder = folder();
    let mut plan = of_root(&[
        function(
            "aws_lambda_function.orders",
            json!({ "filename": "build/orders.zip", "architectures": ["arm64"] }),
        ),
        function(
            "aws_lambda_function.each[\"eu.west\"]",
            json!({ "filename": "./functions/single.py", "handler": "single.x" }),
        ),
        function("aws_lambda_function.docker", json!({ "package_type": "Image", "image_uri": "x" })),
        function("aws_lambda_function.object", json!({ "s3_bucket": "code", "s3_key": "orders.zip" })),
        function("aws_lambda_function.remote", json!({ "s3_bucket": "code", "s3_key": "remote.zip" })),
        function("aws_lambda_function.lost", json!({ "filename": "build/lost.zip" })),
        function(
            "aws_lambda_function.bare",
            json!({ "filename": "build/orders.zip", "handler": null, "runtime": null }),
        ),
        resource(
            "aws_s3_object.code",
            "aws_s3_object",
            &json!({ "bucket": "code", "key": "orders.zip", "source": "build/orders.zip" }),
        ),
        resource("aws_iam_role.x", "aws_iam_role", &json!({})),
    ]);
    let inner = function(
        "module.api.module.v2[1].aws_lambda_function.this[0]",
        json!({ "filename": "build/orders.zip" }),
    );
    plan["planned_values"]["root_module"]["child_modules"] = json!([{
        "address": "module.api",
        "child_modules": [{ "address": "module.api.module.v2[1]", "resources": [inner] }],
    }]);
    let expected = "
orders python3.12 app.handler arm64 build/orders.zip/ [] in orders
each/eu.west python3.12 single.x x86_64 functions/single.py/ [] in each-eu.west
object python3.12 app.handler x86_64 build/orders.zip/ [] in object
api/v2/1/this/0 python3.12 app.handler x86_64 build/orders.zip/ [] in object
docker left alone: it is an image function already: its own build makes it
remote:
  1: [remote-code] the code of `remote` is in S3: s3://code/remote.zip
    help: download it with `aws s3 cp s3://code/remote.zip FILE.zip`, write `filename = \"FILE.zip\"`, and plan again
lost:
  1: [missing-path] `build/lost.zip` does not exist
    help: build it first, or move the plan into the folder in which Terraform runs: paths are relative to it
bare:
  1: [missing-key] the plan has no `runtime` of `aws_lambda_function.bare`
    help: set `runtime` to a runtime id such as `python3.12`
";
    assert_report(&folder, &plan, expected);
    let loaded = load(&folder.path("plan.json"), &Options::of_tests()).unwrap();
    assert_eq!(
        (loaded.project.root.as_path(), &loaded.lock_file),
        (folder.root(), &folder.path("limg.lock"))
    );
    let orders = &loaded.project.functions[0];
    assert_eq!((orders.timeout, orders.memory, &orders.build_command), (30, 512, &None));
}

#[test]
fn a_package_that_does_not_exist_yet_stands_for_its_sources() {
    let folder = folder();
    let mut plan = of_root(&[
        function("aws_lambda_function.read", json!({ "filename": "./build/read.zip" })),
        function("aws_lambda_function.file", json!({ "filename": "build/file.zip", "handler": "single.x" })),
        function("aws_lambda_function.made", json!({ "filename": "build/made.zip" })),
        function("aws_lambda_function.deferred", json!({})),
        archive(
            "archive_file.file",
            &json!({ "output_path": "build/file.zip", "source_file": "functions/single.py" }),
        ),
    ]);
    let sources =
        json!({ "output_path": "build/read.zip", "source_dir": "functions/orders", "excludes": ["tests"] });
    plan["prior_state"] = json!({ "values": { "root_module": { "resources": [
        archive("data.archive_file.read", &sources),
        archive("data.archive_file.made", &json!({ "output_path": "build/made.zip", "source": [{ "content": "x" }] })),
        function("aws_lambda_function.gone", json!({})),
    ]}}});
    plan["configuration"] = json!({ "root_module": { "resources": [
        configured("aws_lambda_function", "deferred", &json!({
            "filename": references(&["data.archive_file.late.output_path", "data.archive_file.late"]),
        })),
        configured("archive_file", "late", &json!({
            "source_dir": { "constant_value": "functions/orders" }, "output_path": { "references": ["local.path"] },
        })),
    ]}});
    let expected = "
read python3.12 app.handler x86_64 functions/orders/ [] in read
file python3.12 single.x x86_64 functions/single.py/ [] in file
deferred python3.12 app.handler x86_64 functions/orders/ [] in deferred
made:
  1: [missing-path] the package does not exist, and its sources are in the configuration itself
    help: run `terraform plan` again, which makes the package
";
    assert_report(&folder, &plan, expected);
    let loaded = load(&folder.path("plan.json"), &Options::of_tests()).unwrap();
    assert_eq!(loaded.project.functions[0].code.files().unwrap().exclude, ["/tests"]);
}

/// A plan in which layers are made by the plan itself, in each of the ways in which functions name them.
fn with_layers() -> Value {
    let zip = |layers: Value| json!({ "filename": "build/orders.zip", "layers": layers });
    let unknown = || json!({ "filename": "build/orders.zip" });
    let words = |address: &str| layer(address, "build/words.zip");
    let mut known = words("aws_lambda_layer_version.known");
    known["values"]["arn"] = json!("arn:aws:lambda:eu-west-1:111111111111:layer:known:7");
    let resources = [
        function("aws_lambda_function.whole", unknown()),
        function(
            "aws_lambda_function.partly",
            zip(json!([null, "arn:aws:lambda:eu-west-1:123456789012:layer:x:1"])),
        ),
        function(
            "aws_lambda_function.known",
            zip(json!(["arn:aws:lambda:eu-west-1:111111111111:layer:known:7"])),
        ),
        function("aws_lambda_function.each[\"a\"]", unknown()),
        function("aws_lambda_function.local", unknown()),
        function("aws_lambda_function.uneven", zip(json!([null, null]))),
        words("aws_lambda_layer_version.words"),
        layer("aws_lambda_layer_version.each[\"a\"]", "layers/utils"),
        words("aws_lambda_layer_version.each[\"b\"]"),
        known,
    ];
    let mut plan = of_root(&resources);
    plan["planned_values"]["root_module"]["child_modules"] = json!([
        { "resources": [layer("module.layers.aws_lambda_layer_version.this[0]", "layers/tracer")] },
        { "resources": [function("module.api[\"x\"].aws_lambda_function.this", unknown())] },
    ]);
    let all = json!({ "layers": true });
    plan["resource_changes"] = json!([
        change("aws_lambda_function.whole", &all),
        change("aws_lambda_function.partly", &json!({ "layers": [true, false] })),
        change("aws_lambda_function.each[\"a\"]", &all),
        change("aws_lambda_function.local", &all),
        change("module.api[\"x\"].aws_lambda_function.this", &all),
    ]);
    plan["variables"] =
        json!({ "insights": { "value": "arn:aws:lambda:eu-west-1:580247275435:layer:Insights:5" } });
    let named = |name: &str, list: &[&str]| {
        configured("aws_lambda_function", name, &json!({ "layers": references(list) }))
    };
    let layer_of = "aws_lambda_layer_version";
    let words = ["aws_lambda_layer_version.words.arn", "aws_lambda_layer_version.words"];
    let outer = ["module.layers.arns", "module.layers", words[0], words[1]];
    plan["configuration"] = json!({ "root_module": {
        "resources": [
            named("whole", &["var.insights", words[0], words[1], words[0]]),
            named("partly", &words),
            named("each", &["aws_lambda_layer_version.each", "each.key"]),
            named("local", &["local.layers"]),
            named("uneven", &words),
            configured(layer_of, "words", &json!({})),
        ],
        "module_calls": {
            "layers": { "module": { "outputs": { "arns": { "expression": references(&[&format!("{layer_of}.this[0].arn"), layer_of]) } } } },
            "api": {
                "expressions": { "layers": references(&outer) },
                "module": { "resources": [named("this", &["var.layers"])] },
            },
        },
    }});
    plan
}

#[test]
fn layers_of_the_plan_are_found_by_the_references_of_the_configuration() {
    let expected = "
whole python3.12 app.handler x86_64 build/orders.zip/ [arn:aws:lambda:eu-west-1:580247275435:layer:Insights:5 words=build/words.zip] in whole
partly python3.12 app.handler x86_64 build/orders.zip/ [words=build/words.zip arn:aws:lambda:eu-west-1:123456789012:layer:x:1] in partly
known python3.12 app.handler x86_64 build/orders.zip/ [known=build/words.zip] in known
each/a python3.12 app.handler x86_64 build/orders.zip/ [each-a=layers/utils] in each-a
api/x/this python3.12 app.handler x86_64 build/orders.zip/ [layers-this-0=layers/tracer words=build/words.zip] in api-x-this
local:
  1: [unresolved-value] the plan does not contain which layers `aws_lambda_function.local` has
    help: name them without local values: `layers = [aws_lambda_layer_version.NAME.arn]`
uneven:
  1: [unresolved-value] the plan does not contain which layers `aws_lambda_function.uneven` has
    help: name them without local values: `layers = [aws_lambda_layer_version.NAME.arn]`
";
    let folder = folder();
    assert_report(&folder, &with_layers(), expected);
    let loaded = load(&folder.path("plan.json"), &Options::of_tests()).unwrap();
    let warnings: Vec<_> = loaded.warnings.shown.iter().map(|it| it.finding.message.as_str()).collect();
    let expected = "the plan does not contain the layers of `aws_lambda_function.whole`, so limg uses those that its \
                    configuration refers to: `arn:aws:lambda:eu-west-1:580247275435:layer:Insights:5`, `words`";
    assert!(
        warnings.iter().any(|message| message.replace('`', "") == expected.replace('`', "")),
        "{warnings:?}"
    );
}

#[test]
fn variables_stay_configuration_and_out_of_messages() {
    let folder = folder();
    let environment = json!([{ "variables": { "STAGE": "sesame-1", "TOKEN": "sesame-2", "AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap" } }]);
    let values = json!({ "filename": "build/orders.zip", "environment": environment, "snap_start": [{ "apply_on": "PublishedVersions" }] });
    let mut plan = of_root(&[
        function("aws_lambda_function.orders", values.clone()),
        function("aws_lambda_function.broken", json!({ "environment": environment, "runtime": "cobol" })),
    ]);
    plan["planned_values"]["root_module"]["resources"][0]["sensitive_values"] =
        json!({ "environment": true });
    plan["resource_changes"] = json!([change(
        "aws_lambda_function.orders",
        &json!({ "environment": [{ "variables": { "TABLE": true } }] })
    )]);
    let found = report(&folder, &plan);
    assert!(found.contains("[unknown-runtime]"), "{found}");
    assert!(!found.contains("sesame"), "{found}");
    let loaded = load(&folder.path("plan.json"), &Options::of_tests()).unwrap();
    let orders = &loaded.project.functions[0];
    assert_eq!(
        (orders.configuration["STAGE"].as_str(), &orders.deployed_variables[..]),
        ("sesame-1", &["TABLE".to_owned()][..])
    );
    assert!(orders.environment.is_empty() && orders.wrapper.is_some() && !orders.snapstart);
}

#[test]
fn a_plan_without_functions_is_an_error() {
    let expected = "  1: [no-functions] the plan has no functions\n    help: name the JSON of another plan with `-f FILE`";
    assert_report(&Folder::new(), &of_root(&[]), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn a_damaged_plan_gives_a_result(
        at in 0.0..1.0_f64,
        length in 0_usize..30,
        text in "([\\[\\]{}:,\"a-z/. ]|null|true|\"\"|\\{\\}|\\[\\]|module\\.|var\\.){0,3}",
    ) {
        let folder = folder();
        let mut plan = with_layers().to_string();
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any place will do")]
        let start = (at * plan.len() as f64) as usize;
        plan.replace_range(start..(start + length).min(plan.len()), &text);
        folder.write("plan.json", plan.as_bytes());
        prop_assert!(!described(&folder, load(&folder.path("plan.json"), &Options::of_tests())).is_empty());
    }
}
