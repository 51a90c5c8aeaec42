//! Definitions of other tools, and the `limg.yaml` for each.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Migration, MigrationError};
use crate::definition::tests::{Folder, TODAY};
use crate::definition::{BuildResults, Loaded, Options, load};
use crate::project::{FunctionCode, LayerSource};

fn options() -> Options {
    Options { image_per_function: true, ..Options::of_tests() }
}

fn loaded(folder: &Folder, file: &str, options: &Options) -> Loaded {
    load(&folder.path(file), options).unwrap()
}

fn migrated(folder: &Folder, file: &str, options: &Options) -> Result<Migration, MigrationError> {
    loaded(folder, file, options).migrate(&folder.path("limg.yaml"), true, TODAY)
}

/// The text for a definition that is written to `file`, without its first line.
#[track_caller]
fn assert_migrated(folder: &Folder, file: &str, options: &Options, expected: &str) {
    let migration = migrated(folder, file, options).unwrap();
    let (first, text) = migration.text.split_once('\n').unwrap();
    assert_eq!(first, format!("# Written by `limg migrate` from {file}: an image for each function."));
    let project = folder.root().file_name().unwrap().to_string_lossy().to_lowercase();
    let project = project.trim_start_matches('.').to_owned();
    let text = text.replace(&project, "shop");
    let expected = expected.trim_start_matches('\n');
    assert!(text == expected, "--- expected\n{expected}\n--- found\n{text}\n");
}

#[test]
fn a_bundle_stays_one_and_what_a_makefile_makes_is_named() {
    let folder = Folder::new();
    folder.write("web/src/app.ts", b"");
    folder.write("web/package-lock.json", b"{}");
    folder.write("rust/Makefile", b"build-Made:\n");
    folder.write(
        "template.yaml",
        b"
Resources:
  Bundled:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: web, Handler: src/app.handler, Runtime: nodejs22.x }
    Metadata:
      BuildMethod: esbuild
      BuildProperties: { Minify: false, MainFields: 'module,main', Loader: [.png=file], External: [sharp], Sourcemap: true }
  Made:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: rust, Runtime: provided.al2023 }
    Metadata: { BuildMethod: makefile }
",
    );
    let options = Options { install: true, run_makefiles: true, ..options() };
    // It compares what the text describes with the template.
    let text = migrated(&folder, "template.yaml", &options).unwrap().text;
    for line in [
        "bundle: { entry_points: [\"src/app\"], minify: false, main_fields: \"module,main\", loader: {\".png\":\"file\"}, \
         external: [\"sharp\"], sourcemap: true }",
        "install: web/package-lock.json",
        "handler: app.handler",
        "NODE_OPTIONS: \"--enable-source-maps\"",
        "# `make build-Made` made it: run that first, and name its result here.",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

#[test]
fn a_template_becomes_a_definition_with_comments() {
    let folder = Folder::new();
    let template = r#"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: { Runtime: python3.12, Handler: app.handler, Timeout: 30 }
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/orders
      Layers: [!Ref Utils, "arn:aws:lambda:eu-west-1:580247275435:layer:Insights:53"]
      Environment: { Variables: { TABLE: !Ref Table, STAGE: secret-value } }
  Users:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/orders
      Handler: app.users
      Layers: [!Ref Utils, "arn:aws:lambda:eu-west-1:580247275435:layer:Insights:53"]
      Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: /opt/wrapper } }
      MemorySize: 99999
  Whole: { Type: AWS::Serverless::Function, Properties: { Architectures: [arm64] } }
  Text: { Type: AWS::Serverless::Function, Properties: { InlineCode: "import cfnresponse" } }
  Docker: { Type: AWS::Serverless::Function, Properties: { PackageType: Image } }
  Gone: { Type: AWS::Serverless::Function, Properties: { CodeUri: nowhere } }
  Utils: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layers/utils } }
  Table: { Type: AWS::DynamoDB::Table }
  App: { Type: AWS::Serverless::Application, Properties: { Location: nested/app.yaml } }
"#;
    folder.write("template.yaml", template.as_bytes());
    folder.write("nested/.limgignore", b"*.md\n");
    folder.write(
        "nested/app.yaml",
        b"Resources: { Fn: { Type: AWS::Serverless::Function, Properties: \
          { Runtime: python3.12, Handler: a.b, CodeUri: ../functions } } }",
    );
    let expected = r#"
