//! When a layer of the image is used as it is.

use tar::EntryType;

use super::fixture::{Bench, Made, entry, gzip, made, path, tar};
use crate::files::{FileIndex, base_of};

use super::super::suits;

/// A layer that is ready for `/opt/ext`.
const GOOD: &[&str] =
    &["opt/", "opt/ext/", "opt/ext/b: 2", "opt/ext/a: 1", "opt/ext/link -> a", "opt/ext/d/"];

fn good() -> Vec<Made> {
    GOOD.iter().map(|text| made(text)).collect()
}

/// The number of the layer that is ready, the first time and from the record.
fn ready(bench: &Bench, from: &str, to: &str) -> Option<usize> {
    let mut found = [(); 2].map(|()| bench.extract(from, to).unwrap().ready);
    assert_eq!(found[0], found[1]);
    let ready = found[0].take()?;
    bench.layers.iter().position(|layer| *layer == ready)
}

#[test]
fn a_layer_of_just_the_wanted_files_is_ready() {
    let bench = Bench::of(&[&["etc/", "etc/x", "lambda/"], GOOD, &["usr/", "usr/y"]]);
    assert_eq!(ready(&bench, "/opt/ext", "/opt/ext"), Some(1));
    assert_eq!(ready(&bench, "/opt", "/opt"), Some(1));
    assert_eq!(ready(&bench, "/opt", "/opt/other"), None, "another place");
    assert_eq!(ready(&bench, "/opt/ext/a", "/opt/ext/a"), None, "a part of it");

    let one = Bench::of(&[&["adapter: elf"]]);
    assert_eq!(ready(&one, "/adapter", "/adapter"), Some(0));
    // Names, times and order are the maker's.
    let other = Bench::of(&[
        &["./opt/", "./opt/z: 2", "./opt/a => ./opt/z"],
        &["./opt/", "./opt/.wh..wh..opq"],
        GOOD,
    ]);
    assert_eq!(ready(&other, "/opt/ext", "/opt/ext"), Some(2));
}

#[test]
fn what_other_layers_do_to_other_paths_does_not_matter() {
    let below_is_hidden = Bench::of(&[&["opt/ext/old: 0"], &["opt/ext/.wh.old"], GOOD]);
    assert_eq!(ready(&below_is_hidden, "/opt/ext", "/opt/ext"), Some(2));
    let folder_named_again = Bench::of(&[GOOD, &["opt/", "opt/ext/", "opt/other"]]);
    assert_eq!(ready(&folder_named_again, "/opt/ext", "/opt/ext"), Some(0));
}

#[test]
fn a_layer_that_is_not_all_of_it_is_not_ready() {
    let others: [&[&[&str]]; 8] = [
        &[GOOD, &["opt/ext/c: 3"]],
        &[&["opt/ext/c: 3"], GOOD],
        &[&["opt/ext/empty/"], GOOD],
        &[GOOD, &["opt/ext/.wh.a"]],
        &[GOOD, &["opt/ext/a: other"]],
        // As many folders, but others.
        &[&["opt/ext/e/"], GOOD, &["opt/ext/.wh.d"]],
        &[&["opt/", "opt/ext/", "opt/ext/d/"]],
        &[&["usr/", "usr/a: 1", "opt/ext/a: 1"]],
    ];
    for layers in others {
        assert_eq!(ready(&Bench::of(layers), "/opt/ext", "/opt/ext"), None, "{layers:?}");
    }
    let behind_link = Bench::of(&[&["usr/a: 1"], &["opt -> usr"]]);
    assert_eq!(ready(&behind_link, "/opt", "/opt"), None);
}

