//! Layers by ARN: downloaded once, verified and pinned.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::Command;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::aws::{LambdaApi, PRESIGNED, Published};
use crate::support::{
    Base, Entry, Files, Finished, Image, Workspace, assert_same, base, fails, sha256, succeed, without_owners,
};

const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:layer:words:3";
const SECRET_KEY: &str = "wJalrXUtnFEMI-a-secret-key";
const SESSION_TOKEN: &str = "a-session-token-that-is-secret";

/// Projects with layers in Lambda.
struct Shop {
    workspace: Workspace,
    api: LambdaApi,
}

impl Shop {
    /// One function with the layer [`ARN`].
    fn new() -> Self {
        let shop = Self { workspace: Workspace::new(), api: LambdaApi::start() };
        shop.define("limg.yaml", &["orders"], &format!("arn: \"{ARN}\""));
        shop
    }

    /// Writes a definition of functions with one layer, which is defined in line 5.
    fn define(&self, file: &str, functions: &[&str], layer: &str) {
        let folder = Path::new(file).parent().unwrap();
        for name in functions {
            let program = folder.join("functions").join(name).join("bootstrap");
            self.workspace.write_program(program, format!("#!/bin/sh\n: {name}\n"));
        }
        let function = |name: &&str| {
            format!("  {name}: {{ runtime: base, handler: any, code: functions/{name}, layers: [words] }}\n")
        };
        let functions: String = functions.iter().map(function).collect();
        let base = base(Base::ProvidedAl2023);
        self.workspace.write(
            file,
            format!(
                "project: shop\nbases:\n  base: {{ image: \"oci:{}\", contract: provided.al2023 }}\nlayers:\n  \
                 words: {{ {layer} }}\nfunctions:\n{functions}",
                base.display()
            ),
        );
    }

    /// limg with credentials and the endpoint of the fake Lambda.
    fn limg(&self, arguments: &[&str]) -> Command {
        let mut limg = self.workspace.limg(arguments);
        limg.env("AWS_ENDPOINT_URL_LAMBDA", &self.api.url).env("AWS_EC2_METADATA_DISABLED", "true");
        limg.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        limg.env("AWS_SESSION_TOKEN", SESSION_TOKEN);
        limg
    }

    fn build(&self, arguments: &[&str]) -> Finished {
        succeed(self.limg(&["build", "--format", "json"]).args(arguments))
    }

    fn refused(&self, code: i32, arguments: &[&str]) -> String {
        fails(code, self.limg(&["build"]).args(arguments)).stderr
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.workspace.path("limg.lock")).unwrap()
    }

    /// A built function's files below /opt.
    fn opt(&self, layout: &str, name: &str) -> Files {
        let mut files = Image::of_layout(&self.workspace.path(layout), Some(name)).files();
        files.retain(|path, _| path.starts_with("opt/"));
        without_owners(&files)
    }

    fn forget_the_store(&self) {
        fs::remove_dir_all(self.workspace.path("store")).unwrap();
    }

    /// The numbers of requests to the API and of downloads since the last call of this method.
    fn calls(&self) -> (usize, usize) {
        let calls = self.api.take_calls();
        let api = calls.iter().filter(|call| call.is_api()).count();
        (api, calls.len() - api)
    }
}

/// The zip of a layer with a program and a text file.
fn zip(words: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |path: &str, mode: u32, content: &[u8]| {
        zip.start_file(path, SimpleFileOptions::default().unix_permissions(mode)).unwrap();
        zip.write_all(content).unwrap();
    };
    add("bin/tool", 0o755, b"#!/bin/sh\n");
    add("words/list.txt", 0o600, words);
    zip.finish().unwrap().into_inner()
}

/// The files of such a zip in the image.
fn files(words: &[u8]) -> Files {
    [
        ("opt/bin", Entry::folder(0o755)),
        ("opt/bin/tool", Entry::file(0o755, b"#!/bin/sh\n")),
        ("opt/words", Entry::folder(0o755)),
        ("opt/words/list.txt", Entry::file(0o644, words)),
    ]
    .map(|(path, entry)| (path.to_owned(), entry))
    .into()
}

/// Bytes that cannot be compressed.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(next).collect()
}

/// Whether any file below a folder contains some bytes.
fn contains(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        let has_bytes = |content: Vec<u8>| content.windows(bytes.len()).any(|window| window == bytes);
        if path.is_dir() { contains(&path, bytes) } else { has_bytes(fs::read(path).unwrap()) }
    })
}

