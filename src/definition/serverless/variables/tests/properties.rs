//! No text makes the resolver panic, recurse without end or grow without bound.

use proptest::prelude::*;

use super::super::syntax::{Part, parse};
use super::{service, shown};

fn configuration() -> ProptestConfig {
    ProptestConfig { cases: 400, ..ProptestConfig::default() }
}

/// Pieces from which variables are made, valid or not.
fn variable() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "${self:a}",
        "${self:b.c}",
        "${self:",
        "${file(f.yml):b}",
        "${file(",
        "${opt:stage, ",
        "'x'",
        "\"y\"",
        "${sls:stage}",
        "${param:p}",
        "${env:NESTED}",
        "}",
        "${",
        ")",
        ":",
        ", ",
        "a",
        ".",
        "\\",
        "$",
        "null",
        "${self:x}",
        "${AWS::Region}",
        "${strToBool(",
        "[0]",
        "${self:}",
        "é",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

proptest! {
    #![proptest_config(configuration())]

    #[test]
    fn every_text_is_parsed_or_rejected(text in "\\PC*|[${}():,.'\"a-c\\\\ ]{0,60}") {
        if let Ok(Some(template)) = parse(&text) {
            let is_plain = template.0.iter().all(|part| matches!(part, Part::Text(_)));
            prop_assert!(!is_plain || text.contains("\\${"), "{template:?}");
        }
    }

    #[test]
    fn every_service_resolves_or_says_why(
        x in variable(), a in variable(), c in variable(), f in variable(), p in variable(),
    ) {
        let [x, a, c, f, p] = [x, a, c, f, p].map(|text| quoted(&text));
        let text = format!("x: {x}\na: {a}\nb: {{ c: {c}, l: [{x}, {a}] }}\nparams: {{ default: {{ p: {p} }} }}\n");
        let service = service(&text, &[("f.yml", &format!("b: {f}\n"))]);
        let resolver = service.resolver();
        let Err(error) = resolver.get(&resolver.root(), "x") else { return Ok(()) };
        let finding = error.finding();
        prop_assert!(!finding.message.is_empty() && finding.help.is_some());
    }

    #[test]
    fn text_without_variables_stays(text in "[a-z${} .:A-Z\\\\]{0,40}") {
        prop_assume!(matches!(parse(&text), Ok(None)));
        let service = service(&format!("x: {}\n", quoted(&text)), &[]);
        prop_assert_eq!(shown(&service), format!("{text:?}"));
    }
}
