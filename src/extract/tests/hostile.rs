//! Images that lie, and what limg cannot hold.

use tar::EntryType;

use super::fixture::{Bench, Made, entry, gzip, made, tar};
use crate::store::Digest;

#[test]
fn what_a_layer_cannot_hold_is_refused_by_name_and_only_below_the_path() {
    let not_text = |mut entry: Made| {
        entry.name.push(0xe9);
        entry
    };
    let linked = |target: &[u8]| {
        let mut link = made("o/bad -> x");
        link.target = target.into();
        link
    };
    let cases = [
        (entry(EntryType::Char, "o/bad", "", ""), "is a device"),
        (entry(EntryType::Block, "o/bad", "", ""), "is a device"),
        (entry(EntryType::Fifo, "o/bad", "", ""), "is a pipe"),
        (entry(EntryType::GNUSparse, "o/bad", "", ""), "sparse"),
        (entry(EntryType::new(b'V'), "o/bad", "", ""), "neither a file"),
        (made("o/bad => o/missing"), "a file that the image does not have"),
        (made("o/bad => o"), "a directory"),
        (made("o/bad => ../etc/passwd"), "a file that the image does not have"),
        (linked(b""), "target"),
        (linked(b"x\xe9"), "UTF-8"),
        (not_text(made("o/bad: 1")), "UTF-8"),
    ];
    for (bad, why) in cases {
        let mut bench = Bench::new();
        bench.add(&[made("p/x: 1"), made("o/"), bad.clone()]);
        let error = bench.error("/o");
        assert!(
            error.starts_with("`/o/bad") && error.contains(why) && error.contains("of the image"),
            "{error}"
        );
        assert!(!bench.has_record());
        assert_eq!(bench.listed("/p", "/p"), ["/p/x: 1"]);
    }
    let mut bench = Bench::new();
    bench.add(&[entry(EntryType::Fifo, "pipe", "", "")]);
    assert!(bench.error("/pipe").starts_with("`/pipe of the image` is a pipe"), "{}", bench.error("/pipe"));
}

#[test]
fn a_device_that_an_upper_layer_replaces_is_gone() {
    let mut bench = Bench::new();
    bench.add(&[entry(EntryType::Char, "o/null", "", ""), entry(EntryType::Fifo, "o/d", "", "")]);
    bench.add(&[made("o/null: 1"), made("o/d/x: 2")]);
    assert_eq!(bench.listed("/o", "/o"), ["/o/d/x: 2", "/o/null: 1"]);
}

#[test]
fn names_that_lead_out_place_nothing() {
    let names = ["../out: 1", "o/../../out: 2", "/o/in: 3", "o//x: 4", "./o/./y: 5", "/", "./"];
    let bench = Bench::of(&[&names]);
    assert_eq!(bench.listed("/o", "/o"), ["/o/in: 3", "/o/x: 4", "/o/y: 5"]);
    assert!(bench.error("/out").starts_with("the image has no `/out`"));
}

#[test]
fn nothing_taken_can_become_a_whiteout() {
    let bench = Bench::of(&[&["o/a: 1", "o/.wh.x/b: 2"]]);
    assert!(bench.error("/o").contains("`.wh.`"), "{}", bench.error("/o"));
    assert!(bench.extract("/o/a", "/opt/.wh.a").is_err());
}

#[test]
fn deep_and_long_paths_are_taken_and_endless_ones_refused() {
    let deep = format!("o/{}x", "d/".repeat(1000));
    let bench = Bench::of(&[&[&format!("{deep}: 1")]]);
    assert_eq!(bench.listed("/o", "/p"), [format!("/p/{}x: 1", "d/".repeat(1000))]);
    let endless = format!("o/{}x", "d/".repeat(3000));
    assert!(Bench::of(&[&[&endless]]).error("/o").contains("4096 bytes"));
}

#[test]
fn sizes_that_lie_are_noticed() {
    let good = tar(&[made("o/a: 1"), made("o/b: 2")]);
    let lying = |size: u64| {
        let mut bytes = good.clone();
        let mut header = made("o/a: 1").header;
        header.set_path("o/a").unwrap();
        header.set_size(size);
        header.set_cksum();
        bytes[..512].copy_from_slice(header.as_bytes());
        let mut bench = Bench::new();
        bench.add_blob(&gzip(&bytes), &bytes);
        bench
    };
    assert!(lying(1).extract("/o", "/o").is_ok());
    for size in [5000, 1 << 40, u64::MAX - 100, u64::MAX] {
        let bench = lying(size);
        assert!(bench.error("/o").starts_with("failed to read the layer"), "{size}: {}", bench.error("/o"));
        assert!(!bench.has_record());
    }
}

#[test]
fn content_that_is_cut_short_is_not_filled_up() {
    let whole = tar(&[entry(EntryType::Regular, "o/a", "", &"x".repeat(600))]);
    for (length, is_taken) in [(512 + 600, true), (512 + 599, false), (512, false), (300, false)] {
        let mut bench = Bench::new();
        bench.add_blob(&gzip(&whole[..length]), &whole[..length]);
        assert_eq!(bench.extract("/o", "/o").is_ok(), is_taken, "{length}");
    }
}

#[test]
fn files_larger_than_an_image_are_refused_before_anything_is_kept() {
    let links: Vec<_> = (0..2000).map(|number| made(&format!("o/{number} => o/a"))).collect();
    let mut bench = Bench::new();
    // 2001 names of 6 MB each, in a layer of few bytes.
    bench.add(&[vec![entry(EntryType::Regular, "o/a", "", &"x".repeat(6 << 20))], links].concat());
    assert!(bench.error("/o").contains("more than the 10 GB"), "{}", bench.error("/o"));
    assert_eq!(std::fs::read_dir(bench.store.root().join("blobs/sha256")).unwrap().count(), 0);
    assert!(bench.extract("/o/7", "/o").is_ok());
}

#[test]
fn a_damaged_layer_is_refused_and_leaves_no_record() {
    let image = || Bench::of(&[&["etc/x"], &["o/a: 1"]]);
    for number in [0, 1] {
        let mut bench = image();
        bench.layers[number].digest = Digest::of(b"other");
        assert!(bench.error("/o").contains("other bytes than its digest"), "{}", bench.error("/o"));
        let mut bench = image();
        bench.layers[number].diff_id = Digest::of(b"other");
        assert!(bench.error("/o").contains("other bytes than its digest"), "{}", bench.error("/o"));
        let bench = image();
        let file = &bench.layers[number].blob.path;
        let mut bytes = std::fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        std::fs::write(file, bytes).unwrap();
        assert!(bench.error("/o").ends_with("[fetch or copy the image again]"), "{}", bench.error("/o"));
        assert!(!bench.has_record());
        assert_eq!(std::fs::read_dir(bench.store.root().join("blobs/sha256")).unwrap().count(), 0);
    }
}

#[test]
fn rubbish_is_no_layer() {
    let rubbish = vec![7; 2048];
    let mut bench = Bench::new();
    bench.add_blob(&rubbish, &rubbish);
    assert!(bench.error("/o").contains("failed to read the layer"));
    let mut bench = Bench::new();
    bench.add_blob(&rubbish, b"");
    assert!(bench.error("/o").contains("failed to read the layer"));
}
