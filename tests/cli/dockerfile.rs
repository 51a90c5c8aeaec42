//! `limg dockerfile`: the Dockerfile, run by hand, makes the image that `limg build` makes.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use serde_json::Value;

use crate::build::{SHOP, shop};
use crate::support::{Context, Layout};

/// What an image gets from a Dockerfile, in the form of [`crate::support`]'s images.
#[derive(Default)]
struct Made {
    from: String,
    files: BTreeMap<String, String>,
    environment: Vec<(String, String)>,
    labels: Vec<(String, String)>,
    settings: BTreeMap<String, Value>,
}

impl Made {
    /// Interprets the instructions that limg writes; any other fails the test.
    fn by(context: &Path) -> Self {
        let mut made = Self::default();
        let text = std::fs::read_to_string(context.join("Dockerfile")).unwrap();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (instruction, rest) = line.split_once(' ').unwrap();
            match instruction {
                "ARG" => assert_eq!(rest, "BASE"),
                "FROM" => rest.clone_into(&mut made.from),
                "COPY" => {
                    let folder = rest.strip_suffix("/ /").unwrap_or_else(|| panic!("{line}"));
                    assert!(
                        folder.bytes().all(|it| it.is_ascii_alphanumeric() || b"-/".contains(&it)),
                        "{line}"
                    );
                    made.copy(&context.join(folder), "");
                }
                "ENV" => {
                    let (name, value) = rest.split_once('=').unwrap();
                    made.environment.push((name.to_owned(), unquoted(value)));
                }
                "LABEL" => {
                    let (name, value) = rest.split_once("\"=\"").unwrap();
                    made.labels.push((unquoted(&format!("{name}\"")), unquoted(&format!("\"{value}"))));
                }
                "WORKDIR" => drop(made.settings.insert("WorkingDir".to_owned(), unquoted(rest).into())),
                "ENTRYPOINT" | "CMD" => {
                    let key = if instruction == "CMD" { "Cmd" } else { "Entrypoint" };
                    made.settings.insert(key.to_owned(), serde_json::from_str(rest).unwrap());
                }
                other => panic!("limg does not write {other}"),
            }
        }
        made
    }

    /// What COPY does with a folder: files replace files, and folders are merged.
    fn copy(&mut self, folder: &Path, path: &str) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{path}/{}", entry.file_name().to_str().unwrap());
            let metadata = entry.metadata().unwrap();
            let mode = metadata.permissions().mode() & 0o7777;
            let what = if metadata.is_dir() {
                self.copy(&entry.path(), &path);
                format!("{mode:o} /")
            } else if metadata.is_symlink() {
                format!("-> {}", std::fs::read_link(entry.path()).unwrap().display())
            } else {
                format!("{mode:o} {}", std::fs::read_to_string(entry.path()).unwrap())
            };
            self.files.insert(path, what);
        }
    }
}

/// A word in double quotation marks, as Docker reads it.
fn unquoted(word: &str) -> String {
    let inner = word.strip_prefix('"').and_then(|word| word.strip_suffix('"')).unwrap();
    let (mut value, mut characters) = (String::new(), inner.chars());
    while let Some(character) = characters.next() {
        assert!(character != '$' && character != '"', "{word} is replaced or ends early");
        value.push(if character == '\\' { characters.next().unwrap() } else { character });
    }
    value
}

