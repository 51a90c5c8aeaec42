//! OCI and Docker archives: how they are written, and what is read from those of other programs.

use std::io::Write as _;

use super::*;
use crate::files::Overlay;

fn sized(size: usize) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_size(size as u64);
    header.set_mode(0o644);
    header
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
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

/// An archive as Docker 20.10 writes it: plain tars, of which the second is a link to the first.
#[test]
fn plain_and_linked_layers_of_a_docker_archive_are_imported() {
    let fixture = Fixture::new();
    let mut layer = tar::Builder::new(Vec::new());
    layer.append_data(&mut sized(5), "hello", &b"world"[..]).unwrap();
    let layer = layer.into_inner().unwrap();
    let diff_id = Digest::of(&layer);
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
        overlay.add_blob(&layer.blob, &layer.digest, &layer.diff_id, |_, _, _| Ok(())).unwrap();
    }
    assert!(overlay.get("/hello").is_some(), "the layers are in the store");
}

#[test]
fn a_docker_archive_without_a_file_that_it_names_is_rejected() {
    let fixture = Fixture::new();
    let diff_id = Digest::of(b"");
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

/// As `docker save` writes it.
#[test]
fn a_docker_archive_of_an_image_without_layers_is_read() {
    let fixture = Fixture::new();
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
