use super::fixture::{entry, parsed, tar};
use super::*;

use tar::EntryType;

/// What an index has, one line a path as [`parsed`] reads them: the layer and mode in front, of a file the size behind.
fn listed(index: &FileIndex) -> Vec<String> {
    let line = |(path, entry): &(_, _)| match entry {
        IndexEntry::Directory { mode, layer } => format!("{layer} {mode:o} {path}/"),
        IndexEntry::File { mode, size, layer } => format!("{layer} {mode:o} {path}: {size}"),
        IndexEntry::Symlink { target, layer } => format!("{layer} {path} -> {target}"),
        IndexEntry::Other { layer } => format!("{layer} {path} other"),
    };
    index.entries.iter().map(line).collect()
}

fn listed_of(layers: &[&[TestEntry]]) -> Vec<String> {
    let tars: Vec<_> = layers.iter().map(|layer| tar(layer)).collect();
    listed(&index_of(&tars.iter().map(Vec::as_slice).collect::<Vec<_>>()))
}

#[test]
fn whiteouts_delete_a_path_with_everything_below_and_nothing_else() {
    let paths = |layers: &[&[&str]]| {
        let index = base_of(layers);
        index.entries.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>()
    };
    let lower: &[&str] = &["a/", "a/x", "a/y", "a-b", "b", "c/", "c/z"];
    assert_eq!(paths(&[lower, &["a/.wh.x", ".wh.c"]]), ["/a", "/a-b", "/a/y", "/b"]);
    assert_eq!(
        paths(&[lower, &["a/", "a/new", "a/.wh..wh..opq"]]),
        ["/a", "/a-b", "/a/new", "/b", "/c", "/c/z"]
    );
    assert_eq!(paths(&[lower, &["a"]]), ["/a", "/a-b", "/b", "/c", "/c/z"]);
    assert_eq!(paths(&[lower, &[".wh..wh..opq", "n"]]), ["/n"]);
}

#[test]
fn the_index_has_the_mode_size_target_and_layer_of_each_path() {
    let lower = [parsed("a/").mode(0o711), parsed("a/x: 123"), parsed("a/y"), parsed("l -> a/x")];
    let upper = [parsed("a/y: 1").mode(0o4755), entry(EntryType::Fifo, "pipe", "", "")];
    assert_eq!(
        listed_of(&[&lower, &upper]),
        ["0 711 /a/", "0 644 /a/x: 3", "1 4755 /a/y: 1", "0 /l -> a/x", "1 /pipe other"]
    );
}

#[test]
fn a_hard_link_has_the_mode_and_size_of_its_target_and_its_own_layer() {
    let lower = [parsed("tool: 12345").mode(0o755), parsed("link -> tool"), parsed("d/")];
    let upper = [
        parsed("hard => tool").mode(0o600),
        parsed("soft => link"),
        parsed("bad => d"),
        parsed("lost => gone"),
    ];
    assert_eq!(
        listed_of(&[&lower, &upper]),
        [
            "1 /bad other",
            "0 755 /d/",
            "1 755 /hard: 5",
            "0 /link -> tool",
            "1 /lost other",
            "1 /soft -> tool",
            "0 755 /tool: 5"
        ]
    );
}

#[test]
fn a_file_below_a_file_or_link_of_a_lower_layer_makes_it_a_directory() {
    let lower = [parsed("a: 1"), parsed("usr/lib/x: 1"), parsed("lib -> usr/lib")];
    let upper = [parsed("a/b/c: 2"), parsed("lib/y: 2")];
    assert_eq!(
        listed_of(&[&lower, &upper]),
        [
            "1 755 /a/",
            "1 755 /a/b/",
            "1 644 /a/b/c: 1",
            "1 755 /lib/",
            "1 644 /lib/y: 1",
            "0 755 /usr/",
            "0 755 /usr/lib/",
            "0 644 /usr/lib/x: 1"
        ]
    );
}

#[test]
fn a_file_over_a_directory_hides_everything_in_it() {
    let lower = [parsed("a/b/c: 1"), parsed("a-"), parsed("a0")];
    assert_eq!(listed_of(&[&lower, &[parsed("a: 2")]]), ["1 644 /a: 1", "0 644 /a-: 2", "0 644 /a0: 2"]);
}

#[test]
fn folders_that_no_layer_names_are_directories_and_stay_when_they_are_empty() {
    let index = base_of(&[&["a/b/c"], &["a/b/.wh.c"]]);
    assert_eq!(listed(&index), ["0 755 /a/", "0 755 /a/b/"]);
    assert!(index.has_below("/a") && !index.has_below("/a/b"));
    let named_later = listed_of(&[&[parsed("a/b: 1")], &[parsed("a/").mode(0o700)]]);
    assert_eq!(named_later, ["1 700 /a/", "0 644 /a/b: 1"]);
}