#[test]
#[ignore = "needs the open bases; `make test` runs it"]
fn a_layer_version_is_downloaded_only_once() {
    let shop = Shop::new();
    let zip = zip(b"hello\n");
    shop.api.publish(ARN, Published::new(zip.clone()));
    shop.define("limg.yaml", &["orders", "billing"], &format!("arn: \"{ARN}\""));
    let built = shop.build(&["-o", "oci:images"]).json();
    assert_eq!(shop.calls(), (1, 1), "two functions share one download");
    for name in ["orders", "billing"] {
        assert_same("the image", &shop.opt("images", name), "the zip", &files(b"hello\n"));
    }
    assert!(shop.lock().contains(&format!("\n  {ARN}: sha256:{}\n", sha256(&zip))), "{}", shop.lock());

    let lock = shop.lock();
    shop.build(&["-o", "oci:images"]);
    shop.build(&["--locked"]);
    shop.define("other/limg.yaml", &["stock"], &format!("arn: \"{ARN}\""));
    shop.build(&["-f", "other/limg.yaml"]);
    let again = fs::read_to_string(shop.workspace.path("other/limg.lock")).unwrap();
    assert_eq!((shop.calls(), shop.lock(), again), ((0, 0), lock.clone(), lock), "no request is sent again");

    // The same zip as a local file gives the same image.
    shop.workspace.write("words.zip", zip);
    shop.define("limg.yaml", &["orders"], "path: words.zip");
    let local = shop.build(&["-o", "oci:local"]).json();
    assert_eq!(local["functions"]["orders"]["digest"], built["functions"]["orders"]["digest"]);
}

#[test]
#[ignore = "needs the open bases; `make test` runs it"]
fn a_locked_build_uses_only_pinned_versions() {
    let shop = Shop::new();
    shop.api.publish(ARN, Published::new(zip(b"hello\n")));
    let refused = shop.refused(2, &["--locked"]);
    assert!(refused.contains(&format!("limg.lock has no pin for `{ARN}`")), "{refused}");
    assert!(refused.contains("limg.yaml:5"), "{refused}");
    assert_eq!(shop.calls(), (0, 0));
    assert!(!shop.workspace.path("limg.lock").exists());

    shop.build(&[]);
    shop.forget_the_store();
    let lock = shop.lock();
    shop.build(&["--locked"]);
    assert_eq!((shop.calls(), shop.lock()), ((2, 2), lock), "another machine downloads the pinned versions");
}

#[test]
#[ignore = "needs the open bases; `make test` runs it"]
fn a_download_resumes_with_a_new_url_after_the_first_expires() {
    let shop = Shop::new();
    let words = noise(3 << 20);
    let zip = zip(&words);
    let half = zip.len() / 2;
    shop.api.publish(ARN, Published { first_url_ends_after: Some(half), ..Published::new(zip.clone()) });
    shop.build(&["-o", "oci:images"]);
    assert_same("the image", &shop.opt("images", "orders"), "the zip", &files(&words));

    let calls = shop.api.take_calls();
    let downloads: Vec<_> = calls.iter().filter(|call| !call.is_api()).collect();
    let statuses: Vec<u16> = downloads.iter().map(|call| call.status).collect();
    assert_eq!(statuses, [200, 403, 206], "interrupted, expired, resumed");
    assert_eq!(calls.len() - downloads.len(), 2, "a second URL was requested");
    assert_ne!(downloads[0].target, downloads[2].target);
    let from = downloads[2].headers["range"].strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap();
    let from: usize = from.parse().unwrap();
    assert!(from > 0 && from <= half, "the received bytes were kept: {from} of {half}");
    assert!(shop.lock().contains(&sha256(&zip)));
}

#[test]
#[ignore = "needs the open bases; `make test` runs it"]
fn a_changed_layer_is_refused_until_it_is_updated() {
    let shop = Shop::new();
    let (first, second) = (zip(b"hello\n"), zip(b"bye\n"));
    shop.api.publish(ARN, Published::new(first.clone()));
    shop.build(&[]);
    let lock = shop.lock();
    shop.api.publish(ARN, Published::new(second.clone()));
    shop.build(&[]);
    shop.forget_the_store();
    for arguments in [&[][..], &["--locked"]] {
        shop.calls();
        let refused = shop.refused(2, arguments);
        for part in ["has changed", &sha256(&first), &sha256(&second), "limg update", "limg.yaml:5"] {
            assert!(refused.contains(part), "{part} in {refused}");
        }
        assert_eq!((shop.calls(), shop.lock()), ((1, 0), lock.clone()));
    }

    let updated = succeed(&mut shop.limg(&["update", "words"])).text();
    assert_eq!(updated, format!("{ARN}  sha256:{} -> sha256:{}\n", sha256(&first), sha256(&second)));
    shop.build(&["-o", "oci:images"]);
    assert_same("the image", &shop.opt("images", "orders"), "the zip", &files(b"bye\n"));
}

