//! Packages of vendors for Lambda, with their handlers and wrappers: `limg check` finds no error in them.

use serde_json::{Value, json};

use super::limg;
use crate::support::{Base, Workspace, base, finish, succeed, tool};

/// Packages from `PyPI` with handlers, tracers and compiled modules, for a system as old as the base.
const PYTHON: &str = "\
datadog-lambda==8.130.0
ddtrace==4.16.0
aws-lambda-powertools[all]==3.37.0
sentry-sdk==2.75.0
newrelic==14.1.0
lumigo-tracer==1.1.257
elastic-apm==6.26.2
opentelemetry-instrumentation-aws-lambda==0.66b1
pydantic==2.14.4
psycopg2-binary==2.9.13
cryptography==50.0.2
lxml==6.1.3
";

/// Packages from npm's registry, some with modules for many systems.
const NODE: [(&str, &str); 4] = [
    ("datadog-lambda-js", "12.143.0"),
    ("dd-trace", "6.21.0"),
    ("@lumigo/tracer", "1.91.0"),
    ("sharp", "0.35.5"),
];

/// Fails if the function `f` has errors, or warnings other than these.
fn assert_unquestioned(workspace: &Workspace, allowed: &[&str]) {
    let checked = finish(&mut limg(workspace, &["check", "--format", "json"], true));
    let report = checked.json();
    let findings = report["findings"].as_array().unwrap();
    let is_allowed = |finding: &&Value| {
        finding["severity"] == "warning" && allowed.iter().any(|code| finding["code"] == **code)
    };
    let unexpected: Vec<&Value> = findings.iter().filter(|finding| !is_allowed(finding)).collect();
    assert!(checked.code == 0 && unexpected.is_empty(), "{unexpected:#?}");
}

#[test]
#[ignore = "needs PyPI and the open bases; `make test` runs it"]
fn packages_of_vendors_for_python_have_no_errors() {
    let workspace = Workspace::new();
    workspace.write("code/app.py", "def handler(event, context):\n    return event\n");
    workspace.write("code/requirements.txt", PYTHON);
    let definition = json!({
        "project": "vendors",
        "bases": { "python3.11": { "image": format!("oci:{}", base(Base::Python311).display()) } },
        "functions": { "f": {
            "runtime": "python3.11", "handler": "app.handler", "code": "code", "install": true,
            "handler_wrapper": "datadog_lambda.handler.handler",
        } },
    });
    workspace.write("limg.yaml", definition.to_string());
    assert_unquestioned(&workspace, &["copy-of-base"]);
}

#[test]
#[ignore = "needs npm's registry and the open bases; `make test` runs it"]
fn packages_of_vendors_for_node_have_no_errors() {
    let workspace = Workspace::new();
    workspace.write("code/app.js", "exports.handler = async (event) => event;\n");
    let packages: Value = NODE.iter().map(|(name, version)| ((*name).to_owned(), json!(version))).collect();
    let manifest = json!({ "name": "vendors", "version": "1.0.0", "dependencies": packages });
    workspace.write("code/package.json", manifest.to_string());
    let code = workspace.path("code");
    succeed(tool("npm").args(["install", "--silent", "--package-lock-only"]).current_dir(code));
    let definition = json!({
        "project": "vendors",
        "bases": { "nodejs22.x": { "image": format!("oci:{}", base(Base::Nodejs22).display()) } },
        "functions": { "f": {
            "runtime": "nodejs22.x", "handler": "app.handler", "code": "code", "install": { "scripts": false },
        } },
    });
    workspace.write("limg.yaml", definition.to_string());
    assert_unquestioned(&workspace, &[]);
}
