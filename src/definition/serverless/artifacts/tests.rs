//! Which file is the package of a function or layer.

use std::path::Path;

use super::{Artifacts, Package};
use crate::definition::serverless::fixture::{Service, folder_with, value_at};
use crate::definition::serverless::package::{Packaging, ServicePackage};

/// The package of a function or layer of a service, with the files in its `.serverless`, below the service's folder.
fn package(text: &str, path: [&str; 2], files: &[(&str, &str)]) -> String {
    let folder = folder_with(files);
    let service = Service::of(folder.path(), text);
    let (resolver, mut findings) = (service.resolver(), service.findings());
    let service = ServicePackage::read(&resolver, "serverless.yml", &mut findings);
    let own = Packaging::read(&resolver, &value_at(&resolver, &path), &mut findings);
    let artifacts = Artifacts::open(folder.path(), &service);
    let package = match path[0] {
        "layers" => artifacts.of_layer(path[1], &own),
        _ => artifacts.of_function(path[1], &own, &service, Some("shop")),
    };
    assert!(findings.all.is_empty());
    let below =
        |path: &Path| path.strip_prefix(folder.path()).unwrap().display().to_string().replace('\\', "/");
    match package {
        Package::Given(path, _) => format!("given {}", below(&path)),
        Package::InS3(url) => format!("S3 {}", url.text),
        Package::Built(path) => format!("built {}", below(&path)),
        Package::Absent(path) => format!("absent {}", below(&path)),
    }
}

#[test]
fn the_package_is_the_one_that_serverless_uploads() {
    let state = r#"{
        "service": {
            "functions": { "a": { "package": { "artifact": "/ci/build/.serverless/a-1.zip" } }, "b": { "package": {} } },
            "layers": { "x": { "package": { "artifact": "C:\\ci\\.serverless\\x-1.zip" } }, "y": 7 }
        },
        "package": { "artifact": "all.zip", "individually": false }
    }"#;
    let built: &[(&str, &str)] = &[
        (".serverless/shop.zip", ""),
        (".serverless/a.zip", ""),
        (".serverless/shop-b.zip", ""),
        (".serverless/x.zip", ""),
    ];
    let recorded: &[(&str, &str)] = &[
        (".serverless/serverless-state.json", state),
        (".serverless/all.zip", ""),
        (".serverless/a-1.zip", ""),
        (".serverless/x-1.zip", ""),
        (".serverless/shop.zip", ""),
        (".serverless/y.zip", ""),
    ];
    let plain = "functions: { a: {}, b: {} }\nlayers: { x: {}, y: {} }\n";
    let individually = &format!("package: {{ individually: true }}\n{plain}");
    let artifact = &format!("package: {{ artifact: ./out/all.zip }}\n{plain}");
    let own = "package: { artifact: all.zip }\nfunctions: { a: { package: { artifact: a.jar } }, b: { package: { individually: true } } }\n";
    let remote = "functions: { a: { package: { artifact: 's3://bucket/a.zip' } } }\n";
    let layer = "layers: { x: { package: { artifact: x.zip } } }\n";
    let elsewhere = &format!("package: {{ path: out }}\n{plain}");
    let (a, b, x, y) = (["functions", "a"], ["functions", "b"], ["layers", "x"], ["layers", "y"]);
    for (text, path, files, expected) in [
        (plain, a, built, "built .serverless/shop.zip"),
        (plain, x, built, "built .serverless/x.zip"),
        (plain, y, built, "absent .serverless/y.zip"),
        (individually, a, built, "built .serverless/a.zip"),
        (individually, b, built, "built .serverless/shop-b.zip"),
        (plain, a, &[], "absent .serverless/shop.zip"),
        (individually, a, &[], "absent .serverless/a.zip"),
        (plain, a, recorded, "built .serverless/a-1.zip"),
        (plain, b, recorded, "built .serverless/all.zip"),
        (individually, b, recorded, "absent .serverless/b.zip"),
        (plain, x, recorded, "built .serverless/x-1.zip"),
        (plain, y, recorded, "built .serverless/y.zip"),
        (
            plain,
            a,
            &[(".serverless/serverless-state.json", "{"), (".serverless/shop.zip", "")],
            "built .serverless/shop.zip",
        ),
        (artifact, a, built, "given out/all.zip"),
        (artifact, x, built, "built .serverless/x.zip"),
        (own, a, built, "given a.jar"),
        (own, b, built, "built .serverless/shop-b.zip"),
        (remote, a, built, "S3 s3://bucket/a.zip"),
        (layer, x, built, "given x.zip"),
        (elsewhere, a, &[("out/shop.zip", "")], "built out/shop.zip"),
    ] {
        assert_eq!(package(text, path, files), expected, "{text} {path:?}");
    }
}
