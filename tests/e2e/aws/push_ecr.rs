//! `limg push ecr`: moto is Amazon ECR's control plane, and docker-registry, a mirror of ECR's hosts, is its registry.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::aws::Moto;
use crate::support::{
    Access, Base, Finished, Image, LoggedRequest, Registry, User, Workspace, base, fails, finish, succeed,
    tool,
};

/// The account of all credentials in moto.
const ACCOUNT: &str = "123456789012";

/// The registry of that account in the default region.
const HOST: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";

/// The user of moto's token.
const USER: User = User { name: "AWS", password: "123456789012-auth-token" };

const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// Functions on a local base, and a registry to push them to.
struct Shop {
    workspace: Workspace,
    registry: Registry,
    moto: Moto,
}

impl Shop {
    /// `more` is inserted into the definition before the functions.
    fn new(functions: &[&str], more: &str) -> Self {
        Self::with_registry(functions, more, USER)
    }

    /// The same with a registry that only `user` can access.
    fn with_registry(functions: &[&str], more: &str, user: User) -> Self {
        let registry = Registry::with_access(Access { tls: true, user: Some(user) });
        let shop = Self { workspace: Workspace::new(), registry, moto: Moto::start() };
        for name in functions {
            let program = format!("#!/bin/sh\n: {name}\n");
            shop.workspace.write_program(format!("functions/{name}/bootstrap"), program);
        }
        let layout = format!("oci:{}", base(Base::ProvidedAl2023).display());
        let bases = format!("bases:\n  base: {{ image: \"{layout}\", contract: provided.al2023 }}\n");
        shop.define(functions, "base", &format!("{bases}{more}"));
        shop
    }

    fn define(&self, functions: &[&str], runtime: &str, more: &str) {
        let function = |name: &&str| {
            format!("  {name}: {{ runtime: {runtime}, handler: any, code: functions/{name} }}\n")
        };
        let functions: String = functions.iter().map(function).collect();
        self.workspace.write("limg.yaml", format!("project: shop\n{more}functions:\n{functions}"));
    }

    /// limg without AWS credentials and region.
    fn limg_without_credentials(&self, arguments: &[&str]) -> Command {
        let mut limg = self.workspace.limg(arguments);
        limg.arg("--ca-file").arg(self.registry.certificate());
        limg.env("AWS_ENDPOINT_URL_ECR", self.moto.url()).env("AWS_EC2_METADATA_DISABLED", "true");
        self.mirror(&mut limg, HOST);
        limg
    }

    /// limg with credentials of the account.
    fn limg(&self, arguments: &[&str]) -> Command {
        let mut limg = self.limg_without_credentials(arguments);
        limg.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        limg.env("AWS_REGION", "us-east-1");
        limg
    }

    /// Makes the registry a mirror of a host.
    fn mirror(&self, limg: &mut Command, host: &str) {
        limg.env(mirror_variable(host), &self.registry.address);
    }

    /// Pushes to ECR, which must succeed, and returns the functions of the JSON report.
    fn push(&self, arguments: &[&str]) -> Value {
        functions(self.limg(&["push", "ecr", "--format", "json"]).args(arguments))
    }

    fn skopeo(&self, arguments: &[&str]) -> Finished {
        // Not in a file that limg reads.
        let auth = json!({ "auths": { &self.registry.address: { "auth": token() } } });
        let auth = self.workspace.write("skopeo.json", auth.to_string());
        let mut skopeo = tool("skopeo");
        skopeo.arg(arguments[0]);
        skopeo.arg(if arguments[0] == "copy" { "--dest-tls-verify=false" } else { "--tls-verify=false" });
        succeed(skopeo.args(&arguments[1..]).env("REGISTRY_AUTH_FILE", auth))
    }

    /// The digest of an image in the registry.
    fn digest(&self, image: &str) -> String {
        let reference = format!("docker://{}/{image}", self.registry.address);
        self.skopeo(&["inspect", "--format", "{{.Digest}}", &reference]).text().trim().to_owned()
    }

    /// The names of the repositories in moto.
    fn repositories(&self) -> BTreeSet<String> {
        let answer = self.moto.ecr("us-east-1", "DescribeRepositories", &json!({}));
        let name = |repository: &Value| repository["repositoryName"].as_str().unwrap().to_owned();
        answer["repositories"].as_array().unwrap().iter().map(name).collect()
    }

    /// The requests after the first `before`, except for those by which limg detects the protocol and the
    /// authentication.
    fn requests_since(&self, before: usize) -> Vec<LoggedRequest> {
        let mut requests = self.registry.requests().split_off(before);
        requests.retain(|request| request.path != "/v2/" && request.status != 401);
        requests
    }
}

