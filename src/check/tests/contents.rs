//! Sources whose files are not where Lambda looks, as a whole.

use super::*;
use crate::project::{FunctionCode, Source, SourceKind};
use crate::tree::{Node, Tree};

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
fn a_virtual_environment_that_is_left_out_of_a_layer_gives_a_warning_and_can_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    for file in [
        "python/pyvenv.cfg",
        "python/bin/pip",
        "python/lib/python3.12/site-packages/a/__init__.py",
        "share/data",
        "venv/pyvenv.cfg",
    ] {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    let layer = |runtime, exclude: &[&str]| {
        let source = Source {
            default_excludes: true,
            exclude: words(exclude),
            ..Source::new(folder.path().to_owned(), SourceKind::Directory)
        };
        let mut fixture = Fixture::new(runtime).layer("deps", &["/opt/share/data"]);
        fixture.trees.layers[0] = loaded(Tree::load(&source, &"/opt".parse().unwrap()).unwrap());
        fixture
    };
    let text = layer("python3.12", &[]).warning(Code::VirtualEnvironment);
    assert!(text.starts_with("`python/` of the layer `deps` is a virtual environment"), "{text}");
    assert!(text.contains("-t /nowhere/python`"), "{text}");
    assert!(text.ends_with("or add `!python/lib/` to `exclude` to keep `python/lib/`"), "{text}");
    layer("nodejs22.x", &[]).checked_without_warnings();

    let kept = layer("python3.12", &["!python/lib/"]);
    kept.checked_without_warnings();
    let files = kept.trees.layers[0].tree.iter().filter(|(_, node)| !matches!(node, Node::Directory));
    let files: Vec<_> = files.map(|(path, _)| path.as_str()).collect();
    assert_eq!(files, ["/opt/python/lib/python3.12/site-packages/a/__init__.py", "/opt/share/data"]);
    std::fs::remove_dir_all(folder.path().join("share")).unwrap();
    layer("python3.12", &[]).warning(Code::VirtualEnvironment);
}

#[test]
fn an_archive_in_an_archive_gives_a_warning() {
    let text = Fixture::with_code("python3.12", &["/var/task/function.zip"]).warning(Code::PackedTwice);
    assert!(text.contains("only the archive `/var/task/function.zip`"), "{text}");
    assert!(text.ends_with("name the archive itself: `/nowhere/function.zip`"), "{text}");
    let mut fixture = Fixture::with_code("nodejs22.x", &["/var/task/package/app.tgz"]);
    fixture.function.code = FunctionCode::Files(Source::new("/nowhere".into(), SourceKind::Zip));
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
