//! What is read from layouts that limg, other programs or an attacker wrote.

use super::*;

#[test]
fn the_image_for_the_architecture_is_read() {
    let fixture = Fixture::new();
    let (intel, arm) =
        (fixture.image("intel", Architecture::X86_64), fixture.image("arm", Architecture::Arm64));
    let layout = fixture.layout(&[(&intel, "x"), (&arm, "y")]);
    // One name for both, as `docker buildx` and `skopeo copy --all` write it: a nested index, which also lists an
    // attestation.
    let mut inner = Value::Null;
    edit(&layout.join("index.json"), |index| {
        for entry in index["manifests"].as_array_mut().unwrap() {
            entry.as_object_mut().unwrap().remove("annotations");
        }
        let mut attestation = index["manifests"][0].clone();
        attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
        index["manifests"].as_array_mut().unwrap().push(attestation);
        inner = index.take();
    });
    let inner = serde_json::to_vec(&inner).unwrap();
    let digest = Digest::of(&inner);
    std::fs::write(layout.join(blob_name(&digest)), &inner).unwrap();
    let entry = json!({
        "mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest.as_str(), "size": inner.len(),
        "annotations": { REF_NAME: "both" }
    });
    std::fs::write(
        layout.join("index.json"),
        json!({ "schemaVersion": 2, "manifests": [entry] }).to_string(),
    )
    .unwrap();

    for reference in [None, Some("both")] {
        assert_eq!(fixture.read_for(&layout, reference, Architecture::X86_64).unwrap(), "intel");
        assert_eq!(fixture.read_for(&layout, reference, Architecture::Arm64).unwrap(), "arm");
    }
}

#[test]
fn of_several_variants_the_lowest_is_read() {
    let fixture = Fixture::new();
    let images = ["v3", "v2", "plain"].map(|name| fixture.image(name, Architecture::X86_64));
    let layout = fixture.layout(&[(&images[0], "a"), (&images[1], "b"), (&images[2], "c")]);
    edit(&layout.join("index.json"), |index| {
        for (entry, variant) in index["manifests"].as_array_mut().unwrap().iter_mut().zip(["v3", "v2"]) {
            entry["platform"]["variant"] = variant.into();
            entry["annotations"] = Value::Null;
        }
    });
    assert_eq!(fixture.read(&layout, None).unwrap(), "plain");
    edit(&layout.join("index.json"), |index| {
        index["manifests"].as_array_mut().unwrap().pop();
    });
    assert_eq!(fixture.read(&layout, None).unwrap(), "v2");
    // Two of one variant are still ambiguous.
    edit(&layout.join("index.json"), |index| index["manifests"][0]["platform"]["variant"] = "v2".into());
    assert!(fixture.read(&layout, None).unwrap_err().contains("several images"));
}

#[test]
fn a_base_for_another_architecture_is_rejected() {
    let fixture = Fixture::new();
    let layout = fixture.layout(&[(&fixture.image("arm", Architecture::Arm64), "a")]);
    let error = fixture.read(&layout, None).unwrap_err();
    assert!(error.contains("is for linux/arm64, not for linux/amd64 (`x86_64`)"), "{error}");
    // Without a platform in the index, the config decides.
    edit(&layout.join("index.json"), |index| {
        index["manifests"][0].as_object_mut().unwrap().remove("platform");
    });
    assert!(fixture.read(&layout, None).unwrap_err().contains("is for linux/arm64"));
}

#[test]
fn damage_is_reported() {
    let fixture = Fixture::new();
    let image = fixture.image("one", Architecture::X86_64);
    let layout = fixture.layout(&[(&image, "a")]);
    let blob = |digest: &Digest| layout.join(blob_name(digest));
    let good = std::fs::read(blob(image.config_digest())).unwrap();

    let bad = String::from_utf8(good.clone()).unwrap().replace("one", "two");
    std::fs::write(blob(image.config_digest()), bad).unwrap();
    assert!(fixture.read(&layout, None).unwrap_err().contains("does not match its digest sha256:"));
    std::fs::remove_file(blob(image.config_digest())).unwrap();
    assert!(fixture.read(&layout, None).unwrap_err().contains("lacks `blobs/sha256/"));
    std::fs::write(blob(image.config_digest()), good).unwrap();

    let layer = blob(&image.unique_blobs()[0].digest);
    std::fs::remove_file(&layer).unwrap();
    std::fs::write(&layer, b"short").unwrap();
    assert!(fixture.read(&layout, None).unwrap_err().contains("has 5 bytes instead of "));

    assert!(fixture.read(&fixture.path("nowhere"), None).is_err());
    std::fs::write(fixture.path("rubbish"), [b'x'; 2000]).unwrap();
    assert!(
        fixture.read(&fixture.path("rubbish"), None).unwrap_err().contains("cannot be read as a tar archive")
    );
    std::fs::write(fixture.path("empty"), []).unwrap();
    assert!(fixture.read(&fixture.path("empty"), None).unwrap_err().contains("lacks `index.json`"));
}

