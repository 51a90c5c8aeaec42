//! What is in a source as a whole: nothing, one archive, one folder, secrets, lists of packages that are missing.

use super::*;
use crate::project::{Source, SourceKind};
use crate::tree::Tree;

impl Fixture {
    /// As [`Fixture::new`], with this code.
    fn with_code(runtime: &str, code: &[&str]) -> Self {
        let mut fixture = Self::new(runtime);
        fixture.trees.code = files(code);
        fixture
    }

    /// The message and the help of the only warning.
    fn warning(&self, code: Code) -> String {
        let (_, findings) = self.checked();
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!(finding.code, code);
        format!("{}; {}", finding.message, help(finding))
    }
}

#[test]
fn a_source_without_files_gives_a_warning_with_the_reason() {
    let text = Fixture::with_code("python3.12", &["/var/task/"]).warning(Code::NoFiles);
    assert!(text.starts_with("the code of `orders` has no files; check the path"), "{text}");

    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("venv")).unwrap();
    std::fs::write(folder.path().join("venv/pyvenv.cfg"), "").unwrap();
    let source = Source::new(folder.path().to_owned(), SourceKind::Directory);
    let load = |source: &Source| loaded(Tree::load(source, &"/var/task".parse().unwrap()).unwrap());
    let mut fixture = Fixture::new("python3.12");
    fixture.trees.code = load(&Source { default_excludes: true, ..source.clone() });
    let text = fixture.warning(Code::NoFiles);
    assert!(text.contains("limg left out `venv/`; add `!PATTERN` to `exclude`"), "{text}");
    fixture.trees.code = load(&Source { exclude: vec!["*".to_owned()], ..source });
    let text = fixture.warning(Code::NoFiles);
    assert!(text.contains("patterns exclude all of them; correct `exclude`"), "{text}");
}

#[test]
fn a_virtual_environment_is_not_a_layer() {
    let fixture = Fixture::new("python3.12")
        .layer("venv", &["/opt/pyvenv.cfg", "/opt/lib/python3.12/site-packages/a.py"]);
    assert!(fixture.warning(Code::VirtualEnvironment).contains("-t DIR/python"));
}

#[test]
fn an_archive_in_an_archive_gives_a_warning() {
    let text = Fixture::with_code("python3.12", &["/var/task/function.zip"]).warning(Code::PackedTwice);
    assert!(text.contains("only the archive `/var/task/function.zip`"), "{text}");
    assert!(text.ends_with("name the archive itself: `/nowhere/function.zip`"), "{text}");
    let mut fixture = Fixture::with_code("nodejs22.x", &["/var/task/package/app.tgz"]);
    fixture.function.code.kind = SourceKind::Zip;
    assert!(fixture.warning(Code::PackedTwice).contains("unpack it"));

    let layer = |file| Fixture::new("python3.12").layer("data", &[file]);
    assert!(layer("/opt/layer.zip").warning(Code::PackedTwice).starts_with("the layer `data`"));
    layer("/opt/model.tar.gz").checked_without_warnings();
    layer("/opt/data/words.zip").checked_without_warnings();
    Fixture::with_code("java21", &["/var/task/lib/app.jar"]).checked_without_warnings();
}

#[test]
fn one_folder_around_everything_gives_a_warning() {
    let text =
        Fixture::with_code("python3.12", &["/var/task/repo-main/app.py"]).warning(Code::WrappedInFolder);
    assert!(
        text.contains("in the folder `repo-main`")
            && text.ends_with("name that folder: `/nowhere/repo-main`"),
        "{text}"
    );
    for (runtime, handler, file) in [
        ("nodejs22.x", "app.handler", "package/app.mjs"),
        ("nodejs22.x", "dist/app.handler", "package/dist/app.js"),
        ("ruby3.4", "app.handler", "x/app.rb"),
        ("java21", "com.example.App::handle", "x/com/example/App.class"),
        ("dotnet8", "App::App.Function::Handle", "publish/App.dll"),
        ("python3.12", "pkg.app.handler", "x/pkg/app.py"),
        ("python3.12", "app.handler", "x/app/__init__.py"),
    ] {
        let mut fixture = Fixture::with_code(runtime, &[&format!("/var/task/{file}")]);
        fixture.function.handler = Some(handler.to_owned());
        fixture.warning(Code::WrappedInFolder);
    }
    let text =
        Fixture::new("python3.12").layer("deps", &["/opt/layer/python/x.py"]).warning(Code::WrappedInFolder);
    assert!(text.contains("in the folder `layer`"), "{text}");
}

#[test]
fn one_folder_where_lambda_looks_is_right() {
    for (handler, file) in
        [("src/app.handler", "src/app.py"), ("src.app.handler", "src/app.py"), ("vendor.handler", "src/x.py")]
    {
        let mut fixture = Fixture::with_code("python3.12", &[&format!("/var/task/{file}")]);
        fixture.function.handler = Some(handler.to_owned());
        fixture.checked_without_warnings();
    }
    for file in [
        "python/a.py",
        "nodejs/node_modules/a/index.js",
        "lib/a.txt",
        "java/lib/a.jar",
        "data/words/python.txt",
    ] {
        Fixture::new("python3.12").layer("one", &[&format!("/opt/{file}")]).checked_without_warnings();
    }
}

#[test]
fn files_that_look_like_secrets_give_one_warning() {
    let fixture = Fixture::with_code(
        "python3.12",
        &[
            "/var/task/app.py",
            "/var/task/.env=TOKEN=x",
            "/var/task/node_modules/a/test/a.pem=-----BEGIN PRIVATE KEY-----",
            "/var/task/node_modules/a/test/b.pem=-----BEGIN PRIVATE KEY-----",
            "/var/task/node_modules/a/test/c.pem=-----BEGIN PRIVATE KEY-----",
            "/var/task/z/server.key=-----BEGIN PRIVATE KEY-----",
        ],
    );
    let text = fixture.warning(Code::SecretFile);
    assert!(
        text.contains(
            "`/var/task/.env`, `/var/task/z/server.key`, `/var/task/node_modules/a/test/a.pem` and 2 more"
        ),
        "{text}"
    );
    assert!(!text.contains("TOKEN"), "{text}");
    Fixture::with_code("python3.12", &["/var/task/app.py", "/var/task/.env.example=A=1"])
        .checked_without_warnings();
}

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