#[test]
fn the_dockerfile_makes_the_same_image() {
    let context = shop();
    context.write("limg.yaml", SHOP.replace("STAGE: dev", "STAGE: 'a \"b\" $HOME \\ c', EMPTY: ''"));
    std::os::unix::fs::symlink("app.py", context.path("orders/link")).unwrap();
    let run = context.limg(&["dockerfile", "orders", "-o", "out/orders"]).ok();
    assert_eq!(run.stdout, "[DIR]/project/out/orders/Dockerfile\n");
    assert!(run.stderr.contains("`--build-arg BASE=NAME`"), "{}", run.stderr);
    let made = Made::by(&context.path("out/orders"));
    assert_eq!(made.from, "${BASE}");

    context.limg(&["build", "orders"]).ok();
    let image = Layout::open(&context.path(".limg/images")).image("orders");
    let added: BTreeMap<_, _> =
        image.layers[1..].iter().flatten().map(|path| (path.clone(), image.files[path].clone())).collect();
    assert_eq!(made.files, added);
    assert_eq!(made.files["/var/task/link"], "-> app.py");
    let base = context.limg(&["inspect", "oci:base", "--config"]).ok().stdout;
    let base: Value = serde_json::from_str(&base).unwrap();
    let mut config = base["config"].clone();
    let variables = config["Env"].as_array_mut().unwrap();
    for (name, value) in &made.environment {
        variables.retain(|variable| !variable.as_str().unwrap().starts_with(&format!("{name}=")));
        variables.push(format!("{name}={value}").into());
    }
    for (key, value) in made.settings {
        config[key] = value;
    }
    assert!(made.labels.is_empty());
    let sorted = |config: &Value| {
        let mut config = config.clone();
        config["Env"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
        config
    };
    assert_eq!(sorted(&config), sorted(&image.config["config"]));
    // 1980-01-01, as in the layers.
    let metadata =
        std::fs::metadata(context.path("out/orders/layers/06-code-of-orders/var/task/app.py")).unwrap();
    assert_eq!(metadata.mtime(), 315_532_800);
    context.assert_clean();
}

#[test]
fn a_base_of_a_registry_is_named_by_its_digest() {
    let context = Context::with(
        "bases: { empty: { image: scratch, contract: provided.al2023 } }\n\
         functions: { tiny: { runtime: empty, code: fn, snapstart: false } }\n",
    );
    let run = context.limg(&["dockerfile", "-o", "out", "--format", "json"]).ok();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&report["needs_base"], &report["base"]), (&false.into(), &"scratch".into()));
    assert_eq!(report["layers"][0]["folder"], "layers/01-code-of-tiny");
    assert_eq!(Made::by(&context.path("out")).from, "scratch");

    crate::support::write_base(&context.path("base"), "amd64");
    let host = crate::support::registry::serve(&context.path("base"));
    context.write("code/app.py", "def handler(event, context): pass\n");
    context.write(
        "limg.yaml",
        format!(
            "bases: {{ python3.12: {{ image: \"{host}/python:3.12\" }} }}\n\
             functions: {{ greet: {{ runtime: python3.12, handler: app.handler, code: code }} }}\n"
        ),
    );
    context.limg(&["dockerfile", "-o", "greet"]).ok();
    let index: Value =
        serde_json::from_slice(&std::fs::read(context.path("base/index.json")).unwrap()).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    assert_eq!(Made::by(&context.path("greet")).from, format!("{host}/python@{digest}"));
}

#[test]
fn a_folder_with_files_is_left_alone() {
    let context = shop();
    context.write("out/mine", "mine");
    context
        .limg(&["dockerfile", "orders", "-o", "out"])
        .fails(2, &["out` is not empty", "use an empty folder"]);
    context.limg(&["dockerfile", "orders", "-o", "out/mine"]).fails(2, &["is not a folder"]);
    assert_eq!(context.files("project/out"), ["mine"]);
    // What a Dockerfile cannot say is found before anything is written.
    context.write("limg.yaml", SHOP.replace("STAGE: dev", "STAGE: \"a\\nb\""));
    let error = "a Dockerfile cannot set the variable STAGE: the value contains `\\n`";
    context.limg(&["dockerfile", "orders", "-o", "new"]).fails(2, &["Dockerfile of `orders`", error]);
    assert!(!context.path("new").exists());
    context.limg(&["dockerfile", "orders"]).fails(2, &["--output <DIR>"]);
}
