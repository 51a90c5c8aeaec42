//! Where values were written.

use super::super::files::{FileContent, read_file};
use super::service;

#[test]
fn a_value_keeps_its_place_in_its_own_file() {
    let files = &[
        ("f.yml", "all:\n  orders: { handler: a.b, list: [\"${self:custom.list.0}\"] }\n"),
        ("g.yml", "- one\n"),
    ];
    let text = "
custom: { list: [zero], more: \"${file(g.yml)}\" }
functions: ${file(f.yml):all}
a: ${self:custom.list}
b: text-${self:custom.list.0}
c: ${self:custom.more}
d: ${opt:none, 'x'}
";
    let service = service(text, files);
    let resolver = service.resolver();
    for (keys, expected) in [
        (&["functions", "orders", "handler"][..], "f.yml: all.orders.handler"),
        (&["functions", "orders", "list", "0"], "serverless.yml: custom.list[0]"),
        (&["a"], "serverless.yml: custom.list"),
        (&["a", "0"], "serverless.yml: custom.list[0]"),
        (&["b"], "serverless.yml: b"),
        (&["c", "0"], "g.yml: [0]"),
        (&["d"], "serverless.yml: d"),
    ] {
        let value = resolver.walk(&resolver.root(), keys.iter().copied()).unwrap().unwrap();
        let file = value.place().file().file_name().unwrap().to_str().unwrap();
        assert_eq!(format!("{file}: {}", value.place().path()), expected, "{keys:?}");
    }
    let files: Vec<_> = service.documents.into_documents().iter().map(|it| it.file().to_owned()).collect();
    assert_eq!(files, ["/shop/serverless.yml", "/shop/f.yml", "/shop/g.yml"].map(std::path::PathBuf::from));
}

#[test]
fn only_what_is_needed_is_resolved_and_read() {
    let text = "
custom: { secret: \"${ssm:/a}\", other: \"${file(other.yml)}\", bad: \"${self:\" }
functions: { a: { handler: x.y, environment: { K: \"${cf:stack.out}\" } } }
";
    let service = service(text, &[("other.yml", "a: 1")]);
    let resolver = service.resolver();
    let handler = resolver.walk(&resolver.root(), ["functions", "a", "handler"]).unwrap().unwrap();
    assert_eq!(handler.text(), Some("x.y"));
    assert_eq!(service.documents.into_documents().len(), 1);
}

#[test]
fn files_are_read_by_their_suffix() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["a.yml", "a.YAML", "a.json", "a.txt", "large.yml", "large.txt"] {
        let content = if name.starts_with("large") { vec![b' '; 2 * 1024 * 1024] } else { b"{}".to_vec() };
        crate::fs::write_atomically(&path(name), &content).unwrap();
    }
    for name in ["a.yml", "a.YAML", "a.json"] {
        assert!(matches!(read_file(&path(name)), Ok(Some(FileContent::Document(_)))), "{name}");
    }
    assert!(matches!(read_file(&path("a.txt")), Ok(Some(FileContent::Text(text))) if text == "{}"));
    for name in ["none.yml", "none.txt"] {
        assert!(matches!(read_file(&path(name)), Ok(None)), "{name}");
    }
    for name in ["large.yml", "large.txt"] {
        let error = read_file(&path(name)).unwrap_err();
        assert!(error.to_string().contains("larger than"), "{error}");
    }
}
