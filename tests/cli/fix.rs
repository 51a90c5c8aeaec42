//! `limg fix`.

use serde_json::{Value, json};

use crate::support::{
    Archive, Context, Layout, add_provenance, header, write_base, write_base_with, write_image,
};

/// The layout `image` in the project: its layer has a file in a folder without an entry, which no other user can read.
fn broken() -> Context {
    let context = Context::new();
    write_base_with(&context.path("image"), "amd64", |archive| {
        let mut header = header(tar::EntryType::Regular, 0o600, 4);
        archive.append_data(&mut header, "opt/data/words", &b"word"[..]).unwrap();
    });
    context
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn an_image_is_corrected_and_passes_the_check() {
    let context = broken();
    context.limg(&["check", "oci:image"]).fails(2, &["[missing-parent]", "[closed-path]", "`limg fix`"]);
    let fixed = context.limg(&["fix", "oci:image", "-o", "oci:fixed:greet"]).ok();
    let lines: Vec<_> = fixed.stdout.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "layer 1: 1 parent folder listed first: `/opt/data` [missing-parent]",
            "layer 1: 1 path opened to all users: `/opt/data/words` [closed-path]",
        ]
    );
    let image = Layout::open(&context.path("fixed")).image("greet");
    assert_eq!((&*image.files["/opt/data"], &*image.files["/opt/data/words"]), ("755 /", "644 word"));
    assert_eq!(image.config["config"]["Labels"]["maker"], "the tests");
    context.limg(&["check", "oci:fixed:greet"]).ok();

    // The result is the same everywhere, and needs nothing.
    let report = json(
        &context
            .limg(&["fix", "oci:fixed:greet", "-o", "oci-archive:again.tar", "--format", "json"])
            .ok()
            .stdout,
    );
    assert!(lines[2].contains(report["digest"].as_str().unwrap()), "{} {report}", lines[2]);
    assert_eq!((&report["changes"], &report["image"]), (&json!([]), &json!("oci:fixed:greet")));
    assert!(report["destination"].as_str().unwrap().ends_with("again.tar:greet"), "{report}");
    assert_eq!(Archive::open(&context.path("again.tar")).oci_image("greet").files, image.files);
    let same = context.limg(&["fix", "oci:image", "-o", "docker-archive:docker.tar"]).ok();
    assert!(same.stdout.contains("docker.tar:image:latest"), "{}", same.stdout);
    assert_eq!(Archive::open(&context.path("docker.tar")).docker_image("image:latest").files, image.files);
}

#[test]
fn the_image_is_taken_out_of_an_index_as_it_is() {
    let context = Context::new();
    write_base(&context.path("image"), "amd64");
    let digest = add_provenance(&context.path("image"));
    context.limg(&["check", "oci:image"]).fails(2, &["[image-index]", &digest]);
    let report =
        json(&context.limg(&["fix", "oci:image", "-o", "oci:fixed", "--format", "json"]).ok().stdout);
    assert_eq!((&report["digest"], &report["changes"][0]["code"]), (&json!(digest), &json!("image-index")));
    assert_eq!(report["findings"][0]["code"], "no-handler");
    context.limg(&["check", "oci:fixed:image"]).ok();
    context.limg(&["fix", "oci:image", "-o", "oci:fixed", "--arch", "arm64"]).fails(2, &["linux/amd64"]);
}

#[test]
fn what_cannot_be_corrected_is_reported_with_the_result() {
    let context = Context::new();
    write_image(&context.path("image"), &[0; 1024], "the tests");
    let failed = context.limg(&["fix", "oci:image", "-o", "oci:fixed"]);
    assert_eq!(failed.code, Some(2));
    assert!(failed.stdout.starts_with("0 changes  sha256:"), "{}", failed.stdout);
    for part in ["[no-entrypoint]", "project/fixed:image: ", "the image needs no change"] {
        assert!(failed.stderr.contains(part), "{part} is not in {}", failed.stderr);
    }
    let failed = context.limg(&["fix", "oci:image", "-o", "oci:fixed", "--format", "json"]);
    let report = json(&failed.stdout);
    assert_eq!((failed.code, &report["findings"][0]["severity"]), (Some(2), &json!("error")));
    assert_eq!((&report["error"]["kind"], &report["changes"]), (&json!("user"), &json!([])));
    assert_eq!(Layout::open(&context.path("fixed")).names(), ["image"]);
}

#[test]
fn nothing_is_written_unless_all_is_well() {
    let context = broken();
    context.limg(&["fix", "oci:image", "-o", "registry.example.com/a"]).fails(2, &["oci:DIR"]);
    context.limg(&["fix", "oci:lost", "-o", "oci:fixed"]).fails(2, &["lost"]);
    context.write("taken", "not an archive");
    context.limg(&["fix", "oci:image", "-o", "oci-archive:taken"]).fails(2, &["taken"]);
    let blobs =
        std::fs::read_dir(context.path("image/blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let largest = blobs.max_by_key(|path| {
        let bytes = std::fs::read(path).unwrap();
        (bytes.starts_with(&[0x1f, 0x8b]), bytes.len())
    });
    let layer = largest.unwrap();
    let mut bytes = std::fs::read(&layer).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&layer, bytes).unwrap();
    context.limg(&["fix", "oci:image", "-o", "oci:fixed"]).fails(2, &["failed to fix the image"]);
    context.limg(&["fix", "oci:image", "-o", "oci-archive:new.tar"]).fails(2, &[]);
    assert!(!context.path("fixed").exists() && !context.path("new.tar").exists());
}
