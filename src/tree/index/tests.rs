use super::*;

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
    assert_eq!(normalised("./etc/").unwrap().as_str(), "/etc");
    assert_eq!(normalised("./"), None);
    assert_eq!(normalised("../etc"), None);
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
        assert!(index.get(&format!("/{long}").parse().unwrap()).is_some());
        assert_eq!(index.entries.len(), 1 + more);
    }
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
