//! Files that are not archives, and archives that are damaged, contradict themselves, or change.

use std::io::Read as _;

use super::fixture::{NewEntry, Zip, archive, directory, file, link, read};
use super::{IMAGE_SIZE_LIMIT, Node};
use crate::text::with_causes;

/// The error of reading the only file.
fn read_error(entry: NewEntry) -> String {
    let zip = Zip::of(&[entry]);
    let tree = zip.load().unwrap();
    let error = read(&tree, "a").unwrap_err();
    let Some(Node::File(file)) = tree.get(&"/opt/a".parse().unwrap()) else { panic!("no file") };
    let whole = file.content.open().map(|mut reader| reader.read_to_end(&mut Vec::new()));
    assert!(!matches!(whole, Ok(Ok(_))), "reading up to the end fails too");
    error
}

#[test]
fn entries_that_cannot_be_unpacked_are_rejected_by_name() {
    for (entry, why) in [
        (NewEntry { flags: 1, ..file("d/a", "x") }, "encrypted"),
        (NewEntry { flags: 1, method: 99, ..file("d/a", "x") }, "encrypted"),
        (NewEntry { method: 93, ..file("d/a", "x") }, "uses compression method 93 (ZSTD)"),
        (NewEntry { method: 12, ..link("d/a", "x") }, "uses compression method 12"),
        (NewEntry { size: 2, ..file("d/a", "x") }, "two different sizes"),
    ] {
        let zip = Zip::of(&[entry]);
        let error = zip.error();
        assert!(error.contains("layer.zip: d/a` ") && error.contains(why), "{error}");
        assert!(zip.load_without(&["a"]).is_ok());
    }
    let ignored = Zip::of(&[NewEntry { flags: 1, ..file(".limgignore", "x") }]).error();
    assert!(ignored.contains("encrypted"), "{ignored}");
    assert!(Zip::of(&[NewEntry { method: 8, ..directory("d/") }]).load().is_ok(), "a directory has no bytes");
}

#[test]
fn an_entry_must_have_its_declared_size_and_checksum() {
    for content in ["", "content"] {
        let good = || file("a", content).deflated();
        let wrong = read_error(NewEntry { crc32: good().crc32 ^ 1, ..good() });
        assert!(wrong.contains("checksum"), "{wrong}");
        let wrong = read_error(NewEntry { crc32: good().crc32 ^ 1, ..file("a", content) });
        assert!(wrong.contains("checksum"), "{wrong}");
        let fewer = read_error(NewEntry { size: good().size + 1, ..good() });
        assert!(fewer.contains("fewer bytes"), "{fewer}");
    }
    let more = read_error(NewEntry { size: 3, ..file("a", "content").deflated() });
    assert!(more.contains("more bytes"), "{more}");
    let more = read_error(NewEntry { size: 0, ..file("a", vec![0; 1 << 20]).deflated() });
    assert!(more.contains("more bytes"), "{more}");
    let mut cut = file("a", "content content content").deflated();
    cut.data.truncate(5);
    read_error(cut);
    read_error(NewEntry { data: vec![0xff; 9], ..file("a", "content").deflated() });
}

#[test]
fn a_local_header_must_match_the_central_directory() {
    for entry in [
        NewEntry { local_name: Some(b"b".to_vec()), ..file("a", "x") },
        NewEntry { local_name: Some(b"bc".to_vec()), ..file("a", "x") },
    ] {
        let error = read_error(entry);
        assert!(error.contains("its local header"), "{error}");
    }
    let mut elsewhere = archive(&[file("0", ""), file("a", "x")]);
    // The second local header.
    elsewhere[31] = b'Q';
    let zip = Zip::new(&elsewhere);
    let error = read(&zip.load().unwrap(), "a").unwrap_err();
    assert!(error.contains("its local header"), "{error}");
}

#[test]
fn a_local_header_must_have_the_method_checksum_and_sizes_of_the_central_directory() {
    let whole = archive(&[file("a", "some content that is deflated, deflated, deflated").deflated()]);
    let (method, checksum, compressed, size) = (8, 14, 18, 22);
    for at in [method, checksum, compressed, size] {
        let mut other = whole.clone();
        other[at] ^= 1;
        let zip = Zip::new(&other);
        let error = read(&zip.load().unwrap(), "a").unwrap_err();
        assert!(error.contains("its local header"), "{at}: {error}");
        // The numbers may follow the bytes, be in a zip64 field, or be left out.
        other[6] = 8;
        let zip = Zip::new(&other);
        assert_eq!(read(&zip.load().unwrap(), "a").is_ok(), at != method, "{at}");
        for left_out in [0, 0xff] {
            let mut other = whole.clone();
            other[at..at + 4].fill(left_out);
            let zip = Zip::new(&other);
            assert_eq!(read(&zip.load().unwrap(), "a").is_ok(), at != method, "{at}");
        }
    }
}

