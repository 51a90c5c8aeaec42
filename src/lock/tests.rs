//! Lock files are read as they were written, malformed ones are rejected, and every change is reported.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::failure::help_text;

const BASE: &str = "public.ecr.aws/lambda/python:3.12";
const INSIGHTS: &str = "arn:aws:lambda:eu-west-1:580247275435:layer:LambdaInsightsExtension:53";

fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

fn reference(text: &str) -> ImageReference {
    text.parse().unwrap()
}

fn object(url: &str) -> S3Object {
    S3Object::of_url(url).unwrap()
}

fn arn(text: &str) -> LayerVersionArn {
    text.parse().unwrap()
}

/// A lock with every kind of pin, added in no particular order.
fn example() -> Lock {
    let mut lock = Lock::default();
    lock.pin_layer(&arn(INSIGHTS), digest('d'));
    lock.pin_layer(
        &arn("arn:aws:lambda:eu-west-1:580247275435:layer:LambdaInsightsExtension:9"),
        digest('c'),
    );
    lock.pin_object(&object("s3://shop/a b.zip"), digest('7'));
    lock.pin_object(&object("s3://shop/code.zip?versionId=3"), digest('8'));
    lock.pin_image(&reference("python"), Architecture::X86_64, digest('e'));
    lock.pin_image(&reference(BASE), Architecture::X86_64, digest('a'));
    lock.pin_image(&reference(BASE), Architecture::Arm64, digest('b'));
    lock.pin_image(&reference("127.0.0.1:5000/bases/node:22"), Architecture::Arm64, digest('f'));
    lock
}

struct Fixture {
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { path: folder.path().join("limg.lock"), folder }
    }

    fn with(text: impl AsRef<[u8]>) -> Self {
        let file = Self::new();
        fs::write_atomically(&file.path, text.as_ref()).unwrap();
        file
    }

    fn text(&self) -> String {
        fs::read_text(&self.path, BYTES_AT_MOST).unwrap()
    }
}

#[test]
fn the_text_is_sorted_with_one_line_per_pin() {
    let hex = |letter: &str| letter.repeat(64);
    let expected = format!(
        "\
# Pinned by limg: commit this file. `limg update` moves the pins.
version: 1
images:
  127.0.0.1:5000/bases/node:22:
    arm64: sha256:{f}
  public.ecr.aws/lambda/python:3.12:
    arm64: sha256:{b}
    x86_64: sha256:{a}
  \"python\":
    x86_64: sha256:{e}
layers:
  arn:aws:lambda:eu-west-1:580247275435:layer:LambdaInsightsExtension:9: sha256:{c}
  arn:aws:lambda:eu-west-1:580247275435:layer:LambdaInsightsExtension:53: sha256:{d}
objects:
  \"s3://shop/a b.zip\": sha256:{g}
  \"s3://shop/code.zip?versionId=3\": sha256:{h}
",
        a = hex("a"),
        b = hex("b"),
        c = hex("c"),
        d = hex("d"),
        e = hex("e"),
        f = hex("f"),
        g = hex("7"),
        h = hex("8"),
    );
    assert_eq!(format::render(&example()), expected);
    assert_eq!(format::parse(&expected, Path::new("limg.lock")).unwrap(), example());
}

#[test]
fn it_is_written_only_when_a_pin_changed() {
    let write = |lock: &Lock, path: &Path| Lock::update(path, |it| it.clone_from(lock)).unwrap();
    let file = Fixture::new();
    write(&Lock::default(), &file.path);
    assert!(!file.path.exists(), "nothing is pinned");
    assert_eq!(Lock::read(&file.path).unwrap(), Lock::default());

    write(&example(), &file.path);
    assert_eq!(Lock::read(&file.path).unwrap(), example());

    let text = format!("\u{feff}# by hand\n{}", file.text().replace('\n', "\r\n"));
    let windows = Fixture::with(&text);
    write(&example(), &windows.path);
    assert_eq!(std::fs::read_to_string(&windows.path).unwrap(), text, "no pin has changed");

    let mut moved = example();
    moved.pin_layer(&arn(INSIGHTS), digest('0'));
    write(&moved, &file.path);
    assert_eq!(Lock::read(&file.path).unwrap(), moved);
    write(&Lock::default(), &file.path);
    assert_eq!(Lock::read(&file.path).unwrap(), Lock::default(), "the pins are gone");
    assert_eq!(fs::names_in(file.folder.path()).unwrap(), ["limg.lock"]);
}

