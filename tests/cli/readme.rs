//! Runs the commands in the README.
//!
//! A `console` block contains commands after `$ ` and their output. The comment above it states how it is run:
//! `<!-- offline, in FOLDER -->` on a copy of `examples/` with a handmade base image, `<!-- needs docker, in FOLDER -->`
//! with Docker and the real bases, `<!-- needs a registry, in FOLDER -->` with the real bases and a registry, which is
//! `localhost:5000` in the README and has another port in the test. A line `...` matches any number of lines. Digests,
//! sizes and times are not compared, nor is the order in which layers are built.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::support::{Context, sorted_layers, steady, write_base};

const README: &str = include_str!("../../README.md");

/// The README's registry.
const REGISTRY: &str = "localhost:5000";

/// The folder of the repository in the README's output.
const HOME: &str = "/home/you/limg";

/// A `console` block.
struct Block<'a> {
    /// The line of the file that it begins at.
    line: usize,
    how: &'a str,
    folder: &'a str,
    /// Commands and what each prints.
    steps: Vec<(&'a str, Vec<&'a str>)>,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let lines: Vec<_> = text.lines().collect();
    let mut blocks = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if *line != "```console" {
            continue;
        }
        let mark = lines[number - 1].strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        let Some((how, folder)) = mark.and_then(|mark| mark.split_once(", in ")) else {
            panic!("README.md:{}: the block has no comment that states how it is run", number + 1);
        };
        let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
        for line in lines[number + 1..].iter().take_while(|line| **line != "```") {
            match line.strip_prefix("$ ") {
                Some(command) => steps.push((command, Vec::new())),
                None => steps.last_mut().expect("a block begins with a command").1.push(line),
            }
        }
        blocks.push(Block { line: number + 1, how, folder, steps });
    }
    blocks
}

#[test]
fn every_block_states_how_it_is_run() {
    let blocks = blocks(README);
    let count = |how: &str| blocks.iter().filter(|block| block.how == how).count();
    assert!(count("offline") >= 5);
    assert!(count("needs docker") >= 2);
    assert!(count("needs a registry") >= 1);
    assert_eq!(count("offline") + count("needs docker") + count("needs a registry"), blocks.len());
}

#[test]
fn the_commands_print_the_output_in_the_readme() {
    let context = Context::new();
    write_base(&context.path("target/bases/python3.11"), "amd64");
    check(&context, "offline", REGISTRY);
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn the_commands_with_docker_print_the_output_in_the_readme() {
    let context = Context::new();
    std::os::unix::fs::symlink(root().join("target"), context.path("target")).unwrap();
    check(&context, "needs docker", REGISTRY);
}

#[test]
#[ignore = "needs docker-registry and the open bases; `make test` runs it"]
fn the_commands_with_a_registry_print_the_output_in_the_readme() {
    let context = Context::new();
    std::os::unix::fs::symlink(root().join("target"), context.path("target")).unwrap();
    let registry = Registry::start(context.root());
    check(&context, "needs a registry", &registry.address);
}

/// Debian's docker-registry, until it is dropped.
struct Registry {
    process: Child,
    address: String,
}

impl Registry {
    fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.join("registry.yml");
        let data = folder.join("registry");
        let text = format!(
            "version: 0.1\n\
             storage: {{ filesystem: {{ rootdirectory: \"{}\" }} }}\n\
             http: {{ addr: \"127.0.0.1:{port}\" }}\n",
            data.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("docker-registry should be installed: run `.ci/install`");
        let registry = Self { process, address: format!("localhost:{port}") };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return registry;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("docker-registry does not listen on {}", registry.address);
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Runs the blocks of one kind in a copy of the examples, with the address of the registry in the README replaced.
fn check(context: &Context, how: &str, registry: &str) {
    copy_folder(&root().join("examples"), &context.path("examples"));
    context.settle();
    for block in blocks(README).iter().filter(|block| block.how == how) {
        for (command, expected) in &block.steps {
            let command_here = command.replace(REGISTRY, registry);
            let printed =
                run(context, &context.path(block.folder), &command_here).replace(registry, REGISTRY);
            let printed = sorted_layers(printed.lines().map(steady).collect());
            let expected = sorted_layers(expected.iter().map(|line| steady(line)).collect());
            assert!(
                matches(&expected, &printed),
                "README.md:{}: `{command}` prints\n\n{}\n\nand should print\n\n{}\n",
                block.line,
                printed.join("\n"),
                expected.join("\n")
            );
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a line of shell; returns standard output and standard error as a terminal shows them.
fn run(context: &Context, folder: &Path, command: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_limg")).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", program.display());
    let line = format!("exec 2>&1\n{command}");
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(line).current_dir(folder).stdin(Stdio::null());
    shell.env_clear().env("PATH", path).env("HOME", context.root().join("home"));
    let output = shell.env("LIMG_STORE", context.store()).output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .replace(context.path("").to_str().unwrap().trim_end_matches('/'), HOME)
}

/// Whether lines are as expected; `...` matches any number of them.
fn matches(expected: &[String], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line == "..." => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        Some((line, rest)) => {
            printed.split_first().is_some_and(|(own, more)| own == line && matches(rest, more))
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        // Left in the examples by earlier builds.
        if matches!(entry.file_name().to_str(), Some(".limg" | "build" | "target" | "out")) {
            continue;
        }
        if kind.is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
