//! The project that `limg init` creates: one function that builds and runs without changes.
//!
//! limg compiles nothing: for Java and .NET, the project has the source and names the command that compiles it. This module
//! writes no files.

use std::fmt::Write as _;

/// A starter project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Starter {
    /// Its files, all of which are new.
    pub files: Vec<StarterFile>,
    /// Patterns for its `.gitignore`: what limg and the compiler write.
    pub ignored: Vec<&'static str>,
    /// The command that compiles the function, in the project's folder, if it needs one.
    pub compile: Option<String>,
}

/// One file of a starter project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StarterFile {
    /// Its path relative to the project, with `/` between its names.
    pub path: &'static str,
    /// Its content.
    pub content: String,
    /// Whether it is a program.
    pub executable: bool,
}

/// The schema's file, which the definition names for editors.
const SCHEMA: &str = "limg.schema.json";

/// What limg writes next to a definition.
const OUTPUT: &str = ".limg/";

/// The starter of a language.
struct Language {
    /// The beginning of its runtime ids.
    beginning: &'static str,
    /// For a custom runtime any word does, but the entry script of the base requires one.
    handler: &'static str,
    code: &'static str,
    /// The names and contents of its files; `{version}` stands for the number in the runtime's id.
    files: &'static [(&'static str, &'static str)],
    is_program: bool,
    /// Patterns of what the compiler writes.
    compiled: &'static [&'static str],
    /// The command of the compiler for a version.
    compile: Option<fn(u32) -> String>,
}

const LANGUAGES: &[Language] = &[
    Language {
        beginning: "python",
        handler: "app.handler",
        code: CODE,
        files: &[(
            "functions/hello/app.py",
            "def handler(event, context):\n    return {\"message\": f\"hello, {event.get('name', 'world')}\"}\n",
        )],
        is_program: false,
        compiled: &["__pycache__/"],
        compile: None,
    },
    Language {
        beginning: "nodejs",
        handler: "app.handler",
        code: CODE,
        files: &[(
            "functions/hello/app.mjs",
            "export const handler = async (event) => ({ message: `hello, ${event.name ?? \"world\"}` });\n",
        )],
        is_program: false,
        compiled: &[],
        compile: None,
    },
    Language {
        beginning: "ruby",
        handler: "app.handler",
        code: CODE,
        files: &[(
            "functions/hello/app.rb",
            "def handler(event:, context:)\n  { message: \"hello, #{event.fetch('name', 'world')}\" }\nend\n",
        )],
        is_program: false,
        compiled: &[],
        compile: None,
    },
    Language {
        beginning: "java",
        handler: "Hello::handler",
        code: "functions/hello/classes",
        files: &[("functions/hello/Hello.java", HELLO_JAVA)],
        is_program: false,
        compiled: &["functions/hello/classes/"],
        // Newer runtimes run older classes, and a newer compiler makes them.
        compile: Some(|version| {
            let release = if version < 11 { 8 } else { 11 };
            format!("javac --release {release} -d functions/hello/classes functions/hello/Hello.java")
        }),
    },
    Language {
        beginning: "dotnet",
        handler: "Hello::Hello.Function::Handler",
        code: "functions/hello/publish",
        files: &[
            ("functions/hello/Hello.csproj", HELLO_CSPROJ),
            ("functions/hello/Function.cs", FUNCTION_CS),
        ],
        is_program: false,
        compiled: &["functions/hello/bin/", "functions/hello/obj/", "functions/hello/publish/"],
        compile: Some(|_| "dotnet publish functions/hello -c Release -o functions/hello/publish".to_owned()),
    },
    Language {
        beginning: "provided",
        handler: "bootstrap",
        code: CODE,
        files: &[("functions/hello/bootstrap", BOOTSTRAP)],
        is_program: true,
        compiled: &[],
        compile: None,
    },
];

/// The folder of code that needs no compiler.
const CODE: &str = "functions/hello";

/// A handler with the classes of Java 8 only.
const HELLO_JAVA: &str = r#"import java.util.Collections;
import java.util.Map;

public class Hello {
    public Map<String, String> handler(Map<String, Object> event) {
        Object name = event.getOrDefault("name", "world");
        return Collections.singletonMap("message", "hello, " + name);
    }
}
"#;

/// The runtime reads `Hello.runtimeconfig.json`, which a library has only if its project asks for it.
const HELLO_CSPROJ: &str = r#"<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>net{version}.0</TargetFramework>
    <GenerateRuntimeConfigurationFiles>true</GenerateRuntimeConfigurationFiles>
  </PropertyGroup>
</Project>
"#;

/// A handler from stream to stream, which needs no package.
const FUNCTION_CS: &str = r#"using System.Collections.Generic;
using System.IO;
using System.Text.Json;

namespace Hello
{
    public class Function
    {
        public Stream Handler(Stream input)
        {
            var name = "world";
            using (var document = JsonDocument.Parse(input))
            {
                JsonElement given;
                if (document.RootElement.TryGetProperty("name", out given))
                {
                    name = given.ToString();
                }
            }
            var response = new Dictionary<string, string> { { "message", "hello, " + name } };
            return new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(response));
        }
    }
}
"#;