/// The variable for a host's mirror.
fn mirror_variable(host: &str) -> String {
    let host = host.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("LIMG_REGISTRY_MIRROR_{}", host.to_uppercase())
}

/// Runs limg, which must succeed, and returns the functions of the JSON report.
fn functions(limg: &mut Command) -> Value {
    succeed(limg).json()["functions"].take()
}

/// The token as ECR returns it: base64 of name and password.
fn token() -> String {
    let text = [USER.name, ":", USER.password].concat();
    let encoded = succeed(Command::new("sh").args(["-c", "printf %s \"$0\" | base64 -w0"]).arg(text));
    encoded.text().trim().to_owned()
}

fn count(requests: &[LoggedRequest], method: &str, part: &str) -> usize {
    requests.iter().filter(|request| request.method == method && request.path.contains(part)).count()
}

#[test]
#[ignore = "needs docker-registry, moto and skopeo; `make test` runs it"]
fn new_repositories_have_the_settings_of_the_definition() {
    const ECR: &str = "ecr: { scan_on_push: true, immutable_tags: true, encryption: KMS, kms_key: alias/images, keep: 7, \
                       tags: { team: shop }, lambda_accounts: [\"222222222222\"] }\n";
    let shop = Shop::new(&["Orders", "billing"], ECR);
    let pushed = shop.push(&["--create-repository"]);
    assert_eq!(shop.repositories(), ["shop/billing", "shop/orders"].map(str::to_owned).into());

    let ecr = |operation: &str, body: Value| shop.moto.ecr("us-east-1", operation, &body);
    let found = ecr("DescribeRepositories", json!({}));
    for repository in found["repositories"].as_array().unwrap() {
        assert_eq!(repository["imageScanningConfiguration"], json!({ "scanOnPush": true }));
        assert_eq!(repository["imageTagMutability"], "IMMUTABLE");
        let encryption = json!({ "encryptionType": "KMS", "kmsKey": "alias/images" });
        assert_eq!(repository["encryptionConfiguration"], encryption);
        let tags = ecr("ListTagsForResource", json!({ "resourceArn": repository["repositoryArn"] }));
        assert_eq!(tags["tags"], json!([{ "Key": "team", "Value": "shop" }]));
        let name = json!({ "repositoryName": repository["repositoryName"] });
        let text = |answer: Value, key: &str| -> Value {
            serde_json::from_str(answer[key].as_str().unwrap()).unwrap()
        };
        let lifecycle = text(ecr("GetLifecyclePolicy", name.clone()), "lifecyclePolicyText");
        assert_eq!(lifecycle["rules"][0]["selection"]["countNumber"], 7);
        let policy = text(ecr("GetRepositoryPolicy", name), "policyText");
        let own = json!({
            "Sid": "LambdaECRImageRetrievalPolicy",
            "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Condition": { "StringLike": { "aws:sourceArn": format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:*") } },
        });
        assert_eq!(policy["Statement"][0], own);
        assert!(policy.to_string().contains("arn:aws:iam::222222222222:root"), "{policy}");
    }

    for (function, repository) in [("Orders", "shop/orders"), ("billing", "shop/billing")] {
        let digest = pushed[function]["digest"].as_str().unwrap();
        assert_eq!(pushed[function]["image_uri"], format!("{HOST}/{repository}@{digest}"));
        assert_eq!(shop.digest(&format!("{repository}:latest")), digest);
        assert_eq!(shop.digest(&format!("{repository}@{digest}")), digest);
    }
}

#[test]
#[ignore = "needs docker-registry and moto; `make test` runs it"]
fn an_unchanged_image_needs_one_request() {
    let shop = Shop::new(&["orders", "billing"], "");
    let pushed = shop.push(&["--create-repository"]);
    // If limg checked the repositories, it would create them again.
    for name in ["shop/orders", "shop/billing"] {
        shop.moto.ecr("us-east-1", "DeleteRepository", &json!({ "repositoryName": name }));
    }
    let before = shop.registry.requests().len();
    let again = succeed(&mut shop.limg(&["push", "ecr", "--create-repository"]));
    assert!(!again.stderr.contains("created the repository"), "{}", again.stderr);
    let requests = shop.requests_since(before);
    assert_eq!(requests.len(), 2, "{requests:#?}");
    assert!(
        requests.iter().all(|request| request.method == "HEAD" && request.status == 200),
        "{requests:#?}"
    );
    assert_eq!(shop.repositories(), BTreeSet::new());
    for name in ["orders", "billing"] {
        let line = format!("{name}  {}", pushed[name]["image_uri"].as_str().unwrap());
        assert!(again.text().lines().any(|other| other == line), "{}", again.text());
    }
    assert_eq!(again.text().lines().count(), 2);
    assert!(again.stderr.contains("unchanged: 2 images, nothing uploaded"), "{}", again.stderr);
}

#[test]
#[ignore = "needs docker-registry and moto; `make test` runs it"]
fn repositories_are_created_only_on_request() {
    let shop = Shop::new(&["orders"], "ecr: { scan_on_push: true }\n");
    shop.push(&[]);
    assert_eq!(shop.repositories(), BTreeSet::new());
}

#[test]
#[ignore = "needs docker-registry, moto and skopeo; `make test` runs it"]
fn repositories_and_tags_can_be_named() {
    let shop = Shop::new(&["orders"], "ecr: { repository: \"of/{project}-{function}\" }\n");
    let pushed = shop.push(&[]);
    let digest = pushed["orders"]["digest"].as_str().unwrap();
    assert_eq!(pushed["orders"]["image_uri"], format!("{HOST}/of/shop-orders@{digest}"));

    let pushed = shop.push(&["--repository", "team/{function}", "--tag", "a", "--tag", "b"]);
    assert_eq!(pushed["orders"]["image_uri"], format!("{HOST}/team/orders@{digest}"));
    assert_eq!(pushed["orders"]["tags"], json!(["a", "b"]));
    assert_eq!(
        ["a", "b"].map(|tag| shop.digest(&format!("team/orders:{tag}"))),
        [digest.to_owned(), digest.to_owned()]
    );
    let repository = format!("docker://{}/team/orders", shop.registry.address);
    let tags = shop.skopeo(&["list-tags", &repository]).json();
    let tags = tags["Tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap());
    assert_eq!(tags.collect::<BTreeSet<_>>(), ["a", "b"].into(), "not the default tag too");

    // Only the new tag is written, since existing ones may be immutable.
    let before = shop.registry.requests().len();
    let pushed = shop.push(&["--repository", "team/{function}", "--tag", "a", "--tag", "c", "--tag", "c"]);
    assert_eq!(pushed["orders"]["unchanged"], false);
    assert_eq!(pushed["orders"]["tags"], json!(["a", "c"]));
    let requests = shop.requests_since(before);
    let changes: Vec<_> = requests.iter().filter(|request| request.method != "HEAD").collect();
    assert!(
        matches!(changes[..], [put] if put.method == "PUT" && put.path.ends_with("/manifests/c")),
        "{requests:#?}"
    );
    assert_eq!(shop.digest("team/orders:c"), digest);
}

#[test]
#[ignore = "needs docker-registry and moto; `make test` runs it"]
fn account_region_and_profile_can_be_named() {
    let shop = Shop::new(&["orders"], "");
    let other = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
    let mut limg = shop.limg(&["push", "ecr", "--format", "json"]);
    shop.mirror(&mut limg, other);
    let pushed = functions(limg.args(["--account", "111122223333", "--region", "eu-west-1"]));
    let digest = pushed["orders"]["digest"].as_str().unwrap();
    assert_eq!(pushed["orders"]["image_uri"], format!("{other}/shop/orders@{digest}"));

    let profile = |name: &str, region: &str| {
        format!(
            "[profile {name}]\nregion = {region}\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = {SECRET_KEY}\n"
        )
    };
    shop.workspace.write("home/.aws/config", profile("shop", "us-west-2"));
    let elsewhere = shop
        .workspace
        .write("elsewhere", profile("shop", "ap-south-1") + "[profile empty]\nregion = us-east-1\n");
    let push = |limg: &mut Command, region: &str| {
        let host = format!("{ACCOUNT}.dkr.ecr.{region}.amazonaws.com");
        shop.mirror(limg, &host);
        assert_eq!(functions(limg)["orders"]["image_uri"], format!("{host}/shop/orders@{digest}"));
    };
    let named = ["push", "ecr", "--format", "json", "--profile", "shop"];
    push(&mut shop.limg_without_credentials(&named), "us-west-2");
    push(shop.limg_without_credentials(&named).env("AWS_CONFIG_FILE", &elsewhere), "ap-south-1");
    push(shop.limg_without_credentials(&named[..4]).env("AWS_PROFILE", "shop"), "us-west-2");
    push(shop.limg_without_credentials(&named).args(["--region", "eu-north-1"]), "eu-north-1");
    // As in the AWS CLI: credentials from the profile, the region from the environment.
    push(&mut shop.limg(&named), "us-east-1");

    // The environment's credentials do not replace those of a named profile.
    let mut limg = shop.limg(&["push", "ecr", "--profile", "empty"]);
    let refused = fails(3, limg.env("AWS_CONFIG_FILE", &elsewhere));
    assert!(refused.stderr.contains("in the profile `empty`"), "{}", refused.stderr);
    assert!(refused.stderr.contains("help: "), "{}", refused.stderr);
}

#[test]
#[ignore = "needs docker-registry and moto; `make test` runs it"]
fn invalid_arguments_are_refused_before_anything_is_sent() {
    let shop = Shop::new(&["orders", "billing"], "");
    let refused = |code: i32, limg: &mut Command, parts: &[&str]| {
        let stderr = fails(code, limg).stderr;
        assert!(parts.iter().all(|part| stderr.contains(part)), "{parts:?} in {stderr}");
        assert!(!stderr.contains("\\n"), "{stderr}");
    };
    let push = |arguments: &[&str]| shop.limg(&[&["push", "ecr"], arguments].concat());
    let template = |text| push(&["--repository", text]);
    refused(2, &mut template("{stage}/{function}"), &["`{stage}`", "help: use `{project}`"]);
    refused(2, &mut template("Team/{function}"), &["`Team/{function}`", "help: use 2 to 256 lower-case"]);
    refused(2, &mut push(&["--tag", ".x"]), &["`--tag .x`", "help: "]);
    refused(2, &mut push(&["--account", "12345"]), &["'12345'", "12 digits"]);
    refused(2, &mut push(&["--region", "nowhere"]), &["`nowhere`", "help: use the name of a region"]);
    refused(2, push(&[]).env_remove("AWS_REGION"), &["no AWS region", "help: pass `--region`"]);
    let no_credentials = &["no AWS credentials", "help: set AWS_ACCESS_KEY_ID", "--profile"];
    refused(
        3,
        shop.limg_without_credentials(&["push", "ecr"]).env("AWS_REGION", "us-east-1"),
        no_credentials,
    );

    // Both functions would be the same image.
    let clash = &["`lambdas`", "`orders`", "`billing`", "help: add `{function}`"];
    refused(2, &mut template("lambdas"), clash);
    refused(
        2,
        &mut push(&["--repository", "lambdas", "--tag", "a", "--tag", "b", "--create-repository"]),
        clash,
    );
    // This check needs no credentials.
    refused(2, &mut shop.limg_without_credentials(&["push", "ecr", "--repository", "lambdas"]), clash);

    assert_eq!(shop.registry.requests(), []);
    assert_eq!(shop.repositories(), BTreeSet::new());
    assert!(!shop.workspace.path("limg.lock").exists());

    let created = succeed(&mut push(&["--repository", "new/{function}", "--create-repository"])).stderr;
    for name in ["new/orders\n", "new/billing\n"] {
        assert!(created.contains("created the repository ") && created.contains(name), "{created}");
    }

    // Pushed separately, each has its own tag.
    for name in ["orders", "billing"] {
        let pushed = shop.push(&["--repository", "lambdas", "--tag", name, name]);
        assert_eq!(pushed[name]["digest"], shop.digest(&format!("lambdas:{name}")));
    }
}

#[test]
#[ignore = "needs docker-registry, moto and skopeo; `make test` runs it"]
fn a_base_in_the_same_registry_is_pulled_with_the_same_credentials_and_mounted() {
    let shop = Shop::new(&["orders"], "");
    let layout = base(Base::ProvidedAl2023);
    let to = format!("docker://{}/base:1", shop.registry.address);
    shop.skopeo(&["copy", &format!("oci:{}", layout.display()), &to]);
    let bases = format!("bases:\n  base: {{ image: \"{HOST}/base:1\", contract: provided.al2023 }}\n");
    shop.define(&["orders"], "base", &bases);

    let before = shop.registry.requests().len();
    let pushed = shop.push(&["--create-repository"]);
    let requests = shop.requests_since(before);
    let layers = Image::of_layout(&layout, None).layers.len();
    assert_eq!(pushed["orders"]["mounted"]["blobs"], layers);
    let mounts = requests.iter().filter(|request| {
        request.path.contains("mount=") && request.path.contains("from=base") && request.status == 201
    });
    assert_eq!(mounts.count(), layers, "{requests:#?}");
    assert_eq!(count(&requests, "GET", "/blobs/"), 1, "the config alone: {requests:#?}");
    assert_eq!(shop.repositories(), ["shop/orders".to_owned()].into(), "that of the base is not created");
    assert_eq!(shop.digest("shop/orders:latest"), pushed["orders"]["digest"].as_str().unwrap());
}

#[test]
#[ignore = "needs docker-registry, moto and skopeo; `make test` runs it"]
fn the_default_base_comes_from_amazon_ecr_public() {
    let shop = Shop::new(&["orders"], "");
    shop.define(&["orders"], "provided.al2023", "");
    // It is accessed anonymously.
    let public = Registry::start();
    let layout = base(Base::ProvidedAl2023);
    let to = format!("docker://{}/lambda/provided:al2023", public.address);
    shop.skopeo(&["copy", &format!("oci:{}", layout.display()), &to]);
    let before = public.requests().len();
    let mut limg = shop.limg(&["push", "ecr", "--format", "json"]);
    let pushed = functions(limg.env(mirror_variable("public.ecr.aws"), &public.address));
    let requests = public.requests().split_off(before);
    let layers = Image::of_layout(&layout, None).layers.len();
    assert_eq!(count(&requests, "GET", "/v2/lambda/provided/blobs/"), layers + 1, "{requests:#?}");
    assert!(
        requests.iter().all(|request| ["GET", "HEAD"].contains(&request.method.as_str())),
        "{requests:#?}"
    );
    let pushed = &pushed["orders"];
    assert_eq!(pushed["mounted"]["blobs"], 0);
    assert_eq!(shop.digest("shop/orders:latest"), pushed["digest"].as_str().unwrap());
    let base = pushed["base"]["name"].as_str().unwrap();
    assert!(base.starts_with("public.ecr.aws/lambda/provided:al2023"), "{base}");
}

#[test]
#[ignore = "needs docker-registry, moto and skopeo; `make test` runs it"]
fn an_image_pushed_to_a_fips_host_has_a_uri_for_lambda() {
    let shop = Shop::new(&["orders"], "");
    for (fips, prefix) in [
        ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "x"),
        ("123456789012.dkr-ecr-fips.us-east-1.on.aws", "y"),
    ] {
        let mut limg = shop.limg(&["push", "registry", &format!("{fips}/{prefix}"), "--format", "json"]);
        // The push must not use the host of the URI.
        limg.env_remove(mirror_variable(HOST));
        shop.mirror(&mut limg, fips);
        let pushed = functions(&mut limg);
        let digest = pushed["orders"]["digest"].as_str().unwrap();
        assert_eq!(pushed["orders"]["image_uri"], format!("{HOST}/{prefix}/orders@{digest}"));
        assert_eq!(shop.digest(&format!("{prefix}/orders:latest")), digest);
    }
}

#[test]
#[ignore = "needs docker-registry, moto and skopeo; `make test` runs it"]
fn no_secret_is_shown_even_with_verbose() {
    let shop = Shop::new(&["orders"], "");
    let to = format!("docker://{}/base:1", shop.registry.address);
    shop.skopeo(&["copy", &format!("oci:{}", base(Base::ProvidedAl2023).display()), &to]);
    let bases = format!("bases:\n  base: {{ image: \"{HOST}/base:1\", contract: provided.al2023 }}\n");
    shop.define(&["orders"], "base", &bases);
    let push = ["push", "ecr", "--create-repository", "-vv"];
    let mut runs = vec![
        (0, finish(&mut shop.limg(&push))),
        (0, finish(&mut shop.limg(&push))),
        (0, finish(&mut shop.limg(&["update", "-vv"]))),
        (0, finish(shop.limg(&push).args(["--format", "json"]))),
        // An endpoint that does not exist.
        (3, finish(shop.limg(&push).env("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1"))),
        // A malformed file that contains a key.
        (
            3,
            finish(
                shop.limg(&push).args(["--profile", "shop"]).env(
                    "AWS_CONFIG_FILE",
                    shop.workspace
                        .write("broken", format!("[profile shop]\naws_secret_access_key {SECRET_KEY}\n")),
                ),
            ),
        ),
    ];
    // A registry that refuses the token.
    let other = Shop::with_registry(&["orders"], "", User { name: "AWS", password: "another" });
    runs.push((3, finish(&mut other.limg(&push))));

    let token = token();
    for (code, finished) in runs {
        let all = finished.text() + &finished.stderr;
        assert_eq!(finished.code, code, "{all}");
        for secret in [USER.password, token.as_str(), SECRET_KEY] {
            assert!(!all.contains(secret), "{all}");
        }
    }
}
