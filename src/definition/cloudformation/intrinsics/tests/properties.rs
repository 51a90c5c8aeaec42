//! What holds of any template.

use proptest::prelude::*;

use super::{document, evaluate, evaluate_to, in_region, shown, stacks};
use crate::finding::Finding;

/// A function or value as its short and its long form.
fn expression() -> impl Strategy<Value = [String; 2]> {
    let same = |text: &str| [text.to_owned(), text.to_owned()];
    let name = prop::sample::select(vec![
        "Stage",
        "Names",
        "Required",
        "Layer",
        "Table.Arn",
        "AWS::Region",
        "AWS::NoValue",
        "It",
        "Nowhere",
        "IsProd",
    ]);
    let leaf = prop_oneof![
        "[a-z0-9,]{0,3}".prop_map(move |text| same(&format!("'{text}'"))),
        name.clone().prop_map(|name| [format!("!Ref '{name}'"), format!("{{ Ref: '{name}' }}")]),
        name.clone().prop_map(|name| [format!("!GetAtt '{name}'"), format!("{{ Fn::GetAtt: '{name}' }}")]),
        name.prop_map(|name| [format!("!Sub 'x${{{name}}}'"), format!("{{ Fn::Sub: 'x${{{name}}}' }}")]),
        Just(same("[]")),
        Just(same("1")),
        Just(same("null")),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let function = prop::sample::select(vec![
            "Join",
            "Split",
            "Select",
            "If",
            "FindInMap",
            "Sub",
            "Base64",
            "Length",
            "ToJsonString",
            "Equals",
            "And",
            "Not",
            "Ref",
            "GetAtt",
            "ImportValue",
            "Cidr",
            "Transform",
            "Condition",
            "Nothing",
        ]);
        let items = prop::collection::vec(inner.clone(), 0..4);
        let list = |items: &[[String; 2]], form: usize| {
            format!("[{}]", items.iter().map(|item| item[form].as_str()).collect::<Vec<_>>().join(", "))
        };
        let long = |function: &str| match function {
            "Ref" => "Ref".to_owned(),
            other => format!("Fn::{other}"),
        };
        prop_oneof![
            (function.clone(), items.clone()).prop_map(move |(function, items)| [
                format!("!{function} {}", list(&items, 0)),
                format!("{{ {}: {} }}", long(function), list(&items, 1)),
            ]),
            // A tag cannot have a tag as its value without a list or mapping between them.
            (function, inner.clone()).prop_map(move |(function, inner)| [
                format!("!{function} {}", inner[1]),
                format!("{{ {}: {} }}", long(function), inner[1]),
            ]),
            ("[a-c]", inner.clone()).prop_map(|(key, inner)| {
                [format!("{{ {key}: {} }}", inner[0]), format!("{{ {key}: {} }}", inner[1])]
            }),
            (items, inner).prop_map(move |(items, inner)| {
                [0, 1].map(|form| {
                    format!(
                        "{{ 'Fn::ForEach::L': [X, {}, {{ 'k${{X}}': {} }}] }}",
                        list(&items, form),
                        inner[form]
                    )
                })
            }),
        ]
    })
}

/// The value, or the error without its place and with functions under one name.
fn without_forms(expression: &str) -> String {
    evaluate_to(expression).unwrap_or_else(|unresolved| {
        let Finding { message, help, .. } = unresolved.finding();
        let help = help.and_then(|help| help.render(|_| None)).unwrap_or_default();
        let text = format!("{message} {help}").replace("Fn::", "!");
        ["Ref", "Condition"]
            .iter()
            .fold(text, |text, name| text.replace(&format!("`{name}"), &format!("`!{name}")))
            .replace(": ", " ")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn short_and_long_forms_are_evaluated_alike([short, long] in expression()) {
        prop_assert_eq!(without_forms(&short), without_forms(&long), "{} and {}", short, long);
    }

    #[test]
    fn no_condition_panics([short, _] in expression()) {
        let text = format!("Conditions: {{ It: {short} }}\nResources: {{ It: {{}} }}");
        let document = document("template.yaml", &text);
        let (stacks, stack) = stacks(&document, in_region());
        let first = stacks.condition(stack, "It", &document.place());
        prop_assert_eq!(first, stacks.condition(stack, "It", &document.place()));
    }

    #[test]
    fn any_template_ends([short, long] in expression(), [third, _] in expression()) {
        let text = format!(
            "Parameters: {{ Stage: {{ Default: {short} }}, Names: {third} }}
Mappings: {{ M: {long} }}
Conditions: {{ IsProd: {long} }}
Resources: {{ It: {short}, Other: {third} }}
Outputs: {{ It: {{ Value: {short} }} }}"
        );
        let document = document("template.yaml", &text);
        let (stacks, stack) = stacks(&document, in_region());
        let resources = stacks.resources(stack);
        for (_, value) in resources.iter() {
            prop_assert_eq!(shown(&stacks, value), shown(&stacks, value));
        }
    }

    #[test]
    fn a_text_without_variables_is_its_own_substitution(text in "[^$'\\\\\\p{C}\\p{Z}]{0,20}") {
        prop_assume!(!text.contains("{{resolve:"));
        let escaped = text.replace('\'', "''");
        prop_assert_eq!(evaluate(&format!("!Sub '{escaped}'")), format!("{text:?}"));
    }

    #[test]
    fn literal_variables_keep_their_text(text in "([a-z$ ]|\\$\\{[!a-z:-]{0,5}\\}){0,6}") {
        let escaped = text.replace("${", "${!");
        prop_assert_eq!(evaluate(&format!("!Sub '{escaped}'")), format!("{text:?}"));
    }

    #[test]
    fn joining_what_was_split_gives_the_text(text in "[a-c,.]{0,12}", delimiter in "[,.a]{1,2}") {
        let expression = format!("!Join ['{delimiter}', !Split ['{delimiter}', '{text}']]");
        prop_assert_eq!(evaluate(&expression), format!("{text:?}"));
    }

    #[test]
    fn any_text_of_braces_ends(text in "[${}!&a:. ]{0,24}") {
        let shown = evaluate(&format!("{{ 'Fn::ForEach::L': [a, [x], {{ '{text}': !Sub '{text}' }}] }}"));
        prop_assert!(!shown.is_empty());
    }
}