#[test]
fn a_sparse_file_is_a_file() {
    let sparse = entry(EntryType::GNUSparse, "a", "", "");
    assert_eq!(listed_of(&[&[sparse]]), ["0 644 /a: 0"]);
}

#[test]
fn paths_lead_through_links() {
    let index = base_of(&[&[
        "usr/bin/dash",
        "usr/bin/sh -> dash",
        "bin -> usr/bin",
        "absolute -> /bin/sh",
        "up -> usr/../bin/sh",
        "loop -> loop",
        "out -> ../../../bin/sh",
    ]]);
    for path in ["/bin/sh", "/usr/bin/sh", "/absolute", "/up", "/out"] {
        assert!(index.has_file(path), "{path}");
    }
    for path in ["/loop", "/bin", "/bin/bash", "/usr/bin/sh/x", "relative"] {
        assert!(!index.has_file(path), "{path}");
    }
    let bin = index.resolve(&"/bin".parse().unwrap());
    assert_eq!(bin, Some(&IndexEntry::Directory { mode: 0o755, layer: 0 }));
}

#[test]
fn names_are_normalised_and_cannot_lead_out() {
    let names = ["./etc/", "./", "/", "../etc", "a/../../b", "c//d/./e", "nul\0l"].map(parsed);
    assert_eq!(
        listed_of(&[&names]),
        ["0 755 /c/", "0 755 /c/d/", "0 644 /c/d/e: 8", "0 755 /etc/", "0 644 /nul: 5"]
    );
}

#[test]
fn a_path_that_cannot_be_unpacked_is_refused() {
    let refused = |name: &str| {
        let layer = tar(&[parsed(&format!("{name}: 1"))]);
        Overlay::default().add_layer(&layer[..], |_, _, _| Ok(())).err().map(|error| error.to_string())
    };
    // With the `/` in front of it, which the entry does not have.
    let long = |length: usize| "x/".repeat(400) + &["y".repeat(100).as_str(); 40].join("/")[..length - 801];
    assert_eq!(refused(&long(4095)), None);
    assert!(refused(&long(4096)).unwrap().contains("4095 bytes"));
    assert!(refused(&"d/".repeat(30_000)).unwrap().contains("4095 bytes"));
    assert!(refused(&"y".repeat(256)).unwrap().contains("255 bytes"));
    assert!(refused(&("d/".repeat(1024) + "x")).unwrap().contains("1024 folders"));
}

#[test]
fn folders_that_only_paths_imply_count_as_listed() {
    let name = |number: usize| format!("{number}/{}/x: 1", ["y".repeat(100).as_str(); 30].join("/"));
    let layer = tar(&[parsed(&name(1)), parsed(&name(2))]);
    let overlay = overlay_of(&[&layer]);
    // Each of the two names implies 31 folders, whose paths have half its length on average.
    assert!(overlay.listed > 2 * 31 * 1500, "{}", overlay.listed);
}

#[test]
fn all_layers_share_one_limit_of_names() {
    let layer = tar(&[parsed("a: 1")]);
    let mut overlay = overlay_of(&[&layer]);
    let once = overlay.listed;
    assert!(once > 0);
    overlay.add_layer(&layer[..], |_, _, _| Ok(())).unwrap();
    assert_eq!(overlay.listed, 2 * once);
}

#[test]
fn an_index_is_read_as_it_was_written() {
    let index = base_of(&[&["a/", "a/x: 123", "l -> a"], &["b => a/x"]]);
    let text = serde_json::to_string(&*index).unwrap();
    let expected = r#"{"entries":[["/a",{"d":{"m":493,"l":0}}],["/a/x",{"f":{"m":493,"s":3,"l":0}}],"#;
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(serde_json::from_str::<FileIndex>(&text).unwrap(), *index);
}

#[test]
fn an_index_is_full_or_has_what_the_base_guarantees() {
    let index = FileIndex::guaranteed(&["/usr/local/bin/rie", "/entry.sh"]).unwrap();
    assert!(index.has_file("/entry.sh") && index.has_file("/usr/local/bin/rie"));
    assert!(!index.has_file("/usr/local/bin") && !index.has_file("/usr/bin/rie"));
    assert!(!index.is_full() && base_of(&[]).is_full());
    assert!(FileIndex::guaranteed(&["relative"]).is_err());
}
