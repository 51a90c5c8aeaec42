//! Names that the template does not define itself, but something that changes it on the way.

use super::{document, in_region, it, shown, stacks};

fn reference(transform: &str, name: &str) -> String {
    let text = format!(
        "{transform}\nResources: {{ Orders: {{ Type: AWS::Serverless::Function }}, It: {{ Value: !Ref {name} }} }}"
    );
    let document = document("template.yaml", &text);
    let (stacks, stack) = stacks(&document, in_region());
    shown(&stacks, &it(&stacks, stack))
}

#[test]
fn resources_that_sam_adds_are_known_by_their_names() {
    let sam = "Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]";
    for name in ["OrdersRole", "OrdersAliaslive", "ServerlessRestApi", "ServerlessHttpApi"] {
        assert_eq!(reference(sam, name), format!("<0:{name}>"));
    }
    assert_eq!(reference(sam, "Orders.Version"), "<0:Orders.Version>");
    assert!(reference(sam, "Order").contains("did you mean `Orders`?"));
    assert!(reference("Transform: AWS::LanguageExtensions", "OrdersRole").contains("did you mean `Orders`?"));
    assert!(reference("", "ServerlessRestApi").contains("no parameter or resource `ServerlessRestApi`"));
}

#[test]
fn macros_may_add_any_resource() {
    for transform in
        ["Transform: Mine", "Transform: [Mine, AWS::Serverless-2016-10-31]", "Transform: { Name: Mine }"]
    {
        assert_eq!(reference(transform, "Anything"), "<0:Anything>", "{transform}");
    }
}

#[test]
fn an_included_file_may_define_what_is_missing() {
    let text = "Resources:
  Fn::Transform: { Name: AWS::Include, Parameters: { Location: more.yaml } }
  It: { Value: !Ref Elsewhere }
";
    let document = document("template.yaml", text);
    let (stacks, stack) = stacks(&document, in_region());
    let shown = shown(&stacks, &it(&stacks, stack));
    assert!(
        shown.starts_with("Resources.Fn::Transform: limg does not run the transform `AWS::Include`"),
        "{shown}"
    );
    assert_eq!(stacks.resources(stack).unresolved.len(), 1);
}

#[test]
fn an_included_file_may_have_the_key_that_a_mapping_lacks() {
    let text = "Mappings: { M: { a: { b: c }, Fn::Transform: { Name: AWS::Include } } }
Resources: { It: { Value: !FindInMap [M, z, b, { DefaultValue: d }] }, Other: { Value: !FindInMap [M, a, b] } }
";
    let document = document("template.yaml", text);
    let (stacks, stack) = stacks(&document, in_region());
    let shown_of =
        |name| shown(&stacks, &stacks.get(&stacks.resource(stack, name).unwrap(), "Value").unwrap().unwrap());
    assert!(
        shown_of("It")
            .starts_with("Mappings.M.Fn::Transform: limg does not run the transform `AWS::Include`")
    );
    assert_eq!(shown_of("Other"), r#""c""#);
}
