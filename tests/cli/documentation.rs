//! The documentation is complete: it has every key of a definition and every code of a problem.

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
fn every_code_of_a_problem_is_documented() {
    let reference = reference();
    let mut codes: Vec<String> =
        limg::definition::codes::ALL.iter().map(|(code, _)| (*code).to_owned()).collect();
    for file in files(&root().join("src"), "rs") {
        if file.to_string_lossy().contains("tests") {
            continue;
        }
        let text = std::fs::read_to_string(file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let literal = |rest: &str| rest.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned);
        codes.extend(text.split("Problem::new(").skip(1).filter_map(literal));
    }
    assert!(codes.iter().any(|code| code == "missing-wrapper"), "codes of the plan are found");
    codes.retain(|code| !reference.contains(&format!("| `{code}` |")));
    assert_eq!(codes, [""; 0], "docs/limg-yaml.md has no row for these codes");
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
    assert_eq!(seen, 67);
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
                let target = document.parent().unwrap().join(link);
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
