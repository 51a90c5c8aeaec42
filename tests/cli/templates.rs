//! SAM and CloudFormation templates, without any file of limg's own.

use serde_json::{Value, json};

use crate::support::{Context, Layout, Run};

const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String, Default: dev }
Globals:
  Function:
    Runtime: provided.al2023
    Handler: one
    CodeUri: fn
    Environment: { Variables: { STAGE: !Ref Stage, TABLE: !Ref Table } }
Resources:
  One: { Type: AWS::Serverless::Function }
  Two: { Type: AWS::Serverless::Function, Properties: { Handler: two, MemorySize: 512 } }
  Docker: { Type: AWS::Serverless::Function, Properties: { PackageType: Image } }
  Table: { Type: AWS::DynamoDB::Table }
";

/// A project with a template, and what `--base` needs for its runtime.
fn project(template: &str) -> Context {
    let context = Context::new();
    context.write("template.yaml", template);
    context.program("fn/bootstrap", "#!/bin/sh\n");
    context
}

fn json_of(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap()
}

const BASE: [&str; 2] = ["--base", "provided.al2023=scratch"];

#[test]
fn a_template_is_built_where_it_stands() {
    let context = project(TEMPLATE);
    let run = context.limg(&[&["build"], &BASE[..]].concat()).ok();
    assert!(run.stderr.contains("left alone: `Docker`, since it is an image function"), "{}", run.stderr);
    assert!(run.stderr.contains("left to the deployed functions: the values of TABLE"), "{}", run.stderr);
    let layout = Layout::open(&context.path(".limg/images"));
    assert_eq!(layout.names(), ["One"], "two functions, one image");
    assert_eq!(layout.image("One").variable("STAGE"), None, "it stays configuration");
}

#[test]
fn a_stage_does_not_change_the_image() {
    let context = project(TEMPLATE);
    let digest = |more: &[&str]| {
        let run = context.limg(&[&["build", "--format", "json"], &BASE[..], more].concat()).ok();
        json_of(&run)["functions"]["One"]["digest"].take()
    };
    let dev = digest(&[]);
    assert_eq!(dev, digest(&["--parameter-overrides", "Stage=prod"]));
    let each = ["--image-per-function"];
    assert_eq!(dev, digest(&each), "the first function's image is the shared one");
    let run = context.limg(&[&["build", "--format", "json"], &BASE[..], &each].concat()).ok();
    assert_ne!(dev, json_of(&run)["functions"]["Two"]["digest"]);
}

#[test]
fn functions_are_listed_with_what_stops_them() {
    let broken = TEMPLATE.replace("CodeUri: fn", "CodeUri: !Ref Where");
    let context = project(&broken.replace("Parameters:", "Parameters:\n  Where: { Type: String }"));
    let functions = |more: &[&str]| -> Value {
        json_of(&context.limg(&[&["functions", "--format", "json"], more].concat()).ok())["functions"].take()
    };
    let listed = functions(&[]);
    assert_eq!(listed["One"]["can_be_built"], json!(false));
    let reason = &listed["One"]["reasons"][0];
    assert!(reason["message"].as_str().unwrap().contains("`Where` has no value"), "{reason}");
    assert!(reason["help"].as_str().unwrap().contains("--parameter-overrides Where=VALUE"), "{reason}");
    assert_eq!((&reason["code"], &reason["line"]), (&json!("unresolved-value"), &json!(3)), "{reason}");
    assert!(reason["file"].as_str().unwrap().ends_with("template.yaml"), "{reason}");
    assert_eq!((&listed["Docker"]["left_alone"], &listed["One"]["line"]), (&json!(true), &json!(12)));
    let listed = functions(&["--parameter-overrides", "Where=fn"]);
    assert_eq!(listed["Two"]["can_be_built"], json!(true));
    assert_eq!((&listed["Two"]["image"], &listed["Two"]["handler"]), (&json!("One"), &json!("two")));
    let table = context.limg(&["functions"]).ok().stdout;
    for words in
        ["FUNCTION  RUNTIME", "  cannot be built: the parameter `Where`", "  left alone: it is an image"]
    {
        assert!(table.contains(words), "{words} is not in\n{table}");
    }
}