project: shop

layers:
  Utils:
    path: layers/utils
    follow: true
  Insights-53:
    arn: "arn:aws:lambda:eu-west-1:580247275435:layer:Insights:53"
    ignore_compatibility: true

defaults:
  runtime: python3.12

functions:
  Orders:
    # Variables that stay in the function's configuration: STAGE, TABLE. Only the deployed stack
    # knows the values of TABLE.
    handler: app.handler
    code: functions/orders
    follow: true
    layers: [Utils, Insights-53]
    timeout: 30
  Users:
    # Variables that stay in the function's configuration: AWS_LAMBDA_EXEC_WRAPPER.
    # If the base has no shell, add `wrapper:` with the value of AWS_LAMBDA_EXEC_WRAPPER: nothing
    # else starts it.
    # Lambda does not accept the memory 99999.
    handler: app.users
    code: functions/orders
    follow: true
    layers: [Utils, Insights-53]
    timeout: 30
  Whole:
    handler: app.handler
    architecture: arm64
    code: .
    exclude:
      - /template.yaml
      - /functions/Text/
    follow: true
    timeout: 30
  Text:
    # The definition contained the code, which is in files now.
    handler: app.handler
    code: functions/Text
    timeout: 30
  App-Fn:
    # `App/Fn` in the definition.
    # nested/.limgignore applied to it, and does not any more: the digest differs if files match it
    handler: a.b
    code: functions
    exclude:
      - /Text/
    follow: true

# Functions that are not carried:
# - `Docker` (template.yaml, line 22): it is an image function already: its own build makes it
# - `Gone` (template.yaml, line 23): `nowhere` does not exist: check the path: `.` contains nothing
#   with a similar name
"#;
    assert_migrated(&folder, "template.yaml", &options(), expected);
    let migration = migrated(&folder, "template.yaml", &options()).unwrap();
    let [code] = &migration.code[..] else { panic!("{migration:?}") };
    assert_eq!((code.function.as_str(), &code.folder), ("Text", &folder.path("functions/Text")));
    let names: Vec<_> = code.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["index.py", "cfnresponse.py"]);
    assert_eq!(migration.left_out, ["Docker", "Gone"]);
}

#[test]
fn functions_that_shared_an_image_are_named() {
    let folder = Folder::new();
    let one = "Type: AWS::Serverless::Function, Properties: { Runtime: python3.12, CodeUri: functions/orders";
    let template =
        format!("Resources: {{ A: {{ {one}, Handler: app.a }} }}, B: {{ {one}, Handler: app.b }} }} }}");
    folder.write("template.yaml", template.as_bytes());
    let expected = r"
project: shop

defaults:
  runtime: python3.12
  follow: true

functions:
  A:
    handler: app.a
    code: functions/orders
  B:
    # Shared the image of `A`: they differ only in handler and configuration.
    handler: app.b
    code: functions/orders
";
    assert_migrated(&folder, "template.yaml", &options(), expected);
    let loaded = loaded(&folder, "template.yaml", &options());
    let text = loaded.migrate(&folder.path("limg.yaml"), false, TODAY).unwrap().text;
    assert!(!text.contains("Shared"), "{text}");
}

#[test]
fn what_another_build_makes_is_named_with_its_command() {
    let folder = Folder::new();
    let template = "Resources: { One: { Type: AWS::Serverless::Function, Properties: { \
                    Runtime: python3.12, Handler: app.handler, CodeUri: functions/orders } } }";
    folder.write("template.yaml", template.as_bytes());
    folder.write(".aws-sam/build/One/app.py", b"");
    folder.write(
        ".aws-sam/build/template.yaml",
        b"Resources: { One: { Type: AWS::Serverless::Function, Metadata: { BuildMethod: esbuild }, Properties: { \
          CodeUri: One, Environment: { Variables: { NODE_OPTIONS: --enable-source-maps } } } } }",
    );
    let expected = r#"
project: shop

functions:
  One:
    # `sam build` makes it and must run first; `limg migrate --source` names the sources
    runtime: python3.12
    handler: app.handler
    code: .aws-sam/build/One
    follow: true
    default_excludes: false
    environment:
      NODE_OPTIONS: "--enable-source-maps"
"#;
    let built = Options { build_results: BuildResults::Always, ..options() };
    assert_migrated(&folder, "template.yaml", &built, expected);
    let source = Options { build_results: BuildResults::Never, ..options() };
    let text = migrated(&folder, "template.yaml", &source).unwrap().text;
    assert!(text.contains("code: functions/orders\n") && !text.contains("sam build"), "{text}");
}

