//! Compares the documentation with the program: it must contain every key and every code.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::Context;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn reference() -> String {
    std::fs::read_to_string(root().join("docs/limg-yaml.md")).unwrap()
}

#[test]
fn every_code_of_a_finding_is_documented() {
    let reference = reference();
    let row =
        |code: &limg::finding::Code| format!("| `{code}` | {} |", code.description().trim_end_matches('.'));
    let table = limg::finding::Code::ALL.iter().map(row).collect::<Vec<_>>().join("\n");
    assert!(reference.contains(&table), "docs/limg-yaml.md must have this table:\n{table}");
}

#[test]
fn every_key_is_documented() {
    let schema: Value = serde_json::from_str(&Context::new().limg(&["schema"]).ok().stdout).unwrap();
    let reference = reference();
    let mut schemas = vec![&schema];
    let mut seen = 0;
    while let Some(schema) = schemas.pop() {
        for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
            assert!(reference.contains(&format!("`{key}`")), "docs/limg-yaml.md does not name `{key}`");
            seen += 1;
            schemas.extend([inner, &inner["additionalProperties"]]);
        }
    }
    assert_eq!(seen, 205);
}

#[test]
fn links_have_targets() {
    let mut documents = files(&root().join("docs"), "md");
    documents.extend(["README.md", "CHANGELOG.md"].map(|name| root().join(name)));
    let mut seen = 0;
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if !link.contains("://") && !link.starts_with('#') {
                let file = link.split('#').next().unwrap_or_default();
                let target = document.parent().unwrap().join(file);
                assert!(target.exists(), "{}: `{link}` leads nowhere", document.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 5);
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
    found
}
