//! Registries: bases in a registry and pushed images, verified with docker-registry's access log and skopeo.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{
    Access, Base, Docker, Finished, Image, LoggedRequest, Registry, User, Workspace, base, fails, finish,
    succeed, tool,
};

const USER: User = User { name: "shop", password: "s3cret, with \"quotes\"" };

/// The repository of the base in the registry.
const BASE: &str = "lambda/provided";

/// Functions with a shared layer, on a base in a registry with TLS and authentication.
struct Shop {
    workspace: Workspace,
    registry: Registry,
}

impl Shop {
    fn new(functions: &[&str]) -> Self {
        let registry = Registry::with_access(Access { tls: true, user: Some(USER) });
        let shop = Self { workspace: Workspace::new(), registry };
        shop.log_in();
        let layout = format!("oci:{}", base(Base::ProvidedAl2023).display());
        shop.skopeo(&["copy", &layout, &shop.remote(&format!("{BASE}:al2023"))]);
        for name in functions {
            shop.workspace
                .write_program(format!("functions/{name}/bootstrap"), format!("#!/bin/sh\n: {name}\n"));
        }
        shop.workspace.write("layer/lib/words.txt", "hello\n".repeat(1000));
        shop.define(functions, &format!("{}/{BASE}:al2023", shop.registry.address));
        shop.workspace.settle();
        shop
    }

    fn define(&self, functions: &[&str], base: &str) {
        let function = |name: &&str| {
            format!("  {name}: {{ runtime: base, handler: any, code: functions/{name}, layers: [shared] }}\n")
        };
        let functions: String = functions.iter().map(function).collect();
        self.workspace.write(
            "limg.yaml",
            format!(
                "project: shop\nbases:\n  base: {{ image: \"{base}\", contract: provided.al2023 }}\nlayers:\n  \
                 shared: {{ path: layer }}\nfunctions:\n{functions}"
            ),
        );
    }

    /// Writes the credentials to Docker's config file.
    fn log_in(&self) {
        let auth = [USER.name, ":", USER.password].concat();
        let auth = base64(auth.as_bytes());
        let config = json!({ "auths": { &self.registry.address: { "auth": auth } } });
        self.workspace.write("home/.docker/config.json", config.to_string());
    }

    fn remote(&self, name: &str) -> String {
        format!("docker://{}/{name}", self.registry.address)
    }

    fn skopeo(&self, arguments: &[&str]) -> Finished {
        let mut skopeo = tool("skopeo");
        let home = self.workspace.path("home/.docker");
        let tls = match arguments[0] {
            "copy" => &["--src-tls-verify=false", "--dest-tls-verify=false"][..],
            _ => &["--tls-verify=false"][..],
        };
        skopeo.arg(arguments[0]).args(tls).args(&arguments[1..]);
        succeed(
            skopeo
                .env("DOCKER_CONFIG", home)
                .env("REGISTRY_AUTH_FILE", self.workspace.path("home/.docker/config.json")),
        )
    }

    /// limg, which trusts the registry's certificate.
    fn limg(&self, arguments: &[&str]) -> Command {
        let mut limg = self.workspace.limg(arguments);
        limg.arg("--ca-file").arg(self.registry.certificate());
        limg
    }

    fn push(&self) -> Value {
        self.push_with(&[])
    }

    fn push_with(&self, arguments: &[&str]) -> Value {
        let prefix = format!("{}/shop", self.registry.address);
        let mut push = self.limg(&["push", "registry", &prefix, "--format", "json"]);
        succeed(push.args(arguments)).json()["functions"].take()
    }

    /// The same project on a machine that has not built anything yet.
    fn on_a_new_machine(&self) {
        fs::remove_dir_all(self.workspace.path("store")).unwrap();
        self.workspace.write("layer/lib/words.txt", "hello\n".repeat(1000));
    }

    /// The requests after the first `before`, except for the one by which limg detects whether a registry on this
    /// machine uses TLS.
    fn requests_since(&self, before: usize) -> Vec<LoggedRequest> {
        let mut requests = self.registry.requests().split_off(before);
        requests.retain(|request| request.path != "/v2/");
        requests
    }
}

fn base64(bytes: &[u8]) -> String {
    let mut encoded = succeed(
        Command::new("sh")
            .args(["-c", "printf %s \"$0\" | base64 -w0"])
            .arg(std::str::from_utf8(bytes).unwrap()),
    );
    encoded.stdout.retain(|byte| !byte.is_ascii_whitespace());
    encoded.text()
}

