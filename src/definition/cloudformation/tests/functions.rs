//! Where code is, and what a function needs.

use super::*;
use crate::definition::Located;

#[test]
fn each_way_to_name_code_is_read() {
    let folder = Folder::new();
    check(
        &folder,
        &Options::of_tests(),
        &[
            (
                "a directory, the template's folder, nothing, a file and a zip",
                "
Resources:
  A: { Type: AWS::Serverless::Function, Properties: { CodeUri: functions/orders/, Handler: a.b, Runtime: python3.12 } }
  B: { Type: AWS::Serverless::Function, Properties: { CodeUri: ., Handler: a.b, Runtime: python3.12 } }
  C: { Type: AWS::Serverless::Function, Properties: { Handler: a.b, Runtime: python3.12 } }
  D: { Type: AWS::Serverless::Function, Properties: { CodeUri: functions/single.py, Handler: single.b, Runtime: python3.12 } }
  E: { Type: AWS::Lambda::Function, Properties: { Code: layers/packed.ZIP, Handler: a.b, Runtime: java21 } }
",
                "
A python3.12 a.b x86_64 functions/orders/ [] in A
B python3.12 a.b x86_64  [] in B
C python3.12 a.b x86_64  [] in B
D python3.12 single.b x86_64 functions/single.py/ [] in D
E java21 a.b x86_64 layers/packed.ZIP/ [] in E",
            ),
            (
                "code in the template",
                "
Resources:
  A:
    Type: AWS::Serverless::Function
    Properties: { InlineCode: 'def handler(e, c): ...', Handler: index.handler, Runtime: python3.12 }
  B:
    Type: AWS::Lambda::Function
    Properties:
      Code:
        ZipFile: !Join [\"\\n\", [\"require('cfn-response')\", \"exports.handler = f\"]]
      Handler: index.handler
      Runtime: nodejs22.x
  C:
    Type: AWS::Lambda::Function
    Properties: { Code: { ZipFile: 'class X {}' }, Handler: X, Runtime: java21 }
  D:
    Type: AWS::Lambda::Function
    Properties: { Code: { ZipFile: !Sub 'print(${Table.Arn})' }, Handler: index.x, Runtime: python3.12 }
  Table: { Type: AWS::DynamoDB::Table }
",
                "
A python3.12 index.handler x86_64 index.py [] in A
B nodejs22.x index.handler x86_64 index.js+cfn-response.js [] in B
C:
  15: [wrong-file] code in a template must be Python or JavaScript, and the runtime is java21
    help: put the code into a folder, and name it as `CodeUri`
D:
  18: [unresolved-value] only the deployed stack knows the value of `Table.Arn`
    help: use a parameter instead, and pass `--parameter-overrides NAME=VALUE`",
            ),
            (
                "code elsewhere",
                "
Resources:
  A: { Type: AWS::Serverless::Function, Properties: { CodeUri: 's3://b/k.zip', Handler: a.b, Runtime: python3.12 } }
  B: { Type: AWS::Lambda::Function, Properties: { Code: { S3Bucket: !Ref X, S3Key: k }, Handler: a.b, Runtime: python3.12 } }
  C: { Type: AWS::Serverless::Function, Properties: { CodeUri: target/app.jar, Handler: a.b, Runtime: java21 } }
  D: { Type: AWS::Serverless::Function, Properties: { CodeUri: functions/order, Handler: a.b, Runtime: python3.12 } }
  E: { Type: AWS::Lambda::Function, Properties: { Handler: a.b, Runtime: python3.12 } }
  X: { Type: AWS::S3::Bucket }
",
                "
A:
  3: [remote-code] the code of `A` is in S3: s3://b/k.zip
    help: download it with `aws s3 cp s3://b/k.zip FILE.zip`, and write `CodeUri: FILE.zip`
B:
  4: [remote-code] the code of `B` is in S3 as `k`, and its bucket is not known: only the deployed stack knows the value of `X`
    help: use a parameter instead, and pass `--parameter-overrides NAME=VALUE`, or download it, and write `Code: FILE.zip`
C:
  5: [missing-path] `target/app.jar` does not exist
    help: run `mvn package` if it makes this path, or correct the path
D:
  6: [missing-path] `functions/order` does not exist
    help: did you mean `orders` in `functions`?
E:
  7: [missing-key] the function `E` has no `Code`
    help: add `Code:` with a path, `ZipFile` or an object in S3",
            ),
            (
                "a version, and keys that the tools of .NET fill in",
                "
Resources:
  A: { Type: AWS::Serverless::Function, Properties: { CodeUri: { Bucket: b, Key: k, Version: v }, Handler: a.b, Runtime: python3.12 } }
  B: { Type: AWS::Lambda::Function, Properties: { Code: { S3Bucket: '', S3Key: '' }, Handler: A::B::C, Runtime: dotnet8 } }
",
                "
A:
  3: [remote-code] the code of `A` is in S3: s3://b/k
    help: download it with `aws s3api get-object --bucket b --key k --version-id v FILE.zip`, and write `CodeUri: FILE.zip`
B:
  4: [missing-build] the code of `B` must be built first, since its key in S3 is empty
    help: run `dotnet lambda package -o FILE.zip`, and write `Code: FILE.zip`",
            ),
        ],
    );
}

#[test]
fn globals_complete_functions_of_sam_alone() {
    let folder = Folder::new();
    check(
        &folder,
        &Options::of_tests(),
        &[(
            "globals",
            "
Globals:
  Function:
    Runtime: python3.12
    Handler: app.handler
    CodeUri: functions/orders
    Architectures: [arm64]
Resources:
  A: { Type: AWS::Serverless::Function }
  B: { Type: AWS::Serverless::Function, Properties: { Runtime: python3.13, Architectures: [x86_64] } }
  C: { Type: AWS::Lambda::Function, Properties: { Code: functions/orders } }
",
            "
A python3.12 app.handler arm64 functions/orders/ [] in A
B python3.13 app.handler x86_64 functions/orders/ [] in B
C:
  11: [missing-key] the function `C` has no `Runtime`
    help: add `Runtime:` with a runtime id such as `python3.12`",
        )],
    );
}

#[test]
fn what_is_not_for_limg_to_build_is_left_alone() {
    let folder = Folder::new();
    check(
        &folder,
        &Options::of_tests(),
        &[(
            "left alone",
            "
Conditions:
  Never: !Equals [a, b]
Resources:
  A: { Type: AWS::Serverless::Function, Properties: { PackageType: Image }, Metadata: { Dockerfile: Dockerfile } }
  B: { Type: AWS::Lambda::Function, Properties: { Code: { ImageUri: x } } }
  C: { Type: AWS::Serverless::Function, Condition: Never, Properties: { Handler: a.b } }
  D: { Type: AWS::Serverless::WebFunction, Properties: {} }
  E: { Type: AWS::Lambda::Function, Metadata: { 'aws:cdk:path': 'S/Custom::S3AutoDelete/Handler' }, Properties: {} }
  F: { Type: !Rain::Embed x, Properties: !Unknown y }
  G: { Type: 'AWS::S3::Bucket' }
  H: { Type: AWS::Lambda::Function, Properties: { Code: ., RuntimeConfig: { RuntimeArn: x } } }
",
            "
A left alone: it is an image function already: its own build makes it
B left alone: it is an image function already: its own build makes it
C left alone: its condition `Never` does not hold
D left alone: web functions take their code from S3 only
S/Custom::S3AutoDelete/Handler left alone: CDK adds it for its own purposes
H left alone: its runtime is managed by the customer, and its code stays a zip",
        ),
        (
            "functions of Lambda@Edge, by a distribution, a version or the role",
            "
Globals: { Function: { Runtime: python3.12, Handler: a.b, CodeUri: functions } }
Resources:
  A: { Type: AWS::Serverless::Function }
  B: { Type: AWS::Serverless::Function, Properties: { Role: !GetAtt Edge.Arn } }
  C: { Type: AWS::Serverless::Function, Properties: { Role: !GetAtt Plain.Arn } }
  D: { Type: AWS::Serverless::Function }
  V: { Type: AWS::Lambda::Version, Properties: { FunctionName: !Ref D } }
  Edge: { Type: AWS::IAM::Role, Properties: { AssumeRolePolicyDocument: { Statement: [{ Principal: { Service: [lambda.amazonaws.com, edgelambda.amazonaws.com] } }] } } }
  Plain: { Type: AWS::IAM::Role, Properties: { AssumeRolePolicyDocument: { Statement: [{ Principal: { Service: lambda.amazonaws.com } }] } } }
  Site:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        DefaultCacheBehavior: { LambdaFunctionAssociations: [{ EventType: viewer-request, LambdaFunctionARN: !Ref A.Version }] }
        CacheBehaviors: [{ LambdaFunctionAssociations: [{ EventType: origin-request, LambdaFunctionARN: !Ref V }] }]
",
            "
C python3.12 a.b x86_64 functions/ [] in C
A left alone: it runs in Lambda@Edge, which does not support container images
B left alone: it runs in Lambda@Edge, which does not support container images
D left alone: it runs in Lambda@Edge, which does not support container images",
        )],
    );
    let template = "Resources: { T: { Type: AWS::DynamoDB::Table } }\n";
    assert!(report(&folder, template, &Options::of_tests()).contains("[no-functions]"));
}

#[test]
fn a_runtime_that_is_gone_names_its_replacement() {
    let folder = Folder::new();
    let template = "
Resources:
  A: { Type: AWS::Serverless::Function, Properties: { CodeUri: functions, Handler: a.b, Runtime: nodejs12.x } }
  B: { Type: AWS::Serverless::Function, Properties: { CodeUri: functions, Handler: a.b, Runtime: cobol } }
";
    let text = report(&folder, template, &Options::of_tests());
    assert!(text.contains("Lambda no longer has the runtime `nodejs12.x`"), "{text}");
    assert!(text.contains("help: use `--runtime nodejs12.x=nodejs22.x`, or change `Runtime`"), "{text}");
    assert!(text.contains("unknown runtime `cobol`"), "{text}");
    // The other reasons are not hidden.
    let both = report(
        &folder,
        &template.replace("functions, Handler: a.b, Runtime: n", "nowhere, Handler: a.b, Runtime: n"),
        &Options::of_tests(),
    );
    assert!(
        both.contains("has the runtime `nodejs12.x`") && both.contains("`nowhere` does not exist"),
        "{both}"
    );
    let runtimes = [("nodejs12.x".to_owned(), "nodejs22.x".to_owned())].into();
    let text = report(&folder, template, &Options { runtimes, ..Options::of_tests() });
    assert!(text.starts_with("A nodejs22.x a.b"), "{text}");
}

#[test]
fn sources_that_must_be_built_first_are_named_with_the_command() {
    let folder = Folder::new();
    for file in [
        "net/Hello.csproj",
        "java/pom.xml",
        "ts/app.ts",
        "go/main.go",
        "rust/Cargo.toml",
        "net-built/app.handler.dll",
        "make/bootstrap",
    ] {
        folder.write(file, b"x");
    }
    folder.write("net-built/Hello.csproj", b"x");
    folder.write("make/Makefile", b".PHONY: build-Other\nbuild-Make:\n\tgo build\n");
    let function = |id: &str, code: &str, runtime: &str, metadata: &str| {
        format!(
            "  {id}: {{ Type: AWS::Serverless::Function, Metadata: {{ {metadata} }}, \
             Properties: {{ CodeUri: {code}, Handler: app.handler, Runtime: {runtime} }} }}\n"
        )
    };
    let template = [
        "Resources:\n".to_owned(),
        function("Net", "net", "dotnet8", ""),
        function("Java", "java", "java21", ""),
        function("Ts", "ts", "nodejs22.x", ""),
        function("Go", "go", "provided.al2023", ""),
        function("Rust", "rust", "provided.al2023", ""),
        function("Esbuild", "ts", "nodejs22.x", "BuildMethod: esbuild"),
        function("Built", "net-built", "dotnet8", ""),
        function("Python", "functions/orders", "python3.12", "BuildMethod: python3.12"),
        function("Uv", "functions/orders", "python3.12", "BuildMethod: python-uv"),
        function("Skipped", "ts", "nodejs22.x", "BuildMethod: esbuild, SkipBuild: true"),
        function("Make", "make", "provided.al2023", ""),
        function("Other", "make", "provided.al2023", ""),
    ]
    .concat();
    let text = report(&folder, &template, &Options::of_tests());
    for (id, why) in [
        ("Net", "`Hello.csproj` has not been compiled"),
        ("Java", "the project of `pom.xml` has not been compiled"),
        ("Ts", "`app.ts` has not been compiled to JavaScript"),
        ("Go", "there is no `bootstrap` next to `main.go`"),
        ("Rust", "there is no `bootstrap` next to `Cargo.toml`"),
        ("Esbuild", "its `BuildMethod` is `esbuild`"),
        ("Uv", "its `BuildMethod` is `python-uv`"),
        ("Make", "`Makefile` has the target `build-Make`"),
    ] {
        let message = format!("[missing-build] the code of `{id}` must be built first, since {why}");
        assert!(text.contains(&message), "{id}: {text}");
    }
    for help in [
        "run `sam build`, or",
        "run `npx tsc`, add `BuildMethod: esbuild` to the function's `Metadata`, and use `--install`, or",
        "run `sam build`, use `--install` to build it with limg, or",
        "run `sam build`, use `--run-makefiles` to build it with limg, or",
        "add `BuildMethod: go1.x` to the function's `Metadata`, and run `sam build`, or",
        "add `BuildMethod: rust-cargolambda` to the function's `Metadata`, and run `sam build`, or",
    ] {
        assert!(text.contains(&format!("help: {help} use `--source`")), "{help}: {text}");
    }
    for built in ["Built dotnet8", "Python python3.12", "Skipped nodejs22.x", "Other provided.al2023"] {
        assert!(text.contains(built), "{built}: {text}");
    }
    let never = Options { build_results: crate::definition::BuildResults::Never, ..Options::of_tests() };
    let text = report(&folder, &template, &never);
    assert!(!text.contains("[missing-build]"), "{text}");
}

#[test]
fn sam_cannot_build_for_a_runtime_that_is_gone() {
    let folder = Folder::new();
    folder.write("net/Hello.csproj", b"x");
    let template = "Resources: { A: { Type: AWS::Serverless::Function, Properties: { \
                    CodeUri: net, Handler: a.b, Runtime: dotnetcore3.1 } } }";
    let runtimes = [("dotnetcore3.1".to_owned(), "dotnet8".to_owned())].into();
    let text = report(&folder, template, &Options { runtimes, ..Options::of_tests() });
    let help = "change `Runtime` to `dotnet8` in the template, and run `sam build`, or use `--source`";
    assert!(text.contains(help), "{text}");
}

#[test]
fn of_keys_that_are_written_twice_the_last_one_counts() {
    let folder = Folder::new();
    let template = "
Resources:
  A:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri:
      Runtime: python3.12
      CodeUri: functions/orders
      Handler: app.handler
  B: { Type: AWS::Serverless::Function, Properties: { Handler: x.y, Runtime: nowhere } }
  B: { Type: AWS::Serverless::Function, Properties: { Handler: a.b, Runtime: python3.12, CodeUri: functions } }
";
    let loaded = loaded(&folder, template, &Options::of_tests());
    let warning = |it: &Located| format!("{}: {}", it.position.unwrap().line, it.finding.message);
    let warnings: Vec<_> = loaded.warnings.shown.iter().map(warning).collect();
    let message = |line: usize, key: &str| format!("{line}: duplicate key `{key}`: the last one counts");
    assert_eq!(warnings, [message(8, "CodeUri"), message(11, "B")]);
    assert_eq!(
        described(&folder, Ok(loaded)),
        "A python3.12 app.handler x86_64 functions/orders/ [] in A\nB python3.12 a.b x86_64 functions/ [] in B"
    );
}

#[test]
fn functions_that_differ_in_their_configuration_share_an_image() {
    let folder = Folder::new();
    let template = "
Globals: { Function: { Runtime: python3.12, CodeUri: functions } }
Resources:
  A: { Type: AWS::Serverless::Function, Properties: { Handler: a.b, Timeout: 5 } }
  B: { Type: AWS::Serverless::Function, Properties: { Handler: c.d, MemorySize: 512 } }
  C: { Type: AWS::Serverless::Function, Properties: { Handler: a.b, Architectures: [arm64] } }
  D: { Type: AWS::Serverless::Function, Properties: { Handler: a.b, Environment: { Variables: { X: y } } } }
";
    let images = |options: &Options| {
        let functions = loaded(&folder, template, options).project.functions;
        let image =
            |function: crate::project::Function| (function.image.name, function.image.handler.unwrap());
        functions.into_iter().map(image).collect::<Vec<_>>()
    };
    let image = |name: &str, handler: &str| (name.to_owned(), handler.to_owned());
    let own = image("A", "a.b");
    assert_eq!(images(&Options::of_tests()), [own.clone(), own.clone(), image("C", "a.b"), own.clone()]);
    let each = Options { image_per_function: true, ..Options::of_tests() };
    assert_eq!(images(&each), [own, image("B", "c.d"), image("C", "a.b"), image("D", "a.b")]);
}
