use std::fs::File;
use std::io::Write as _;

use super::*;

const DAY: Duration = Duration::from_hours(24);

/// A blob of so many bytes that was written so many days ago.
fn put(store: &Store, byte: u8, size: usize, days: u32) -> Digest {
    let mut writer = store.writer().unwrap();
    writer.write_all(&vec![byte; size]).unwrap();
    let (digest, blob) = writer.commit().unwrap();
    date(&blob.path, days);
    digest
}

/// Sets the time of a file to so many days ago.
fn date(path: &Path, days: u32) {
    File::open(path).unwrap().set_modified(SystemTime::now() - DAY * days).unwrap();
}

fn digests(removal: &Removal) -> Vec<Digest> {
    removal.blobs.iter().map(|blob| blob.digest.clone()).collect()
}

/// What a store holds beside blobs and records.
fn other(store: &Store) -> u64 {
    store.contents().unwrap().other
}

#[test]
fn what_was_used_longest_ago_goes_first_until_the_rest_fits() {
    let (_folder, store) = Store::for_test();
    let old = put(&store, 1, 1000, 3);
    let older = put(&store, 2, 1000, 4);
    let oldest_but_used = put(&store, 3, 1000, 9);
    let new = put(&store, 4, 1000, 0);
    assert!(store.blob(&oldest_but_used).is_some());
    let written = std::fs::metadata(store.blob_path(&oldest_but_used)).unwrap().modified().unwrap();
    assert!(written < SystemTime::now() - 8 * DAY, "the blob's own time stays: its stamp must not change");

    let fits = other(&store) + 2000;
    let expected = [older.clone(), old.clone()];
    assert_eq!(digests(&store.prunable(&Retention::of_bytes(fits)).unwrap()), expected);
    assert_eq!(
        digests(&store.prunable(&Retention::of_bytes(fits + 1999)).unwrap()),
        std::slice::from_ref(&older)
    );
    assert_eq!(store.prunable(&Retention::of_bytes(fits + 2000)).unwrap(), Removal::default());
    assert_eq!(digests(&store.prunable(&Retention::of_age(2 * DAY)).unwrap()), expected);

    let root = store.root().to_owned();
    let removal = store.prune(&Retention::of_bytes(fits)).unwrap().unwrap();
    assert_eq!(digests(&removal), expected);
    let store = Store::open(&root).unwrap();
    let left = [old, older, oldest_but_used, new].map(|digest| store.blob(&digest).is_some());
    assert_eq!(left, [false, false, true, true]);
}

#[test]
fn a_use_by_place_counts_and_one_of_what_is_not_there_does_not() {
    let (_folder, store) = Store::for_test();
    let (used, unused) = (put(&store, 1, 10, 5), put(&store, 2, 10, 4));
    drop(store.expected_blob(&used, 10));
    drop(store.expected_blob(&Digest::of(b"absent"), 10));
    assert_eq!(digests(&store.prunable(&Retention::of_age(DAY)).unwrap()), [unused]);
    assert_eq!(std::fs::read_dir(store.root().join("used")).unwrap().count(), 1);
}

#[test]
fn nothing_goes_while_somebody_uses_the_store() {
    let (_folder, store) = Store::for_test();
    let digest = put(&store, 1, 1000, 3);
    let root = store.root().to_owned();
    let everything = Retention::of_age(Duration::ZERO);
    let clone = store.clone();
    let another = Store::open(&root).unwrap();
    assert_eq!(store.prune(&everything).unwrap(), None, "a clone of it is there");
    drop(clone);
    let third = Store::open(&root).unwrap();
    assert_eq!(third.remove(std::slice::from_ref(&digest)).unwrap(), None, "another one is open");
    let under_way = another.writer().unwrap();
    assert_eq!(another.prune(&everything).unwrap(), None, "a blob is under way");
    drop(under_way);
    let last = Store::open(&root).unwrap();
    assert!(last.blob(&digest).is_some());
    assert_eq!(digests(&last.prune(&everything).unwrap().unwrap()), [digest]);
}

