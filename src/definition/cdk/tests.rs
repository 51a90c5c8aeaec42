//! Whole assemblies.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::definition::tests::{Folder, described};
use crate::definition::{Options, load};
use crate::finding::SHOWN_AT_MOST;

/// A function as CDK writes it.
fn function(path: &str, asset: &str) -> Value {
    json!({
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": { "S3Bucket": { "Fn::Sub": "assets-${AWS::AccountId}" }, "S3Key": format!("{asset}.zip") },
            "Handler": "app.handler",
            "Runtime": "python3.12",
        },
        "Metadata": {
            "aws:cdk:path": path,
            "aws:asset:path": asset,
            "aws:asset:is-bundled": false,
            "aws:asset:property": "Code",
        },
    })
}

/// A function without metadata.
fn bare(asset: &str) -> Value {
    let mut function = function("", asset);
    function.as_object_mut().unwrap().remove("Metadata");
    function
}

fn stack(environment: &str, template: &str) -> Value {
    json!({
        "type": "aws:cloudformation:stack",
        "environment": environment,
        "properties": { "templateFile": template },
    })
}

fn write(folder: &Folder, path: &str, value: &Value) {
    folder.write(path, serde_json::to_string_pretty(value).unwrap().as_bytes());
}

/// An assembly with one stack, `Shop`.
fn shop(folder: &Folder, resources: &Value) {
    folder.write("cdk.out/cdk.out", b"{\"version\":\"36.0.0\"}");
    write(folder, "cdk.out/Shop.template.json", &json!({ "Resources": resources }));
    let artifacts = json!({ "Shop": stack("aws://111111111111/eu-west-1", "Shop.template.json"), "Tree": { "type": "cdk:tree" } });
    write(folder, "cdk.out/manifest.json", &json!({ "version": "36.0.0", "artifacts": artifacts }));
    for file in ["asset.code/app.py", "asset.words/python/words.py"] {
        folder.write(&format!("cdk.out/{file}"), b"");
    }
    folder.write("cdk.out/asset.packed.jar", b"PK\x03\x04rest");
}

fn report(folder: &Folder, path: &str, options: &Options) -> String {
    described(folder, load(&folder.path(path), options))
}

fn assert_report(found: &str, expected: &str) {
    let expected = expected.trim_matches('\n');
    assert!(found == expected, "--- expected\n{expected}\n--- found\n{found}\n");
}

/// Everything that one stack may have.
fn resources() -> Value {
    let mut api = function("Shop/Api/Handler/Resource", "asset.code");
    api["Properties"]["Layers"] = json!([{ "Ref": "WordsA4B36C34" }, { "Fn::Sub": "arn:aws:lambda:${AWS::Region}:123456789012:layer:x:1" }]);
    let mut java = function("Shop/Jar/Resource", "asset.packed.jar");
    java["Properties"]["Runtime"] = json!("java21");
    let mut inline = function("Shop/Inline/Resource", "");
    inline["Properties"]["Code"] = json!({ "ZipFile": "def handler(event, context): ..." });
    inline["Metadata"].as_object_mut().unwrap().retain(|key, _| key == "aws:cdk:path");
    let mut image = function("Shop/Docker/Resource", "asset.docker");
    image["Properties"] = json!({ "Code": { "ImageUri": { "Fn::Sub": "x.dkr.${AWS::URLSuffix}/y:z" } }, "PackageType": "Image" });
    image["Metadata"]["aws:asset:property"] = json!("Code.ImageUri");
    let mut helper =
        function("Shop/Custom::S3AutoDeleteObjectsCustomResourceProvider/Handler", "asset.helper");
    helper["Properties"]["Handler"] = json!("index.handler");
    json!({
        "WordsA4B36C34": {
            "Type": "AWS::Lambda::LayerVersion",
            "Properties": { "Content": { "S3Bucket": "b", "S3Key": "words.zip" } },
            "Metadata": { "aws:cdk:path": "Shop/Words/Resource", "aws:asset:path": "asset.words", "aws:asset:property": "Content" },
        },
        "ApiHandler5E7490E8": api,
        "Jar1EA433F7": java,
        "Inline6CF80F9D": inline,
        "DockerC4B7675C": image,
        "Lost1EA433F7": function("Shop/Lost/Resource", "asset.lost"),
        "CustomS3AutoDeleteObjectsCustomResourceProviderHandler9D90184F": helper,
        "NestedNestedStackNestedNestedStackResourceDEFDAA4D": {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {
                "Parameters": { "Words": { "Ref": "WordsA4B36C34" } },
                "TemplateURL": { "Fn::Join": ["", ["https://s3.", { "Ref": "AWS::URLSuffix" }, "/b/x.json"]] },
            },
            "Metadata": {
                "aws:cdk:path": "Shop/Nested.NestedStack/Nested.NestedStackResource",
                "aws:asset:path": "ShopNested.nested.template.json",
                "aws:asset:property": "TemplateURL",
            },
        },
    })
}

