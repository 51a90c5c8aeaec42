//! What templates have in S3 and in Parameter Store: what is missing, and what is read once it has been fetched.

use super::*;
use crate::finding::{RemoteValue, S3Object, StoredParameter};

const ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn object(url: &str) -> S3Object {
    S3Object::of_url(url).unwrap()
}

fn parameter(name: &str) -> StoredParameter {
    StoredParameter::new(name, Some("eu-west-1")).unwrap()
}

fn in_region() -> Options {
    Options { region: Some("eu-west-1".to_owned()), ..Options::of_tests() }
}

/// What is missing for the functions.
fn missing(loaded: &Loaded, names: &[&str]) -> Vec<String> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    loaded.remote_values(&names).iter().map(RemoteValue::to_string).collect()
}

const TEMPLATE: &str = "
Parameters:
  Runtime: { Type: 'AWS::SSM::Parameter::Value<String>', Default: /shop/runtime }
  Layers: { Type: 'AWS::SSM::Parameter::Value<List<String>>', Default: /shop/layers }
  Unused: { Type: 'AWS::SSM::Parameter::Value<String>', Default: /shop/unused }
Resources:
  A: { Type: AWS::Lambda::Function, Properties: { Code: { S3Bucket: shop, S3Key: a.zip, S3ObjectVersion: v1 }, Handler: a.b, Runtime: python3.12, Layers: [!Ref L] } }
  B: { Type: AWS::Serverless::Function, Properties: { CodeUri: 's3://shop/b.zip', Handler: a.b, Runtime: !Ref Runtime, Layers: !Ref Layers } }
  C: { Type: AWS::Lambda::Function, Properties: { Code: { S3Bucket: '{{resolve:ssm:/shop/bucket:2}}', S3Key: c.zip }, Handler: a.b, Runtime: python3.12 } }
  D: { Type: AWS::Lambda::Function, Properties: { Code: { ZipFile: 'x = 1' }, Handler: a.b, Runtime: python3.12, Environment: { Variables: { U: !Ref Unused, S: '{{resolve:secretsmanager:x}}' } } } }
  E: { Type: AWS::Lambda::Function, Properties: { Code: { ZipFile: 'x = 1' }, Handler: '{{resolve:ssm-secure:/shop/handler}}', Runtime: python3.12 } }
  L: { Type: AWS::Lambda::LayerVersion, Properties: { Content: { S3Bucket: shop, S3Key: layer.zip } } }
";

#[test]
fn what_the_functions_lack_is_listed_and_secrets_are_not() {
    let folder = Folder::new();
    let loaded = loaded(&folder, TEMPLATE, &in_region());
    assert_eq!(missing(&loaded, &["A"]), ["s3://shop/a.zip?versionId=v1", "s3://shop/layer.zip"]);
    assert_eq!(missing(&loaded, &["D", "E"]), Vec::<String>::new());
    assert_eq!(
        missing(&loaded, &[]),
        [
            "s3://shop/a.zip?versionId=v1",
            "s3://shop/layer.zip",
            "the parameter `/shop/bucket:2`",
            "the parameter `/shop/layers`",
            "the parameter `/shop/runtime`",
        ],
        "the code of `B` matters once its runtime is known"
    );
}

#[test]
fn fetched_values_take_the_places_of_what_was_missing() {
    let folder = Folder::new();
    let mut options = in_region();
    let fetched = &mut options.fetched;
    for (url, file) in [
        ("s3://shop/a.zip?versionId=v1", "store/a"),
        ("s3://shop/b.zip", "store/b"),
        ("s3://shop/c.zip", "store/c"),
        ("s3://shop/layer.zip", "store/layer"),
    ] {
        folder.write(file, ZIP);
        fetched.add_object(object(url), folder.path(file));
    }
    fetched.add_parameter(parameter("/shop/bucket:2"), "shop".to_owned());
    fetched.add_parameter(parameter("/shop/runtime"), "python3.13".to_owned());
    let arns = "arn:aws:lambda:eu-west-1:1:layer:a:1,arn:aws:lambda:eu-west-1:123456789012:layer:b:2";
    fetched.add_parameter(parameter("/shop/layers"), arns.replace(":1:layer", ":123456789012:layer"));
    assert!(!format!("{options:?}").contains("python3.13"), "values are not shown");
    let loaded = loaded(&folder, TEMPLATE, &options);
    let functions: Vec<_> = loaded.project.functions.iter().map(|it| (&*it.name, &*it.base.name)).collect();
    let expected = [("A", "python3.12"), ("B", "python3.13"), ("C", "python3.12"), ("D", "python3.12")];
    assert_eq!(functions, expected);
    assert_eq!(loaded.project.functions[1].layers.len(), 2);
    assert_eq!(loaded.project.functions[3].deployed_variables, ["U", "S"]);
    assert_eq!(missing(&loaded, &[]), Vec::<String>::new());
}

