//! Packages of Node.js that took the place of a link.

use super::*;
use crate::plan::tests::fixture;

#[test]
fn a_followed_package_must_find_what_it_needs() {
    let manifest = r#"{"dependencies": {"near": "1", "above": "1", "in-layer": "1", "@aws-sdk/client-s3": "3",
        "perhaps": "1", "aws-sdk": "2", "@scope/gone": "1"}, "optionalDependencies": {"perhaps": "1"}}"#;
    let mut fixture = Fixture::new("nodejs22.x").layer("l", &["/opt/nodejs/node_modules/in-layer/index.js"]);
    let mut tree = fixture::tree(&[
        &format!("/var/task/node_modules/@ws/shared/package.json={manifest}"),
        "/var/task/node_modules/@ws/shared/node_modules/near/index.js",
        "/var/task/node_modules/above/index.js",
    ]);
    tree.add_followed_package("/var/task/node_modules/@ws/shared".parse().unwrap());
    fixture.trees.code = loaded(tree.clone());
    assert_eq!(
        fixture.errors(),
        [
            "incomplete-package: the code of `orders` lacks packages that followed links do not bring: `@scope/gone` of \
          `/var/task/node_modules/@ws/shared`, `aws-sdk` of `/var/task/node_modules/@ws/shared`"
        ]
    );
    let mut python = Fixture::new("python3.12");
    python.trees.code = loaded(tree);
    assert_eq!(python.findings(), []);
}
