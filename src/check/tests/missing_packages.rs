//! Packages that the code lists and that are not installed.

use super::*;
use crate::project::{LayerSource, VersionSource};

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
    // A local layer can be read.
    let errors = fixture.layer("deps", &["/opt/python/x.py"]).errors().concat();
    assert!(errors.contains("lists `requests`, which"), "{errors}");
    // A published layer without metadata may contain them under any name.
    let mut fixture =
        Fixture::with_code("python3.12", &["/var/task/app.py", list]).layer("deps", &["/opt/python/x.py"]);
    fixture.function.build_command = Some("sam build".to_owned());
    let arn = "arn:aws:lambda:us-east-1:123456789012:layer:deps:1".parse().unwrap();
    let source = LayerSource::Version(VersionSource { arn, ignore_compatibility: true });
    fixture.function.layers[0].source = source;
    let text = fixture.warning(Code::MissingPackages);
    assert!(text.ends_with("check whether the layers that limg cannot judge contain them"), "{text}");
    // What one folder in the code resembles says nothing about the others.
    let list = "/var/task/requirements.txt=requests>=2\nyaml_thing\n";
    let mut fixture = Fixture::with_code("python3.12", &["/var/task/yaml_thing/__init__.py", list]);
    fixture.function.build_command = Some("sam build".to_owned());
    assert!(fixture.errors().concat().contains("lists `requests`, which"));
}

#[test]
fn a_list_of_a_layer_is_installed_in_the_layer() {
    let list = "/opt/requirements.txt=requests>=2\n";
    let mut fixture = Fixture::with_code("python3.12", &["/var/task/app.py"]).layer("deps", &[list]);
    fixture.function.build_command = Some("sam build".to_owned());
    let (finding, text) = only(&fixture);
    assert_eq!(finding.place, place(&["layers", "deps", "path"]));
    assert!(
        text.contains("`pip install -r /nowhere/requirements.txt -t /nowhere/python --platform"),
        "{text}"
    );
    assert!(
        text.contains("add `BuildMethod: python3.12` to the layer's `Metadata` and run `sam build`"),
        "{text}"
    );

    let list = r#"/opt/nodejs/package.json={"dependencies":{"lodash":"4","@aws-sdk/client-s3":"3"}}"#;
    let node = |nodes: &[&str]| Fixture::with_code("nodejs22.x", &["/var/task/app.js"]).layer("deps", nodes);
    let text = node(&[list]).warning(Code::MissingPackages);
    let expected = "`package.json` of the layer `deps` lists `lodash`, which neither the code nor a layer contains; run \
                    `npm install` in `/nowhere/nodejs`";
    assert_eq!(text, expected);
    let mut fixture = node(&[&list.replace("nodejs/", "")]);
    fixture.function.build_command = Some("sam build".to_owned());
    let (finding, text) = only(&fixture);
    assert!(finding.is_error() && text.contains("`BuildMethod: nodejs22.x`"), "{text}");
    node(&[list, "/opt/nodejs/node_modules/other/x.js"]).checked_without_warnings();
    node(&[list]).layer("more", &["/opt/nodejs/node_modules/lodash/x.js"]).checked_without_warnings();
}

#[test]
fn modules_of_the_code_are_followed_to_packages() {
    let list = r#"/var/task/package.json={"dependencies":{"@slack/web-api":"1","left":"1"}}"#;
    let of = |nodes: &[&str], handler: &str| {
        let mut fixture = Fixture::with_code("nodejs22.x", nodes);
        fixture.function.handler = Some(handler.to_owned());
        fixture
    };
    let handler =
        "/var/task/src/index.js=import { post } from './slack.js';\nimport '../lib'; import './gone'";
    let slack = "/var/task/src/slack.js=import x from '@slack/web-api/dist'; import './index.js'";
    let text = of(&[handler, slack, list, "/var/task/lib/index.js=require('left')"], "src/index.handler")
        .warning(Code::MissingPackages);
    assert!(text.contains("imports `@slack/web-api`, `left`, which"), "{text}");
    let own = ["/var/task/src/node_modules/@slack/web-api/x.js"];
    of(&[handler, slack, list, own[0]], "src/index.handler").checked_without_warnings();
    // Lists next to the handler count, too, and only npm reads them.
    let list = r#"/var/task/src/package.json={"dependencies":{"left":"1"}}"#;
    let mut fixture = of(&["/var/task/src/app.js=require('left')", list], "src/app.handler");
    fixture.function.build_command = Some("sam build".to_owned());
    let (_, text) = only(&fixture);
    assert!(text.contains("run `npm install --omit=dev` in `/nowhere/src`, or use"), "{text}");
    // A path that leaves the image leads nowhere.
    of(&["/var/task/app.js=require('../../../../x')"], "app.handler").checked_without_warnings();
}

#[test]
fn the_second_version_of_the_sdk_must_be_installed() {
    let handler = "/var/task/app.js=const aws = require('aws-sdk/clients/s3');";
    let text = Fixture::with_code("nodejs22.x", &[handler]).warning(Code::MissingPackages);
    assert!(
        text.contains("imports `aws-sdk`, which neither the code nor a layer contains, nor any runtime"),
        "{text}"
    );
    assert!(
        text.contains("run `npm install aws-sdk` in `/nowhere`, or use the clients of version 3"),
        "{text}"
    );
    let mut fixture = Fixture::with_code("nodejs22.x", &[handler]);
    fixture.function.build_command = Some("sam build".to_owned());
    let (finding, text) = only(&fixture);
    assert!(finding.is_error() && text.contains("`package.json` and run `sam build`"), "{text}");
    let installed = [handler, "/var/task/node_modules/aws-sdk/clients/s3.js"];
    Fixture::with_code("nodejs22.x", &installed).checked_without_warnings();
}

#[test]
fn gems_of_production_must_be_installed() {
    let list = "/var/task/Gemfile=gem 'rack'\ngem 'json'\ngem 'aws-sdk-s3'\ngem 'pry', group: :development\n";
    let of = |nodes: &[&str]| Fixture::with_code("ruby3.3", &[&["/var/task/app.rb", list], nodes].concat());
    let text =
        of(&["/var/task/vendor/bundle/ruby/3.3.0/gems/rack-test-2.1.0/x.rb"]).warning(Code::MissingPackages);
    let expected = "`Gemfile` of the code of `orders` lists `rack`, which neither the code nor a layer contains; run \
                    `bundle config set --local path vendor/bundle && bundle install` in `/nowhere`";
    assert_eq!(text, expected);
    of(&["/var/task/vendor/bundle/ruby/3.3.0/gems/rack-3.0.8/x.rb"]).checked_without_warnings();
    of(&[]).layer("gems", &["/opt/ruby/gems/3.3.0/gems/rack-3.0.8/x.rb"]).checked_without_warnings();
    let mut fixture = of(&[]);
    fixture.function.build_command = Some("sam build".to_owned());
    let (finding, text) = only(&fixture);
    assert!(
        finding.is_error() && text.ends_with("run `sam build`, or use `--source` to build without them"),
        "{text}"
    );
}

/// The only finding, with its message and help.
fn only(fixture: &Fixture) -> (Finding, String) {
    let findings = fixture.findings();
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    (finding.clone(), format!("{}; {}", finding.message, help(finding)))
}
