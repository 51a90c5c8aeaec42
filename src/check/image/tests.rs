//! What an image violates: for each rule an image that breaks it, and one that does not.

use super::*;
use crate::files::{ElfFacts, TestEntry, elf, elf_file, gzip, parsed, tar};
use crate::finding::Code;
use crate::runtime::Date;
use crate::store::{Digest, Store};

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// The folders of all images.
const FOLDERS: [&str; 12] = [
    "bin/",
    "lib64/",
    "opt/",
    "opt/extensions/",
    "opt/lib/",
    "opt/python/",
    "usr/",
    "usr/bin/",
    "var/",
    "var/task/",
    "var/lang/",
    "var/lang/bin/",
];

/// An image.
pub(crate) struct Fixture {
    pub(crate) run: RunConfig,
    form: Option<ImageForm>,
    pub(crate) entries: Vec<TestEntry>,
}

pub(crate) fn words(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// What a library of glibc 2.26 provides.
fn libc() -> ElfFacts {
    let versions = texts(&["GLIBC_2.2.5", "GLIBC_2.17", "GLIBC_2.26"]);
    ElfFacts { name: Some("libc.so.6".to_owned()), versions, ..ElfFacts::default() }
}

/// A program or library that needs a version of glibc.
fn needs(version: &str, interpreter: Option<&str>) -> ElfFacts {
    ElfFacts {
        interpreter: interpreter.map(str::to_owned),
        needed: texts(&["libc.so.6"]),
        needed_versions: [("libc.so.6".to_owned(), texts(&[version]))].into(),
        ..ElfFacts::default()
    }
}

impl Fixture {
    /// An image of a Python function on a base that keeps AWS's contract, of which nothing is wrong.
    pub(crate) fn python() -> Self {
        let run = RunConfig {
            entrypoint: words(&[AWS_ENTRYPOINT]),
            command: words(&["app.handler"]),
            working_directory: Some(TASK_ROOT.to_owned()),
            ..RunConfig::default()
        };
        let folders = FOLDERS.iter().map(|folder| parsed(folder)).collect();
        Self { run, form: None, entries: folders }
            .program("bin/sh", &needs("GLIBC_2.17", Some(LOADER)))
            .file("lib64/ld-linux-x86-64.so.2: #!", 0o755)
            .program("lib64/libc.so.6", &libc())
            .file("usr/bin/env: #!/bin/sh", 0o755)
            .file("var/lang/bin/python3.11: #!/bin/sh", 0o755)
            .file("lambda-entrypoint.sh: #!/bin/sh\n", 0o755)
            .file("var/task/app.py: def handler(): ...", 0o644)
    }

    pub(crate) fn file(mut self, text: &str, mode: u32) -> Self {
        self.entries.push(parsed(text).mode(mode));
        self
    }

    fn program(mut self, path: &str, facts: &ElfFacts) -> Self {
        self.entries.push(TestEntry { content: elf_file(facts), ..parsed(path) }.sized().mode(0o755));
        self
    }

    pub(crate) fn runs(mut self, change: impl FnOnce(&mut RunConfig)) -> Self {
        change(&mut self.run);
        self
    }

    fn has_form(mut self, change: impl FnOnce(&mut ImageForm)) -> Self {
        let mut form = ImageForm {
            digest: Digest::of(b"manifest"),
            size: 1000,
            media_type: OCI_MANIFEST.to_owned(),
            config: "application/vnd.oci.image.config.v1+json".to_owned(),
            layers: texts(&[OCI_LAYER]),
            is_in_index: false,
        };
        change(&mut form);
        self.form = Some(form);
        self
    }

    /// What a function says about the image.
    fn judged<T>(&self, judge: impl FnOnce(&ImageSubject<'_>) -> T) -> T {
        let (_folder, store) = Store::for_test();
        let tar = tar(&self.entries);
        let gzip = gzip(&tar);
        let (blob, digest, diff_id) = (store.add_blob(&gzip).unwrap(), Digest::of(&gzip), Digest::of(&tar));
        let layer = (&blob, &digest, &diff_id);
        let files = ImageFiles::read([layer], &files_of_handler(&self.run)).unwrap();
        let place = Place::document("oci:image".as_ref());
        judge(&ImageSubject {
            place: &place,
            architecture: Architecture::X86_64,
            run: &self.run,
            files: &files,
            form: self.form.as_ref(),
        })
    }

    fn findings(&self) -> Vec<Finding> {
        let found = self.judged(check);
        assert!(found.iter().all(|finding| finding.help.is_some()), "{found:?}");
        found
    }

    /// The only finding: its code, whether it is an error, and its message.
    fn finding(&self) -> (Code, bool, String) {
        let found = self.findings();
        let [finding] = &found[..] else { panic!("{found:?}") };
        (finding.code, finding.is_error(), finding.message.clone())
    }

    fn fails(&self, code: Code, part: &str) {
        let (found, is_error, message) = self.finding();
        assert!((found, is_error) == (code, true) && message.contains(part), "{found}: {message}");
    }

    fn warns(&self, code: Code, part: &str) {
        let (found, is_error, message) = self.finding();
        assert!((found, is_error) == (code, false) && message.contains(part), "{found}: {message}");
    }

    fn is_fine(&self) {
        assert_eq!(self.findings(), []);
    }
}

#[test]
fn the_handlers_module_exports_what_the_handler_names() {
    let app = |text: &str| Fixture::python().file(&format!("var/task/app.py: {text}"), 0o644);
    app("def handler_(): ...").warns(Code::HandlerNotFound, "but `app.py` exports no such function");
    app("from lib import *").is_fine();
    app("x = (").is_fine();
    app("x = 1")
        .runs(|run| run.environment.push(("PYTHONPATH".to_owned(), "/opt".to_owned())))
        .file("opt/app.py: ", 0o644)
        .is_fine();
}

#[test]
fn an_image_in_order_has_no_findings() {
    Fixture::python().is_fine();
    Fixture::python().has_form(|_| ()).is_fine();
    Fixture::python().runs(|run| run.working_directory = None).is_fine();
}

#[test]
fn lambda_accepts_one_manifest_with_known_media_types() {
    let of = |change: fn(&mut ImageForm)| Fixture::python().has_form(change);
    of(|form| form.is_in_index = true).fails(Code::ImageIndex, "an index of several images");
    of(|form| form.layers[0].push_str("+zstd"))
        .fails(Code::UnsupportedMediaType, "a layer has the media type");
    of(|form| form.config = "application/vnd.in-toto+json".to_owned())
        .fails(Code::UnsupportedMediaType, "the config");
    of(|form| form.media_type = "text/plain".to_owned()).fails(Code::UnsupportedMediaType, "the manifest");
    of(|form| form.layers = texts(&["application/vnd.docker.image.rootfs.diff.tar.gzip"]))
        .warns(Code::MixedMediaTypes, "Docker and OCI");
    of(|form| form.size = 25_401).warns(Code::LargeManifest, "25400 bytes");
    of(|form| form.size = 25_400).is_fine();
}

#[test]
fn the_entry_script_takes_the_handler_alone() {
    let with = |command| Fixture::python().runs(|run| run.command = command);
    with(words(&["app.handler", "more"])).fails(Code::WrongArguments, "gets 2");
    with(None).warns(Code::NoHandler, "CMD is empty");
    with(words(&[""])).warns(Code::NoHandler, "CMD is empty");
    with(words(&["lost.handler"])).warns(Code::HandlerNotFound, "the module `lost`");
    let entry = words(&[AWS_ENTRYPOINT, "app.handler"]);
    Fixture::python().runs(|run| (run.entrypoint, run.command) = (entry, None)).is_fine();
}

#[test]
fn the_entry_point_is_a_program_that_starts() {
    let entry =
        |path: &str| Fixture::python().runs(|run| (run.entrypoint, run.command) = (words(&[path]), None));
    entry("run").fails(Code::BadEntrypoint, "is not an absolute path");
    entry("/run").fails(Code::MissingEntrypoint, "is not in the image");
    entry("/run").file("run -> bin/sh", 0o777).fails(Code::EntryPointLink, "is a symbolic link");
    entry("/opt").fails(Code::NotAProgram, "is a directory");
    entry("/run").file("run: #!/bin/sh\n", 0o644).fails(Code::NotAProgram, "is not executable");
    entry("/run").file("run: #!/bin/sh\n", 0o744).fails(Code::ClosedPath, "executable for its owner only");
    entry("/run").file("run: #!/bin/sh\r\n", 0o755).fails(Code::NotAProgram, "carriage return");
    entry("/run").file("run: #!/bin/bash\n", 0o755).fails(Code::MissingInterpreter, "`/bin/bash`");
    entry("/run").file("run: #!/usr/bin/env -S node --x\n", 0o755).fails(Code::MissingInterpreter, "`node`");
    entry("/run").file("run: #!/usr/bin/env sh\n", 0o755).is_fine();
    entry("/run").file("run: text", 0o755).fails(Code::NotAProgram, "is not a program");
    entry("/run").program("run", &needs("GLIBC_2.17", Some(LOADER))).is_fine();
    entry("/run")
        .program("run", &needs("GLIBC_2.34", Some(LOADER)))
        .fails(Code::NewerLibrary, "`GLIBC_2.34` of `libc.so.6`; that of the image has at most `GLIBC_2.26`");
    entry("/run")
        .program("run", &needs("GLIBC_2.17", Some("/lib/ld-musl-x86_64.so.1")))
        .fails(Code::MissingInterpreter, "the loader `/lib/ld-musl-x86_64.so.1`");
    let lost = ElfFacts { needed: texts(&["liblost.so.1"]), ..needs("GLIBC_2.17", Some(LOADER)) };
    entry("/run").program("run", &lost).fails(Code::MissingLibrary, "`liblost.so.1`, which is nowhere");
    let arm = TestEntry { content: elf(183, 2, 1), ..parsed("run") }.sized().mode(0o755);
    let mut image = entry("/run");
    image.entries.push(arm);
    image.fails(Code::WrongArchitecture, "is built for arm64, but the image is for x86_64");
    Fixture::python()
        .runs(|run| (run.entrypoint, run.command) = (None, None))
        .fails(Code::NoEntrypoint, "neither");
}

#[test]
fn the_working_directory_is_open_to_all() {
    let with = |path: &str| Fixture::python().runs(|run| run.working_directory = Some(path.to_owned()));
    with("work").fails(Code::UnusableWorkdir, "is not an absolute path");
    with("/lost").fails(Code::UnusableWorkdir, "is not in the image");
    with("/bin/sh").fails(Code::UnusableWorkdir, "is not a directory");
    with("/home").file("home/", 0o700).fails(Code::UnusableWorkdir, "only its owner and group can enter");
    with("/opt/").is_fine();
}

#[test]
fn extensions_are_programs_and_few() {
    let with = |text: &str, mode| Fixture::python().file(text, mode);
    with("opt/extensions/a: #!/bin/sh\n", 0o755).is_fine();
    with("opt/extensions/a: #!/bin/sh\n", 0o644)
        .fails(Code::NotAProgram, "the extension `/opt/extensions/a`");
    with("opt/extensions/a: #!/bin/none\n", 0o755).fails(Code::MissingInterpreter, "`/bin/none`");
    with("opt/extensions/a.d/", 0o755).is_fine();
    with("opt/disable-extensions-jwigqn8j: ", 0o644).warns(Code::ExtensionsSwitchedOff, "disable-extensions");
    let many = (0..11).fold(Fixture::python(), |image, number| {
        image.file(&format!("opt/extensions/e{number}: #!/bin/sh\n"), 0o755)
    });
    many.fails(Code::TooManyExtensions, "has 11 files");
}

#[test]
fn the_wrapper_is_a_program_that_is_run() {
    let with = |path: &str| {
        let variable = ("AWS_LAMBDA_EXEC_WRAPPER".to_owned(), path.to_owned());
        Fixture::python().runs(|run| run.environment.push(variable))
    };
    with("/opt/wrap").fails(Code::MissingWrapper, "is not in the image");
    with("opt/wrap").fails(Code::BadWrapper, "is not an absolute path");
    with("/opt/wrap").file("opt/wrap: #!/bin/sh\n", 0o755).is_fine();
}

#[test]
fn files_of_the_function_are_open_to_all() {
    let with = |text: &str, mode| Fixture::python().file(text, mode);
    with("var/task/data.json: {}", 0o600).fails(Code::ClosedPath, "cannot read `/var/task/data.json`");
    with("opt/closed/", 0o750).fails(Code::ClosedPath, "cannot enter `/opt/closed`");
    with("usr/secret: x", 0o600).is_fine();
    with("var/task/tls.key: x", 0o600).is_fine();
}

#[test]
fn archives_have_folders_first_and_plain_entries() {
    Fixture::python().file("opt/deep/file: x", 0o644).fails(Code::MissingParent, "such as `/opt/deep/file`");
    Fixture::python()
        .file("opt/link => var/task/app.py", 0o644)
        .warns(Code::HardLink, "1 hard link, such as `/opt/link`");
    Fixture::python().file("usr/link => var/task/app.py", 0o644).is_fine();
    let mut image = Fixture::python();
    let mut pipe = parsed("opt/pipe: ").mode(0o644);
    pipe.header.set_entry_type(::tar::EntryType::Fifo);
    image.entries.push(pipe);
    image.fails(Code::SpecialFile, "such as `/opt/pipe`");
}

#[test]
fn modules_need_libraries_that_the_image_has() {
    let with = |facts: &ElfFacts| Fixture::python().program("var/task/fast.so", facts);
    with(&needs("GLIBC_2.17", None)).is_fine();
    with(&needs("GLIBC_2.28", None)).warns(Code::NewerLibrary, "`/var/task/fast.so` needs `GLIBC_2.28`");
    let lost = ElfFacts { needed: texts(&["libpq.so.5"]), ..ElfFacts::default() };
    with(&lost).warns(Code::MissingLibrary, "needs the library `libpq.so.5`");
    // Wherever it is, the loader may find it.
    with(&lost).file("opt/lib/libpq.so.5 -> libpq.so.5.15", 0o777).is_fine();
    let own = ElfFacts { name: Some("libpq.so.5".to_owned()), ..ElfFacts::default() };
    with(&lost).program("opt/lib/renamed.so", &own).is_fine();
    // For another C library, next to one that fits.
    let musl = ElfFacts { needed: texts(&["libc.musl-x86_64.so.1", "liblost.so"]), ..ElfFacts::default() };
    with(&musl).is_fine();
    with(&musl).file("lib64/libc.musl-x86_64.so.1: x", 0o755).warns(Code::MissingLibrary, "`liblost.so`");
    // The system is the business of the base.
    Fixture::python().program("usr/bin/tool", &needs("GLIBC_2.99", None)).is_fine();
}

#[test]
fn python_packages_fit_the_runtime_and_are_there_once() {
    let package = |image: Fixture, folder: &str, version: &str, requires: &str| {
        let info = format!("{folder}/Some_Package-{version}.dist-info");
        let metadata = format!(
            "{info}/METADATA: Name: Some_Package\nVersion: {version}\nRequires-Python: {requires}\n\nx"
        );
        image.file(&format!("{info}/"), 0o755).file(&metadata, 0o644)
    };
    package(Fixture::python(), "var/task", "1.0", ">=3.8").is_fine();
    package(Fixture::python(), "var/task", "1.0", ">=3.11.4").is_fine();
    package(Fixture::python(), "var/task", "1.0", ">=3.12").warns(Code::OtherPython, "is for Python >=3.12");
    let both = package(package(Fixture::python(), "var/task", "1.0", ">=3.8"), "opt/python", "2.0", ">=3.8");
    both.warns(Code::DuplicatePackage, "as 2.0 in `/opt/python` and as 1.0 in `/var/task`: Python uses 1.0");
    let same = package(package(Fixture::python(), "var/task", "1.0", ">=3.8"), "opt/python", "1.0", ">=3.8");
    same.is_fine();
}

#[test]
fn variables_do_not_hide_what_lambda_sets() {
    let with = |name: &str, value: &str| {
        let variable = (name.to_owned(), value.to_owned());
        Fixture::python().runs(|run| run.environment.push(variable))
    };
    with("_HANDLER", "app.handler").warns(Code::ReservedVariable, "`_HANDLER`");
    with("LAMBDA_TASK_ROOT", "/var/task").is_fine();
    let layer = |image: Fixture| image.file("opt/python/requests.py: x", 0o644);
    layer(with("PYTHONPATH", "/app")).warns(Code::HiddenPackages, "does not contain `/opt/python`");
    layer(with("PYTHONPATH", "/app:/opt/python")).is_fine();
    with("PYTHONPATH", "/app").is_fine();
    with("DB_PASSWORD", "hunter2").warns(Code::PossibleSecret, "`DB_PASSWORD` looks like a secret");
    let (_, _, message) = with("API", "ghp_0123456789abcdefghijklmnopqrstuvwxyz").finding();
    assert!(!message.contains("ghp_"), "{message}");
    with("LARGE", &"x".repeat(17_000)).warns(Code::LargeSettings, "Lambda allows 16384");
}

#[test]
fn secrets_are_found_by_name_and_content() {
    let with = |text: &str| Fixture::python().file(text, 0o644);
    with("var/task/server.pem: -----BEGIN PRIVATE KEY-----")
        .warns(Code::SecretFile, "`/var/task/server.pem`");
    with("var/task/.env: A=1").warns(Code::SecretFile, "`/var/task/.env` looks like a secret");
    with("var/task/ca.pem: -----BEGIN CERTIFICATE-----").is_fine();
    with("var/task/.env: ").is_fine();
    with("usr/key.pem: -----BEGIN PRIVATE KEY-----").is_fine();
}

#[test]
fn copies_of_the_system_are_reported_if_they_are_large() {
    let large = "x".repeat(1024 * 1024);
    let with = |path: &str, content: &str| {
        Fixture::python()
            .file(&format!("usr/words.txt: {large}"), 0o644)
            .file(&format!("{path}: {content}"), 0o644)
    };
    with("var/task/words.txt", &large).warns(
        Code::CopyOfBase,
        "1 file with 1.0 MB are copies of files that the base has too: `/var/task/words.txt`",
    );
    with("var/task/other.txt", &large).is_fine();
    with("var/task/words.txt", &large[1..]).is_fine();
}

#[test]
fn bases_of_aws_have_an_end_of_support() {
    let deprecated = |image: &Fixture| {
        image.judged(|subject| {
            deprecated_runtime(subject, Date::new(2028, 1, 1)).map(|finding| finding.message)
        })
    };
    let of_aws = Fixture::python().file("etc/system-release: Amazon Linux 2", 0o644);
    assert!(deprecated(&of_aws).unwrap().starts_with("AWS deprecated `python3.11` on 2027-06-30"));
    assert_eq!(deprecated(&Fixture::python()), None);
}
