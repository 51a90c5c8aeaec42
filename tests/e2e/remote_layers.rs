//! Layers from files of another image in a registry, verified with docker-registry's access log.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{
    Base, Entry, Files, Image, LoggedRequest, Registry, Workspace, assert_same, base, fails, succeed, tool,
    without_owners,
};

/// A registry with images of other tools, and a project that uses files of them.
struct Shop {
    workspace: Workspace,
    registry: Registry,
}

impl Shop {
    fn new() -> Self {
        let shop = Self { workspace: Workspace::new(), registry: Registry::start() };
        shop.workspace.write_program("functions/orders/bootstrap", "#!/bin/sh\n");
        shop
    }

    /// Writes the definition of one function, `orders`, with these layers.
    fn define(&self, layers: &[(&str, &str)]) {
        let names: Vec<&str> = layers.iter().map(|(name, _)| *name).collect();
        let layer = |(name, layer): &(&str, &str)| format!("  {name}: {{ {layer} }}\n");
        let layers: String = layers.iter().map(layer).collect();
        self.workspace.write(
            "limg.yaml",
            format!(
                "project: shop\nbases:\n  base: {{ image: \"oci:{}\", contract: provided.al2023 }}\nlayers:\n{layers}\
                 functions:\n  orders: {{ runtime: base, handler: any, code: functions/orders, layers: [{}] }}\n",
                base(Base::ProvidedAl2023).display(),
                names.join(", ")
            ),
        );
    }

    /// The reference of an image in the registry.
    fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.address)
    }

    /// Pushes an image whose layers umoci makes, one for each step.
    fn seed(&self, name: &str, steps: &[Step]) -> String {
        let folder = self.workspace.path("seed");
        let layout = folder.join("layout");
        fs::create_dir_all(&folder).unwrap();
        succeed(tool("umoci").args(["init", "--layout"]).arg(&layout));
        let image = format!("{}:it", layout.display());
        succeed(tool("umoci").args(["new", "--image", &image]));
        for step in steps {
            let mut insert = tool("umoci");
            insert.args(["insert", "--rootless", "--image", &image]);
            succeed(match step {
                Step::Insert(source, target) => insert.arg(self.workspace.path(source)).arg(target),
                Step::Replace(source, target) => {
                    insert.arg("--opaque").arg(self.workspace.path(source)).arg(target)
                }
                Step::Remove(target) => insert.args(["--whiteout", target]),
            });
        }
        let mut copy = tool("skopeo");
        copy.args(["--insecure-policy", "copy", "--dest-tls-verify=false", &format!("oci:{image}")]);
        succeed(copy.arg(format!("docker://{}", self.image(name))));
        let digest = Image::of_layout(&layout, Some("it")).digest;
        fs::remove_dir_all(folder).unwrap();
        digest
    }

    /// An image with files that later layers remove and replace.
    fn seed_words(&self) -> String {
        let write = |path: &str, content: &str| self.workspace.write(path, content);
        write("words/list.txt", "hello\n");
        write("words/old.txt", "old\n");
        write("words/changed.txt", "first\n");
        write("words/more/deep.txt", "deep\n");
        write("words/more/hidden.txt", "hidden\n");
        write("words/gone/file.txt", "gone\n");
        self.workspace.write_program("words/tool", "#!/bin/sh\n");
        symlink("list.txt", self.workspace.path("words/link")).unwrap();
        write("changed.txt", "second\n");
        write("new/deep.txt", "deeper\n");
        write("elsewhere", "not in the layer\n");
        self.seed(
            "tools/words:1",
            &[
                Step::Insert("words", "/usr/share/words"),
                Step::Insert("changed.txt", "/usr/share/words/changed.txt"),
                Step::Remove("/usr/share/words/old.txt"),
                Step::Remove("/usr/share/words/gone"),
                Step::Replace("new", "/usr/share/words/more"),
                Step::Insert("elsewhere", "/usr/share/elsewhere"),
            ],
        )
    }

    fn build(&self, arguments: &[&str]) -> Value {
        self.workspace.build(arguments)["orders"].take()
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.workspace.path("limg.lock")).unwrap()
    }

    /// The built function's files below /opt.
    fn opt(&self, layout: &str) -> Files {
        let mut files = Image::of_layout(&self.workspace.path(layout), Some("orders")).files();
        files.retain(|path, _| path.starts_with("opt/"));
        without_owners(&files)
    }

    /// The requests after the first `before`, except for those that detect the protocol.
    fn since(&self, before: usize) -> Vec<LoggedRequest> {
        let mut requests = self.registry.requests().split_off(before);
        requests.retain(|request| request.path != "/v2/");
        requests
    }

    fn requests(&self) -> usize {
        self.registry.requests().len()
    }

    fn forget_the_store(&self) {
        fs::remove_dir_all(self.workspace.path("store")).unwrap();
    }
}

