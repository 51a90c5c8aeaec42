//! Damaged templates: an error, never a panic.

use proptest::prelude::*;

use super::*;

const TEMPLATE: &str = "
Parameters: { P: { Type: String, Default: x } }
Conditions: { C: !Equals [!Ref P, x] }
Globals: { Function: { Runtime: python3.12, Layers: [!Ref L], Environment: { Variables: { A: !Sub '${P}' } } } }
Resources:
  A: { Type: AWS::Serverless::Function, Condition: C, Properties: { CodeUri: functions, Handler: a.b } }
  B: { Type: AWS::Lambda::Function, Properties: { Code: { ZipFile: x }, Handler: a.b, Runtime: !Ref P } }
  L: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layers/utils } }
  N: { Type: AWS::Serverless::Application, Properties: { Location: template.yaml, Parameters: { P: !Ref L } } }
";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_template_with_a_line_or_word_changed_gives_a_result(
        at in 0..TEMPLATE.len(),
        length in 0_usize..12,
        text in "([-!{}:a-zA-Z$ ]|AWS::|Ref|null|\\[\\]){0,3}",
    ) {
        let folder = Folder::new();
        let mut template = TEMPLATE.to_owned();
        let end = (at + length).min(TEMPLATE.len());
        template.replace_range(at..end, &text);
        prop_assert!(!report(&folder, &template, &Options::of_tests()).is_empty());
    }
}
