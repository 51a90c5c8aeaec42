mod fixture;
mod hostile;

use fixture::{INTERPRETER, content, installed, paths, wheel};

use super::*;
use crate::tree::{Content, Node};

#[test]
fn a_wheel_becomes_the_files_of_an_installation() {
    let (installation, _read) = installed(&[wheel("a")
        .file("a/__init__.py", "x = 1\n")
        .with_mode("a/native.so", &vec![7; 40_000], 0o755)
        .with_mode("a/private.py", b"", 0o600)
        .with_mode("a-1.data/scripts/run", b"#!python -E\nrun()\n", 0o755)
        .with_mode("a-1.data/scripts/native", b"\x7fELF", 0o755)
        .file("a-1.data/scripts/launch-script.py", "#!python\n")
        .file("a-1.data/headers/a.h", "")
        .file("a-1.data/data/etc/a,b.json", "{}")
        .file("a-1.data/purelib/b.py", "")
        .info("RECORD.jws", "{}")
        .info("INSTALLER", "other")
        .info("REQUESTED", "")
        .info("direct_url.json", "{}")
        .info("entry_points.txt", "[console_scripts]\nlaunch = a.cli:main\n")
        .record(|list| list.replace('\n', "\r\n"))])
    .unwrap();
    assert!(installation.conflicts.is_empty());
    let tree = &installation.tree;
    assert_eq!(
        paths(tree),
        [
            "a-1.dist-info/INSTALLER",
            "a-1.dist-info/METADATA",
            "a-1.dist-info/RECORD",
            "a-1.dist-info/RECORD.jws",
            "a-1.dist-info/WHEEL",
            "a-1.dist-info/entry_points.txt",
            "a/__init__.py",
            "a/native.so*",
            "a/private.py",
            "b.py",
            "bin/launch*",
            "bin/native*",
            "bin/run*",
            "etc/a,b.json",
            "include/a/a.h",
        ]
    );
    assert_eq!(content(tree, "bin/run"), format!("#!{INTERPRETER}\nrun()\n"));
    assert!(content(tree, "bin/launch").contains("from a.cli import main\n"));
    assert_eq!(content(tree, "a-1.dist-info/INSTALLER"), "limg\n");
    let record = content(tree, "a-1.dist-info/RECORD");
    let rows: Vec<_> = record.lines().collect();
    assert_eq!(rows[2..4], ["a-1.dist-info/RECORD,,", "a-1.dist-info/RECORD.jws,,"]);
    assert_eq!(rows[6], "a/__init__.py,sha256=nia_NpkRxFwkPGhBR7I_yeHc_PJX0pmhxjIBam_NM_Q,6");
    assert!(rows[13].starts_with("\"etc/a,b.json\",sha256=") && rows.len() == 15 && record.ends_with('\n'));
    let Some(Node::File(native)) = tree.get(&"/opt/a/native.so".parse().unwrap()) else { panic!() };
    assert!(matches!(&native.content, Content::Zip(entry) if entry.is_deflated()));
}

#[test]
fn what_a_wheel_declares_is_read() {
    let read = wheel("a_b")
        .info("METADATA", "Name: A.b\nVersion: 1\nRequires-Python: >=3.9\nRequires-Dist: c>2\n\ntext")
        .info("entry_points.txt", "[gui_scripts]\nw = a:main\n")
        .read()
        .unwrap();
    let wheel = &read.wheel;
    assert_eq!(wheel.name().as_str(), "a_b-1-py3-none-any.whl");
    assert_eq!(wheel.metadata().requires_dist, ["c>2"]);
    assert_eq!(wheel.entry_points()[0].name, "w");
    wheel.verify().unwrap();
}

#[test]
fn a_direct_url_is_recorded_without_credentials() {
    let read = wheel("a").read().unwrap();
    let url = "https://user:secret@host.example/a/@b.whl?c".to_owned();
    let wheel = read.wheel.with_direct_url(DirectUrl { url, sha256: "ab".to_owned() });
    let installation = install([&wheel], &"/opt".parse().unwrap(), INTERPRETER).unwrap();
    assert_eq!(
        content(&installation.tree, "a-1.dist-info/direct_url.json"),
        r#"{"archive_info":{"hash":"sha256=ab","hashes":{"sha256":"ab"}},"url":"https://host.example/a/@b.whl?c"}"#
    );
    assert!(content(&installation.tree, "a-1.dist-info/RECORD").contains("direct_url.json,sha256="));
}

#[test]
fn namespaces_merge_and_differing_files_are_reported() {
    let wheels = [
        wheel("google_b").file("google/b/x.py", "b").file("google/__init__.py", "").file("tests.py", "b"),
        wheel("google_a").file("google/a/x.py", "a").file("google/__init__.py", "").file("tests.py", "a"),
        wheel("google_c").file("google/c/x.py", "c").file("tests.py", "a"),
    ];
    let (installation, _read) = installed(&wheels).unwrap();
    assert_eq!(content(&installation.tree, "tests.py"), "a");
    assert_eq!(content(&installation.tree, "google/b/x.py"), "b");
    let conflict = FileConflict {
        path: "/opt/tests.py".parse().unwrap(),
        kept: wheels[1].name().to_string(),
        dropped: wheels[0].name().to_string(),
    };
    assert_eq!(installation.conflicts, [conflict]);
}

#[test]
fn wheels_that_cannot_be_in_one_tree_are_errors() {
    let error = installed(&[wheel("a").file("x", ""), wheel("b").file("x/y", "")]).unwrap_err();
    assert_eq!(
        error,
        "the wheels `a-1-py3-none-any.whl` and `b-1-py3-none-any.whl` cannot be installed together: `/opt/x` is a file, \
         and `/opt/x/y` is below it"
    );
    let error = installed(&[wheel("a_b"), wheel("A.B")]).unwrap_err();
    assert!(error.ends_with("cannot be installed together: both are of the package `a-b`"), "{error}");
}