fn whole_shop() -> Folder {
    let folder = Folder::new();
    shop(&folder, &resources());
    let mut inner = function("Shop/Nested/Inner/Resource", "asset.code");
    inner["Properties"]["Layers"] = json!([{ "Ref": "Words" }]);
    let nested =
        json!({ "Parameters": { "Words": { "Type": "String" } }, "Resources": { "Inner09E1DD49": inner } });
    write(&folder, "cdk.out/ShopNested.nested.template.json", &nested);
    let source =
        json!({ "source": { "path": "asset.code" }, "destinations": { "a": { "objectKey": "code.zip" } } });
    write(&folder, "cdk.out/Shop.assets.json", &json!({ "files": { "code": source } }));
    folder
}

const SHOP: &str = "
Api/Handler python3.12 app.handler x86_64 cdk.out/asset.code/ [Words=cdk.out/asset.words arn:aws:lambda:eu-west-1:123456789012:layer:x:1] in Api-Handler
Inline python3.12 app.handler x86_64 index.py [] in Inline
Jar java21 app.handler x86_64 cdk.out/asset.packed.jar/ [] in Jar
Nested/Inner python3.12 app.handler x86_64 cdk.out/asset.code/ [Words=cdk.out/asset.words] in Nested-Inner
Custom::S3AutoDeleteObjectsCustomResourceProvider/Handler left alone: CDK adds it for its own purposes
Docker left alone: it is an image function already: its own build makes it
Lost:
  101: [missing-path] `cdk.out/asset.lost` does not exist
    help: run `cdk synth`
";

#[test]
fn functions_of_a_stack_have_the_paths_of_their_constructs_and_the_files_of_their_assets() {
    let folder = whole_shop();
    let options = Options::of_tests();
    for path in ["cdk.out", "cdk.out/manifest.json", "."] {
        assert_report(&report(&folder, path, &options), SHOP);
    }
    let alone = report(
        &folder,
        "cdk.out/Shop.template.json",
        &Options { region: Some("eu-west-1".to_owned()), ..options },
    );
    assert_report(&alone, SHOP);
}

#[test]
fn helpers_of_cdk_are_built_on_request() {
    let folder = whole_shop();
    folder.write("cdk.out/asset.helper/index.py", b"");
    let options = Options { helper_functions: true, ..Options::of_tests() };
    let found = report(&folder, "cdk.out", &options);
    let expected = "Custom::S3AutoDeleteObjectsCustomResourceProvider/Handler python3.12 index.handler x86_64 cdk.out/asset.helper/ [] \
                    in Custom-S3AutoDeleteObjectsCustomResourceProvider-Handler";
    assert!(found.lines().any(|line| line == expected), "{found}");
}

#[test]
fn nothing_of_the_project_is_in_the_folder_that_cdk_writes() {
    let folder = whole_shop();
    for path in ["cdk.out", "cdk.out/Shop.template.json"] {
        let options = Options { region: Some("eu-west-1".to_owned()), ..Options::of_tests() };
        let loaded = load(&folder.path(path), &options).unwrap();
        assert_eq!(loaded.project.root, folder.root());
        assert_eq!(loaded.lock_file, folder.path("limg.lock"));
        let function = &loaded.project.functions[0];
        assert_eq!(function.code.files().unwrap().definition, Some(folder.path("cdk.out")));
        assert_eq!(function.build_command.as_deref(), Some("cdk synth"));
    }
}

#[test]
fn packages_are_not_installed_into_what_a_bundler_has_made() {
    for (is_bundled, installs) in [(true, false), (false, true)] {
        let folder = Folder::new();
        let mut resource = function("Shop/Api/Handler/Resource", "asset.code");
        resource["Metadata"]["aws:asset:is-bundled"] = json!(is_bundled);
        shop(&folder, &json!({ "ApiHandler5E7490E8": resource }));
        folder.write("cdk.out/asset.code/requirements.txt", b"six\n");
        let options = Options { install: true, ..Options::of_tests() };
        let loaded = load(&folder.path("cdk.out"), &options).unwrap();
        assert_eq!(loaded.project.functions[0].install.is_some(), installs);
    }
}

