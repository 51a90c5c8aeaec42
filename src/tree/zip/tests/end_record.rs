//! Where the end record says the central directory is, and how many entries it says there are.

use super::fixture::{Zip, archive, directory, file, read, shown};

/// The size of an end record without a comment.
const END: usize = 22;

/// Replaces the number of entries in the end record.
fn with_count(mut bytes: Vec<u8>, count: u16) -> Vec<u8> {
    let end = bytes.len() - END;
    for at in [8, 10] {
        bytes[end + at..end + at + 2].copy_from_slice(&count.to_le_bytes());
    }
    bytes
}

/// Adds to a 32-bit number of the end record: the directory's size at 12, its position at 16.
fn moved(mut bytes: Vec<u8>, at: usize, by: i64) -> Vec<u8> {
    let at = bytes.len() - END + at;
    let number = i64::from(u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())) + by;
    bytes[at..at + 4].copy_from_slice(&u32::try_from(number).unwrap().to_le_bytes());
    bytes
}

/// Adds zip64 records, with these differences from what is right: of the number of entries, of the directory's
/// position, and of the record's own position.
fn with_zip64(bytes: &[u8], entries: i64, position: i64, record: i64) -> Vec<u8> {
    let (body, end) = bytes.split_at(bytes.len() - END);
    let number = |at: usize, length: usize| {
        let mut number = [0; 8];
        number[..length].copy_from_slice(&end[at..at + length]);
        i64::from_le_bytes(number)
    };
    let mut bytes = body.to_vec();
    bytes.extend(b"PK\x06\x06");
    bytes.extend(44_u64.to_le_bytes());
    bytes.extend([45, 3, 45, 0]);
    bytes.extend([0; 8]);
    let entries = number(10, 2) + entries;
    for number in [entries, entries, number(12, 4), number(16, 4) + position] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(b"PK\x06\x07");
    bytes.extend([0; 4]);
    bytes.extend((i64::try_from(body.len()).unwrap() + record).to_le_bytes());
    bytes.extend([1, 0, 0, 0]);
    bytes.extend(b"PK\x05\x06");
    bytes.extend([0; 4]);
    bytes.extend([0xff; 12]);
    bytes.extend([0; 2]);
    bytes
}

fn sample() -> Vec<u8> {
    archive(&[file("a", "content").deflated(), file("b", ""), directory("d/")])
}

fn names(zip: &Zip) -> Vec<String> {
    shown(&zip.load().unwrap()).into_iter().map(|(path, node)| format!("{path} {node}")).collect()
}

const SAMPLE: [&str; 3] = ["a - content", "b - ", "d d"];

#[test]
fn entries_are_read_on_where_their_number_does_not_fit_into_the_end_record() {
    for (count, declared) in [(65_535_usize, 65_535), (65_536, 0), (70_000, 4_464)] {
        let entries: Vec<_> = (0..count).map(|number| file(format!("{number}"), "")).collect();
        let zip = Zip::new(&with_count(archive(&entries), declared));
        assert_eq!(zip.load().unwrap().files(), count as u64);
    }
}

#[test]
fn an_archive_must_have_the_entries_that_it_declares() {
    for count in [0, 1, 2, 4, 65_535] {
        let error = Zip::new(&with_count(sample(), count)).error();
        assert!(error.contains("another number of entries"), "{count}: {error}");
    }
    for difference in [-1, 1, 65_536] {
        let error = Zip::new(&with_zip64(&sample(), difference, 0, 0)).error();
        assert!(error.contains("another number of entries"), "{difference}: {error}");
    }
}

#[test]
fn nothing_is_lost_behind_a_damaged_record() {
    let whole = sample();
    let records: Vec<_> = whole.windows(4).enumerate().filter(|(_, it)| it == b"PK\x01\x02").collect();
    for (count, (record, _)) in records.iter().enumerate() {
        let mut bytes = with_count(whole.clone(), u16::try_from(count).unwrap());
        bytes[*record] = b'Q';
        let error = Zip::new(&bytes).error();
        assert!(error.contains("failed to read the zip archive"), "{count}: {error}");
    }
}

