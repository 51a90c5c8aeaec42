mod fixture;
mod hostile;
mod random;
mod reusable_layer;
mod unpack;

use super::*;
use crate::tree::{Content, Node};
use fixture::{Fixture, parsed, path};

#[test]
fn a_directory_is_taken_with_everything_in_it() {
    let fixture =
        Fixture::of(&[&["etc/", "etc/passwd", "opt/", "opt/a: 1", "opt/d/", "opt/d/b: 22", "opt/empty/"]]);
    assert_eq!(
        fixture.listed("/opt", "/opt/x"),
        ["/opt/x/", "/opt/x/a: 1", "/opt/x/d/", "/opt/x/d/b: 22", "/opt/x/empty/"]
    );
    assert_eq!(fixture.listed("/opt/d", "/opt"), ["/opt/", "/opt/b: 22"]);
    assert_eq!(fixture.listed("/opt/empty", "/srv"), ["/srv/"]);
}

#[test]
fn a_file_gets_the_name_of_its_new_place() {
    let fixture = Fixture::of(&[&["lambda-adapter: elf", "lambda-adapter.txt"]]);
    assert_eq!(fixture.listed("/lambda-adapter", "/opt/extensions/x"), ["/opt/extensions/x: elf"]);
}

#[test]
fn folders_need_no_entries_of_their_own() {
    let fixture = Fixture::of(&[&["opt/a/b/c: 1", "opt-b: 2", "./opt/a/d: 3"]]);
    assert_eq!(fixture.listed("/opt", "/opt"), ["/opt/a/b/c: 1", "/opt/a/d: 3"]);
}

#[test]
fn a_folder_that_no_layer_names_is_taken_if_all_its_files_were_deleted() {
    let fixture = Fixture::of(&[&["o/d/a: 1"], &["o/d/.wh.a"]]);
    assert_eq!(fixture.listed("/o/d", "/o/x"), ["/o/x/"]);
}

#[test]
fn upper_layers_win_and_delete() {
    let lower: &[&str] = &["o/", "o/x: 1", "o/y: 2", "o/d/", "o/d/z: 3", "o-b: 4"];
    let cases: [(&[&str], &[&str]); 12] = [
        (&["o/x: new"], &["o/", "o/d/", "o/d/z: 3", "o/x: new", "o/y: 2"]),
        (&["o/.wh.x"], &["o/", "o/d/", "o/d/z: 3", "o/y: 2"]),
        (&["o/.wh.d"], &["o/", "o/x: 1", "o/y: 2"]),
        (&["o/new: 5", "o/.wh..wh..opq"], &["o/", "o/new: 5"]),
        (&["o/.wh..wh..opq", "o/new: 5"], &["o/", "o/new: 5"]),
        (&[".wh..wh..opq", "o/new: 5"], &["o/new: 5"]),
        (&["o/x: new", "o/.wh.x"], &["o/", "o/d/", "o/d/z: 3", "o/x: new", "o/y: 2"]),
        (&[".wh.o", "o/n: 6"], &["o/n: 6"]),
        (&["o/d: now a file"], &["o/", "o/d: now a file", "o/x: 1", "o/y: 2"]),
        (&["o/x/"], &["o/", "o/d/", "o/d/z: 3", "o/x/", "o/y: 2"]),
        (&["o/x/in: 7"], &["o/", "o/d/", "o/d/z: 3", "o/x/in: 7", "o/y: 2"]),
        (
            &["o/.wh.", "o/.wh..", "o/.wh.none", "o/.wh..wh.plnk"],
            &["o/", "o/d/", "o/d/z: 3", "o/x: 1", "o/y: 2"],
        ),
    ];
    for (upper, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|line| format!("/{line}")).collect();
        assert_eq!(Fixture::of(&[lower, upper]).listed("/o", "/o"), expected, "{upper:?}");
    }
}

#[test]
fn a_link_becomes_a_folder_if_an_upper_layer_puts_files_below_it() {
    let fixture = Fixture::of(&[&["usr/opt/a: 1", "opt -> usr/opt"], &["opt/b: 2"]]);
    assert_eq!(fixture.listed("/opt", "/opt"), ["/opt/b: 2"]);
}

