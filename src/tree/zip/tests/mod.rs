mod broken;
mod end_record;
mod fixture;
mod properties;

use fixture::{DOS, UNIX, Zip, adjustments, directory, file, link, read, show, shown};

use super::*;

/// One line for each path, for short comparisons.
fn lines(tree: &Tree) -> String {
    shown(tree).into_iter().map(|(path, node)| format!("{path} {node}")).collect::<Vec<_>>().join("\n")
}

#[test]
fn modes_decide_what_an_entry_is() {
    let zip = Zip::of(&[
        directory("d/"),
        file("d/plain", "a").mode(0o100_600),
        file("d/program", "b").mode(0o100_710).deflated(),
        file("d/typeless", "c").mode(0o755),
        link("d/link", "plain"),
        file("e", "").mode(0o040_755),
        file("f/", "").mode(0o100_644),
        file("mac", "").made_on(19, 0o100_755 << 16),
    ]);
    assert_eq!(
        lines(&zip.load().unwrap()),
        "d d\nd/link > plain\nd/plain - a\nd/program x b\nd/typeless x c\ne d\nf d\nmac x "
    );
    assert!(zip.load().unwrap().adjustments().is_empty());
}

#[test]
fn special_bits_are_removed_and_reported() {
    let zip = Zip::of(&[file("su", "").mode(0o104_755), file("sg", "").mode(0o102_644)]);
    let tree = zip.load().unwrap();
    assert_eq!(lines(&tree), "sg - \nsu x ");
    assert_eq!(tree.adjustments().len(), 2, "{:?}", tree.adjustments());
}

#[test]
fn other_types_are_rejected() {
    for mode in [0o140_755, 0o060_644, 0o020_644, 0o010_644] {
        let zip = Zip::of(&[file("d/odd", "").mode(mode)]);
        let error = zip.error();
        assert!(error.contains("layer.zip: d/odd` is a socket, pipe or device"), "{error}");
        assert!(zip.load_without(&["odd"]).is_ok());
    }
}

#[test]
fn without_modes_the_first_bytes_decide_what_is_executable() {
    let zip = Zip::of(&[
        file("bootstrap", "#!/bin/sh\n").made_on(DOS, 0x20).deflated(),
        file("elf", b"\x7fELF\x02").made_on(DOS, 0o100_666 << 16),
        file("marked", "text").made_on(10, 0o755 << 16),
        file("text", "text").made_on(14, 0),
        file("hash", "#").made_on(UNIX, 0),
        file("unix", "#!/bin/sh\n"),
        file("none", "#!").made_on(UNIX, 0),
        file("amiga", "x").made_on(1, 0o100_755 << 16),
        file("dir", "").made_on(DOS, 0x10),
        file("link", "text").made_on(DOS, 0o120_777 << 16),
    ]);
    let tree = zip.load().unwrap();
    let executable: Vec<_> = tree
        .iter()
        .filter(|(_, node)| matches!(node, Node::File(file) if file.executable))
        .map(|(path, _)| path.name())
        .collect();
    assert_eq!(executable, ["bootstrap", "elf", "marked", "none"]);
    assert_eq!(tree.iter().filter(|(_, node)| matches!(node, Node::Directory)).count(), 1);
    assert!(lines(&tree).contains("link > text"));
    let adjustments = adjustments(&tree);
    assert!(
        adjustments.len() == 1 && adjustments[0].starts_with("/opt/bootstrap: made executable"),
        "{adjustments:?}"
    );
    assert!(adjustments[0].ends_with("(and 2 more files)"), "{adjustments:?}");
}

#[test]
fn only_a_mode_makes_a_file_of_a_wheel_executable() {
    let zip = Zip::of(&[
        file("bits", "").mode(0o100_744),
        file("dos", "").made_on(DOS, 0o100_755 << 16),
        file("program", "#!/bin/sh\n").made_on(DOS, 0x20),
        file("typeless", "").mode(0o755),
    ]);
    let tree = Tree::load_wheel(&zip.path(), &"/opt".parse().unwrap()).unwrap();
    assert_eq!(lines(&tree), "bits x \ndos x \nprogram - #!/bin/sh\\n\ntypeless - ");
    assert!(tree.adjustments().is_empty());
}

