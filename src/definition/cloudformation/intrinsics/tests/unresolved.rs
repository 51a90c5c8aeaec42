//! What limg says where a value is not known, and that it does not matter where it is not needed.

use super::{assert_cases, document, error_shown, evaluate_with, in_region, it, shown, stacks};
use crate::definition::cloudformation::intrinsics::stack::PseudoParameters;

const INSTEAD: &str = "use a parameter instead, and pass `--parameter-overrides NAME=VALUE`";

#[test]
fn an_option_that_settles_a_value_is_named() {
    assert_cases(&[
        (
            "!Sub 'a-${Required}'",
            "Parameters.Required: the parameter `Required` has no value [unresolved-value]; \
             pass `--parameter-overrides Required=VALUE`, or add a `Default`",
        ),
        (
            "!Ref Stored",
            "Parameters.Stored: the value of the parameter `Stored` is stored in Parameter Store as `/shop/layer` \
             [unresolved-value]; use `--fetch` to read it, or change its type to `String`, and pass `--parameter-overrides Stored=VALUE`",
        ),
    ]);
    for (name, function) in [
        ("AWS::Region", "!Ref AWS::Region"),
        ("AWS::Partition", "!Sub 'arn:${AWS::Partition}:'"),
        ("AWS::URLSuffix", "{ Ref: 'AWS::URLSuffix' }"),
    ] {
        let shown = evaluate_with(function, PseudoParameters::default());
        let problem =
            format!("`{name}` is not known without a Region [unresolved-value]; pass `--region REGION`");
        assert!(shown.ends_with(&problem), "{shown}");
    }
}

