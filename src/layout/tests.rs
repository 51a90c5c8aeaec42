use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;
use crate::files::{FileIndex, Overlay};
use crate::image::{BaseImage, NewLayer};
use crate::layer;
use crate::project::{Architecture, RunConfig};
use crate::store::Store;
use crate::text::with_causes;
use crate::tree::{FileNode, Node, Tree};

struct Fixture {
    folder: tempfile::TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let (folder, store) = Store::for_test();
        Self { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An image of one layer with one file.
    fn image(&self, content: &str, architecture: Architecture) -> Image {
        let mut tree = Tree::new();
        let file = FileNode::of_bytes(content.as_bytes(), false);
        tree.insert("/opt/file".parse().unwrap(), Node::File(file));
        let base = FileIndex::default();
        let (layer, _) = layer::build(&tree, &base, 0, &layer::key(&tree, &base, 0), &self.store).unwrap();
        let new = NewLayer { layer: layer.into(), description: "test".to_owned(), encoder: None };
        let run = RunConfig { command: Some(vec![content.to_owned()]), ..RunConfig::default() };
        Image::assemble(&BaseImage::scratch(architecture), &[new], &run, "1980-01-01T00:00:00Z").unwrap()
    }

    fn layout(&self, images: &[(&Image, &str)]) -> PathBuf {
        let path = self.path("layout");
        write_layout(&path, &named(images)).unwrap();
        path
    }

    /// Reads an image and returns its command, which identifies it.
    fn read(&self, path: &Path, reference: Option<&str>) -> Result<String, String> {
        self.read_for(path, reference, Architecture::X86_64)
    }

    fn read_for(
        &self,
        path: &Path,
        reference: Option<&str>,
        architecture: Architecture,
    ) -> Result<String, String> {
        let read = if path.is_dir() {
            read_oci_directory(path, reference, architecture, &self.store)
        } else if path.extension().is_some_and(|suffix| suffix == "docker") {
            read_docker_archive(path, reference, architecture, &self.store)
        } else {
            read_oci_archive(path, reference, architecture, &self.store)
        };
        read.map(|base| base.run_config().command.unwrap().concat()).map_err(|error| with_causes(&error))
    }
}

fn write_layout(path: &Path, images: &[NamedImage<'_>]) -> Result<(), LayoutError> {
    LayoutDirectory::open(path)?.write(images)
}

fn named<'a>(images: &[(&'a Image, &'a str)]) -> Vec<NamedImage<'a>> {
    images.iter().map(|&(image, name)| NamedImage { image, name }).collect()
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(path, serde_json::to_vec(&value).unwrap()).unwrap();
}

#[test]
fn written_images_are_read_back() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.image("one", Architecture::X86_64), fixture.image("two", Architecture::X86_64));
    let layout = fixture.layout(&[(&one, "a"), (&two, "b:v1")]);
    let (oci, docker) = (fixture.path("images.oci"), fixture.path("images.docker"));
    write_oci_archive(&named(&[(&one, "a"), (&two, "b:v1")]), std::fs::File::create(&oci).unwrap()).unwrap();
    let names = [(&one, "p/a:latest"), (&two, "p/b:v1")];
    write_docker_archive(&named(&names), &BTreeSet::new(), std::fs::File::create(&docker).unwrap()).unwrap();

    for (path, a, b) in [(&layout, "a", "b:v1"), (&oci, "a", "b:v1"), (&docker, "p/a:latest", "p/b:v1")] {
        assert_eq!(fixture.read(path, Some(a)).unwrap(), "one");
        assert_eq!(fixture.read(path, Some(b)).unwrap(), "two");
        let error = fixture.read(path, None).unwrap_err();
        assert!(error.contains("several images"), "{error}");
        let error = fixture.read(path, Some("c")).unwrap_err();
        assert!(error.contains("no image named `c`"), "{error}");
    }
    assert_eq!(fixture.read(&layout, Some(two.digest().unwrap().as_str())).unwrap(), "two");
}

#[test]
fn the_same_images_give_the_same_archive() {
    let fixture = Fixture::new();
    let image = fixture.image("one", Architecture::X86_64);
    let write = || {
        let (mut oci, mut docker) = (Vec::new(), Vec::new());
        write_oci_archive(&named(&[(&image, "a")]), &mut oci).unwrap();
        write_docker_archive(&named(&[(&image, "p/a:v1")]), &BTreeSet::new(), &mut docker).unwrap();
        (oci, docker)
    };
    assert!(write() == write());
}

