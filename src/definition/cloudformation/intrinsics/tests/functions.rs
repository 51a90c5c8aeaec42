//! Each function as CloudFormation's template reference documents it, in short and long forms.

use super::{assert_cases, document, in_region, it, shown, stacks};

#[test]
fn references() {
    assert_cases(&[
        ("!Ref Stage", r#""prod""#),
        ("{ Ref: Stage }", r#""prod""#),
        (r#"{"Ref": "Stage"}"#, r#""prod""#),
        ("!Ref Size", "512"),
        ("!Ref Empty", r#""""#),
        ("!Ref Names", r#"["a", "b", "c"]"#),
        ("!Ref Subnets", r#"["x", "y"]"#),
        ("!Ref Nothing", "[]"),
        ("!Ref StoredName", r#""/shop/layer""#),
        ("!Ref Layer", "<0:Layer>"),
        ("!Ref AWS::Region", r#""eu-west-1""#),
        ("!Ref AWS::Partition", r#""aws""#),
        ("!Ref AWS::URLSuffix", r#""amazonaws.com""#),
        ("!Ref AWS::NoValue", "nothing"),
        (
            "!Ref { Ref: Stage }",
            "Resources.It.Value: the template has no parameter or resource `prod` [bad-intrinsic]; \
          define the parameter or resource, or remove the reference",
        ),
    ]);
}

#[test]
fn attributes() {
    assert_cases(&[
        ("!GetAtt Table.Arn", "<0:Table.Arn>"),
        ("!GetAtt [Table, Arn]", "<0:Table.Arn>"),
        ("{ Fn::GetAtt: Table.Arn }", "<0:Table.Arn>"),
        (r#"{"Fn::GetAtt": ["Table", "Arn"]}"#, "<0:Table.Arn>"),
        (r#"{"Fn::GetAtt": ["Table", {"Ref": "Stage"}]}"#, "<0:Table.prod>"),
        ("!GetAtt Table.Stream.Arn", "<0:Table.Stream.Arn>"),
    ]);
}

#[test]
fn substitutions() {
    assert_cases(&[
        ("!Sub plain", r#""plain""#),
        ("!Sub '${Stage}-${Size}'", r#""prod-512""#),
        ("{ Fn::Sub: '${Stage}-x' }", r#""prod-x""#),
        (r#"{"Fn::Sub": "${AWS::Region}.${AWS::URLSuffix}"}"#, r#""eu-west-1.amazonaws.com""#),
        ("!Sub ['${A}-${Stage}', { A: !Ref Size }]", r#""512-prod""#),
        (r#"{"Fn::Sub": ["${Stage}", {"Stage": "mine"}]}"#, r#""mine""#),
        ("!Sub '${!Stage} ${Stage}'", r#""${Stage} prod""#),
        ("!Sub '${ Stage }'", r#""prod""#),
        ("!Sub 'a $ b { c } ${open'", r#""a $ b { c } ${open""#),
        ("!Sub '${Layer}'", "<0:Layer>"),
        ("!Sub '${Table.Arn}'", "<0:Table.Arn>"),
        ("!Sub ['${L}', { L: !Ref Layer }]", "<0:Layer>"),
        ("!Sub 30", r#""30""#),
    ]);
}

#[test]
fn joins_and_splits() {
    assert_cases(&[
        ("!Join ['-', [a, !Ref Stage, 1]]", r#""a-prod-1""#),
        (r#"{"Fn::Join": ["", ["a", {"Ref": "Stage"}]]}"#, r#""aprod""#),
        ("!Join [',', !Ref Names]", r#""a,b,c""#),
        ("!Join ['', [a, !Ref AWS::NoValue, b]]", r#""ab""#),
        ("!Join ['-', []]", r#""""#),
        ("!Join ['-', [true, True]]", r#""true-true""#),
        ("!Split ['|', 'a||c|']", r#"["a", "", "c", ""]"#),
        ("!Split [',', !Ref Stage]", r#"["prod"]"#),
        (r#"{"Fn::Split": [" - ", "a - b"]}"#, r#"["a", "b"]"#),
        ("!Join ['+', !Split ['.', a.b]]", r#""a+b""#),
    ]);
}

#[test]
fn selections() {
    assert_cases(&[
        ("!Select [1, [a, b]]", r#""b""#),
        ("!Select ['0', !Ref Names]", r#""a""#),
        (r#"{"Fn::Select": [0, {"Fn::Split": [",", "a,b"]}]}"#, r#""a""#),
        ("!Select [0, [{ a: !Ref Size }]]", "{a: 512}"),
        (
            "!Select [!Ref Size, [a]]",
            "Resources.It.Value[0]: `512` is not the index of an item: the list has 1 \
          [bad-intrinsic]; use a number from 0 to 0",
        ),
        (
            "!Select [0, !Ref Nothing]",
            "Resources.It.Value[0]: `0` is not the index of an item: the list has 0 \
          [bad-intrinsic]; add an item to the list",
        ),
    ]);
}

#[test]
fn mappings() {
    assert_cases(&[
        ("!FindInMap [Regions, eu-west-1, Layer]", r#""arn:eu""#),
        ("!FindInMap [Regions, !Ref AWS::Region, Zones]", r#"["a", "b"]"#),
        (r#"{"Fn::FindInMap": ["Regions", {"Ref": "AWS::Region"}, "Memory"]}"#, "256"),
        ("!FindInMap [Regions, !Sub '${AWS::Region}', !Join ['', [Lay, er]]]", r#""arn:eu""#),
        ("!FindInMap [Regions, us-east-1, Zones, { DefaultValue: [z] }]", r#"["z"]"#),
        ("!FindInMap [Regions, xx, Layer, { DefaultValue: !Ref Stage }]", r#""prod""#),
        ("!FindInMap [Nowhere, xx, Layer, { DefaultValue: 1 }]", "1"),
    ]);
}

#[test]
fn other_functions() {
    assert_cases(&[
        ("!Base64 hello", r#""aGVsbG8=""#),
        ("{ Fn::Base64: !Sub '${Stage}' }", r#""cHJvZA==""#),
        ("!Length [a, !Ref AWS::NoValue, b]", "2"),
        ("{ Fn::Length: !Ref Names }", "3"),
        (
            "{ Fn::ToJsonString: { z: [1, '2', true, 1.50], a: !Ref Stage, gone: !Ref AWS::NoValue, q: 'a\"b' } }",
            r#""{\"z\":[1,\"2\",true,1.5],\"a\":\"prod\",\"q\":\"a\\\"b\"}""#,
        ),
        ("!ToJsonString []", r#""[]""#),
    ]);
}

#[test]
fn choices() {
    assert_cases(&[
        ("!If [IsProd, a, b]", r#""a""#),
        ("!If [IsDev, a, b]", r#""b""#),
        (r#"{"Fn::If": ["IsProd", ["a", "b"], {"Ref": "AWS::NoValue"}]}"#, r#"["a", "b"]"#),
        ("!If [IsDev, [a], !Ref AWS::NoValue]", "nothing"),
        ("!If [IsDev, !Ref Required, !If [IsProd, yes, no]]", r#""yes""#),
    ]);
}

#[test]
fn plain_values_stay_as_they_are() {
    assert_cases(&[
        ("1.10", "1.10"),
        ("'30'", r#""30""#),
        ("30", "30"),
        ("True", "true"),
        ("null", "nothing"),
        ("[a, { b: [c] }]", r#"["a", {b: ["c"]}]"#),
        ("{ Condition: IsProd }", r#"{Condition: "IsProd"}"#),
        ("{ Ref: Stage, Other: b }", r#"{Ref: "Stage", Other: "b"}"#),
    ]);
}

#[test]
fn json_is_read_like_yaml() {
    let text = r#"{
        "Parameters": {"Stage": {"Type": "String", "Default": "prod"}},
        "Resources": {"It": {"Value": {"Fn::Join": ["-", [{"Ref": "Stage"}, {"Fn::Sub": "${AWS::Region}"}, 30]]}}}
    }"#;
    let document = document("template.json", text);
    let (stacks, stack) = stacks(&document, in_region());
    assert_eq!(shown(&stacks, &it(&stacks, stack)), r#""prod-eu-west-1-30""#);
}
