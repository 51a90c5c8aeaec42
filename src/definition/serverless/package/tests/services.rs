//! What `package` of a service, its functions and its layers means.

use std::path::Path;

use super::super::{Filter, Packaging, ServicePackage};
use super::{compiled, keeps};
use crate::definition::serverless::fixture::{Service, reported, value_at};

/// What a service and the function or layer at a place in it say, the patterns that result, and what is reported.
fn read(text: &str, path: [&str; 2]) -> (ServicePackage, Packaging, Filter, Vec<String>) {
    let service = Service::of(Path::new("/shop"), text);
    let (resolver, mut findings) = (service.resolver(), service.findings());
    let service = ServicePackage::read(&resolver, "serverless.yml", &mut findings);
    let packaging = Packaging::read(&resolver, &value_at(&resolver, &path), &mut findings);
    let filter = match path[0] {
        "layers" => service.filter_of_layer(&packaging, &mut findings),
        _ => service.filter_of_function(&packaging, &mut findings),
    };
    (service, packaging, filter, reported(&findings))
}

/// What is kept of some files, of the function or layer at a place in a service without mistakes.
fn kept(text: &str, path: [&str; 2], files: &[&'static str]) -> Vec<&'static str> {
    let (_, _, filter, reported) = read(text, path);
    assert!(reported.is_empty(), "{reported:?}");
    let patterns = compiled(&filter.exclude);
    files.iter().copied().filter(|file| keeps(&patterns, file)).collect()
}

const A: [&str; 2] = ["functions", "a"];

#[test]
fn serverless_leaves_out_some_files_by_itself() {
    let files = [
        ".env",
        ".git/config",
        ".gitignore",
        ".serverless/a.zip",
        "a.py",
        "docs/.gitignore",
        "layers/x/y.py",
        "npm-debug.log",
        "plugins",
        "serverless.yml",
        "sub/serverless.yml",
        "yarn-error.log",
    ];
    let text = "
plugins: { localPath: ./plugins, modules: [] }
layers: { x: { path: layers/x } }
functions: { a: { handler: a.b } }
";
    let all_kept = [".env", "a.py", "docs/.gitignore", "sub/serverless.yml"];
    assert_eq!(kept(text, A, &files), all_kept);
    assert_eq!(kept(&format!("useDotenv: true\n{text}"), A, &files), all_kept[1..]);
    assert!(kept(text, ["layers", "x"], &files).contains(&"layers/x/y.py"));
}

#[test]
fn patterns_of_a_function_apply_to_its_own_package_only() {
    let service = "
package: { patterns: ['!*.md'] }
functions: { a: { handler: a.b, package: { individually: false, patterns: ['!src/**', 'x.md'] } } }
";
    let files = ["a.py", "src/b.py", "x.md", "y.md"];
    assert_eq!(kept(service, A, &files), ["a.py", "src/b.py"]);
    for individually in [
        service.replace("individually: false", "individually: true"),
        service
            .replace("package: { patterns: ['!*.md']", "package: { individually: true, patterns: ['!*.md']"),
    ] {
        assert_eq!(kept(&individually, A, &files), ["a.py", "x.md"]);
    }
}

#[test]
fn old_keys_and_new_ones_are_joined_in_the_order_of_serverless() {
    let service = "
custom: { individually: 'true', more: ['!b.py'] }
package:
  individually: ${self:custom.individually}
  exclude: ['**', '!c.py']
  include: [a.py, b.py]
  patterns: ${self:custom.more}
functions: { a: { handler: a.b, package: { exclude: [c.py], include: ['d.py', 'b.py'] } } }
";
    // `b.py` is in the list of the service already, and only its first place counts.
    assert_eq!(kept(service, A, &["a.py", "b.py", "c.py", "d.py", "e.py"]), ["a.py", "d.py"]);
}

#[test]
fn patterns_of_a_service_apply_to_the_folders_of_layers() {
    let service = "
package: { patterns: ['!*.md'] }
layers: { x: { path: layers/x, package: { patterns: ['!python/tests/**'] } } }
";
    let files = ["python/a.py", "python/tests/t.py", "x.md"];
    assert_eq!(kept(service, ["layers", "x"], &files), ["python/a.py"]);
}

#[test]
fn what_is_wrong_is_reported_at_its_place() {
    let service = "
package:
  individually: maybe
  artifact: [a.zip]
  exclude: '**'
  patterns: ['../shared/**', '!+(a|b)', { a: b }, '${ssm:/x}']
functions: { a: { handler: a.b } }
";
    let (.., reported) = read(service, A);
    assert_eq!(
        reported,
        [
            "package.patterns[2]: `patterns` must be a text",
            "package.patterns[3]: limg cannot resolve `${ssm:/x}`, which needs another service",
            "package.individually: `individually` must be `true` or `false`",
            "package.artifact: `artifact` must be a text",
            "package.exclude: `exclude` must be a list of patterns",
            "package.patterns[0]: `../shared/**` adds files from outside of the folder, which limg does not",
            "package.patterns[1]: gitignore syntax cannot express `!+(a|b)`: the image may contain more files than the package",
        ]
    );
}

#[test]
fn switches_have_the_defaults_of_serverless() {
    let plain = "functions: { a: {} }\n";
    let (service, function, ..) = read(plain, A);
    assert!(!function.is_disabled && !service.is_individual(&function));
    let switched = "functions: { a: { package: { disable: true } } }\n";
    let (_, function, ..) = read(switched, A);
    assert!(function.is_disabled);
}