#[test]
fn a_function_with_missing_packages_is_not_listed_as_one_that_builds() {
    let context = project(
        "Resources:\n  One:\n    Type: AWS::Serverless::Function\n    Properties: { Runtime: python3.12, Handler: a.b, CodeUri: code }\n",
    );
    context.write("code/a.py", "import requests\n");
    context.write("code/requirements.txt", "requests\n");
    let listed = |more: &[&str]| {
        json_of(&context.limg(&[&["functions", "--format", "json"], more].concat()).ok())["functions"].take()
    };
    let one = &listed(&[])["One"];
    assert_eq!(
        (&one["can_be_built"], &one["reasons"][0]["code"]),
        (&json!(false), &json!("missing-packages"))
    );
    assert_eq!(one["reasons"][0]["line"], json!(4));
    assert_eq!(listed(&["--source"])["One"]["can_be_built"], json!(true));
    let table = context.limg(&["functions"]).ok().stdout;
    assert!(table.contains("template.yaml:4") && table.contains("    help: run `sam build`"), "{table}");
    // A layer in AWS may have them.
    let arn = "arn:aws:lambda:eu-west-1:580247275435:layer:Words:2";
    let template = std::fs::read_to_string(context.path("template.yaml")).unwrap();
    context.write(
        "template.yaml",
        template.replace("CodeUri: code", &format!("CodeUri: code, Layers: [\"{arn}\"]")),
    );
    assert_eq!(listed(&[])["One"]["can_be_built"], json!(true));
    let table = context.limg(&["functions"]).ok().stdout;
    assert!(table.contains("  may fail: `requirements.txt` of the code of `One` lists"), "{table}");
}

#[test]
fn packages_that_limg_is_to_install_are_not_missing() {
    let context = project(
        "Resources:\n  One:\n    Type: AWS::Serverless::Function\n    Properties: { Runtime: python3.12, Handler: a.b, CodeUri: code }\n",
    );
    context.write("code/a.py", "import requests\n");
    context.write("code/requirements.txt", "requests\n");
    let listed = |more: &[&str]| {
        json_of(&context.limg(&[&["functions", "--format", "json"], more].concat()).ok())["functions"].take()
    };
    assert_eq!(listed(&[])["One"]["can_be_built"], json!(false));
    assert_eq!(listed(&["--install"])["One"]["can_be_built"], json!(true));
    let migrated = context.limg(&["migrate", "--install"]).ok();
    assert!(migrated.stdout.contains("limg.yaml") || migrated.stderr.contains("limg.yaml"));
    let text = std::fs::read_to_string(context.path("limg.yaml")).unwrap();
    assert!(text.contains("    install: code/requirements.txt\n"), "{text}");
}

#[test]
fn a_function_without_a_custom_runtime_is_not_listed_as_one_that_builds() {
    let context = project(
        "Resources:\n  One: { Type: AWS::Lambda::Function, Properties: { Runtime: provided.al2023, Code: code } }\n",
    );
    context.write("code/words.txt", "one\n");
    let listed = json_of(&context.limg(&["functions", "--format", "json"]).ok())["functions"].take();
    let one = &listed["One"];
    assert_eq!((&one["can_be_built"], &one["reasons"][0]["code"]), (&json!(false), &json!("no-bootstrap")));
}

#[test]
fn a_function_builds_although_another_one_cannot() {
    let template = format!(
        "{TEMPLATE}  Gone: {{ Type: AWS::Serverless::Function, Properties: {{ CodeUri: nowhere }} }}\n"
    );
    let context = project(&template);
    context.limg(&[&["build", "One"], &BASE[..]].concat()).ok();
    let all = context.limg(&[&["build"], &BASE[..]].concat());
    all.fails(2, &["template.yaml:15:", "nowhere` does not exist [missing-path]", "check the path"]);
    context
        .limg(&["build", "Docker"])
        .fails(2, &["limg leaves the function `Docker` alone", "limg functions"]);
    context.limg(&["build", "Three"]).fails(2, &["unknown function `Three`"]);
}

