//! What the replacement of a function touches.

use super::{RewriteOptions, rewritten, shown};

fn notes(file: &str, text: &str, functions: &[&str], suffix: Option<&str>) -> String {
    let options =
        RewriteOptions { prune_layers: false, suffix: suffix.map(str::to_owned), values: Vec::new() };
    match rewritten(file, text, functions, &options) {
        Ok(rewritten) => shown(&rewritten.notes),
        Err(errors) => panic!("{}", shown(&errors)),
    }
}

#[test]
fn a_fixed_name_an_alias_and_exports_are_reported() {
    let text = include_str!("templates/serverless.yaml");
    assert_eq!(
        notes("serverless.yaml", text, &["Orders"], None),
        "Resources.Orders.Properties.FunctionName: CloudFormation creates the image function `Orders` before it deletes the zip \
         function, which still has the name `orders` [fixed-name]; change or remove `FunctionName`\n\
         Resources.Orders.Properties.AutoPublishAlias: CloudFormation replaces the function `Orders`, so its alias has another \
         ARN and its versions start at 1 [replaced-function]\n\
         Outputs.Orders.Value: the exported value of `Orders` changes with the function `Orders`, which CloudFormation rejects \
         while another stack imports it [replaced-function]; remove the imports before the deployment, and restore them after it"
    );
    assert_eq!(notes("serverless.yaml", text, &["Inline"], None), "");
}

#[test]
fn resources_that_name_a_function_are_reported() {
    assert_eq!(
        notes("lambda.json", include_str!("templates/lambda.json"), &["Orders0D9E8F7A"], None),
        "Resources.Orders0D9E8F7A.UpdateReplacePolicy: `UpdateReplacePolicy: Retain` keeps the zip function `Orders0D9E8F7A` in \
         the account, outside of the stack [replaced-function]; delete the zip function after the deployment\n\
         Resources.OrdersAlias.Properties.FunctionName: CloudFormation replaces the alias `OrdersAlias` together with the \
         function `Orders0D9E8F7A` [replaced-function]\n\
         Resources.OrdersVersion.Properties.FunctionName: CloudFormation replaces the version `OrdersVersion` together with \
         the function `Orders0D9E8F7A` [replaced-function]\n\
         Resources.OrdersMapping.Properties.FunctionName: CloudFormation points the event source mapping `OrdersMapping` to the \
         function that replaces `Orders0D9E8F7A` [replaced-function]\n\
         Outputs.Arn.Value: the exported value of `Arn` changes with the function `Orders0D9E8F7A`, which CloudFormation \
         rejects while another stack imports it [replaced-function]; remove the imports before the deployment, and restore \
         them after it"
    );
}

#[test]
fn a_policy_keeps_the_old_function_only_in_its_own_case() {
    let text = include_str!("templates/renamed.yaml");
    let first = |suffix| notes("renamed.yaml", text, &["Orders"], suffix).lines().last().unwrap().to_owned();
    assert_eq!(
        first(None),
        "Resources.Orders.DeletionPolicy: `DeletionPolicy` does not keep the zip function `Orders`, because the stack replaces it \
         instead of deleting it [replaced-function]"
    );
    assert_eq!(
        first(Some("Image")),
        "Resources.Orders.DeletionPolicy: `DeletionPolicy: Retain` keeps the zip function `Orders` in the account, outside of \
         the stack [replaced-function]; delete the zip function after the deployment"
    );
}

#[test]
fn functions_of_loops_are_left_and_reported() {
    assert_eq!(
        notes("loops.yaml", include_str!("templates/loops.yaml"), &["MailWorker"], None),
        "Resources.Fn::ForEach::Workers: the loop that makes the function `MailWorker` is left as it is, so `MailWorker` stays a \
         zip function [loop-function]; write `MailWorker` as a resource of its own to deploy its image"
    );
}
