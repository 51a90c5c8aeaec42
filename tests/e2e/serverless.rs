//! A service of the Serverless Framework runs in Docker without a limg.yaml, from its sources and from the package that
//! `serverless package` writes.

use std::io::{Cursor, Write as _};

use serde_json::{Value, json};

use crate::support::{Base, Docker, Workspace, base, finish};

/// A service with a layer, a variable of its stage, and two functions that share an image. `NAME` is its name.
const SERVICE: &str = "\
service: NAME
provider:
  name: aws
  runtime: python3.11
  environment:
    STAGE: ${sls:stage}
    TABLE: !Ref Table
package:
  patterns: ['!secret.txt']
layers:
  words:
    path: layers/words
functions:
  greet:
    handler: src/app.greet
    timeout: 20
    layers: [!Ref WordsLambdaLayer]
  count:
    handler: src/app.count
    timeout: 20
    layers: [!Ref WordsLambdaLayer]
    environment: { LIMIT: 7 }
";

const APP: &str = r#"
import os

import words


def greet(event, context):
    return {"message": f"{words.GREETING}, {event['name']}", "stage": os.environ["STAGE"], "origin": ORIGIN}


def count(event, context):
    secret = os.path.exists("/var/task/secret.txt")
    return {"limit": os.environ["LIMIT"], "secret": secret, "table": os.environ.get("TABLE")}


ORIGIN = "sources"
"#;

struct Service {
    docker: Docker,
    workspace: Workspace,
}

impl Service {
    fn new(name: &str) -> Self {
        let (docker, workspace) = (Docker::new(name), Workspace::new());
        workspace.write("shop/serverless.yml", SERVICE.replace("NAME", &docker.prefix));
        workspace.write("shop/src/app.py", APP);
        workspace.write("shop/secret.txt", "secret");
        workspace.write("shop/layers/words/python/words.py", "GREETING = 'hello'\n");
        Self { docker, workspace }
    }

    /// Writes the package of the service, newer than its sources.
    fn package(&self) {
        self.workspace.settle();
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("src/app.py", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(APP.replace("\"sources\"", "\"package\"").as_bytes()).unwrap();
        let package = format!("shop/.serverless/{}.zip", self.docker.prefix);
        self.workspace.write(package, zip.finish().unwrap().into_inner());
    }

    fn invoke(&self, function: &str, event: &str, options: &[&str]) -> Value {
        let image = format!("python3.11=oci:{}", base(Base::Python311).display());
        let mut invoke =
            self.workspace.limg(&["invoke", function, "-f", "shop", "-e", event, "--base", &image]);
        let invoked = finish(invoke.args(options));
        assert_eq!(invoked.code, 0, "{}\n{}", invoked.text(), invoked.stderr);
        invoked.json()
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_serverless_service_runs_from_its_sources() {
    let service = Service::new("serverless-sources");
    assert_eq!(
        service.invoke("greet", "{\"name\": \"Ada\"}", &["--stage", "prod"]),
        json!({ "message": "hello, Ada", "stage": "prod", "origin": "sources" })
    );
    assert_eq!(service.invoke("count", "{}", &[]), json!({ "limit": "7", "secret": false, "table": null }));
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_serverless_service_runs_from_its_package() {
    let service = Service::new("serverless-package");
    service.package();
    let greeting =
        |options: &[&str]| service.invoke("greet", "{\"name\": \"Ada\"}", options)["origin"].clone();
    assert_eq!(greeting(&[]), "package");
    assert_eq!(greeting(&["--source"]), "sources");
}
