//! Layers of zip archives: deflated data is copied, and the layer contains the same tar as that of a folder.

use std::io::Write as _;

use ::zip::CompressionMethod;
use ::zip::write::{FullFileOptions, ZipWriter};

use super::*;
use crate::layer::gzip::tests::{PYTHON, through};

/// The compression method of an entry.
#[derive(Debug, Clone, Copy)]
enum Method {
    Stored,
    Deflated(i64),
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![Just(Method::Stored), (1..=9_i64).prop_map(Method::Deflated)]
}

/// Writes an archive of files and loads it.
fn archive(fixture: &Fixture, files: &[(String, Vec<u8>, Method)]) -> Tree {
    let path = fixture.folder.path().join("layer.zip");
    let mut archive = ZipWriter::new(std::fs::File::create(&path).unwrap());
    for (name, content, method) in files {
        let mut options = FullFileOptions::default().unix_permissions(0o644);
        // The modification time in UTC (Info-ZIP's extra field "extended timestamp").
        let mtime = u32::try_from(MTIME).unwrap().to_le_bytes();
        options.add_extra_field(0x5455, [&[1][..], &mtime].concat(), false).unwrap();
        let options = match method {
            Method::Stored => options.compression_method(CompressionMethod::Stored),
            Method::Deflated(level) => {
                options.compression_method(CompressionMethod::Deflated).compression_level(Some(*level))
            }
        };
        archive.start_file(name, options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().sync_all().unwrap();
    load(&path)
}

fn load(archive: &Path) -> Tree {
    let source = Source::new(archive.to_owned(), SourceKind::Zip);
    Tree::load(&source, &path("/opt")).unwrap()
}

/// Lines that compress about as well as source code.
fn text(length: usize, seed: usize) -> Vec<u8> {
    let lines = (seed..).map(|number| format!("{} = call({})\n", number * 7919 % 1009, number % 13));
    lines.flat_map(String::into_bytes).take(length).collect()
}

fn unpacked(blob: &Blob) -> Vec<u8> {
    let mut tar = Vec::new();
    let mut decoder = flate2::bufread::GzDecoder::new(std::io::BufReader::new(blob.open().unwrap()));
    decoder.read_to_end(&mut tar).unwrap();
    assert_eq!(decoder.into_inner().read_to_end(&mut Vec::new()).unwrap(), 0, "only one member");
    tar
}

/// Sizes around the limits for data that is copied, as a whole and in pieces, and others.
fn size() -> impl Strategy<Value = usize> {
    let whole = 4_usize << 20;
    prop_oneof![0..2000_usize, 16_383..16_387_usize, 16 * 1024..200_000_usize, whole..whole + 2]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_layer_of_an_archive_contains_the_tar_of_its_files(
        files in prop::collection::vec((size(), any::<u16>(), method()), 1..8)
    ) {
        let fixture = Fixture::new();
        let files: Vec<_> = files.into_iter().enumerate().map(|(number, (size, seed, method))| {
            (format!("file-{number}"), text(size, seed.into()), method)
        }).collect();
        for (name, content, _) in &files {
            fixture.write(name, content);
        }
        let tree = archive(&fixture, &files);
        let of_archive = fixture.build(&tree);
        let of_folder = fixture.build(&fixture.tree());
        prop_assert_eq!(&of_archive.diff_id, &of_folder.diff_id);
        let plain = TarRecord::compute(&recipe(&tree), &|_| ()).unwrap();
        prop_assert_eq!(&of_archive.diff_id, &plain.diff_id);
        let is_copied = |(_, content, method): &(String, Vec<u8>, Method)| {
            matches!(method, Method::Deflated(_)) && content.len() >= 16 * 1024
        };
        prop_assert_eq!(encoder(&tree).is_none(), files.iter().any(is_copied));
        prop_assert_eq!(encoder(&fixture.tree()), Some(ENCODER));
        if encoder(&tree).is_some() {
            prop_assert_eq!(&of_archive.digest, &of_folder.digest);
        }
        prop_assert_eq!(&Digest::of(&unpacked(&of_archive.blob)), &of_archive.diff_id);
        let again = Fixture::new();
        prop_assert_eq!(again.build(&archive(&again, &files)).digest, of_archive.digest);
    }
}

#[test]
fn reused_memory_does_not_affect_the_output() {
    let fixture = Fixture::new();
    let deflated = |number| (format!("a-{number}"), text(1 << 20, number), Method::Deflated(1));
    let mut files: Vec<_> = (0..8).map(deflated).collect();
    files.extend((100..300).map(|number| (format!("b-{number}"), text(15_000, number), Method::Deflated(1))));
    files.push(("c".to_owned(), text(24 << 20, 0), Method::Stored));
    files.push(("d".to_owned(), text(5 << 20, 7), Method::Deflated(1)));
    files.extend((100..300).map(|number| (format!("e-{number}"), text(15_000, number), Method::Stored)));
    let recipe = recipe(&archive(&fixture, &files));
    let plain = TarRecord::compute(&recipe, &|_| ()).unwrap().diff_id;
    // The fewer threads there are, the sooner memory is reused.
    let layers = [1, 2, 5].map(|threads| {
        let workers = Workers::new(threads);
        let writer = GzipWriter::new(Vec::new(), &workers).unwrap();
        let (bytes, diff_id) = tar_writer::write(&recipe, writer, &|_| ()).unwrap().finish().unwrap();
        assert_eq!(diff_id, plain, "{threads} threads");
        bytes
    });
    let mut tar = Vec::new();
    flate2::bufread::GzDecoder::new(&layers[0][..]).read_to_end(&mut tar).unwrap();
    assert_eq!(Digest::of(&tar), plain);
    assert!(layers.iter().all(|layer| *layer == layers[0]));
}

#[test]
fn every_decompressor_accepts_the_blob() {
    let fixture = Fixture::new();
    let files: Vec<_> =
        (1..10).map(|level| (format!("file-{level}"), text(300_000, 50), Method::Deflated(level))).collect();
    let blob = fixture.build(&archive(&fixture, &files)).blob;
    let (packed, tar) = (blob.read().unwrap(), unpacked(&blob));
    assert!(through("gzip", &["-dc"], &packed) == tar);
    assert!(through("python3", &["-c", PYTHON], &packed) == tar);
    let mut inflated = vec![0; tar.len()];
    libdeflater::Decompressor::new().gzip_decompress(&packed, &mut inflated).unwrap();
    assert!(inflated == tar);
}

#[test]
fn deflated_data_is_copied_unchanged() {
    let fixture = Fixture::new();
    let file = ("file".to_owned(), text(1 << 20, 1), Method::Deflated(1));
    let tree = archive(&fixture, std::slice::from_ref(&file));
    let Some(Node::File(node)) = tree.get(&path("/opt/file")) else { panic!("no file") };
    let Content::Zip(entry) = &node.content else { panic!("not a zip entry") };
    let mut deflated = Vec::new();
    entry.open_deflated().unwrap().read_to_end(&mut deflated).unwrap();
    let blob = fixture.build(&tree).blob.read().unwrap();
    // One of the quarters contains the BFINAL bit.
    let quarters = deflated.chunks(deflated.len() / 4);
    assert!(quarters.filter(|quarter| memchr::memmem::find(&blob, quarter).is_some()).count() >= 3);
}

#[test]
fn bytecode_in_an_archive_is_adjusted() {
    let fixture = Fixture::new();
    let source = text(20_000, 3);
    let mut bytecode = vec![0; 16];
    bytecode[12..].copy_from_slice(&20_000_u32.to_le_bytes());
    bytecode.extend(text(20_000, 4));
    bytecode[8..12].copy_from_slice(&u32::try_from(MTIME).unwrap().to_le_bytes());
    let files = [
        ("m.py".to_owned(), source, Method::Deflated(6)),
        ("__pycache__/m.cpython-311.pyc".to_owned(), bytecode, Method::Deflated(6)),
    ];
    let tree = archive(&fixture, &files);
    let later = MTIME + 86_400;
    let recipe = Recipe::new("any", Shared::new(tree), Shared::new(FileIndex::default()), later);
    let adjusted = build(&recipe, &fixture.store, None, &|_| ()).unwrap();
    let listed = listed(&adjusted.blob);
    let cached = listed.iter().find(|entry| entry.0.contains("/__pycache__/m.")).unwrap();
    assert_eq!(cached.6[8..12], u32::try_from(later).unwrap().to_le_bytes());
}

#[test]
fn a_damaged_entry_is_named() {
    for size in [100_000, 5 << 20] {
        is_named(size);
    }
}

fn is_named(size: usize) {
    let fixture = Fixture::new();
    let file = |name: &str, size| (name.to_owned(), text(size, 1), Method::Deflated(6));
    drop(archive(&fixture, &[file("good", 100_000), file("bad", size), file("other", 100_000)]));
    let archive = fixture.folder.path().join("layer.zip");
    let good = std::fs::read(&archive).unwrap();
    let header = memchr::memmem::find(&good, b"bad").unwrap();
    for at in [header + 500, header - 30 + 14] {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        // The checksum in the central directory is the one that counts.
        if at < header {
            let central = memchr::memmem::rfind(&bytes, b"bad").unwrap();
            bytes[central - 46 + 16] ^= 0x55;
        }
        std::fs::write(&archive, &bytes).unwrap();
        let tree = load(&archive);
        let error = fixture.try_build(&tree).unwrap_err();
        assert!(matches!(&error, LayerError::Tree(_)), "{error:?}");
        assert!(error.to_string().contains("layer.zip: bad"), "{error}");
        assert_eq!(std::fs::read_dir(fixture.store.root().join("blobs/sha256")).unwrap().count(), 0);
    }
}
