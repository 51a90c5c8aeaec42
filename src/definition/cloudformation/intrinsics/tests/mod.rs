//! What CloudFormation documents of its functions, and what limg says where it cannot know a value.

mod conditions;
mod functions;
mod hostile;
mod loops;
mod names;
mod nested;
mod properties;
mod unresolved;

use std::path::Path;

use super::expression::{Expression, StackId, Value};
use super::stack::{Given, PseudoParameters, Stacks};
use super::unresolved::Unresolved;
use crate::definition::document::{Document, ScalarKind};

/// A template with names of every kind, to which a test adds a resource `It`.
const TEMPLATE: &str = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String, Default: prod }
  Size: { Type: Number, Default: 512 }
  Names: { Type: CommaDelimitedList, Default: "a, b,c" }
  Subnets: { Type: "List<String>", Default: "x,y" }
  Nothing: { Type: CommaDelimitedList, Default: "" }
  Empty: { Type: String, Default: "" }
  Required: { Type: String }
  RequiredList: { Type: CommaDelimitedList }
  Stored: { Type: "AWS::SSM::Parameter::Value<String>", Default: /shop/layer }
  StoredName: { Type: "AWS::SSM::Parameter::Name", Default: /shop/layer }
Mappings:
  Regions:
    eu-west-1: { Layer: "arn:eu", Zones: [a, b], Memory: 256 }
    us-east-1: { Layer: "arn:us" }
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsDev: !Not [!Condition IsProd]
  IsUnknown: !Equals [!Ref Required, prod]
Resources:
  Layer: { Type: AWS::Serverless::LayerVersion }
  Table: { Type: AWS::DynamoDB::Table }
"#;

fn document(name: &str, text: &str) -> Document {
    Document::parse(Path::new(name), text.to_owned()).unwrap()
}

fn in_region() -> PseudoParameters {
    PseudoParameters { region: Some("eu-west-1".into()), ..PseudoParameters::default() }
}

/// The stacks of one template.
fn stacks(document: &Document, pseudo: PseudoParameters) -> (Stacks<'_>, StackId) {
    let mut stacks = Stacks::new(pseudo);
    let stack = stacks.add(document, []);
    (stacks, stack)
}

/// The `Value` of the resource `It`.
fn it<'t>(stacks: &Stacks<'t>, stack: StackId) -> Expression<'t> {
    let resource = stacks.resource(stack, "It").unwrap();
    let [(_, value)] = &stacks.map(&resource).unwrap().unwrap()[..] else { panic!("one key") };
    value.clone()
}

/// What the expression becomes in the template.
fn evaluate(expression: &str) -> String {
    evaluate_with(expression, in_region())
}

fn evaluate_with(expression: &str, pseudo: PseudoParameters) -> String {
    value_with(expression, pseudo).unwrap_or_else(|unresolved| error_shown(&unresolved))
}

fn evaluate_to(expression: &str) -> Result<String, Unresolved> {
    value_with(expression, in_region())
}

fn value_with(expression: &str, pseudo: PseudoParameters) -> Result<String, Unresolved> {
    let document = document("template.yaml", &format!("{TEMPLATE}  It: {{ Value: {expression} }}\n"));
    let (stacks, stack) = stacks(&document, pseudo);
    value_shown(&stacks, &it(&stacks, stack))
}

/// The whole value on one line, or the error with its help.
fn shown<'t>(stacks: &Stacks<'t>, expression: &Expression<'t>) -> String {
    match value_shown(stacks, expression) {
        Ok(shown) => shown,
        Err(unresolved) => error_shown(&unresolved),
    }
}

fn error_shown(unresolved: &Unresolved) -> String {
    let finding = unresolved.finding();
    let help = finding.help.and_then(|help| help.render(|_| None));
    let place = finding.place.path();
    let help = help.map_or_else(String::new, |help| format!("; {help}"));
    format!("{place}: {} [{}]{help}", finding.message, finding.code)
}

fn value_shown<'t>(stacks: &Stacks<'t>, expression: &Expression<'t>) -> Result<String, Unresolved> {
    Ok(match stacks.evaluate(expression)? {
        Value::Absent => "nothing".to_owned(),
        Value::Text(scalar) if scalar.kind == ScalarKind::Text => format!("{:?}", scalar.text),
        Value::Text(scalar) => scalar.text,
        Value::Reference(reference) => {
            let attribute = reference.attribute.map_or_else(String::new, |attribute| format!(".{attribute}"));
            format!("<{}:{}{attribute}>", reference.stack.index(), reference.logical_id)
        }
        Value::List(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(|item| value_shown(stacks, item)).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Map(entries) => {
            let entry = |(key, value): &(String, _)| Ok(format!("{key}: {}", value_shown(stacks, value)?));
            let entries: Result<Vec<_>, Unresolved> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries?.join(", "))
        }
    })
}

fn assert_cases(cases: &[(&str, &str)]) {
    for (expression, expected) in cases {
        assert_eq!(evaluate(expression), *expected, "{expression}");
    }
}

fn given(values: &[(&str, &str)]) -> Vec<(String, Given<'static>)> {
    values.iter().map(|(name, value)| ((*name).to_owned(), Given::Text((*value).to_owned()))).collect()
}
