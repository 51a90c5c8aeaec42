use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flate2::read::GzDecoder;
use proptest::prelude::*;

use super::*;
use crate::files::{self, FileIndex};
use crate::project::{ImagePath, Source, SourceKind};
use crate::shared::Shared;
use crate::tree::{Content, FileNode, Node};

mod zip;

const MTIME: u64 = 315_532_800;

fn path(text: &str) -> ImagePath {
    text.parse().unwrap()
}

/// The recipe of a layer on no base.
fn recipe(tree: &Tree) -> Arc<Recipe> {
    Arc::new(Recipe::new("any", Shared::new(tree.clone()), Shared::new(FileIndex::default()), MTIME))
}

struct Fixture {
    folder: tempfile::TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let (folder, store) = Store::for_test();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        Self { folder, store }
    }

    fn write(&self, name: &str, content: &[u8]) {
        let file = self.input().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    fn input(&self) -> std::path::PathBuf {
        self.folder.path().join("in")
    }

    fn tree(&self) -> Tree {
        let source = Source::new(self.input(), SourceKind::Directory);
        Tree::load(&source, &path("/opt")).unwrap()
    }

    fn build(&self, tree: &Tree) -> Layer {
        self.build_or_find(tree).0
    }

    /// Also returns whether the layer was found.
    fn build_or_find(&self, tree: &Tree) -> (Layer, bool) {
        self.try_build(tree).unwrap()
    }

    fn try_build(&self, tree: &Tree) -> Result<(Layer, bool), LayerError> {
        let recipe = recipe(tree);
        match find(&recipe.key, &self.store) {
            Some(found) => Ok((found, true)),
            None => Ok((build(&recipe, &self.store, None, &|_| ())?, false)),
        }
    }

    fn finds(&self, tree: &Tree) -> bool {
        self.build_or_find(tree).1
    }
}

/// An entry of a layer: name, type, mode, owner, time, link target, content.
type Listed = (String, tar::EntryType, u32, u64, u64, Option<String>, Vec<u8>);

fn listed(blob: &Blob) -> Vec<Listed> {
    let mut archive = tar::Archive::new(GzDecoder::new(blob.open().unwrap()));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header();
        (
            String::from_utf8(entry.path_bytes().into_owned()).unwrap(),
            header.entry_type(),
            header.mode().unwrap(),
            header.uid().unwrap() + header.gid().unwrap(),
            header.mtime().unwrap(),
            entry.link_name_bytes().map(|target| String::from_utf8(target.into_owned()).unwrap()),
            content,
        )
    });
    entries.collect()
}

#[test]
fn entries_are_complete_sorted_and_normalised() {
    let fixture = Fixture::new();
    fixture.write("b/run", b"#!/bin/sh\n");
    fixture.write("a.txt", b"text");
    let mut tree = fixture.tree();
    tree.make_executable(&path("/opt/b/run"), "it is a program");
    tree.insert(path("/opt/b/link"), Node::Symlink("run".to_owned()));
    let base = files::index_of(&[&base_layer(&[("opt/", 0o711)])]);

    let recipe = Recipe::new("any", Shared::new(tree), Shared::new(base), MTIME);
    let layer = build(&recipe, &fixture.store, None, &|_| ()).unwrap();
    let listed = listed(&layer.blob);
    let brief: Vec<_> = listed.iter().map(|entry| (entry.0.as_str(), entry.2)).collect();
    let expected = [
        ("opt/", 0o711),
        ("opt/a.txt", 0o644),
        ("opt/b/", 0o755),
        ("opt/b/link", 0o777),
        ("opt/b/run", 0o755),
    ];
    assert_eq!(brief, expected);
    assert!(listed.iter().all(|entry| entry.3 == 0 && entry.4 == MTIME));
    assert_eq!(listed[3].5.as_deref(), Some("run"));
    assert_eq!(layer.digest, Digest::of(&layer.blob.read().unwrap()));
}

fn base_layer(directories: &[(&str, u32)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, mode) in directories {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(*mode);
        header.set_size(0);
        archive.append_data(&mut header, name, std::io::empty()).unwrap();
    }
    archive.into_inner().unwrap()
}