#[test]
fn a_layer_of_another_form_is_not_ready() {
    let with = |bad: &[Made]| [good(), bad.to_vec()].concat();
    let changed = |change: &dyn Fn(&mut Made)| {
        let mut entries = good();
        entries.iter_mut().filter(|entry| entry.name == b"opt/ext/a").for_each(change);
        entries
    };
    let mut late_folder = good();
    late_folder.rotate_left(1);
    // A value may hold a line feed.
    let attribute = entry(EntryType::XHeader, "pax", "", "27 SCHILY.xattr.user.a=1\n2\n");
    let global = entry(EntryType::XGlobalHeader, "pax_global_header", "", "14 comment=abc\n");

    let cases: Vec<(&str, Vec<Made>)> = vec![
        ("something elsewhere", with(&[made("usr/"), made("usr/x")])),
        ("a file beside it", with(&[made("opt/file")])),
        ("a folder beside it", with(&[made("opt/other/")])),
        ("the root", with(&[made("./")])),
        ("a name that leads out", with(&[made("../x")])),
        ("a whiteout", with(&[made("opt/ext/.wh.gone")])),
        ("an opaque folder", with(&[made("opt/ext/.wh..wh..opq")])),
        ("a hard link", with(&[made("opt/ext/hard => opt/ext/a")])),
        ("a path twice", with(&[made("opt/ext/a: 1")])),
        ("a folder twice", with(&[made("opt/ext/d/")])),
        ("no folder", with(&[made("opt/ext/e/f: 1")])),
        ("a folder too late", late_folder),
        ("a private folder", with(&[made("opt/ext/e/").mode(0o700)])),
        ("a private file", changed(&|entry| entry.header.set_mode(0o600))),
        ("a file for its group", changed(&|entry| entry.header.set_mode(0o664))),
        ("setuid", changed(&|entry| entry.header.set_mode(0o4755))),
        ("a user", changed(&|entry| entry.header.set_uid(1000))),
        ("a group", changed(&|entry| entry.header.set_gid(1000))),
        ("an attribute", [vec![attribute], good()].concat()),
        ("what holds for all", [vec![global], good()].concat()),
    ];
    for (what, entries) in cases {
        let mut bench = Bench::new();
        bench.add(&entries);
        assert_eq!(ready(&bench, "/opt/ext", "/opt/ext"), None, "{what}");
    }
    let mut bench = Bench::new();
    bench.add(&with(&[made("opt/ext/run: 1").mode(0o755)]));
    assert_eq!(ready(&bench, "/opt/ext", "/opt/ext"), Some(0));
}

#[test]
fn a_blob_of_another_form_is_not_ready() {
    let whole = tar(&good());
    let short = &whole[..whole.len() - 512];
    let cases: [(&[u8], Vec<u8>, bool); 5] = [
        (&whole, gzip(&whole), true),
        (&whole, whole.clone(), false),
        (&whole, [gzip(&whole[..512]), gzip(&whole[512..])].concat(), false),
        (short, gzip(short), false),
        (&whole[..whole.len() - 1], gzip(&whole[..whole.len() - 1]), false),
    ];
    for (number, (tar, blob, is_ready)) in cases.into_iter().enumerate() {
        let mut bench = Bench::new();
        bench.add_blob(&blob, tar);
        assert_eq!(ready(&bench, "/opt/ext", "/opt/ext").is_some(), is_ready, "{number}");
    }
}

#[test]
fn a_manifest_that_claims_another_tar_or_size_gets_no_ready_layer() {
    let mut bench = Bench::of(&[GOOD]);
    assert_eq!(ready(&bench, "/opt/ext", "/opt/ext"), Some(0));
    let right = bench.layers[0].clone();
    bench.layers[0].diff_id = right.digest.clone();
    assert!(bench.extract("/opt/ext", "/opt/ext").is_err(), "the record is that of another image");
    bench.layers[0] = right;
    bench.layers[0].size += 1;
    assert!(bench.extract("/opt/ext", "/opt/ext").unwrap().ready.is_none());
}

#[test]
fn a_ready_layer_suits_a_base_whose_folders_it_leaves_as_they_are() {
    let mut tree = Bench::of(&[GOOD]).extract("/opt/ext", "/opt/ext").unwrap().tree;
    assert!(suits(&tree, &FileIndex::default()));
    assert!(suits(&tree, &base_of(&[&["opt/", "opt/ext/", "opt/ext/a"]])));
    for entries in [&["opt -> usr"][..], &["opt/", "opt/ext -> x"], &["opt/ext/d"]] {
        assert!(!suits(&tree, &base_of(&[entries])), "{entries:?}");
    }
    for folder in ["opt/", "opt/ext/", "opt/ext/d/"] {
        let mut base = FileIndex::default();
        base.add_layer(&tar(&[made(folder).mode(0o711)])[..]).unwrap();
        assert!(!suits(&tree, &base), "{folder}");
    }
    tree.make_executable(&path("/opt/ext/a"), "Lambda runs it");
    assert!(!suits(&tree, &FileIndex::default()));
}
