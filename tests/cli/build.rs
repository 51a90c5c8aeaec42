//! `limg build`: the contents of images, and the output.

use serde_json::json;

use crate::support::{Context, Layout, write_base};

/// Functions with everything that a definition can contain, on a handmade base.
pub(crate) const SHOP: &str = "\
project: shop
bases:
  python3.12: { image: \"oci:base\" }
layers:
  words: { path: layers/words }
  extra: { path: layers/extra.zip }
extensions:
  log: { path: log.sh, environment: { LOG_LEVEL: info } }
functions:
  orders:
    runtime: python3.12
    handler: app.handler
    code: orders
    layers: [words, extra]
    extensions: [log]
    wrapper: wrap.sh
    environment: { STAGE: dev, PYTHONPATH: /var/task/lib }
    exclude: [\"*.md\"]
  bills:
    runtime: python3.12
    handler: app.handler
    code: orders
    layers: [words]
";

/// The project of [`SHOP`].
pub(crate) fn shop() -> Context {
    let context = Context::new();
    write_base(&context.path("base"), "amd64");
    context.write("limg.yaml", SHOP);
    context.write("layers/words/python/words.py", "HELLO = 'hello'\n");
    context.write("layers/words/python/more.py", "MORE = 1\n");
    context.zip("layers/extra.zip", &[("python/words.py", "HELLO = 'hi'\n")]);
    context.program("log.sh", "#!/bin/sh\nexec sleep 1\n");
    context.program("wrap.sh", "#!/bin/sh\nexec \"$@\"\n");
    context.write("orders/app.py", "def handler(event, context): pass\n");
    context.write("orders/notes.md", "not for the image\n");
    context.write("orders/node_modules/x/index.js", "1\n");
    context
}

#[test]
fn shards_build_each_function_once() {
    let context = shop();
    let whole = context.build(&[]);
    for (shard, function) in [("1/3", Some("bills")), ("2/3", Some("orders")), ("3/3", None)] {
        let part = context.build(&["--shard", shard]);
        let functions = part.0["functions"].as_object().unwrap();
        assert_eq!(functions.keys().map(String::as_str).collect::<Vec<_>>(), Vec::from_iter(function));
        for name in functions.keys() {
            assert_eq!(part.digest(name), whole.digest(name));
        }
    }
    let none = context.limg(&["build", "--shard", "3/3"]).ok();
    assert!(none.stderr.contains("shard 3/3 has 0 functions"), "{}", none.stderr);
    assert_eq!(none.stdout, "");
    // A destination that fails without shards fails in each shard.
    context.limg(&["build", "--shard", "1/2", "-o", "oci:out:name"]).fails(2, &["several functions"]);
}

#[test]
fn all_files_of_a_function_are_at_their_paths() {
    let context = shop();
    context.limg(&["build"]).ok();
    let layout = Layout::open(&context.path(".limg/images"));
    assert_eq!(layout.names(), ["orders", "bills"]);
    let image = layout.image("orders");
    for (path, content) in [
        ("/opt/python/words.py", "644 HELLO = 'hi'\n"),
        ("/opt/python/more.py", "644 MORE = 1\n"),
        ("/opt/extensions/log", "755 #!/bin/sh\nexec sleep 1\n"),
        ("/opt/wrappers/wrap.sh", "755 #!/bin/sh\nexec \"$@\"\n"),
        ("/var/task/app.py", "644 def handler(event, context): pass\n"),
        ("/var/task/node_modules/x/index.js", "644 1\n"),
        ("/lambda-entrypoint.sh", "755 #!/bin/sh\n"),
    ] {
        assert_eq!(image.files.get(path).map(String::as_str), Some(content), "{path}");
    }
    assert!(!image.files.contains_key("/var/task/notes.md"));
    assert_eq!(image.config["config"]["Cmd"], json!(["app.handler"]));
    assert_eq!(image.config["config"]["Entrypoint"], json!(["/lambda-entrypoint.sh"]));
    assert_eq!(image.config["config"]["WorkingDir"], "/var/task");
    assert_eq!(image.config["config"]["Labels"]["maker"], "the tests", "labels of the base are kept");
    assert_eq!(image.variable("STAGE"), Some("dev"));
    assert_eq!(image.variable("LOG_LEVEL"), Some("info"));
    assert_eq!(image.variable("AWS_LAMBDA_EXEC_WRAPPER"), Some("/opt/wrappers/wrap.sh"));
    assert!(image.variable("PYTHONPATH").unwrap().ends_with(":/var/task/lib"));
}

#[test]
fn the_human_output_lists_what_was_built() {
    let context = shop();
    let run = context.limg(&["build"]).ok();
    assert_eq!(
        run.steady_stderr(),
        "\
note: layer extra replaces `/opt/python/words.py` of layer words
built code of bills 2 files [SIZE] [TIME]
built code of orders 1 file [SIZE] [TIME]
built dependencies of orders 1 file [SIZE] [TIME]
built extension log 1 file [SIZE] [TIME]
built layer extra 1 file [SIZE] [TIME]
built layer words 2 files [SIZE] [TIME]
built wrapper of orders 1 file [SIZE] [TIME]
"
    );
    assert_eq!(
        run.steady_stdout(),
        "\
orders [DIGEST] oci:[DIR]/project/.limg/images:orders
bills [DIGEST] oci:[DIR]/project/.limg/images:bills
"
    );
}

#[test]
fn the_json_output_contains_images_and_layers() {
    let context = shop();
    let report = context.build(&[]);
    let orders = report.function("orders");
    let mut keys: Vec<_> = orders.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        ["architecture", "base", "config_digest", "destinations", "digest", "image_id", "layers"]
    );
    assert_eq!(orders["architecture"], "x86_64");
    assert_eq!(orders["base"]["name"], "oci:[DIR]/project/base");
    assert_eq!(orders["image_id"], orders["config_digest"]);
    assert_eq!(report.destinations("orders"), ["oci:[DIR]/project/.limg/images:orders"]);
    let names: Vec<_> = report.layers("orders").into_iter().map(|(name, ..)| name).collect();
    assert_eq!(
        names,
        [
            "layer words",
            "layer extra",
            "extension log",
            "wrapper of orders",
            "dependencies of orders",
            "code of orders"
        ]
    );
    let mut keys: Vec<_> = orders["layers"][0].as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["cached", "diff_id", "digest", "name", "reused", "size"]);
    let image = Layout::open(&context.path(".limg/images")).image("orders");
    for (position, layer) in orders["layers"].as_array().unwrap().iter().enumerate() {
        assert_eq!(image.manifest["layers"][position + 1]["digest"], layer["digest"]);
        assert_eq!(image.manifest["layers"][position + 1]["size"], layer["size"]);
        assert_eq!(image.config["rootfs"]["diff_ids"][position + 1], layer["diff_id"]);
    }
}