#[test]
fn a_plain_tar_equals_the_content_of_the_blob_and_stores_none() {
    let fixture = Fixture::new();
    fixture.write("a.txt", b"text");
    let tree = fixture.tree();
    let read = TarLayer::read(&recipe(&tree), &fixture.store, &|_| ()).unwrap();
    let mut tar = Vec::new();
    read.write(&mut tar).unwrap();
    assert_eq!((Digest::of(&tar), tar.len() as u64), (read.diff_id().clone(), read.size()));
    let blobs = fixture.store.root().join("blobs/sha256");
    assert_eq!(std::fs::read_dir(blobs).unwrap().count(), 0);
    assert_eq!(fixture.build(&tree).diff_id, *read.diff_id());
}

#[test]
fn a_recorded_tar_is_found_once_its_files_are_settled() {
    let fixture = Fixture::new();
    fixture.write("a.txt", b"text");
    let find = |tree: &Tree| TarLayer::find(&recipe(tree), &fixture.store);
    let read = |tree: &Tree| TarLayer::read(&recipe(tree), &fixture.store, &|_| ()).unwrap();
    // Within the clock tick in which it is listed, a file may change without a trace.
    let tree = fixture.tree();
    read(&tree);
    assert_eq!(find(&tree).is_some(), tree.has_reliable_times());
    std::thread::sleep(Duration::from_millis(120));
    let tree = fixture.tree();
    let known = read(&tree).diff_id().clone();
    assert_eq!(find(&tree).map(|found| found.diff_id().clone()), Some(known));
}

#[test]
fn a_tar_that_does_not_match_its_record_is_an_error() {
    let fixture = Fixture::new();
    fixture.write("a.txt", b"text");
    let recipe = recipe(&fixture.tree());
    let tar = TarRecord { diff_id: Digest::of(b"another"), size: 512 };
    fixture.store.write_record("tars-1", &recipe.key, &tar).unwrap();
    let found = TarLayer::find(&recipe, &fixture.store).unwrap();
    let written = found.write(std::io::sink());
    assert!(matches!(written, Err(LayerError::Changed { .. })), "{written:?}");
}

/// Fails when the compressor or the tar format changes, since that changes every user's digests. If the change is intended,
/// change `ENCODER` in `key.rs` and mention it in the changelog.
#[test]
fn the_bytes_of_a_layer_never_change() {
    let fixture = Fixture::new();
    let mut tree = Tree::new();
    let text: String = (0..20_000)
        .map(|number| (number * number % 977).to_string())
        .map(|line| ["line ", &line, "\n"].concat())
        .collect();
    tree.insert(path("/opt/text"), Node::File(FileNode::of_bytes(text.as_bytes(), false)));
    tree.insert(path("/opt/übung"), Node::File(FileNode::of_bytes(b"pax", true)));
    tree.insert(path("/opt/link"), Node::Symlink("text".to_owned()));
    let layer = fixture.build(&tree);
    assert_eq!(layer.diff_id.hex(), "35bd05f2af27d342a5198c7770bd5a5202987abcb462af31d3e5eb310c154951");
    assert_eq!(layer.digest.hex(), "6ae062a020ace1596ddd11e31927567c8cb3e7407c0c2c103ec63dbe4fca73f7");
}

#[test]
fn a_blob_is_one_gzip_member_that_does_not_depend_on_the_machine() {
    let fixture = Fixture::new();
    fixture.write("a", &vec![b'x'; 300_000]);
    let bytes = fixture.build(&fixture.tree()).blob.read().unwrap();
    // RFC 1952: magic, deflate, no flags, no time, extra flags, operating system "unknown".
    assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    let mut rest = &bytes[..];
    GzDecoder::new(&mut rest).read_to_end(&mut Vec::new()).unwrap();
    assert!(rest.is_empty(), "a second member follows");
}

#[test]
fn an_unchanged_tree_is_not_read_again() {
    let fixture = Fixture::new();
    fixture.write("a", b"one");
    std::thread::sleep(Duration::from_millis(120));
    let (first, was_found) = fixture.build_or_find(&fixture.tree());
    assert!(!was_found);
    assert_eq!(fixture.build_or_find(&fixture.tree()), (first.clone(), true));

    fixture.write("a", b"two");
    std::thread::sleep(Duration::from_millis(120));
    let (changed, was_found) = fixture.build_or_find(&fixture.tree());
    assert!(!was_found);
    assert_ne!(changed.digest, first.digest);
}

