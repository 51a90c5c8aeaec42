//! The runtime interface clients for Java and .NET in the open bases, which are part of this repository: how they
//! pass events to functions and return results and errors.

use serde_json::{Value, json};

use crate::support::{
    Base, Docker, Finished, Workspace, base, compile_dotnet, compile_java, finish, make_jar, repository,
};

/// A Java class with a method for each kind of handler.
const JAVA: &str = r#"
package my;

import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.Map;

interface Takes<T> { Object handleRequest(T event); }

public class App implements Takes<Map<String, List<Long>>> {
    public Object handleRequest(Map<String, List<Long>> event) { return event.get("numbers").get(0) + 1L; }
    public static Object echo(Object event) { return event; }
    public int bytes(byte[] event) { return event.length; }
    public void stream(InputStream in, OutputStream out) throws Exception { in.transferTo(out); }
    public void nothing(String event) {}
    public void fail(Object event) { throw new IllegalStateException("outer", new RuntimeException("inner")); }
    public Object ring(Object event) { Object[] ring = new Object[1]; ring[0] = ring; return ring; }
}
"#;

const CSHARP: &str = r#"
using System;
using System.Collections.Generic;
using System.IO;
using System.Threading.Tasks;

namespace My {
    public class App {
        public async Task<Dictionary<string, int>> Later(Dictionary<string, int> numbers) {
            await Task.Delay(1);
            numbers["sum"] = numbers["a"] + numbers["b"];
            return numbers;
        }
        public static Stream Copy(Stream input) { return input; }
        public async Task Fail() { await Task.Delay(1); throw new ArgumentException("outer", new Exception("inner")); }
    }
}
"#;

/// Functions on one base.
struct Functions {
    workspace: Workspace,
    _docker: Docker,
}

impl Functions {
    /// `handlers` are names of functions and their handlers. The code is in the folder `code`, a layer in `layer`.
    fn new(of: Base, workspace: Workspace, environment: &Value, handlers: &[(&str, &str)]) -> Self {
        let docker = Docker::new("client");
        let image = format!("oci:{}", base(of).display());
        let functions: Value = handlers
            .iter()
            .map(|(name, handler)| {
                let function = json!({
                    "runtime": "base", "handler": handler, "code": "code", "layers": ["layer"],
                    "environment": environment, "timeout": 60, "memory": 256,
                });
                ((*name).to_owned(), function)
            })
            .collect::<serde_json::Map<_, _>>()
            .into();
        let project = json!({
            "project": docker.prefix,
            // Images of this test's own, which no other test removes.
            "defaults": { "environment": { "LIMG_E2E": docker.prefix } },
            "bases": { "base": { "image": image, "contract": of.contract() } },
            "layers": { "layer": { "path": "layer" } },
            "functions": functions,
        });
        workspace.write("limg.yaml", project.to_string());
        Self { workspace, _docker: docker }
    }

    fn invoke(&self, function: &str, event: &str) -> Finished {
        finish(&mut self.workspace.limg(&["invoke", function, "--as-lambda", "-e", event]))
    }

    fn succeeds(&self, function: &str, event: &str, expected: &str) {
        let finished = self.invoke(function, event);
        assert_eq!((finished.code, finished.text().trim()), (0, expected), "{function}: {}", finished.stderr);
    }

    /// The error that the function responds with.
    fn fails(&self, function: &str, event: &str) -> Value {
        let finished = self.invoke(function, event);
        assert_eq!(finished.code, 1, "{function}: {}\n{}", finished.text(), finished.stderr);
        finished.json()
    }
}