#[test]
fn definitions_are_found_by_name_and_read_by_content() {
    for name in ["template.yml", "serverless.template", "sam.yaml", "any.json"] {
        let context = project("");
        std::fs::remove_file(context.path("template.yaml")).unwrap();
        let json = json!({ "Resources": { "One": { "Type": "AWS::Serverless::Function", "Properties": {
            "Runtime": "provided.al2023", "CodeUri": "fn" } } } });
        context.write(name, json.to_string());
        let file: &[&str] = if name == "any.json" { &["-f", name] } else { &[] };
        let run = context.limg(&[&["functions", "--format", "json"], file].concat()).ok();
        assert_eq!(json_of(&run)["functions"]["One"]["can_be_built"], json!(true), "{name}");
        let run = context.limg(&[&["functions", "--format", "json", "-f"], &["."][..]].concat());
        assert_eq!(run.code == Some(0), name != "any.json", "{name}: {}", run.stderr);
    }
}

/// An image by digest.
fn uri(name: &str, digit: char) -> String {
    format!(
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/{name}@sha256:{}",
        digit.to_string().repeat(64)
    )
}

#[test]
fn a_template_gets_images_and_keeps_everything_else() {
    let template =
        TEMPLATE.replace("Globals:", "# For all functions\nGlobals:").replace("fn\n", "fn # code\n");
    let context = project(&template);
    let (one, two) = (format!("One={}", uri("one", 'a')), format!("Two={}", uri("one", 'a')));
    let rewrite = ["template", "--uri", &one, "--uri", &two];
    let run = context.limg(&rewrite).ok();
    for line in [
        "# For all functions",
        "  Docker: { Type: AWS::Serverless::Function, Properties: { PackageType: Image } }",
    ] {
        assert!(run.stdout.contains(line), "{line} is not in\n{}", run.stdout);
    }
    assert!(!run.stdout.contains("Runtime") && !run.stdout.contains("CodeUri"), "{}", run.stdout);
    assert_eq!(run.stdout.matches(&uri("one", 'a')).count(), 2);
    assert_eq!(run.stdout.matches("Command: [").count(), 2, "both share an image: {}", run.stdout);
    let written = context.limg(&[&rewrite[..], &["-o", "images.yaml"]].concat()).ok();
    assert_eq!(written.stdout, "");
    assert_eq!(std::fs::read_to_string(context.path("images.yaml")).unwrap(), run.stdout);
    // limg reads what it has written.
    let run = context.limg(&["functions", "-f", "images.yaml", "--format", "json"]).ok();
    assert_eq!(json_of(&run)["functions"]["Two"]["left_alone"], json!(true));
}

#[test]
fn a_template_needs_an_image_by_digest_for_each_function() {
    let context = project(TEMPLATE);
    let one = format!("One={}", uri("one", 'a'));
    context.limg(&["template", "--uri", &one]).fails(2, &["no image is known of Two", "limg push ecr"]);
    context.limg(&["template", "--uri", "One=shop/one:latest"]).fails(2, &["use a URI with a digest"]);
    context
        .limg(&["template", "One", "--uri", &one, "-o", "template.yaml"])
        .fails(2, &["the template itself"]);
    context.write("out/x", "");
    context
        .limg(&["template", "One", "--uri", &one, "-o", "out/t.yaml"])
        .fails(2, &["folder of the original"]);
    let run = context.limg(&["template", "One", "--uri", &one]).ok();
    assert!(run.stdout.contains("Runtime: provided.al2023"), "Two stays a zip function: {}", run.stdout);
    assert_eq!(std::fs::read_to_string(context.path("template.yaml")).unwrap(), TEMPLATE);
    let limg_yaml = Context::with("functions: { tiny: { runtime: provided.al2023, code: fn } }\n");
    let tiny = format!("tiny={}", uri("tiny", 'a'));
    limg_yaml.limg(&["template", "--uri", &tiny]).fails(2, &["is not a SAM or CloudFormation template"]);
}

