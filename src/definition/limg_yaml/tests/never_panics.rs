//! No text makes limg panic, and every finding about any text has a position.

use proptest::prelude::*;

use super::{Folder, VOCABULARY, read_in};

const VALID: &str = r#"
project: shop
defaults: &defaults { architecture: x86_64, environment: { STAGE: dev } }
bases: { slim: { image: "oci:./bases/slim", contract: python3.12 } }
layers:
  utils: { path: layers/utils, exclude: ["*.md"] }
  insights: { arn: "arn:aws:lambda:eu-west-1:580247275435:layer:x:53" }
  adapter: { image: quay.io/a/b:1, path: /adapter, to: /opt/extensions/adapter }
extensions:
  tracer: { path: layers/tracer, wrapper: /opt/tracer/wrapper, environment: { NODE_OPTIONS: x } }
functions:
  orders:
    <<: *defaults
    runtime: slim
    handler: app.handler
    code: functions/orders
    layers: [utils, insights, adapter]
    extensions: [tracer]
    timeout: 30
ecr: { repository: "{project}/{function}", encryption: KMS, keep: 5, tags: { a: b }, lambda_accounts: [210987654321] }
"#;

fn survives(folder: &Folder, text: &str) {
    let Ok(((project, findings), documents)) = read_in(folder, text) else {
        return;
    };
    assert_eq!(project.is_none(), findings.iter().any(crate::finding::Finding::is_error));
    for located in documents.locate(&findings, &VOCABULARY).shown {
        assert!(located.position.is_some(), "{located:?} in {text:?}");
    }
}

fn configuration() -> ProptestConfig {
    ProptestConfig { cases: 300, ..ProptestConfig::default() }
}

#[test]
fn on_arbitrary_text() {
    let folder = Folder::new();
    proptest!(configuration(), |(text in "\\PC*")| survives(&folder, &text));
}

#[test]
fn on_text_of_yaml_letters() {
    let folder = Folder::new();
    proptest!(configuration(), |(text in "[-a:{}\\[\\],&*!<|>?#'\" \n\t0~%@]{0,60}")| {
        survives(&folder, &text);
        survives(&folder, &format!("functions:\n  a: {text}"));
    });
}

#[test]
fn on_mutated_definitions() {
    let folder = Folder::new();
    let cut = (0..VALID.len(), 0_usize..12, "[-a:{}\\[\\],&*!<>~ \n0]{0,3}");
    proptest!(configuration(), |(cuts in prop::collection::vec(cut, 1..6))| {
        let mut text = VALID.to_owned();
        for (at, length, put) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.replace_range(at..end, &put);
        }
        survives(&folder, &text);
    });
}

#[test]
fn on_exchanged_words() {
    let folder = Folder::new();
    proptest!(configuration(), |(swaps in prop::collection::vec((0_usize..60, 0_usize..60), 1..8))| {
        let mut words: Vec<&str> = VALID.split_inclusive([' ', ',', ':']).collect();
        for (left, right) in swaps {
            let last = words.len() - 1;
            words.swap(left.min(last), right.min(last));
        }
        survives(&folder, &words.concat());
    });
}
