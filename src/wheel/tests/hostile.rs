//! Wheels that are refused.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::fixture::{INTERPRETER, NewWheel, installed, read_bytes, wheel, with_header};
use crate::failure::{Failure as _, help_text};
use crate::text::with_causes;
use crate::wheel::{WheelArchive, install};

/// The positions of fields in the local header of an entry and in that of the central directory (APPNOTE.TXT, 4.3).
const FLAGS: (usize, usize) = (6, 8);
const COMPRESSED_SIZE: (usize, usize) = (18, 20);
const SIZE: (usize, usize) = (22, 24);
const NAME: (usize, usize) = (30, 46);

/// The reason in the error of an invalid wheel.
fn invalid(wheel: &NewWheel) -> String {
    let error = wheel.error();
    let start = format!("the wheel `{}` is not valid: ", wheel.name());
    error.strip_prefix(&start).unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[test]
fn a_list_that_does_not_match_is_refused() {
    let new = wheel("a").file("a.py", "x");
    for (list, why) in [
        (new.clone().record(|list| list.replace("a.py,", "b.py,")), "its `RECORD` has no hash for `a.py`"),
        (
            new.clone().record(|list| list + "b.py,sha256=x,1\n"),
            "its `RECORD` lists `b.py`, which is not in it",
        ),
        (
            new.clone().record(|list| list + "../b,sha256=x,1\n"),
            "its `RECORD` lists `../b`, which is not in it",
        ),
        (
            new.clone().record(|list| list.replace(",1\n", ",2\n")),
            "`a.py` does not have the size in its `RECORD`",
        ),
        (new.clone().record(|list| list.replace("sha256", "md5")), "its `RECORD` has the invalid line"),
        (new.clone().record(|_| "a.py,,\n".to_owned()), "its `RECORD` has no hash for"),
    ] {
        let error = invalid(&list);
        assert!(error.starts_with(why), "{error}");
    }
}

#[test]
fn bytes_with_another_hash_are_refused_when_they_are_verified() {
    let new = wheel("a").file("a.py", "x").record(|list| list.replace("a.py,sha256=", "a.py,sha256=x"));
    let error = new.read().unwrap().wheel.verify().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the wheel `a-1-py3-none-any.whl` is not valid: `a.py` does not have the hash in its `RECORD`"
    );
    assert!(help_text(&error).contains("another version"));
}

#[test]
fn metadata_must_be_that_of_one_package() {
    let info = |name: &str| format!("a-1.dist-info/{name}");
    for (new, why) in [
        (wheel("a").file("b-1.dist-info/x", ""), "the `.dist-info` folders of two packages"),
        (wheel("a").without(&info("WHEEL")), "it has no `a-1.dist-info/WHEEL`"),
        (wheel("a").without(&info("METADATA")), "it has no `a-1.dist-info/METADATA`"),
        (wheel("a").info("METADATA", "Name: b\nVersion: 1\n"), "that of `b`, not of `a`"),
        (wheel("a").info("WHEEL", "Wheel-Version: 2.0\n"), "limg supports 1.x"),
        (wheel("a").info("entry_points.txt", "[console_scripts]\n../x = a:b\n"), "entry point `../x = a:b`"),
    ] {
        let error = invalid(&new);
        assert!(error.contains(why), "{error}");
    }
    let read = |bytes: &[u8], name: &str| read_bytes(bytes, name).unwrap_err();
    for name in ["b-1-py3-none-any.whl", "a_b-1-py3-none-any.whl", "a-1.1-py3-none-any.whl"] {
        let error = read(&wheel("a").bytes(), name).to_string();
        let why = "its metadata is in `a-1.dist-info`, that of another package or version";
        assert!(error.contains(why), "{error}");
    }
    let error = read(b"no zip", "a-1-py3-none-any.whl");
    assert!(error.to_string().contains("failed to read the wheel `a-1-py3-none-any.whl`"), "{error}");
    assert_eq!(error.kind(), crate::failure::FailureKind::User);
}