#[test]
fn an_image_on_scratch_contains_only_the_program() {
    let context = Context::with(
        "bases: { empty: { image: scratch, contract: provided.al2023 } }\n\
         functions: { tiny: { runtime: empty, code: fn } }\n",
    );
    context.limg(&["build"]).ok();
    let image = Layout::open(&context.path(".limg/images")).image("tiny");
    assert_eq!(image.layers, [["/var", "/var/task", "/var/task/bootstrap"]]);
    assert_eq!(image.config["config"]["Entrypoint"], json!(["/var/task/bootstrap"]));
    assert_eq!(image.config["architecture"], "amd64");
}

#[test]
fn functions_are_selected_by_name() {
    let context = shop();
    let report = context.build(&["bills", "bills"]);
    assert_eq!(report.0["functions"].as_object().unwrap().len(), 1);
    assert_eq!(report.function("bills")["architecture"], "x86_64");
    assert_eq!(Layout::open(&context.path(".limg/images")).names(), ["bills"]);
    // In the order of the command line.
    let run = context.limg(&["build", "bills", "orders"]).ok();
    let names: Vec<_> = run.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["bills", "orders"]);
}

#[test]
fn functions_share_blobs() {
    let context = shop();
    let report = context.build(&[]);
    let digest = |function: &str, layer: &str| {
        let layers = report.layers(function);
        layers.iter().find(|(name, ..)| *name == layer).map(|(_, digest, _)| (*digest).to_owned())
    };
    assert_eq!(digest("orders", "layer words"), digest("bills", "layer words"));
    let blobs = context.files("project/.limg/images/blobs/sha256");
    // The base's layer; words, extra, log, wrapper; dependencies, and the code of each function, which differs in an
    // excluded file; two configs and two manifests.
    assert_eq!(blobs.len(), 1 + 4 + 3 + 4, "{blobs:?}");
}

#[test]
fn the_architecture_can_be_set_on_the_command_line() {
    let context = shop();
    write_base(&context.path("arm"), "arm64");
    let text = SHOP.replace("oci:base", "oci:arm");
    context.write("arm.yaml", text);
    let run = context.limg(&["build", "-f", "arm.yaml"]);
    run.fails(2, &["failed to read the base image `oci:[DIR]/project/arm`", "is for linux/arm64"]);
    let report = context.build(&["-f", "arm.yaml", "--arch", "arm64"]);
    assert_eq!(report.function("orders")["architecture"], "arm64");
    let image = Layout::open(&context.path(".limg/images")).image("orders");
    assert_eq!(image.config["architecture"], "arm64");
}

