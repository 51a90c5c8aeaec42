//! When a layer of the image is used unchanged.

use tar::EntryType;

use super::fixture::{Fixture, TestEntry, entry, gzip, parsed, path, tar};
use crate::files::FileIndex;
use crate::files::{base_of, index_of};

use super::super::fits_base;

/// A layer that is reusable for `/opt/ext`.
const GOOD: &[&str] =
    &["opt/", "opt/ext/", "opt/ext/b: 2", "opt/ext/a: 1", "opt/ext/link -> a", "opt/ext/d/"];

fn good() -> Vec<TestEntry> {
    GOOD.iter().map(|text| parsed(text)).collect()
}

/// The number of the layer that is reusable, the first time and from the record.
fn reusable(fixture: &Fixture, from: &str, to: &str) -> Option<usize> {
    let mut found = [(); 2].map(|()| fixture.extract(from, to).unwrap().reusable_layer);
    assert_eq!(found[0], found[1]);
    let found = found[0].take()?;
    fixture.layers.iter().position(|layer| *layer == found)
}

#[test]
fn a_layer_of_exactly_the_selected_files_is_reusable() {
    let fixture = Fixture::of(&[&["etc/", "etc/x", "lambda/"], GOOD, &["usr/", "usr/y"]]);
    assert_eq!(reusable(&fixture, "/opt/ext", "/opt/ext"), Some(1));
    assert_eq!(reusable(&fixture, "/opt", "/opt"), Some(1));
    assert_eq!(reusable(&fixture, "/opt", "/opt/other"), None, "another place");
    assert_eq!(reusable(&fixture, "/opt/ext/a", "/opt/ext/a"), None, "a part of it");

    let one = Fixture::of(&[&["adapter: elf"]]);
    assert_eq!(reusable(&one, "/adapter", "/adapter"), Some(0));
    // The way names are written, times and the order do not matter.
    let other = Fixture::of(&[
        &["./opt/", "./opt/z: 2", "./opt/a => ./opt/z"],
        &["./opt/", "./opt/.wh..wh..opq"],
        GOOD,
    ]);
    assert_eq!(reusable(&other, "/opt/ext", "/opt/ext"), Some(2));
}

#[test]
fn what_other_layers_do_to_other_paths_does_not_matter() {
    let below_is_hidden = Fixture::of(&[&["opt/ext/old: 0"], &["opt/ext/.wh.old"], GOOD]);
    assert_eq!(reusable(&below_is_hidden, "/opt/ext", "/opt/ext"), Some(2));
    let folder_named_again = Fixture::of(&[GOOD, &["opt/", "opt/ext/", "opt/other"]]);
    assert_eq!(reusable(&folder_named_again, "/opt/ext", "/opt/ext"), Some(0));
}

#[test]
fn a_layer_that_is_not_exactly_the_selected_files_is_not_reusable() {
    let others: [&[&[&str]]; 8] = [
        &[GOOD, &["opt/ext/c: 3"]],
        &[&["opt/ext/c: 3"], GOOD],
        &[&["opt/ext/empty/"], GOOD],
        &[GOOD, &["opt/ext/.wh.a"]],
        &[GOOD, &["opt/ext/a: other"]],
        // As many folders, but not the same.
        &[&["opt/ext/e/"], GOOD, &["opt/ext/.wh.d"]],
        &[&["opt/", "opt/ext/", "opt/ext/d/"]],
        &[&["usr/", "usr/a: 1", "opt/ext/a: 1"]],
    ];
    for layers in others {
        assert_eq!(reusable(&Fixture::of(layers), "/opt/ext", "/opt/ext"), None, "{layers:?}");
    }
    let behind_link = Fixture::of(&[&["usr/a: 1"], &["opt -> usr"]]);
    assert_eq!(reusable(&behind_link, "/opt", "/opt"), None);
}