#[test]
fn a_path_may_lead_through_links_but_not_out_of_the_image() {
    let fixture = Fixture::of(&[&[
        "usr/opt/ext/tool: 1",
        "opt -> usr/opt",
        "abs -> /opt/ext",
        "out -> ../../../usr/opt",
        "tool -> abs/tool",
    ]]);
    for (from, expected) in [
        ("/opt/ext", "/x/tool: 1"),
        ("/abs", "/x/tool: 1"),
        ("/out/ext", "/x/tool: 1"),
        ("/tool", "/x: 1"),
        ("/opt/ext/tool", "/x: 1"),
    ] {
        assert_eq!(fixture.listed(from, "/x"), [expected], "{from}");
    }
}

#[test]
fn links_inside_keep_their_targets() {
    let links = ["o/abs -> /o/f", "o/gone -> nowhere", "o/rel -> f", "o/up -> ../etc/x"];
    let fixture = Fixture::of(&[&["o/f: 1"], &links]);
    assert_eq!(
        fixture.listed("/o", "/opt"),
        ["/opt/abs -> /o/f", "/opt/f: 1", "/opt/gone -> nowhere", "/opt/rel -> f", "/opt/up -> ../etc/x"]
    );
}

#[test]
fn a_hard_link_has_the_content_of_what_came_before_it() {
    let lower: &[&str] = &["bin/tool: old", "bin/link -> tool"];
    let upper: &[&str] = &[
        "o/first => bin/tool",
        "bin/tool: new",
        "o/second => /bin/tool",
        "o/third => ./o/second",
        "o/soft => bin/link",
        "bin/.wh.tool",
        "o/fourth => bin/tool",
    ];
    let fixture = Fixture::of(&[lower, upper]);
    assert_eq!(
        fixture.listed("/o", "/o"),
        ["/o/first: old", "/o/fourth: new", "/o/second: new", "/o/soft -> tool", "/o/third: new"]
    );
}

#[test]
fn modes_and_times_are_kept_where_they_matter() {
    let mut fixture = Fixture::new();
    fixture.add(&[
        parsed("o/run: 1").mode(0o4710),
        parsed("o/plain: 2").mode(0o600),
        parsed("o/d/").mode(0o700),
    ]);
    for _ in ["read", "recorded"] {
        let tree = fixture.extract("/o", "/o").unwrap().tree;
        assert_eq!(fixture::listed(&tree), ["/o/d/", "/o/plain: 2", "/o/run: 1*"]);
        let adjusted: Vec<_> = tree.adjustments().iter().map(|adjusted| adjusted.path.as_str()).collect();
        assert_eq!(adjusted, ["/o/run"], "the lost setuid bit is reported");
        let Some(Node::File(file)) = tree.get(&path("/o/run")) else { panic!("no file") };
        assert_eq!(file.modified, Some(1_700_000_000));
    }
}

#[test]
fn content_alone_identifies_a_file() {
    let fingerprint = |fixture: &Fixture| {
        let tree = fixture.extract("/o/f", "/f").unwrap().tree;
        let Some(Node::File(file)) = tree.get(&path("/f")) else { panic!("no file") };
        assert!(matches!(file.content, Content::Stored(_)) && tree.has_reliable_times());
        let mut hasher = <sha2::Sha256 as sha2::Digest>::new();
        file.content.fingerprint(&mut hasher);
        Digest::finish(hasher)
    };
    let one = fingerprint(&Fixture::of(&[&["o/f: same"]]));
    assert_eq!(one, fingerprint(&Fixture::of(&[&["o/a: before", "o/f: same"], &["etc/x"]])));
    assert_ne!(one, fingerprint(&Fixture::of(&[&["o/f: other"]])));
}

#[test]
fn no_layer_is_read_the_second_time() {
    let fixture = Fixture::of(&[&["o/a: 1", "o/l -> a"], &["o/b: 2", "etc/x"]]);
    let first = fixture.listed("/o", "/o");
    fixture.lose_layers();
    assert_eq!(fixture.listed("/o", "/o"), first);
    assert_eq!(
        fixture.listed("/o", "/p"),
        ["/p/a: 1", "/p/b: 2", "/p/l -> a"],
        "another place, the same files"
    );
    assert!(fixture.extract("/etc", "/etc").is_err(), "that was not read before");
}

