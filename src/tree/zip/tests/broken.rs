//! Archives that are none, lie, or change.

use std::io::Read as _;

use super::fixture::{Entry, Zip, archive, chain, directory, file, link, read};
use super::{Node, SIZE_LIMIT};

/// What reading the only file says.
fn read_error(entry: Entry) -> String {
    let zip = Zip::of(&[entry]);
    let tree = zip.load().unwrap();
    let error = read(&tree, "a").unwrap_err();
    let Some(Node::File(file)) = tree.get(&"/opt/a".parse().unwrap()) else { panic!("no file") };
    let whole = file.content.open().map(|mut reader| reader.read_to_end(&mut Vec::new()));
    assert!(!matches!(whole, Ok(Ok(_))), "reading up to the end fails too");
    error
}

#[test]
fn what_cannot_be_unpacked_is_refused_by_name() {
    for (entry, why) in [
        (Entry { flags: 1, ..file("d/a", "x") }, "encrypted"),
        (Entry { flags: 1, method: 99, ..file("d/a", "x") }, "encrypted"),
        (Entry { method: 93, ..file("d/a", "x") }, "compressed with `Unsupported(93)`"),
        (Entry { method: 12, ..link("d/a", "x") }, "compressed with"),
        (Entry { size: 2, ..file("d/a", "x") }, "one size"),
    ] {
        let zip = Zip::of(&[entry]);
        let error = zip.error();
        assert!(error.contains("layer.zip: d/a` is ") && error.contains(why), "{error}");
        assert!(zip.load_without(&["a"]).is_ok());
    }
    let ignored = Zip::of(&[Entry { flags: 1, ..file(".limgignore", "x") }]).error();
    assert!(ignored.contains("encrypted"), "{ignored}");
    assert!(Zip::of(&[Entry { method: 8, ..directory("d/") }]).load().is_ok(), "a directory has no bytes");
}

#[test]
fn an_entry_is_held_to_its_size_and_checksum() {
    for content in ["", "content"] {
        let good = || file("a", content).deflated();
        let wrong = read_error(Entry { crc32: good().crc32 ^ 1, ..good() });
        assert!(wrong.contains("checksum"), "{wrong}");
        let wrong = read_error(Entry { crc32: good().crc32 ^ 1, ..file("a", content) });
        assert!(wrong.contains("checksum"), "{wrong}");
        let fewer = read_error(Entry { size: good().size + 1, ..good() });
        assert!(fewer.contains("fewer bytes"), "{fewer}");
    }
    let more = read_error(Entry { size: 3, ..file("a", "content").deflated() });
    assert!(more.contains("more bytes"), "{more}");
    let more = read_error(Entry { size: 0, ..file("a", vec![0; 1 << 20]).deflated() });
    assert!(more.contains("more bytes"), "{more}");
    let mut cut = file("a", "content content content").deflated();
    cut.data.truncate(5);
    read_error(cut);
    read_error(Entry { data: vec![0xff; 9], ..file("a", "content").deflated() });
}

#[test]
fn a_local_header_must_be_the_announced_one() {
    for entry in [
        Entry { local_name: Some(b"b".to_vec()), ..file("a", "x") },
        Entry { local_name: Some(b"bc".to_vec()), ..file("a", "x") },
    ] {
        let error = read_error(entry);
        assert!(error.contains("its own header"), "{error}");
    }
    let mut elsewhere = archive(&[file("a", "x")]);
    elsewhere[0] = b'Q';
    let zip = Zip::new(&elsewhere);
    let error = read(&zip.load().unwrap(), "a").unwrap_err();
    assert!(error.contains("its own header"), "{error}");
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let twice = [file("a", "content"), Entry { header: Some(0), ..file("b", "content") }];
    let error = Zip::of(&twice).error();
    assert!(error.contains("shares bytes"), "{error}");

    // The second entry is inside of the first one's content.
    let inner = archive(&[file("b", "x")]);
    let outer = file("a", &inner);
    let entries = [outer, Entry { header: Some(31), ..file("b", "x") }];
    assert!(Zip::of(&entries).error().contains("shares bytes"));

    let mut long = archive(&[file("a", "x")]);
    // The length of the extra fields in the local header, which no longer leaves room for the content.
    long[28] = 1;
    let zip = Zip::new(&long);
    let error = read(&zip.load().unwrap(), "a").unwrap_err();
    assert!(error.contains("shares bytes"), "{error}");
}

#[test]
fn bombs_are_refused_at_listing() {
    let bomb: Vec<_> =
        (0..4).map(|number| Entry { size: 3 << 30, ..file(number.to_string(), "x").deflated() }).collect();
    let error = Zip::of(&bomb).error();
    assert!(error.contains("layer.zip` unpacks to more than the 10 GiB"), "{error}");
    assert!(Zip::of(&bomb).load_without(&["3"]).is_ok());

    let sparse = Zip::of(&[]);
    let file = std::fs::File::options().write(true).open(sparse.path()).unwrap();
    file.set_len(SIZE_LIMIT + 1).unwrap();
    assert!(sparse.error().contains("larger than"));
}

#[test]
fn what_is_no_archive_is_refused() {
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
    for (offset, what) in [(4, "disk"), (6, "disk")] {
        let mut disks = whole.clone();
        let end = disks.len() - 22;
        disks[end + offset] = 1;
        let error = Zip::new(&disks).error();
        assert!(error.contains(what), "{error}");
    }
    let zip = Zip::of(&[]);
    std::fs::remove_file(zip.path()).unwrap();
    assert!(zip.error().contains("failed to open"));
    std::fs::create_dir(zip.path()).unwrap();
    assert!(zip.load().is_err());
}

#[test]
fn an_archive_that_changed_since_is_not_read() {
    let zip = Zip::of(&[file("a", "content")]);
    let tree = zip.load().unwrap();
    assert!(read(&tree, "a").is_ok());
    std::fs::write(zip.path(), archive(&[file("a", "other, longer content")])).unwrap();
    let error = read(&tree, "a").unwrap_err();
    assert!(error.contains("changed while limg was working") && error.contains("layer.zip"), "{error}");

    let tree = zip.load().unwrap();
    let other = Zip::of(&[file("a", "content")]);
    std::fs::rename(other.path(), zip.path()).unwrap();
    let error = read(&tree, "a").unwrap_err();
    assert!(error.contains("changed while limg was working"), "{error}");
}

#[test]
fn errors_name_archive_and_entry() {
    let zip = Zip::of(&[Entry { crc32: 0, ..file("d/a", "") }, Entry { crc32: 1, ..file("d/b", "") }]);
    let tree = zip.load().unwrap();
    let Some(Node::File(file)) = tree.get(&"/opt/d/b".parse().unwrap()) else { panic!("no file") };
    assert!(file.content.to_string().ends_with("layer.zip: d/b"));
    let error = chain(&file.content.open().err().unwrap());
    assert!(error.contains("layer.zip: d/b`: its bytes do not have the checksum"), "{error}");
}