#[test]
fn a_docker_archive_can_leave_out_layers() {
    let fixture = Fixture::new();
    let image = fixture.image("one", Architecture::X86_64);
    let without = BTreeSet::from([image.unique_blobs()[0].digest.clone()]);
    let mut archive = Vec::new();
    write_docker_archive(&named(&[(&image, "p/a:v1")]), &without, &mut archive).unwrap();
    let mut archive = tar::Archive::new(&archive[..]);
    let names: Vec<_> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(names, [format!("{}.json", image.config_digest().hex()), "manifest.json".to_owned()]);
}

#[test]
fn a_layout_keeps_other_images_and_replaces_its_own() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.image("one", Architecture::X86_64), fixture.image("two", Architecture::X86_64));
    fixture.layout(&[(&one, "a"), (&one, "b")]);
    let layout = fixture.layout(&[(&two, "a")]);
    assert_eq!(fixture.read(&layout, Some("a")).unwrap(), "two");
    assert_eq!(fixture.read(&layout, Some("b")).unwrap(), "one");
}

fn blobs_in(layout: &Path) -> Vec<String> {
    crate::fs::names_in(&layout.join("blobs/sha256")).unwrap()
}

fn blobs_of(images: &[&Image]) -> Vec<String> {
    let mut blobs = BTreeSet::new();
    for image in images {
        let digests = image.unique_blobs().into_iter().map(|layer| layer.digest.clone());
        blobs.extend(digests.chain([image.config_digest().clone(), image.digest().unwrap().clone()]));
    }
    blobs.iter().map(|digest| digest.hex().to_owned()).collect()
}

#[test]
fn blobs_that_no_image_needs_are_dropped() {
    let fixture = Fixture::new();
    let image = |content: &str| fixture.image(content, Architecture::X86_64);
    let (one, two, three) = (image("one"), image("two"), image("three"));
    let layout = fixture.layout(&[(&one, "a"), (&one, "b"), (&two, "c")]);
    std::fs::write(layout.join("blobs/sha256").join("0".repeat(64)), "left by a killed limg").unwrap();
    std::fs::write(layout.join("blobs/sha256/notes"), "the user's").unwrap();
    fixture.layout(&[(&three, "a"), (&three, "c")]);
    let expected = [blobs_of(&[&one, &three]), vec!["notes".to_owned()]].concat();
    assert_eq!(blobs_in(&layout), expected, "`b` still needs the first image");
    fixture.layout(&[(&three, "b")]);
    assert_eq!(blobs_in(&layout), [blobs_of(&[&three]), vec!["notes".to_owned()]].concat());
    assert_eq!(fixture.read(&layout, Some("b")).unwrap(), "three");
}

#[test]
fn blobs_of_nested_indexes_stay() {
    let fixture = Fixture::new();
    let image = |content: &str| fixture.image(content, Architecture::X86_64);
    let (one, two, three) = (image("one"), image("two"), image("three"));
    let layout = fixture.layout(&[(&one, "a")]);
    let absent = json!({ "digest": Digest::of(b"of another architecture").as_str(), "size": 1 });
    let index = std::fs::read(layout.join("index.json")).unwrap();
    let mut nested: Value = serde_json::from_slice(&index).unwrap();
    nested["manifests"].as_array_mut().unwrap().push(absent);
    let nested = serde_json::to_vec(&nested).unwrap();
    std::fs::write(layout.join(blob_name(&Digest::of(&nested))), &nested).unwrap();
    edit(&layout.join("index.json"), |index| {
        index["manifests"] = json!([{ "digest": Digest::of(&nested).as_str(), "size": nested.len() }]);
    });
    fixture.layout(&[(&two, "a")]);
    let all = [blobs_of(&[&one, &two]), vec![Digest::of(&nested).hex().to_owned()]].concat();
    assert_eq!(blobs_in(&layout).into_iter().collect::<BTreeSet<_>>(), all.into_iter().collect());
    // What a damaged manifest needs is unknown.
    std::fs::write(layout.join(blob_name(&Digest::of(&nested))), "{").unwrap();
    let before = blobs_in(&layout).len();
    fixture.layout(&[(&three, "a")]);
    assert_eq!(blobs_in(&layout).len(), before + 3);
}

#[test]
fn a_layout_of_another_program_keeps_its_blobs() {
    let fixture = Fixture::new();
    let image = |content: &str| fixture.image(content, Architecture::X86_64);
    let (one, two) = (image("one"), image("two"));
    let layout = fixture.layout(&[(&one, "a")]);
    edit(&layout.join("index.json"), |index| drop(index.as_object_mut().unwrap().remove("annotations")));
    fixture.layout(&[(&two, "a")]);
    assert_eq!(blobs_in(&layout), blobs_of(&[&one, &two]));
}

