//! Templates that nest others.

use super::*;

const CHILD: &str = "
Parameters:
  Layer: { Type: String }
  Handler: { Type: String, Default: app.handler }
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties: { Runtime: python3.12, Handler: !Ref Handler, CodeUri: code, Layers: [!Ref Layer] }
  Own: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layer } }
Outputs:
  Layer: { Value: !Ref Own }
";

#[test]
fn functions_of_nested_templates_have_the_names_of_both() {
    let folder = Folder::new();
    folder.write("app/template.yaml", CHILD.as_bytes());
    folder.write("app/code/app.py", b"");
    folder.write("app/layer/x", b"");
    check(
        &folder,
        &Options::of_tests(),
        &[(
            "both kinds, parameters and outputs",
            "
Resources:
  App: { Type: AWS::Serverless::Application, Properties: { Location: app/template.yaml, Parameters: { Layer: !Ref Utils } } }
  Stack: { Type: AWS::CloudFormation::Stack, Properties: { TemplateURL: ./app/template.yaml, Parameters: { Layer: !GetAtt App.Outputs.Layer, Handler: c.d } } }
  Utils: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layers/utils } }
  Published: { Type: AWS::Serverless::Application, Properties: { Location: { ApplicationId: x, SemanticVersion: 1.0.0 } } }
  Missing: { Type: AWS::Serverless::Application, Properties: { Location: nowhere.yaml } }
  A: { Type: AWS::Serverless::Function, Properties: { Runtime: python3.12, Handler: a.b, CodeUri: functions, Layers: [!GetAtt App.Outputs.Layer] } }
",
            "
A python3.12 a.b x86_64 functions/ [App-Own=app/layer] in A
App/Function python3.12 app.handler x86_64 app/code/ [Utils=layers/utils] in App-Function
Stack/Function python3.12 c.d x86_64 app/code/ [App-Own=app/layer] in Stack-Function
Published left alone: its template is not on this machine
Missing:
  7: [nested-template] the nested template `nowhere.yaml` does not exist
    help: correct the path, build the template first, or name the functions to build",
        )],
    );
}

#[test]
fn a_template_that_nests_itself_ends() {
    let folder = Folder::new();
    let template = "
Resources:
  A: { Type: AWS::Serverless::Function, Properties: { Runtime: python3.12, Handler: a.b, CodeUri: functions } }
  Self: { Type: AWS::Serverless::Application, Properties: { Location: template.yaml } }
  Again: { Type: AWS::Serverless::Application, Properties: { Location: template.yaml } }
";
    let text = report(&folder, template, &Options::of_tests());
    assert!(text.contains("[nested-template]"), "{text}");
    assert!(text.starts_with("A python3.12"), "{text}");
}

#[test]
fn hundreds_of_functions_in_nested_templates_are_read() {
    let folder = Folder::new();
    let lines =
        |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<Vec<_>>().concat();
    let application = |number: usize| {
        format!(
            "  App{number}: {{ Type: AWS::Serverless::Application, Properties: {{ Location: app{number}.yaml }} }}\n"
        )
    };
    let function = |number: usize| {
        format!(
            "  F{number}: {{ Type: AWS::Serverless::Function, Properties: {{ Handler: !Sub 'a.b{number}' }} }}\n"
        )
    };
    let globals = "Globals: { Function: { Runtime: python3.12, CodeUri: functions } }\n";
    for number in 0..20 {
        let nested = format!("{globals}Resources:\n{}", lines(25, &function));
        folder.write(&format!("app{number}.yaml"), nested.as_bytes());
    }
    let template = format!("Resources:\n{}", lines(20, &application));
    let functions = loaded(&folder, &template, &Options::of_tests()).project.functions;
    assert_eq!(functions.len(), 500);
    let images: std::collections::BTreeSet<_> =
        functions.iter().map(|function| &function.image.name).collect();
    assert_eq!(images.len(), 20, "functions of one template share their code");
}