#[test]
fn pins_are_found_by_the_reference_as_the_user_wrote_it() {
    let lock = example();
    assert_eq!(lock.image(&reference(BASE), Architecture::Arm64), Some(&digest('b')));
    assert_eq!(lock.image(&reference("python"), Architecture::Arm64), None);
    assert_eq!(lock.image(&reference("docker.io/library/python"), Architecture::X86_64), None);
    assert_eq!(lock.layer(&arn(INSIGHTS)), Some(&digest('d')));
    assert_eq!(lock.object(&object("s3://shop/code.zip?versionId=3")), Some(&digest('8')));
    assert_eq!(lock.object(&object("s3://shop/code.zip")), None, "another version");
}

#[test]
fn unused_pins_are_removed_and_those_of_other_architectures_stay() {
    let mut lock = example();
    lock.retain(&BTreeSet::from([reference(BASE)]), &BTreeSet::from([arn(INSIGHTS)]));
    assert_eq!(lock.image(&reference(BASE), Architecture::X86_64), Some(&digest('a')));
    assert_eq!(lock.image(&reference(BASE), Architecture::Arm64), Some(&digest('b')));
    let dropped: Vec<_> = lock
        .changes(&example())
        .into_iter()
        .map(|change| (change.pin.to_string(), change.before, change.after))
        .collect();
    let of_layer = "arn:aws:lambda:eu-west-1:580247275435:layer:LambdaInsightsExtension:9";
    assert_eq!(
        dropped,
        [
            ("127.0.0.1:5000/bases/node:22 (arm64)".to_owned(), Some(digest('f')), None),
            ("python (x86_64)".to_owned(), Some(digest('e')), None),
            (of_layer.to_owned(), Some(digest('c')), None),
        ]
    );
}

#[test]
fn changes_are_the_pins_that_were_added_or_changed() {
    assert_eq!(example().changes(&example()), []);
    let mut after = example();
    after.pin_image(&reference(BASE), Architecture::Arm64, digest('0'));
    after.pin_image(&reference("python"), Architecture::Arm64, digest('1'));
    let image = |text: &str| Pin::Image { reference: reference(text), architecture: Architecture::Arm64 };
    assert_eq!(
        after.changes(&example()),
        [
            PinChange { pin: image(BASE), before: Some(digest('b')), after: Some(digest('0')) },
            PinChange { pin: image("python"), before: None, after: Some(digest('1')) },
        ]
    );
}

#[test]
fn a_malformed_file_is_rejected_with_its_line_and_a_suggested_fix() {
    let good = digest('a');
    for (text, message, help) in [
        (String::new(), "is not a lock file: ", "from version control"),
        ("images: {}\n".to_owned(), "missing field `version`", "from version control"),
        ("version: 2\nplugins: {}\n".to_owned(), "has lock file version 2; this limg", "at least as new"),
        ("version: one\n".to_owned(), "invalid type: string \"one\"", "from version control"),
        ("version: 1\nimage: {}\n".to_owned(), "unknown key `image` (line 2)", "did you mean `images`?"),
        (
            format!("version: 1\nimages:\n  a/b:\n    amd64: {good}\n"),
            "images.a/b: unknown key `amd64` (line 4)",
            "arm64",
        ),
        (
            format!("version: 1\nimages:\n  a/b:\n    arm64: {good}\n    arm64: {good}\n"),
            "duplicate key `arm64`",
            "from version control",
        ),
        (
            format!("version: 1\nimages:\n  a/b: {{ arm64: {good} }}\n  a/b: {{ arm64: {good} }}\n"),
            "images: duplicate key `a/b` (line 4)",
            "from version control",
        ),
        (
            "version: 1\nimages:\n  a/b:\n    arm64: sha256:../../etc/passwd\n".to_owned(),
            "`sha256:../../etc/passwd` is not a digest of the form sha256:<64 hexadecimal digits> (line 4)",
            "from version control",
        ),
        (
            format!("version: 1\nimages:\n  ../b: {{ arm64: {good} }}\n"),
            "images: `../b` is not a valid image reference (line 3)",
            "from version control",
        ),
        (
            format!("version: 1\nlayers:\n  arn:aws:lambda:eu-west-1:580247275435:layer:x: {good}\n"),
            "names a layer without a version",
            "from version control",
        ),
        ("version: 1\nlayers: [a]\n".to_owned(), "expected a mapping (line 2)", "from version control"),
        ("version: 1\nimages: *a\n".to_owned(), "unknown anchor (line 2)", "from version control"),
        ("version: 1\n---\nversion: 1\n".to_owned(), "more than one document", "from version control"),
        (
            format!("version: 1\nlayers:\n<<<<<<< ours\n  {INSIGHTS}: {good}\n=======\n>>>>>>> theirs\n"),
            "has a merge conflict in line 3",
            "keep one side",
        ),
    ] {
        let file = Fixture::with(&text);
        let error = Lock::read(&file.path).unwrap_err();
        assert!(error.to_string().contains(message), "{text}: {error}");
        assert!(error.to_string().contains("limg.lock"), "{text}: {error}");
        assert!(help_text(&error).contains(help), "{text}: {error}");
    }
}

