//! Templates that nest or repeat without end are given up quickly.

use super::{document, given, in_region, it, shown, stacks};
use crate::definition::cloudformation::intrinsics::stack::{Given, Stacks};

const TOO_MUCH: &str =
    "the template nests or repeats its functions too often to be evaluated [bad-intrinsic]";

#[test]
fn deep_nesting_ends() {
    let deep = (0..30).fold("x".to_owned(), |inner, _| format!("!Join ['', [{inner}]]"));
    assert_eq!(super::evaluate(&deep), r#""x""#);
    let deeper = (0..70).fold("x".to_owned(), |inner, _| format!("{{ Fn::Base64: {inner} }}"));
    assert!(super::evaluate(&deeper).contains(TOO_MUCH), "{}", super::evaluate(&deeper));
}

#[test]
fn an_error_is_not_looked_for_again_at_each_level() {
    let levels =
        |level: fn(String) -> String| (0..40).fold("!Ref Required".to_owned(), |inner, _| level(inner));
    for deep in [
        levels(|inner| format!("!Join ['', [{inner}]]")),
        levels(|inner| format!("!Sub ['${{A}}', {{ A: {inner} }}]")),
        levels(|inner| format!("!Select [0, [{inner}]]")),
        levels(|inner| format!("!If [IsUnknown, {inner}, b]")),
    ] {
        assert!(
            super::evaluate(&deep).contains("the parameter `Required` has no value"),
            "{}",
            super::evaluate(&deep)
        );
    }
}

#[test]
fn texts_that_double_end() {
    // Each stack gives the next one its text twice.
    let template = document(
        "template.yaml",
        "Parameters: { A: { Type: String } }\nResources: { It: { Value: !Sub '${A}${A}' } }\n",
    );
    let mut stacks = Stacks::new(in_region());
    let text = "x".repeat(1000);
    let mut stack = stacks.add(&template, given(&[("A", &text)]));
    for _ in 0..40 {
        let value = it(&stacks, stack);
        stack = stacks.nest(stack, "It", &template, [("A".to_owned(), Given::Expression(value))]);
    }
    assert!(shown(&stacks, &it(&stacks, stack)).contains(TOO_MUCH));
}

#[test]
fn loops_that_multiply_end() {
    let items: Vec<_> = (0..100).map(|number| format!("v{number}")).collect();
    let items = items.join(", ");
    let nested = (0..5).fold("{ 'K${A0}${A1}${A2}${A3}${A4}': {} }".to_owned(), |inner, depth| {
        format!("{{ 'Fn::ForEach::L{depth}': [A{depth}, [{items}], {inner}] }}")
    });
    let document = document("template.yaml", &format!("Resources: {nested}"));
    let (stacks, stack) = stacks(&document, in_region());
    let resources = stacks.resources(stack);
    assert_eq!(resources.iter().count(), 0);
    assert!(super::error_shown(&resources.unresolved[0]).contains(TOO_MUCH));
}

#[test]
fn long_lists_and_names_that_are_looked_up_again_and_again_end() {
    let long = format!("'{}'", "a,".repeat(50_000));
    let slips: Vec<_> = (0..20_000).map(|number| format!("!Ref R{number}x")).collect();
    let resources: Vec<_> = (0..20_000).map(|number| format!("R{number}: {{}}")).collect();
    let text = format!(
        "Parameters: {{ List: {{ Type: CommaDelimitedList, Default: {long} }} }}
Resources: {{ It: {{ Value: [{}] }}, {} }}",
        vec!["!Join ['', !Ref List]"; 1000].join(", ") + ", " + &slips.join(", "),
        resources.join(", ")
    );
    let document = document("template.yaml", &text);
    let (stacks, stack) = stacks(&document, in_region());
    let items = stacks.list(&it(&stacks, stack)).unwrap().unwrap();
    assert!(shown(&stacks, items.last().unwrap()).contains(TOO_MUCH));
}

#[test]
fn many_functions_are_not_too_much() {
    let function = |number| {
        format!(
            "  F{number}: {{ Value: [!Sub '${{Stage}}-{number}', !If [Is, !Ref Stage, b], !FindInMap [M, a, b]] }}"
        )
    };
    let functions = (0..500).map(function).collect::<Vec<_>>().join("\n");
    let text = format!(
        "Parameters: {{ Stage: {{ Type: String, Default: prod }} }}
Mappings: {{ M: {{ a: {{ b: c }} }} }}
Conditions: {{ Is: !Equals [!Ref Stage, prod] }}
Resources:
{functions}"
    );
    let document = document("template.yaml", &text);
    let mut stacks = Stacks::new(in_region());
    let ids: Vec<_> = (0..20).map(|_| stacks.add(&document, [])).collect();
    for stack in ids {
        let last = stacks.resources(stack).iter().map(|(_, value)| shown(&stacks, value)).last();
        assert_eq!(last.as_deref(), Some(r#"{Value: ["prod-499", "prod", "c"]}"#));
    }
}