#[test]
fn the_directory_ends_where_the_end_record_begins() {
    let between = |rest: &[u8]| {
        let whole = sample();
        let (body, end) = whole.split_at(whole.len() - END);
        [body, rest, end].concat()
    };
    for rest in [&b"x"[..], &[0; 46], b"PK\x01\x02", b"PK\x05\x05\x01\x00x"] {
        let error = Zip::new(&between(rest)).error();
        assert!(error.contains("failed to read the zip archive"), "{rest:?}: {error}");
    }
    let record = 46 + 1;
    for (at, by) in [
        (12, 1),
        (12, -1),
        (12, -record),
        (12, -(2 * record)),
        (12, record),
        (16, 1),
        (16, -1),
        (16, 1 << 24),
    ] {
        let error = Zip::new(&moved(sample(), at, by)).error();
        assert!(error.contains("layer.zip"), "{at} {by}: {error}");
    }
}

#[test]
fn an_archive_of_directories_cannot_hide_some_of_them() {
    let whole = archive(&[directory("a/"), directory("b/"), directory("c/")]);
    // The size and number of the last two: their local headers are then not where they are declared to be.
    let hidden = with_count(moved(whole.clone(), 12, -(46 + 2)), 2);
    let error = Zip::new(&hidden).error();
    assert!(error.contains("failed to read the zip archive"), "{error}");
    // An end record that knows nothing of what is before it.
    let directory = whole.windows(4).position(|it| it == b"PK\x01\x02").unwrap();
    let length = i64::try_from(whole.len() - END - directory).unwrap();
    let error = Zip::new(&with_count(moved(whole, 12, -length), 0)).error();
    assert!(error.contains("failed to read the zip archive"), "{error}");
    assert!(Zip::new(&archive(&[])).load().unwrap().is_empty());
}

#[test]
fn an_archive_may_follow_a_program() {
    let stub = b"#!/usr/bin/env python3\n".repeat(500);
    let length = i64::try_from(stub.len()).unwrap();
    let adjusted = |count: usize| {
        let entries = ["a", "b"].into_iter().take(count).map(|name| {
            let position = stub.len() + usize::from(name == "b") * (30 + 1 + 7);
            super::fixture::NewEntry { header: Some(position.try_into().unwrap()), ..file(name, "content") }
        });
        moved(archive(&entries.collect::<Vec<_>>()), 16, length)
    };
    let after_stub = |bytes: &[u8]| Zip::new(&[&stub, bytes].concat());
    // Positions count from the beginning of the archive, or of the file.
    for bytes in [sample(), with_zip64(&sample(), 0, 0, 0)] {
        assert_eq!(names(&after_stub(&bytes)), SAMPLE);
    }
    for bytes in [adjusted(2), with_zip64(&adjusted(2), 0, 0, length)] {
        assert_eq!(names(&after_stub(&bytes)), ["a - content", "b - content"]);
    }
    // A comment that repeats the signature, and something behind the archive.
    let mut commented = sample();
    let at = commented.len() - 2;
    commented[at..].copy_from_slice(&[8, 0]);
    commented.extend(b"PK\x05\x06zip\n");
    assert_eq!(names(&after_stub(&commented)), SAMPLE);
}

#[test]
fn zip64_records_must_lead_to_the_directory() {
    assert_eq!(names(&Zip::new(&with_zip64(&sample(), 0, 0, 0))), SAMPLE);
    for (position, record) in [(1, 0), (0, 1), (0, 1 << 40), (1 << 40, 0), (i64::MAX >> 1, 0)] {
        let error = Zip::new(&with_zip64(&sample(), 0, position, record)).error();
        assert!(error.contains("failed to read the zip archive"), "{position} {record}: {error}");
    }
}

#[test]
fn the_end_of_another_archive_in_a_comment_is_not_the_end() {
    // The comment is a whole archive, whose end record is the last one of the file.
    let inner = archive(&[file("inner", "x")]);
    let mut outer = sample();
    let at = outer.len() - 2;
    outer[at..].copy_from_slice(&u16::try_from(inner.len()).unwrap().to_le_bytes());
    outer.extend(&inner);
    let zip = Zip::new(&outer);
    // As `unzip` reads it: the last archive in a file is the archive, what is before it a program.
    assert_eq!(names(&zip), ["inner - x"]);
    assert_eq!(read(&zip.load().unwrap(), "inner").unwrap(), b"x");
}