#[test]
fn a_cloud_assembly_is_not_a_template() {
    let context = Context::new();
    let manifest = json!({ "version": "36.0.0", "artifacts": { "Shop": {
        "type": "aws:cloudformation:stack", "properties": { "templateFile": "Shop.template.json" } } } });
    let template = json!({ "Resources": { "Fn": { "Type": "AWS::Lambda::Function", "Properties": {
        "Runtime": "nodejs22.x", "Handler": "a.b", "Code": { "ZipFile": "exports.b = () => {};" } } } } });
    context.write("cdk.out/manifest.json", manifest.to_string());
    context.write("cdk.out/Shop.template.json", template.to_string());
    // Without an image: the definition is wrong first.
    let run = context.limg(&["template"]);
    run.fails(
        2,
        &[
            "is not a SAM or CloudFormation template",
            "name that of one stack: `-f cdk.out/Shop.template.json`",
        ],
    );
}

#[test]
fn nested_templates_are_written_next_to_their_originals() {
    let root = "\
Resources:
  App: { Type: AWS::Serverless::Application, Properties: { Location: app/template.yaml } } # nested
  Other: { Type: AWS::Serverless::Application, Properties: { Location: other.yaml } }
";
    let context = project(root);
    context.write("app/template.yaml", TEMPLATE.replace("CodeUri: fn", "CodeUri: ../fn"));
    context.write("other.yaml", "Resources: { Table: { Type: AWS::DynamoDB::Table } }\n");
    let uris = ["One", "Two"].map(|name| format!("App/{name}={}", uri("app-one", 'b')));
    let rewrite = ["template", "--uri", &uris[0], "--uri", &uris[1]];
    context.limg(&rewrite).fails(2, &["this nested template changes too", "use `-o FILE`"]);
    context.limg(&[&rewrite[..], &["-o", "images.yaml"]].concat()).ok();
    let text = |path: &str| std::fs::read_to_string(context.path(path)).unwrap();
    assert_eq!(text("images.yaml"), root.replace("app/template.yaml", "app/images.yaml"));
    assert_eq!(text("app/images.yaml").matches(&uri("app-one", 'b')).count(), 2);
    assert!(!context.path("other.images.yaml").exists());
}

/// A template with a function of this logical id, whose code is in `fn` of the project.
fn with_function(id: &str, fn_folder: &str, more: &str) -> String {
    format!(
        "Resources:\n  {id}: {{ Type: AWS::Serverless::Function, Properties: {{ Runtime: provided.al2023, CodeUri: {fn_folder} }} }}\n{more}"
    )
}

fn application(id: &str, location: &str) -> String {
    format!("  {id}: {{ Type: AWS::Serverless::Application, Properties: {{ Location: {location} }} }}\n")
}