#[test]
fn replacements_of_the_command_line_stay() {
    let folder = Folder::new();
    let arn = "arn:aws:lambda:eu-west-1:580247275435:layer:Insights:53";
    let template = format!(
        "Resources: {{ One: {{ Type: AWS::Serverless::Function, Properties: {{ \
         Runtime: python3.12, Handler: app.handler, CodeUri: functions/orders, Layers: [\"{arn}\"] }} }} }}"
    );
    folder.write("template.yaml", template.as_bytes());
    let mut options = options();
    options.layers.insert(arn.parse().unwrap(), folder.path("layers/packed.ZIP"));
    let base = format!("oci:{}", folder.path("base").display());
    options.bases.insert("python3.12".to_owned(), base.parse().unwrap());
    let expected = r#"
project: shop

bases:
  python3.12:
    image: "oci:base"

layers:
  Insights-53:
    path: layers/packed.ZIP
    default_excludes: false

functions:
  One:
    runtime: python3.12
    handler: app.handler
    code: functions/orders
    follow: true
    layers: [Insights-53]
"#;
    assert_migrated(&folder, "template.yaml", &options, expected);
}

#[test]
fn layers_of_one_name_get_several() {
    let folder = Folder::new();
    let arn = |region: &str| format!("\"arn:aws:lambda:{region}:580247275435:layer:Insights:53\"");
    let one = |name: &str, region: &str| {
        format!(
            "{name}: {{ Type: AWS::Serverless::Function, Properties: {{ Runtime: python3.12, \
             Handler: app.handler, CodeUri: functions/orders, Layers: [{}] }} }}",
            arn(region)
        )
    };
    let template = format!("Resources: {{ {}, {} }}", one("A", "eu-west-1"), one("B", "eu-west-2"));
    folder.write("template.yaml", template.as_bytes());
    let text = migrated(&folder, "template.yaml", &options()).unwrap().text;
    for expected in
        ["  Insights-53:\n    arn:", "  Insights-53-2:\n    # Its name was", "layers: [Insights-53-2]\n"]
    {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn a_service_keeps_its_patterns() {
    let folder = Folder::new();
    folder.write(
        "serverless.yml",
        b"service: orders-service\n\
          provider: { name: aws, runtime: python3.12, environment: { SECRET: \"${ssm:/x}\" } }\n\
          package: { patterns: [\"!docs/**\", \"!*.md\"], excludeDevDependencies: false }\n\
          functions: { one: { handler: app.one }, two: { handler: app.two, snapStart: true } }\n",
    );
    let text = migrated(&folder, "serverless.yml", &options()).unwrap().text;
    for expected in [
        "project: orders-service\n",
        "\ndefaults:\n  runtime: python3.12\n  exclude:\n",
        "    - /limg.yaml\n    - /limg.lock\n",
        "  follow: true\n  default_excludes: false\n",
        "  one:\n    # Variables that stay in the function's configuration: SECRET.",
        "    handler: app.one\n    code: .\n",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn assets_of_cdk_are_named_with_what_makes_them() {
    let folder = Folder::new();
    let function = json!({
        "Type": "AWS::Lambda::Function",
        "Properties": { "Code": { "S3Bucket": "b", "S3Key": "asset.1.zip" }, "Handler": "app.handler", "Runtime": "python3.12" },
        "Metadata": { "aws:cdk:path": "Shop/Api/Handler/Resource", "aws:asset:path": "asset.1", "aws:asset:property": "Code" },
    });
    let manifest = json!({ "version": "36.0.0", "artifacts": { "Shop": {
        "type": "aws:cloudformation:stack", "environment": "aws://111111111111/eu-west-1",
        "properties": { "templateFile": "Shop.template.json" } } } });
    let template = json!({ "Resources": { "ApiHandler1": function } });
    folder.write("cdk.out/cdk.out", b"{\"version\":\"36.0.0\"}");
    folder.write("cdk.out/manifest.json", manifest.to_string().as_bytes());
    folder.write("cdk.out/Shop.template.json", template.to_string().as_bytes());
    folder.write("cdk.out/asset.1/app.py", b"");
    let expected = r"
project: shop

functions:
  Shop-Api-Handler:
    # `Shop/Api/Handler` in the definition.
    # `cdk synth` makes it, under another name whenever its content changes: name its source if you
    # can
    runtime: python3.12
    handler: app.handler
    code: cdk.out/asset.1
    follow: true
";
    assert_migrated(&folder, "cdk.out/manifest.json", &options(), expected);
}

#[test]
fn a_limg_yaml_is_not_migrated() {
    let folder = Folder::new();
    folder.write(
        "limg.yaml",
        b"functions: { one: { runtime: python3.12, handler: app.handler, code: functions/orders } }\n",
    );
    let error = migrated(&folder, "limg.yaml", &options()).unwrap_err();
    assert!(error.to_string().ends_with("is in the format of limg.yaml already"), "{error}");
}

/// Names of folders with what has a meaning in YAML, in gitignore syntax or on a terminal.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9#:\\[\\]{}*?!&|>'\"%@`, ~=\u{85}\u{2028}\u{feff}ü-]{1,12}",
        proptest::sample::select(vec![
            "true", "null", "1.10", "a: b", "a #b", "- x", " lead", "trail ", "a\nb", "\t"
        ])
        .prop_map(str::to_owned),
    ]
    .prop_filter("`..` is not a name", |name| !name.trim_matches('.').is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The migration compares what it has written with the original; what is checked here is that it never fails, and that
    /// the text as a file gives the same again.
    #[test]
    fn any_names_survive(
        code in name(),
        layer in name(),
        outer in name(),
        patterns in proptest::collection::vec("[a-z0-9 #!*?/'\":&{}ü-]{1,10}", 0..3),
        handler in "[a-zA-Z0-9_.:/#'\"&*!-]{1,20}",
        variable in "[A-Z#:\n ]{1,8}",
        function in "[a-zA-Z0-9]{1,80}",
        is_service in any::<bool>(),
    ) {
        let folder = Folder::new();
        let (code_path, layer_path) = (format!("{outer}/{code}"), format!("{outer}/l{layer}"));
        folder.write(&format!("{code_path}/app.py"), b"");
        folder.write(&format!("{layer_path}/python/x.py"), b"");
        let (file, definition): (&str, Value) = if is_service {
            ("serverless.json", json!({
                "service": "shop",
                "provider": { "name": "aws", "runtime": "python3.12", "environment": { variable: "x" } },
                "package": { "patterns": patterns.iter().map(|it| format!("!{it}")).collect::<Vec<_>>() },
                "layers": { "data": { "path": layer_path } },
                "functions": { function: { "handler": handler, "layers": [{ "Ref": "DataLambdaLayer" }] } },
            }))
        } else {
            ("template.json", json!({ "Resources": {
                "Data": { "Type": "AWS::Serverless::LayerVersion", "Properties": { "ContentUri": layer_path } },
                function: { "Type": "AWS::Serverless::Function", "Properties": {
                    "Runtime": "python3.12", "Handler": handler, "CodeUri": code_path,
                    "Layers": [{ "Ref": "Data" }], "Environment": { "Variables": { variable: "x" } } } },
            } }))
        };
        folder.write(file, definition.to_string().as_bytes());
        let original = load(&folder.path(file), &options());
        prop_assume!(original.as_ref().is_ok_and(|original| !original.project.functions.is_empty()));
        let original = original.unwrap();
        let migration = original.migrate(&folder.path("limg.yaml"), true, TODAY).unwrap();
        folder.write("limg.yaml", migration.text.as_bytes());
        let read = loaded(&folder, "limg.yaml", &options());
        let (before, now) = (&original.project.functions[0], &read.project.functions[0]);
        prop_assert_eq!(&before.handler, &now.handler);
        let (FunctionCode::Files(before_code), FunctionCode::Files(now_code)) = (&before.code, &now.code) else {
            panic!("the code is in files")
        };
        prop_assert_eq!(&before_code.path, &now_code.path);
        prop_assert!(now_code.exclude.starts_with(&before_code.exclude));
        let path = |source: &LayerSource| match source {
            LayerSource::Files(source) => source.path.clone(),
            _ => panic!("the layer is in files"),
        };
        prop_assert_eq!(path(&before.layers[0].source), path(&now.layers[0].source));
    }
}
