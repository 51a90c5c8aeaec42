use std::io::{self, Read};

use super::*;
use crate::project::ImagePath;

/// A tar of `path`, `path/` or `path -> target`.
fn layer(entries: &[&str]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o755);
        if let Some((path, target)) = entry.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            archive.append_link(&mut header, path, target).unwrap();
        } else {
            let directory = entry.ends_with('/');
            header.set_entry_type(if directory {
                tar::EntryType::Directory
            } else {
                tar::EntryType::Regular
            });
            archive.append_data(&mut header, entry, io::empty()).unwrap();
        }
    }
    archive.into_inner().unwrap()
}

/// A base of these layers.
pub(crate) fn base_of(layers: &[&[&str]]) -> FileIndex {
    let mut index = FileIndex::default();
    for entries in layers {
        index.add_layer(&layer(entries)[..]).unwrap();
    }
    index
}

fn paths(index: &FileIndex) -> Vec<&str> {
    index.entries.keys().map(ImagePath::as_str).collect()
}

#[test]
fn whiteouts_delete_what_is_below_and_only_that() {
    let lower: &[&str] = &["a/", "a/x", "a/y", "a-b", "b", "c/", "c/z"];
    assert_eq!(paths(&base_of(&[lower, &["a/.wh.x", ".wh.c"]])), ["/a", "/a-b", "/a/y", "/b"]);
    assert_eq!(
        paths(&base_of(&[lower, &["a/", "a/new", "a/.wh..wh..opq"]])),
        ["/a", "/a-b", "/a/new", "/b", "/c", "/c/z"]
    );
    assert_eq!(paths(&base_of(&[lower, &["a"]])), ["/a", "/a-b", "/b", "/c", "/c/z"]);
}

#[test]
fn paths_lead_through_links() {
    let index = base_of(&[&[
        "usr/",
        "usr/bin/",
        "usr/bin/dash",
        "usr/bin/sh -> dash",
        "bin -> usr/bin",
        "abs -> /bin/sh",
        "up -> usr/../bin/sh",
        "round -> round",
        "out -> ../../../bin/sh",
    ]]);
    for path in ["/bin/sh", "/usr/bin/sh", "/abs", "/up", "/out"] {
        assert!(index.has_file(path), "{path}");
    }
    for path in ["/round", "/bin", "/bin/bash", "/usr/bin/sh/x"] {
        assert!(!index.has_file(path), "{path}");
    }
    assert_eq!(index.resolve(&"/bin".parse().unwrap()), Some(&IndexEntry::Directory(0o755)));
}

#[test]
fn names_are_normalised() {
    assert_eq!(entry_path("./etc/").unwrap().as_str(), "/etc");
    assert_eq!(entry_path("./"), None);
    assert_eq!(entry_path("../etc"), None);
}

#[test]
fn the_last_block_may_be_cut_short() {
    let mut header = tar::Header::new_gnu();
    header.set_size(6);
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "a", &b"hello\n"[..]).unwrap();
    let whole = archive.into_inner().unwrap();
    let mut index = FileIndex::default();
    index.add_layer(&whole[..512 + 6]).unwrap();
    assert_eq!(paths(&index), ["/a"]);
}

#[test]
fn rubbish_is_an_error() {
    assert!(FileIndex::default().add_layer(&[7_u8; 2048][..]).is_err());
}

/// A header with the size that it claims, then content.
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

#[test]
fn long_names_are_taken() {
    let long = "d/".repeat(300) + "x";
    let mut gnu = entry(tar::EntryType::GNULongName, long.len() as u64 + 1, format!("{long}\0").as_bytes());
    gnu.extend(entry(tar::EntryType::Regular, 0, &[]));
    let mut pax = tar::Builder::new(Vec::new());
    let size = 600.to_string();
    let records = [("path", long.as_bytes()), ("size", size.as_bytes()), ("SCHILY.xattr.user.a", b"b")];
    pax.append_pax_extensions(records).unwrap();
    let mut pax = pax.into_inner().unwrap();
    pax.truncate(pax.len() - 1024);
    // The size in the header is not the right one.
    pax.extend(entry(tar::EntryType::Regular, 0, &[7; 600]));
    pax.extend(entry(tar::EntryType::Regular, 0, &[]));
    for (layer, more) in [(gnu, 0), (pax, 1)] {
        let mut index = FileIndex::default();
        assert_eq!(index.add_layer(&layer[..]).unwrap(), layer.len() as u64);
        assert!(index.get(&format!("/{long}")).is_some());
        assert_eq!(index.entries.len(), 1 + more);
    }
}

#[test]
fn entries_give_their_contents_and_what_is_said_of_them() {
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
        // The first is left unread but for two bytes.
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
        let mut index = FileIndex::default();
        index.add_layer(&header.as_bytes()[..]).unwrap();
        let directory = matches!(index.get("/a"), Some(IndexEntry::Directory(0o700)));
        assert_eq!(directory, is_directory);
    }
}

#[test]
fn what_ends_within_a_file_is_refused() {
    let whole = entry(tar::EntryType::Regular, 600, &[0; 600]);
    for (length, is_whole) in [(512 + 600, true), (512 + 599, false), (512, false), (511, false)] {
        assert_eq!(FileIndex::default().add_layer(&whole[..length]).is_ok(), is_whole, "{length}");
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
fn records_without_end_are_refused() {
    for kind in [tar::EntryType::GNULongName, tar::EntryType::GNULongLink, tar::EntryType::XHeader] {
        let endless = entry(kind, 1 << 40, &[]);
        let layer = (&endless[..]).chain(io::repeat(b'a'));
        let error = FileIndex::default().add_layer(layer).unwrap_err();
        assert_eq!(error.0.kind(), io::ErrorKind::InvalidData, "{error:?}");
        assert!(error.0.to_string().contains("1 MiB"), "{error:?}");
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
    let error = FileIndex::default().add_layer(all).unwrap_err();
    assert!(error.0.to_string().contains("more files"), "{error:?}");
}

#[test]
fn a_layer_that_inflates_without_end_is_refused() {
    let file = entry(tar::EntryType::Regular, 4096, &[7; 4096]);
    let whole = file.len() as u64;
    for limit in [whole - 1, whole / 2] {
        let error = FileIndex::default().add_limited(&file[..], limit).unwrap_err();
        assert!(error.to_string().contains("10 GB"), "{error:?}");
    }
    assert_eq!(FileIndex::default().add_limited(&file[..], whole).unwrap(), whole);
    // What follows the end of the archive counts too.
    assert!(FileIndex::default().add_limited(io::repeat(0), 1 << 20).is_err());
}

#[test]
fn programs_alone_are_found_with_their_folders() {
    let index = FileIndex::of_programs(&["/entry.sh", "/usr/local/bin/rie"]).unwrap();
    assert!(index.has_file("/entry.sh") && index.has_file("/usr/local/bin/rie"));
    assert!(!index.has_file("/usr/local/bin") && !index.has_file("/usr/bin/rie"));
    assert!(FileIndex::of_programs(&["relative"]).is_err());
}