fn probe(file: &str) -> std::path::PathBuf {
    repository().join("tests/e2e/matrix/probes").join(file)
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn java_handlers_get_the_event_in_the_type_that_they_declare() {
    let workspace = Workspace::new();
    workspace.write("layer/text", "");
    compile_java(&workspace.write("source/App.java", JAVA), &workspace.path("code"));
    let methods = ["echo", "bytes", "stream", "nothing", "fail", "ring", "absent"];
    let handlers = methods.map(|method| (method, format!("my.App::{method}")));
    let mut handlers: Vec<_> = handlers.iter().map(|(name, handler)| (*name, handler.as_str())).collect();
    handlers.extend([("generic", "my.App"), ("missing", "my.Missing::echo")]);
    let functions = Functions::new(Base::Java17, workspace, &json!({}), &handlers);

    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let deep = nested(500);
    for event in [
        "[123456789012345678901234567890,9223372036854775807,-2147483649,0,0.1,1.0E-7]",
        r#"{"é":"𝄞 \"\\\u0007","":[{},[],null,true,false]}"#,
        // Half of a surrogate pair is valid JSON, though not valid UTF-8.
        r#""\ud834""#,
        &deep,
    ] {
        functions.succeeds("echo", event, event);
    }
    functions.succeeds("echo", r#" [ "\/\u00e9\ud834\udd1e" , 1e2 ] "#, r#"["/é𝄞",100.0]"#);
    functions.succeeds("generic", r#"{"numbers":[4000000000]}"#, "4000000001");
    functions.succeeds("bytes", r#""aGk=""#, "2");
    functions.succeeds("stream", r#"{"a":  1}"#, r#"{"a":  1}"#);
    functions.succeeds("nothing", r#""x""#, "null");

    for (function, event, error) in [
        ("nothing", "1", "the handler takes java.lang.String, which cannot be made of a JSON Integer"),
        ("generic", r#"{"numbers":[1.5]}"#, "the handler takes java.lang.Long"),
        ("echo", &nested(600), "the JSON text is nested deeper than 512"),
        ("ring", "1", "the value is nested deeper than 512, or holds itself"),
        ("absent", "1", "No public method named absent of class my.App"),
    ] {
        let message = functions.fails(function, event)["errorMessage"].take();
        assert!(message.as_str().unwrap().starts_with(error), "{function}: {message}");
    }
    let error = functions.fails("fail", "1");
    assert_eq!(error["errorType"], "java.lang.IllegalStateException");
    assert_eq!(error["stackTrace"], json!(["my.App.fail(App.java:17)"]));
    assert_eq!(error["cause"]["errorMessage"], "inner");
    let error = functions.fails("missing", "1");
    assert_eq!(error["errorMessage"], "Class not found: my.Missing");
    assert_eq!(error["errorType"], "java.lang.ClassNotFoundException");
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_java_agent_and_jars_in_layers_are_found() {
    let workspace = Workspace::new();
    compile_java(&probe("java/Probe.java"), &workspace.path("code"));
    compile_java(&probe("java/Agent.java"), &workspace.path("agent"));
    workspace.write("layer/java/lib/text.JAR", "not a jar");
    make_jar(&workspace.path("agent"), &workspace.path("layer/agent.jar"), "Premain-Class: Agent\n");
    // If two jars have the same class, the first jar by name counts.
    for (jar, words) in [("b", "second"), ("a", "first")] {
        let source =
            format!("public class greet {{ public static String greeting() {{ return \"{words}\"; }} }}");
        let classes = workspace.path(jar);
        compile_java(&workspace.write("source/greet.java", source), &classes);
        make_jar(&classes, &workspace.path(format!("layer/java/lib/{jar}.jar")), "");
    }
    let environment = json!({ "JAVA_TOOL_OPTIONS": "-javaagent:/opt/agent.jar" });
    let functions = Functions::new(Base::Java17, workspace, &environment, &[("f", "Probe::handler")]);
    let event = r#"[["environment","HOOKED"],["library","greet"],["environment","AWS_EXECUTION_ENV"]]"#;
    functions.succeeds("f", event, r#"["yes","first","AWS_Lambda_java17"]"#);
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn dotnet_handlers_get_the_event_and_startup_hooks_run() {
    let workspace = Workspace::new();
    for folder in ["code", "layer"] {
        workspace.write(format!("{folder}/text"), "");
    }
    let source = workspace.write("source/App.cs", CSHARP);
    compile_dotnet(&source, &workspace.path("code"), "App");
    compile_dotnet(&probe("dotnet/Probe.cs"), &workspace.path("code"), "Probe");
    compile_dotnet(&probe("dotnet/Hook.cs"), &workspace.path("layer"), "Hook");
    let environment = json!({ "DOTNET_STARTUP_HOOKS": "/opt/Hook.dll" });
    let handlers = [
        ("later", "App::My.App::Later"),
        ("copy", "App::My.App::Copy"),
        ("fail", "App::My.App::Fail"),
        ("missing", "App::My.Missing::Fail"),
        ("probe", "Probe::Probe::Handler"),
    ];
    let functions = Functions::new(Base::DotnetCore31, workspace, &environment, &handlers);

    functions.succeeds("later", r#"{"a":1,"b":2}"#, r#"{"a":1,"b":2,"sum":3}"#);
    functions.succeeds("copy", r#"{"a":  "é"}"#, r#"{"a":  "é"}"#);
    let event = r#"[["environment","HOOKED"],["environment","DOTNET_ROOT"],["length","a𝄞"]]"#;
    functions.succeeds("probe", event, r#"["yes","/var/lang/bin",2]"#);

    let error = functions.fails("fail", "1");
    assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!("ArgumentException"), &json!("outer")));
    assert_eq!(error["stackTrace"], json!(["at My.App.Fail()"]));
    assert_eq!(error["cause"]["errorMessage"], "inner");
    let error = functions.fails("missing", "1");
    assert_eq!(error["errorMessage"], "The assembly App has no type My.Missing");
}