#[test]
fn a_layer_is_found_without_its_blob_and_rebuilt_with_the_same_bytes() {
    let fixture = Fixture::new();
    fixture.write("a", b"one");
    std::thread::sleep(Duration::from_millis(120));
    let tree = fixture.tree();
    let made = fixture.build(&tree);
    let bytes = made.blob.read().unwrap();
    std::fs::remove_file(&made.blob.path).unwrap();
    let (known, was_found) = fixture.build_or_find(&tree);
    assert!(was_found && known == made && !known.blob.is_present());

    let recipe = recipe(&tree);
    let rebuild = |expected: &Digest| rebuild(&recipe, expected, &fixture.store, &|_| ());
    let other = Digest::of(b"other");
    let Err(LayerError::Changed { expected, found }) = rebuild(&other) else {
        panic!("its digest is not that of `other`")
    };
    assert_eq!((expected, found), (other, made.digest.clone()));
    assert!(!known.blob.is_present(), "an unexpected blob is not added");
    assert_eq!(rebuild(&made.digest).unwrap().read().unwrap(), bytes);
    assert!(known.blob.is_present());
}

/// `tree::content` tests the fingerprint of a file.
#[test]
fn the_key_covers_everything_that_a_layer_depends_on() {
    type Change = (&'static str, fn(&mut Tree));
    let original = || {
        let mut tree = Tree::new();
        tree.insert(path("/opt/file"), Node::File(FileNode::of_bytes(b"one", false)));
        tree.insert(path("/opt/folder"), Node::Directory);
        tree.insert(path("/opt/link"), Node::Symlink("file".to_owned()));
        tree
    };
    let changes: [Change; 8] = [
        ("content", |tree| tree.insert(path("/opt/file"), Node::File(FileNode::of_bytes(b"two", false)))),
        ("mode", |tree| tree.insert(path("/opt/file"), Node::File(FileNode::of_bytes(b"one", true)))),
        ("target", |tree| tree.insert(path("/opt/link"), Node::Symlink("fil".to_owned()))),
        ("kind", |tree| tree.insert(path("/opt/link"), Node::File(FileNode::of_bytes(b"file", false)))),
        ("an added file", |tree| tree.insert(path("/opt/g"), Node::File(FileNode::of_bytes(b"", false)))),
        ("an added folder", |tree| tree.insert(path("/opt/g"), Node::Directory)),
        ("a removed file", |tree| drop(tree.split_off(|path| path.as_str() == "/opt/file"))),
        ("time", |tree| {
            let mut file = FileNode::of_bytes(b"one", false);
            file.modified = Some(7);
            tree.insert(path("/opt/file"), Node::File(file));
        }),
    ];
    let base = FileIndex::default();
    let mut keys = vec![("nothing", key(&original(), &base, MTIME)), ("date", key(&original(), &base, 0))];
    assert_eq!(keys[0].1, key(&original(), &base, MTIME));
    for (what, change) in changes {
        let mut tree = original();
        change(&mut tree);
        let own = key(&tree, &base, MTIME);
        assert!(keys.iter().all(|(_, other)| *other != own), "{what}: the key stays the same");
        keys.push((what, own));
    }
}

#[test]
fn a_modification_time_in_the_future_counts_as_settled() {
    let fixture = Fixture::new();
    fixture.write("a", b"one");
    set_modified(&fixture.input().join("a"), 4_000_000_000);
    std::thread::sleep(Duration::from_millis(120));
    fixture.build(&fixture.tree());
    assert!(fixture.finds(&fixture.tree()));
}

#[test]
fn a_file_that_has_just_changed_is_read_again() {
    let fixture = Fixture::new();
    fixture.write("a", b"one");
    fixture.build(&fixture.tree());
    assert!(!fixture.finds(&fixture.tree()));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let fixture = Fixture::new();
    fixture.write("a", b"one");
    let tree = fixture.tree();
    fixture.write("a", b"longer");
    assert!(fixture.try_build(&tree).is_err());
    assert_eq!(std::fs::read_dir(fixture.store.root().join("blobs/sha256")).unwrap().count(), 0);
}

/// Takes the bytes of a layer, and overwrites a file after the first of them.
struct Overwriting<'a> {
    file: &'a Path,
    content: Option<Vec<u8>>,
}

