//! Wheels that are refused.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::fixture::{INTERPRETER, NewWheel, wheel};
use crate::failure::{Failure as _, help_text};
use crate::wheel::{WheelArchive, install};

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
    let read = |bytes: &[u8], name: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        WheelArchive::read(file.path(), name.parse().unwrap()).unwrap_err()
    };
    let error = read(&wheel("a").bytes(), "b-1-py3-none-any.whl").to_string();
    assert!(error.contains("its metadata is in `a-1.dist-info`, that of another package"), "{error}");
    let error = read(b"no zip", "a-1-py3-none-any.whl");
    assert!(error.to_string().contains("failed to read the wheel `a-1-py3-none-any.whl`"), "{error}");
    assert_eq!(error.kind(), crate::failure::FailureKind::User);
}

#[test]
fn files_without_a_place_of_their_own_are_refused() {
    for (new, why) in [
        (wheel("a").file("a-1.data/other/x", ""), "`a-1.data/other/x` is in `a-1.data`, but not in one of"),
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