#[test]
fn names_are_utf8_or_cp437() {
    let flagged = |name: &[u8]| fixture::NewEntry { flags: 0x800, ..file(name, "") };
    let mut unicode = vec![1];
    unicode.extend(crc(b"j?").to_le_bytes());
    unicode.extend("jä".as_bytes());
    let zip = Zip::of(&[
        flagged("aü".as_bytes()),
        file("bü".as_bytes(), ""),
        file(b"c\x81", ""),
        flagged(b"d\x81"),
        file("j?", "x").with_extra(0x7075, &unicode),
    ]);
    let tree = zip.load().unwrap();
    assert_eq!(lines(&tree), "aü - \nbü - \ncü - \ndü - \njä - x");
    let adjustments = adjustments(&tree);
    assert!(
        adjustments.len() == 1 && adjustments[0].starts_with("/opt/cü: ") && adjustments[0].contains("CP437"),
        "{adjustments:?}"
    );
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn backslashes_from_windows_are_separators() {
    let zip =
        Zip::of(&[file("d\\", "").made_on(DOS, 0), file("d\\e\\f", "x").made_on(DOS, 0), file("g\\h", "")]);
    let tree = zip.load().unwrap();
    assert_eq!(lines(&tree), "d d\nd/e/f - x\ng\\h - ");
    let adjustments = adjustments(&tree);
    assert!(adjustments.len() == 1 && adjustments[0].starts_with("/opt/d: "), "{adjustments:?}");
}

#[test]
fn names_that_point_outside_are_rejected_even_when_excluded() {
    for name in ["../evil", "a/../../evil", "/etc/passwd", "", "C:\\evil", "c:/evil", "a\0b"] {
        let zip = Zip::of(&[file("good", ""), file(name, "")]);
        for exclude in [&[][..], &["*"]] {
            let error = zip.load_without(exclude).unwrap_err().to_string();
            assert!(error.contains("layer.zip: ") && error.contains("name"), "{name:?}: {error}");
        }
    }
    let error = Zip::of(&[file("\x1b[31m/../evil", "")]).error();
    assert!(error.contains("\\u{1b}[31m/../evil"), "{error}");
    assert!(Zip::of(&[file("./", "content")]).error().contains("no name"));
    assert!(Zip::of(&[file("a/.wh.b", "")]).error().contains("`.wh.`"));
    let error = Zip::of(&[file("d/", "content")]).error();
    assert!(error.contains("d/` is a directory but has content"), "{error}");
}

#[test]
fn directories_need_no_entries_and_the_root_is_not_an_entry() {
    let zip = Zip::of(&[directory("./"), file("./a//b", "1"), directory("c/"), directory("./c/")]);
    let tree = zip.load().unwrap();
    assert_eq!(lines(&tree), "a/b - 1\nc d");
    assert!(tree.adjustments().is_empty());
    assert!(Zip::of(&[]).load().unwrap().is_empty());
}

#[test]
fn the_last_entry_of_a_path_is_used() {
    for (first, second, third) in [("a", "a", "a"), ("a", "./a", "a"), ("./a", "a", "./a"), ("a", "a", "./a")]
    {
        let zip = Zip::of(&[file(first, "1"), file(second, "2"), file("b", ""), file(third, "3!")]);
        let tree = zip.load().unwrap();
        assert_eq!(lines(&tree), "a - 3!\nb - ", "{first} {second} {third}");
        let adjustments = adjustments(&tree);
        assert!(
            !adjustments.is_empty()
                && adjustments.iter().all(|adjustments| adjustments.starts_with("/opt/a: ")),
            "{adjustments:?}"
        );
    }
}

#[test]
fn a_path_is_either_a_directory_or_not() {
    for entries in [
        [file("a", ""), directory("a/")],
        [directory("a/"), file("a", "")],
        [file("a", ""), file("a/b", "")],
        [file("a/b/c", ""), file("a", "")],
        [link("a", "b"), file("a/x/y", "")],
        [directory("a/"), link("a", "b")],
    ] {
        let error = Zip::of(&entries).error();
        assert!(error.contains("layer.zip: a"), "{error}");
    }
    assert!(Zip::of(&[file("a", ""), file("a-b", ""), file("a/b", "")]).load_without(&["/a"]).is_ok());
}

#[test]
fn links_are_kept_as_they_are() {
    let inside = [link("d/a", "b"), link("d/b", "../c").deflated(), link("broken", "nowhere")];
    assert_eq!(lines(&Zip::of(&inside).load().unwrap()), "broken > nowhere\nd/a > b\nd/b > ../c");

    for target in ["/opt/nodejs/node_modules", "/tmp/x", "../x", "d/../../opt/x", "/etc/passwd"] {
        let tree = Zip::of(&[link("out", target)]).load().unwrap();
        assert_eq!(lines(&tree), format!("out > {target}"));
        assert!(tree.machine_links().is_empty(), "{target}");
    }
    let of_machine = Zip::of(&[link("out", "/home/ada/project/lib")]).load().unwrap();
    assert_eq!(of_machine.machine_links().len(), 1);

    for target in ["", "a\0b", &"x".repeat(4096)] {
        let zip = Zip::of(&[link("out", target)]);
        let error = zip.error();
        assert!(error.contains("layer.zip: out` is a symbolic link"), "{error}");
        assert!(zip.load_without(&["out"]).is_ok());
    }
    assert!(Zip::of(&[link("out", b"\xff")]).error().contains("not UTF-8"));
}

#[test]
fn exclude_and_limgignore_files_exclude() {
    let zip = Zip::of(&[
        file(".limgignore", "\u{feff}*.log\r\n!keep.log\n"),
        file("a.py", ""),
        file("x.log", ""),
        file("keep.log", ""),
        file("tests/t.py", ""),
        file("d/tests/t.py", ""),
        file("d/e/f", ""),
        file("d/e/keep.log", ""),
        file("d/.limgignore", "e/\n").deflated(),
        file("__MACOSX/._a.py", ""),
        file(".DS_Store", ""),
    ]);
    let paths = |exclude: &[&str]| {
        let tree = zip.load_without(exclude).unwrap();
        tree.iter().map(|(path, _)| path.as_str()["/opt/".len()..].to_owned()).collect::<Vec<_>>()
    };
    let all = [".DS_Store", "__MACOSX/._a.py", "a.py", "d/tests/t.py", "keep.log", "tests/t.py"];
    assert_eq!(paths(&[]), all);
    assert_eq!(paths(&["/tests", "__MACOSX", ".DS_Store"]), ["a.py", "d/tests/t.py", "keep.log"]);
    assert_eq!(paths(&["tests/**", "d", "!d/tests/t.py", "[_.]*"]), ["a.py", "keep.log"]);

    let error = Zip::of(&[file(".limgignore", "{a")]).error();
    assert!(error.contains("layer.zip: .limgignore` contains an invalid pattern"), "{error}");
}

#[test]
fn only_times_with_a_time_zone_are_used() {
    let modified = |entry: fixture::NewEntry| {
        let zip = Zip::of(&[entry]);
        let tree = zip.load().unwrap();
        let Some(Node::File(file)) = tree.get(&"/opt/a".parse().unwrap()) else { panic!("no file") };
        file.modified
    };
    let time = [&[3][..], &1_700_000_000_u32.to_le_bytes()].concat();
    assert_eq!(modified(file("a", "")), None);
    assert_eq!(
        modified(file("a", "").with_extra(0x7875, &[1, 0, 0]).with_extra(0x5455, &time)),
        Some(1_700_000_000)
    );
    assert_eq!(modified(file("a", "").with_extra(0x5455, &[1, 0xff, 0xff, 0xff, 0xff])), Some(-1));
    assert_eq!(modified(file("a", "").with_extra(0x5455, &[2, 1, 0, 0, 0])), None);
    assert_eq!(modified(file("a", "").with_extra(0x5455, &[1])), None);
}

#[test]
fn zip64_is_read() {
    use std::io::Write as _;
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = ::zip::write::SimpleFileOptions::default().system(::zip::System::Unix);
    writer.start_file("large", options.large_file(true)).unwrap();
    writer.write_all(b"content").unwrap();
    for number in 0..70_000 {
        writer.start_file(format!("d/{number}"), options).unwrap();
    }
    let zip = Zip::new(&writer.finish().unwrap().into_inner());
    let tree = zip.load().unwrap();
    assert_eq!(tree.files(), 70_001);
    assert_eq!(read(&tree, "large").unwrap(), b"content");
}

#[test]
fn entries_are_read_from_several_threads() {
    fn threadable<T: Send + Sync + Clone + 'static>() {}
    threadable::<ZipEntry>();
    threadable::<ZipArchive>();

    let contents: Vec<_> = (0..32_u8).map(|number| vec![number; 100_000]).collect();
    let entries: Vec<_> =
        contents.iter().enumerate().map(|(index, bytes)| file(index.to_string(), bytes).deflated()).collect();
    let zip = Zip::of(&entries);
    let tree = zip.load().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (index, bytes) in contents.iter().enumerate() {
                    assert_eq!(&read(&tree, &index.to_string()).unwrap(), bytes);
                }
            });
        }
    });
}

#[test]
fn every_entry_of_every_archive_has_its_own_fingerprint() {
    use sha2::{Digest as _, Sha256};
    let fingerprints = |zip: &Zip| {
        let tree = zip.load().unwrap();
        tree.iter()
            .map(|(_, node)| {
                let Node::File(file) = node else { panic!("{}", show(node)) };
                let mut hasher = Sha256::new();
                file.content.fingerprint(&mut hasher);
                assert!(file.content.changed_at().is_some());
                hasher.finalize().to_vec()
            })
            .collect::<Vec<_>>()
    };
    let (zip, other) =
        (Zip::of(&[file("a", "1"), file("b", "1")]), Zip::of(&[file("a", "1"), file("b", "1")]));
    let found = fingerprints(&zip);
    assert_eq!(found, fingerprints(&zip));
    assert_ne!(found[0], found[1]);
    assert_ne!(found, fingerprints(&other));
}