#[test]
#[ignore = "needs the open bases; `make test` runs it"]
fn a_zip_with_another_digest_than_reported_is_refused_and_not_kept() {
    let shop = Shop::new();
    let zip = zip(&noise(1 << 16));
    let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    shop.api.publish(ARN, Published { sha256: Some(other.to_owned()), ..Published::new(zip.clone()) });
    let refused = shop.refused(3, &[]);
    let message = format!("its digest is sha256:{}, not sha256:{}", sha256(&zip), "0".repeat(64));
    assert!(refused.contains(&message), "{refused}");
    assert!(!shop.workspace.path("limg.lock").exists() && !shop.workspace.path(".limg").exists());
    assert!(!contains(&shop.workspace.path("store"), &zip[..1024]), "the zip was kept");
    assert!(!contains(&shop.workspace.path("store"), sha256(&zip).as_bytes()), "a record of it was kept");

    shop.api.publish(ARN, Published::new(zip));
    shop.build(&[]);
}

#[test]
#[ignore = "needs the open bases; `make test` runs it"]
fn an_incompatible_layer_is_refused_at_its_line() {
    let good = Published::new(zip(b"hello\n"));
    for (published, parts) in [
        (
            Published { runtimes: Some(&["python3.12", "python3.13"]), ..good.clone() },
            ["is for python3.12, python3.13", "is provided.al2023"],
        ),
        (Published { architectures: Some(&["arm64"]), ..good }, ["is for arm64", "is x86_64"]),
    ] {
        let shop = Shop::new();
        shop.api.publish(ARN, published);
        // The second time it is already in the store.
        for _ in 0..2 {
            let refused = shop.refused(2, &[]);
            for part in parts.into_iter().chain(["limg.yaml:5", "`ignore_compatibility: true`"]) {
                assert!(refused.contains(part), "{part} in {refused}");
            }
            assert!(!shop.workspace.path(".limg").exists());
        }
        shop.define("limg.yaml", &["orders"], &format!("arn: \"{ARN}\", ignore_compatibility: true"));
        let built = shop.build(&["-o", "oci:images"]);
        assert!(!built.stderr.contains("warning"), "{}", built.stderr);
        assert_same("the image", &shop.opt("images", "orders"), "the zip", &files(b"hello\n"));
    }
}

#[test]
#[ignore = "needs the open bases; `make test` runs it"]
fn a_layer_that_declares_no_compatibility_gives_one_warning() {
    let shop = Shop::new();
    shop.api
        .publish(ARN, Published { runtimes: None, architectures: None, ..Published::new(zip(b"hello\n")) });
    let functions = ["orders", "billing"];
    shop.define("limg.yaml", &functions, &format!("arn: \"{ARN}\""));
    for _ in 0..2 {
        let built = shop.build(&[]);
        let warning = "the layer `words` declares no compatible runtimes or architectures";
        assert_eq!(built.stderr.matches(warning).count(), 1, "{}", built.stderr);
        assert!(built.stderr.contains("[undeclared-layer]"), "{}", built.stderr);
    }
    shop.define("limg.yaml", &functions, &format!("arn: \"{ARN}\", ignore_compatibility: true"));
    let built = shop.build(&[]);
    assert!(!built.stderr.contains("declares no compatible"), "{}", built.stderr);
}

