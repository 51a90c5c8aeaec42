//! Functions with the packages that functions in Python use most, from a list to a response.

use serde_json::{Value, json};

use super::{limg, uv};
use crate::support::{Base, Docker, Image, Workspace, base, succeed};

/// An event of an HTTP API (Lambda developer guide, urls-invocation).
fn http_event(path: &str) -> String {
    let http = json!({
        "method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.1", "userAgent": "test",
    });
    let context = json!({
        "accountId": "123456789012", "apiId": "api", "domainName": "api.example.com", "domainPrefix": "api",
        "http": http, "requestId": "1", "routeKey": "$default", "stage": "$default",
        "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1_773_342_238_000_i64,
    });
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": { "host": "api.example.com" }, "requestContext": context, "isBase64Encoded": false,
    })
    .to_string()
}

/// A function in Python 3.11 that limg installs packages for.
struct Project {
    _docker: Docker,
    workspace: Workspace,
}

impl Project {
    fn new(name: &str, code: &str) -> Self {
        let (docker, workspace) = (Docker::new(name), Workspace::new());
        workspace.write("code/app.py", code);
        let definition = json!({
            "project": docker.prefix,
            "bases": { "python3.11": { "image": format!("oci:{}", base(Base::Python311).display()) } },
            "functions": { "f": {
                "runtime": "python3.11", "handler": "app.handler", "code": "code", "install": true,
                "timeout": 60, "memory": 512,
            } },
        });
        workspace.write("limg.yaml", serde_json::to_vec_pretty(&definition).unwrap());
        workspace.write("code/.limgignore", "*\n!app.py\n");
        Self { _docker: docker, workspace }
    }

    fn invoke(&self, event: &str) -> Value {
        succeed(&mut limg(&self.workspace, &["invoke", "f", "-e", event], true)).json()
    }
}

#[test]
#[ignore = "needs Docker, PyPI and the open bases; `make test` runs it"]
fn fastapi_answers_events_of_an_api() {
    let code = "\
from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


@app.get('/items/{number}')
def item(number: int):
    return {'number': number}


handler = Mangum(app, lifespan='off')
";
    let project = Project::new("fastapi", code);
    let pyproject = "[project]\nname = \"shop\"\nversion = \"1\"\nrequires-python = \"==3.11.*\"\n\
                     dependencies = [\"fastapi\", \"mangum\"]\n";
    project.workspace.write("code/pyproject.toml", pyproject);
    uv(&project.workspace.path("code"), &["lock", "--quiet"]);
    let response = project.invoke(&http_event("/items/7"));
    assert_eq!((&response["statusCode"], &response["body"]), (&json!(200), &json!("{\"number\":7}")));
    // The validation of its parameters is compiled code.
    assert_eq!(project.invoke(&http_event("/items/x"))["statusCode"], 422);
}

const PANDAS: &str = "pandas==2.3.3\nnumpy==2.2.6\npython-dateutil\n";

#[test]
#[ignore = "needs Docker, PyPI and the open bases; `make test` runs it"]
fn pandas_computes() {
    let code = "\
import pandas


def handler(event, context):
    return pandas.DataFrame(event).groupby('kind')['price'].sum().to_dict()
";
    let project = Project::new("pandas", code);
    project.workspace.write("code/requirements.txt", PANDAS);
    let event = json!({ "kind": ["a", "b", "a"], "price": [1, 2, 3] }).to_string();
    assert_eq!(project.invoke(&event), json!({ "a": 4, "b": 2 }));
}

#[test]
#[ignore = "needs Docker, PyPI and the open bases; `make test` runs it"]
fn powertools_with_an_extra_routes_and_traces() {
    let code = "\
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

app, logger, tracer = APIGatewayHttpResolver(), Logger(service='shop'), Tracer(service='shop')


@app.get('/items/<number>')
@tracer.capture_method
def item(number: str):
    logger.info('item', number=number)
    return {'number': number}


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event, context):
    return app.resolve(event, context)
";
    let project = Project::new("powertools", code);
    // The tracer needs packages of an extra.
    project.workspace.write("code/requirements.txt", "aws-lambda-powertools[tracer]>=3\n");
    let response = project.invoke(&http_event("/items/7"));
    assert_eq!((&response["statusCode"], &response["body"]), (&json!(200), &json!("{\"number\":\"7\"}")));
}

#[test]
#[ignore = "needs PyPI; `make test` runs it"]
fn compiled_packages_are_for_the_architecture_of_the_function() {
    let workspace = Workspace::new();
    workspace.write("requirements.txt", PANDAS);
    let definition = |base: &Value, function: Value| {
        let document = json!({ "bases": { "base": base }, "functions": { "f": function } });
        workspace.write("limg.yaml", serde_json::to_vec_pretty(&document).unwrap());
    };
    // A base for arm64, which no program of this test runs.
    workspace.write_program("base/bootstrap", "#!/bin/sh\n");
    definition(
        &json!({ "image": "scratch", "contract": "provided.al2023" }),
        json!({ "runtime": "base", "architecture": "arm64", "handler": "bootstrap", "code": "base" }),
    );
    succeed(&mut limg(&workspace, &["build", "-o", "oci:arm64"], true));
    workspace.write("code/app.py", "import pandas\n\n\ndef handler(event, context): ...\n");
    definition(
        &json!({ "image": "oci:arm64", "contract": "python3.11" }),
        json!({
            "runtime": "base", "architecture": "arm64", "handler": "app.handler", "code": "code",
            "install": "requirements.txt",
        }),
    );
    succeed(&mut limg(&workspace, &["build"], true));
    let image = Image::of_layout(&workspace.path(".limg/images"), Some("f"));
    let modules = image.contents(|path| path.contains(".so"));
    // `e_machine` 183 in the ELF header is AArch64.
    let of_arm = modules.values().filter(|module| module[18..20] == [183, 0]).count();
    let all = modules.len();
    assert!(all > 60 && of_arm == all, "{of_arm} of {all}");
}