#[test]
fn a_function_can_be_named_by_its_logical_id() {
    let folder = whole_shop();
    let loaded = load(&folder.path("cdk.out"), &Options::of_tests()).unwrap();
    for (written, name) in [
        ("ApiHandler5E7490E8", "Api/Handler"),
        ("Inner09E1DD49", "Nested/Inner"),
        ("Lost1EA433F7", "Lost"),
        ("Api/Handler", "Api/Handler"),
        ("Unknown", "Unknown"),
    ] {
        assert_eq!(loaded.name_of(written), name);
    }
}

#[test]
fn functions_of_several_stacks_have_the_paths_of_their_stacks() {
    let folder = Folder::new();
    shop(&folder, &json!({ "ApiHandler5E7490E8": function("Shop/ApiHandler/Resource", "asset.code") }));
    let template = json!({ "Resources": { "ApiHandler5E7490E8": function("Prod/Shop/ApiHandler/Resource", "../asset.code") } });
    write(&folder, "cdk.out/assembly-Prod/ProdShop82526E42.template.json", &template);
    folder.write("cdk.out/assembly-Prod/cdk.out", b"{}");
    let stage = json!({ "version": "36.0.0", "artifacts": {
        "ProdShop82526E42": stack("aws://unknown-account/unknown-region", "ProdShop82526E42.template.json"),
    }});
    write(&folder, "cdk.out/assembly-Prod/manifest.json", &stage);
    let manifest = json!({ "version": "36.0.0", "artifacts": {
        "assembly-Prod": { "type": "cdk:cloud-assembly", "properties": { "directoryName": "assembly-Prod" } },
        "assembly-Gone": { "type": "cdk:cloud-assembly", "properties": { "directoryName": "assembly-Gone" } },
        "Shop": stack("aws://111111111111/eu-west-1", "Shop.template.json"),
        "Escape": stack("", "../Shop.template.json"),
    }});
    write(&folder, "cdk.out/manifest.json", &manifest);
    let expected = "
Shop/ApiHandler python3.12 app.handler x86_64 cdk.out/asset.code/ [] in Shop-ApiHandler
Prod/Shop/ApiHandler python3.12 app.handler x86_64 cdk.out/asset.code/ [] in Shop-ApiHandler
Escape:
  6: [nested-template] the path leaves the folder of the manifest
    help: run `cdk synth`
assembly-Gone:
  19: [nested-template] a file of the app cannot be read: failed to access `cdk.out/assembly-Gone/manifest.json`: No such file or directory (os error 2)
    help: run `cdk synth`
";
    assert_report(&report(&folder, "cdk.out", &Options::of_tests()), expected);
    let stage = report(&folder, "cdk.out/assembly-Prod", &Options::of_tests());
    assert_report(&stage, "ApiHandler python3.12 app.handler x86_64 cdk.out/asset.code/ [] in ApiHandler");
    let loaded = load(&folder.path("cdk.out/assembly-Prod"), &Options::of_tests()).unwrap();
    assert_eq!(loaded.lock_file, folder.path("limg.lock"));
}

/// `cdk synth --no-asset-metadata --no-path-metadata`.
#[test]
fn without_metadata_the_asset_manifest_names_the_files() {
    let folder = Folder::new();
    let files = json!({ "version": "36.0.0", "files": {
        "code": {
            "source": { "path": "asset.code", "packaging": "zip" },
            "destinations": { "current": { "bucketName": "b", "objectKey": "prefix/code.zip" } },
        },
        "nested": {
            "source": { "path": "ShopNested.nested.template.json", "packaging": "file" },
            "destinations": { "current": { "bucketName": "b", "objectKey": "x.json" } },
        },
    }});
    write(&folder, "cdk.out/Shop.assets.json", &files);
    let nested = json!({
        "Type": "AWS::CloudFormation::Stack",
        "Properties": { "TemplateURL": { "Fn::Join": ["", ["https://s3.", { "Ref": "AWS::URLSuffix" }, "/b/x.json"]] } },
    });
    let resources = json!({
        "ApiHandler5E7490E8": bare("code"),
        "Elsewhere": bare("elsewhere"),
        "LogRetentionaae0aa3c5b4d4f87b02d85b201efdd8aFD4BFC8A": bare("code"),
        "Nested": nested,
    });
    shop(&folder, &resources);
    write(
        &folder,
        "cdk.out/ShopNested.nested.template.json",
        &json!({ "Resources": { "Inner09E1DD49": bare("code") } }),
    );
    let expected = "
ApiHandler5E7490E8 python3.12 app.handler x86_64 cdk.out/asset.code/ [] in ApiHandler5E7490E8
Nested/Inner09E1DD49 python3.12 app.handler x86_64 cdk.out/asset.code/ [] in ApiHandler5E7490E8
Elsewhere:
  18: [remote-code] the code of `Elsewhere` is in S3: s3://assets-111111111111/elsewhere.zip
    help: use `--fetch` to download it, or download it with `aws s3 cp s3://assets-111111111111/elsewhere.zip FILE.zip`, and write `Code: FILE.zip`
LogRetentionaae0aa3c5b4d4f87b02d85b201efdd8aFD4BFC8A left alone: CDK adds it for its own purposes
";
    assert_report(&report(&folder, "cdk.out", &Options::of_tests()), expected);
}