#[test]
fn templates_of_one_folder_are_written_to_different_files() {
    let nested =
        [application("Back", "back.yaml"), application("A", "sub/a.yaml"), application("B", "sub/b.yaml")];
    let root = with_function("Front", "fn", &nested.concat());
    let context = project(&root);
    context.write("back.yaml", with_function("Worker", "fn", ""));
    // Two spellings of one path.
    context.write("sub/a.yaml", with_function("Fn", "../fn", &application("B", "../sub/b.yaml")));
    context.write("sub/b.yaml", with_function("Fn", "../fn", ""));
    let names = ["Front", "Back/Worker", "A/Fn", "A/B/Fn", "B/Fn"];
    let uris = names.map(|name| format!("--uri={name}={}", uri("shop", 'b')));
    let rewrite = |output: &str| {
        let uris = uris.iter().map(String::as_str);
        context.limg(&["template", "-o", output].into_iter().chain(uris).collect::<Vec<_>>())
    };
    let run = rewrite("images.yaml").ok();
    let text = |path: &str| std::fs::read_to_string(context.path(path)).unwrap();
    let front = text("images.yaml");
    for location in
        ["Location: back.images.yaml }", "Location: sub/a.images.yaml }", "Location: sub/b.images.yaml }"]
    {
        assert!(front.contains(location), "{location} is not in\n{front}");
    }
    assert!(text("back.images.yaml").contains("Worker: { Type"));
    assert!(text("sub/a.images.yaml").contains("../sub/b.images.yaml"));
    assert_eq!(run.stderr.matches("wrote ").count(), 4, "{}", run.stderr);
    for path in ["images.yaml", "back.images.yaml", "sub/a.images.yaml", "sub/b.images.yaml"] {
        assert_eq!(text(path).matches(&uri("shop", 'b')).count(), 1, "{path}");
    }
}

#[test]
fn no_template_is_overwritten() {
    let root = with_function(
        "Front",
        "fn",
        &[application("Back", "back.yaml"), application("Sub", "sub/sub.yaml")].concat(),
    );
    let context = project(&root);
    let (back, sub) = (with_function("Worker", "fn", ""), with_function("Worker", "../fn", ""));
    context.write("back.yaml", &back);
    context.write("sub/sub.yaml", &sub);
    let uris =
        ["Front", "Back/Worker", "Sub/Worker"].map(|name| format!("--uri={name}={}", uri("shop", 'b')));
    for output in ["back.yaml", "sub.yaml"] {
        let arguments = [&["template", "-o", output][..], &uris.each_ref().map(String::as_str)].concat();
        context
            .limg(&arguments)
            .fails(2, &["is a template of this definition, which `-o` would overwrite", "use another name"]);
    }
    let text = |path: &str| std::fs::read_to_string(context.path(path)).unwrap();
    assert_eq!((text("back.yaml"), text("sub/sub.yaml")), (back, sub));
    assert!(!context.path("sub.yaml").exists() && !context.path("back.sub.yaml").exists());
    // `t.yaml` and `t.yml` would both become `t.x.yaml`.
    let same = project(&format!("Resources:\n{}{}", application("A", "t.yaml"), application("B", "t.yml")));
    same.write("t.yaml", with_function("Fn", "fn", ""));
    same.write("t.yml", with_function("Fn", "fn", ""));
    let uris = ["A/Fn", "B/Fn"].map(|name| format!("--uri={name}={}", uri("shop", 'b')));
    same.limg(&["template", "-o", "x.yaml", &uris[0], &uris[1]])
        .fails(2, &["two templates would be written to"]);
    assert!(!same.path("x.yaml").exists());
}

