//! Plans of Terraform, as `terraform show -json` prints them.

use serde_json::{Value, json};

use crate::support::{Context, Layout};

fn function(name: &str, package: &str, handler: &str) -> Value {
    let environment = json!([{ "variables": { "TOKEN": "sesame-sesame" } }]);
    json!({
        "address": format!("aws_lambda_function.{name}"),
        "mode": "managed",
        "type": "aws_lambda_function",
        "name": name,
        "values": { "filename": package, "handler": handler, "runtime": "provided.al2023", "environment": environment },
    })
}

/// A plan next to a package that exists, and the sources of one that does not.
fn project() -> Context {
    let context = Context::new();
    let functions = [
        function("orders", "build/orders.zip", "orders"),
        function("users", "build/orders.zip", "users"),
        function("late", "build/late.zip", "late"),
    ];
    let archive = json!({
        "address": "data.archive_file.late",
        "mode": "data",
        "type": "archive_file",
        "name": "late",
        "values": { "output_path": "build/late.zip", "source_dir": "fn" },
    });
    let plan = json!({
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": { "root_module": { "resources": functions } },
        "prior_state": { "values": { "root_module": { "resources": [archive] } } },
    });
    context.write("plan.json", plan.to_string());
    context.zip("build/orders.zip", &[("bootstrap", "#!/bin/sh\n")]);
    context.program("fn/bootstrap", "#!/bin/sh\nexit 1\n");
    context
}

#[test]
fn a_plan_is_built_from_packages_or_their_sources() {
    let context = project();
    let arguments = ["-f", "plan.json", "build", "--base", "provided.al2023=scratch"];
    let run = context.limg(&arguments).ok();
    assert!(!run.stderr.contains("sesame"), "{}", run.stderr);
    let layout = Layout::open(&context.path(".limg/images"));
    assert_eq!(layout.names(), ["orders", "late"], "two functions of one package are one image");
    assert_eq!(layout.image("orders").variable("TOKEN"), None, "it stays configuration");
}

#[test]
fn a_lost_package_is_reported_without_the_variables_around_it() {
    let context = project();
    std::fs::remove_file(context.path("build/orders.zip")).unwrap();
    let run = context.limg(&["-f", "plan.json", "build", "orders"]);
    assert!(!run.stderr.contains("sesame"), "{}", run.stderr);
    run.fails(2, &["plan.json", "[missing-path]", "in which Terraform runs"]);
}

#[test]
fn the_images_go_back_to_terraform_as_a_variable() {
    let context = project();
    let image = |name: &str| format!("{name}=registry.example.com/{name}@sha256:{}", "a".repeat(64));
    let uris = ["orders", "users", "late"].map(image);
    let mut arguments = vec!["-f", "plan.json", "template", "-o", "limg.auto.tfvars.json"];
    arguments.extend(uris.iter().flat_map(|uri| ["--uri", uri]));
    context.limg(&arguments).ok();
    let text = std::fs::read_to_string(context.path("limg.auto.tfvars.json")).unwrap();
    let variables: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(variables["limg_image_uris"]["late"], uris[2].split_once('=').unwrap().1);
    assert_eq!(variables["limg_image_uris"].as_object().unwrap().len(), 3);
}