fn count(requests: &[LoggedRequest], method: &str, part: &str) -> usize {
    requests.iter().filter(|request| request.method == method && request.path.contains(part)).count()
}

/// The number of successful requests by method and kind.
fn summary(requests: &[LoggedRequest]) -> BTreeMap<(String, String), usize> {
    let mut kinds = BTreeMap::new();
    for request in requests.iter().filter(|request| request.status < 400) {
        let kind = ["manifests", "uploads", "blobs"].into_iter().find(|kind| request.path.contains(kind));
        *kinds.entry((request.method.clone(), kind.unwrap_or("other").to_owned())).or_default() += 1;
    }
    kinds
}

#[test]
#[ignore = "needs docker-registry and skopeo; `make test` runs it"]
fn the_most_specific_credentials_for_a_repository_are_used() {
    let shop = Shop::new(&["orders"]);
    let right = base64([USER.name, ":", USER.password].concat().as_bytes());
    let wrong = base64(b"shop:wrong");
    let host = &shop.registry.address;
    let log_in = |keys: &[(&str, &str)]| {
        let entry = |(path, auth): &(&str, &str)| (format!("{host}{path}"), json!({ "auth": auth }));
        let auths: serde_json::Map<_, _> = keys.iter().map(entry).collect();
        // As PowerShell writes it.
        let config = format!("\u{feff}{}", json!({ "auths": auths }));
        shop.workspace.write("home/.docker/config.json", config);
    };
    log_in(&[
        ("", &wrong),
        ("/lambda", &right),
        ("/shop", &wrong),
        ("/shop/orders", &right),
        ("/shop/order", &wrong),
    ]);
    shop.push();
    log_in(&[("/lambda", &right), ("/bank", &right), ("/shop/order", &right)]);
    let denied = fails(3, &mut shop.limg(&["push", "registry", &format!("{host}/shop"), "--tag", "v2"]));
    assert!(denied.stderr.contains("without credentials"), "{}", denied.stderr);
}

#[test]
#[ignore = "needs docker-registry and skopeo; `make test` runs it"]
fn a_base_gives_the_same_image_from_a_registry_and_a_layout() {
    let shop = Shop::new(&["orders"]);
    let before = shop.registry.requests().len();
    let remote = succeed(&mut shop.limg(&["build", "--format", "json", "-o", "oci:remote"])).json();
    let requests = shop.requests_since(before);
    let layers = Image::of_layout(&base(Base::ProvidedAl2023), None).layers.len();
    assert_eq!(count(&requests, "GET", "/blobs/"), layers + 1, "the layers and the config: {requests:#?}");

    shop.define(&["orders"], &format!("oci:{}", base(Base::ProvidedAl2023).display()));
    let local = succeed(&mut shop.limg(&["build", "--format", "json", "-o", "oci:local"])).json();
    assert_eq!(remote["functions"]["orders"]["digest"], local["functions"]["orders"]["digest"]);
    let image = Image::of_layout(&shop.workspace.path("remote"), Some("orders"));
    assert_eq!(remote["functions"]["orders"]["digest"], image.digest);
}

#[test]
#[ignore = "needs docker-registry and skopeo; `make test` runs it"]
fn a_push_uploads_only_what_the_registry_lacks() {
    let shop = Shop::new(&["orders", "billing", "stock"]);
    let before = shop.registry.requests().len();
    let pushed = shop.push();
    let requests = shop.requests_since(before);
    let kinds = summary(&requests);
    let of =
        |method: &str, kind: &str| kinds.get(&(method.to_owned(), kind.to_owned())).copied().unwrap_or(0);
    // Only the base's manifest and config were pulled. Its layers were mounted from its repository.
    assert_eq!((of("GET", "manifests"), of("GET", "blobs")), (1, 1), "{requests:#?}");
    // The launcher, the shared layer, three layers of code, three configs.
    assert_eq!(of("PUT", "uploads"), 2 + 3 + 3, "{requests:#?}");
    assert_eq!(of("PUT", "manifests"), 3);

    for name in ["orders", "billing", "stock"] {
        let (function, uri) = (&pushed[name], pushed[name]["image_uri"].as_str().unwrap());
        let digest = function["digest"].as_str().unwrap();
        assert_eq!(uri, format!("{}/shop/{name}@{digest}", shop.registry.address));
        assert_eq!(function["unchanged"], false);
        for reference in [format!("shop/{name}:latest"), format!("shop/{name}@{digest}")] {
            let back = format!("oci:{}:{name}", shop.workspace.path("back").display());
            shop.skopeo(&["copy", &shop.remote(&reference), &back]);
            assert_eq!(Image::of_layout(&shop.workspace.path("back"), Some(name)).digest, digest);
        }
    }

    let before = shop.registry.requests().len();
    let again = shop.push();
    let requests = shop.requests_since(before);
    let authorized: Vec<_> = requests.iter().filter(|request| request.status != 401).collect();
    assert_eq!(authorized.len(), 3, "{requests:#?}");
    assert!(
        authorized
            .iter()
            .all(|request| request.method == "HEAD" && request.path.contains("/manifests/latest"))
    );
    assert!(["orders", "billing", "stock"].iter().all(|name| again[name]["unchanged"] == true));
    assert_eq!(again["orders"]["image_uri"], pushed["orders"]["image_uri"]);
}

