//! `limg inspect`.

use serde_json::Value;

use crate::build::shop;
use crate::support::{Context, write_image};

fn json(context: &Context, arguments: &[&str]) -> Value {
    let run = context.limg(&[&["inspect", "--format", "json"], arguments].concat()).ok();
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn a_function_is_built_and_shown_as_its_image_is() {
    let context = shop().settled();
    let function = json(&context, &["orders"]);
    let digest = context.build(&["orders"]).digest("orders").to_owned();
    assert_eq!(function["digest"], digest.as_str());
    let layout = json(&context, &["oci:.limg/images:orders"]);
    for key in ["digest", "config_digest", "layers", "total", "hidden", "entrypoint", "command"] {
        assert_eq!(function[key], layout[key], "{key}");
    }
    let made_by: Vec<_> =
        layout["layers"].as_array().unwrap().iter().map(|layer| layer["made_by"].as_str().unwrap()).collect();
    assert_eq!(made_by, ["base", "layer", "layer", "extension", "wrapper", "packages", "code"], "{layout:#}");

    let text = context.limg(&["inspect", "orders"]).ok().stdout;
    for part in [
        "image              orders\n",
        &digest,
        "architecture       x86_64\n",
        "entry point        [\"/lambda-entrypoint.sh\"]\n",
        "command            [\"app.handler\"]\n",
        "  layer extra  ",
        "\ntotal  ",
        "of lower layers are replaced or deleted\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    context.assert_clean();
}

#[test]
fn each_option_is_another_view() {
    let context = shop();
    context.limg(&["build", "orders", "-o", "oci-archive:orders.tar"]).ok();
    let inspect = |arguments: &[&str]| {
        context.limg(&[&["inspect", "oci-archive:orders.tar"], arguments].concat()).ok().stdout
    };
    let files = inspect(&["--files"]);
    for line in ["layer 1: the tests (", "  /bin -> usr/bin\n", "words.py  [replaced by layer 3]\n"] {
        assert!(files.contains(line), "{line:?} is not in\n{files}");
    }
    let path = inspect(&["--path", "/bin/sh"]);
    assert!(path.contains("  leads to /usr/bin/sh: 0755 10 B\n"), "{path}");
    let path = inspect(&["--path", "/opt/python/words.py"]);
    assert!(path.contains("replaced by layer 3\n") && path.contains("in the image\n"), "{path}");
    let largest = inspect(&["--largest", "3"]);
    assert!(largest.contains("packages\n") && largest.contains("  node  x"), "{largest}");
    let config: Value = serde_json::from_str(&inspect(&["--config"])).unwrap();
    assert_eq!(config["config"]["Cmd"], serde_json::json!(["app.handler"]));
    let mtree = inspect(&["--mtree"]);
    assert!(mtree.starts_with("#mtree\n. type=dir\n./bin type=link link=usr/bin\n"), "{mtree}");
    assert!(mtree.contains("./var/task/app.py type=file mode=0644 size=34 sha256digest="), "{mtree}");
    for view in [&["--files"][..], &["--path", "/opt"], &["--largest", "3"], &["--config"], &["--mtree"]] {
        let found = json(&context, &[&["oci-archive:orders.tar"], view].concat());
        assert!(found["config_digest"].is_string() && found["findings"].is_array(), "{found:#}");
    }
}

#[test]
fn an_image_has_the_architecture_that_it_has() {
    let context = Context::new();
    crate::support::write_base(&context.path("base"), "arm64");
    assert_eq!(json(&context, &["oci:base"])["architecture"], "arm64");
    context
        .limg(&["inspect", "oci:base", "--arch", "x86_64"])
        .fails(2, &["linux/arm64, not for linux/amd64"]);
    crate::support::write_base(&context.path("other"), "s390x");
    context.limg(&["inspect", "oci:other"]).fails(2, &["linux/s390x, not for linux/amd64"]);
}

#[test]
fn text_of_an_image_cannot_look_like_a_line_of_limg() {
    let context = Context::new();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(1);
    header.set_mode(0o644);
    tar.append_data(&mut header, "a\u{1b}[2J\nwarning: b", &b"x"[..]).unwrap();
    write_image(&context.path("evil"), &tar.into_inner().unwrap(), "RUN \u{1b}[2J\n\u{202e}");
    for view in [&[][..], &["--files"], &["--mtree"], &["--largest", "1"], &["--config"]] {
        for format in ["human", "json"] {
            let arguments = [&["inspect", "oci:evil", "--format", format], view].concat();
            let shown = context.limg(&arguments).ok().stdout;
            assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
            assert!(!shown.contains("\nwarning"), "{shown:?}");
        }
    }
}

#[test]
fn what_cannot_be_shown_is_an_error() {
    let context = shop();
    context.limg(&["inspect"]).fails(2, &["several functions", "name one of orders, bills"]);
    context.limg(&["inspect", "order"]).fails(2, &["unknown function `order`", "did you mean `orders`?"]);
    context.limg(&["inspect", "oci:none"]).fails(2, &["failed to read the image `oci:none`"]);
    context
        .limg(&["inspect", "oci:base", "--path", "/etc/x"])
        .fails(2, &["has nothing at `/etc/x`", "--files"]);
    context.limg(&["inspect", "oci:base", "--path", "etc"]).fails(2, &["use an absolute path"]);
    context.limg(&["inspect", "oci:base", "--files", "--mtree"]).fails(2, &["cannot be used with"]);
    context.limg(&["inspect", "oci:base", "--largest", "0"]).fails(2, &["0 is not in 1.."]);
    context.limg(&["inspect", "Shop/Orders"]).fails(2, &["`Shop/Orders` is not a valid image reference"]);
    // A damaged layer is found whichever view reads it.
    let blobs = context.path("base/blobs/sha256");
    for blob in std::fs::read_dir(&blobs).unwrap().map(|entry| entry.unwrap().path()) {
        let mut bytes = std::fs::read(&blob).unwrap();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(&blob, bytes).unwrap();
        }
    }
    context
        .limg(&["inspect", "oci:base", "--files"])
        .fails(2, &["failed to read the image", "layer sha256:"]);
    context.limg(&["inspect", "oci:base", "--config"]).ok();
}
