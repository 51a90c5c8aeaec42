//! The environment of one test: folders of its own, no variables of the user, and the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// limg keeps no record of a layer if one of its files is newer than 50 ms: the file could change again without a
/// change of its times. The kernel sets that time, so a test cannot set it back.
const TICK: Duration = Duration::from_millis(60);

/// The folders of one test, removed at its end.
pub(crate) struct Context {
    folder: tempfile::TempDir,
    root: PathBuf,
}

/// How a run of the program ended. Paths are redacted: `[DIR]` is the folder of the test.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Context {
    /// An empty project folder.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("limg-cli-").tempdir().unwrap();
        // If the system's temporary folder is a link, the program prints its target.
        let root = folder.path().canonicalize().unwrap();
        let context = Self { folder, root };
        for name in ["project", "home"] {
            std::fs::create_dir(context.root.join(name)).unwrap();
        }
        context
    }

    /// A project with this definition and a function `fn` that runs on `scratch`.
    pub(crate) fn with(definition: &str) -> Self {
        let context = Self::new();
        context.write("limg.yaml", definition);
        context.program("fn/bootstrap", "#!/bin/sh\nexec true\n");
        context
    }

    /// A path in the project.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join("project").join(relative)
    }

    /// The folder that contains project, store and home.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, relative: &str, content: impl AsRef<[u8]>) {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Writes an executable file of the project.
    pub(crate) fn program(&self, relative: &str, content: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.write(relative, content);
        std::fs::set_permissions(self.path(relative), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Writes a zip of the project; names ending in `/` are directories.
    pub(crate) fn zip(&self, relative: &str, files: &[(&str, &str)]) {
        use std::io::Write as _;
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in files {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        self.write(relative, zip.finish().unwrap().into_inner());
    }

    /// Waits until limg keeps records of layers from files that were just written, for tests that need these records.
    #[expect(clippy::unused_self, reason = "for the files of this context")]
    pub(crate) fn settle(&self) {
        std::thread::sleep(TICK);
    }

    /// The same context, after [`Context::settle`].
    pub(crate) fn settled(self) -> Self {
        self.settle();
        self
    }

    /// The program in the project folder, without the user's environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_limg"));
        command
            .args(arguments)
            .current_dir(self.path(""))
            .env_clear()
            .env("HOME", self.root.join("home"))
            .env("LIMG_STORE", self.store())
            .env("TZ", "Pacific/Kiritimati")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn limg(&self, arguments: &[&str]) -> Run {
        self.run(&mut self.command(arguments))
    }

    /// Runs a command from [`Context::command`].
    pub(crate) fn run(&self, command: &mut Command) -> Run {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| self.redacted(&String::from_utf8(bytes).unwrap());
        let run =
            Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        assert!(!run.stderr.contains("panicked"), "{run:?}");
        assert!(run.code.is_some(), "ended by a signal: {run:?}");
        run
    }

    /// Builds, and returns the result in JSON; a failure fails the test.
    pub(crate) fn build(&self, arguments: &[&str]) -> Report {
        let run = self.limg(&[&["build", "--format", "json"], arguments].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        Report(serde_json::from_str(&run.stdout).unwrap())
    }

    /// All files below a folder of the test.
    pub(crate) fn files(&self, relative: &str) -> Vec<String> {
        let start = self.root.join(relative);
        let (mut folders, mut files) = (vec![start.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(&start).unwrap().display().to_string());
                }
            }
        }
        files.sort();
        files
    }

    /// Checks that no temporary file is left.
    pub(crate) fn assert_clean(&self) {
        let left: Vec<_> = self
            .files("")
            .into_iter()
            .filter(|file| file.contains(".limg-") || file.starts_with("store/tmp/"))
            .collect();
        assert_eq!(left, [""; 0], "temporary files were left");
        assert!(self.folder.path().exists());
    }

    fn redacted(&self, text: &str) -> String {
        text.replace(self.root.to_str().unwrap(), "[DIR]")
    }
}

impl Run {
    /// Fails the test if the program failed.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Fails the test unless the program ended with this code, printed no result, and reported all of this in order.
    pub(crate) fn fails(self, code: i32, expected: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "a failure prints no result");
        let mut rest = self.stderr.as_str();
        for text in expected {
            let Some(at) = rest.find(text) else {
                panic!("`{text}` is missing, or not in this order:\n{}", self.stderr)
            };
            rest = &rest[at + text.len()..];
        }
        self
    }

    /// Standard error with everything replaced that changes from run to run. Layers are built in parallel, so their
    /// lines come in any order: here they are sorted.
    pub(crate) fn steady_stderr(&self) -> String {
        let lines = sorted_layers(self.stderr.lines().map(steady).collect());
        lines.into_iter().map(|line| line + "\n").collect()
    }

    /// Standard output with digests replaced.
    pub(crate) fn steady_stdout(&self) -> String {
        self.stdout.lines().map(|line| steady(line) + "\n").collect()
    }
}

