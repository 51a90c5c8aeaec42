//! Nested stacks: parameters from the parent, outputs for it.

use super::{document, given, in_region, it, shown};
use crate::definition::cloudformation::intrinsics::expression::StackId;
use crate::definition::cloudformation::intrinsics::stack::{Given, Stacks};

const PARENT: &str = "Parameters: { Stage: { Type: String, Default: dev } }
Resources:
  Layer: { Type: AWS::Serverless::LayerVersion }
  Child:
    Type: AWS::CloudFormation::Stack
    Properties:
      Parameters:
        Stage: !Sub '${Stage}-child'
        Layer: !Ref Layer
        Layers: !Ref Layer
        Several: !Join [',', [a, !Ref Stage]]
        Unknown: !GetAtt Table.Arn
        Name: !Ref AWS::StackName
  It: { Value: %IT% }
";

const CHILD: &str = "Parameters:
  Stage: { Type: String, Default: x }
  Layer: { Type: String }
  Layers: { Type: CommaDelimitedList }
  Several: { Type: CommaDelimitedList }
  Unknown: { Type: String, Default: x }
  Required: { Type: String }
  Name: { Type: String }
Resources:
  Queue: { Type: AWS::SQS::Queue }
  It: { Value: %IT% }
Outputs:
  Text: { Value: !Sub '${Stage}!' }
  Queue: { Value: !GetAtt Queue.Arn }
  Layer: { Value: !Ref Layer }
  Missing: { Value: !Ref Required }
  Bare: {}
";

/// What `Child` gives to the parameters of its template under these keys.
fn parameters<'t>(stacks: &Stacks<'t>, stack: StackId, keys: &[&str]) -> Vec<(String, Given<'t>)> {
    let resource = stacks.resource(stack, "Child").unwrap();
    let under = keys.iter().fold(resource, |value, key| stacks.get(&value, key).unwrap().unwrap());
    let values = stacks.map(&under).unwrap().unwrap();
    values.into_iter().map(|(name, value)| (name, Given::Expression(value))).collect()
}

/// The value of `It` in the parent and in the child.
fn both(in_parent: &str, in_child: &str) -> (String, String) {
    let parent = document("template.yaml", &PARENT.replace("%IT%", in_parent));
    let child = document("child.yaml", &CHILD.replace("%IT%", in_child));
    let mut stacks = Stacks::new(in_region());
    let parent = stacks.add(&parent, given(&[("Stage", "test")]));
    let values = parameters(&stacks, parent, &["Properties", "Parameters"]);
    let child = stacks.nest(parent, "Child", &child, values);
    assert_eq!(stacks.nested(parent, "Child"), Some(child));
    let child_value = shown(&stacks, &it(&stacks, child));
    (shown(&stacks, &it(&stacks, parent)), child_value)
}

#[test]
fn parameters_are_evaluated_in_the_parent() {
    for (in_child, expected) in [
        ("!Ref Stage", r#""test-child""#),
        (
            "!Sub '${Stage}-${Several}'",
            "Resources.It.Value: expected a single value, found a list [wrong-type]",
        ),
        ("!Ref Layer", "<0:Layer>"),
        ("[!Ref Layer, !Ref Queue]", "[<0:Layer>, <1:Queue>]"),
        ("!Ref Layers", "[<0:Layer>]"),
        ("!Ref Several", r#"["a", "test"]"#),
        (
            "!Ref Required",
            "Parameters.Required: the parameter `Required` of the nested stack `Child` has no value [unresolved-value]; \
             add `Required` to the `Parameters` of `Child`, or add a `Default`",
        ),
    ] {
        assert_eq!(both("x", in_child).1, expected, "{in_child}");
    }
    let unknown = both("x", "!Ref Unknown").1;
    assert!(
        unknown.starts_with("Resources.Child.Properties.Parameters.Unknown: the template has no"),
        "{unknown}"
    );
    let name = both("x", "!Ref Name").1;
    assert!(
        name.starts_with("Resources.Child.Properties.Parameters.Name: only the deployed stack knows"),
        "{name}"
    );
}

#[test]
fn outputs_are_evaluated_in_the_child() {
    for (in_parent, expected) in [
        ("!GetAtt Child.Outputs.Text", r#""test-child!""#),
        ("!Sub '${Child.Outputs.Text}?'", r#""test-child!?""#),
        ("{ Fn::GetAtt: [Child, Outputs.Queue] }", "<1:Queue.Arn>"),
        ("!GetAtt Child.Outputs.Layer", "<0:Layer>"),
        ("!Ref Child", "<0:Child>"),
        (
            "!GetAtt Child.Outputs.Txt",
            "Resources.It.Value: the template has no output `Txt` [bad-intrinsic]; did you mean `Text`?",
        ),
    ] {
        assert_eq!(both(in_parent, "x").0, expected, "{in_parent}");
    }
    assert!(
        both("!GetAtt Child.Outputs.Missing", "x")
            .0
            .starts_with("Parameters.Required: the parameter `Required`")
    );
    assert!(both("!GetAtt Child.Outputs.Bare", "x").0.contains("no output `Bare`"));
}

#[test]
fn a_value_that_a_nested_stack_hands_back_is_a_cycle_only_if_it_needs_itself() {
    let parent = document(
        "template.yaml",
        "Resources:
  Child: { Properties: { A: !GetAtt Child.Outputs.B, B: fine } }
  It: { Value: !GetAtt Child.Outputs.B }
  Other: { Value: !GetAtt Child.Outputs.A }
",
    );
    let child = document(
        "child.yaml",
        "Parameters: { A: { Type: String }, B: { Type: String } }
Outputs: { A: { Value: !Ref A }, B: { Value: !Ref B } }
",
    );
    let cyclic = document(
        "child.yaml",
        "Parameters: { A: { Type: String }, B: { Type: String } }
Outputs: { A: { Value: !Ref A }, B: { Value: !Ref A } }
",
    );
    let value = |child| {
        let mut stacks = Stacks::new(in_region());
        let stack = stacks.add(&parent, []);
        let values = parameters(&stacks, stack, &["Properties"]);
        stacks.nest(stack, "Child", child, values);
        let other = stacks.get(&stacks.resource(stack, "Other").unwrap(), "Value").unwrap().unwrap();
        shown(&stacks, &other)
    };
    assert_eq!(value(&child), r#""fine""#);
    assert!(value(&cyclic).contains("depends on itself"), "{}", value(&cyclic));
}
