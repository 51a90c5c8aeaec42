use std::fs::File;
use std::io::Write as _;

use super::*;

const DAY: Duration = Duration::from_hours(24);

/// Adds a blob of so many bytes that was written so many days ago.
fn put(store: &Store, byte: u8, size: usize, days: u32) -> Digest {
    let mut writer = store.writer().unwrap();
    writer.write_all(&vec![byte; size]).unwrap();
    let (digest, blob) = writer.commit().unwrap();
    date(&blob.path, days);
    digest
}

/// Sets the modification time of a file to so many days ago.
fn date(path: &Path, days: u32) {
    File::open(path).unwrap().set_modified(SystemTime::now() - DAY * days).unwrap();
}

fn digests(removal: &Removal) -> Vec<Digest> {
    removal.blobs.iter().map(|blob| blob.digest.clone()).collect()
}

/// The size of a store without blobs and records.
fn other(store: &Store) -> u64 {
    store.contents().unwrap().other
}

#[test]
fn the_least_recently_used_blobs_are_removed_until_the_rest_fits() {
    let (_folder, store) = Store::for_test();
    let old = put(&store, 1, 1000, 3);
    let older = put(&store, 2, 1000, 4);
    let oldest_but_used = put(&store, 3, 1000, 9);
    let new = put(&store, 4, 1000, 0);
    assert!(store.blob(&oldest_but_used).is_some());
    let written = std::fs::metadata(store.blob_path(&oldest_but_used)).unwrap().modified().unwrap();
    assert!(written < SystemTime::now() - 8 * DAY, "a use does not change the times of the blob itself");

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
fn an_expected_blob_counts_as_used_only_if_it_is_present() {
    let (_folder, store) = Store::for_test();
    let (used, unused) = (put(&store, 1, 10, 5), put(&store, 2, 10, 4));
    drop(store.expected_blob(&used, 10));
    drop(store.expected_blob(&Digest::of(b"absent"), 10));
    assert_eq!(digests(&store.prunable(&Retention::of_age(DAY)).unwrap()), [unused]);
    assert_eq!(std::fs::read_dir(store.root().join("used")).unwrap().count(), 1);
}

#[test]
fn nothing_is_removed_while_the_store_is_in_use() {
    let (_folder, store) = Store::for_test();
    let digest = put(&store, 1, 1000, 3);
    let root = store.root().to_owned();
    let everything = Retention::of_age(Duration::ZERO);
    let clone = store.clone();
    let another = Store::open(&root).unwrap();
    assert_eq!(store.prune(&everything).unwrap(), None, "a clone exists");
    drop(clone);
    let third = Store::open(&root).unwrap();
    assert_eq!(third.remove(std::slice::from_ref(&digest)).unwrap(), None, "another store is open");
    let unfinished = another.writer().unwrap();
    assert_eq!(another.prune(&everything).unwrap(), None, "a blob is being written");
    drop(unfinished);
    let last = Store::open(&root).unwrap();
    assert!(last.blob(&digest).is_some());
    assert_eq!(digests(&last.prune(&everything).unwrap().unwrap()), [digest]);
}

#[test]
fn opening_a_store_waits_until_a_removal_has_ended() {
    let (_folder, store) = Store::for_test();
    let root = store.root().to_owned();
    drop(store);
    let lock = in_use::try_lock_exclusive(&root).unwrap().unwrap();
    let opening = std::thread::spawn(move || Store::open(&root).map(drop));
    std::thread::sleep(Duration::from_millis(100));
    assert!(!opening.is_finished());
    drop(lock);
    opening.join().unwrap().unwrap();
}

#[test]
fn closing_a_store_enforces_the_limit_only_if_something_was_added() {
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
fn records_outlive_their_blobs_until_they_are_unused() {
    let (_folder, store) = Store::for_test();
    let keys = ["old", "used", "new"].map(|name| Digest::of(name.as_bytes()));
    for (key, days) in keys.iter().zip([91, 91, 1]) {
        store.write_record("numbers-1", key, &7).unwrap();
        date(&store.root().join("numbers-1").join(format!("{}.json", key.hex())), days);
    }
    assert_eq!(store.record("numbers-1", &keys[1]), Some(7));
    std::fs::create_dir(store.root().join("rie")).unwrap();
    let emulator = store.root().join("rie").join("emulator");
    std::fs::write(&emulator, b"a file of the user").unwrap();
    date(&emulator, 400);

    let root = store.root().to_owned();
    store.prune(&Retention::of_bytes(0)).unwrap().unwrap();
    let store = Store::open(&root).unwrap();
    assert_eq!(keys.each_ref().map(|key| store.record("numbers-1", key)), [None, Some(7), Some(7)]);
    store.prune(&Retention::of_age(Duration::ZERO)).unwrap().unwrap();
    let store = Store::open(&root).unwrap();
    assert_eq!(store.record::<u8>("numbers-1", &keys[2]), None);
    assert!(emulator.exists(), "files of the user stay");
}

#[test]
fn damaged_blobs_are_found_and_a_verifying_store_removes_them() {
    let (_folder, store) = Store::for_test();
    let (good, bad) = (put(&store, 1, 1000, 0), put(&store, 2, 1000, 0));
    std::fs::remove_file(store.blob_path(&bad)).unwrap();
    std::fs::write(store.blob_path(&bad), vec![3; 1000]).unwrap();
    assert_eq!(store.damaged().unwrap(), std::slice::from_ref(&bad));
    assert!(store.blob(&bad).is_some() && store.removed_blobs().is_empty(), "only a verifying store notices");

    let verifying = store.verifying();
    assert!(!verifying.expected_blob(&bad, 1000).is_present());
    assert!(verifying.blob(&good).is_some());
    assert_eq!(verifying.removed_blobs(), std::slice::from_ref(&bad));
    put(&verifying, 2, 1000, 0);
    assert!(verifying.blob(&bad).is_some(), "it was added again");
    assert!(verifying.damaged().unwrap().is_empty());
}

#[cfg(unix)]
#[test]
fn a_blob_with_another_hard_link_counts_as_shared() {
    let (folder, store) = Store::for_test();
    let digest = put(&store, 1, 1000, 0);
    let is_shared = || store.contents().unwrap().blobs[0].is_shared;
    assert!(!is_shared());
    std::fs::hard_link(store.blob_path(&digest), folder.path().join("elsewhere")).unwrap();
    assert!(is_shared());
}
