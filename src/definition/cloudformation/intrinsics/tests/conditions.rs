//! Conditions, decided as far as they can be.

use super::{document, error_shown, in_region, stacks};

/// Whether a condition of this text holds.
fn holds(condition: &str) -> String {
    let text = format!(
        "Parameters:
  Stage: {{ Type: String, Default: prod }}
  Size: {{ Type: Number, Default: 512 }}
  Names: {{ Type: CommaDelimitedList, Default: \"a,b\" }}
  Required: {{ Type: String }}
Mappings: {{ Stages: {{ prod: {{ Big: 'true' }} }} }}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsDev: {{ Fn::Not: [{{ Condition: IsProd }}] }}
  IsUnknown: !Equals [!Ref Required, prod]
  Self: !Not [!Condition Self]
  It: {condition}
Resources: {{ Table: {{ Type: AWS::DynamoDB::Table }} }}
"
    );
    let document = document("template.yaml", &text);
    let (stacks, stack) = stacks(&document, in_region());
    match stacks.condition(stack, "It", &document.place()) {
        Ok(holds) => holds.to_string(),
        Err(unresolved) => error_shown(&unresolved),
    }
}

#[test]
fn conditions_hold_or_not() {
    for (condition, expected) in [
        ("!Equals [a, a]", "true"),
        ("!Equals [a, A]", "false"),
        ("{ Fn::Equals: [!Ref Size, '512'] }", "true"),
        ("!Equals [!Ref Names, [a, b]]", "true"),
        ("!Equals [!Ref Names, [a, c]]", "false"),
        ("!Equals [!Ref Names, [a]]", "false"),
        ("!Equals [!Ref Names, a]", "false"),
        ("!Equals [true, 'true']", "true"),
        ("!Equals [!FindInMap [Stages, !Ref Stage, Big], 'true']", "true"),
        ("!Equals [!Join ['', !Ref Names], ab]", "true"),
        ("!Condition IsProd", "true"),
        ("{ Condition: IsDev }", "false"),
        ("!Not [!Condition IsDev]", "true"),
        ("!And [!Condition IsProd, !Not [!Condition IsDev]]", "true"),
        ("{ Fn::And: [{ Condition: IsProd }, { Condition: IsDev }] }", "false"),
        ("!Or [!Condition IsDev, !Condition IsProd]", "true"),
        ("{ Fn::Or: [{ Condition: IsDev }, { Condition: IsDev }] }", "false"),
    ] {
        assert_eq!(holds(condition), expected, "{condition}");
    }
}

#[test]
fn a_part_that_decides_makes_up_for_those_that_are_not_known() {
    assert_eq!(holds("!Or [!Condition IsUnknown, !Condition IsProd]"), "true");
    assert_eq!(holds("!And [!Condition IsUnknown, !Condition IsDev]"), "false");
    let unknown = "Parameters.Required: the parameter `Required` has no value [unresolved-value]; \
                   pass `--parameter-overrides Required=VALUE`, or add a `Default`";
    for condition in [
        "!Or [!Condition IsUnknown, !Condition IsDev]",
        "!And [!Condition IsUnknown, !Condition IsProd]",
        "!Not [!Condition IsUnknown]",
    ] {
        assert_eq!(holds(condition), unknown, "{condition}");
    }
}

#[test]
fn what_is_not_a_condition_is_an_error_where_it_stands() {
    let kinds = "; use `Fn::Equals`, `Fn::And`, `Fn::Or`, `Fn::Not` or `Condition`";
    for (condition, expected) in [
        (
            "!Condition IsPrd",
            "Conditions.It: the template has no condition `IsPrd` [bad-intrinsic]; did you mean `IsProd`?",
        ),
        (
            "!Condition Self",
            "Conditions.Self[0]: `Self` depends on itself [bad-intrinsic]; remove one of the references",
        ),
        (
            "!Equals [a]",
            "Conditions.It: `!Equals` has arguments of the wrong form [bad-intrinsic]; write `!Equals [VALUE, VALUE]`",
        ),
        (
            "{ Fn::Not: { Condition: IsProd } }",
            "Conditions.It.Fn::Not: `Fn::Not` has arguments of the wrong form \
          [bad-intrinsic]; write `Fn::Not: [CONDITION]`",
        ),
        (
            "!Equals [!Ref Table, a]",
            "Conditions.It[0]: only the deployed stack knows the value of `Table` [unresolved-value]; \
          use a parameter instead, and pass `--parameter-overrides NAME=VALUE`",
        ),
        ("!Equals [a, { b: c }]", "Conditions.It[1]: expected a single value, found a mapping [wrong-type]"),
    ] {
        assert_eq!(holds(condition), expected, "{condition}");
    }
    for (condition, found) in [("true", "`true`"), ("[a]", "a list"), ("!Ref Stage", "`!Ref`")] {
        let expected = format!("Conditions.It: expected a condition, found {found} [bad-intrinsic]{kinds}");
        assert_eq!(holds(condition), expected, "{condition}");
    }
}
