//! `Fn::ForEach` in each place where it may stand.

use super::{document, error_shown, evaluate, in_region, shown, stacks};

/// The resources of a template, one a line.
fn resources(text: &str) -> Vec<String> {
    let document = document("template.yaml", text);
    let (stacks, stack) = stacks(&document, in_region());
    let entries = stacks.resources(stack);
    let shown = entries.iter().map(|(name, value)| format!("{name} {}", shown(&stacks, value)));
    shown.chain(entries.unresolved.iter().map(error_shown)).collect()
}

#[test]
fn a_loop_makes_resources() {
    let text = "Parameters: { Names: { Type: CommaDelimitedList, Default: 'Users,Orders' } }
Resources:
  First: { Type: A }
  Fn::ForEach::Functions:
    - Name
    - !Ref Names
    - ${Name}Function: { Code: './${Name}', Same: !Ref Name, Sub: !Sub '${Name}-${AWS::Region}', Att: !GetAtt '${Name}Table.Arn' }
      ${Name}Table: { Type: T }
  Last: { Other: !Ref OrdersFunction }
";
    assert_eq!(
        resources(text),
        [
            r#"First {Type: "A"}"#,
            r#"UsersFunction {Code: "./Users", Same: "Users", Sub: "Users-eu-west-1", Att: <0:UsersTable.Arn>}"#,
            r#"UsersTable {Type: "T"}"#,
            r#"OrdersFunction {Code: "./Orders", Same: "Orders", Sub: "Orders-eu-west-1", Att: <0:OrdersTable.Arn>}"#,
            r#"OrdersTable {Type: "T"}"#,
            "Last {Other: <0:OrdersFunction>}",
        ]
    );
}

#[test]
fn resources_of_a_loop_have_the_place_of_its_fragment() {
    let text = "Resources: { Fn::ForEach::All: [X, [a, b], { 'F${X}': { Type: T } }] }";
    let document = document("template.yaml", text);
    let (stacks, stack) = stacks(&document, in_region());
    let place = stacks.resource(stack, "Fb").unwrap().place().clone();
    assert_eq!(place.path().to_string(), "Resources.Fn::ForEach::All[2].F${X}");
}

#[test]
fn loops_may_be_nested() {
    let text = "Resources:
  Fn::ForEach::Stages:
    - Stage
    - [Dev, Prod]
    - Fn::ForEach::Services:
        - Service
        - [A, '${Stage}Only']
        - ${Stage}${Service}: { Name: !Sub '${Stage}/${Service}' }
";
    assert_eq!(
        resources(text),
        [
            r#"DevA {Name: "Dev/A"}"#,
            r#"DevDevOnly {Name: "Dev/DevOnly"}"#,
            r#"ProdA {Name: "Prod/A"}"#,
            r#"ProdProdOnly {Name: "Prod/ProdOnly"}"#,
        ]
    );
}

#[test]
fn an_ampersand_leaves_out_what_a_logical_id_cannot_have() {
    let text = "Resources: { Fn::ForEach::Hosts: [IP, [10.0.0.1, 'a-b'], { 'Host&{IP}': { A: '${IP}', B: !Sub '${IP}', C: '&{IP} & ${Other}' } }] }";
    assert_eq!(
        resources(text),
        [
            r#"Host10001 {A: "10.0.0.1", B: "10.0.0.1", C: "10001 & ${Other}"}"#,
            r#"Hostab {A: "a-b", B: "a-b", C: "ab & ${Other}"}"#,
        ]
    );
}

#[test]
fn loops_make_conditions_outputs_and_properties() {
    let text = "Conditions:
  Fn::ForEach::Is: [Stage, [Dev, Prod], { 'Is${Stage}': !Equals [!Ref Stage, Prod] }]
Resources:
  It:
    Type: T
    Fn::ForEach::Keys: [Key, [A, B], { 'Key${Key}': !If [IsProd, '${Key}', no] }]
Outputs:
  Fn::ForEach::Outs: [O, [A, B], { 'Out${O}': { Value: !Ref O } }]
";
    assert_eq!(resources(text), [r#"It {Type: "T", KeyA: "A", KeyB: "B"}"#]);
    let document = document("template.yaml", text);
    let (stacks, stack) = stacks(&document, in_region());
    assert_eq!(stacks.condition(stack, "IsDev", &document.place()), Ok(false));
    let output = stacks.output(stack, "OutB", &stacks.template(stack)).unwrap();
    assert_eq!(shown(&stacks, &stacks.template(stack).computed(output)), r#""B""#);
}

#[test]
fn a_loop_that_cannot_be_expanded_does_not_hide_other_resources() {
    let text = "Parameters: { Names: { Type: CommaDelimitedList } }
Resources:
  Fn::ForEach::All: [X, !Ref Names, { 'F${X}': { Type: T } }]
  Other: { Type: T }
  Uses: { Value: !Ref Fa }
";
    let unknown = "Parameters.Names: the parameter `Names` has no value [unresolved-value]; \
                   pass `--parameter-overrides Names=VALUE`, or add a `Default`";
    let uses = format!("Uses {unknown}");
    assert_eq!(resources(text), [r#"Other {Type: "T"}"#, &uses, unknown]);
}

#[test]
fn malformed_loops_are_shown_where_they_are() {
    let form = "has arguments of the wrong form [bad-intrinsic]; write `Fn::ForEach::A: [IDENTIFIER, [VALUE, …], {KEY: VALUE}]`";
    for looped in ["x", "[X, [a]]", "[X, [a], b]", "[[X], [a], {}]", "[X, !Ref AWS::NoValue, {}]"] {
        let found = resources(&format!("Resources: {{ Fn::ForEach::A: {looped} }}"));
        assert_eq!(found, [format!("Resources.Fn::ForEach::A: `Fn::ForEach::A` {form}")], "{looped}");
    }
    assert_eq!(
        resources("Resources: { Fn::ForEach::A: [X, [a, b], { Same: {} }] }"),
        ["Resources.Fn::ForEach::A[2].Same: the loop makes the key `Same` twice [bad-intrinsic]; \
          use the loop's identifier in the key, as in `Name${Identifier}`"]
    );
    assert_eq!(
        resources("Resources: { Fn::ForEach::A: [X, !Ref Fa, { 'F${X}': {} }] }"),
        ["Resources.Fn::ForEach::A[1]: the template has no parameter or resource `Fa` [bad-intrinsic]; \
          define the parameter or resource, or remove the reference"]
    );
    let innermost = "{ 'K${A}': {} }".to_owned();
    let nested =
        (0..6).fold(innermost, |inner, depth| format!("{{ 'Fn::ForEach::L{depth}': [A, [a], {inner}] }}"));
    let found = resources(&format!("Resources: {nested}"));
    assert!(found[0].contains("loops are nested more than 5 levels deep [bad-intrinsic]"), "{found:?}");
}

#[test]
fn a_loop_in_a_value_is_expanded() {
    assert_eq!(
        evaluate("{ a: 1, 'Fn::ForEach::X': [N, !Ref Names, { 'k${N}': !Ref N }] }"),
        r#"{a: 1, ka: "a", kb: "b", kc: "c"}"#
    );
}
