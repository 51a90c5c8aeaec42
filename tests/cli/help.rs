//! `--help` contains every flag.

use crate::support::Context;

const EVERYWHERE: [&str; 9] = [
    "-f, --file <FILE>",
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
    let cases: [(&[&str], &[&str]); 9] = [
        (&[], &["build", "invoke", "event", "cache", "init", "schema", "-V, --version"]),
        (
            &["build"],
            &[
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
                "--rie <PATH>",
                "LIMG_RIE",
                "--arch <ARCH>",
            ],
        ),
        (&["event"], &["[NAME]", "sqs:", "Two messages from an SQS queue", "invoke -e @NAME"]),
        (&["cache"], &["show", "prune", "verify", "LIMG_STORE", "LIMG_STORE_LIMIT", "10GB"]),
        (&["cache", "prune"], &["--all", "--older-than <DAYS>", "--max-size <SIZE>", "--dry-run"]),
        (&["cache", "verify"], &["exit code"]),
        (&["init"], &["[DIR]", "--runtime <ID>", "--base <IMAGE>"]),
        (&["schema"], &[]),
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