/// A custom runtime in shell, based on the Lambda developer guide (runtimes-walkthrough).
const BOOTSTRAP: &str = r#"#!/bin/sh
# A custom runtime: gets events from Lambda one after another and responds to each.
set -eu
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
headers=$(mktemp)
while true; do
    curl -sS -D "$headers" -o /tmp/event "$api/next"
    request=$(tr -d '\r' < "$headers" | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: *//p')
    curl -sS -o /dev/null -d '{"message": "hello, world"}' "$api/$request/response"
done
"#;

/// The starter project for a runtime, on the given base image or on AWS's own. `None` if the runtime's language has no
/// starter.
#[must_use]
pub(crate) fn starter(runtime: &str, base: Option<&str>) -> Option<Starter> {
    let language = LANGUAGES.iter().find(|language| runtime.starts_with(language.beginning))?;
    let number = runtime.split(|c: char| !c.is_ascii_digit()).find_map(|digits| digits.parse().ok());
    let version: u32 = number.unwrap_or_default();
    let compile = language.compile.map(|command| command(version));
    let file = |path, content, executable| StarterFile { path, content, executable };
    let mut files = vec![
        file("limg.yaml", definition(runtime, base, language, compile.as_deref()), false),
        file(SCHEMA, format!("{:#}\n", super::schema()), false),
    ];
    files.extend(language.files.iter().map(|(path, content)| {
        file(*path, content.replace("{version}", &version.to_string()), language.is_program)
    }));
    let ignored = [&[OUTPUT], language.compiled].concat();
    Some(Starter { files, ignored, compile })
}

fn definition(runtime: &str, base: Option<&str>, language: &Language, compile: Option<&str>) -> String {
    // Editors with the YAML language server complete and check keys by the schema that this line names.
    let mut text = format!(
        "# yaml-language-server: $schema={SCHEMA}\n\
         # `limg build` builds an image of each function. `limg schema > {SCHEMA}` updates the schema for your editor.\n"
    );
    // Writing to a string cannot fail.
    let _ = write!(text, "\n# Defaults for all functions.\ndefaults:\n  runtime: {runtime}\n");
    text.push_str("  architecture: x86_64  # or arm64\n");
    if let Some(base) = base {
        // Every JSON string is a YAML string too.
        let image = serde_json::Value::from(base);
        text.push_str("\n# The base image of a runtime.\n");
        let _ = write!(text, "bases:\n  {runtime}: {{ image: {image} }}\n");
    }
    text.push_str("\nfunctions:\n  hello:\n");
    let _ = writeln!(text, "    handler: {}", language.handler);
    if let Some(compile) = compile {
        let _ = writeln!(text, "    # Compile it first: {compile}");
    }
    let _ = writeln!(text, "    code: {}  # a directory, a .zip or one file", language.code);
    // More than Lambda's defaults, which a cold start on a busy machine exceeds.
    text.push_str("    timeout: 30  # seconds\n    memory: 512  # MB\n    environment:\n      STAGE: dev\n");
    text.push_str(
        "\n# File trees that are merged into /opt, as in Lambda. List them in a function's `layers`.\n\
         # layers:\n#   utils: { path: layers/utils }\n\
         \n# Processes that run next to the runtime. List them in a function's `extensions`.\n\
         # extensions:\n#   log-shipper: { path: extensions/log-shipper }\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime;

    /// The project of a starter as if it was compiled, read as a definition.
    fn load(runtime: &str, base: Option<&str>) -> crate::definition::Loaded {
        let folder = tempfile::tempdir().unwrap();
        let starter = starter(runtime, base).unwrap_or_else(|| panic!("{runtime} has no starter"));
        let mut paths: Vec<_> = starter.files.iter().map(|file| (file.path, file.content.as_str())).collect();
        if starter.compile.is_some() {
            paths.extend(starter.ignored.iter().skip(1).map(|folder| (*folder, "")));
        }
        for (path, content) in paths {
            let path = folder.path().join(path).join(if path.ends_with('/') { "out" } else { "" });
            let path: std::path::PathBuf = path.components().collect();
            crate::fs::create_dir_all(path.parent().unwrap()).unwrap();
            crate::fs::write_atomically(&path, content.as_bytes()).unwrap();
        }
        crate::definition::load(&folder.path().join("limg.yaml"), &crate::definition::Options::of_tests())
            .unwrap()
    }

    #[test]
    fn every_starter_loads_without_findings() {
        for runtime in runtime::ids() {
            for base in [None, Some("docker-daemon:own:1"), Some("oci:./bases/\"odd\"")] {
                let loaded = load(runtime, base);
                assert_eq!(loaded.warnings.shown, [], "{runtime}");
                let [function] = &loaded.project.functions[..] else { panic!("{runtime}") };
                assert_eq!(function.base.contract, runtime);
                assert_eq!(function.base.image.is_some(), base.is_some());
            }
        }
    }

    #[test]
    fn the_editor_finds_the_schema_next_to_the_definition() {
        let starter = starter("python3.14", None).unwrap();
        let first = starter.files[0].content.lines().next().unwrap();
        let schema = first.strip_prefix("# yaml-language-server: $schema=").unwrap();
        let file = starter.files.iter().find(|file| file.path == schema).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&file.content).unwrap(),
            crate::definition::schema()
        );
    }

    #[test]
    fn what_is_compiled_fits_the_runtime() {
        let compile = |runtime| starter(runtime, None).unwrap().compile;
        assert!(compile("java8.al2").unwrap().contains("--release 8 "));
        assert!(compile("java25").unwrap().contains("--release 11 "));
        let project = &starter("dotnet10", None).unwrap().files[2];
        assert!(project.content.contains("<TargetFramework>net10.0<"), "{project:?}");
        assert_eq!(compile("python3.14"), None);
    }
}