#[test]
#[ignore = "needs the open bases; `make test` runs it"]
fn an_error_of_lambda_has_help() {
    let shop = Shop::new();
    shop.define("limg.yaml", &["orders", "billing"], &format!("arn: \"{ARN}\""));
    let refused = shop.refused(2, &[]);
    assert_eq!(refused.matches("the layer version").count(), 1, "{refused}");
    for part in ["the layer version", ARN, "limg.yaml:5", "list-layer-versions --region eu-west-1"] {
        assert!(refused.contains(part), "{part} in {refused}");
    }
    assert_eq!(shop.calls(), (1, 0), "it is not repeated");

    let refusal = Some((403, "AccessDeniedException", "You may not: lambda:GetLayerVersion"));
    shop.api.publish(ARN, Published { refusal, ..Published::new(Vec::new()) });
    let refused = shop.refused(3, &[]);
    for part in ["access denied: You may not", "add-layer-version-permission --layer-name words"] {
        assert!(refused.contains(part), "{part} in {refused}");
    }
    assert_eq!(shop.calls(), (1, 0));

    let mut without_credentials = shop.limg(&["build"]);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        without_credentials.env_remove(name);
    }
    let refused = fails(3, &mut without_credentials).stderr;
    assert!(refused.contains("credentials") && refused.contains("help"), "{refused}");
    assert_eq!(shop.calls(), (0, 0));

    let mut build = shop.limg(&["build"]);
    let refused = fails(2, build.env("AWS_ENDPOINT_URL_LAMBDA", "nowhere")).stderr;
    assert!(refused.contains("AWS_ENDPOINT_URL_LAMBDA"), "{refused}");
}

#[test]
#[ignore = "needs the open bases; `make test` runs it"]
fn two_versions_of_a_layer_are_refused_without_a_request() {
    let shop = Shop::new();
    let older = ARN.replace(":3", ":2");
    let both = format!("arn: \"{ARN}\" }}\n  older: {{ arn: \"{older}\"");
    shop.define("limg.yaml", &["orders"], &both);
    let text = fs::read_to_string(shop.workspace.path("limg.yaml")).unwrap();
    shop.workspace.write("limg.yaml", text.replace("[words]", "[words, older]"));
    let refused = shop.refused(2, &[]);
    assert!(refused.contains("versions"), "{refused}");
    assert_eq!(shop.calls(), (0, 0));
}

#[test]
#[ignore = "needs the open bases; `make test` runs it"]
fn the_request_goes_to_the_layers_region() {
    let shop = Shop::new();
    let china = "arn:aws-cn:lambda:cn-north-1:123456789012:layer:words:9";
    for (arn, region) in [(ARN, "eu-west-1"), (china, "cn-north-1")] {
        for own in [Some("us-west-2"), None] {
            shop.api.publish(arn, Published::new(zip(b"hello\n")));
            shop.define("limg.yaml", &["orders"], &format!("arn: \"{arn}\""));
            let mut build = shop.limg(&["build"]);
            build.envs(own.map(|own| ("AWS_REGION", own)));
            succeed(&mut build);
            let calls = shop.api.take_calls();
            let [api, _download] = &calls[..] else { panic!("{calls:#?}") };
            let scope = format!("/{region}/lambda/aws4_request");
            assert!(api.headers["authorization"].contains(&scope), "{api:#?}");
            assert_eq!(api.headers["x-amz-security-token"], SESSION_TOKEN);
            shop.forget_the_store();
        }
    }
}

#[test]
#[ignore = "needs the open bases; `make test` runs it"]
fn no_secret_is_shown_or_stored() {
    let shop = Shop::new();
    let mut shown = Vec::new();
    let mut run = |code: i32| {
        let finished = crate::support::finish(&mut shop.limg(&["build", "-vv", "--format", "json"]));
        assert_eq!(finished.code, code, "{}", finished.stderr);
        shown.push(finished);
    };
    let good = Published::new(zip(&noise(1 << 20)));
    let refusal = Some((403, "AccessDeniedException", "no"));
    shop.api.publish(ARN, Published { refusal, ..good.clone() });
    run(3);
    shop.api.publish(ARN, Published { sha256: Some("AAAA".to_owned()), ..good.clone() });
    run(3);
    shop.api.publish(ARN, Published { sha256: Some("A".repeat(43) + "="), ..good.clone() });
    run(3);
    shop.forget_the_store();
    shop.api.publish(ARN, good);
    run(0);
    for finished in shown {
        for secret in [SECRET_KEY, SESSION_TOKEN, PRESIGNED, "X-Amz", "/zips/", "AWS4-HMAC"] {
            let (text, stderr) = (finished.text(), &finished.stderr);
            assert!(!text.contains(secret) && !stderr.contains(secret), "{secret} in {text}{stderr}");
        }
    }
    for secret in [SECRET_KEY, SESSION_TOKEN, PRESIGNED] {
        assert!(!contains(&shop.workspace.path("store"), secret.as_bytes()), "{secret} in the store");
    }
}
