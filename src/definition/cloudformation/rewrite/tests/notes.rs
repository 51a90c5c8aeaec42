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
fn custom_resources_of_a_replaced_function_are_reported() {
    let text = "
Resources:
  Fn: { Type: AWS::Serverless::Function, Properties: { CodeUri: . } }
  Other: { Type: AWS::Serverless::Function, Properties: { CodeUri: . } }
  Setup: { Type: Custom::Setup, Properties: { ServiceToken: !GetAtt Fn.Arn } }
  Old: { Type: AWS::CloudFormation::CustomResource, Properties: { ServiceToken: !Sub '${Fn.Arn}:live' } }
  Third: { Type: Custom::Setup, Properties: { ServiceToken: !GetAtt Other.Arn, Function: !Ref Fn } }
";
    let expected = |id: &str| {
        format!(
            "Resources.{id}.Properties.ServiceToken: the deployment fails at the custom resource `{id}`: CloudFormation does not \
             change a service token, and replaces the function `Fn` that it names [replaced-function]; give `{id}` another \
             logical id, so that CloudFormation deletes it and creates it again, or name only the other functions"
        )
    };
    let expected = [expected("Setup"), expected("Old")].join("\n");
    assert_eq!(notes("t.yaml", text, &["Fn"], None), expected);
    assert_eq!(notes("t.yaml", text, &["Fn"], Some("Image")), expected);
}

#[test]
fn what_the_template_chooses_and_the_image_has_fixed_is_reported() {
    let text = "
Parameters: { Stage: { Type: String }, Layer: { Type: String } }
Globals: { Function: { Runtime: !FindInMap [Runtimes, !Ref 'AWS::Region', Name], Layers: [!Ref Layer, !Ref Own] } }
Resources:
  Own: { Type: AWS::Serverless::LayerVersion }
  A:
    Type: AWS::Serverless::Function
    Properties: { Runtime: python3.12, CodeUri: !If [IsProd, a, b], Handler: !Sub '${Stage}.handler', Timeout: !Ref Stage }
    IgnoreGlobals: [Layers]
  B: { Type: AWS::Serverless::Function, Properties: { CodeUri: . } }
  C:
    Type: AWS::Lambda::Function
    Properties:
      Code: { ZipFile: { 'Fn::Sub': '${AWS::AccountId}' } }
      Layers: [!Ref Own, !Sub 'arn:aws:lambda:${AWS::Region}:1:layer:x:1']
  D:
    Type: AWS::Lambda::Function
    Properties: { Code: { S3Bucket: !Sub 'assets-${AWS::AccountId}', S3Key: a.zip }, Handler: a.b }
";
    let found = |function: &str| notes("t.yaml", text, &[function], None);
    assert_eq!(
        found("A"),
        "Resources.A.Properties.CodeUri: `CodeUri` and `Handler` of `A` depend on `IsProd` and `Stage`, but the image is built for \
         one value [fixed-value]; push images and write a template for each value, with `--parameter-overrides`"
    );
    assert_eq!(
        found("B"),
        "Globals.Function.Runtime: `Runtime` and `Layers` of `B` depend on `Layer` and `Runtimes`, but the image is built for one \
         value [fixed-value]; push images and write a template for each value, with `--parameter-overrides`"
    );
    assert_eq!(
        found("C"),
        "Resources.C.Properties.Code: `Code` of `C` depends on `AWS::AccountId`, but the image is built for one value \
         [fixed-value]; push images and write a template for each account or stack where the values differ"
    );
    assert_eq!(found("D"), "");
}

const LOOPED: &str = "
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Resources:
  Orders: { Type: AWS::Serverless::Function, Properties: { CodeUri: . } }
  Users: { Type: AWS::Serverless::Function, Properties: { CodeUri: . } }
Outputs:
  Fn::ForEach::Arns: [Name, $ITEMS, { '${Name}Arn': { Value: !GetAtt '${Name}.Arn' } }]
";

#[test]
fn references_that_loops_make_to_renamed_functions_are_errors_or_reported() {
    let of = |items: &str, function: &str| {
        let options = RewriteOptions { suffix: Some("V2".to_owned()), ..RewriteOptions::default() };
        match rewritten("t.yaml", &LOOPED.replace("$ITEMS", items), &[function], &options) {
            Ok(rewritten) => shown(&rewritten.notes),
            Err(errors) => format!("error: {}", shown(&errors)),
        }
    };
    let place = "Outputs.Fn::ForEach::Arns[2].${Name}Arn.Value";
    assert_eq!(
        of("[Orders, Users]", "Users"),
        format!(
            "error: {place}: `--suffix` changes the logical id of `Users`, whose name a loop makes here [uneditable-value]; write \
             what the loop makes for `Users` as an entry of its own"
        )
    );
    assert_eq!(of("[Orders]", "Users"), "");
    assert_eq!(
        of("!Ref Names", "Users"),
        format!(
            "{place}: a loop makes this name, which may be that of a function whose logical id changes [uneditable-value]; check \
             the names that the loop makes, or omit `--suffix`"
        )
    );
}

#[test]
fn files_that_cloudformation_inserts_are_reported_where_they_name_what_changes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("api.yaml"), "x: { 'Fn::Sub': '${Orders.Arn}/invocations' }\n")
        .unwrap();
    let file = folder.path().join("t.yaml");
    let found = |location: &str| {
        let text = format!(
            "Resources:\n  Orders: {{ Type: AWS::Serverless::Function, Properties: {{ Layers: [!Ref Own] }} }}\n  Own: {{ Type: \
             AWS::Serverless::LayerVersion }}\n  Api: {{ Type: AWS::Serverless::Api, Properties: {{ DefinitionBody: {{ \
             'Fn::Transform': {{ Name: AWS::Include, Parameters: {{ Location: {location} }} }} }} }} }}\n"
        );
        let options =
            RewriteOptions { suffix: Some("V2".to_owned()), prune_layers: true, ..RewriteOptions::default() };
        match rewritten(file.to_str().unwrap(), &text, &["Orders"], &options) {
            Ok(rewritten) => (shown(&rewritten.notes), rewritten.text.contains("Own:")),
            Err(errors) => panic!("{}", shown(&errors)),
        }
    };
    let place = "Resources.Api.Properties.DefinitionBody.Fn::Transform";
    let (notes, keeps_layer) = found("api.yaml");
    assert_eq!(
        notes,
        format!(
            "{place}: `api.yaml` refers to the function `Orders`, which is `OrdersV2` in the new template [uneditable-value]; \
             change the name in that file"
        )
    );
    assert!(!keeps_layer);
    let (notes, keeps_layer) = found("s3://shop/api.yaml");
    assert_eq!(
        notes,
        format!(
            "{place}: the layer `Own` is kept because an included file may use it [unused]\n{place}: `s3://shop/api.yaml` may \
             refer to functions whose logical ids change [uneditable-value]; add `V2` to their names in that file"
        )
    );
    assert!(keeps_layer);
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
