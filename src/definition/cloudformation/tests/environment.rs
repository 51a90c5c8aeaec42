//! Variables and parameters: what is known, and what is left to the deployed function.

use super::*;

const TEMPLATE: &str = "
Parameters:
  Stage: { Type: String, Default: dev }
  Code: { Type: String }
Globals:
  Function:
    Runtime: python3.12
    Environment:
      Variables: { STAGE: !Ref Stage, TABLE: !Ref Table, LEVEL: 1 }
Resources:
  A:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: !Ref Code
      Handler: a.b
      Environment: { Variables: { LEVEL: 2, AWS_LAMBDA_EXEC_WRAPPER: /opt/wrap, REGION: !Ref AWS::Region } }
  Table: { Type: AWS::DynamoDB::Table }
";

#[test]
fn variables_stay_configuration() {
    let folder = Folder::new();
    let parameters = [("Code".to_owned(), "functions".to_owned())].into();
    let options = Options { parameters, ..Options::of_tests() };
    let functions = loaded(&folder, TEMPLATE, &options).project.functions;
    let function = &functions[0];
    assert!(function.environment.is_empty(), "nothing becomes part of the image");
    let known = |name: &str| function.configuration.get(name).map(String::as_str);
    assert_eq!((known("STAGE"), known("LEVEL"), known("TABLE")), (Some("dev"), Some("2"), None));
    assert_eq!(function.deployed_variables, ["TABLE", "REGION"]);
    assert!(function.wrapper.as_ref().unwrap().is_configured);
    let region = Some("eu-west-1".to_owned());
    let functions = loaded(&folder, TEMPLATE, &Options { region, ..options }).project.functions;
    assert_eq!(functions[0].configuration["REGION"], "eu-west-1");
}

#[test]
fn parameters_come_from_the_command_line_or_from_samconfig() {
    let folder = Folder::new();
    let text = report(&folder, TEMPLATE, &Options::of_tests());
    assert!(text.contains("4: [unresolved-value] the parameter `Code` has no value"), "{text}");
    assert!(text.contains("--parameter-overrides Code=VALUE"), "{text}");
    let samconfig = "[default.deploy.parameters]\nparameter_overrides = \"Code=functions Stage=prod\"\n\
                     [test.deploy.parameters]\nparameter_overrides = [\"Code=layers\"]\n";
    folder.write("samconfig.toml", samconfig.as_bytes());
    let function = |options: &Options| loaded(&folder, TEMPLATE, options).project.functions.remove(0);
    let by_default = function(&Options::of_tests());
    assert_eq!(by_default.code.files().unwrap().path, folder.path("functions"));
    assert_eq!(by_default.configuration["STAGE"], "prod");
    let named = Options { environment_of_samconfig: Some("test".to_owned()), ..Options::of_tests() };
    assert_eq!(function(&named).code.files().unwrap().path, folder.path("layers"));
    let none = Options { environment_of_samconfig: Some("none".to_owned()), ..Options::of_tests() };
    let text = report(&folder, TEMPLATE, &none);
    assert!(text.contains("[bad-samconfig] there is no environment `none`"), "{text}");
    assert!(text.contains("use one of default, test"), "{text}");
    folder.write("samconfig.toml", b"[default\n");
    assert!(report(&folder, TEMPLATE, &Options::of_tests()).contains("is not valid TOML"));
}

#[test]
fn a_value_of_a_variable_is_never_shown() {
    let folder = Folder::new();
    let template = "
Resources:
  A:
    Type: AWS::Serverless::Function
    Properties: { Handler: a.b, Environment: { Variables: { DB_PASSWORD: hunter2 } } }
";
    let text = format!("{}{:?}", report(&folder, template, &Options::of_tests()), "");
    assert!(text.contains("[missing-key]") && !text.contains("hunter2"), "{text}");
}
