//! Images with wrong metadata, and files that limg cannot put into a layer.

use tar::EntryType;

use super::fixture::{Fixture, TestEntry, entry, gzip, parsed, tar};
use crate::store::Digest;

#[test]
fn what_a_layer_cannot_contain_is_refused_by_name_and_only_below_the_path() {
    let not_text = |mut entry: TestEntry| {
        entry.name.push(0xe9);
        entry
    };
    let linked = |target: &[u8]| {
        let mut link = parsed("o/bad -> x");
        link.target = target.into();
        link
    };
    let cases = [
        (entry(EntryType::Char, "o/bad", "", ""), "is a device"),
        (entry(EntryType::Block, "o/bad", "", ""), "is a device"),
        (entry(EntryType::Fifo, "o/bad", "", ""), "is a named pipe"),
        (entry(EntryType::GNUSparse, "o/bad", "", ""), "sparse"),
        (entry(EntryType::new(b'V'), "o/bad", "", ""), "neither a file"),
        (parsed("o/bad => o/missing"), "a file that the image does not have"),
        (parsed("o/bad => o"), "a directory"),
        (parsed("o/bad => ../etc/passwd"), "a file that the image does not have"),
        (linked(b""), "target"),
        (linked(b"x\xe9"), "UTF-8"),
        (not_text(parsed("o/bad: 1")), "UTF-8"),
    ];
    for (bad, why) in cases {
        let mut fixture = Fixture::new();
        fixture.add(&[parsed("p/x: 1"), parsed("o/"), bad.clone()]);
        let error = fixture.error("/o");
        assert!(
            error.starts_with("`/o/bad") && error.contains(why) && error.contains("of the image"),
            "{error}"
        );
        assert!(!fixture.has_record());
        assert_eq!(fixture.listed("/p", "/p"), ["/p/x: 1"]);
    }
    let mut fixture = Fixture::new();
    fixture.add(&[entry(EntryType::Fifo, "pipe", "", "")]);
    assert!(
        fixture.error("/pipe").starts_with("`/pipe of the image` is a named pipe"),
        "{}",
        fixture.error("/pipe")
    );
}

#[test]
fn a_device_that_an_upper_layer_replaces_is_gone() {
    let mut fixture = Fixture::new();
    fixture.add(&[entry(EntryType::Char, "o/null", "", ""), entry(EntryType::Fifo, "o/d", "", "")]);
    fixture.add(&[parsed("o/null: 1"), parsed("o/d/x: 2")]);
    assert_eq!(fixture.listed("/o", "/o"), ["/o/d/x: 2", "/o/null: 1"]);
}

#[test]
fn names_that_lead_out_of_the_image_are_ignored() {
    let names = ["../out: 1", "o/../../out: 2", "/o/in: 3", "o//x: 4", "./o/./y: 5", "/", "./"];
    let fixture = Fixture::of(&[&names]);
    assert_eq!(fixture.listed("/o", "/o"), ["/o/in: 3", "/o/x: 4", "/o/y: 5"]);
    assert!(fixture.error("/out").starts_with("the image does not contain `/out`"));
}

#[test]
fn nothing_extracted_can_become_a_whiteout() {
    let fixture = Fixture::of(&[&["o/a: 1", "o/.wh.x/b: 2"]]);
    assert!(fixture.error("/o").contains("`.wh.`"), "{}", fixture.error("/o"));
    assert!(fixture.extract("/o/a", "/opt/.wh.a").is_err());
}

#[test]
fn deep_and_long_paths_are_taken_and_endless_ones_refused() {
    let deep = format!("o/{}x", "d/".repeat(1000));
    let fixture = Fixture::of(&[&[&format!("{deep}: 1")]]);
    assert_eq!(fixture.listed("/o", "/p"), [format!("/p/{}x: 1", "d/".repeat(1000))]);
    let endless = format!("o/{}x", "d/".repeat(3000));
    assert!(Fixture::of(&[&[&endless]]).error("/o").contains("4095 bytes"));
}

#[test]
fn wrong_sizes_are_noticed() {
    let good = tar(&[parsed("o/a: 1"), parsed("o/b: 2")]);
    let with_size = |size: u64| {
        let mut bytes = good.clone();
        let mut header = parsed("o/a: 1").header;
        header.set_path("o/a").unwrap();
        header.set_size(size);
        header.set_cksum();
        bytes[..512].copy_from_slice(header.as_bytes());
        let mut fixture = Fixture::new();
        fixture.add_blob(&gzip(&bytes), &bytes);
        fixture
    };
    assert!(with_size(1).extract("/o", "/o").is_ok());
    for size in [5000, 1 << 40, u64::MAX - 100, u64::MAX] {
        let fixture = with_size(size);
        assert!(
            fixture.error("/o").starts_with("failed to read the image layer"),
            "{size}: {}",
            fixture.error("/o")
        );
        assert!(!fixture.has_record());
    }
}

#[test]
fn content_that_is_cut_short_is_refused() {
    let whole = tar(&[entry(EntryType::Regular, "o/a", "", &"x".repeat(600))]);
    for (length, is_taken) in [(512 + 600, true), (512 + 599, false), (512, false), (300, false)] {
        let mut fixture = Fixture::new();
        fixture.add_blob(&gzip(&whole[..length]), &whole[..length]);
        assert_eq!(fixture.extract("/o", "/o").is_ok(), is_taken, "{length}");
    }
}

#[test]
fn files_larger_than_an_image_are_refused_before_anything_is_kept() {
    let links: Vec<_> = (0..2000).map(|number| parsed(&format!("o/{number} => o/a"))).collect();
    let mut fixture = Fixture::new();
    // 2001 names of 6 MB each, in a layer of few bytes.
    fixture.add(&[vec![entry(EntryType::Regular, "o/a", "", &"x".repeat(6 << 20))], links].concat());
    assert!(fixture.error("/o").contains("more than Lambda's limit of 10 GiB"), "{}", fixture.error("/o"));
    assert_eq!(std::fs::read_dir(fixture.store.root().join("blobs/sha256")).unwrap().count(), 0);
    assert!(fixture.extract("/o/7", "/o").is_ok());
}

#[test]
fn a_damaged_layer_is_refused_and_leaves_no_record() {
    let image = || Fixture::of(&[&["etc/x"], &["o/a: 1"]]);
    for number in [0, 1] {
        let mut fixture = image();
        fixture.layers[number].digest = Digest::of(b"other");
        assert!(fixture.error("/o").contains("does not match its digest"), "{}", fixture.error("/o"));
        let mut fixture = image();
        fixture.layers[number].diff_id = Digest::of(b"other");
        assert!(fixture.error("/o").contains("does not match its digest"), "{}", fixture.error("/o"));
        let fixture = image();
        let file = &fixture.layers[number].blob.path;
        let mut bytes = std::fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        std::fs::write(file, bytes).unwrap();
        assert!(fixture.error("/o").ends_with("[fetch or copy the image again]"), "{}", fixture.error("/o"));
        assert!(!fixture.has_record());
        assert_eq!(std::fs::read_dir(fixture.store.root().join("blobs/sha256")).unwrap().count(), 0);
    }
}

#[test]
fn rubbish_is_not_a_layer() {
    let rubbish = vec![7; 2048];
    let mut fixture = Fixture::new();
    fixture.add_blob(&rubbish, &rubbish);
    assert!(fixture.error("/o").contains("failed to read the image layer"));
    let mut fixture = Fixture::new();
    fixture.add_blob(&rubbish, b"");
    assert!(fixture.error("/o").contains("failed to read the image layer"));
}