/// Each finds what the other has just dropped, or is about to.
#[test]
fn concurrent_writers_do_not_drop_blobs_of_each_other() {
    let fixture = Fixture::new();
    let image = |content: &str| fixture.image(content, Architecture::X86_64);
    let (one, two) = (image("one"), image("two"));
    let layout = &fixture.layout(&[(&one, "a")]);
    std::thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let images = [&one, &two];
            scope.spawn(move || {
                for round in 0..40 {
                    write_layout(layout, &named(&[(images[round % 2], name)])).unwrap();
                }
            });
        }
    });
    for name in ["a", "b", "c"] {
        assert_eq!(fixture.read(layout, Some(name)).unwrap(), "two");
    }
    assert_eq!(blobs_in(layout), blobs_of(&[&two]));
}

#[test]
fn concurrent_writers_do_not_lose_images() {
    let fixture = Fixture::new();
    let images: Vec<_> =
        (0..8).map(|number| fixture.image(&format!("{number}"), Architecture::X86_64)).collect();
    let layout = fixture.path("layout");
    std::thread::scope(|scope| {
        for (number, image) in images.iter().enumerate() {
            let layout = &layout;
            scope.spawn(move || {
                write_layout(layout, &named(&[(image, &format!("f{number}"))])).unwrap();
            });
        }
    });
    for number in 0..8 {
        assert_eq!(fixture.read(&layout, Some(&format!("f{number}"))).unwrap(), number.to_string());
    }
}

#[test]
fn a_folder_that_is_not_a_layout_is_not_changed() {
    let fixture = Fixture::new();
    let image = fixture.image("one", Architecture::X86_64);
    let folder = fixture.path("photos");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("cat.png"), b"meow").unwrap();
    assert!(write_layout(&folder, &named(&[(&image, "a")])).is_err());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);

    std::fs::write(folder.join("index.json"), b"not json").unwrap();
    assert!(write_layout(&folder, &named(&[(&image, "a")])).is_err());
    assert_eq!(std::fs::read(folder.join("index.json")).unwrap(), b"not json");
}

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
    let digest = crate::store::Digest::of(&inner);
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
    let blob = |digest: &crate::store::Digest| layout.join(blob_name(digest));
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

/// An archive as Docker 20.10 writes it: plain tars, of which the second is a link to the first.
#[test]
fn plain_and_linked_layers_of_a_docker_archive_are_imported() {
    let fixture = Fixture::new();
    let mut layer = tar::Builder::new(Vec::new());
    layer.append_data(&mut sized(5), "hello", &b"world"[..]).unwrap();
    let layer = layer.into_inner().unwrap();
    let diff_id = crate::store::Digest::of(&layer);
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": { "Cmd": ["saved"] },
        "rootfs": { "type": "layers", "diff_ids": [diff_id.as_str(), diff_id.as_str()] }
    });
    let config = serde_json::to_vec(&config).unwrap();
    let list =
        json!([{ "Config": "c.json", "RepoTags": null, "Layers": ["one/layer.tar", "two/layer.tar"] }]);
    let list = serde_json::to_vec(&list).unwrap();

    let mut archive = tar::Builder::new(Vec::new());
    let mut add =
        |name: &str, content: &[u8]| archive.append_data(&mut sized(content.len()), name, content).unwrap();
    add("one/layer.tar", &layer);
    add("c.json", &config);
    add("manifest.json", &list);
    let mut link = sized(0);
    link.set_entry_type(tar::EntryType::Symlink);
    archive.append_link(&mut link, "two/layer.tar", "../one/layer.tar").unwrap();
    let path = fixture.path("saved.docker");
    std::fs::File::create(&path).unwrap().write_all(&archive.into_inner().unwrap()).unwrap();

    assert_eq!(fixture.read(&path, None).unwrap(), "saved");
    let base = read_docker_archive(&path, None, Architecture::X86_64, &fixture.store).unwrap();
    std::fs::remove_file(&path).unwrap();
    let mut overlay = Overlay::default();
    for layer in base.layers() {
        overlay.add_blob(&layer.blob, &layer.digest, &layer.diff_id, |_, _| ()).unwrap();
    }
    assert!(overlay.get("/hello").is_some(), "the layers are in the store");
}