#[test]
fn the_definition_is_found_above_the_working_directory() {
    let context = shop();
    std::fs::create_dir_all(context.path("orders/deep/er")).unwrap();
    let run =
        context.run(context.command(&["build", "bills"]).current_dir(context.path("orders/deep/er"))).ok();
    assert!(run.stdout.contains("oci:[DIR]/project/.limg/images:bills"), "{run:?}");
    let run =
        context.run(context.command(&["build", "-f", "project/limg.yaml"]).current_dir(context.root())).ok();
    assert!(run.stdout.contains("oci:[DIR]/project/.limg/images:bills"), "{run:?}");
}

#[test]
fn layers_have_the_date_of_source_date_epoch() {
    let context = shop();
    let dated = |epoch: &str, folder: &str| {
        let destination = format!("oci:{folder}");
        let run = context
            .run(context.command(&["build", "orders", "-o", &destination]).env("SOURCE_DATE_EPOCH", epoch))
            .ok();
        let image = Layout::open(&context.path(folder)).image("orders");
        let created = image.config["created"].as_str().unwrap().to_owned();
        (run.stdout.split_whitespace().nth(1).unwrap().to_owned(), created)
    };
    let (first, created) = dated("1700000000", "one");
    assert_eq!(created, "2023-11-14T22:13:20Z");
    assert_eq!(dated("1700000000", "two").0, first);
    assert_eq!(dated("", "three").1, "1980-01-01T00:00:00Z");
    for bad in ["yesterday", "-1", "1e9", "99999999999999", "17000000000"] {
        let run = context.run(context.command(&["build"]).env("SOURCE_DATE_EPOCH", bad));
        run.fails(2, &["SOURCE_DATE_EPOCH", bad, "help: "]);
    }
}

#[test]
fn digests_do_not_depend_on_folder_locale_and_umask() {
    use std::os::unix::process::CommandExt as _;
    let digests: Vec<String> = ["C", "tr_TR.UTF-8"]
        .into_iter()
        .map(|locale| {
            let context = shop();
            let mut shell = std::process::Command::new("/bin/sh");
            let command = context.command(&["build", "--format", "json"]);
            shell.arg("-c").arg("umask 077; exec \"$0\" build --format json").arg(command.get_program());
            shell.current_dir(context.path("")).env_clear().env("LC_ALL", locale);
            shell.env("LIMG_STORE", context.store()).env("TZ", "Asia/Kathmandu").arg0("sh");
            let run = context.run(&mut shell).ok();
            let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
            report["functions"]["orders"]["digest"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0], shop().build(&[]).digest("orders"));
}

/// The folder of built images is next to the definition, and so within the code if that is `.`.
#[test]
fn built_images_are_not_added_to_the_next_image() {
    let context = Context::with(
        "bases: { empty: { image: scratch, contract: provided.al2023 } }\n\
         functions: { tiny: { runtime: empty, code: . } }\n",
    );
    context.program("bootstrap", "#!/bin/sh\n");
    let first = context.build(&[]);
    let image = Layout::open(&context.path(".limg/images")).image("tiny");
    assert!(image.files.contains_key("/var/task/bootstrap"));
    let second = context.build(&[]);
    assert_eq!(first.digest("tiny"), second.digest("tiny"));
    let image = Layout::open(&context.path(".limg/images")).image("tiny");
    let built: Vec<_> = image.files.keys().filter(|path| path.contains("/.limg")).collect();
    assert_eq!(built, [""; 0]);
}

#[test]
fn handler_wrappers_and_snapstart_are_in_the_config() {
    let context = Context::with(
        "bases: { python3.12: { image: \"oci:base\" } }\n\
         extensions: { datadog: { handler_wrapper: datadog_lambda.handler.handler } }\n\
         functions:\n  f:\n    { runtime: python3.12, handler: app.f, code: fn, extensions: [datadog], snapstart: true,\n      \
         handler_wrapper: { handler: mine.handler, variable: MY_HANDLER } }\n",
    );
    write_base(&context.path("base"), "amd64");
    context.limg(&["build"]).ok();
    let image = Layout::open(&context.path(".limg/images")).image("f");
    let config = &image.config["config"];
    assert_eq!(config["Cmd"], json!(["datadog_lambda.handler.handler"]));
    assert_eq!(image.variable("DD_LAMBDA_HANDLER"), Some("mine.handler"));
    assert_eq!(image.variable("MY_HANDLER"), Some("app.f"));
    let labels = json!({ "maker": "the tests", "com.amazonaws.lambda.feature.snapstart": "Allow" });
    assert_eq!(config["Labels"], labels);
}
