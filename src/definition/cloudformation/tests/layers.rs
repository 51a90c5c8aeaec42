//! Layers: those of the template, ARNs, and values that decide between them.

use super::*;

#[test]
fn a_layer_of_a_list_alone_is_installed_if_the_command_says_so() {
    let folder = Folder::new();
    folder.write("deps/requirements.txt", b"six\n");
    let template = "
Resources:
  A: { Type: AWS::Serverless::Function, Properties: { CodeUri: functions/orders, Handler: app.h, Runtime: python3.12, Layers: [!Ref L] } }
  L: { Type: AWS::Serverless::LayerVersion, Metadata: { BuildMethod: python3.12 }, Properties: { ContentUri: deps } }
";
    let text = report(&folder, template, &Options::of_tests());
    assert!(text.contains("must be built first, since its `BuildMethod` is `python3.12`"), "{text}");
    let install = Options { install: true, ..Options::of_tests() };
    for allow_source in [false, true] {
        let loaded = loaded(&folder, template, &Options { allow_source, ..install.clone() });
        let source = &loaded.project.functions[0].layers[0].source;
        let crate::project::LayerSource::Packages(list) = source else { panic!("{source:?}") };
        assert_eq!(list.path, folder.path("deps/requirements.txt"));
        assert_eq!(list.allow_source, allow_source);
    }
}

#[test]
fn layers_are_found_by_reference_and_by_arn() {
    let folder = Folder::new();
    let region = Some("eu-west-1".to_owned());
    check(
        &folder,
        &Options { region, ..Options::of_tests() },
        &[
            (
                "references, ARNs and globals",
                "
Parameters:
  More: { Type: String, Default: no }
Conditions:
  HasMore: !Equals [!Ref More, yes]
Globals:
  Function: { Runtime: python3.12, Handler: a.b, CodeUri: functions, Layers: [!Ref Utils] }
Resources:
  Utils: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layers/utils } }
  Tracer: { Type: AWS::Lambda::LayerVersion, Properties: { Content: layers/tracer } }
  A: { Type: AWS::Serverless::Function }
  B:
    Type: AWS::Serverless::Function
    Properties:
      Layers:
        - !Ref Tracer
        - !Sub arn:${AWS::Partition}:lambda:${AWS::Region}:580247275435:layer:Insights:53
        - !If [HasMore, !Ref Nowhere, !Ref AWS::NoValue]
  C: { Type: AWS::Lambda::Function, Properties: { Code: functions, Runtime: python3.12, Handler: a.b, Layers: !If [HasMore, [x], [!GetAtt Tracer.LayerVersionArn]] } }
",
                "
A python3.12 a.b x86_64 functions/ [Utils=layers/utils] in A
B python3.12 a.b x86_64 functions/ [Utils=layers/utils Tracer=layers/tracer arn:aws:lambda:eu-west-1:580247275435:layer:Insights:53] in B
C python3.12 a.b x86_64 functions/ [Tracer=layers/tracer] in C",
            ),
            (
                "errors",
                "
Globals: { Function: { Runtime: python3.12, Handler: a.b, CodeUri: functions } }
Resources:
  A: { Type: AWS::Serverless::Function, Properties: { Layers: [!Ref Table, 'arn:x', !Ref Built, !Ref Remote] } }
  B: { Type: AWS::Serverless::Function, Properties: { Layers: ['arn:aws:lambda:us-east-1:123456789012:layer:l:1', 'arn:aws:lambda:us-east-1:123456789012:layer:l:2'] } }
  Table: { Type: AWS::DynamoDB::Table }
  Built: { Type: AWS::Serverless::LayerVersion, Metadata: { BuildMethod: python3.12 }, Properties: { ContentUri: layers/utils } }
  Remote: { Type: AWS::Lambda::LayerVersion, Properties: { Content: { S3Bucket: b, S3Key: k } } }
",
                "
A:
  4: [bad-arn] `arn:x` is not the ARN of a layer version, `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION`
    help: use the ARN of a layer version, or a layer of the template
  6: [unknown-layer] `Table` is not a layer, but has the type `AWS::DynamoDB::Table`
    help: name a layer version of the template, or an ARN
  7: [missing-build] the content of the layer `Built` must be built first, since its `BuildMethod` is `python3.12`
    help: run `sam build`, use `--install` to build it with limg, or use `--source` to pack the sources as they are
  8: [remote-code] the content of the layer `Remote` is in S3: s3://b/k
    help: download it with `aws s3 cp s3://b/k FILE.zip`, and write `Content: FILE.zip`
B:
  5: [two-versions] versions 1 and 2 of the layer `arn:aws:lambda:us-east-1:123456789012:layer:l`
    help: remove one of them: Lambda rejects a function with two versions of a layer",
            ),
            (
                "values that only AWS knows, and one layer instead of a list",
                "
Globals: { Function: { Runtime: python3.12, Handler: a.b, CodeUri: functions, Architectures: arm64 } }
Resources:
  A: { Type: AWS::Serverless::Function, Properties: { Layers: [!GetAtt App.Outputs.Arn] } }
  B: { Type: AWS::Serverless::Function, Properties: { Layers: [!Sub 'arn:aws:lambda:us-east-1:${AWS::AccountId}:layer:l:1'] } }
  C: { Type: AWS::Serverless::Function, Properties: { Layers: !Ref Utils } }
  Utils: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layers/utils } }
  App: { Type: AWS::Serverless::Application, Properties: { Location: { ApplicationId: x, SemanticVersion: 1.0.0 } } }
",
                "
A:
  4: [unresolved-value] only the deployed application `App` knows its outputs
    help: use a parameter for the ARN, and pass `--parameter-overrides NAME=ARN`
B:
  5: [unresolved-value] only the deployed stack knows `AWS::AccountId`
    help: pass `--account ID`
C:
  6: [wrong-type] expected a list of layers, found one layer
    help: write it as the item of a list
App left alone: its template is not on this machine",
            ),
        ],
    );
}

#[test]
fn an_account_that_is_given_completes_arns() {
    let folder = Folder::new();
    let template = "
Resources:
  A:
    Type: AWS::Serverless::Function
    Properties: { Runtime: python3.12, Handler: a.b, CodeUri: functions, Architectures: arm64, Layers: [!Sub 'arn:aws:lambda:us-east-1:${AWS::AccountId}:layer:l:1'] }
";
    let account = Some("123456789012".to_owned());
    let text = report(&folder, template, &Options { account, ..Options::of_tests() });
    assert_eq!(
        text,
        "A python3.12 a.b arm64 functions/ [arn:aws:lambda:us-east-1:123456789012:layer:l:1] in A"
    );
}

#[test]
fn files_can_stand_for_a_layer_version() {
    let folder = Folder::new();
    let arn = "arn:aws:lambda:us-east-1:123456789012:layer:l:1";
    let template = format!(
        "Resources:\n  A:\n    Type: AWS::Serverless::Function\n    Properties: {{ Runtime: python3.12, Handler: a.b, \
         CodeUri: functions, Layers: ['{arn}'] }}\n"
    );
    let layers = [(arn.parse().unwrap(), folder.path("layers/utils"))].into();
    let text = report(&folder, &template, &Options { layers, ..Options::of_tests() });
    assert_eq!(text, "A python3.12 a.b x86_64 functions/ [l-1=layers/utils] in A");
}
