//! The same project gives the same image on any machine, for any user, at any time and in any directory.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Image, Workspace, listing, succeed, tool};

/// The files of the project, and whether each is executable. The order of the names depends on the locale.
const FILES: [(&str, &str, bool); 9] = [
    ("code/bootstrap", "#!/nothing\n", true),
    ("code/Zeta.txt", "z", false),
    ("code/alpha.txt", "a", false),
    ("code/örtlich/i.txt", "ö", false),
    ("code/package/__init__.py", "", false),
    ("code/package/module.py", "def answer():\n    return 42\n", false),
    ("one/lib/data", "data", false),
    ("two/lib/data", "other data", false),
    ("two/bin/run", "#!/nothing\n", true),
];

const DEFINITION: &str = "\
project: same
bases: { nothing: { image: scratch, contract: provided.al2023 } }
layers: { one: { path: one }, two: { path: two }, zipped: { path: zipped.zip } }
extensions: { listener: { path: one/listener } }
functions:
  f: { runtime: nothing, code: code, layers: [one, two, zipped], extensions: [listener], environment: { BETA: b, ALPHA: a } }
  g: { runtime: nothing, code: code, layers: [two, one], environment: { ALPHA: a, BETA: b } }
";

/// A checkout and how its files are created.
struct Checkout {
    workspace: Workspace,
    umask: &'static str,
    reversed: bool,
    /// The time of all files, in the form of `touch -d`.
    time: &'static str,
}

impl Checkout {
    /// Writes the files with a shell, whose umask determines their modes.
    fn make(&self, zip: &Path) {
        let mut files = FILES.to_vec();
        files.push(("one/listener", "#!/nothing\n", true));
        files.push(("limg.yaml", DEFINITION, false));
        if self.reversed {
            files.reverse();
        }
        for (path, content, executable) in files {
            let script = format!(
                "umask {} && mkdir -p \"$(dirname \"$1\")\" && printf %s \"$2\" >\"$1\" && touch -d '{}' \"$1\"{}",
                self.umask,
                self.time,
                if executable { " && chmod +x \"$1\"" } else { "" }
            );
            succeed(
                tool("sh").args(["-c", &script, "sh", path, content]).current_dir(self.workspace.path("")),
            );
        }
        fs::copy(zip, self.workspace.path("zipped.zip")).unwrap();
        // Byte code contains the time of its source and the given path.
        let package = self.workspace.path("code");
        let mut compile = tool("python3");
        compile.env("PYTHONPYCACHEPREFIX", "").args([
            "-m",
            "compileall",
            "-q",
            "--invalidation-mode",
            "timestamp",
        ]);
        succeed(compile.args(["-s", ".", "-p", "/var/task", "package"]).current_dir(package));
    }

    fn build(&self, environment: &[(&str, &str)], taskset: bool) -> Value {
        let limg = self.workspace.limg(&["build", "--format", "json", "-o", "oci:images"]);
        let mut command = if taskset { on_one_processor(&limg) } else { limg };
        succeed(command.envs(environment.iter().copied())).json()["functions"].take()
    }
}

/// The same command on one processor, hence with one thread.
fn on_one_processor(command: &Command) -> Command {
    let mut pinned = tool("taskset");
    pinned.args(["-c", "0"]).arg(command.get_program()).args(command.get_args());
    pinned.current_dir(command.get_current_dir().unwrap()).env_clear();
    pinned.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    pinned
}

#[test]
#[ignore = "needs Python and zip; `make test` runs it"]
fn the_same_project_gives_the_same_digest_anywhere() {
    let elsewhere = Workspace::new();
    elsewhere.write("z/b/file", "file");
    elsewhere.write_program("z/a/program", "#!/nothing\n");
    succeed(tool("zip").args(["-q", "-r", "../zipped.zip", "."]).current_dir(elsewhere.path("z")));
    let zip = elsewhere.path("zipped.zip");

    let here =
        Checkout { workspace: Workspace::new(), umask: "022", reversed: false, time: "2024-02-29 12:00:00" };
    let there =
        Checkout { workspace: Workspace::new(), umask: "077", reversed: true, time: "1999-12-31 23:59:59" };
    here.make(&zip);
    there.make(&zip);
    let modes = |checkout: &Checkout| {
        let files = listing(&checkout.workspace.path("code"));
        (files["alpha.txt"].mode, files["bootstrap"].mode, files["package"].mode)
    };
    assert_eq!((modes(&here), modes(&there)), ((0o644, 0o755, 0o755), (0o600, 0o700, 0o700)));

    let expected = here.build(&[("TZ", "UTC"), ("LC_ALL", "C")], false);
    let environment =
        [("TZ", "Asia/Kathmandu"), ("LC_ALL", "tr_TR.UTF-8"), ("LANG", "tr_TR.UTF-8"), ("USER", "x")];
    let found = there.build(&environment, true);
    assert_eq!(without_destinations(&found), without_destinations(&expected));
    let blobs = |checkout: &Checkout| listing(&checkout.workspace.path("images"));
    assert_eq!(blobs(&there), blobs(&here), "the layouts are the same, file by file");

    // A second build uses the store.
    let again = without_reused(&here.build(&[], false));
    assert_eq!(again, without_reused(&expected));

    // SOURCE_DATE_EPOCH changes the image, in the same way everywhere.
    let dated = [("SOURCE_DATE_EPOCH", "1700000000")];
    let (one, other) = (here.build(&dated, true), there.build(&dated, false));
    assert_eq!(one["f"]["digest"], other["f"]["digest"]);
    assert_ne!(one["f"]["digest"], expected["f"]["digest"]);
    let image = Image::of_layout(&here.workspace.path("images"), Some("f"));
    assert_eq!(image.config["created"], "2023-11-14T22:13:20Z");
}

/// The report without what names the checkout.
fn without_destinations(report: &Value) -> Value {
    let mut report = report.clone();
    for function in report.as_object_mut().unwrap().values_mut() {
        function.as_object_mut().unwrap().remove("destinations");
    }
    report
}

/// The report without the information whether layers were reused.
fn without_reused(report: &Value) -> Value {
    let mut report = without_destinations(report);
    for function in report.as_object_mut().unwrap().values_mut() {
        for layer in function["layers"].as_array_mut().unwrap() {
            assert!(layer.as_object_mut().unwrap().remove("reused").is_some());
        }
    }
    report
}
