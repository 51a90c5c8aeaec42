//! No service makes limg panic, and every finding about one has a position.

use proptest::prelude::*;

use super::{VOCABULARY, folder_with};
use crate::definition::document::{Document, Documents};
use crate::definition::serverless::read;
use crate::definition::{Options, WhyUnbuildable};

const VALID: &str = r#"service: shop
provider:
  name: aws
  runtime: ${self:custom.runtimes.${sls:stage}, 'nodejs22.x'}
  layers: ["arn:aws:lambda:${aws:region}:123456789012:layer:a:1"]
  environment: { STAGE: "${sls:stage}", TABLE: !Ref Table }
custom: { runtimes: { dev: python3.12 } }
plugins: [serverless-offline]
package: { individually: true, patterns: ["!docs/**", "src/{a,b}/**"] }
layers: { deps: { path: layer } }
functions:
  a: { handler: src/a.handler, layers: [{ Ref: DepsLambdaLayer }, !Sub "x"], timeout: 3 }
  b: { image: x, environment: { K: { "Fn::Join": [":", [a, !Ref "AWS::Region"]] } } }
  c: ${file(c.yml):c, self:functions.a}
"#;

fn survives(text: &str) {
    let folder = folder_with(&[("layer/x", ""), ("c.yml", "c: { handler: c.d }")]);
    let Ok(document) = Document::parse(&folder.path().join("serverless.yml"), text.to_owned()) else {
        return;
    };
    let outcome = read(document, &Options::of_tests());
    assert_eq!(
        outcome.project.is_none(),
        outcome.findings.iter().any(crate::finding::Finding::is_error),
        "{text}"
    );
    let documents = Documents(outcome.documents);
    let mut all = outcome.findings;
    for function in outcome.unbuildable {
        if let WhyUnbuildable::Errors(errors) = function.why {
            assert!(errors.iter().any(crate::finding::Finding::is_error), "`{}` in {text}", function.name);
            all.extend(errors);
        }
    }
    for located in documents.locate(&all, &VOCABULARY).shown {
        assert!(located.position.is_some(), "{located:?} in {text:?}");
    }
}

#[test]
fn the_service_itself_is_read() {
    survives(VALID);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_service_with_pieces_removed_or_replaced_is_read(
        changes in prop::collection::vec((0..VALID.len(), 0usize..20, "[ -~]{0,6}|\\$\\{(self|opt|env|file\\(c\\.yml\\)):[a-z.]{0,12}\\}|\n *|null|\\[\\]|\\{\\}"), 1..4),
    ) {
        let mut text = VALID.to_owned();
        for (start, length, replacement) in changes {
            let start = start.min(text.len());
            let end = (start + length).min(text.len());
            if text.is_char_boundary(start) && text.is_char_boundary(end) {
                text.replace_range(start..end, &replacement);
            }
        }
        survives(&text);
    }

    #[test]
    fn a_service_with_lines_removed_or_repeated_is_read(lines in prop::collection::vec(0..VALID.lines().count(), 0..25)) {
        let all: Vec<_> = VALID.lines().collect();
        let repeated: Vec<_> = lines.iter().map(|line| all[*line]).collect();
        survives(&(repeated.join("\n") + "\n"));
        let kept: Vec<_> = (0..all.len()).filter(|line| !lines.contains(line)).map(|line| all[line]).collect();
        survives(&(kept.join("\n") + "\n"));
    }

    #[test]
    fn any_value_may_be_anything(
        key in prop::sample::select(vec![
            "service", "provider", "custom", "plugins", "package", "layers", "functions", "build", "useDotenv",
        ]),
        value in prop::sample::select(vec![
            "7", "null", "[]", "{}", "[7, null, [x]]", "{ a: 7 }", "{ a: null, b: [] }", "!Ref x", "'${self:service}'",
            "'${self:functions}'", "'${file(c.yml)}'", "{ a: { handler: [], layers: {}, environment: [], package: 7 } }",
            "{ name: aws, environment: 7, layers: 7, runtime: [] }", "[{ a: {} }, { a: {} }, 7]", "true",
        ]),
    ) {
        let lines: Vec<_> = VALID.split_inclusive('\n').collect();
        let start = lines.iter().position(|line| line.starts_with(&format!("{key}:")));
        let end = start.map(|start| {
            let next = lines[start + 1..].iter().position(|line| !line.starts_with(' '));
            next.map_or(lines.len(), |next| start + 1 + next)
        });
        let (start, end) = (start.unwrap_or_default(), end.unwrap_or_default());
        survives(&(lines[..start].concat() + &format!("{key}: {value}\n") + &lines[end..].concat()));
    }
}
