//! The project that `limg init` creates: one function that builds without changes.
//!
//! Languages that need a compiler have no starter, since limg could not build it at once. This module writes no files.

use std::fmt::Write as _;

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

/// A language that needs no compiler.
struct Language {
    /// The beginning of its runtime ids.
    beginning: &'static str,
    /// For a custom runtime any word does, but the entry script of the base requires one.
    handler: &'static str,
    file: &'static str,
    content: &'static str,
    executable: bool,
}

const LANGUAGES: &[Language] = &[
    Language {
        beginning: "python",
        handler: "app.handler",
        file: "functions/hello/app.py",
        content: "def handler(event, context):\n    return {\"message\": f\"hello, {event.get('name', 'world')}\"}\n",
        executable: false,
    },
    Language {
        beginning: "nodejs",
        handler: "app.handler",
        file: "functions/hello/app.mjs",
        content: "export const handler = async (event) => ({ message: `hello, ${event.name ?? \"world\"}` });\n",
        executable: false,
    },
    Language {
        beginning: "ruby",
        handler: "app.handler",
        file: "functions/hello/app.rb",
        content: "def handler(event:, context:)\n  { message: \"hello, #{event.fetch('name', 'world')}\" }\nend\n",
        executable: false,
    },
    Language {
        beginning: "provided",
        handler: "bootstrap",
        file: "functions/hello/bootstrap",
        content: BOOTSTRAP,
        executable: true,
    },
];

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

/// The files of a starter project for a runtime, on the given base image or on AWS's own. `None` if the runtime's
/// language has no starter.
#[must_use]
pub(crate) fn starter(runtime: &str, base: Option<&str>) -> Option<Vec<StarterFile>> {
    let language = LANGUAGES.iter().find(|language| runtime.starts_with(language.beginning))?;
    Some(vec![
        StarterFile { path: "limg.yaml", content: definition(runtime, base, language), executable: false },
        StarterFile {
            path: language.file,
            content: language.content.to_owned(),
            executable: language.executable,
        },
    ])
}

fn definition(runtime: &str, base: Option<&str>, language: &Language) -> String {
    let mut text = String::from(
        "# `limg build` builds an image of each function; `limg schema` prints all keys for your editor.\n",
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
    text.push_str("    code: functions/hello  # a directory, a .zip or one file\n");
    text.push_str("    environment:\n      STAGE: dev\n");
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

    #[test]
    fn every_starter_loads_without_findings() {
        let cases = [
            ("python3.12", None),
            ("nodejs22.x", Some("docker-daemon:nodejs:22")),
            ("ruby3.4", Some("oci:./bases/\"odd\"")),
            ("provided.al2023", Some("oci:./bases/provided")),
        ];
        for (runtime, base) in cases {
            let folder = tempfile::tempdir().unwrap();
            for file in starter(runtime, base).unwrap() {
                let path = folder.path().join(file.path);
                crate::fs::create_dir_all(path.parent().unwrap()).unwrap();
                crate::fs::write_atomically(&path, file.content.as_bytes()).unwrap();
            }
            let loaded = crate::definition::load(&folder.path().join("limg.yaml"), &[runtime]).unwrap();
            assert_eq!(loaded.warnings.shown, [], "{runtime}");
            let [function] = &loaded.project.functions[..] else { panic!("{runtime}") };
            assert_eq!(function.base.contract, runtime);
            assert_eq!(function.base.image.is_some(), base.is_some());
        }
    }

    #[test]
    fn a_language_that_needs_a_compiler_has_no_starter() {
        assert_eq!(starter("java21", Some("oci:base")), None);
    }
}
