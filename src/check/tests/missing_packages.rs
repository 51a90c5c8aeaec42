//! Packages that the code lists and that are not installed.

use super::*;
use crate::finding::Setting;
use crate::project::{FunctionCode, InlineFile, LayerSource, VersionSource};

/// A handler's module that imports packages in each way.
const HANDLER: &str = "/var/task/app.py=import os, requests\ndef handler(event, context):\n  import yaml";

#[test]
fn packages_of_a_requirements_txt_must_be_installed() {
    let list = "/var/task/requirements.txt=requests>=2\nboto3\nPyYAML\n";
    let text = Fixture::with_code("python3.12", &[HANDLER, list]).warning(Code::MissingPackages);
    assert!(text.contains("lists `requests`, `pyyaml`, which"), "{text}");
    assert!(
        text.contains(
            "`pip install -r /nowhere/requirements.txt -t /nowhere --platform manylinux2014_x86_64 --python-version 3.12 \
             --only-binary=:all:`"
        ),
        "{text}"
    );
    // A plugin of the Serverless Framework would install them.
    let (_, found) = Fixture::with_code("python3.12", &[HANDLER, list]).checked();
    let words = |setting| (setting == Setting::InstallRequirements).then(|| "use a plugin".to_owned());
    let help = found[0].help.as_ref().and_then(|help| help.render(words)).unwrap();
    assert!(help.ends_with(", or use a plugin"), "{help}");
    let installed = ["/opt/python/requests-2.dist-info/METADATA", "/opt/python/requests/x.py"];
    let text = Fixture::with_code("python3.12", &[HANDLER, list])
        .layer("deps", &installed)
        .warning(Code::MissingPackages);
    assert!(text.contains("lists `pyyaml`, which"), "{text}");
    let both = [&installed[..], &["/opt/python/PyYAML-6.0.dist-info/METADATA"]].concat();
    Fixture::with_code("python3.12", &[HANDLER, list]).layer("deps", &both).checked_without_warnings();
    // Without metadata, only what no name resembles is certain.
    let stripped = ["/opt/python/yaml/x.py", "/opt/python/requests/x.py"];
    Fixture::with_code("python3.12", &[HANDLER, list]).layer("deps", &stripped).checked_without_warnings();
    Fixture::with_code("nodejs22.x", &["/var/task/app.js", list]).checked_without_warnings();
}

