//! A cloud assembly of the AWS CDK, run in Docker under the emulator.

use serde_json::{Value, json};

use crate::support::{Base, Docker, Workspace, base, docker, finish, succeed};

/// An app in a folder that names its images after the test.
struct App {
    docker: Docker,
    workspace: Workspace,
}

impl App {
    fn new() -> Self {
        let app = Self { docker: Docker::new("cdk"), workspace: Workspace::new() };
        let resource = |kind: &str, properties: Value, path: &str, asset: &str, property: &str| {
            json!({
                "Type": kind,
                "Properties": properties,
                "Metadata": {
                    "aws:cdk:path": path,
                    "aws:asset:path": asset,
                    "aws:asset:is-bundled": false,
                    "aws:asset:property": property,
                },
            })
        };
        let in_s3 = json!({ "S3Bucket": { "Fn::Sub": "assets-${AWS::AccountId}" }, "S3Key": "x.zip" });
        let function = |layer: &str| {
            json!({
                "Code": in_s3,
                "Handler": "app.handler",
                "Runtime": "python3.11",
                "Layers": [{ "Ref": layer }],
                "Timeout": 20,
                "Environment": { "Variables": { "REGION": { "Ref": "AWS::Region" }, "TABLE": { "Ref": "Table" } } },
            })
        };
        let (lambda, layer) = ("AWS::Lambda::Function", "AWS::Lambda::LayerVersion");
        let nested = json!({
            "Parameters": { "Words": { "Type": "String" }, "Table": { "Type": "String" } },
            "Resources": { "Inner09E1DD49": resource(lambda, function("Words"), "Shop/Nested/Inner/Resource", "asset.code", "Code") },
        });
        let parameters = json!({ "Words": { "Ref": "WordsA4B36C34" }, "Table": { "Ref": "Table" } });
        let stack = json!({ "TemplateURL": "https://s3.amazonaws.com/b/x.json", "Parameters": parameters });
        let shop = json!({ "Resources": {
            "WordsA4B36C34": resource(layer, json!({ "Content": in_s3 }), "Shop/Words/Resource", "asset.words", "Content"),
            "ApiHandler5E7490E8": resource(lambda, function("WordsA4B36C34"), "Shop/ApiHandler/Resource", "asset.code", "Code"),
            "Nested": resource(
                "AWS::CloudFormation::Stack", stack, "Shop/Nested.NestedStack/Nested.NestedStackResource",
                "ShopNested.nested.template.json", "TemplateURL",
            ),
            "Table": { "Type": "AWS::DynamoDB::Table" },
        }});
        let artifact = json!({
            "type": "aws:cloudformation:stack",
            "environment": "aws://111111111111/eu-west-1",
            "properties": { "templateFile": "Shop.template.json" },
        });
        let manifest = json!({ "version": "36.0.0", "artifacts": { "Shop": artifact } });
        for (path, value) in [
            ("manifest.json", manifest),
            ("cdk.out", json!({ "version": "36.0.0" })),
            ("Shop.template.json", shop),
            ("ShopNested.nested.template.json", nested),
        ] {
            app.write(path, &value.to_string());
        }
        app.write(
            "asset.code/app.py",
            "import os\nimport words\n\
             def handler(event, context):\n    return [words.WORD, os.environ['REGION'], os.environ.get('TABLE')]\n",
        );
        app.write("asset.words/python/words.py", "WORD = 'from a layer'\n");
        app
    }

    fn write(&self, path: &str, content: &str) {
        self.workspace.write(format!("{}/cdk.out/{path}", self.docker.prefix), content);
    }

    /// limg in the project.
    fn limg(&self, arguments: &[&str]) -> std::process::Command {
        let image = format!("python3.11=oci:{}", base(Base::Python311).display());
        let mut limg = self.workspace.limg(arguments);
        limg.args(["--base", &image]).current_dir(self.workspace.path(&self.docker.prefix));
        limg
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn functions_of_a_cloud_assembly_run() {
    let app = App::new();
    for function in ["ApiHandler", "Nested/Inner", "ApiHandler5E7490E8"] {
        let invoked = finish(&mut app.limg(&["invoke", function]));
        assert_eq!(invoked.code, 0, "{}\n{}", invoked.text(), invoked.stderr);
        assert_eq!(invoked.json(), json!(["from a layer", "eu-west-1", null]));
    }
}

/// `docs/cdk.md`: CDK runs the command of an asset in the folder of the assembly, and pushes the image whose name it prints.
#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn the_command_of_an_asset_prints_the_name_of_an_image_in_docker() {
    let app = App::new();
    let arguments = ["build", "ApiHandler", "-o", "docker-daemon:", "--format", "refs", "-q"];
    let mut limg = app.limg(&arguments);
    limg.current_dir(app.workspace.path(format!("{}/cdk.out", app.docker.prefix)));
    let printed = succeed(&mut limg).text();
    let name = printed.trim();
    assert_eq!(name.lines().count(), 1, "{printed}");
    let inspected = succeed(docker().args(["image", "inspect", name])).json();
    assert_eq!(inspected[0]["Config"]["Cmd"], json!(["app.handler"]));
}
