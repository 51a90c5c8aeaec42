//! What writing into a layout keeps, replaces and drops.

use super::*;

#[test]
fn a_layout_keeps_other_images_and_replaces_its_own() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.image("one", Architecture::X86_64), fixture.image("two", Architecture::X86_64));
    fixture.layout(&[(&one, "a"), (&one, "b")]);
    let layout = fixture.layout(&[(&two, "a")]);
    assert_eq!(fixture.read(&layout, Some("a")).unwrap(), "two");
    assert_eq!(fixture.read(&layout, Some("b")).unwrap(), "one");
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