/// Lines about layers in alphabetical order, all others where they were.
pub(crate) fn sorted_layers(mut lines: Vec<String>) -> Vec<String> {
    let is_layer = |line: &String| {
        line.starts_with("built ") || line.starts_with("reused ") || line.starts_with("cached ")
    };
    let first = lines.iter().position(is_layer).unwrap_or(lines.len());
    let last = lines.iter().rposition(is_layer).map_or(first, |last| last + 1);
    lines[first..last].sort();
    lines
}

/// A line with digests, sizes and times replaced, and with single spaces.
pub(crate) fn steady(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        let number = words.last().is_some_and(|last| last.parse::<f64>().is_ok());
        match word {
            "s" | "s," | "s:" | "s)" if number => {
                words.pop();
                words.push("[TIME]".to_owned());
                continue;
            }
            "B" | "kB" | "MB" | "GB" if number => {
                words.pop();
                words.push("[SIZE]".to_owned());
                continue;
            }
            _ => {}
        }
        words.push(without_digest(word));
    }
    words.join(" ")
}

fn without_digest(word: &str) -> String {
    let is_id = word.len() == 36 && word.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    if is_id {
        return "[ID]".to_owned();
    }
    let Some((before, rest)) = word.split_once("sha256:") else { return word.to_owned() };
    let hex = rest.chars().take_while(char::is_ascii_hexdigit).count();
    if hex == 64 { format!("{before}[DIGEST]{}", &rest[hex..]) } else { word.to_owned() }
}

/// The output of `limg build --format json`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report(pub(crate) Value);

impl Report {
    pub(crate) fn function(&self, name: &str) -> &Value {
        let function = &self.0["functions"][name];
        assert!(function.is_object(), "no function `{name}` in {:#}", self.0);
        function
    }

    pub(crate) fn digest(&self, function: &str) -> &str {
        self.function(function)["digest"].as_str().unwrap()
    }

    /// The layers of a function: name, digest, and whether the layer was reused.
    pub(crate) fn layers(&self, function: &str) -> Vec<(&str, &str, bool)> {
        self.function(function)["layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| {
                (
                    layer["name"].as_str().unwrap(),
                    layer["digest"].as_str().unwrap(),
                    layer["reused"].as_bool().unwrap(),
                )
            })
            .collect()
    }

    /// The names of layers that were built and not reused.
    pub(crate) fn built(&self) -> Vec<String> {
        let functions = self.0["functions"].as_object().unwrap();
        functions
            .keys()
            .flat_map(|name| self.layers(name))
            .filter(|(.., reused)| !reused)
            .map(|(name, ..)| name.to_owned())
            .collect()
    }

    pub(crate) fn destinations(&self, function: &str) -> Vec<&str> {
        let destinations = self.function(function)["destinations"].as_array().unwrap();
        destinations.iter().map(|destination| destination.as_str().unwrap()).collect()
    }
}