impl std::io::Write for Overwriting<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Some(content) = self.content.take() {
            let mut file = std::fs::File::options().write(true).open(self.file)?;
            std::io::Write::write_all(&mut file, &content)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_file_that_is_overwritten_while_a_layer_is_made_is_an_error() {
    const SIZE: usize = 3_000_000;
    let fixture = Fixture::new();
    fixture.write("a", &vec![b'1'; SIZE]);
    let (recipe, file) = (recipe(&fixture.tree()), fixture.input().join("a"));
    let output = Overwriting { file: &file, content: Some(vec![b'2'; SIZE]) };
    let output = std::io::BufWriter::with_capacity(BUFFER, output);
    let error = tar_writer::write(&recipe, output, &|_| ()).err().unwrap();
    assert_eq!(error.to_string(), format!("`{}` changed while limg was reading it", file.display()));
    assert_eq!(error.kind(), FailureKind::Work);
    assert!(crate::failure::help_text(&error).contains("run the command again"));
}

#[test]
fn a_file_that_another_thread_fails_to_read_is_named() {
    let fixture = Fixture::new();
    for number in 100..400 {
        fixture.write(&format!("file-{number}"), &[b'x'; 10_000]);
    }
    let tree = fixture.tree();
    fixture.write("file-150", b"shorter");
    let error = fixture.try_build(&tree).unwrap_err();
    assert!(matches!(&error, LayerError::Tree(_)), "{error:?}");
    assert!(format!("{error} {:?}", std::error::Error::source(&error)).contains("file-150"), "{error}");
    assert_eq!(std::fs::read_dir(fixture.store.root().join("blobs/sha256")).unwrap().count(), 0);
}

/// The bytes of a timestamp `.pyc`.
fn pyc(flags: u32, modified: u32, size: u32) -> Vec<u8> {
    [0x0a0d_0da7, flags, modified, size, 0xdead_beef]
        .iter()
        .flat_map(|word: &u32| word.to_le_bytes())
        .collect()
}

#[test]
fn valid_bytecode_stays_valid_and_stale_bytecode_stays_stale() {
    let fixture = Fixture::new();
    fixture.write("m.py", b"x = 1\n");
    let source = fixture.input().join("m.py");
    let modified = 1_700_000_000_u32;
    set_modified(&source, modified);
    let (valid, fresh) = (pyc(0, modified, 6), pyc(0, u32::try_from(MTIME).unwrap(), 6));
    let cases = [
        ("__pycache__/m.cpython-311.pyc", valid.clone(), fresh.clone()),
        ("__pycache__/m.cpython-311.opt-1.pyc", valid.clone(), fresh.clone()),
        ("m.pyc", valid.clone(), fresh),
        ("__pycache__/m.cpython-310.pyc", pyc(0, modified - 1, 6), pyc(0, modified - 1, 6)),
        ("__pycache__/m.cpython-309.pyc", pyc(0, modified, 7), pyc(0, modified, 7)),
        ("__pycache__/m.cpython-308.pyc", pyc(1, modified, 6), pyc(1, modified, 6)),
        ("__pycache__/other.cpython-311.pyc", valid.clone(), valid),
        ("short.pyc", b"short".to_vec(), b"short".to_vec()),
    ];
    for (name, content, _) in &cases {
        fixture.write(name, content);
    }
    fixture.write("short.py", b"");
    let layer = listed(&fixture.build(&fixture.tree()).blob);
    for (name, _, expected) in &cases {
        let found = layer.iter().find(|entry| entry.0 == format!("opt/{name}")).unwrap();
        assert_eq!(&found.6, expected, "{name}");
    }
}

#[test]
fn stale_bytecode_is_counted_once() {
    let fixture = Fixture::new();
    fixture.write("m.py", b"x = 1\n");
    let modified = 1_700_000_000_u32;
    set_modified(&fixture.input().join("m.py"), modified);
    let fixed = u32::try_from(MTIME).unwrap();
    for (name, content) in [
        ("m.cpython-313.pyc", pyc(0, modified, 6)),
        ("m.cpython-312.pyc", pyc(0, fixed, 6)),
        ("m.cpython-311.pyc", pyc(0, modified - 1, 6)),
        ("m.cpython-310.pyc", pyc(0, modified, 7)),
        ("m.cpython-309.pyc", pyc(1, modified - 1, 6)),
        ("m.cpython-308.pyc", b"short".to_vec()),
        ("gone.cpython-311.pyc", pyc(0, modified - 1, 6)),
    ] {
        fixture.write(&format!("__pycache__/{name}"), &content);
    }
    std::thread::sleep(Duration::from_millis(60));
    let tree = fixture.tree();
    let count = |key: &Digest| stale_bytecode(&tree, MTIME, key, &fixture.store).unwrap();
    let first = "/opt/__pycache__/m.cpython-310.pyc".parse().unwrap();
    let expected = StaleBytecode { files: 2, first: Some(first) };
    let key = Digest::of(b"key");
    // A file in the place of the folder of records.
    let records = fixture.store.root().join("stale-bytecode-1");
    std::fs::write(&records, "").unwrap();
    assert_eq!(count(&key), expected, "a store that cannot be written is enough");
    std::fs::remove_file(&records).unwrap();
    assert_eq!(count(&key), expected);

    // With the record, not even a missing file is noticed.
    std::fs::remove_dir_all(fixture.input().join("__pycache__")).unwrap();
    assert_eq!(count(&key), expected);
    assert!(stale_bytecode(&tree, MTIME, &Digest::of(b"other"), &fixture.store).is_err());
}

fn set_modified(file: &Path, seconds: u32) {
    let time = std::time::UNIX_EPOCH + Duration::from_secs(seconds.into());
    std::fs::File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
}

fn arbitrary_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9._ -]{1,12}".prop_filter("a plain name", |name| name != "." && name != ".."),
        "[äß∂語é]{1,60}",
        "[a-z]{90,130}",
    ]
    .prop_filter("no whiteout", |name| !name.starts_with(".wh."))
}