#[test]
fn a_layer_that_breaks_a_rule_is_not_reusable() {
    let with = |bad: &[TestEntry]| [good(), bad.to_vec()].concat();
    let changed = |change: &dyn Fn(&mut TestEntry)| {
        let mut entries = good();
        entries.iter_mut().filter(|entry| entry.name == b"opt/ext/a").for_each(change);
        entries
    };
    let mut late_folder = good();
    late_folder.rotate_left(1);
    // A value may hold a line feed.
    let attribute = entry(EntryType::XHeader, "pax", "", "27 SCHILY.xattr.user.a=1\n2\n");
    let global = entry(EntryType::XGlobalHeader, "pax_global_header", "", "14 comment=abc\n");

    let cases: Vec<(&str, Vec<TestEntry>)> = vec![
        ("something elsewhere", with(&[parsed("usr/"), parsed("usr/x")])),
        ("a file next to it", with(&[parsed("opt/file")])),
        ("a folder next to it", with(&[parsed("opt/other/")])),
        ("the root", with(&[parsed("./")])),
        ("a name that leads out", with(&[parsed("../x")])),
        ("a whiteout", with(&[parsed("opt/ext/.wh.gone")])),
        ("an opaque folder", with(&[parsed("opt/ext/.wh..wh..opq")])),
        ("a hard link", with(&[parsed("opt/ext/hard => opt/ext/a")])),
        ("a path twice", with(&[parsed("opt/ext/a: 1")])),
        ("a folder twice", with(&[parsed("opt/ext/d/")])),
        ("no folder", with(&[parsed("opt/ext/e/f: 1")])),
        ("a folder too late", late_folder),
        ("a private folder", with(&[parsed("opt/ext/e/").mode(0o700)])),
        ("a private file", changed(&|entry| entry.header.set_mode(0o600))),
        ("a file for its group", changed(&|entry| entry.header.set_mode(0o664))),
        ("setuid", changed(&|entry| entry.header.set_mode(0o4755))),
        ("a user", changed(&|entry| entry.header.set_uid(1000))),
        ("a group", changed(&|entry| entry.header.set_gid(1000))),
        ("an attribute", [vec![attribute], good()].concat()),
        ("a global record", [vec![global], good()].concat()),
    ];
    for (what, entries) in cases {
        let mut fixture = Fixture::new();
        fixture.add(&entries);
        assert_eq!(reusable(&fixture, "/opt/ext", "/opt/ext"), None, "{what}");
    }
    let mut fixture = Fixture::new();
    fixture.add(&with(&[parsed("opt/ext/run: 1").mode(0o755)]));
    assert_eq!(reusable(&fixture, "/opt/ext", "/opt/ext"), Some(0));
}

#[test]
fn a_blob_of_another_form_is_not_reusable() {
    let whole = tar(&good());
    let short = &whole[..whole.len() - 512];
    let cases: [(&[u8], Vec<u8>, bool); 5] = [
        (&whole, gzip(&whole), true),
        (&whole, whole.clone(), false),
        (&whole, [gzip(&whole[..512]), gzip(&whole[512..])].concat(), false),
        (short, gzip(short), false),
        (&whole[..whole.len() - 1], gzip(&whole[..whole.len() - 1]), false),
    ];
    for (number, (tar, blob, is_reusable)) in cases.into_iter().enumerate() {
        let mut fixture = Fixture::new();
        fixture.add_blob(&blob, tar);
        assert_eq!(reusable(&fixture, "/opt/ext", "/opt/ext").is_some(), is_reusable, "{number}");
    }
}

#[test]
fn a_manifest_with_a_wrong_diff_id_or_size_gets_no_reusable_layer() {
    let mut fixture = Fixture::of(&[GOOD]);
    assert_eq!(reusable(&fixture, "/opt/ext", "/opt/ext"), Some(0));
    let right = fixture.layers[0].clone();
    fixture.layers[0].diff_id = right.digest.clone();
    assert!(fixture.extract("/opt/ext", "/opt/ext").is_err(), "another diff ID is another image");
    fixture.layers[0] = right;
    fixture.layers[0].size += 1;
    assert!(fixture.extract("/opt/ext", "/opt/ext").unwrap().reusable_layer.is_none());
}

#[test]
fn a_reusable_layer_fits_a_base_whose_folders_keep_their_modes() {
    let mut tree = Fixture::of(&[GOOD]).extract("/opt/ext", "/opt/ext").unwrap().tree;
    assert!(fits_base(&tree, &FileIndex::default()));
    assert!(fits_base(&tree, &base_of(&[&["opt/", "opt/ext/", "opt/ext/a"]])));
    for entries in [&["opt -> usr"][..], &["opt/", "opt/ext -> x"], &["opt/ext/d"]] {
        assert!(!fits_base(&tree, &base_of(&[entries])), "{entries:?}");
    }
    for folder in ["opt/", "opt/ext/", "opt/ext/d/"] {
        let base = index_of(&[&tar(&[parsed(folder).mode(0o711)])]);
        assert!(!fits_base(&tree, &base), "{folder}");
    }
    tree.make_executable(&path("/opt/ext/a"), "Lambda runs it");
    assert!(!fits_base(&tree, &FileIndex::default()));
}