enum Step {
    /// A file or folder of the workspace, to this path.
    Insert(&'static str, &'static str),
    /// The same, replacing what exists.
    Replace(&'static str, &'static str),
    Remove(&'static str),
}

fn folder() -> Entry {
    Entry::folder(0o755)
}

fn file(content: &str) -> Entry {
    Entry::file(0o644, content.as_bytes())
}

fn files<const N: usize>(files: [(&str, Entry); N]) -> Files {
    files.map(|(path, entry)| (path.to_owned(), entry)).into()
}

#[test]
#[ignore = "needs docker-registry, skopeo and umoci; `make test` runs it"]
fn files_of_an_image_become_a_layer() {
    let shop = Shop::new();
    let image = shop.seed_words();
    let reference = shop.image("tools/words:1");
    let layer = format!("image: \"{reference}\", path: /usr/share/words, to: /opt/words");
    shop.define(&[("words", &layer)]);
    let remote = shop.build(&["-o", "oci:remote"]);
    let expected = files([
        ("opt/words", folder()),
        ("opt/words/changed.txt", file("second\n")),
        ("opt/words/link", Entry::link("list.txt")),
        ("opt/words/list.txt", file("hello\n")),
        ("opt/words/more", folder()),
        ("opt/words/more/deep.txt", file("deeper\n")),
        ("opt/words/tool", Entry::file(0o755, b"#!/bin/sh\n")),
    ]);
    assert_same("the image", &shop.opt("remote"), "what is expected", &expected);
    let lock = shop.lock();
    assert!(lock.contains(&format!("\n  {reference}:\n    x86_64: {image}\n")), "{lock}");

    // Later builds send no request.
    let before = shop.requests();
    assert_eq!(shop.build(&["-o", "oci:remote"])["digest"], remote["digest"]);
    shop.build(&["--locked"]);
    shop.workspace.write_program("functions/orders/bootstrap", "#!/bin/sh\n: other\n");
    shop.build(&["--locked"]);
    assert_eq!((shop.since(before), shop.lock()), (Vec::new(), lock));
    shop.workspace.write_program("functions/orders/bootstrap", "#!/bin/sh\n");

    // The same files from a folder.
    for path in ["old.txt", "gone/file.txt", "gone", "more/hidden.txt"] {
        let path = shop.workspace.path(PathBuf::from("words").join(path));
        if path.is_dir() { fs::remove_dir(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    shop.workspace.write("words/changed.txt", "second\n");
    shop.workspace.write("words/more/deep.txt", "deeper\n");
    fs::create_dir(shop.workspace.path("folder")).unwrap();
    fs::rename(shop.workspace.path("words"), shop.workspace.path("folder/words")).unwrap();
    shop.define(&[("words", "path: folder")]);
    let local = shop.build(&["-o", "oci:local"]);
    let all = |layout: &str| Image::of_layout(&shop.workspace.path(layout), Some("orders")).files();
    assert_same("of the image", &all("remote"), "of the folder", &all("local"));
    assert_eq!(remote["digest"], local["digest"]);
}

#[test]
#[ignore = "needs docker-registry, skopeo and umoci; `make test` runs it"]
fn a_pinned_image_is_used_even_if_its_tag_moves() {
    let shop = Shop::new();
    shop.seed_words();
    let reference = shop.image("tools/words:1");
    let layer = format!("image: \"{reference}\", path: /usr/share/words/list.txt, to: /opt/list.txt");
    shop.define(&[("words", &layer)]);
    let before = shop.requests();
    let refused = shop.workspace.build_fails(2, &["--locked"]).stderr;
    assert!(refused.contains("has no pin for") && refused.contains("limg.yaml:5"), "{refused}");
    assert_eq!(shop.since(before), []);

    let first = shop.build(&[]);
    let lock = shop.lock();
    shop.workspace.write("other/list.txt", "another\n");
    let moved = shop.seed("tools/words:1", &[Step::Insert("other", "/usr/share/words")]);
    shop.forget_the_store();
    assert_eq!(shop.build(&["--locked", "-o", "oci:pinned"])["digest"], first["digest"]);
    assert_same("pinned", &shop.opt("pinned"), "before", &files([("opt/list.txt", file("hello\n"))]));
    assert_eq!(shop.lock(), lock);

    succeed(&mut shop.workspace.limg(&["update"]));
    assert!(shop.lock().contains(&moved), "{}", shop.lock());
    shop.build(&["-o", "oci:moved"]);
    assert_same("moved", &shop.opt("moved"), "the tag", &files([("opt/list.txt", file("another\n"))]));
}

#[test]
#[ignore = "needs docker-registry, skopeo and umoci; `make test` runs it"]
fn an_extension_from_an_image_is_executable() {
    let shop = Shop::new();
    shop.workspace.write("adapter", "#!/bin/sh\n: adapter\n");
    shop.seed("adapter:1", &[Step::Insert("adapter", "/adapter")]);
    let layer =
        format!("image: \"{}\", path: /adapter, to: /opt/extensions/adapter", shop.image("adapter:1"));
    shop.define(&[("adapter", &layer)]);
    shop.build(&["-o", "oci:images"]);
    let expected = files([
        ("opt/extensions", folder()),
        ("opt/extensions/adapter", Entry::file(0o755, b"#!/bin/sh\n: adapter\n")),
    ]);
    assert_same("the image", &shop.opt("images"), "what is expected", &expected);
}

#[test]
#[ignore = "needs docker-registry, skopeo and umoci; `make test` runs it"]
fn an_error_about_a_missing_path_names_existing_ones() {
    let shop = Shop::new();
    shop.seed_words();
    let reference = shop.image("tools/words:1");
    for (path, parts) in [
        ("/usr/share/word", ["does not contain `/usr/share/word`", "/usr/share/words"]),
        ("/usr/share/words/lst.txt", ["does not contain `/usr/share/words/lst.txt`", "list.txt"]),
        ("/usr/share/words/old.txt", ["does not contain `/usr/share/words/old.txt`", "`"]),
        ("/usr/share/words/list.txt/more", ["does not contain", "list.txt"]),
    ] {
        shop.define(&[("words", &format!("image: \"{reference}\", path: {path}, to: /opt/words"))]);
        let refused = shop.workspace.build_fails(2, &[]).stderr;
        for part in parts.into_iter().chain(["limg.yaml:5", "help"]) {
            assert!(refused.contains(part), "{part} in {refused}");
        }
        assert!(!shop.workspace.path(".limg").exists());
    }
    shop.define(&[("words", &format!("image: \"{}\", path: /usr, to: /opt/words", shop.image("none:1")))]);
    let refused = shop.workspace.build_fails(2, &[]).stderr;
    assert!(refused.contains("none:1") && refused.contains("limg.yaml:5"), "{refused}");
}

#[test]
#[ignore = "needs docker-registry, skopeo and umoci; `make test` runs it"]
fn a_matching_layer_of_limgs_own_is_reused_unchanged() {
    let shop = Shop::new();
    // An image that limg built from a folder.
    shop.workspace.write("folder/words/list.txt", "hello\n");
    shop.define(&[("words", "path: folder")]);
    let prefix = shop.image("source");
    let push = |prefix: &str| {
        succeed(&mut shop.workspace.limg(&["push", "registry", prefix, "--format", "json"])).json()
            ["functions"]["orders"]
            .take()
    };
    let source = push(&prefix);
    let has_name = |layer: &&Value| layer["name"].as_str().unwrap().contains("words");
    let layer_of = |function: &Value| {
        function["layers"].as_array().unwrap().iter().find(has_name).expect("the layer `words`").clone()
    };
    let expected = layer_of(&source)["digest"].as_str().unwrap().to_owned();

    // Another machine, without the folder.
    shop.forget_the_store();
    fs::remove_dir_all(shop.workspace.path("folder")).unwrap();
    let reference = shop.image("source/orders:latest");
    shop.define(&[("words", &format!("image: \"{reference}\", path: /opt/words"))]);
    let built = shop.build(&["-o", "oci:images"]);
    assert_eq!(layer_of(&built)["digest"], expected, "{built}");
    assert_same(
        "the image",
        &shop.opt("images"),
        "its source",
        &files([("opt/words", folder()), ("opt/words/list.txt", file("hello\n"))]),
    );

    let before = shop.requests();
    let pushed = push(&shop.image("shop"));
    let requests = shop.since(before);
    assert_eq!(layer_of(&pushed)["digest"], expected);
    let mount = requests.iter().find(|request| {
        request.method == "POST" && request.path.contains("mount=") && request.path.contains(&expected[7..])
    });
    let mount = mount.unwrap_or_else(|| panic!("no mount of {expected}: {requests:#?}"));
    assert!(mount.path.contains("from=source%2Forders") || mount.path.contains("from=source/orders"));
    assert_eq!(mount.status, 201);
}

#[test]
#[ignore = "needs docker-registry, skopeo and umoci; `make test` runs it"]
fn a_matching_layer_of_other_tools_is_reused_unchanged() {
    let shop = Shop::new();
    // A layer of GNU tar and gzip that meets all of Lambda's requirements.
    shop.workspace.write("root/opt/words/list.txt", "hello\n");
    let mut tar = tool("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX", "-cf"]);
    tar.arg(shop.workspace.path("layer.tar")).arg("-C").arg(shop.workspace.path("root")).arg("opt");
    succeed(&mut tar);
    let layout = shop.workspace.path("layout");
    let image = format!("{}:it", layout.display());
    succeed(tool("umoci").args(["init", "--layout"]).arg(&layout));
    succeed(tool("umoci").args(["new", "--image", &image]));
    let mut add = tool("umoci");
    succeed(add.args(["raw", "add-layer", "--image", &image]).arg(shop.workspace.path("layer.tar")));
    let mut copy = tool("skopeo");
    copy.args(["--insecure-policy", "copy", "--dest-tls-verify=false", &format!("oci:{image}")]);
    succeed(copy.arg(format!("docker://{}", shop.image("theirs/words:1"))));
    let source = Image::of_layout(&layout, Some("it"));
    let blob = source.manifest["layers"][0]["digest"].as_str().unwrap();

    let layer = |to: &str| format!("image: \"{}\", path: /opt/words, to: {to}", shop.image("theirs/words:1"));
    shop.define(&[("words", &layer("/opt/words"))]);
    let digests = |function: &Value| -> Vec<Value> {
        function["layers"].as_array().unwrap().iter().map(|layer| layer["digest"].clone()).collect()
    };
    assert!(digests(&shop.build(&["-o", "oci:images"])).contains(&json!(blob)));
    let before = shop.requests();
    let mut push = shop.workspace.limg(&["push", "registry", &shop.image("shop")]);
    succeed(&mut push);
    let requests = shop.since(before);
    let mounted = requests.iter().any(|request| {
        request.method == "POST" && request.status == 201 && request.path.contains(&blob[7..])
    });
    assert!(mounted, "{requests:#?}");
    assert_same(
        "the image",
        &shop.opt("images"),
        "its source",
        &files([("opt/words", folder()), ("opt/words/list.txt", file("hello\n"))]),
    );

    // At another path it is another layer.
    shop.define(&[("words", &layer("/opt/others"))]);
    assert!(!digests(&shop.build(&["-o", "oci:images"])).contains(&json!(blob)));
}

#[test]
#[ignore = "needs docker-registry, skopeo and umoci; `make test` runs it"]
fn an_update_moves_the_named_pins_and_lists_them() {
    let shop = Shop::new();
    let seed = |content: &str| {
        shop.workspace.write("it", content);
        ["one:1", "two:1"].map(|name| shop.seed(name, &[Step::Insert("it", "/it")]))
    };
    let [one, two] = [shop.image("one:1"), shop.image("two:1")];
    let layer = |name: &str| format!("image: \"{}\", path: /it, to: /opt/{name}", shop.image(name));
    shop.define(&[
        ("first", &layer("one:1").replace("/opt/one:1", "/opt/one")),
        ("second", &layer("two:1").replace("/opt/two:1", "/opt/two")),
    ]);
    let old = seed("old\n");
    shop.build(&[]);
    let update = |arguments: &[&str]| succeed(shop.workspace.limg(&["update"]).args(arguments));
    let quiet = update(&[]);
    assert!(quiet.text().is_empty() && quiet.stderr.contains("nothing has changed"), "{quiet:?}");

    let new = seed("new\n");
    assert_eq!(update(&["first"]).text(), format!("{one} (x86_64)  {} -> {}\n", old[0], new[0]));
    let lock = shop.lock();
    assert!(lock.contains(&new[0]) && lock.contains(&old[1]), "{lock}");
    assert!(!lock.contains(&old[0]) && !lock.contains(&new[1]), "{lock}");

    let refused = fails(2, &mut shop.workspace.limg(&["update", "nonsense"])).stderr;
    for part in ["`nonsense`", "first", "second", &one, &two] {
        assert!(refused.contains(part), "{part} in {refused}");
    }
    let refused = fails(2, &mut shop.workspace.limg(&["update", "secnd"])).stderr;
    assert!(refused.contains("did you mean `second`?"), "{refused}");
    let refused = fails(2, &mut shop.workspace.limg(&["update", "second", "nonsense"])).stderr;
    assert!(refused.contains("`nonsense`"), "{refused}");
    assert_eq!(shop.lock(), lock, "nothing moves if a name is unknown");

    let moved = update(&[&two, "--format", "json"]).json();
    let change = json!({ "pin": format!("{two} (x86_64)"), "before": old[1], "after": new[1] });
    assert_eq!(moved, json!({ "changes": [change], "findings": [] }));
    assert_eq!(update(&["--format", "json"]).json(), json!({ "changes": [], "findings": [] }));

    // An unused pin is removed and listed.
    shop.define(&[("first", &layer("one:1").replace("/opt/one:1", "/opt/one"))]);
    assert_eq!(update(&[]).text(), format!("{two} (x86_64)  is no longer used\n"));
    assert!(!shop.lock().contains(&two));
}

#[test]
#[ignore = "needs docker-registry, skopeo and umoci; `make test` runs it"]
fn an_image_does_not_depend_on_other_images_of_the_build() {
    let shop = Shop::new();
    // The same files, once as a whole layer, once as part of a layer.
    shop.workspace.write("root/opt/words/list.txt", "hello\n");
    shop.seed("theirs/mixed:1", &[Step::Insert("root/opt", "/opt"), Step::Insert("root/opt", "/srv")]);
    shop.workspace.write("folder/words/list.txt", "hello\n");
    shop.define(&[("words", "path: folder")]);
    succeed(&mut shop.workspace.limg(&["push", "registry", &shop.image("source")]));
    let layer = |name: &str| format!("image: \"{}\", path: /opt/words", shop.image(name));
    shop.define(&[("ready", &layer("source/orders:latest")), ("mixed", &layer("theirs/mixed:1"))]);
    let definition = fs::read_to_string(shop.workspace.path("limg.yaml")).unwrap();
    let one = |name: &str, layer: &str| {
        format!("  {name}: {{ runtime: base, handler: any, code: functions/orders, layers: [{layer}] }}\n")
    };
    let (head, _) = definition.split_once("  orders: {").unwrap();
    shop.workspace.write("limg.yaml", format!("{head}{}{}", one("a", "ready"), one("b", "mixed")));
    let alone = ["a", "b"].map(|name| shop.workspace.build(&[name])[name]["digest"].clone());
    let together = shop.workspace.build(&[]);
    assert_eq!(alone, ["a", "b"].map(|name| together[name]["digest"].clone()));
    assert_ne!(alone[0], alone[1], "one reuses a layer, the other has one that limg made");
}

#[test]
#[ignore = "needs docker-registry, skopeo and umoci; `make test` runs it"]
fn files_of_an_image_for_another_architecture_are_refused() {
    let shop = Shop::new();
    shop.workspace.write("words/list.txt", "hello\n");
    shop.seed("theirs/words:1", &[Step::Insert("words", "/opt/words")]);
    shop.define(&[("words", &format!("image: \"{}\", path: /opt/words", shop.image("theirs/words:1")))]);
    let definition = fs::read_to_string(shop.workspace.path("limg.yaml")).unwrap();
    let (_, layers) = definition.split_once("layers:\n").unwrap();
    let bases = "bases:\n  base: { image: scratch, contract: provided.al2023 }\n";
    let arm64 = format!("project: shop\ndefaults: {{ architecture: arm64 }}\n{bases}layers:\n{layers}");
    shop.workspace.write("limg.yaml", arm64);
    let refused = shop.workspace.build_fails(2, &[]).stderr;
    assert!(refused.contains("is for linux/amd64") && refused.contains("limg.yaml:6"), "{refused}");
    assert!(!shop.workspace.path("limg.lock").exists());
}
