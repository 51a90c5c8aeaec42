//! A project with one function, and the results of invoking it.

use serde_json::{Map, Value, json};

use super::runtime::Runtime;
use crate::support::{Docker, Workspace, emulator, finish, succeed, tool};

/// A project with one function, `f`, on one runtime. Its code is the probe, in a directory.
pub(super) struct Project {
    pub(super) workspace: Workspace,
    pub(super) runtime: Runtime,
    docker: Docker,
    layers: Map<String, Value>,
    extensions: Map<String, Value>,
    function: Map<String, Value>,
}

/// The result of an invocation.
pub(super) struct InvocationResult {
    /// `success`, `function_error` or `timeout`.
    pub(super) status: String,
    /// The function's response.
    pub(super) response: Value,
    /// The error's message, or empty.
    pub(super) message: String,
    /// The output of the container and the messages of limg.
    pub(super) log: String,
}

impl Project {
    pub(super) fn new(runtime: Runtime) -> Self {
        let (docker, workspace) = (Docker::new("matrix"), Workspace::new());
        runtime.write_probe(&workspace, "code");
        let function = json!({
            "runtime": "base", "handler": runtime.handler(), "code": "code", "timeout": 60,
            "environment": { "LIMG_E2E": docker.prefix },
        });
        let Value::Object(function) = function else { unreachable!() };
        Self { workspace, runtime, docker, layers: Map::new(), extensions: Map::new(), function }
    }

    /// Sets a key of the function.
    pub(super) fn set(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.function.insert(key.to_owned(), value.into());
        self
    }

    /// Sets a variable of the function.
    pub(super) fn environment(&mut self, name: &str, value: &str) -> &mut Self {
        self.function["environment"][name] = value.into();
        self
    }

    /// Adds a layer from a path of the workspace.
    pub(super) fn layer(&mut self, name: &str, path: &str) -> &mut Self {
        self.layers.insert(name.to_owned(), json!({ "path": path }));
        add(&mut self.function, "layers", name);
        self
    }

    /// Adds an extension.
    pub(super) fn extension(&mut self, name: &str, definition: Value) -> &mut Self {
        self.extensions.insert(name.to_owned(), definition);
        add(&mut self.function, "extensions", name);
        self
    }

    /// Packs a folder of the workspace as a zip for Lambda. Returns its name.
    pub(super) fn zip(&self, folder: &str) -> String {
        let archive = format!("{folder}.zip");
        let mut zip = tool("zip");
        zip.args(["-q", "-r"]).arg(self.workspace.path(&archive)).arg(".");
        succeed(zip.current_dir(self.workspace.path(folder)));
        archive
    }

    /// Sends operations to the probe in a plain container and in one as in Lambda. The results must be the same.
    pub(super) fn results(&self, operations: &Value) -> Vec<Value> {
        let results = self.invoke(operations, &[]);
        for result in &results {
            assert_eq!(result.status, "success", "{}\n{}", result.message, result.log);
        }
        let [plain, restricted] = results;
        assert_eq!(plain.response, restricted.response, "the response differs with `--as-lambda`");
        serde_json::from_value(plain.response).expect("a list of results")
    }

    /// Invokes the function in a plain container, then as in Lambda.
    pub(super) fn invoke(&self, operations: &Value, arguments: &[&str]) -> [InvocationResult; 2] {
        let definition = json!({
            "project": self.docker.prefix,
            "bases": { "base": self.runtime.base() },
            "layers": self.layers,
            "extensions": self.extensions,
            "functions": { "f": self.function },
        });
        self.workspace.write("limg.yaml", definition.to_string());
        self.workspace.write("event.json", operations.to_string());
        [[].as_slice(), &["--as-lambda"]].map(|mode| self.invoke_once(&[mode, arguments].concat()))
    }

    /// Fails if `limg check` finds an error in the function, which has been invoked.
    pub(super) fn assert_unquestioned(&self) {
        succeed(&mut self.workspace.limg(&["check"]));
    }

    fn invoke_once(&self, arguments: &[&str]) -> InvocationResult {
        let mut limg = self.workspace.limg(&["invoke", "-e", "event.json", "--format", "json"]);
        if self.runtime.lacks_emulator() {
            limg.arg("--rie").arg(emulator());
        }
        let finished = finish(limg.args(arguments));
        assert!(finished.code <= 1, "limg ended with {}\n{}", finished.code, finished.stderr);
        assert_eq!(self.docker.containers(), Vec::<String>::new(), "a container is left");
        let mut report = finished.json();
        let text = |key: &str| report[key].as_str().unwrap_or_default().to_owned();
        let (status, message) = (text("status"), text("error_message"));
        assert_eq!(finished.code == 0, status == "success", "{report}");
        InvocationResult { status, message, response: report["response"].take(), log: finished.stderr }
    }
}

/// Adds a name to a list of the function.
fn add(function: &mut Map<String, Value>, key: &str, name: &str) {
    let names = function.entry(key).or_insert_with(|| json!([]));
    names.as_array_mut().expect("a list").push(name.into());
}
