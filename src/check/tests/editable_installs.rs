//! Packages that are installed in editable mode, as pip, uv and Poetry leave them in a folder of packages.

use super::*;

const DIRECT_URL: &str = r#"{"url":"file:///home/ada/ws/packages/shared","dir_info":{"editable":true}}"#;

/// The files of the package `shared` in a layer, as setuptools describes it or without a list of its modules.
fn layer(more: &[&str], has_list: bool) -> Fixture {
    let direct_url = format!("/opt/python/shared-0.1.0.dist-info/direct_url.json={DIRECT_URL}");
    let mut files = vec![
        direct_url.as_str(),
        "/opt/python/__editable__.shared-0.1.0.pth=/home/ada/ws/packages/shared/src\n",
    ];
    if has_list {
        files.push("/opt/python/shared-0.1.0.dist-info/top_level.txt=shared\n");
    }
    Fixture::new("python3.12").layer("packages", &[&files[..], more].concat())
}

#[test]
fn a_package_whose_modules_are_not_in_the_image_is_an_error() {
    let fixture = layer(&[], true);
    assert_eq!(
        fixture.errors(),
        [
            "editable-install: the layer `packages` contains packages in editable mode, whose files are on the build machine \
          and not in the image: `shared` (`/home/ada/ws/packages/shared`)"
        ]
    );
    assert!(help(&fixture.findings()[0]).contains("`uv sync --no-editable`"));
}

#[test]
fn a_package_of_which_only_the_name_is_known_gives_a_warning() {
    assert_eq!(layer(&[], false).warnings(), [Code::EditableInstall]);
    let old = "/opt/python/easy-install.pth=import sys\n/home/ada/ws/packages/old\n";
    let fixture = Fixture::new("python3.12").layer("packages", &[old]);
    assert_eq!(fixture.warnings(), [Code::EditableInstall]);
    assert!(
        fixture.findings()[0]
            .message
            .ends_with("`/opt/python/easy-install.pth` (`/home/ada/ws/packages/old`)")
    );
}

#[test]
fn a_package_whose_modules_are_in_the_image_is_fine() {
    assert_eq!(layer(&["/opt/python/shared/__init__.py"], true).warnings(), []);
    let in_code = layer(&[], false).code(&["/var/task/app.py", "/var/task/shared.py"]);
    assert_eq!(in_code.warnings(), []);
}

#[test]
fn other_packages_are_not_questioned() {
    let fixture = Fixture::new("python3.12").layer(
        "packages",
        &[
            r#"/opt/python/a-1.dist-info/direct_url.json={"url":"file:///home/ada/a","dir_info":{}}"#,
            r#"/opt/python/b-1.dist-info/direct_url.json={"url":"https://example.com/b.whl","archive_info":{}}"#,
            "/opt/python/c-1.dist-info/direct_url.json=not JSON",
            "/opt/python/distutils-precedence.pth=import os; enabled = True\n",
            "/opt/python/in-image.pth=/opt/python\nrelative\n",
        ],
    );
    assert_eq!(fixture.warnings(), []);
    let mut node = layer(&[], true);
    node.function.base.contract = "nodejs22.x".to_owned();
    assert_eq!(node.warnings(), []);
}