#[test]
fn a_docker_archive_without_a_file_that_it_names_is_rejected() {
    let fixture = Fixture::new();
    let diff_id = crate::store::Digest::of(b"");
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": { "Cmd": ["saved"] },
        "rootfs": { "type": "layers", "diff_ids": [diff_id.as_str()] }
    });
    let list = json!([{ "Config": "c.json", "RepoTags": null, "Layers": ["one/layer.tar"] }]);
    let members = [
        ("one/layer.tar", String::new()),
        ("c.json", config.to_string()),
        ("manifest.json", list.to_string()),
    ];
    for (missing, _) in &members {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in members.iter().filter(|(name, _)| name != missing) {
            archive.append_data(&mut sized(content.len()), name, content.as_bytes()).unwrap();
        }
        let path = fixture.path("saved.docker");
        std::fs::write(&path, archive.into_inner().unwrap()).unwrap();
        let error = fixture.read(&path, None).unwrap_err();
        assert!(error.contains("lacks `"), "without {missing}: {error}");
        assert!(read_docker_archive(&path, None, Architecture::X86_64, &fixture.store).is_err(), "{missing}");
    }
}

/// A record for a long name may claim any size; reading it must not take that much memory.
#[test]
fn oversized_records_in_archives_are_rejected() {
    let fixture = Fixture::new();
    for kind in [tar::EntryType::GNULongName, tar::EntryType::GNULongLink, tar::EntryType::XHeader] {
        for suffix in ["oci", "docker"] {
            let path = fixture.path(&format!("hostile.{suffix}"));
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(0o644);
            header.set_size(1 << 40);
            header.set_cksum();
            std::fs::write(&path, header.as_bytes()).unwrap();
            let error = fixture.read(&path, None).unwrap_err();
            assert!(error.contains("cannot be read as a tar archive") && error.contains("1 MiB"), "{error}");
        }
    }
}

#[test]
fn a_truncated_archive_is_rejected() {
    let fixture = Fixture::new();
    let image = fixture.image("one", Architecture::X86_64);
    let path = fixture.path("images.oci");
    let mut archive = Vec::new();
    write_oci_archive(&named(&[(&image, "a")]), &mut archive).unwrap();
    // The layer comes last. Its padding and the two empty blocks at the end may be missing.
    let size = usize::try_from(image.layers()[0].size()).unwrap();
    archive.truncate(archive.len() - 1024 - (size.next_multiple_of(512) - size));
    std::fs::write(&path, &archive).unwrap();
    assert_eq!(fixture.read(&path, None).unwrap(), "one");
    std::fs::write(&path, &archive[..archive.len() - 1]).unwrap();
    assert!(fixture.read(&path, None).unwrap_err().contains("cannot be read as a tar archive"));
}

fn sized(size: usize) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_size(size as u64);
    header.set_mode(0o644);
    header
}

#[test]
fn only_files_of_the_store_are_hard_linked() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    let fixture = Fixture::new();
    let image = fixture.image("one", Architecture::X86_64);
    let first = fixture.layout(&[(&image, "a")]);
    let layer = blob_name(&image.unique_blobs()[0].digest);
    let kept = std::fs::metadata(&image.unique_blobs()[0].blob.path).unwrap();
    assert_eq!(std::fs::metadata(first.join(&layer)).unwrap().ino(), kept.ino());
    assert_eq!(kept.permissions().mode() & 0o777, 0o444);

    // A layout that is a base belongs to the user; a link in it may lead anywhere.
    let elsewhere = fixture.path("elsewhere");
    std::fs::rename(first.join(&layer), &elsewhere).unwrap();
    symlink(&elsewhere, first.join(&layer)).unwrap();
    let base = read_oci_directory(&first, None, Architecture::X86_64, &fixture.store).unwrap();
    let again = Image::assemble(&base, &[], &RunConfig::default(), "1980-01-01T00:00:00Z").unwrap();
    let second = fixture.path("second");
    write_layout(&second, &named(&[(&again, "b")])).unwrap();
    let copied = std::fs::symlink_metadata(second.join(&layer)).unwrap();
    assert!(copied.is_file() && copied.ino() != kept.ino());
}

