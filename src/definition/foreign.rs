//! Files of other tools that a user may name instead of a definition, recognised by their keys, first bytes or names.
//!
//! They are looked at only after a file turned out not to be a definition.

use std::io::Read as _;
use std::path::Path;

use super::document::Node;
use crate::fs;

/// How much of a file is looked at, in bytes: a tar archive has its mark in byte 257.
const BEGINNING: u64 = 4096;

/// What a file is, as `FILE is …` continues, and what to do instead of naming it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// With its article.
    pub what: &'static str,
    /// An imperative clause.
    pub help: &'static str,
}

/// For files that describe functions or services in the words of another tool.
const DESCRIBE: &str = "run `limg init` to create a limg.yaml, and describe the functions in it";
/// For services whose definition is a program.
const SERVICE: Foreign = Foreign {
    what: "a Serverless Framework service written as a program",
    help: "run `serverless package`, and use `-f .serverless`: limg does not run the program",
};
/// For files that can be a function's code or a layer.
const NAME_AS_CODE: &str = "name it in a limg.yaml, as `code` of a function or `path` of a layer";
/// For files that belong into a function's code.
const IN_CODE: &str = "name the folder that contains it in a limg.yaml, as `code` of a function";
/// For files that limg needs no counterpart of.
const NEEDLESS: &str = "run `limg init` to create a limg.yaml: limg needs no Dockerfile";

/// Top-level keys that only files of one kind have together, the most telling kinds first.
const BY_KEYS: &[(&[&str], Foreign)] = &[
    (&["AWSTemplateFormatVersion"], Foreign { what: "a CloudFormation template", help: DESCRIBE }),
    (&["app", "context"], Foreign { what: "a CDK configuration", help: DESCRIBE }),
    (&["services"], Foreign { what: "a Docker Compose file", help: DESCRIBE }),
    (&["apiVersion", "kind"], Foreign { what: "a Kubernetes manifest", help: DESCRIBE }),
    (&["openapi"], Foreign { what: "an OpenAPI description", help: DESCRIBE }),
    (&["swagger"], Foreign { what: "an OpenAPI description", help: DESCRIBE }),
    (&["jobs"], Foreign { what: "a workflow of a CI service", help: DESCRIBE }),
    (&["phases", "version"], Foreign { what: "a CodeBuild file", help: DESCRIBE }),
    (&["lockfileVersion"], Foreign { what: "a lock file of npm or pnpm", help: IN_CODE }),
    (&["imageLayoutVersion"], Foreign { what: "a file of an OCI image layout", help: BASE }),
    (&["schemaVersion"], Foreign { what: "a manifest or index of an image", help: BASE }),
    (&["registries"], Foreign { what: "limg's own configuration", help: CONFIGURATION }),
    (&["store"], Foreign { what: "limg's own configuration", help: CONFIGURATION }),
    (&["compilerOptions"], Foreign { what: "a TypeScript configuration", help: IN_CODE }),
    (&["dependencies"], PACKAGE_JSON),
    (&["devDependencies"], PACKAGE_JSON),
    (&["scripts"], PACKAGE_JSON),
    (&["name", "version"], PACKAGE_JSON),
];

const PACKAGE_JSON: Foreign = Foreign { what: "a package.json", help: IN_CODE };
const BASE: &str = "name the layout in a limg.yaml, as `image: \"oci:DIR\"` of a base";
const CONFIGURATION: &str = "name a limg.yaml; limg reads its configuration by itself, or from LIMG_CONFIG";

/// The first bytes of files.
const BY_BYTES: &[(&[u8], Foreign)] = &[
    (b"PK\x03\x04", Foreign { what: "a zip archive", help: NAME_AS_CODE }),
    (b"PK\x05\x06", Foreign { what: "a zip archive", help: NAME_AS_CODE }),
    (b"\x1f\x8b", Foreign { what: "a gzip archive", help: "unpack it, and name the folder in a limg.yaml" }),
    (b"\x7fELF", Foreign { what: "a program", help: NAME_AS_CODE }),
    (b"#!", Foreign { what: "a script", help: NAME_AS_CODE }),
];

/// Names and suffixes of files, in lower case.
const BY_NAME: &[(&str, Foreign)] = &[
    ("dockerfile", Foreign { what: "a Dockerfile", help: NEEDLESS }),
    ("containerfile", Foreign { what: "a Dockerfile", help: NEEDLESS }),
    ("requirements.txt", Foreign { what: "a list of Python packages", help: IN_CODE }),
    (".toml", Foreign { what: "a TOML file", help: "name a limg.yaml" }),
    (".tf", Foreign { what: "a Terraform file", help: DESCRIBE }),
    (".lock", Foreign { what: "a lock file", help: "name the limg.yaml next to it" }),
    (".env", Foreign { what: "a file of environment variables", help: "name a limg.yaml" }),
    ("serverless.ts", SERVICE),
    ("serverless.js", SERVICE),
    ("serverless.mjs", SERVICE),
    ("serverless.cjs", SERVICE),
    (".py", Foreign { what: "source code", help: NAME_AS_CODE }),
    (".js", Foreign { what: "source code", help: NAME_AS_CODE }),
    (".mjs", Foreign { what: "source code", help: NAME_AS_CODE }),
    (".ts", Foreign { what: "source code", help: NAME_AS_CODE }),
    (".rb", Foreign { what: "source code", help: NAME_AS_CODE }),
    (".java", Foreign { what: "source code", help: NAME_AS_CODE }),
    (".go", Foreign { what: "source code", help: NAME_AS_CODE }),
];

