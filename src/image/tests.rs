use super::*;
use crate::store::Blob;

fn layer(name: &str) -> Layer {
    Layer {
        digest: Digest::of(name.as_bytes()),
        diff_id: Digest::of(format!("tar of {name}").as_bytes()),
        size: 7,
        blob: Blob { path: name.into(), offset: 0, size: 7, in_store: false },
    }
}

fn new_layer(name: &str) -> NewLayer {
    NewLayer { layer: layer(name).into(), description: format!("layer {name}"), encoder: None }
}

fn base_config(base: &[Layer], extra: &Value) -> Vec<u8> {
    let diff_ids: Vec<_> = base.iter().map(|layer| layer.diff_id.as_str()).collect();
    let mut config = json!({ "architecture": "amd64", "os": "linux", "rootfs": { "diff_ids": diff_ids } });
    config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    serde_json::to_vec(&config).unwrap()
}

fn manifest(types: MediaTypes, base: &[Layer]) -> Vec<u8> {
    let layers: Vec<_> =
        base.iter().map(|layer| descriptor(types.layer(), &layer.digest, layer.size)).collect();
    let config = descriptor(types.config(), &Digest::of(b"config"), 1);
    let manifest = json!({ "schemaVersion": 2, "mediaType": types.manifest(), "config": config, "layers": layers,
        "annotations": { "kept": "yes" }, "subject": config });
    serde_json::to_vec(&manifest).unwrap()
}