fn arbitrary_tree() -> impl Strategy<Value = Vec<(Vec<String>, Node)>> {
    let node = prop_oneof![
        (proptest::collection::vec(any::<u8>(), 0..2000), any::<bool>())
            .prop_map(|(bytes, executable)| Node::File(FileNode::of_bytes(&bytes, executable))),
        arbitrary_name().prop_map(Node::Symlink),
        Just(Node::Directory),
    ];
    proptest::collection::vec((proptest::collection::vec(arbitrary_name(), 1..5), node), 0..20)
}

/// Builds a tree without nodes below files or links.
fn consistent(nodes: &[(Vec<String>, Node)]) -> Tree {
    let mut tree = Tree::new();
    for (names, node) in nodes {
        let place = path(&format!("/opt/{}", names.join("/")));
        let blocked = place
            .ancestors()
            .any(|folder| matches!(tree.get(&folder), Some(Node::File(_) | Node::Symlink(_))));
        let occupied = tree.iter().any(|(other, _)| other.is_below(place.as_str()));
        if !blocked && (!occupied || matches!(node, Node::Directory)) {
            tree.insert(place, node.clone());
        }
    }
    tree
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_layer_contains_exactly_its_tree(nodes in arbitrary_tree()) {
        let fixture = Fixture::new();
        let tree = consistent(&nodes);
        let layer = listed(&fixture.build(&tree).blob);

        let mut seen = std::collections::BTreeSet::new();
        for (name, kind, mode, owner, mtime, target, content) in &layer {
            let place = path(&format!("/{}", name.trim_end_matches('/')));
            prop_assert!(place.ancestors().all(|folder| seen.contains(&folder)), "{name} precedes its folder");
            prop_assert!((*owner, *mtime) == (0, MTIME));
            match tree.get(&place) {
                None | Some(Node::Directory) => prop_assert_eq!((*kind, *mode), (tar::EntryType::Directory, 0o755)),
                Some(Node::Symlink(expected)) => prop_assert_eq!(target.as_ref(), Some(expected)),
                Some(Node::File(file)) => {
                    prop_assert_eq!(*mode, if file.executable { 0o755 } else { 0o644 });
                    prop_assert_eq!(content, &file.content.head(1 << 20).unwrap());
                }
            }
            prop_assert!(seen.insert(place), "{name} is duplicate");
        }
        prop_assert!(tree.iter().all(|(place, _)| seen.contains(place)));
    }

    #[test]
    fn the_order_of_insertion_does_not_matter(nodes in arbitrary_tree(), seed in any::<u64>()) {
        let fixture = Fixture::new();
        let tree = consistent(&nodes);
        let mut shuffled: Vec<_> = tree.iter().map(|(place, node)| (place.clone(), node.clone())).collect();
        shuffled.sort_by_key(|(place, _)| Digest::of(format!("{seed}{place}").as_bytes()));
        let mut other = Tree::new();
        for (place, node) in shuffled {
            other.insert(place, node);
        }
        prop_assert_eq!(fixture.build(&tree).digest, Fixture::new().build(&other).digest);
    }
}
