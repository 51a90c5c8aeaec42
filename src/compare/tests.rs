//! Comparisons of images with small layers.

use super::*;
use crate::image::fixture::{image, layer};
use crate::store::Store;

fn names<T>(changes: &[Change<T>]) -> Vec<String> {
    let sign = |change: &Change<T>| match (&change.before, &change.after) {
        (Some(_), Some(_)) => '~',
        (Some(_), None) => '-',
        (None, _) => '+',
    };
    changes.iter().map(|change| format!("{} {}", sign(change), change.name)).collect()
}

#[test]
fn an_image_is_the_same_as_itself() {
    let (_folder, store) = Store::for_test();
    let image = image(vec![("code", layer(&store, &[("var/task/app.py", 0o644, "x")]))], "app.handler");
    let comparison = compare(&image, &image).unwrap();
    assert!(comparison.is_empty(), "{comparison:?}");
}

#[test]
fn files_differ_by_what_is_in_them_and_not_by_their_layers() {
    let (_folder, store) = Store::for_test();
    let base = layer(&store, &[("usr/lib/a", 0o644, "base"), ("usr/lib/gone", 0o644, "base")]);
    let shared = ("var/task/same", 0o644, "same");
    let before = layer(
        &store,
        &[
            shared,
            ("var/task/app.py", 0o644, "one"),
            ("var/task/mode", 0o644, "x"),
            ("var/task/link", 0o777, "-> app.py"),
            ("var/task/removed", 0o644, "x"),
            ("opt/six-1.16.0.dist-info/METADATA", 0o644, "Version: 1.16.0"),
            ("opt/node_modules/ms/package.json", 0o644, r#"{"name": "ms", "version": "2.1.2"}"#),
        ],
    );
    let after = layer(
        &store,
        &[
            ("usr/lib/.wh.gone", 0o644, ""),
            ("var/task/app.py", 0o644, "two"),
            ("var/task/mode", 0o755, "x"),
            ("var/task/link", 0o777, "-> other.py"),
            ("var/task/new", 0o644, "x"),
            ("opt/six-1.17.0.dist-info/METADATA", 0o644, "Version: 1.17.0"),
            ("opt/node_modules/ms/package.json", 0o644, r#"{"name": "ms", "version": "2.1.3"}"#),
        ],
    );
    let before = image(vec![("base", base.clone()), ("code", before)], "app.handler");
    let after = image(vec![("base", base), ("data", layer(&store, &[shared])), ("code", after)], "app.main");
    let comparison = compare(&before, &after).unwrap();
    assert_eq!(names(&comparison.layers), ["~ code", "+ data"]);
    let expected = [
        "~ /opt/node_modules/ms/package.json",
        "- /opt/six-1.16.0.dist-info/METADATA",
        "+ /opt/six-1.17.0.dist-info/METADATA",
        "- /usr/lib/gone",
        "~ /var/task/app.py",
        "~ /var/task/link",
        "~ /var/task/mode",
        "+ /var/task/new",
        "- /var/task/removed",
    ];
    assert_eq!(names(&comparison.files), expected);
    let change = |name: &str, before: &str, after: &str| Change {
        name: name.to_owned(),
        before: Some(before.to_owned()),
        after: Some(after.to_owned()),
    };
    assert_eq!(comparison.packages, [change("ms", "2.1.2", "2.1.3"), change("six", "1.16.0", "1.17.0")]);
    assert_eq!(comparison.settings, [change("Cmd", "app.handler", "app.main")]);
}
