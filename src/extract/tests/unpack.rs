//! Files in a folder instead of a tree.

use std::collections::BTreeMap;
use std::fs;

use super::fixture::{Fixture, gzip, parsed, path, tar};
use crate::extract::{unpack, view};
use crate::files::{OverlayFile, OverlayNode};
use crate::project::ImagePath;

/// The files that paths of the image lead to, by their places.
fn files(fixture: &Fixture, places: &[(&str, &str)]) -> BTreeMap<ImagePath, OverlayFile> {
    let image = view(&fixture.layers).unwrap();
    let file = |(place, from): &(&str, &str)| {
        let real = image.resolve(&path(from)).unwrap();
        let OverlayNode::File(file) = image.get(real.as_str()).unwrap().node.clone() else {
            panic!("{from}")
        };
        (path(place), file)
    };
    places.iter().map(file).collect()
}

#[test]
fn chosen_files_are_regular_files_at_their_places() {
    let mut fixture = Fixture::of(&[&["lib/a.so.1: old", "lib/b: 2", "etc/passwd: of the image"]]);
    let program = parsed("bin/tool: elf").mode(0o4755);
    fixture.add(&[
        program,
        parsed("lib/a.so.1: new"),
        parsed("lib/a.so -> a.so.1"),
        parsed("out -> /etc/passwd"),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let places = [
        ("/x/a.so", "/lib/a.so"),
        ("/x/a.so.1", "/lib/a.so.1"),
        ("/passwd", "/out"),
        ("/bin/tool", "/bin/tool"),
    ];
    unpack(&fixture.layers, &files(&fixture, &places), folder.path()).unwrap();
    for (file, content) in
        [("x/a.so", "new"), ("x/a.so.1", "new"), ("passwd", "of the image"), ("bin/tool", "elf")]
    {
        let file = folder.path().join(file);
        assert!(fs::symlink_metadata(&file).unwrap().is_file(), "{}", file.display());
        assert_eq!(fs::read_to_string(file).unwrap(), content);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "only what was chosen");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |file| fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode("bin/tool") & 0o7777, 0o755);
        assert_eq!(mode("passwd") & 0o111, 0);
    }
}

#[test]
fn files_of_a_damaged_layer_and_files_in_each_others_way_are_errors() {
    let fixture = Fixture::of(&[&["a: 1", "b: 2"]]);
    let chosen = files(&fixture, &[("/a", "/a"), ("/a/b", "/b")]);
    let folder = tempfile::tempdir().unwrap();
    assert!(unpack(&fixture.layers, &chosen, folder.path()).is_err());

    let chosen = files(&fixture, &[("/a", "/a")]);
    let other = tar(&[parsed("a: other")]);
    fs::write(&fixture.layers[0].blob.path, gzip(&other)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = unpack(&fixture.layers, &chosen, folder.path()).unwrap_err();
    assert!(error.to_string().contains("does not match its digest"), "{error}");
}