#[test]
fn without_metadata_functions_of_several_stacks_have_the_names_of_their_stacks() {
    let folder = Folder::new();
    shop(&folder, &json!({ "Api5E7490E8": bare("code") }));
    write(&folder, "cdk.out/Other.template.json", &json!({ "Resources": { "Api5E7490E8": bare("code") } }));
    let mut other = stack("", "Other.template.json");
    other["displayName"] = json!("Prod/Other (own-name)");
    let artifacts = json!({ "Other": other, "Shop": stack("", "Shop.template.json") });
    write(&folder, "cdk.out/manifest.json", &json!({ "version": "36.0.0", "artifacts": artifacts }));
    let source =
        json!({ "source": { "path": "asset.code" }, "destinations": { "a": { "objectKey": "code.zip" } } });
    for stack in ["Other", "Shop"] {
        write(&folder, &format!("cdk.out/{stack}.assets.json"), &json!({ "files": { "code": source } }));
    }
    let expected = "
Prod/Other/Api5E7490E8 python3.12 app.handler x86_64 cdk.out/asset.code/ [] in Prod-Other-Api5E7490E8
Shop/Api5E7490E8 python3.12 app.handler x86_64 cdk.out/asset.code/ [] in Prod-Other-Api5E7490E8
";
    assert_report(&report(&folder, "cdk.out", &Options::of_tests()), expected);
}

#[test]
fn an_app_without_functions_is_an_error() {
    let folder = Folder::new();
    shop(&folder, &json!({ "Topic": { "Type": "AWS::SNS::Topic" } }));
    let expected = "  2: [no-functions] no stack of the app has functions\n    help: run `cdk synth` if the app has changed";
    assert_report(&report(&folder, "cdk.out", &Options::of_tests()), expected);
}

#[test]
fn hundreds_of_stacks_are_read_and_assemblies_that_name_themselves_end() {
    let folder = Folder::new();
    let (mut artifacts, mut templates) = (serde_json::Map::new(), 0);
    for number in 0..100 {
        let template = format!("S{number}.template.json");
        let resources = json!({ "F5E7490E8": function(&format!("S{number}/F/Resource"), "asset.code") });
        write(&folder, &format!("cdk.out/{template}"), &json!({ "Resources": resources }));
        artifacts.insert(format!("S{number}"), stack("", &template));
        templates += 1;
    }
    folder.write("cdk.out/asset.code/app.py", b"");
    write(&folder, "cdk.out/manifest.json", &json!({ "version": "1", "artifacts": artifacts }));
    let loaded = load(&folder.path("cdk.out"), &Options::of_tests()).unwrap();
    assert_eq!(loaded.project.functions.len(), templates);
    std::os::unix::fs::symlink(".", folder.path("cdk.out/again")).unwrap();
    let again = json!({ "type": "cdk:cloud-assembly", "properties": { "directoryName": "again" } });
    for name in ["a", "b"] {
        artifacts.insert(name.to_owned(), again.clone());
    }
    write(&folder, "cdk.out/manifest.json", &json!({ "version": "1", "artifacts": artifacts }));
    let found = report(&folder, "cdk.out", &Options::of_tests());
    assert!(found.contains("more than 1000 stacks") && found.lines().count() < 10_000 + SHOWN_AT_MOST);
}

const FILES: [&str; 4] =
    ["manifest.json", "Shop.template.json", "ShopNested.nested.template.json", "Shop.assets.json"];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_damaged_assembly_gives_a_result(
        file in 0..FILES.len(),
        at in 0.0..1.0_f64,
        length in 0_usize..30,
        text in "([\\[\\]{}:,\"a-z/. ]|null|\"\"|\\{\\}|\\[\\]|\\.\\.){0,3}",
    ) {
        let folder = whole_shop();
        let path = format!("cdk.out/{}", FILES[file]);
        let mut content = crate::fs::read_text(&folder.path(&path), 1 << 20).unwrap();
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any place will do")]
        let start = (at * content.len() as f64) as usize;
        content.replace_range(start..(start + length).min(content.len()), &text);
        folder.write(&path, content.as_bytes());
        prop_assert!(!report(&folder, "cdk.out", &Options::of_tests()).is_empty());
    }
}