#[test]
fn values_of_the_deployed_stack_are_named() {
    let deployed =
        |what: &str| format!(" only the deployed stack knows {what} [unresolved-value]; {INSTEAD}");
    for (function, what) in [
        ("!Ref AWS::StackName", "`AWS::StackName`"),
        ("!Ref AWS::StackId", "`AWS::StackId`"),
        ("!Ref AWS::NotificationARNs", "`AWS::NotificationARNs`"),
        ("!Sub 'a-${Table}'", "the value of `Table`"),
        ("!Sub '${Table.Arn}-a'", "the value of `Table.Arn`"),
        ("!Join ['', [!GetAtt Table.Arn]]", "the value of `Table.Arn`"),
        ("!Select [0, !GetAtt Table.Names]", "the value of `Table.Names`"),
        ("!GetAZs ''", "the result of `!GetAZs`"),
        ("!Select [0, { Fn::GetAZs: !Ref AWS::Region }]", "the result of `Fn::GetAZs`"),
        ("!Cidr [a, 1, 2]", "the result of `!Cidr`"),
    ] {
        let shown = super::evaluate(function);
        assert!(shown.ends_with(&deployed(what)), "{shown}");
    }
    let account = super::evaluate("!Ref AWS::AccountId");
    assert!(account.ends_with("knows `AWS::AccountId` [unresolved-value]; pass `--account ID`"), "{account}");
    let given = PseudoParameters {
        region: Some("cn-north-1".into()),
        account: Some("123456789012".into()),
        stack_name: Some("shop".into()),
    };
    let all = "!Sub '${AWS::Region} ${AWS::Partition} ${AWS::URLSuffix} ${AWS::AccountId} ${AWS::StackName}'";
    assert_eq!(evaluate_with(all, given), r#""cn-north-1 aws-cn amazonaws.com.cn 123456789012 shop""#);
}

#[test]
fn what_others_than_the_template_make_is_named() {
    assert_cases(&[
        (
            "!ImportValue shop",
            &format!(
                "Resources.It.Value: another stack exports the value of `shop` [unresolved-value]; {INSTEAD}"
            ),
        ),
        (
            "{ Fn::ImportValue: !Sub '${Stage}-${Table}' }",
            &format!("Resources.It.Value: another stack exports the value [unresolved-value]; {INSTEAD}"),
        ),
        (
            "'{{resolve:ssm:/shop/layer:3}}'",
            &format!(
                "Resources.It.Value: only AWS can resolve `{{{{resolve:ssm:/shop/layer:3}}}}` [unresolved-value]; use `--fetch` to read it, or {INSTEAD}"
            ),
        ),
        (
            "!Sub 'a-{{resolve:secretsmanager:${Stage}}}'",
            &format!(
                "Resources.It.Value: only AWS can resolve `{{{{resolve:secretsmanager:prod}}}}` [unresolved-value]; {INSTEAD}"
            ),
        ),
        (
            "{ Fn::Transform: { Name: AWS::Include, Parameters: { Location: a.yaml } } }",
            "Resources.It.Value: limg does not run the transform `AWS::Include` [unresolved-value]; replace it with what it makes",
        ),
        (
            "{ a: b, Fn::Transform: { Name: Mine } }",
            "Resources.It.Value.Fn::Transform: limg does not run the transform `Mine` [unresolved-value]; replace it with what it makes",
        ),
        (
            "!Rain::Embed a.sh",
            "Resources.It.Value: limg does not know the function `!Rain::Embed` [unresolved-value]; run `rain pkg TEMPLATE`, and name the template that it prints",
        ),
        (
            "!Subs a",
            "Resources.It.Value: limg does not know the function `!Subs` [unresolved-value]; did you mean `!Sub`?",
        ),
        (
            "{ Fn::Jion: [a] }",
            "Resources.It.Value: limg does not know the function `Fn::Jion` [unresolved-value]; did you mean `Fn::Join`?",
        ),
    ]);
}

#[test]
fn slips_are_shown_where_they_are() {
    assert_cases(&[
        (
            "!Ref Stge",
            "Resources.It.Value: the template has no parameter or resource `Stge` [bad-intrinsic]; did you mean `Stage`?",
        ),
        (
            "{ Ref: Tabl }",
            "Resources.It.Value.Ref: the template has no parameter or resource `Tabl` [bad-intrinsic]; did you mean `Table`?",
        ),
        (
            "!Sub ['${Tabel.Arn}', {}]",
            "Resources.It.Value[0]: the template has no parameter or resource `Tabel` [bad-intrinsic]; did you mean `Table`?",
        ),
        (
            "!GetAtt Tabel.Arn",
            "Resources.It.Value: the template has no parameter or resource `Tabel` [bad-intrinsic]; did you mean `Table`?",
        ),
        (
            "!Ref AWS::Regoin",
            "Resources.It.Value: the template has no pseudo parameter `AWS::Regoin` [bad-intrinsic]; did you mean `AWS::Region`?",
        ),
        (
            "!FindInMap [Region, a, b]",
            "Resources.It.Value[0]: the template has no mapping `Region` [bad-intrinsic]; did you mean `Regions`?",
        ),
        (
            "!FindInMap [Regions, eu-west-2, Layer]",
            "Resources.It.Value[1]: the mapping `Regions` has no key `eu-west-2` [bad-intrinsic]; did you mean `eu-west-1`?",
        ),
        (
            "!FindInMap [Regions, eu-west-1, zzz]",
            "Resources.It.Value[2]: the mapping `Regions.eu-west-1` has no key `zzz` [bad-intrinsic]; add the key, or a `DefaultValue`",
        ),
        (
            "!If [IsPord, a, b]",
            "Resources.It.Value[0]: the template has no condition `IsPord` [bad-intrinsic]; did you mean `IsProd`?",
        ),
        (
            "!Sub '${FOO:-x}'",
            "Resources.It.Value: `${FOO:-x}` is not a valid variable [bad-intrinsic]; use letters, digits, `_`, `.` and `:`, or write `${!FOO:-x}` for literal text",
        ),
        (
            "!GetAtt Table",
            "Resources.It.Value: `!GetAtt` has arguments of the wrong form [bad-intrinsic]; write `!GetAtt RESOURCE.ATTRIBUTE`",
        ),
        (
            "{ Fn::Join: [a] }",
            "Resources.It.Value.Fn::Join: `Fn::Join` has arguments of the wrong form [bad-intrinsic]; write `Fn::Join: [DELIMITER, [VALUE, …]]`",
        ),
        ("!Join [',', a]", "Resources.It.Value[1]: expected a list, found a single value [wrong-type]"),
        (
            "!Split ['', a]",
            "Resources.It.Value: `!Split` has arguments of the wrong form [bad-intrinsic]; write `!Split [DELIMITER, TEXT]`",
        ),
        (
            "{ Fn::If: [IsProd, a, b], Fn::Sub: x }",
            "Resources.It.Value.Fn::If: `Fn::If` has other keys next to it [bad-intrinsic]; remove the other keys",
        ),
        (
            "!Equals [a, b]",
            "Resources.It.Value: `!Equals` is only valid under `Conditions` [bad-intrinsic]; define a condition, and use `Fn::If`",
        ),
        (
            "!Sub [a, b, c]",
            "Resources.It.Value: `!Sub` has arguments of the wrong form [bad-intrinsic]; write `!Sub TEXT` or `[TEXT, {NAME: VALUE}]`",
        ),
        ("!Sub '${Names}'", "Resources.It.Value: expected a single value, found a list [wrong-type]"),
        ("!Base64 [a]", "Resources.It.Value: expected a single value, found a list [wrong-type]"),
        (
            "!Ref [a]",
            "Resources.It.Value: `!Ref` has arguments of the wrong form [bad-intrinsic]; write `!Ref NAME`",
        ),
    ]);
}

#[test]
fn what_is_not_needed_need_not_be_known() {
    let text = "Parameters: { Required: { Type: String } }
Conditions: { IsUnknown: !Equals [!Ref Required, x] }
Resources:
  It:
    Value:
      Handler: app.handler
      Role: !GetAtt Nowhere.Arn
      Layers: [!Ref Required, b]
      Same: !If [IsUnknown, python3.12, python3.12]
      Gone: !If [IsUnknown, !Ref AWS::NoValue, !Ref AWS::NoValue]
      Other: !If [IsUnknown, a, b]
      First: !Select [1, [!Ref Required, b]]
";
    let document = document("template.yaml", text);
    let (stacks, stack) = stacks(&document, PseudoParameters::default());
    let entries = stacks.map(&it(&stacks, stack)).unwrap().unwrap();
    let of = |key: &str| &entries.iter().find(|(own, _)| own == key).unwrap().1;
    assert_eq!(shown(&stacks, of("Handler")), r#""app.handler""#);
    assert_eq!(shown(&stacks, of("Same")), r#""python3.12""#);
    assert_eq!(shown(&stacks, of("Gone")), "nothing");
    assert_eq!(shown(&stacks, of("First")), r#""b""#);
    assert!(shown(&stacks, of("Other")).starts_with("Parameters.Required: the parameter"));
    let layers = stacks.list(of("Layers")).unwrap().unwrap();
    assert_eq!(layers[1].place().path().to_string(), "Resources.It.Value.Layers[1]");
    assert_eq!(shown(&stacks, &layers[1]), r#""b""#);
    assert!(stacks.evaluate(&layers[0]).is_err());
}

#[test]
fn absent_values_and_items_are_left_out() {
    let text = "Resources: { It: { Value: { A: !Ref AWS::NoValue, B: [a, !Ref AWS::NoValue, c], C: } } }";
    let document = document("template.yaml", text);
    let (stacks, stack) = stacks(&document, in_region());
    let entries = stacks.map(&it(&stacks, stack)).unwrap().unwrap();
    let [(_, a), (_, b), (_, c)] = &entries[..] else { panic!("three entries") };
    assert!(
        stacks.text(a).unwrap().is_none()
            && stacks.list(a).unwrap().is_none()
            && stacks.map(c).unwrap().is_none()
    );
    let items = stacks.list(b).unwrap().unwrap();
    assert_eq!(items.iter().map(|item| shown(&stacks, item)).collect::<Vec<_>>(), [r#""a""#, r#""c""#]);
    assert_eq!(
        error_shown(&stacks.text(b).unwrap_err()),
        "Resources.It.Value.B: expected a single value, found a list [wrong-type]"
    );
}
