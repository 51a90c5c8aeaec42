//! Archives in a cache, and what npm would make of them.

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::*;
use crate::tree::Node;

/// An archive of files, `PATH` or `PATH*` for an executable one, with their contents.
fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(if path.ends_with('*') { 0o755 } else { 0o640 });
        // As a hostile archive: the crate refuses such paths.
        let path = path.trim_end_matches('*').as_bytes();
        header.as_old_mut().name[..path.len()].copy_from_slice(path);
        header.set_cksum();
        archive.append(&header, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// A cache, a store, and the lock file of packages whose archives are in the cache.
struct Fixture {
    folder: tempfile::TempDir,
    manifest: Value,
    lock: Value,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manifest = json!({ "dependencies": { "a": "1" } });
        let root = json!({ "name": "x", "dependencies": { "a": "1" } });
        Self { folder, manifest, lock: json!({ "lockfileVersion": 3, "packages": { "": root } }) }
    }

    /// Adds a package with further keys, whose archive has some files.
    fn package(mut self, place: &str, keys: Value, files: &[(&str, &str)]) -> Self {
        let Value::Object(keys) = keys else { panic!("{keys}") };
        let content = archive(files);
        let digest = Sha512::digest(&content);
        let digits = hex(&digest);
        let path = format!("_cacache/content-v2/sha512/{}/{}/{}", &digits[..2], &digits[2..4], &digits[4..]);
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        let integrity = format!("sha1-x sha512-{}", STANDARD.encode(digest));
        let mut package =
            json!({ "version": "1.0.0", "resolved": "https://example.com/a.tgz", "integrity": integrity });
        package.as_object_mut().unwrap().extend(keys);
        self.lock["packages"][place] = package;
        self
    }

    /// The files that are installed, or nothing if npm has to do it.
    fn unpacked(&self) -> Option<Vec<String>> {
        let (_folder, store) = Store::for_test();
        let inputs = Inputs::for_test(self.manifest.clone(), self.lock.to_string());
        let packages = packages(&inputs, "x64")?;
        let settings = SETTINGS.map(|(key, value)| format!("{key}={value}\n")).concat();
        let cache = NpmCache::of(&format!("cache={}\n{settings}", self.folder.path().display())).unwrap();
        let kept = cache.unpack(&packages, &store).unwrap()?;
        let tree = kept.tree(&"/x".parse().unwrap(), &store).unwrap();
        let line = |path: &str, node: &Node| match node {
            Node::Directory => format!("{path}/"),
            Node::Symlink(target) => format!("{path} -> {target}"),
            Node::File(file) => {
                let content = String::from_utf8(file.content.head(100).unwrap()).unwrap();
                format!("{path}{} {content}", if file.executable { "*" } else { "" })
            }
        };
        Some(tree.iter().map(|(path, node)| line(&path.as_str()["/x/node_modules/".len()..], node)).collect())
    }
}

#[test]
fn files_and_programs_are_where_npm_puts_them() {
    let fixture = Fixture::new()
        .package(
            "node_modules/a",
            json!({ "bin": { "a": "./cli.js", "gone": "gone.js" }, "dependencies": { "@s/b": "1" } }),
            &[
                ("package/package.json", "{}"),
                ("package/cli.js", "#!/usr/bin/env node\n"),
                ("package/run.sh*", "x"),
                ("package/.gitignore", "g"),
                ("package/t/.npmignore", "n"),
                ("package/t/.gitignore", "g"),
            ],
        )
        .package("node_modules/a/node_modules/@s/b", json!({ "bin": { "b": "b.js" } }), &[("b/b.js", "b")])
        .package("node_modules/d", json!({ "dev": true }), &[("package/d.js", "d")]);
    let expected = [
        ".bin/a -> ../a/cli.js",
        "a/.npmignore g",
        "a/cli.js* #!/usr/bin/env node\n",
        "a/node_modules/.bin/b -> ../@s/b/b.js",
        "a/node_modules/@s/b/b.js* b",
        "a/package.json {}",
        "a/run.sh* x",
        "a/t/.npmignore n",
    ];
    assert_eq!(fixture.unpacked().unwrap(), expected);
}

#[test]
fn packages_for_other_machines_are_left_out_with_what_only_they_need() {
    let needs = |names: &[&str]| -> Value {
        names.iter().map(|name| ((*name).to_owned(), json!("1"))).collect::<Map<_, _>>().into()
    };
    let of = |name: &str| [(format!("package/{name}.js"), name.to_owned())];
    let mut fixture = Fixture::new();
    for (name, keys) in [
        ("a", json!({ "optionalDependencies": needs(&["arm", "intel", "wasm", "musl", "none"]) })),
        ("arm", json!({ "optional": true, "cpu": ["arm64"] })),
        (
            "intel",
            json!({ "optional": true, "cpu": ["x64"], "os": ["linux"], "peerDependencies": needs(&["a", "peer"]),
            "peerDependenciesMeta": { "peer": { "optional": true } } }),
        ),
        ("wasm", json!({ "optional": true, "cpu": ["wasm32"], "dependencies": needs(&["shim"]) })),
        ("shim", json!({ "optional": true })),
        ("musl", json!({ "optional": true, "libc": ["musl"] })),
    ] {
        let files = of(name);
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        fixture = fixture.package(&format!("node_modules/{name}"), keys, &files);
    }
    assert_eq!(fixture.unpacked().unwrap(), ["a/a.js a", "intel/intel.js intel"]);
}