/// What a file is that is not a definition; `root` is its value if it could be parsed.
pub(super) fn recognise(file: &Path, root: Option<&Node>) -> Option<Foreign> {
    let Some(Node::Mapping(entries)) = root else {
        return by_content(file).or_else(|| by_name(file));
    };
    let has = |key: &str| entries.iter().any(|entry| entry.key == key);
    if has("functions") {
        return None;
    }
    let by_keys = BY_KEYS.iter().find(|(keys, _)| keys.iter().all(|key| has(key)));
    // Source code can look like YAML.
    by_keys.map(|(_, foreign)| *foreign).or_else(|| by_name(file))
}

fn by_content(file: &Path) -> Option<Foreign> {
    let mut beginning = Vec::new();
    fs::open(file).ok()?.take(BEGINNING).read_to_end(&mut beginning).ok()?;
    if beginning.get(257..262) == Some(b"ustar") {
        return Some(Foreign {
            what: "a tar archive",
            help: "unpack it, and name the folder in a limg.yaml",
        });
    }
    let by_bytes = BY_BYTES.iter().find(|(bytes, _)| beginning.starts_with(bytes));
    by_bytes.map(|(_, foreign)| *foreign).or_else(|| {
        let text = String::from_utf8_lossy(&beginning);
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let first = lines.find(|line| !line.to_ascii_uppercase().starts_with("ARG "))?;
        let is_dockerfile = first.to_ascii_uppercase().starts_with("FROM ");
        is_dockerfile.then_some(Foreign { what: "a Dockerfile", help: NEEDLESS })
    })
}

fn by_name(file: &Path) -> Option<Foreign> {
    let name = file.file_name()?.to_str()?.to_lowercase();
    let is_called = |known: &str| {
        name.ends_with(known) || (!known.starts_with('.') && name.starts_with(&format!("{known}.")))
    };
    BY_NAME.iter().find(|(known, _)| is_called(known)).map(|(_, foreign)| *foreign)
}

#[cfg(test)]
mod tests {
    use crate::definition::{DefinitionError, Options, load};
    use crate::failure::{Failure as _, help_text};

    #[test]
    fn a_file_of_another_tool_is_called_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let cases: &[(&str, &[u8], &str, &str)] = &[
            (
                "serverless.ts",
                b"export default { service: 'shop' };\n",
                "a Serverless Framework service written as a program",
                "`-f .serverless`",
            ),
            ("compose.yaml", b"services: { web: { image: x } }\n", "a Docker Compose file", "limg init"),
            ("package.json", b"{\"name\": \"a\", \"dependencies\": {}}", "a package.json", "`code`"),
            (
                "Dockerfile",
                b"FROM public.ecr.aws/lambda/python:3.12\nCOPY . .\n",
                "a Dockerfile",
                "no Dockerfile",
            ),
            (
                "Dockerfile.dev",
                b"# syntax=docker/dockerfile:1\nARG V=1\nFROM x:$V\n",
                "a Dockerfile",
                "no Dockerfile",
            ),
            ("build.yaml", b"from alpine\nrun echo\n", "a Dockerfile", "no Dockerfile"),
            ("code.zip", b"PK\x03\x04\xff\xff", "a zip archive", "`code`"),
            ("code.tgz", b"\x1f\x8b\x08\xff", "a gzip archive", "unpack it"),
            ("code.tar", &tar, "a tar archive", "unpack it"),
            ("bootstrap", b"\x7fELF\xff\xff", "a program", "`code`"),
            ("run", b"#!/bin/sh\necho: a\n  b: [\n", "a script", "`code`"),
            ("requirements.txt", b"numpy==2.0\nrequests\n", "a list of Python packages", "`code`"),
            ("samconfig.toml", b"version = 0.1\n[default]\n", "a TOML file", "limg.yaml"),
            ("app.py", b"def handler(event, context):\n    return {}\n", "source code", "`code`"),
        ];
        for (name, content, what, help) in cases {
            let file = folder.path().join(name);
            crate::fs::write_atomically(&file, content).unwrap();
            let error = load(&file, &Options::of_tests()).unwrap_err();
            assert_eq!(error.to_string(), format!("`{}` is {what}, not a definition", file.display()));
            assert!(help_text(&error).contains(help), "{name}: {}", help_text(&error));
            assert_eq!(error.kind(), crate::failure::FailureKind::User);
        }
    }

    #[test]
    fn a_definition_with_mistakes_stays_a_definition() {
        let folder = tempfile::tempdir().unwrap();
        for text in [
            "functions: { a: { code: x } }\nservices: {}\n",
            "functons: { a: { code: x } }\n",
            "layers: {}\n",
            "functions: [\n",
            "",
        ] {
            let file = folder.path().join("limg.yaml");
            crate::fs::write_atomically(&file, text.as_bytes()).unwrap();
            let error = load(&file, &Options::of_tests()).unwrap_err();
            assert!(matches!(error, DefinitionError::Findings { .. }), "{text}: {error}");
        }
    }
}
