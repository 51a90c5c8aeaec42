use std::io::{self, Read};

use super::*;

/// An entry named `a`: a header that claims this size, then the content.
fn entry(kind: tar::EntryType, size: u64, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_path("a").unwrap();
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    let mut bytes = [header.as_bytes(), content].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// The paths of all entries.
fn names(tar: impl Read) -> io::Result<Vec<String>> {
    let mut entries = TarEntries::new(tar);
    let mut names = Vec::new();
    while let Some(entry) = entries.next_entry()? {
        names.push(entry.name);
    }
    Ok(names)
}

#[test]
fn the_last_block_may_be_cut_short() {
    let whole = entry(tar::EntryType::Regular, 6, b"hello\n");
    assert_eq!(names(&whole[..512 + 6]).unwrap(), ["a"]);
}

#[test]
fn rubbish_is_an_error() {
    assert!(names(&[7_u8; 2048][..]).is_err());
}

#[test]
fn long_names_are_read() {
    let long = "d/".repeat(300) + "x";
    let mut gnu = entry(tar::EntryType::GNULongName, long.len() as u64 + 1, format!("{long}\0").as_bytes());
    gnu.extend(entry(tar::EntryType::Regular, 0, &[]));
    let mut pax = tar::Builder::new(Vec::new());
    let size = 600.to_string();
    let records = [("path", long.as_bytes()), ("size", size.as_bytes()), ("SCHILY.xattr.user.a", b"b")];
    pax.append_pax_extensions(records).unwrap();
    let mut pax = pax.into_inner().unwrap();
    pax.truncate(pax.len() - 1024);
    // The size in the header is wrong.
    pax.extend(entry(tar::EntryType::Regular, 0, &[7; 600]));
    pax.extend(entry(tar::EntryType::Regular, 0, &[]));
    for (layer, more) in [(gnu, 0), (pax, 1)] {
        let names = names(&layer[..]).unwrap();
        assert_eq!(names[0], long);
        assert_eq!(names.len(), 1 + more);
    }
}

#[test]
fn entries_have_their_contents_and_metadata() {
    let mut pax = tar::Builder::new(Vec::new());
    let records = [
        ("SCHILY.xattr.user.a", &b"1\n2\n"[..]),
        ("mtime", b"1700000000.9"),
        ("uid", b"7"),
        ("GNU.sparse.name", b"named"),
        ("path", b"GNUSparseFile.1/a"),
    ];
    pax.append_pax_extensions(records).unwrap();
    let mut layer = entry(tar::EntryType::Regular, 700, &[7; 700]);
    layer.extend(entry(tar::EntryType::Regular, 3, b"abc"));
    let pax = pax.into_inner().unwrap();
    layer.extend(&pax[..pax.len() - 1024]);
    layer.extend(entry(tar::EntryType::Regular, 2, b"de"));

    let mut entries = TarEntries::new(&layer[..]);
    let mut contents = Vec::new();
    let mut last = None;
    while let Some(entry) = entries.next_entry().unwrap() {
        let mut content = Vec::new();
        // Only two bytes of the first are read.
        let limit = if contents.is_empty() { 2 } else { u64::MAX };
        entries.by_ref().take(limit).read_to_end(&mut content).unwrap();
        contents.push(content);
        last = Some(entry);
    }
    assert_eq!(contents, [vec![7, 7], b"abc".to_vec(), b"de".to_vec()]);
    let last = last.unwrap();
    assert_eq!((last.name.as_str(), last.size, last.modified), ("named", 2, Some(1_700_000_000)));
    assert!(last.is_sparse && last.is_text && !last.is_plain);
}

#[test]
fn broken_extended_headers_are_refused() {
    for record in ["5 a=b\n", "6 a=b\n ", "99 a=b\n", "6 a=b!", "5 ab\n", "x a=b\n", "0 a=b\n", "2 "] {
        let layer = entry(tar::EntryType::XHeader, record.len() as u64, record.as_bytes());
        assert!(TarEntries::new(&layer[..]).next_entry().is_err(), "{record:?}");
    }
    let layer = entry(tar::EntryType::XHeader, 6, b"6 a=b\n");
    assert!(TarEntries::new(&layer[..]).next_entry().unwrap().is_none());
}

#[test]
fn directories_from_before_posix_are_known_by_their_names() {
    let mut header = tar::Header::new_old();
    header.set_path("a/").unwrap();
    header.set_mode(0o700);
    header.set_size(0);
    for (kind, is_directory) in [(0, true), (b'0', false)] {
        header.as_old_mut().linkflag = [kind];
        header.set_cksum();
        let entry = TarEntries::new(&header.as_bytes()[..]).next_entry().unwrap().unwrap();
        assert_eq!((entry.kind.is_dir(), entry.mode), (is_directory, 0o700));
    }
}

#[test]
fn an_archive_that_ends_within_a_file_is_refused() {
    let whole = entry(tar::EntryType::Regular, 600, &[0; 600]);
    for (length, is_whole) in [(512 + 600, true), (512 + 599, false), (512, false), (511, false)] {
        assert_eq!(names(&whole[..length]).is_ok(), is_whole, "{length}");
    }
}

#[test]
fn several_archives_share_one_limit() {
    let layer = entry(tar::EntryType::Regular, 0, &[]);
    let mut first = TarEntries::new(&layer[..]);
    first.next_entry().unwrap();
    assert!(first.listed() > 0);
    let rest = 256 * 1024 * 1024 - first.listed();
    assert!(TarEntries::after(rest, &layer[..]).next_entry().is_ok());
    assert!(TarEntries::after(rest + 1, &layer[..]).next_entry().is_err());
}

#[test]
fn endless_records_are_refused() {
    for kind in [tar::EntryType::GNULongName, tar::EntryType::GNULongLink, tar::EntryType::XHeader] {
        let endless = entry(kind, 1 << 40, &[]);
        let layer = (&endless[..]).chain(io::repeat(b'a'));
        let error = names(layer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error:?}");
        assert!(error.to_string().contains("1 MiB"), "{error:?}");
    }
}

#[test]
fn more_names_than_can_be_listed_are_refused() {
    let mut one = entry(tar::EntryType::GNULongName, 1 << 20, &vec![b'a'; 1 << 20]);
    one.extend(entry(tar::EntryType::Regular, 0, &[]));
    let mut all: Box<dyn Read> = Box::new(io::empty());
    for _ in 0..300 {
        all = Box::new(all.chain(&one[..]));
    }
    let error = names(all).unwrap_err();
    assert!(error.to_string().contains("more files"), "{error:?}");
}