#[test]
fn entries_that_overlap_are_rejected() {
    let twice = [file("a", "content"), NewEntry { header: Some(0), ..file("b", "content") }];
    let error = Zip::of(&twice).error();
    assert!(error.contains("overlaps"), "{error}");

    // The second entry is inside the content of the first.
    let inner = archive(&[file("b", "x")]);
    let outer = file("a", &inner);
    let entries = [outer, NewEntry { header: Some(31), ..file("b", "x") }];
    assert!(Zip::of(&entries).error().contains("overlaps"));

    let mut long = archive(&[file("a", "x")]);
    // The length of the extra fields in the local header, which then leaves no room for the content.
    long[28] = 1;
    let zip = Zip::new(&long);
    let error = read(&zip.load().unwrap(), "a").unwrap_err();
    assert!(error.contains("overlaps"), "{error}");
}

#[test]
fn archives_that_unpack_to_too_much_are_rejected_when_listed() {
    let bomb: Vec<_> =
        (0..4).map(|number| NewEntry { size: 3 << 30, ..file(number.to_string(), "x").deflated() }).collect();
    let error = Zip::of(&bomb).error();
    assert!(error.contains("layer.zip` unpacks to more than 10 GiB"), "{error}");
    assert!(Zip::of(&bomb).load_without(&["3"]).is_ok());

    let sparse = Zip::of(&[]);
    let file = std::fs::File::options().write(true).open(sparse.path()).unwrap();
    file.set_len(IMAGE_SIZE_LIMIT + 1).unwrap();
    assert!(sparse.error().contains("larger than"));
}

#[test]
fn files_that_are_not_archives_are_rejected() {
    let whole = archive(&[file("a", "content"), file("b", "more")]);
    for bytes in [&[][..], b"PK", b"no archive at all", &vec![0; 100_000], &whole[1..10]] {
        let error = Zip::new(bytes).error();
        assert!(
            error.starts_with("failed to read the zip archive `") && error.contains("layer.zip`"),
            "{error}"
        );
    }
    for end in 1..whole.len() {
        assert!(Zip::new(&whole[..end]).load().is_err(), "cut at {end}");
    }
    // The numbers of disks and the number of entries on this one.
    for offset in [4, 6, 8] {
        let mut disks = whole.clone();
        let end = disks.len() - 22;
        disks[end + offset] = 1;
        let error = Zip::new(&disks).error();
        assert!(error.contains("several disks"), "{error}");
    }
    let zip = Zip::of(&[]);
    std::fs::remove_file(zip.path()).unwrap();
    assert!(zip.error().contains("failed to open"));
    std::fs::create_dir(zip.path()).unwrap();
    assert!(zip.load().is_err());
}

#[test]
fn a_comment_may_contain_the_signature_of_an_archive() {
    let mut bytes = archive(&[file("a", "content")]);
    let comment = b"PK\x05\x06 is how an end record begins, and so is PK\x05\x06";
    let length = u16::try_from(comment.len()).unwrap().to_le_bytes();
    let end = bytes.len() - 2;
    bytes[end..].copy_from_slice(&length);
    bytes.extend(comment);
    let zip = Zip::new(&bytes);
    assert_eq!(read(&zip.load().unwrap(), "a").unwrap(), b"content");
}

#[test]
fn an_archive_that_changed_after_listing_is_not_read() {
    let zip = Zip::of(&[file("a", "content")]);
    let tree = zip.load().unwrap();
    assert!(read(&tree, "a").is_ok());
    std::fs::write(zip.path(), archive(&[file("a", "other, longer content")])).unwrap();
    let error = read(&tree, "a").unwrap_err();
    assert!(error.contains("layer.zip` changed while limg was reading it"), "{error}");

    let tree = zip.load().unwrap();
    let other = Zip::of(&[file("a", "content")]);
    std::fs::rename(other.path(), zip.path()).unwrap();
    let error = read(&tree, "a").unwrap_err();
    assert!(error.contains("changed while limg was reading it"), "{error}");
}

#[test]
fn an_archive_that_changes_while_an_entry_is_read_is_an_error() {
    let content = vec![b'x'; 300_000];
    for entry in [file("a", &content), file("a", &content).deflated()] {
        let zip = Zip::of(std::slice::from_ref(&entry));
        let tree = zip.load().unwrap();
        let Some(Node::File(file)) = tree.get(&"/opt/a".parse().unwrap()) else { panic!("no file") };
        let mut reader = file.content.open().unwrap();
        reader.read_exact(&mut [0; 1000]).unwrap();
        // The same bytes: only the times tell.
        std::fs::write(zip.path(), archive(&[entry])).unwrap();
        let error = with_causes(&reader.read_to_end(&mut Vec::new()).unwrap_err());
        assert!(error.contains("layer.zip` changed while limg was reading it"), "{error}");
    }
}

#[test]
fn errors_name_archive_and_entry() {
    let zip = Zip::of(&[NewEntry { crc32: 0, ..file("d/a", "") }, NewEntry { crc32: 1, ..file("d/b", "") }]);
    let tree = zip.load().unwrap();
    let Some(Node::File(file)) = tree.get(&"/opt/d/b".parse().unwrap()) else { panic!("no file") };
    assert!(file.content.to_string().ends_with("layer.zip: d/b"));
    let error = with_causes(&file.content.open().err().unwrap());
    assert!(error.contains("layer.zip: d/b`: its bytes do not match the checksum"), "{error}");
}
