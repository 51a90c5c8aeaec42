//! Views of images with small layers.

use std::collections::BTreeSet;

use super::*;
use crate::files::{FileState, Hiding, ImageFiles};
use crate::image::Layer;
use crate::image::fixture::{image_of, layer};
use crate::store::Store;

/// A base of a file, a folder and links, a layer of limg that replaces and deletes, and code.
fn layers(store: &Store) -> Vec<(String, Layer)> {
    let base = layer(
        store,
        &[
            ("bin", 0o777, "-> usr/bin"),
            ("loop", 0o777, "-> loop"),
            ("nowhere", 0o777, "-> usr/none/x"),
            ("usr/", 0o700, ""),
            ("usr/bin/", 0o755, ""),
            ("usr/bin/dash", 0o755, "dash!"),
            ("usr/bin/sh", 0o777, "-> dash"),
            ("etc/old", 0o644, "1234567"),
            ("etc/folder/a", 0o644, "12"),
            ("etc/folder/b", 0o644, "3"),
        ],
    );
    let upper = layer(
        store,
        &[
            ("usr/", 0o755, ""),
            ("usr/bin/dash", 0o755, "new dash"),
            ("etc/.wh.old", 0o644, ""),
            ("etc/folder", 0o644, "a file"),
        ],
    );
    let code = layer(store, &[("var/task/app.py", 0o644, "x"), ("var/task/app.py", 0o600, "twice")]);
    vec![
        ("/bin/sh -c #(nop) ADD file:1 in /".to_owned(), base),
        ("limg: layer tools".to_owned(), upper),
        ("limg: code of app".to_owned(), code),
    ]
}

fn view(view: &View) -> Found {
    let (_folder, store) = Store::for_test();
    inspect(&image_of(layers(&store), "app.handler"), view).unwrap().found
}

#[test]
fn layers_have_names_sizes_and_counts() {
    let Found::Layers(found) = view(&View::Layers) else { panic!() };
    let facts: Vec<_> = found
        .layers
        .iter()
        .map(|layer| (layer.number, layer.name.as_str(), layer.made_by, layer.files, layer.deletes))
        .collect();
    let expected = [
        (1, "ADD file:1 in /", "base", 8, 0),
        (2, "layer tools", "layer", 2, 1),
        (3, "code of app", "code", 2, 0),
    ];
    assert_eq!(facts, expected);
    // These layers are not compressed.
    assert!(found.layers.iter().all(|layer| layer.size == layer.uncompressed_size));
    assert_eq!(found.total.size, found.layers.iter().map(|layer| layer.size).sum::<u64>());
    assert_eq!(found.image, Amount { files: 7, size: 8 + 6 + 5 });
    assert_eq!(found.hidden, Amount { files: 5, size: 5 + 7 + 2 + 1 + 1 });
    assert_eq!(found.command.as_deref(), Some(&["app.handler".to_owned()][..]));
}

#[test]
fn files_have_the_layers_that_hide_them() {
    let Found::Files { files, .. } = view(&View::Files) else { panic!() };
    let hidden: Vec<_> = files
        .iter()
        .filter_map(|file| Some((file.path.as_str(), file.layer, file.hidden?.by_layer, file.hidden?.how)))
        .collect();
    let expected = [
        ("/etc/folder/a", 1, 2, Hiding::Replaced),
        ("/etc/folder/b", 1, 2, Hiding::Replaced),
        ("/etc/old", 1, 2, Hiding::Deleted),
        ("/usr/bin/dash", 1, 2, Hiding::Replaced),
        ("/var/task/app.py", 3, 3, Hiding::Replaced),
    ];
    assert_eq!(hidden, expected);
    let seen = files.iter().filter(|file| file.hidden.is_none()).map(|file| file.path.as_str());
    let expected =
        ["/bin", "/loop", "/nowhere", "/usr/bin/sh", "/etc/folder", "/usr/bin/dash", "/var/task/app.py"];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
}

