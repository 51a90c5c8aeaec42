//! A handmade base image: an OCI layout with those parts of Lambda's contract that limg reads.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Writes the layout: one image for Linux on `architecture` with Lambda's entry script.
pub(crate) fn write_base(folder: &Path, architecture: &str) {
    write_base_with(folder, architecture, |_| ());
}

/// The same with more entries in its layer.
pub(crate) fn write_base_with(
    folder: &Path,
    architecture: &str,
    add: impl FnOnce(&mut tar::Builder<Vec<u8>>),
) {
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Entrypoint": ["/lambda-entrypoint.sh"],
            "Env": ["PATH=/usr/bin:/bin", "LAMBDA_TASK_ROOT=/var/task", "LAMBDA_RUNTIME_DIR=/var/runtime"],
            "Labels": { "maker": "the tests" },
            "WorkingDir": "/var/task",
        },
        "history": [{ "created_by": "the tests" }],
    });
    let mut archive = root_files();
    add(&mut archive);
    write(folder, &archive.into_inner().unwrap(), config);
}

/// Makes the image of a layout what `BuildKit` writes by default: an index of the image and of an attestation of its provenance.
/// Returns the digest of the image.
pub(crate) fn add_provenance(folder: &Path) -> String {
    let read = |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let put =
        |media_type: &str, value: &Value| -> Value { put(folder, media_type, value.to_string().as_bytes()) };
    let mut image = read(&folder.join("index.json"))["manifests"][0].clone();
    image["platform"] = json!({ "architecture": "amd64", "os": "linux" });
    let config =
        json!({ "architecture": "unknown", "os": "unknown", "rootfs": { "type": "layers", "diff_ids": [] } });
    let statement =
        put("application/vnd.in-toto+json", &json!({ "predicateType": "https://slsa.dev/provenance/v1" }));
    let mut attestation = put(
        "application/vnd.oci.image.manifest.v1+json",
        &json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": put("application/vnd.oci.image.config.v1+json", &config),
            "layers": [statement],
        }),
    );
    attestation["annotations"] = json!({
        "vnd.docker.reference.digest": image["digest"],
        "vnd.docker.reference.type": "attestation-manifest",
    });
    attestation["platform"] = json!({ "architecture": "unknown", "os": "unknown" });
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": [image, attestation] });
    let index = put(media_type, &index);
    std::fs::write(
        folder.join("index.json"),
        json!({ "schemaVersion": 2, "manifests": [index] }).to_string(),
    )
    .unwrap();
    image["digest"].as_str().unwrap().to_owned()
}

/// Writes a blob and returns its descriptor.
fn put(folder: &Path, media_type: &str, bytes: &[u8]) -> Value {
    let (blobs, hex) = (folder.join("blobs/sha256"), hex(bytes));
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(&hex), bytes).unwrap();
    json!({ "mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len() })
}

/// Writes the layout of an image with one layer, which `command` made.
pub(crate) fn write_image(folder: &Path, tar: &[u8], command: &str) {
    let config = json!({ "architecture": "amd64", "os": "linux", "history": [{ "created_by": command }] });
    write(folder, tar, config);
}

fn write(folder: &Path, tar: &[u8], mut config: Value) {
    let put = |media_type: &str, bytes: &[u8]| put(folder, media_type, bytes);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(tar).unwrap();
    let layer = put("application/vnd.oci.image.layer.v1.tar+gzip", &gzip.finish().unwrap());
    config["rootfs"] = json!({ "type": "layers", "diff_ids": [format!("sha256:{}", hex(tar))] });
    let config = put("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": [layer],
    });
    let manifest = put("application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes());
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
}

fn root_files() -> tar::Builder<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for name in ["opt/", "usr/", "usr/bin/", "var/", "var/runtime/", "var/task/"] {
        let mut header = header(tar::EntryType::Directory, 0o755, 0);
        archive.append_data(&mut header, name, std::io::empty()).unwrap();
    }
    for name in ["lambda-entrypoint.sh", "usr/bin/sh", "var/runtime/bootstrap"] {
        let content = b"#!/bin/sh\n";
        let mut header = header(tar::EntryType::Regular, 0o755, content.len() as u64);
        archive.append_data(&mut header, name, &content[..]).unwrap();
    }
    let mut header = header(tar::EntryType::Symlink, 0o777, 0);
    archive.append_link(&mut header, "bin", "usr/bin").unwrap();
    archive
}

/// A header of an entry of the root user.
pub(crate) fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

/// The SHA-256 of some bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