#[test]
fn the_record_keeps_its_form() {
    let fixture = Fixture::of(&[&["o/", "o/a: 1", "o/l -> a"]]);
    fixture.extract("/o", "/o").unwrap();
    let folder = std::fs::read_dir(fixture.store.root().join(RECORD)).unwrap();
    let records: Vec<_> = folder.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    let [record] = &records[..] else { panic!("{} records", records.len()) };
    let digest = Digest::of(b"1");
    let content = serde_json::json!({ "offset": 0, "size": 1, "digest": digest });
    let file = serde_json::json!({ "f": { "mode": 0o644, "modified": 1_700_000_000, "content": content } });
    let layer = &fixture.layers[0];
    let expected = serde_json::json!({
        "entries": { "": "d", "a": file, "l": { "l": "a" } },
        "contents": [digest, 1],
        "ready": [layer.digest, layer.size],
    });
    assert_eq!(serde_json::from_slice::<serde_json::Value>(record).unwrap(), expected);
}

#[test]
fn contents_that_the_store_has_removed_are_read_again() {
    let fixture = Fixture::of(&[&["o/a: 1"]]);
    let first = fixture.listed("/o", "/o");
    for blob in std::fs::read_dir(fixture.store.root().join("blobs/sha256")).unwrap() {
        std::fs::remove_file(blob.unwrap().path()).unwrap();
    }
    assert_eq!(fixture.listed("/o", "/o"), first);
}

#[test]
fn layers_may_be_plain_or_of_several_members() {
    let tar = fixture::tar(&[parsed("o/a: 1"), parsed("o/b: 2")]);
    let (half, rest) = tar.split_at(700);
    let members = [fixture::gzip(half), fixture::gzip(rest)].concat();
    for blob in [tar.clone(), members] {
        let mut fixture = Fixture::new();
        fixture.add_blob(&blob, &tar);
        assert_eq!(fixture.listed("/o", "/o"), ["/o/a: 1", "/o/b: 2"]);
    }
}

#[test]
fn a_missing_path_is_reported_with_what_there_is_instead() {
    let fixture = Fixture::of(&[&[
        "opt/extensions/adapter",
        "opt/bin/x",
        "opt/file",
        "opt/link -> bin",
        "lambda-adapter",
        "usr/",
        "alias -> opt",
        "lost -> /nowhere",
    ]]);
    let cases = [
        (
            "/lambda-adaptor",
            "the image does not contain `/lambda-adaptor` [did you mean `/lambda-adapter`? `/` has the folders \
            `alias`, `opt`, `usr`]",
        ),
        (
            "/opt/extension/adapter",
            "the image does not contain `/opt/extension/adapter` [did you mean `/opt/extensions`? `/opt` \
            has the folders `bin`, `extensions`, `link`]",
        ),
        (
            "/alias/zzz",
            "the image does not contain `/alias/zzz` [`/alias` has the folders `bin`, `extensions`, `link`]",
        ),
        (
            "/opt/file/x",
            "the image does not contain `/opt/file/x`: `/opt/file` is not a folder [`/opt` has the folders `bin`, \
            `extensions`, `link`]",
        ),
        (
            "/lost",
            "the image does not contain `/lost`: `/lost` is a symbolic link to `/nowhere`, which does not exist [`/` has \
            the folders `alias`, `opt`, `usr`]",
        ),
        (
            "/opt/bin/xy/z",
            "the image does not contain `/opt/bin/xy/z` [did you mean `/opt/bin/x`? `/opt/bin` has no folders]",
        ),
    ];
    for (from, expected) in cases {
        assert_eq!(fixture.error(from), expected);
    }
    assert_eq!(Fixture::new().error("/opt"), "the image does not contain `/opt` [`/` has no folders]");
    assert!(!fixture.has_record());

    let many: Vec<_> = (10..40).map(|number| format!("folder{number}/")).collect();
    let many = Fixture::of(&[&many.iter().map(String::as_str).collect::<Vec<_>>()]);
    assert!(many.error("/x").ends_with("`folder21` and 18 more]"), "{}", many.error("/x"));
}