#[test]
fn packages_of_a_requirements_txt_that_nothing_imports_are_not_missing() {
    let of = |nodes: &[&str]| {
        let list = "/var/task/requirements.txt=requests\nPyYAML\nPillow\n";
        let mut fixture = Fixture::with_code("python3.12", &[&[list], nodes].concat());
        fixture.function.build_command = Some("sam build".to_owned());
        fixture
    };
    for handler in [
        "import json, boto3.session, botocore, dateutil.parser\n# import requests",
        "from lib import x",
        "if TYPE_CHECKING:\n  import requests",
        "if __name__ == '__main__':\n  import requests",
        "'''\nimport requests'''",
    ] {
        of(&[&format!("/var/task/app.py={handler}"), "/var/task/lib/x.py=from . import y"])
            .checked_without_warnings();
    }
    let listed = |nodes: &[&str]| {
        let errors = of(nodes).errors().concat();
        errors
            .split(" lists ")
            .nth(1)
            .unwrap_or_default()
            .split(", which")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let app = |text: &str| listed(&[&format!("/var/task/app.py={text}")]);
    assert_eq!(app("import requests.auth"), "`requests`");
    assert_eq!(app("try:\n  import yaml\nexcept ImportError:\n  pass"), "`pyyaml`");
    // Of which package a module is that resembles none, is not known.
    assert_eq!(app("import PIL"), "`requests`, `pyyaml`, `pillow`");
    assert_eq!(app("importlib.import_module(name)"), "`requests`, `pyyaml`, `pillow`");
    // Modules of the code are followed.
    let lib = "/var/task/lib/__init__.py=from .deep import (a,\n  b)";
    let deep = "/var/task/lib/deep/b.py=import requests";
    assert_eq!(listed(&["/var/task/app.py=from lib import y", lib, deep]), "`requests`");
    assert_eq!(listed(&["/var/task/app.py=import lib.deep.b", deep]), "`requests`");
    let unused = ["/var/task/app.py=import other", deep, "/var/task/other.py=from . import x"];
    of(&unused).checked_without_warnings();
    // Without the handler's module, all modules of the code count.
    assert_eq!(listed(&["/var/task/src/other.py=import yaml"]), "`pyyaml`");
}

#[test]
fn modules_that_no_list_has_and_nothing_contains_give_a_warning() {
    let of = |text: &str| Fixture::with_code("python3.12", &[&format!("/var/task/app.py={text}")]);
    let text = of("import os, pymysql\nfrom yaml import load").warning(Code::MissingPackages);
    assert_eq!(
        text,
        "`app.py` in the code of `orders` imports `pymysql`, `yaml`, which neither the code nor a layer contains; install \
         what is missing with `pip install PACKAGE -t /nowhere --platform manylinux2014_x86_64 --python-version 3.12 \
         --only-binary=:all:`, or add a layer that contains it"
    );
    let text = of("import urllib2").warning(Code::MissingPackages);
    assert!(
        text.ends_with("change the code: Python 3 removed `urllib2` from the standard library"),
        "{text}"
    );
    let text = of("import imp").warning(Code::MissingPackages);
    assert!(text.ends_with("Python 3.12 removed `imp` from the standard library"), "{text}");
    let mut fixture = of("import greengrasssdk");
    let content = "import greengrasssdk".to_owned();
    fixture.function.code = FunctionCode::Inline(vec![InlineFile { name: "app.py".to_owned(), content }]);
    let text = fixture.warning(Code::MissingPackages);
    assert_eq!(
        text,
        "the inline code of `orders` imports `greengrasssdk`, which neither the code nor a layer contains; add a layer that \
         contains it"
    );
    // What may work is not questioned.
    for text in [
        "try:\n  import a\nexcept ImportError:\n  a = None",
        "def f():\n  import a",
        "import sys\nsys.path.append('/opt/lib')\nimport a",
        "try:\n  import lib\nexcept ImportError:\n  pass",
        "import _private, awscrt",
    ] {
        let lib = "/var/task/lib.py=import a";
        Fixture::with_code("python3.12", &[&format!("/var/task/app.py={text}"), lib])
            .checked_without_warnings();
    }
    let nodes = ["/var/task/app.py=import lib.x", "/var/task/lib/x.py=import a"];
    let text = Fixture::with_code("python3.12", &nodes).warning(Code::MissingPackages);
    assert!(text.starts_with("`lib/x.py` in the code of `orders` imports `a`, which"), "{text}");
    of("import a, b, c")
        .layer("deps", &["/opt/python/a.py", "/opt/python/b.abi3.so", "/opt/python/c/x.py"])
        .checked_without_warnings();
    of("import a").variable("PYTHONPATH", "/opt/lib").checked_without_warnings();
    let mut fixture = of("import a");
    fixture.function.wrapper = Some(in_image("/bin/sh"));
    fixture.checked_without_warnings();
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
    let mut fixture = Fixture::with_code("python3.12", &[HANDLER, list]);
    fixture.function.build_command = Some("sam build Orders".to_owned());
    let text = fixture.errors().concat();
    assert!(text.starts_with("missing-packages: `requirements.txt`"), "{text}");
    // A local layer can be read.
    let errors = fixture.layer("deps", &["/opt/python/x.py"]).errors().concat();
    assert!(errors.contains("lists `requests`, which"), "{errors}");
    // A published layer without metadata may contain them under any name.
    let handler = "/var/task/app.py=import named_otherwise";
    let mut fixture = Fixture::with_code("python3.12", &[handler, list]).layer("deps", &["/opt/python/x.py"]);
    fixture.function.build_command = Some("sam build".to_owned());
    let arn = "arn:aws:lambda:us-east-1:123456789012:layer:deps:1".parse().unwrap();
    let source = LayerSource::Version(VersionSource { arn, ignore_compatibility: true });
    fixture.function.layers[0].source = source;
    let text = fixture.warning(Code::MissingPackages);
    assert!(text.ends_with("check whether the layers that limg cannot judge contain them"), "{text}");
    // What one folder in the code resembles says nothing about the others.
    let list = "/var/task/requirements.txt=requests>=2\nyaml_thing\n";
    let mut fixture = Fixture::with_code("python3.12", &[HANDLER, "/var/task/yaml_thing/__init__.py", list]);
    fixture.function.build_command = Some("sam build".to_owned());
    assert!(fixture.errors().concat().contains("lists `requests`, which"));
}

#[test]
fn a_list_of_a_layer_is_installed_in_the_layer() {
    let list = "/opt/requirements.txt=requests>=2\n";
    let mut fixture =
        Fixture::with_code("python3.12", &["/var/task/app.py=import requests"]).layer("deps", &[list]);
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
    // The handler needs none of them.
    let mut fixture =
        Fixture::with_code("python3.12", &["/var/task/app.py=import json"]).layer("deps", &[list]);
    fixture.function.build_command = Some("sam build".to_owned());
    fixture.checked_without_warnings();

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