#[test]
#[ignore = "needs docker-registry and skopeo; `make test` runs it"]
fn after_an_edit_only_the_changed_layer_and_the_config_are_uploaded() {
    let shop = Shop::new(&["orders", "billing"]);
    shop.push();
    shop.workspace.write_program("functions/orders/bootstrap", "#!/bin/sh\n: other\n");
    let before = shop.registry.requests().len();
    let pushed = shop.push();
    let requests = shop.requests_since(before);
    assert_eq!(
        count(&requests, "PUT", "/shop/orders/blobs/uploads/"),
        2,
        "the code and the config: {requests:#?}"
    );
    assert_eq!(count(&requests, "PUT", "/shop/billing/blobs/uploads/"), 0);
    assert_eq!(
        (&pushed["orders"]["unchanged"], &pushed["billing"]["unchanged"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(pushed["orders"]["sent"]["blobs"], 2);
}

#[test]
#[ignore = "needs docker-registry and skopeo; `make test` runs it"]
fn cache_from_reuses_layers_that_another_machine_has_pushed() {
    let shop = Shop::new(&["orders", "billing"]);
    let pushed = shop.push();
    let image = format!("{}/shop/{{function}}", shop.registry.address);
    let provenances = |function: &Value| -> BTreeMap<String, Value> {
        let layers = function["layers"].as_array().unwrap();
        layers
            .iter()
            .map(|layer| (layer["name"].as_str().unwrap().to_owned(), layer["cached"].clone()))
            .collect()
    };

    shop.on_a_new_machine();
    shop.workspace.write_program("functions/orders/bootstrap", "#!/bin/sh\n: other\n");
    let before = shop.registry.requests().len();
    let edited = shop.push_with(&["--cache-from", &image]);
    let requests = shop.requests_since(before);
    assert_eq!(
        count(&requests, "PUT", "/shop/orders/blobs/uploads/"),
        2,
        "the code and the config: {requests:#?}"
    );
    assert_eq!(count(&requests, "PUT", "/shop/billing/blobs/uploads/"), 0);
    let fetched = summary(&requests).remove(&("GET".to_owned(), "blobs".to_owned()));
    assert_eq!(fetched, Some(3), "the configs of the base and of both images: {requests:#?}");
    assert_eq!(edited["billing"]["unchanged"], true);
    for (name, code) in [("orders", false), ("billing", true)] {
        let cached = provenances(&edited[name]);
        assert_eq!(
            (&cached["layer shared"], &cached[&format!("code of {name}")]),
            (&json!(true), &json!(code)),
            "{cached:?}"
        );
    }

    // The option does not change the image.
    shop.on_a_new_machine();
    let made = shop.push();
    let digest = |functions: &Value, name: &str| functions[name]["digest"].as_str().unwrap().to_owned();
    assert!(made["billing"]["layers"].as_array().unwrap().iter().all(|layer| layer["cached"] == false));
    assert_eq!(digest(&made, "orders"), digest(&edited, "orders"));
    assert_eq!(digest(&made, "billing"), digest(&pushed, "billing"));

    // A layout needs the blobs, which are pulled from the registry.
    shop.on_a_new_machine();
    let arguments = ["build", "--format", "json", "-o", "oci:there", "--cache-from", &image];
    let built = succeed(&mut shop.limg(&arguments)).json();
    for name in ["orders", "billing"] {
        assert!(
            built["functions"][name]["layers"]
                .as_array()
                .unwrap()
                .iter()
                .all(|layer| layer["cached"] == true)
        );
        let there = Image::of_layout(&shop.workspace.path("there"), Some(name));
        assert_eq!(there.digest, digest(&made, name));
    }
}

#[test]
#[ignore = "needs docker-registry and skopeo; `make test` runs it"]
fn a_base_in_another_registry_is_pulled_once() {
    let shop = Shop::new(&["orders", "billing"]);
    let other = Registry::start();
    let push = || {
        let prefix = format!("{}/shop", other.address);
        succeed(&mut shop.limg(&["push", "registry", &prefix, "--format", "json"])).json()["functions"].take()
    };
    let before = shop.registry.requests().len();
    let pushed = push();
    let layers = Image::of_layout(&base(Base::ProvidedAl2023), None).layers.len();
    let fetched = summary(&shop.requests_since(before));
    assert_eq!(fetched.get(&("GET".to_owned(), "blobs".to_owned())), Some(&(layers + 1)));
    // Each blob was uploaded once and mounted in the second repository.
    let sent = other.requests();
    let shared = layers + 2;
    assert_eq!(count(&sent, "PUT", "/uploads/"), shared + 2 + 2, "{sent:#?}");
    // Which repository comes first depends on which layers are built first.
    let mounted = ["orders", "billing"].map(|name| pushed[name]["mounted"]["blobs"].as_u64().unwrap());
    assert_eq!(mounted.iter().sum::<u64>(), shared as u64, "{mounted:?}");

    // With an empty store, the layers are not pulled, since the destination has them.
    fs::remove_dir_all(shop.workspace.path("store")).unwrap();
    shop.workspace.write_program("functions/orders/bootstrap", "#!/bin/sh\n: other\n");
    let before = shop.registry.requests().len();
    push();
    assert_eq!(
        summary(&shop.requests_since(before)).get(&("GET".to_owned(), "blobs".to_owned())),
        Some(&1),
        "the config"
    );
}

#[test]
#[ignore = "needs docker-registry and skopeo; `make test` runs it"]
fn a_pinned_base_stays_until_it_is_updated() {
    let shop = Shop::new(&["orders"]);
    let first = shop.push();
    let lock = fs::read_to_string(shop.workspace.path("limg.lock")).unwrap();
    assert!(lock.contains(&format!("{}/{BASE}:al2023", shop.registry.address)), "{lock}");

    // The tag moves to another image.
    let other = format!("oci:{}", base(Base::Python311).display());
    shop.skopeo(&["copy", &other, &shop.remote(&format!("{BASE}:al2023"))]);
    fs::remove_dir_all(shop.workspace.path("store")).unwrap();
    assert_eq!(shop.push()["orders"]["digest"], first["orders"]["digest"]);
    assert_eq!(fs::read_to_string(shop.workspace.path("limg.lock")).unwrap(), lock);

    let updated = succeed(&mut shop.limg(&["update"]));
    let moved = Image::of_layout(&base(Base::Python311), None).digest;
    assert!(updated.text().contains(&moved), "{}", updated.text());
    assert!(fs::read_to_string(shop.workspace.path("limg.lock")).unwrap().contains(&moved));
    assert_ne!(shop.push()["orders"]["digest"], first["orders"]["digest"]);
    assert!(succeed(&mut shop.limg(&["update"])).text().is_empty());

    fs::remove_file(shop.workspace.path("limg.lock")).unwrap();
    let refused = fails(2, &mut shop.limg(&["build", "--locked"]));
    assert!(refused.stderr.contains("has no pin for"), "{}", refused.stderr);
    assert!(!shop.workspace.path("limg.lock").exists());
}

#[test]
#[ignore = "needs docker-registry and skopeo; `make test` runs it"]
fn an_error_about_refused_credentials_does_not_show_them() {
    let shop = Shop::new(&["orders"]);
    let wrong = "another s3cret";
    let auth = base64(format!("{}:{wrong}", USER.name).as_bytes());
    let config = json!({ "auths": { &shop.registry.address: { "auth": auth } } });
    shop.workspace.write("home/.docker/config.json", config.to_string());
    let prefix = format!("{}/shop", shop.registry.address);
    let refused = fails(3, &mut shop.limg(&["push", "registry", &prefix, "-vv"]));
    assert!(refused.stderr.contains("401") && refused.stderr.contains("config.json"), "{}", refused.stderr);
    assert!(!refused.stderr.contains(wrong) && !refused.stderr.contains(&auth), "{}", refused.stderr);

    shop.log_in();
    let pushed = finish(&mut shop.limg(&["push", "registry", &prefix, "-vv"]));
    assert_eq!(pushed.code, 0, "{}", pushed.stderr);
    let auth = base64([USER.name, ":", USER.password].concat().as_bytes());
    for secret in [USER.password, auth.as_str()] {
        assert!(!pushed.stderr.contains(secret) && !pushed.text().contains(secret));
    }
}

#[test]
#[ignore = "needs docker-registry and skopeo; `make test` runs it"]
fn help_for_an_unknown_certificate_is_to_trust_it() {
    let shop = Shop::new(&["orders"]);
    let prefix = format!("{}/shop", shop.registry.address);
    let refused = fails(3, &mut shop.workspace.limg(&["push", "registry", &prefix]));
    assert!(refused.stderr.contains("--ca-file"), "{}", refused.stderr);

    let mut trusted = shop.workspace.limg(&["push", "registry", &prefix]);
    succeed(trusted.env("SSL_CERT_FILE", shop.registry.certificate()));
}

#[test]
#[ignore = "needs docker-registry and skopeo; `make test` runs it"]
fn fifty_unchanged_functions_need_fifty_requests() {
    let names: Vec<String> = (0..50).map(|number| format!("f{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let shop = Shop::new(&names);
    shop.push();
    let before = shop.registry.requests().len();
    let again = shop.push();
    let requests = shop.requests_since(before);
    assert_eq!(requests.iter().filter(|request| request.status == 200).count(), 50, "{requests:#?}");
    assert!(requests.iter().all(|request| request.method == "HEAD"));
    assert!(names.iter().all(|name| again[name]["unchanged"] == true));
}

#[test]
#[ignore = "needs docker-registry, skopeo and umoci; `make test` runs it"]
fn reading_a_base_for_one_function_does_not_change_another() {
    let shop = Shop::new(&["plain", "wrapped"]);
    // A base that keeps the contract and has a wrapper in a folder with an unusual mode.
    let layout = shop.workspace.path("base");
    let copied = format!("oci:{}:it", layout.display());
    shop.skopeo(&["copy", &format!("oci:{}", base(Base::ProvidedAl2023).display()), &copied]);
    shop.workspace.write_program("opt/wrapper", "#!/bin/sh\nexec \"$@\"\n");
    succeed(Command::new("chmod").arg("0775").arg(shop.workspace.path("opt")));
    let mut insert = tool("umoci");
    insert.args(["insert", "--rootless", "--image"]).arg(format!("{}:it", layout.display()));
    succeed(insert.arg(shop.workspace.path("opt")).arg("/opt"));
    shop.skopeo(&["copy", &copied, &shop.remote("lambda/own:1")]);

    let own = format!("{}/lambda/own:1", shop.registry.address);
    shop.define(&["plain", "wrapped"], &own);
    let definition = fs::read_to_string(shop.workspace.path("limg.yaml")).unwrap();
    let wrapped =
        definition.replace("code: functions/wrapped,", "code: functions/wrapped, wrapper: /opt/wrapper,");
    assert_ne!(definition, wrapped);
    shop.workspace.write("limg.yaml", wrapped);
    let build = |arguments: &[&str]| {
        let mut build = shop.limg(&["build", "--format", "json"]);
        succeed(build.args(arguments)).json()["functions"].take()
    };
    let alone = build(&["plain"])["plain"]["digest"].clone();
    let together = build(&[]);
    assert_eq!(together["plain"]["digest"], alone);
    // The function with the wrapper keeps the folder's mode.
    let image = Image::of_layout(&shop.workspace.path(".limg/images"), Some("wrapped"));
    assert_eq!(image.files()["opt"].mode, 0o775);
}

#[test]
#[ignore = "needs docker-registry and skopeo; `make test` runs it"]
fn pins_of_other_architectures_and_of_other_runs_are_kept() {
    let shop = Shop::new(&["orders"]);
    let address = &shop.registry.address;
    // Another run has added a pin.
    let foreign = "  quay.io/other/image:1:\n    x86_64: sha256:".to_owned() + &"a".repeat(64) + "\n";
    succeed(&mut shop.limg(&["build"]));
    let lock = fs::read_to_string(shop.workspace.path("limg.lock")).unwrap();
    let arm64 = format!("    arm64: sha256:{}\n    x86_64:", "b".repeat(64));
    shop.workspace.write("limg.lock", format!("{}{foreign}", lock.replace("    x86_64:", &arm64)));
    // Updating a name changes only that. The image no longer exists for arm64.
    let updated = succeed(&mut shop.limg(&["update", "base"])).text();
    assert!(updated.contains("(arm64)") && updated.contains("is no longer used"), "{updated}");
    let lock = fs::read_to_string(shop.workspace.path("limg.lock")).unwrap();
    assert!(lock.contains(&foreign) && !lock.contains("arm64"), "{lock}");
    // Without a name, unused pins are removed.
    let updated = succeed(&mut shop.limg(&["update"])).text();
    assert!(updated.contains("quay.io/other/image:1 (x86_64)"), "{updated}");

    // Another definition in the same folder has its own lock file.
    let definition = fs::read_to_string(shop.workspace.path("limg.yaml")).unwrap();
    shop.workspace.write("other.yaml", definition);
    succeed(&mut shop.limg(&["build", "-f", "other.yaml"]));
    assert!(fs::read_to_string(shop.workspace.path("other.lock")).unwrap().contains(address.as_str()));
}

#[test]
#[ignore = "needs docker-registry and skopeo; `make test` runs it"]
fn an_interrupted_push_leaves_a_valid_store_and_no_tag() {
    let shop = Shop::new(&["orders"]);
    let other = Registry::start();
    let prefix = format!("{}/shop", other.address);
    let temporary = || {
        let entries = fs::read_dir(shop.workspace.path("store/tmp")).into_iter().flatten();
        entries.count()
    };
    // Interrupted while a layer of the base is pulled. On a fast machine, the pull may end too early.
    let interrupted = (0..20).any(|_| {
        let mut push = shop.limg(&["push", "registry", &prefix]);
        let mut process = push.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while process.try_wait().unwrap().is_none() {
            if temporary() > 0 {
                succeed(Command::new("kill").args(["-INT", &process.id().to_string()]));
                break;
            }
        }
        let is_interrupted = process.wait().unwrap().code() == Some(130);
        if !is_interrupted {
            fs::remove_dir_all(shop.workspace.path("store")).unwrap();
        }
        is_interrupted
    });
    assert!(interrupted, "no push could be interrupted");
    assert_eq!(count(&other.requests(), "PUT", "/manifests/"), 0);

    succeed(&mut shop.limg(&["push", "registry", &prefix]));
    assert_eq!(temporary(), 0, "leftovers are removed");
    let back = format!("oci:{}:orders", shop.workspace.path("back").display());
    let remote = format!("docker://{prefix}/orders:latest");
    shop.skopeo(&["copy", &remote, &back]);
    Image::of_layout(&shop.workspace.path("back"), Some("orders"));
}

#[test]
#[ignore = "needs docker-registry, skopeo and Docker; `make test` runs it"]
fn a_function_on_a_base_in_a_registry_responds() {
    let (docker, workspace, registry) = (Docker::new("remote-base"), Workspace::new(), Registry::start());
    let mut copy = tool("skopeo");
    copy.args(["copy", "--dest-tls-verify=false"]).arg(format!("oci:{}", base(Base::Python311).display()));
    succeed(copy.arg(format!("docker://{}/lambda/python:3.11", registry.address)));
    workspace.write("code/app.py", "def handler(event, context):\n    return {'hello': event['name']}\n");
    let definition = json!({
        "project": docker.prefix,
        "functions": { "f": { "runtime": "python3.11", "code": "code", "handler": "app.handler" } },
    });
    workspace.write("limg.yaml", definition.to_string());
    let mirror = format!("http://{}", registry.address);
    let invoke = |name: &str| {
        let event = json!({ "name": name }).to_string();
        let mut limg = workspace.limg(&["invoke", "-e", &event]);
        // The built-in base of the runtime, from a mirror.
        succeed(limg.env("LIMG_REGISTRY_MIRROR_PUBLIC_ECR_AWS", &mirror)).json()
    };
    assert_eq!(invoke("Ada"), json!({ "hello": "Ada" }));
    // The engine now has the base, so limg does not need its layers.
    fs::remove_dir_all(workspace.path("store")).unwrap();
    workspace.write("code/app.py", "def handler(event, context):\n    return event['name']\n");
    let before = registry.requests().len();
    assert_eq!(invoke("Ada"), json!("Ada"));
    let requests = registry.requests().split_off(before);
    assert_eq!(count(&requests, "GET", "/blobs/"), 1, "the config alone: {requests:#?}");
}