#[test]
fn damaged_layers_are_not_copied() {
    let fixture = Fixture::new();
    let layout = fixture.layout(&[(&fixture.image("one", Architecture::X86_64), "a")]);
    let base = read_oci_directory(&layout, None, Architecture::X86_64, &fixture.store).unwrap();
    let image = Image::assemble(&base, &[], &RunConfig::default(), "1980-01-01T00:00:00Z").unwrap();
    let path = &image.unique_blobs()[0].blob.path;
    let mut bytes = std::fs::read(path).unwrap();
    bytes[20] ^= 1;
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();

    let images = named(&[(&image, "b")]);
    let second = fixture.path("second");
    for written in [
        write_layout(&second, &images),
        write_oci_archive(&images, std::io::sink()),
        write_docker_archive(&named(&[(&image, "b")]), &BTreeSet::new(), std::io::sink()),
    ] {
        assert!(matches!(written, Err(LayoutError::Damaged { .. })), "{written:?}");
    }
    assert_eq!(std::fs::read_dir(second.join("blobs/sha256")).unwrap().count(), 0);
    assert!(!second.join("index.json").exists());
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
fn a_base_from_a_docker_archive_gets_oci_media_types() {
    let fixture = Fixture::new();
    let path = fixture.path("images.docker");
    let image = fixture.image("one", Architecture::X86_64);
    let file = std::fs::File::create(&path).unwrap();
    write_docker_archive(&named(&[(&image, "p/a:v1")]), &BTreeSet::new(), file).unwrap();
    let base = read_docker_archive(&path, None, Architecture::X86_64, &fixture.store).unwrap();
    let again = Image::assemble(&base, &[], &RunConfig::default(), "1980-01-01T00:00:00Z").unwrap();
    assert_eq!(again.manifest().unwrap().media_types, crate::image::MediaTypes::Oci);
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

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_archive_may_be_compressed_with_gzip_under_any_name() {
    let fixture = Fixture::new();
    let image = fixture.image("one", Architecture::X86_64);
    let (oci, docker) = (fixture.path("images.oci"), fixture.path("images.docker"));
    write_oci_archive(&named(&[(&image, "a")]), std::fs::File::create(&oci).unwrap()).unwrap();
    let archive = std::fs::File::create(&docker).unwrap();
    write_docker_archive(&named(&[(&image, "p/a:latest")]), &BTreeSet::new(), archive).unwrap();
    for path in [&oci, &docker] {
        let plain = std::fs::read(path).unwrap();
        // Of several members, as `pigz` and `cat` make them.
        let (start, end) = plain.split_at(1000);
        for compressed in [gzip(&plain), [gzip(start), gzip(end)].concat()] {
            std::fs::write(path, compressed).unwrap();
            assert_eq!(fixture.read(path, None).unwrap(), "one", "{}", path.display());
            assert_eq!(fixture.read(path, None).unwrap(), "one", "the tar is in the store");
        }
        let compressed = gzip(&plain);
        for cut in [20, compressed.len() / 2, compressed.len() - 4] {
            std::fs::write(path, &compressed[..cut]).unwrap();
            let error = fixture.read(path, None).unwrap_err();
            assert!(error.contains("cannot be decompressed"), "{cut}: {error}");
        }
    }
    let base = read_oci_archive(&oci, None, Architecture::X86_64, &fixture.store);
    assert!(matches!(base, Err(error) if error.kind() == FailureKind::User));
}

#[test]
fn what_is_not_an_archive_is_named() {
    let fixture = Fixture::new();
    for (content, name) in
        [(&b"\x28\xb5\x2f\xfd rest"[..], "zstd"), (b"\xfd7zXZ\0 rest", "xz"), (b"BZh91AY", "bzip2")]
    {
        let path = fixture.path("compressed.docker");
        std::fs::write(&path, content).unwrap();
        let error = read_docker_archive(&path, None, Architecture::X86_64, &fixture.store).unwrap_err();
        assert!(error.to_string().contains(&format!("is compressed with {name};")), "{error}");
        assert_eq!(error.kind(), FailureKind::User);
    }
    std::fs::create_dir(fixture.path("folder")).unwrap();
    std::os::unix::fs::symlink("/dev/null", fixture.path("device")).unwrap();
    for (name, why) in
        [("folder", "is a folder"), ("device", "is not a regular file"), ("nowhere", "does not exist")]
    {
        let read = read_docker_archive(&fixture.path(name), None, Architecture::X86_64, &fixture.store);
        let error = read.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(error.kind(), FailureKind::User);
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
        let digest = crate::store::Digest::of(bytes);
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

    // As `docker save` writes an image without layers.
    let mut archive = tar::Builder::new(Vec::new());
    let list = json!([{ "Config": "c.json", "RepoTags": null, "Layers": null }]).to_string();
    let config =
        json!({ "architecture": "amd64", "os": "linux", "config": { "Cmd": ["none"] }, "rootfs": null });
    for (name, content) in [("c.json", config.to_string()), ("manifest.json", list)] {
        archive.append_data(&mut sized(content.len()), name, content.as_bytes()).unwrap();
    }
    let path = fixture.path("saved.docker");
    std::fs::write(&path, archive.into_inner().unwrap()).unwrap();
    assert_eq!(fixture.read(&path, None).unwrap(), "none");
}
