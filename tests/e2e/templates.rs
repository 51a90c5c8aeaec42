//! Rewritten templates, as AWS's own transform of SAM and cfn-lint read them.

use std::path::Path;
use std::process::Command;

use crate::support::{finish, repository};

/// The templates that the rewriting is compared with, and their functions from images.
const REWRITTEN: &[(&str, &[&str])] = &[
    ("anchors.after.yaml", &["One", "Two", "Four"]),
    ("lambda.after.json", &["Orders0D9E8F7A"]),
    ("loops.after.yaml", &["Front"]),
    ("mixed.after.yaml", &["Converted"]),
    ("renamed.after.yaml", &["OrdersImage"]),
    ("serverless.after.yaml", &["Orders", "Inline", "Bare"]),
];

/// What AWS's tools find wrong with a template; nothing if they accept it and these functions are deployed from images.
fn faults(template: &Path, functions: &[&str]) -> Option<String> {
    let python = repository().join("target/sam/bin/python");
    assert!(python.is_file(), "cfn-lint is missing: run `.ci/install`, which installs it");
    let mut check = Command::new(python);
    check.arg(repository().join("tests/e2e/support/check_template.py")).arg(template).args(functions);
    let finished = finish(&mut check);
    (finished.code != 0).then(|| format!("{}\n{}", finished.text(), finished.stderr))
}

#[test]
#[ignore = "needs cfn-lint and aws-sam-translator; `make test` runs it"]
fn rewritten_templates_are_valid() {
    let folder = repository().join("src/definition/cloudformation/rewrite/tests/templates");
    for (name, functions) in REWRITTEN {
        assert_eq!(faults(&folder.join(name), functions), None, "{name}");
    }
    let original = faults(&folder.join("serverless.yaml"), &["Orders"]).unwrap();
    assert!(original.contains("Orders is not deployed from an image"), "{original}");
}