#[test]
fn an_opaque_folder_deletes_what_is_below() {
    let (_folder, store) = Store::for_test();
    let mut layers = layers(&store);
    layers.push((
        "RUN x".to_owned(),
        layer(&store, &[("usr/bin/.wh..wh..opq", 0o644, ""), ("usr/bin/new", 0o644, "")]),
    ));
    let found = inspect(&image_of(layers, "x"), &View::Files).unwrap().found;
    let Found::Files { files, layers } = found else { panic!() };
    let deleted = files.iter().filter(|file| {
        file.hidden.is_some_and(|hidden| hidden.by_layer == 4 && hidden.how == Hiding::Deleted)
    });
    let deleted: Vec<_> = deleted.map(|file| file.path.as_str()).collect();
    assert_eq!(deleted, ["/usr/bin/sh", "/usr/bin/dash"]);
    assert_eq!((layers[3].deletes, layers[3].files, layers[3].made_by), (2, 1, "RUN"));
}

fn at(path: &str) -> PathView {
    match view(&View::Path(path.parse().unwrap())) {
        Found::Path(view) => view,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_path_has_a_version_for_each_layer() {
    let found = at("/usr/bin/dash");
    let versions: Vec<_> = found
        .versions
        .iter()
        .map(|it| (it.layer, it.name.as_str(), it.state.clone(), it.hidden.map(|hidden| hidden.by_layer)))
        .collect();
    let file = |size| FileState::File { mode: 0o755, size };
    assert_eq!(versions, [(1, "ADD file:1 in /", file(5), Some(2)), (2, "layer tools", file(8), None)]);
    assert_eq!(found.leads_to, None);

    let folder = at("/usr");
    let states: Vec<_> =
        folder.versions.iter().map(|it| (it.state.clone(), it.hidden.map(|it| it.how))).collect();
    let directory = |mode| FileState::Directory { mode: Some(mode) };
    assert_eq!(states, [(directory(0o700), Some(Hiding::Merged)), (directory(0o755), None)]);
    assert_eq!(folder.below, Some(Amount { files: 2, size: 8 }));

    let deleted = at("/etc/old");
    assert!(!deleted.is_empty() && deleted.versions[0].hidden.is_some(), "{deleted:?}");
    assert!(at("/etc/never").is_empty());
}

#[test]
fn links_are_followed_to_their_end() {
    let dash = Destination::Found {
        path: "/usr/bin/dash".to_owned(),
        state: FileState::File { mode: 0o755, size: 8 },
    };
    for path in ["/bin/sh", "/usr/bin/sh", "/bin/dash"] {
        assert_eq!(at(path).leads_to.as_ref(), Some(&dash), "{path}");
    }
    assert_eq!(at("/bin").below, Some(Amount { files: 2, size: 8 }));
    let nothing = |path: &str| match at(path).leads_to {
        Some(Destination::Nothing { problem }) => problem,
        other => panic!("{path}: {other:?}"),
    };
    assert!(nothing("/nowhere").contains("`/usr/none`"));
    assert!(nothing("/loop").contains("lead to each other"));
    assert!(at("/bin/none").is_empty(), "a link leads on, but to nothing");
}

#[test]
fn packages_have_the_files_that_they_list() {
    let (_folder, store) = Store::for_test();
    let lower = layer(&store, &[("opt/python/six.py", 0o644, "an old one that is longer")]);
    let upper = layer(
        &store,
        &[
            ("opt/python/Some_Lib-1.0.dist-info/METADATA", 0o644, "12345"),
            (
                "opt/python/Some_Lib-1.0.dist-info/RECORD",
                0o644,
                "lib/a.py,,\nlib/gone.py,,\n../../bin/tool,,\n\"lib/b.py\",,\n",
            ),
            ("opt/python/lib/a.py", 0o644, "123"),
            ("opt/python/lib/__pycache__/a.cpython-311.pyc", 0o644, "1234"),
            ("opt/python/lib/unlisted.py", 0o644, "1234567"),
            ("opt/python/six-1.17.dist-info/METADATA", 0o644, "1"),
            ("opt/python/six.py", 0o644, "12"),
            ("opt/python/no/six.py", 0o644, "123456789"),
            ("var/task/node_modules/ms/package.json", 0o644, r#"{"name": "MS", "version": "2"}"#),
            ("var/task/node_modules/ms/node_modules/@s/b/index.js", 0o644, "1"),
        ],
    );
    let record = "lib/a.py,,\nlib/gone.py,,\n../../bin/tool,,\n\"lib/b.py\",,\n".len() as u64;
    let image = image_of(vec![("a".to_owned(), lower), ("b".to_owned(), upper)], "x");
    let Found::Largest(found) = inspect(&image, &View::Largest(9)).unwrap().found else { panic!() };
    let packages: Vec<_> = found
        .packages
        .iter()
        .map(|it| (it.language, it.name.as_str(), it.version.as_deref(), it.amount.files, it.amount.size))
        .collect();
    let expected = [
        ("python", "some-lib", Some("1.0"), 4, 5 + record + 3 + 4),
        ("node", "MS", Some("2"), 1, 30),
        ("python", "six", Some("1.17"), 2, 1 + 2),
        ("node", "@s/b", None, 1, 1),
    ];
    assert_eq!(packages, expected);
    let Found::Largest(two) = inspect(&image, &View::Largest(2)).unwrap().found else { panic!() };
    assert_eq!((two.files.len(), two.packages.len()), (2, 2));
    assert_eq!(two.files[0].path, "/opt/python/Some_Lib-1.0.dist-info/RECORD");
}

#[test]
fn the_merged_files_have_digests() {
    let Found::Mtree { files } = view(&View::Mtree) else { panic!() };
    let digest = Digest::of(b"new dash");
    let lines = mtree_lines(&files);
    let dash = format!("./usr/bin/dash type=file mode=0755 size=8 sha256digest={}", digest.hex());
    for expected in [dash.as_str(), "./usr/bin/sh type=link link=dash", "./usr type=dir mode=0755"] {
        assert!(lines.contains(&expected.to_owned()), "{expected}: {lines:#?}");
    }
    assert!(!lines.iter().any(|line| line.contains("/etc/old")), "{lines:#?}");
}

#[test]
fn a_config_is_shown_without_its_layers() {
    let (_folder, store) = Store::for_test();
    let mut layers = layers(&store);
    layers[0].1.blob = store.expected_blob(&Digest::of(b"not here"), 8);
    let image = image_of(layers, "app.handler");
    assert!(!View::Config.needs_layers());
    let Found::Config { config } = inspect(&image, &View::Config).unwrap().found else { panic!() };
    assert_eq!(config["config"]["Cmd"], serde_json::json!(["app.handler"]));
    assert!(inspect(&image, &View::Layers).is_err(), "the layer is not on this machine");
}

#[test]
fn a_whole_image_has_what_is_hidden_and_what_is_there_several_times() {
    let (_folder, store) = Store::for_test();
    let mut layers = layers(&store);
    layers.push((
        "limg: layer copies".to_owned(),
        layer(
            &store,
            &[("opt/one", 0o644, "new dash"), ("opt/two", 0o644, "new dash"), ("opt/empty", 0o644, "")],
        ),
    ));
    let image = image_of(layers, "app.handler");
    let blobs = image.layers().iter().map(|layer| (&layer.blob, &layer.digest, &layer.diff_id));
    let found = WholeImage::read(&image, &ImageFiles::read(blobs, &BTreeSet::new()).unwrap()).unwrap();
    let overwritten: Vec<_> = found.overwritten.iter().map(|file| (file.path.as_str(), file.layer)).collect();
    let expected = [
        ("/etc/old", 1),
        ("/usr/bin/dash", 1),
        ("/etc/folder/a", 1),
        ("/etc/folder/b", 1),
        ("/var/task/app.py", 3),
    ];
    assert_eq!(overwritten, expected);
    let paths = ["/opt/one", "/opt/two", "/usr/bin/dash"].map(str::to_owned).to_vec();
    assert_eq!(found.duplicates, [Duplicate { size: 8, paths, copies: 3, highest_layer: 4 }]);
    assert_eq!(found.duplicates[0].wasted(), 16);
    let sizes: Vec<_> = found.files.iter().map(|file| (file.path.as_str(), file.layer, file.size)).collect();
    let expected = [
        ("/etc/folder", 2, 6),
        ("/opt/empty", 4, 0),
        ("/opt/one", 4, 8),
        ("/opt/two", 4, 8),
        ("/usr/bin/dash", 2, 8),
        ("/var/task/app.py", 3, 5),
    ];
    assert_eq!(sizes, expected);
}