#[test]
fn the_name_and_version_in_the_metadata_are_those_of_the_file() {
    for (text, why) in [
        ("Name: a\nVersion: 2\n", "its `METADATA` is that of version `2`, not of `1`"),
        ("Name: a\nVersion: 1.post1\n", "its `METADATA` is that of version `1.post1`, not of `1`"),
        ("Name: a\n\nVersion: 1\n", "its `METADATA` has no version"),
        ("Name: a\u{1b}[31m\nVersion: 1\n", "its `METADATA` is that of `a"),
    ] {
        let error = invalid(&wheel("a").info("METADATA", text));
        assert!(error.starts_with(why) && !error.contains('\u{1b}'), "{error}");
    }
    // Neither the folder nor the metadata have to write the version in one way.
    let same = wheel("a").info("METADATA", "Name: A\nVersion: 1.0.0\n");
    assert!(read_bytes(&same.bytes(), "a-1.0-py3-none-any.whl").is_ok());
}

#[test]
fn a_program_has_a_name_of_a_file() {
    for name in ["../x", "/x", "x/y", "..", "x\ry", "x\u{0}y", "x\\y"] {
        let new = wheel("a").info("entry_points.txt", &format!("[console_scripts]\n{name} = a:b\n"));
        let error = invalid(&new);
        assert!(error.starts_with("its entry point `") && error.ends_with("is not valid"), "{error}");
        assert!(!error.contains(['\r', '\u{0}']), "{error}");
    }
    // A name ends with its line.
    let new = wheel("a").info("entry_points.txt", "[console_scripts]\nx\ny = a:b\n");
    assert_eq!(invalid(&new), "its entry point `x` is not valid");
}

#[test]
fn files_without_a_place_of_their_own_are_refused() {
    for (new, why) in [
        (wheel("a").file("a-1.data/other/x", ""), "`a-1.data/other/x` is in `a-1.data`, but not in one of"),
        (
            wheel("a").file("a-1.data/purelib/a-1.dist-info/INSTALLER", ""),
            "two of its files are installed as `a-1.dist-info/INSTALLER`",
        ),
        (
            wheel("a").file("a-1.data/data/a-1.dist-info/RECORD", ""),
            "two of its files are installed as `a-1.dist-info/RECORD`",
        ),
        (wheel("a").file("x", "").file("a-1.data/data/x", ""), "two of its files are installed as `x`"),
        (
            wheel("a").file("bin/x", "").info("entry_points.txt", "[console_scripts]\nx = a:b\n"),
            "two of its files are installed as `bin/x`",
        ),
    ] {
        let error = invalid(&new);
        assert!(error.starts_with(why), "{error}");
    }
}