#[test]
fn who_opens_a_store_waits_until_nothing_is_removed_any_more() {
    let (_folder, store) = Store::for_test();
    let root = store.root().to_owned();
    drop(store);
    let lock = in_use::lock_alone(&root).unwrap().unwrap();
    let opening = std::thread::spawn(move || Store::open(&root).map(drop));
    std::thread::sleep(Duration::from_millis(100));
    assert!(!opening.is_finished());
    drop(lock);
    opening.join().unwrap().unwrap();
}

#[test]
fn the_end_of_a_command_keeps_to_the_limit_if_it_has_added_something() {
    let (_folder, store) = Store::for_test();
    let root = store.root().to_owned();
    let blobs = |store: &Store| store.contents().unwrap().blobs.len();
    for byte in 0..3 {
        put(&store, byte, 1000, 3);
    }
    let limit = other(&store) + 1500;
    drop(store);
    let unchanged = Store::open(&root).unwrap();
    unchanged.with_limit(limit).close().unwrap();
    let adding = Store::open(&root).unwrap();
    assert_eq!(blobs(&adding), 3, "nothing was added");
    let new = put(&adding, 9, 1000, 0);
    adding.with_limit(limit).close().unwrap();
    let left = Store::open(&root).unwrap().contents().unwrap().blobs;
    assert_eq!(left.into_iter().map(|blob| blob.digest).collect::<Vec<_>>(), [new]);
}

#[test]
fn records_outlive_their_blobs_until_nobody_asks_for_them() {
    let (_folder, store) = Store::for_test();
    let keys = ["old", "asked for", "new"].map(|name| Digest::of(name.as_bytes()));
    for (key, days) in keys.iter().zip([91, 91, 1]) {
        store.write_record("numbers-1", key, &7).unwrap();
        date(&store.root().join("numbers-1").join(format!("{}.json", key.hex())), days);
    }
    assert_eq!(store.record("numbers-1", &keys[1]), Some(7));
    std::fs::create_dir(store.root().join("rie")).unwrap();
    let emulator = store.root().join("rie").join("emulator");
    std::fs::write(&emulator, b"of the user").unwrap();
    date(&emulator, 400);

    let root = store.root().to_owned();
    store.prune(&Retention::of_bytes(0)).unwrap().unwrap();
    let store = Store::open(&root).unwrap();
    assert_eq!(keys.each_ref().map(|key| store.record("numbers-1", key)), [None, Some(7), Some(7)]);
    store.prune(&Retention::of_age(Duration::ZERO)).unwrap().unwrap();
    let store = Store::open(&root).unwrap();
    assert_eq!(store.record::<u8>("numbers-1", &keys[2]), None);
    assert!(emulator.exists(), "what nobody can make again stays");
}

#[test]
fn damaged_blobs_are_found_and_a_store_that_checks_lets_them_go() {
    let (_folder, store) = Store::for_test();
    let (good, bad) = (put(&store, 1, 1000, 0), put(&store, 2, 1000, 0));
    std::fs::remove_file(store.blob_path(&bad)).unwrap();
    std::fs::write(store.blob_path(&bad), vec![3; 1000]).unwrap();
    assert_eq!(store.damaged().unwrap(), std::slice::from_ref(&bad));
    assert!(
        store.blob(&bad).is_some() && store.removed_blobs().is_empty(),
        "who does not check does not know"
    );

    let checking = store.verifying();
    assert!(!checking.expected_blob(&bad, 1000).is_present());
    assert!(checking.blob(&good).is_some());
    assert_eq!(checking.removed_blobs(), std::slice::from_ref(&bad));
    put(&checking, 2, 1000, 0);
    assert!(checking.blob(&bad).is_some(), "made again, it is another one");
    assert!(checking.damaged().unwrap().is_empty());
}

#[cfg(unix)]
#[test]
fn a_blob_that_a_layout_has_too_is_known_to_be_shared() {
    let (folder, store) = Store::for_test();
    let digest = put(&store, 1, 1000, 0);
    let is_shared = || store.contents().unwrap().blobs[0].is_shared;
    assert!(!is_shared());
    std::fs::hard_link(store.blob_path(&digest), folder.path().join("elsewhere")).unwrap();
    assert!(is_shared());
}