fn base(types: MediaTypes, extra: &Value) -> BaseImage {
    let layers = vec![layer("base")];
    let config = base_config(&layers, extra);
    BaseImage::new(&manifest(types, &layers), &config, layers, Architecture::X86_64).unwrap()
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

const CREATED: &str = "1980-01-01T00:00:00Z";

#[test]
fn an_image_keeps_the_media_types_of_its_base() {
    for types in [MediaTypes::Docker, MediaTypes::Oci] {
        let image =
            Image::assemble(&base(types, &json!({})), &[new_layer("a")], &RunConfig::default(), CREATED)
                .unwrap();
        let manifest = parsed(&image.manifest().unwrap().bytes);
        assert_eq!(manifest["mediaType"], types.manifest());
        assert_eq!(manifest["config"]["mediaType"], types.config());
        assert_eq!(manifest["config"]["digest"], Digest::of(image.config()).as_str());
        let found: Vec<_> =
            manifest["layers"].as_array().unwrap().iter().map(|layer| &layer["mediaType"]).collect();
        assert_eq!(found, [types.layer(); 2]);
        assert_eq!(manifest["annotations"]["kept"], "yes");
        assert_eq!(manifest.get("subject"), None);
    }
}

#[test]
fn unknown_keys_survive_in_a_fixed_order() {
    let labels: Map<String, Value> = (0..20).map(|n| (format!("label-{}", n * 7 % 20), n.into())).collect();
    let extra = json!({
        "config": { "Labels": labels, "Healthcheck": { "Test": ["NONE"] }, "Env": ["A=1"], "ArgsEscaped": true },
        "docker_version": "20.10", "variant": "v8"
    });
    let run = RunConfig { command: Some(vec!["app.handler".to_owned()]), ..RunConfig::default() };
    let first = Image::assemble(&base(MediaTypes::Docker, &extra), &[new_layer("a")], &run, CREATED).unwrap();
    for _ in 0..50 {
        let again =
            Image::assemble(&base(MediaTypes::Docker, &extra), &[new_layer("a")], &run, CREATED).unwrap();
        assert_eq!(again.config(), first.config());
    }
    let config = parsed(first.config());
    assert_eq!(config["docker_version"], "20.10");
    assert_eq!(config["config"]["Labels"].as_object().unwrap().len(), 20);
    assert_eq!(config["config"]["Healthcheck"]["Test"][0], "NONE");
    assert_eq!(config["config"]["Cmd"], json!(["app.handler"]));
    assert_eq!(config["config"]["Env"], json!([]), "the environment is that of the run configuration");
}

#[test]
fn labels_are_added_to_those_of_the_base() {
    let labels = [("new".to_owned(), "Allow".to_owned())].into();
    let run = RunConfig { labels, ..RunConfig::default() };
    for (own, expected) in [
        (json!({ "Labels": { "kept": "yes" } }), json!({ "kept": "yes", "new": "Allow" })),
        (json!({ "Labels": null }), json!({ "new": "Allow" })),
        (json!({}), json!({ "new": "Allow" })),
    ] {
        let base = base(MediaTypes::Oci, &json!({ "config": own }));
        let image = Image::assemble(&base, &[], &run, CREATED).unwrap();
        assert_eq!(parsed(image.config())["config"]["Labels"], expected);
    }
    let base = base(MediaTypes::Oci, &json!({ "config": { "Labels": "none" } }));
    assert!(matches!(Image::assemble(&base, &[], &run, CREATED), Err(ImageError::Form("config.Labels"))));
}

#[test]
fn every_layer_has_a_history_entry() {
    let written =
        json!({ "history": [{ "created_by": "root" }, { "created_by": "ENV", "empty_layer": true }] });
    let too_many = json!({ "history": [{ "created_by": "a" }, { "created_by": "b" }] });
    for extra in [json!({}), json!({ "history": [] }), written, too_many] {
        let added = [new_layer("a"), new_layer("b")];
        let image =
            Image::assemble(&base(MediaTypes::Oci, &extra), &added, &RunConfig::default(), CREATED).unwrap();
        let config = parsed(image.config());
        let entries = config["history"].as_array().unwrap();
        assert_eq!(entries.iter().filter(|entry| entry["empty_layer"] != true).count(), 3, "{extra}");
        assert_eq!(entries.last().unwrap()["created_by"], "limg: layer b");
        assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn the_history_names_the_encoder_of_a_layer() {
    let written =
        json!({ "history": [{ "created_by": "root" }, { "created_by": "ENV", "empty_layer": true }] });
    for extra in [json!({}), written] {
        let added = [NewLayer { encoder: Some("tar 1, gzip 2"), ..new_layer("a") }, new_layer("b")];
        let image =
            Image::assemble(&base(MediaTypes::Oci, &extra), &added, &RunConfig::default(), CREATED).unwrap();
        let config = parsed(image.config());
        let comments: Vec<_> = config["history"]
            .as_array()
            .unwrap()
            .iter()
            .rev()
            .take(2)
            .map(|entry| &entry["comment"])
            .collect();
        assert_eq!(comments, [&Value::Null, &json!("limg: tar 1, gzip 2")]);
        let manifest = parse_manifest(&image.manifest().unwrap().bytes).unwrap();
        let made = |encoder| layers_of_encoder(&manifest, image.config(), encoder).unwrap();
        let [found] = &made("tar 1, gzip 2")[..] else { panic!("one layer") };
        assert_eq!((&found.digest, &found.diff_id, found.size), (&layer("a").digest, &layer("a").diff_id, 7));
        for other in ["tar 1, gzip 1", "tar 1, gzip 20", "tar 1", ""] {
            assert_eq!(made(other), []);
        }
    }
}

#[test]
fn a_base_for_another_platform_is_rejected() {
    let layers = vec![layer("base")];
    let config = base_config(&layers, &json!({}));
    let error = BaseImage::new(&manifest(MediaTypes::Oci, &layers), &config, layers, Architecture::Arm64)
        .unwrap_err();
    assert_eq!(error.to_string(), "the image is for linux/amd64, not for linux/arm64 (`arm64`)");
}

#[test]
fn a_base_whose_manifest_and_config_disagree_is_rejected() {
    let config = base_config(&[layer("other")], &json!({}));
    let layers = vec![layer("base")];
    let of = |manifest: &[u8]| BaseImage::new(manifest, &config, layers.clone(), Architecture::X86_64);
    assert!(matches!(of(&manifest(MediaTypes::Oci, &layers)), Err(ImageError::DiffIds { .. })));
    assert!(matches!(of(b"{}"), Err(ImageError::Json { .. })));
    let artifact =
        String::from_utf8(manifest(MediaTypes::Oci, &layers)).unwrap().replace("image.manifest", "artifact");
    assert!(matches!(of(artifact.as_bytes()), Err(ImageError::MediaType { .. })));
}

#[test]
fn the_run_configuration_of_a_base_is_read() {
    let extra = json!({ "config": { "Env": ["A=1", "B=x=y", "C"], "Entrypoint": ["/e"], "Cmd": [], "WorkingDir": "" } });
    let run = base(MediaTypes::Oci, &extra).run_config();
    let variables =
        [("A", "1"), ("B", "x=y"), ("C", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(run.environment, variables);
    assert_eq!(run.entrypoint, Some(vec!["/e".to_owned()]));
    assert_eq!((run.command, run.working_directory), (None, None));
}

/// An image with two layers and keys that limg does not know, whose manifest `change` changes.
fn foreign(change: impl FnOnce(&mut Value)) -> (Vec<u8>, BaseImage) {
    let layers = vec![layer("a"), layer("b")];
    let config = base_config(&layers, &json!({ "x-own": 1, "history": [{ "created_by": "COPY a" }] }));
    let mut manifest = parsed(&manifest(MediaTypes::Docker, &layers));
    manifest["config"] = descriptor(MediaTypes::Docker.config(), &Digest::of(&config), config.len() as u64);
    manifest["layers"][0]["annotations"] = json!({ "of": "a" });
    manifest["layers"][1]["annotations"] = json!({ "of": "b" });
    change(&mut manifest);
    let bytes = serde_json::to_vec_pretty(&manifest).unwrap();
    let image = BaseImage::new(&bytes, &config, layers, Architecture::X86_64).unwrap();
    (bytes, image)
}

#[test]
fn an_image_whose_layers_stay_keeps_its_bytes() {
    let (manifest, original) = foreign(|_| ());
    let image = Image::with_layers(&original, original.layers().to_vec()).unwrap();
    assert_eq!((&image.manifest().unwrap().bytes, image.config()), (&manifest, &*original.config_bytes));
    assert!(Image::with_layers(&original, vec![layer("a")]).is_err());
}

#[test]
fn other_media_types_change_the_manifest_alone() {
    let (_, original) =
        foreign(|manifest| manifest["layers"][1]["mediaType"] = MediaTypes::Oci.layer().into());
    let image = Image::with_layers(&original, original.layers().to_vec()).unwrap();
    let manifest = parsed(&image.manifest().unwrap().bytes);
    assert_eq!(manifest["layers"][1]["mediaType"], MediaTypes::Docker.layer());
    assert_eq!((&manifest["layers"][1]["annotations"]["of"], manifest.get("subject")), (&json!("b"), None));
    assert_eq!(image.config(), original.config_bytes);
}

#[test]
fn another_layer_takes_the_place_of_its_own() {
    let (_, original) = foreign(|_| ());
    let image = Image::with_layers(&original, vec![layer("a"), layer("c")]).unwrap();
    let (config, manifest) = (parsed(image.config()), parsed(&image.manifest().unwrap().bytes));
    let mut expected = parsed(&original.config_bytes);
    expected["rootfs"]["diff_ids"][1] = layer("c").diff_id.as_str().into();
    assert_eq!(config, expected);
    assert_eq!(manifest["config"]["digest"], image.config_digest().as_str());
    assert_eq!(manifest["layers"][0]["annotations"]["of"], "a");
    let described = descriptor(MediaTypes::Docker.layer(), &layer("c").digest, 7);
    assert_eq!((&manifest["layers"][1], &manifest["annotations"]["kept"]), (&described, &json!("yes")));
}
