//! `--help` contains every flag.

use std::process::{Command, Stdio};

use crate::support::{Context, write_base};

const EVERYWHERE: [&str; 8] = [
    "--format <FORMAT>",
    "human",
    "json",
    "-q, --quiet",
    "-v, --verbose",
    "--color <WHEN>",
    "NO_COLOR",
    "-h, --help",
];

#[test]
fn help_names_every_flag() {
    let context = Context::new();
    let cases: [(&[&str], &[&str]); 14] = [
        (
            &[],
            &[
                "build",
                "invoke",
                "event",
                "cache",
                "init",
                "schema",
                "completions",
                "man",
                "help",
                "-V, --version",
                "-f, --file <FILE>",
            ],
        ),
        (
            &["build"],
            &[
                "-f, --file <FILE>",
                "[FUNCTION]...",
                "-o, --output <DEST>",
                "--shard <I/N>",
                "--tag <TAG>",
                "--arch <ARCH>",
                "--verify",
                "oci:DIR",
                "oci-archive:FILE",
                "docker-archive:FILE",
                "docker-daemon:",
                "SOURCE_DATE_EPOCH",
                "LIMG_STORE",
            ],
        ),
        (
            &["invoke"],
            &[
                "[FUNCTION]",
                "-e, --event <EVENT>",
                "--env-file <FILE>",
                "--as-lambda",
                "--relaxed",
                "--network <NAME>",
                "--add-host <HOST:IP>",
                "--publish <[[IP:]PORT:]CONTAINER_PORT>",
                "--debug <PORT>",
                "--shell",
                "--raw",
                "--rie <PATH>",
                "LIMG_RIE",
                "--arch <ARCH>",
            ],
        ),
        (&["report"], &["[FUNCTION|IMAGE]...", "-o, --output <FILE>", "docker-daemon:NAME", "--arch <ARCH>"]),
        (&["migrate"], &["-o, --output <FILE>", "-f, --file <FILE>", "--source", "--base <RUNTIME=IMAGE>"]),
        (&["fix"], &["<IMAGE>", "-o, --output <DEST>", "--arch <ARCH>", "oci-archive:FILE", "exit code"]),
        (&["event"], &["[NAME]", "sqs:", "Two messages from an SQS queue", "invoke -e @NAME"]),
        (&["cache"], &["show", "prune", "verify", "LIMG_STORE", "LIMG_STORE_LIMIT", "10GB"]),
        (&["cache", "prune"], &["--all", "--older-than <DAYS>", "--max-size <SIZE>", "--dry-run"]),
        (&["cache", "verify"], &["exit code"]),
        (&["init"], &["[DIR]", "--runtime <ID>", "--base <IMAGE>"]),
        (&["schema"], &["Examples:"]),
        (&["completions"], &["bash", "zsh", "fish", "powershell", "elvish"]),
        (&["man"], &["[COMMAND]...", "-o, --output <DIR>"]),
    ];
    for (command, flags) in cases {
        let run = context.limg(&[command, &["--help"]].concat()).ok();
        assert_eq!(run.stderr, "");
        for flag in flags.iter().chain(&EVERYWHERE) {
            assert!(run.stdout.contains(flag), "`{flag}` is not in the help of {command:?}:\n{}", run.stdout);
        }
        assert!(run.stdout.lines().all(|line| line.chars().count() <= 100), "{}", run.stdout);
        let short = context.limg(&[command, &["-h"]].concat()).ok();
        assert!(short.stdout.len() <= run.stdout.len());
    }
    let version = context.limg(&["--version"]).ok();
    assert_eq!(version.stdout, concat!("limg ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn limg_help_shows_the_help_of_a_command() {
    let context = Context::new();
    for command in [&["build"][..], &["push", "registry"], &["cache", "prune"], &[]] {
        let help = context.limg(&[&["help"], command].concat()).ok();
        assert_eq!(help.stdout, context.limg(&[command, &["--help"]].concat()).ok().stdout, "{command:?}");
    }
    context.limg(&["help", "bild"]).fails(2, &["unrecognized subcommand 'bild'"]);
}

/// The shells that check a script without running it, as far as they are installed: `bash` must be.
#[test]
fn completions_are_valid_scripts() {
    let context = Context::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = context.limg(&["completions", shell]).ok().stdout;
        for word in ["build", "cache", "prune", "as-lambda", "older-than"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        let file = format!("script.{shell}");
        context.write(&file, &script);
        let checked = match shell {
            "bash" | "zsh" | "fish" => Command::new(shell).arg("-n").arg(context.path(&file)).output(),
            _ => continue,
        };
        match checked {
            Ok(output) => assert!(output.status.success(), "{shell}: {output:?}"),
            Err(error) => assert!(shell != "bash", "{error}"),
        }
    }
    context.limg(&["completions", "tcsh"]).fails(2, &["invalid value 'tcsh'", "bash", "powershell", "zsh"]);
}

#[test]
fn bash_completes_commands_options_and_values() {
    let context = Context::new();
    context.write("limg.bash", context.limg(&["completions", "bash"]).ok().stdout);
    let complete = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let script = format!(
            "source ./limg.bash; COMP_WORDS=({}); COMP_CWORD={}; _limg limg '{}' '{}'; echo \"${{COMPREPLY[*]}}\"",
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2],
        );
        let mut command = Command::new("bash");
        command.args(["--norc", "-c", &script]).current_dir(context.path("")).stdin(Stdio::null());
        context.run(&mut command).ok().stdout.trim().to_owned()
    };
    assert_eq!(complete("limg inv"), "invoke");
    assert_eq!(complete("limg cache p"), "prune");
    assert_eq!(complete("limg push registry --conn"), "--connections");
    assert_eq!(complete("limg build --format "), "human json refs");
    assert_eq!(complete("limg cache --format "), "human json");
    assert_eq!(complete("limg init --fi"), "", "an option that means nothing there is not proposed");
}