#[test]
fn a_computed_path_of_a_nested_template_is_an_error_if_it_has_to_change() {
    let stack = |url: &str| {
        format!(
            "Transform: AWS::LanguageExtensions\nParameters: {{ Dir: {{ Type: String, Default: shared }} }}\nResources:\n{url}"
        )
    };
    let resource = |url: &str| {
        format!("  Back: {{ Type: AWS::CloudFormation::Stack, Properties: {{ TemplateURL: {url} }} }}\n")
    };
    let looped = |location: &str| {
        format!(
            "  Fn::ForEach::Apps: [Name, [shared, other], {{ 'App${{Name}}': {{ Type: AWS::Serverless::Application, \
             Properties: {{ Location: {location} }} }} }}]\n"
        )
    };
    for (resources, why) in [
        (resource("!Sub '${Dir}/back.yaml'"), "a function computes it"),
        (looped("'${Name}/back.yaml'"), "a loop makes it"),
    ] {
        let context = project(&stack(&resources));
        for folder in ["shared", "other"] {
            context.write(&format!("{folder}/back.yaml"), with_function("Worker", "../fn", ""));
        }
        let listed = json_of(&context.limg(&["functions", "--format", "json"]).ok())["functions"].take();
        let names: Vec<String> = listed.as_object().unwrap().keys().cloned().collect();
        let uris: Vec<String> =
            names.iter().map(|name| format!("--uri={name}={}", uri("shop", 'b'))).collect();
        for output in [&[][..], &["-o", "images.yaml"]] {
            let arguments: Vec<&str> = ["template"]
                .into_iter()
                .chain(output.iter().copied())
                .chain(uris.iter().map(String::as_str))
                .collect();
            context
                .limg(&arguments)
                .fails(2, &["limg cannot change", "names a template with image functions", why]);
        }
        assert!(!context.path("images.yaml").exists() && !context.path("shared/images.yaml").exists());
    }
    // The same path in every round.
    let context = project(&stack(&looped("shared/back.yaml")));
    context.write("shared/back.yaml", with_function("Worker", "../fn", ""));
    let uris =
        ["Appshared/Worker", "Appother/Worker"].map(|name| format!("--uri={name}={}", uri("shop", 'b')));
    context.limg(&["template", "-o", "images.yaml", &uris[0], &uris[1]]).ok();
    let text = std::fs::read_to_string(context.path("images.yaml")).unwrap();
    assert!(text.contains("Location: shared/images.yaml"), "{text}");
}

#[test]
fn files_stand_for_a_layer_version_from_an_option_or_the_configuration() {
    let arn = "arn:aws:lambda:eu-west-1:123456789012:layer:words:1";
    let context = project(&TEMPLATE.replace("Handler: one", &format!("Handler: one\n    Layers: ['{arn}']")));
    context.write("words/lib/words.txt", "hello\n");
    let layer = |path: &str| format!("{arn}={path}");
    let build = |path: &str| context.limg(&[&["build", "--layer", &layer(path)], &BASE[..]].concat());
    build("words").ok();
    let layout = Layout::open(&context.path(".limg/images"));
    let files = format!("{:?}", layout.image("One").files);
    assert!(files.contains("opt/lib/words.txt"), "{files}");
    build("nowhere").fails(2, &["nowhere` does not exist [missing-path]"]);
    build("template.yaml").fails(2, &["a layer must be a directory or a .zip"]);
    context.write("config.yaml", format!("layers: {{ \"{arn}\": words }}\n"));
    let mut command = context.command(&[&["build"], &BASE[..]].concat());
    context.run(command.env("LIMG_CONFIG", context.path("config.yaml"))).ok();
}

#[test]
fn what_a_template_has_in_aws_is_an_error_that_names_the_option() {
    let template = "\
Parameters:
  Runtime: { Type: 'AWS::SSM::Parameter::Value<String>', Default: /shop/runtime }
Resources:
  Code:
    Type: AWS::Lambda::Function
    Properties: { Runtime: provided.al2023, Code: { S3Bucket: shop, S3Key: code.zip } }
  Stored: { Type: AWS::Serverless::Function, Properties: { Runtime: !Ref Runtime, Handler: any, CodeUri: fn } }
  App: { Type: AWS::CloudFormation::Stack, Properties: { TemplateURL: 'https://s3.amazonaws.com/shop/app.yaml' } }
";
    let context = project(template);
    context.limg(&["build"]).fails(
        2,
        &[
            "template.yaml:2:",
            "stored in Parameter Store as `/shop/runtime`",
            "use `--fetch` to read it",
            "template.yaml:6:",
            "the code of `Code` is in S3: s3://shop/code.zip [remote-code]",
            "use `--fetch` to download it, or download it with `aws s3 cp s3://shop/code.zip FILE.zip`",
        ],
    );
    let run = context.limg(&["functions"]).ok();
    assert!(
        run.stdout.contains("its template is in S3 as s3://shop/app.yaml; use `--fetch`"),
        "{}",
        run.stdout
    );
}
