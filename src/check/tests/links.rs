//! Links are judged where they lie in the image.

use super::*;
use crate::files::FileIndex;
use crate::plan::tests::fixture;
use crate::runtime::AWS_ENTRYPOINT;
use crate::shared::Shared;

/// Code with these links, and a layer with a package, on a base of which only the entry script is known.
fn code(links: &[&str]) -> Fixture {
    let mut fixture = Fixture::new("nodejs22.x")
        .layer("packages", &["/opt/nodejs/node_modules/foo/index.js", "/opt/lib -> /usr/lib"])
        .code(&[&["/var/task/app.mjs"], links].concat());
    fixture.index = Shared::new(FileIndex::guaranteed(&[AWS_ENTRYPOINT]).unwrap());
    fixture
}

fn codes(fixture: &Fixture) -> Vec<Code> {
    fixture.findings().iter().map(|finding| finding.code).collect()
}

#[test]
fn a_link_to_something_in_the_image_is_fine() {
    for target in [
        "/opt/nodejs/node_modules",
        "../../opt/nodejs/node_modules",
        "/var/task/app.mjs",
        "/tmp/cache",
        "../../tmp",
        "/proc/self/fd/1",
        "/dev/stdout",
        "/mnt/data",
        "/",
        "../..",
        // The base may have it.
        "/etc/ssl/certs/ca-certificates.crt",
        "/opt/lib/libz.so.1",
    ] {
        assert_eq!(codes(&code(&[&format!("/var/task/link -> {target}")])), [], "{target}");
    }
}

#[test]
fn a_link_to_nothing_in_the_image_gives_a_warning() {
    for target in
        ["nowhere", "/opt/nodejs/nowhere", "../../opt/nowhere", "../shared/lib.py", "/nowhere", "link"]
    {
        let fixture = code(&[&format!("/var/task/link -> {target}")]);
        let findings = fixture.findings();
        assert_eq!(codes(&fixture), [Code::DanglingLink], "{target}");
        assert!(
            !findings[0].is_error()
                && findings[0].message.contains(&format!("`/var/task/link` -> `{target}`"))
        );
    }
    let several = code(&["/var/task/a -> x", "/var/task/b -> y"]).findings();
    assert_eq!(several.len(), 1, "all links of a source together: {several:?}");
}

#[test]
fn a_base_whose_files_are_known_has_them_or_not() {
    let mut fixture = code(&["/var/task/link -> /usr/share/zoneinfo"]);
    fixture.index = base_of(&[&["usr/", "usr/share/", "usr/share/zoneinfo/", "usr/lib/"]]);
    assert_eq!(codes(&fixture), []);
    fixture.index = base_of(&[&["usr/", "usr/lib/"]]);
    assert_eq!(codes(&fixture), [Code::DanglingLink]);
}

#[test]
fn a_link_that_another_tree_replaces_is_not_judged() {
    let fixture = Fixture::new("python3.12").layer("a", &["/opt/x -> nowhere"]).layer("b", &["/opt/x"]);
    assert_eq!(codes(&fixture), []);
}

#[test]
fn a_link_as_an_extension_is_reported_once() {
    let mut fixture = Fixture::new("python3.12").extension("log", &[], &[], None);
    let with_links = |program: &str, links: &[&str]| {
        let tree = fixture::binaries(&[(program, binaries::ARM64)]);
        let mut tree = crate::tree::Tree::clone(&tree.tree);
        for link in links {
            let (path, target) = link.split_once(" -> ").unwrap();
            tree.insert(path.parse().unwrap(), crate::tree::Node::Symlink(target.to_owned()));
        }
        loaded(tree)
    };
    for (program, links) in [
        ("/opt/lib/log", &["/opt/extensions/log -> ../lib/log"][..]),
        ("/opt/extensions/log", &["/opt/extensions/other -> log"]),
        ("/opt/lib/log", &["/opt/extensions/log -> ../lib/log", "/opt/extensions/other -> log"]),
    ] {
        fixture.trees.extensions = vec![with_links(program, links)];
        assert_eq!(codes(&fixture), [Code::WrongArchitecture], "{links:?}");
    }
    let dangling = Fixture::new("python3.12").layer("l", &["/opt/extensions/log -> nowhere"]);
    assert_eq!(codes(&dangling), [Code::NotAProgram]);
}

#[test]
fn a_long_target_is_cut_in_messages() {
    let findings = code(&[&format!("/var/task/link -> {}", "x/".repeat(2000))]).findings();
    assert!(findings[0].message.len() < 1000, "{}", findings[0].message.len());
}