#[test]
fn manual_pages_are_those_of_all_commands() {
    let context = Context::new();
    context.limg(&["man", "-o", "man/man1"]).ok();
    let pages = context.files("project/man/man1");
    for page in ["limg.1", "limg-build.1", "limg-push-ecr.1", "limg-cache-prune.1", "limg-man.1"] {
        assert!(pages.contains(&page.to_owned()), "{page}: {pages:?}");
    }
    for page in &pages {
        let name = page.trim_end_matches(".1");
        let text = std::fs::read_to_string(context.path("man/man1").join(page)).unwrap();
        let words: Vec<&str> = name.split('-').skip(1).collect();
        assert_eq!(context.limg(&[&["man"], &words[..]].concat()).ok().stdout, text, "{page}");
        for part in [&format!(".TH {name} 1"), ".SH NAME", ".SH SYNOPSIS", "Examples:"] {
            assert!(text.contains(part), "{page}: no `{part}`:\n{text}");
        }
        // Where groff is installed, it reads the page without a warning.
        let mut groff = Command::new("groff");
        groff.args(["-man", "-Tutf8", "-ww"]).arg(context.path("man/man1").join(page));
        if let Ok(output) = groff.output() {
            let warnings = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && warnings.is_empty(), "{page}: {warnings}");
        }
    }
    context.limg(&["man", "bild"]).fails(2, &["limg has no command `bild`", "run `limg help` for the list"]);
    context.write("file", "");
    context.limg(&["man", "-o", "file/x"]).fails(3, &["failed to create the folder"]);
}

/// The examples of all commands.
fn examples(context: &Context) -> Vec<String> {
    let mut all = Vec::new();
    for page in context.limg(&["man", "-o", "man"]).ok().stderr.lines() {
        let name = page.rsplit('/').next().unwrap().trim_end_matches(".1");
        let words: Vec<&str> = name.split('-').skip(1).collect();
        let help = context.limg(&[&words[..], &["--help"]].concat()).ok().stdout;
        let (_, examples) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("{name}: no examples"));
        all.extend(examples.lines().map(|line| line.trim().to_owned()));
    }
    all
}

/// What an example must not contain to be run here: it needs Docker, a network, another program or definition, or folders of the
/// system. Its arguments are parsed by a test of the library.
const NOT_HERE: &[&str] = &[
    "invoke",
    "push",
    "limg plan",
    "limg diff greet",
    "update",
    "limg template",
    "limg migrate",
    "skopeo",
    "docker-daemon:",
    "aws",
    "image=",
    "/etc/",
    "/usr/",
    "$PROFILE",
    "man -l",
    "--arch",
];

#[test]
fn the_examples_of_the_help_run() {
    let listing = Context::new();
    let examples = examples(&listing);
    let mut run = 0;
    for example in examples.iter().filter(|example| !NOT_HERE.iter().any(|word| example.contains(word))) {
        let context = Context::with(
            "bases: { python3.12: { image: \"oci:base\" } }\n\
             functions: { greet: { runtime: python3.12, handler: app.handler, code: code } }\n",
        );
        write_base(&context.path("base"), "amd64");
        context.write("code/app.py", "def handler(event, context): pass\n");
        if example.contains("limg init") {
            std::fs::remove_file(context.path("limg.yaml")).unwrap();
        }
        for folder in [".zfunc", ".config/fish/completions"] {
            std::fs::create_dir_all(context.root().join("home").join(folder)).unwrap();
        }
        let folder = std::path::Path::new(env!("CARGO_BIN_EXE_limg")).parent().unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-ec", example]).current_dir(context.path("")).env("PATH", path);
        shell.env("HOME", context.root().join("home")).env("LIMG_STORE", context.store());
        context.run(&mut shell).ok();
        run += 1;
    }
    assert!(run >= 15, "{run} of {examples:?}");
}