#[test]
fn an_object_that_is_not_a_zip_is_an_error() {
    let folder = Folder::new();
    let mut options = in_region();
    folder.write("store/b", b"<html>");
    options.fetched.add_object(object("s3://shop/b.zip"), folder.path("store/b"));
    check(
        &folder,
        &options,
        &[(
            "not a zip",
            "
Resources:
  B: { Type: AWS::Serverless::Function, Properties: { CodeUri: 's3://shop/b.zip', Handler: a.b, Runtime: python3.12 } }
  Other: { Type: AWS::Serverless::Function, Properties: { CodeUri: 's3://shop/other.zip', Handler: a.b, Runtime: python3.12 } }
",
            "
B:
  3: [wrong-file] the code of `B` is not a zip archive: s3://shop/b.zip
    help: name the object that a packaging command has uploaded
Other:
  4: [remote-code] the code of `Other` is in S3: s3://shop/other.zip
    help: use `--fetch` to download it, or download it with `aws s3 cp s3://shop/other.zip FILE.zip`, and write `CodeUri: FILE.zip`",
        )],
    );
}

#[test]
fn nested_templates_are_read_from_s3_and_paths_in_them_mean_nothing() {
    let template = "
Parameters:
  Url: { Type: 'AWS::SSM::Parameter::Value<String>', Default: /shop/template }
Resources:
  App: { Type: AWS::CloudFormation::Stack, Properties: { TemplateURL: 'https://s3.eu-west-1.amazonaws.com/shop/app.yaml' } }
  Named: { Type: AWS::CloudFormation::Stack, Properties: { TemplateURL: !Ref Url } }
";
    let folder = Folder::new();
    let mut options = in_region();
    assert_eq!(
        report(&folder, template, &options),
        "App left alone: its template is in S3 as s3://shop/app.yaml; use `--fetch` to download it\n\
         Named left alone: Parameter Store has the address of its template as `/shop/template`; use `--fetch` to read it"
    );
    let first = loaded(&folder, template, &options);
    assert_eq!(missing(&first, &["App/F"]), ["s3://shop/app.yaml", "the parameter `/shop/template`"]);

    folder.write(
        "store/app",
        b"
Resources:
  F: { Type: AWS::Lambda::Function, Properties: { Code: { S3Bucket: shop, S3Key: a.zip }, Handler: a.b, Runtime: python3.12 } }
  G: { Type: AWS::Serverless::Function, Properties: { Handler: a.b, Runtime: python3.12 } }
  H: { Type: AWS::Serverless::Application, Properties: { Location: ../template.yaml } }
",
    );
    folder.write("store/a", ZIP);
    options.fetched.add_object(object("s3://shop/app.yaml"), folder.path("store/app"));
    options.fetched.add_object(object("s3://shop/a.zip"), folder.path("store/a"));
    options.fetched.add_parameter(parameter("/shop/template"), "s3://shop/app.yaml".to_owned());
    let report = report(&folder, template, &options);
    let lines: Vec<_> = report.lines().filter(|line| line.starts_with("App") || line.contains('[')).collect();
    assert_eq!(
        lines,
        [
            "App/F python3.12 a.b x86_64 store/a/ [] in App-F",
            "Named/F python3.12 a.b x86_64 store/a/ [] in App-F",
            "App/G:",
            "  4: [remote-code] the code of `App/G` is a path, and its template is in S3: s3://shop/app.yaml",
            "  4: [remote-code] the code of `Named/G` is a path, and its template is in S3: s3://shop/app.yaml",
            "App/H left alone: its template is not on this machine",
        ],
        "{report}"
    );
}

#[test]
fn a_definition_that_asks_for_more_and_more_ends() {
    let folder = Folder::new();
    let mut options = in_region();
    let template = "
Parameters:
  A: { Type: 'AWS::SSM::Parameter::Value<String>', Default: /a }
Resources:
  F: { Type: AWS::Lambda::Function, Properties: { Code: { ZipFile: 'x = 1' }, Handler: a.b, Runtime: !Ref A } }
";
    // A value that names a parameter again.
    options.fetched.add_parameter(parameter("/a"), "{{resolve:ssm:/a}}{{resolve:ssm:/a}}".to_owned());
    let loaded = loaded(&folder, template, &options);
    assert_eq!(loaded.project.functions.len(), 0);
}