#[test]
fn entries_that_an_image_cannot_contain_are_refused() {
    for (new, why) in [
        (wheel("a").file("../x", ""), "stored: ../x` has `..` in its name"),
        (wheel("a").file("/x", ""), "stored: /x` has an absolute path"),
        (wheel("a").file("a-1.data/scripts/../../x", ""), "scripts/../../x` has `..` in its name"),
        (wheel("a").file("a-1.data/data/../../../etc/x", ""), "etc/x` has `..` in its name"),
        (wheel("a").file("a-1.data/../x", ""), "a-1.data/../x` has `..` in its name"),
        (wheel("a").link("x", "/etc/passwd"), "stored: x` is a symbolic link, which a wheel cannot contain"),
        (wheel("a").file("d/.wh.x", ""), "stored: d/.wh.x` has a name that begins with `.wh.`"),
        (wheel("a").file("x", "").file("./x", ""), "stored: x` is in the wheel more than once"),
        (wheel("a").file("x", "").file("x/y", ""), "stored: x/y` is below"),
    ] {
        let error = new.error();
        assert!(error.starts_with("failed to read the wheel `a-1-py3-none-any.whl`: "), "{error}");
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_path_has_one_spelling() {
    // What would be an absolute path in a folder of data is not the path that the list has.
    for path in ["a-1.data/data//etc/x", "a-1.data/scripts/./x", "a//x"] {
        let error = invalid(&wheel("a").file(path, ""));
        assert!(error.starts_with("its `RECORD` has no hash for `a"), "{error}");
    }
    // A backslash is a letter of a name on Linux.
    let (installation, _read) = installed(&[wheel("a").file("a\\..\\..\\x", "")]).unwrap();
    assert!(installation.tree.get(&"/opt/a\\..\\..\\x".parse().unwrap()).is_some());
}

#[test]
fn an_entry_is_what_it_declares_or_refused() {
    let long = "x".repeat(50_000);
    let new = wheel("a").file("a.py", &long);
    let why = |bytes: &[u8]| with_causes(&read_bytes(bytes, "a-1-py3-none-any.whl").unwrap_err());
    let changed = |field, value: &[u8]| why(&with_header(new.bytes(), "a.py", field, value));
    assert!(changed(FLAGS, &[1]).contains("a.py` is encrypted"), "{}", changed(FLAGS, &[1]));
    // Four times four gigabytes.
    let names = ["b1", "b2", "b3", "b4"];
    let many = names.iter().fold(wheel("a"), |wheel, name| wheel.file(name, &long)).bytes();
    let large = [0xff, 0xff, 0xff, 0xfe];
    let many = names.iter().fold(many, |bytes, name| with_header(bytes, name, SIZE, &large));
    assert!(why(&many).contains("unpacks to more than 10 GiB"), "{}", why(&many));
    let more = changed(COMPRESSED_SIZE, &[0xff, 0xff, 0xff, 0x7f]);
    assert!(more.contains("overlaps"), "{more}");
    // The size in the archive, and the one in `RECORD`.
    let short = changed(SIZE, &[9, 0, 0, 0]);
    assert!(short.ends_with("`a.py` does not have the size in its `RECORD`"), "{short}");
    let lying = new.record(|list| list.replace(",50000\n", ",9\n")).bytes();
    let lying = with_header(lying, "a.py", SIZE, &[9, 0, 0, 0]);
    let read = read_bytes(&lying, "a-1-py3-none-any.whl").unwrap();
    let error = with_causes(&read.wheel.verify().unwrap_err());
    assert!(error.ends_with("a.py`: it has more bytes than the archive declares"), "{error}");
}

#[test]
fn a_name_that_is_not_utf_8_is_not_that_in_the_list() {
    let bytes = with_header(wheel("a").file("ab.py", "").bytes(), "ab.py", NAME, b"\xff\xfe");
    let error = read_bytes(&bytes, "a-1-py3-none-any.whl").unwrap_err().to_string();
    assert!(error.contains("its `RECORD` has no hash for `"), "{error}");
}

#[test]
fn names_that_differ_in_case_are_two_files() {
    let read = wheel("a").file("A.py", "1").file("a.py", "2").read().unwrap();
    let installation = install([&read.wheel], &"/opt".parse().unwrap(), INTERPRETER).unwrap();
    assert_eq!(installation.tree.files(), 6);
}

#[test]
fn what_a_wheel_says_about_limg_does_not_count() {
    let read = wheel("a").file(".limgignore", "*").file("a.py", "2").read().unwrap();
    let installation = install([&read.wheel], &"/opt".parse().unwrap(), INTERPRETER).unwrap();
    assert_eq!(installation.tree.files(), 6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_damaged_wheel_is_read_or_refused(replaced in vec((any::<Index>(), any::<u8>()), 1..6)) {
        let new = wheel("a")
            .file("a.py", "x")
            .file("a-1.data/scripts/run", "#!python\n")
            .info("entry_points.txt", "[console_scripts]\nx = a:b\n");
        let mut bytes = new.bytes();
        for (at, byte) in replaced {
            *at.get_mut(&mut bytes) = byte;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        if let Ok(wheel) = WheelArchive::read(file.path(), new.name()) {
            let _verified = wheel.verify();
            if let Ok(installation) = install([&wheel], &"/opt".parse().unwrap(), INTERPRETER) {
                prop_assert!(installation.tree.iter().all(|(path, _)| path.is_below("/opt")));
            }
        }
    }
}
