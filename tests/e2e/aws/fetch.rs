//! `--fetch`: code, layers and templates in Amazon S3, and parameters in Parameter Store, with moto in their place.

use std::fs;
use std::io::{Cursor, Write as _};
use std::process::Command;

use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::aws::Moto;
use crate::support::{Base, Entry, Files, Image, Workspace, base, fails, succeed, without_owners};

const SECRET_KEY: &str = "wJalrXUtnFEMI-a-secret-key";

const TEMPLATE: &str = "
Parameters:
  Runtime: { Type: 'AWS::SSM::Parameter::Value<String>', Default: /shop/runtime }
Resources:
  Orders:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: !Ref Runtime
      Handler: any
      Code: { S3Bucket: '{{resolve:ssm:/shop/bucket}}', S3Key: code/orders.zip }
      Layers: [!Ref Words]
  Words:
    Type: AWS::Serverless::LayerVersion
    Properties: { ContentUri: 's3://my.shop/words.zip' }
  App:
    Type: AWS::CloudFormation::Stack
    Properties: { TemplateURL: 'https://shop-code.s3.eu-west-1.amazonaws.com/app.yaml' }
";

const APP: &str = "
Resources:
  Mails:
    Type: AWS::Serverless::Function
    Properties: { Runtime: provided.al2023, Handler: any, CodeUri: 's3://shop-code/code/orders.zip' }
";

/// A project whose template has everything in AWS.
struct Shop {
    workspace: Workspace,
    moto: Moto,
}

impl Shop {
    fn new() -> Self {
        let shop = Self { workspace: Workspace::new(), moto: Moto::start() };
        shop.workspace.write("template.yaml", TEMPLATE);
        shop.put("shop-code", "code/orders.zip", &zip(&[("bootstrap", 0o755, b"#!/bin/sh\n")]));
        shop.put("shop-code", "app.yaml", APP.as_bytes());
        shop.put("my.shop", "words.zip", &zip(&[("words/list.txt", 0o644, b"one\n")]));
        shop.put_parameter("/shop/runtime", "String", "provided.al2023");
        shop.put_parameter("/shop/bucket", "String", "shop-code");
        shop
    }

    /// Writes an object, and its bucket if there is none.
    fn put(&self, bucket: &str, key: &str, content: &[u8]) {
        let file = self.workspace.write("object", content);
        for (url, content) in [
            (format!("{}/{bucket}", self.moto.url()), None),
            (format!("{}/{bucket}/{key}", self.moto.url()), Some(file)),
        ] {
            let mut curl = curl("us-east-1/s3");
            curl.args(["--request", "PUT", &url]);
            if let Some(file) = content {
                curl.arg("--data-binary").arg(format!("@{}", file.display()));
            }
            // In us-east-1 a bucket may be created again (Amazon S3 API reference, `CreateBucket`).
            succeed(&mut curl);
        }
    }

    fn put_parameter(&self, name: &str, kind: &str, value: &str) {
        let body = json!({ "Name": name, "Type": kind, "Value": value, "Overwrite": true }).to_string();
        let mut curl = curl("eu-west-1/ssm");
        curl.args(["-H", "X-Amz-Target: AmazonSSM.PutParameter"]);
        curl.args(["-H", "Content-Type: application/x-amz-json-1.1", "-d", &body, &self.moto.url()]);
        succeed(&mut curl);
    }

    /// limg with credentials and moto's endpoint.
    fn limg(&self, arguments: &[&str]) -> Command {
        let image = format!("provided.al2023=oci:{}", base(Base::ProvidedAl2023).display());
        let mut limg = self.workspace.limg(arguments);
        limg.args(["--base", &image]).env("AWS_ENDPOINT_URL", self.moto.url()).env("AWS_REGION", "eu-west-1");
        limg.env("AWS_EC2_METADATA_DISABLED", "true");
        limg.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        limg
    }

    fn build(&self, arguments: &[&str]) {
        succeed(self.limg(&["build", "--fetch"]).args(arguments));
    }

    fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let stderr = fails(code, self.limg(&["build", "--fetch"]).args(arguments)).stderr;
        assert!(!stderr.contains(SECRET_KEY), "{stderr}");
        stderr
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.workspace.path("limg.lock")).unwrap()
    }

    /// The files of a built image that come from the template.
    fn files(&self, name: &str) -> Files {
        let mut files = Image::of_layout(&self.workspace.path(".limg/images"), Some(name)).files();
        files.retain(|path, _| path.starts_with("opt/words") || path == "var/task/bootstrap");
        without_owners(&files)
    }
}

/// curl with the scope that tells moto which Region and service are meant.
fn curl(scope: &str) -> Command {
    let authorization = format!(
        "Authorization: AWS4-HMAC-SHA256 Credential=A/20260101/{scope}/aws4_request, SignedHeaders=a, Signature=a"
    );
    let mut curl = crate::support::tool("curl");
    curl.args(["--silent", "--show-error", "--fail-with-body", "--noproxy", "*", "-H", &authorization]);
    if scope.ends_with("/s3") {
        curl.args(["-H", "Content-Type: application/octet-stream"]);
    }
    curl
}

fn zip(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, mode, content) in files {
        zip.start_file(*path, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
#[ignore = "needs moto"]
fn code_layers_templates_and_parameters_are_fetched_and_pinned() {
    let shop = Shop::new();
    shop.build(&[]);
    let orders = shop.files("Orders");
    assert_eq!(orders.get("var/task/bootstrap"), Some(&Entry::file(0o755, b"#!/bin/sh\n")));
    assert_eq!(orders.get("opt/words/list.txt"), Some(&Entry::file(0o644, b"one\n")));
    assert!(shop.files("App-Mails").contains_key("var/task/bootstrap"));
    for object in ["s3://my.shop/words.zip", "s3://shop-code/app.yaml", "s3://shop-code/code/orders.zip"] {
        assert!(shop.lock().contains(&format!("  {object}: sha256:")), "{}", shop.lock());
    }
    // What is pinned comes from the store, even if the object has changed.
    let before = shop.lock();
    shop.put("my.shop", "words.zip", &zip(&[("words/list.txt", 0o644, b"two\n")]));
    shop.build(&["--locked"]);
    assert_eq!((shop.files("Orders"), shop.lock()), (orders, before));
    fs::remove_dir_all(shop.workspace.path("store")).unwrap();
    let stderr = shop.refused(2, &["--locked"]);
    assert!(stderr.contains("s3://my.shop/words.zip has changed"), "{stderr}");
    let mut update = shop.limg(&["update", "--fetch"]);
    let updated = succeed(&mut update).text();
    assert!(updated.contains("s3://my.shop/words.zip  sha256:"), "{updated}");
    shop.build(&["--locked"]);
    assert_eq!(shop.files("Orders").get("opt/words/list.txt"), Some(&Entry::file(0o644, b"two\n")));
}

#[test]
#[ignore = "needs moto"]
fn what_cannot_be_fetched_is_an_error_that_says_what_to_do() {
    let shop = Shop::new();
    let stderr = shop.refused(2, &["--locked"]);
    assert!(stderr.contains("limg.lock does not pin s3://"), "{stderr}");

    shop.put_parameter("/shop/bucket", "String", "shop-other");
    let stderr = shop.refused(2, &["Orders"]);
    assert!(stderr.contains("s3://shop-other/code/orders.zip does not exist"), "{stderr}");
    assert!(stderr.contains("aws s3 ls s3://shop-other/"), "{stderr}");

    let other_region = ["Orders", "--region", "us-east-2"];
    let stderr = shop.refused(2, &other_region);
    assert!(stderr.contains("` does not exist in us-east-2"), "{stderr}");

    let stderr = fails(3, shop.limg(&["build", "--fetch"]).env_remove("AWS_ACCESS_KEY_ID")).stderr;
    assert!(stderr.contains("no AWS credentials"), "{stderr}");

    shop.put_parameter("/shop/secret", "SecureString", "the-value-of-the-secret");
    shop.workspace.write("template.yaml", TEMPLATE.replace("/shop/runtime", "/shop/secret"));
    let stderr = shop.refused(2, &["Orders"]);
    assert!(stderr.contains("`/shop/secret` is a secure string"), "{stderr}");
    assert!(!stderr.contains("the-value-of-the-secret"), "{stderr}");
}