#[test]
fn npm_does_what_needs_npm() {
    let simple = |keys: Value| Fixture::new().package("node_modules/a", keys, &[("package/a.js", "a")]);
    assert!(simple(json!({})).unpacked().is_some());
    for keys in [
        json!({ "resolved": "git+ssh://git@example.com/a.git#1" }),
        json!({ "resolved": "file:a.tgz" }),
        json!({ "link": true }),
        json!({ "integrity": "sha1-abc" }),
        json!({ "integrity": format!("sha512-{}", STANDARD.encode([0; 64])) }),
        json!({ "os": ["darwin"] }),
        json!({ "dev": true }),
        json!({ "dependencies": { "missing": "1" } }),
        json!({ "bin": "a.js" }),
        json!({ "bin": { "../a": "a.js" } }),
        json!({ "bin": { "a": "../../a.js" } }),
    ] {
        assert!(simple(keys.clone()).unpacked().is_none(), "{keys}");
    }
    let mut other = simple(json!({}));
    other.manifest["dependencies"]["b"] = json!("1");
    assert!(other.unpacked().is_none(), "another manifest");
    let mut other = simple(json!({}));
    other.manifest["overrides"] = json!({ "a": "2" });
    assert!(other.unpacked().is_none(), "overrides");
    let mut other = simple(json!({}));
    other.lock["lockfileVersion"] = json!(1);
    assert!(other.unpacked().is_none(), "an old lock file");
    let unneeded = simple(json!({})).package("node_modules/b", json!({}), &[("package/b.js", "b")]);
    assert!(unneeded.unpacked().is_none(), "what nothing needs");
    let twice = simple(json!({ "bin": { "x": "a.js" }, "dependencies": { "_b": "1" } }));
    let twice = twice.package("node_modules/_b", json!({ "bin": { "x": "b.js" } }), &[("package/b.js", "b")]);
    assert!(twice.unpacked().is_none(), "two programs of one name, in an order that npm knows");
}

#[test]
fn of_two_programs_of_one_name_the_first_package_has_it() {
    let program = || json!({ "bin": { "x": "x.js" } });
    let fixture = Fixture::new()
        .package("node_modules/a", json!({ "dependencies": { "ab": "1", "b": "1" } }), &[])
        .package("node_modules/b", program(), &[("package/x.js", "b")])
        .package("node_modules/ab", program(), &[("package/x.js", "ab")])
        .package("node_modules/a/node_modules/ab-c", program(), &[("package/x.js", "c")]);
    let mut fixture = fixture;
    fixture.lock["packages"]["node_modules/a"]["dependencies"]["ab-c"] = json!("1");
    let expected = [
        ".bin/x -> ../ab/x.js",
        "a/node_modules/.bin/x -> ../ab-c/x.js",
        "a/node_modules/ab-c/x.js* c",
        "ab/x.js* ab",
        "b/x.js b",
    ];
    assert_eq!(fixture.unpacked().unwrap(), expected);
    assert!(comes_first("jest", "jest-cli").is_ok_and(|it| it) && comes_first("b", "a").is_ok_and(|it| !it));
}

#[test]
fn hostile_archives_and_places_leave_nothing() {
    for path in ["package/../../x", "package//x", "package/./x", "package/x\\y", "/package/../x"] {
        let fixture = Fixture::new().package("node_modules/a", json!({}), &[(path, "x")]);
        assert_eq!(fixture.unpacked(), None, "{path}");
    }
    let windows = json!({ "bin": { "a": "a.js" } });
    let fixture =
        Fixture::new().package("node_modules/a", windows, &[("package/a.js", "#!/usr/bin/env node\r\n")]);
    assert_eq!(fixture.unpacked(), None);
    let name = "node_modules/../../a";
    let mut fixture = Fixture::new().package(name, json!({}), &[("package/a.js", "a")]);
    fixture.lock["packages"][""]["dependencies"] = json!({ "../../a": "1" });
    fixture.manifest["dependencies"] = json!({ "../../a": "1" });
    assert_eq!(fixture.unpacked(), None);
    let fixture = Fixture::new().package("node_modules/a", json!({}), &[("package/a.js", "a")]);
    for entry in walk(fixture.folder.path()) {
        std::fs::write(entry, "changed").unwrap();
    }
    assert_eq!(fixture.unpacked(), None, "content that is not what the lock file pins");
}

/// The files below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn other_settings_of_npm_are_for_npm() {
    let of = |omit: &str| {
        NpmCache::of(&format!("cache=/c\nbin-links=true\ninstall-strategy=hoisted\nomit={omit}\ninclude=\n"))
    };
    assert!(of("").is_some() && of("optional").is_none());
    assert!(NpmCache::of("11.0.0\n").is_none() && NpmCache::of("").is_none());
}

#[test]
fn npm_gets_names_of_archives_only() {
    for (keys, expected) in [
        (json!({ "resolved": "https://example.com/a-1.tgz" }), Some("https://example.com/a-1.tgz")),
        (json!({ "resolved": "http://127.0.0.1:1/a-1.tgz?x#y" }), Some("http://127.0.0.1:1/a-1.tgz?x#y")),
        (json!({ "version": "1.0.0-beta.1" }), Some("@s/a@1.0.0-beta.1")),
        (json!({ "resolved": "https://github.com/s/a" }), None),
        (json!({ "resolved": "git+ssh://git@github.com/s/a.tgz" }), None),
        (json!({ "resolved": "file:a.tgz" }), None),
        (json!({ "version": "npm:other@1" }), None),
        (json!({}), None),
    ] {
        let package: Package = serde_json::from_value(keys.clone()).unwrap();
        assert_eq!(package.name_for_npm("node_modules/b/node_modules/@s/a").as_deref(), expected, "{keys}");
    }
}