/// Nested indexes with a thousand equal entries each.
#[test]
fn each_nested_index_is_read_once() {
    let fixture = Fixture::new();
    let layout = fixture.layout(&[(&fixture.image("one", Architecture::X86_64), "a")]);
    let mut index: Value =
        serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    for _ in 0..4 {
        let bytes = serde_json::to_vec(&index).unwrap();
        let digest = Digest::of(&bytes);
        std::fs::write(layout.join(blob_name(&digest)), &bytes).unwrap();
        let media_type = "application/vnd.oci.image.index.v1+json";
        let entry = json!({ "mediaType": media_type, "digest": digest.as_str(), "size": bytes.len() });
        index = json!({ "schemaVersion": 2, "manifests": vec![entry; 1000] });
    }
    std::fs::write(layout.join("index.json"), index.to_string()).unwrap();
    assert_eq!(fixture.read(&layout, None).unwrap(), "one");

    let entry = |number: usize| {
        let digest = Digest::of(&number.to_le_bytes());
        json!({ "mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest.as_str(), "size": 2 })
    };
    let many = json!({ "schemaVersion": 2, "manifests": (0..100).map(entry).collect::<Vec<_>>() });
    std::fs::write(layout.join("index.json"), many.to_string()).unwrap();
    assert!(fixture.read(&layout, None).unwrap_err().contains("more than 64 nested indexes"));
}

#[test]
fn malformed_digests_in_descriptors_are_rejected() {
    let fixture = Fixture::new();
    let layout = fixture.layout(&[(&fixture.image("one", Architecture::X86_64), "a")]);
    let sha512 = format!("sha512:{}", "0".repeat(128));
    for (digest, message) in [
        ("sha256:../../../../etc/passwd", "failed to read the index"),
        ("sha256:AB", "failed to read the index"),
        (&sha512, "is not a digest of the form sha256:"),
        ("other:abc", "is not a digest of the form sha256:"),
    ] {
        edit(&layout.join("index.json"), |index| index["manifests"][0]["digest"] = digest.into());
        let error = fixture.read(&layout, None).unwrap_err();
        assert!(error.contains(message), "{digest}: {error}");
    }
}

#[test]
fn what_cannot_be_read_is_not_taken_for_missing() {
    let fixture = Fixture::new();
    let image = fixture.image("one", Architecture::X86_64);
    let layout = fixture.layout(&[(&image, "a")]);
    let blob = layout.join(blob_name(image.config_digest()));
    // As little as without permission, which a test of the superuser cannot lack, a link to itself can be read.
    for path in [&blob, &layout.join("index.json")] {
        std::fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink(path, path).unwrap();
        let error = read_oci_directory(&layout, None, Architecture::X86_64, &fixture.store).unwrap_err();
        assert!(matches!(error, LayoutError::Fs(_)), "{error}");
        assert_eq!(error.kind(), FailureKind::Environment);
    }
    let archive = fixture.path("archive");
    std::os::unix::fs::symlink(&archive, &archive).unwrap();
    let error = read_oci_archive(&archive, None, Architecture::X86_64, &fixture.store).unwrap_err();
    assert_eq!(error.kind(), FailureKind::Environment, "{error}");
}

#[test]
fn nulls_stand_for_missing_values() {
    let fixture = Fixture::new();
    let config = json!({
        "architecture": "amd64", "os": "linux", "history": null, "variant": null, "vendor.key": null,
        "rootfs": { "type": "layers", "diff_ids": null },
        "config": { "Cmd": ["null"], "Env": null, "Entrypoint": null, "Labels": null, "Volumes": null, "WorkingDir": null },
    });
    let config = serde_json::to_vec(&config).unwrap();
    let layout = fixture.layout(&[]);
    let add = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
        std::fs::write(layout.join(blob_name(&digest)), bytes).unwrap();
        digest
    };
    let descriptor = json!({
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": add(&config).as_str(), "size": config.len(),
        "annotations": null, "urls": null, "platform": null, "data": null, "artifactType": null
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": null, "config": descriptor, "layers": null, "annotations": null, "subject": null
    });
    let manifest = serde_json::to_vec(&manifest).unwrap();
    for platform in [
        Value::Null,
        json!({}),
        json!({ "architecture": "amd64", "os": "linux", "variant": null, "os.features": null }),
    ] {
        let entry = json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": add(&manifest).as_str(),
            "size": manifest.len(), "annotations": null, "urls": null, "platform": platform
        });
        let index = json!({ "schemaVersion": 2, "mediaType": null, "manifests": [entry], "annotations": null, "subject": null });
        std::fs::write(layout.join("index.json"), index.to_string()).unwrap();
        assert_eq!(fixture.read(&layout, None).unwrap(), "null");
    }
    let base = read_oci_directory(&layout, None, Architecture::X86_64, &fixture.store).unwrap();
    let run = RunConfig { labels: [("a".to_owned(), "b".to_owned())].into(), ..RunConfig::default() };
    let image = Image::assemble(&base, &[], &run, "1980-01-01T00:00:00Z").unwrap();
    let config: Value = serde_json::from_slice(image.config()).unwrap();
    assert_eq!((&config["history"], &config["config"]["Labels"]), (&json!([]), &json!({ "a": "b" })));
    assert!(config.as_object().unwrap().contains_key("vendor.key"), "what limg does not know survives");
}