#[test]
fn files_that_are_not_text_are_rejected() {
    let size = usize::try_from(BYTES_AT_MOST).unwrap();
    for content in [vec![0xff, 0xfe], vec![b'#'; size + 1]] {
        let file = Fixture::with(content);
        let error = Lock::read(&file.path).unwrap_err();
        assert!(help_text(&error).contains("version control"), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Lock::read(folder.path()), Err(LockError::Text(TextError::Fs(_)))));
    assert!(Lock::update(folder.path(), |lock| *lock = example()).is_err());
}

fn references() -> impl Strategy<Value = ImageReference> {
    let plain =
        "([a-z0-9]{1,9}(\\.[a-z]{2,5}){0,2}(:[0-9]{2,5})?/){0,2}[a-z0-9]{1,8}([._-][a-z0-9]{1,3}){0,2}";
    let words = prop::sample::select(vec!["null", "true", "yes", "no", "123", "1e3", "0x1f", "12:30", "0o7"]);
    let names = prop_oneof![4 => plain.prop_map(|text| text), 1 => words.prop_map(str::to_owned)];
    let versions = prop::sample::select(vec!["", ":1", ":v1.2_3-4", ":1e3"]);
    let digests = prop_oneof![3 => Just(String::new()), 1 => Just(format!("@{}", digest('a')))];
    (names, versions, digests).prop_filter_map("no reference", |(name, version, digest)| {
        format!("{name}{version}{digest}").parse().ok()
    })
}

fn locks() -> impl Strategy<Value = Lock> {
    let digests = || "[0-9a-f]{64}".prop_map(|hex| format!("sha256:{hex}").parse::<Digest>().unwrap());
    let architectures = prop::sample::select(vec![Architecture::X86_64, Architecture::Arm64]);
    let images = prop::collection::vec((references(), architectures, digests()), 0..12);
    let layers = prop::collection::vec(("[a-zA-Z0-9_-]{1,12}", 1_u64.., digests()), 0..6);
    (images, layers).prop_map(|(images, layers)| {
        let mut lock = Lock::default();
        for (reference, architecture, digest) in images {
            lock.pin_image(&reference, architecture, digest);
        }
        for (name, version, digest) in layers {
            lock.pin_layer(
                &arn(&format!("arn:aws:lambda:eu-west-1:580247275435:layer:{name}:{version}")),
                digest,
            );
        }
        lock
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_written_lock_is_read_back(lock in locks()) {
        let text = format::render(&lock);
        prop_assert_eq!(&format::parse(&text, Path::new("limg.lock")).unwrap(), &lock);
        // Another YAML reader sees the same keys, as text.
        let value: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        for section in ["images", "layers"] {
            for (key, _) in value.get(section).and_then(serde_yaml::Value::as_mapping).into_iter().flatten() {
                prop_assert!(key.is_string(), "{:?}", key);
            }
        }
    }

    #[test]
    fn no_text_makes_limg_panic(text in "[-a:{}\\[\\],&*!<|>?#'\" \n\t0~%@]{0,60}") {
        for text in [text.clone(), format!("version: 1\nimages:\n  a: {text}"), format!("version: 1\nlayers: {text}")] {
            let _outcome = format::parse(&text, Path::new("limg.lock"));
        }
    }
}
