//! Packages that the code lists and that are not installed.

use super::*;

#[test]
fn packages_of_a_requirements_txt_must_be_installed() {
    let list = "/var/task/requirements.txt=requests>=2\nboto3\nPyYAML\n";
    let text = Fixture::with_code("python3.12", &["/var/task/app.py", list]).warning(Code::MissingPackages);
    assert!(text.contains("lists `requests`, `pyyaml`, which"), "{text}");
    assert!(
        text.contains(
            "`pip install -r /nowhere/requirements.txt -t /nowhere --platform manylinux2014_x86_64 --python-version 3.12 \
             --only-binary=:all:`"
        ),
        "{text}"
    );
    let installed = ["/opt/python/requests-2.dist-info/METADATA", "/opt/python/requests/x.py"];
    let text = Fixture::with_code("python3.12", &["/var/task/app.py", list])
        .layer("deps", &installed)
        .warning(Code::MissingPackages);
    assert!(text.contains("lists `pyyaml`, which"), "{text}");
    let both = [&installed[..], &["/opt/python/PyYAML-6.0.dist-info/METADATA"]].concat();
    Fixture::with_code("python3.12", &["/var/task/app.py", list])
        .layer("deps", &both)
        .checked_without_warnings();
    // Without metadata, only what no name resembles is certain.
    let stripped = ["/opt/python/yaml/x.py", "/opt/python/requests/x.py"];
    Fixture::with_code("python3.12", &["/var/task/app.py", list])
        .layer("deps", &stripped)
        .checked_without_warnings();
    Fixture::with_code("nodejs22.x", &["/var/task/app.js", list]).checked_without_warnings();
}

#[test]
fn packages_that_a_node_handler_imports_must_be_installed() {
    let list = r#"/var/task/package.json={"dependencies":{"lodash":"4","@a/b":"1","@aws-sdk/client-s3":"3","unused":"1"}}"#;
    let handler = "/var/task/app.mjs=import _ from 'lodash/fp';\nimport x from \"@a/b\";\nimport s from '@aws-sdk/client-s3'";
    let text = Fixture::with_code("nodejs22.x", &[handler, list]).warning(Code::MissingPackages);
    assert!(
        text.contains("imports `@a/b`, `lodash`, which")
            && text.ends_with("run `npm install --omit=dev` in `/nowhere`"),
        "{text}"
    );
    let text = Fixture::with_code("nodejs22.x", &[handler, list, "/var/task/node_modules/lodash/fp.js"])
        .warning(Code::MissingPackages);
    assert!(text.contains("imports `@a/b`, which"), "{text}");
    Fixture::with_code("nodejs22.x", &[handler, list])
        .layer("deps", &["/opt/nodejs/node_modules/lodash/fp.js", "/opt/nodejs/node_modules/@a/b/x.js"])
        .checked_without_warnings();
    let bundle = "/var/task/app.mjs=// require('lodash')\nvar lodash = {};\nconst s = 'lodash';";
    Fixture::with_code("nodejs22.x", &[bundle, list]).checked_without_warnings();
}

#[test]
fn in_a_project_with_a_build_tool_missing_packages_are_errors_that_name_its_command() {
    let list = "/var/task/requirements.txt=requests>=2\n";
    let mut fixture = Fixture::with_code("python3.12", &["/var/task/app.py", list]);
    fixture.function.build_command = Some("sam build Orders".to_owned());
    let text = fixture.errors().concat();
    assert!(text.starts_with("missing-packages: `requirements.txt`"), "{text}");
    // A layer without metadata may contain them under any name.
    let text = fixture.layer("deps", &["/opt/python/x.py"]).warning(Code::MissingPackages);
    assert!(text.ends_with("run `sam build Orders`, or use `--source` to build without them"), "{text}");
}
