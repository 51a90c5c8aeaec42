//! Compiling with the `python3` of this machine: what is compiled, when, and that the same source gives the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::event::Events;
use crate::failure::Failure as _;
use crate::project::Architecture;
use crate::tree::{BytecodeHeader, FileNode, Node};

/// The folders of this machine's search path.
fn programs() -> Programs {
    let path = std::env::var_os("PATH").unwrap();
    Programs::new(&std::env::split_paths(&path).collect::<Vec<_>>())
}

/// The version of `python3`, which the tests compile for.
fn version() -> PythonVersion {
    let code = "import sys; print('python%d.%d' % sys.version_info[:2])";
    let output = Command::new("python3").args(["-c", code]).output().unwrap();
    let id = String::from_utf8(output.stdout).unwrap();
    PythonVersion::of(id.trim()).unwrap_or_else(|| panic!("python3 is {id}, which Lambda does not have"))
}

/// Files with these contents.
fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new();
    for (path, content) in files {
        tree.insert(path.parse().unwrap(), Node::File(FileNode::of_bytes(content.as_bytes(), false)));
    }
    tree
}

struct Fixture {
    _folder: tempfile::TempDir,
    store: Store,
    events: Arc<Events>,
}

impl Fixture {
    fn new() -> Self {
        let (folder, store) = Store::for_test();
        Self { _folder: folder, store, events: Arc::default() }
    }

    fn compile_with(
        &self,
        tree: &Tree,
        programs: &Programs,
        verify: bool,
    ) -> Result<Bytecode, BytecodeError> {
        let reporter: Arc<dyn Reporter> = Arc::clone(&self.events) as _;
        let compiler = Compiler { programs, store: &self.store, reporter: &reporter, verify };
        compiler.compile(&Request {
            name: "code of f",
            tree,
            version: version(),
            mtime: 315_532_800,
            is_wanted: &|_| true,
            base: BasePython::Allowed,
            unpacked: None,
        })
    }

    fn compile(&self, tree: &Tree) -> Bytecode {
        self.compile_with(tree, &programs(), false).unwrap()
    }

    /// How often an interpreter was needed.
    fn runs(&self) -> usize {
        let events = self.events.0.lock().unwrap();
        events.iter().filter(|event| matches!(event, crate::event::Event::Program { .. })).count()
    }
}

/// The contents of files, by their paths.
fn contents(tree: &Tree) -> BTreeMap<String, Vec<u8>> {
    let content = |(path, node): (&ImagePath, &Node)| {
        let Node::File(file) = node else { panic!("{path} is not a file") };
        let mut bytes = Vec::new();
        file.content.open().unwrap().read_to_end(&mut bytes).unwrap();
        (path.to_string(), bytes)
    };
    tree.iter().map(content).collect()
}

fn compiled_path(folder: &str, module: &str) -> String {
    format!("{folder}/__pycache__/{module}.{}.pyc", version().tag())
}

const SOURCE: &str = "NAMES = {'a', 'bc', 'de', 'f'}\n\ndef is_name(name):\n    assert name\n    return name in {'a', 'bc', 'de', 'f', 'self'}\n";

#[test]
fn a_source_gets_unchecked_bytecode_with_its_path_in_the_image() {
    let fixture = Fixture::new();
    let compiled = contents(&fixture.compile(&tree(&[("/var/task/shop/a.py", SOURCE)])).tree);
    let (path, bytes) = compiled.into_iter().next().unwrap();
    assert_eq!(path, compiled_path("/var/task/shop", "a"));
    assert_eq!(bytes[..8], [&version().magic()[..], &[1, 0, 0, 0]].concat());
    assert_eq!(BytecodeHeader::of(&bytes), None, "it has a hash");
    // Python itself agrees about the hash, and finds the same code.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.pyc"), &bytes).unwrap();
    let check = "import marshal, sys\nfrom importlib.util import source_hash\n\
        data, source = open('a.pyc', 'rb').read(), sys.argv[1].encode()\n\
        code = marshal.loads(data[16:])\n\
        assert data[8:16] == source_hash(source)\n\
        assert code == compile(source, '/var/task/shop/a.py', 'exec', dont_inherit=True, optimize=0)\n\
        print(code.co_filename)";
    let python =
        Command::new("python3").args(["-c", check, SOURCE]).current_dir(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&python.stdout), "/var/task/shop/a.py\n", "{python:?}");
}

/// Compares bytecode with what Python itself makes of the same sources: every attribute of all code in it.
const COMPARE: &str = "
import marshal, pathlib, sys, types, warnings
warnings.simplefilter('ignore')

def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, types.CodeType):
        names = [name for name in dir(a) if name.startswith('co_') and name != 'co_lnotab']
        return all(callable(getattr(a, name)) or same(getattr(a, name), getattr(b, name)) for name in names)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b) if isinstance(a, float) else a == b

for file in sorted(pathlib.Path('.').glob('*.pyc')):
    source = pathlib.Path(sys.argv[1], file.stem + '.py').read_bytes()
    expected = compile(source, '/var/task/' + file.stem + '.py', 'exec', dont_inherit=True, optimize=0)
    assert same(marshal.loads(file.read_bytes()[16:]), expected), file
    print(file.stem)
";

#[test]
fn the_code_of_real_modules_is_that_of_python_itself() {
    let which = "import os; print(os.path.dirname(os.__file__))";
    let output = Command::new("python3").args(["-c", which]).output().unwrap();
    let library = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    let mut tree = Tree::new();
    for name in ["ast", "argparse", "dataclasses", "enum", "ftplib", "inspect", "opcode", "pydoc", "typing"] {
        let path = format!("/var/task/{name}.py").parse().unwrap();
        tree.add_file(&library.join(format!("{name}.py")), path).unwrap();
    }
    let compiled = contents(&Fixture::new().compile(&tree).tree);
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in &compiled {
        let module = path.rsplit('/').next().unwrap().split('.').next().unwrap();
        fs::write(folder.path().join(format!("{module}.pyc")), bytes).unwrap();
    }
    let mut compare = Command::new("python3");
    let compared = compare.args(["-c", COMPARE]).arg(library).current_dir(folder.path()).output().unwrap();
    assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stderr));
    assert_eq!(String::from_utf8_lossy(&compared.stdout).lines().count(), 9);
}

#[test]
fn a_source_has_the_same_bytecode_alone_among_others_and_in_any_order() {
    let names = ["/var/task/a.py", "/var/task/b/a.py", "/var/task/c/a.py", "/var/task/d.py"];
    let same = SOURCE.repeat(3);
    let all: Vec<_> = names.iter().map(|name| (*name, same.as_str())).collect();
    let others =
        (0..40).map(|n| (format!("/var/task/e/m{n}.py"), format!("self = 'bc'\nde = f = {n}\n{SOURCE}")));
    let others: Vec<_> = others.collect();
    let mut many = all.clone();
    many.extend(others.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let together = contents(&Fixture::new().compile(&tree(&many)).tree);
    assert_eq!(together.len(), many.len());
    for file in all {
        for (path, bytes) in contents(&Fixture::new().compile(&tree(&[file])).tree) {
            assert!(together[&path] == bytes, "{path}");
        }
    }
}

#[test]
fn a_missing_interpreter_is_an_error_that_says_what_the_base_could_do() {
    let refused = |base| {
        let error = BytecodeError::NoInterpreter { version: version(), base };
        let help = error.help().unwrap().render(|_| Some("use `keep`".to_owned())).unwrap();
        format!("{error}; {help}").replace(&version().to_string(), "3.x")
    };
    let nowhere = "there is no Python 3.x on the search path";
    let install = "install one with `uv python install 3.x`";
    assert_eq!(
        refused(BasePython::NotAllowed),
        format!(
            "{nowhere}, and uv knows none; {install}, use `--allow-base-programs` to run that of the base image, or use `keep`"
        )
    );
    // Where the base does not help, the option is not named.
    for (base, why) in [
        (BasePython::Foreign(Architecture::Arm64), "that of the base image runs only on Linux on arm64"),
        (BasePython::Missing("b".to_owned()), "the base image `b` has none in /var/lang, /usr/local or /usr"),
        (BasePython::Unusable("b".to_owned()), "that of the base image `b` does not run on this machine"),
    ] {
        assert_eq!(refused(base), format!("{nowhere}, uv knows none, and {why}; {install}, or use `keep`"));
    }
}

#[test]
fn what_is_not_an_interpreter_of_the_version_is_not_accepted_from_a_base() {
    let fixture = Fixture::new();
    let unpacked = |loader: &str| {
        let folder = fixture.store.temporary_folder().unwrap();
        let path = folder.path().join("loader");
        fs::write(&path, loader).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let (loader, program, name) = ("loader".to_owned(), "python".to_owned(), "a base".to_owned());
        Interpreter::of_base(Unpacked { folder, loader, libraries: "libraries", program, name }, version())
    };
    assert!(unpacked("not a program").is_none());
    assert!(unpacked("#!/bin/sh\necho cpython-27 00000000 - /python\n").is_none());
    let magic = crate::text::hex(&version().magic());
    // It is given its own libraries and nothing of the environment, in its own folder.
    let checks = "test \"$1 $2 $3 $4\" = \"--inhibit-cache --library-path libraries $PWD/python\" || exit 1\n\
        test -z \"$HOME$CARGO_MANIFEST_DIR\" || exit 1\n";
    let found = unpacked(&format!("#!/bin/sh\n{checks}echo {} {magic} - /python\n", version().tag()));
    assert_eq!(found.unwrap().to_string(), "a base");
}

#[test]
fn what_the_store_has_needs_no_interpreter() {
    let (fixture, none) = (Fixture::new(), Programs::default());
    let one = ("/var/task/shop/a.py", "A = 1\n");
    let error = fixture.compile_with(&tree(&[one]), &none, false).unwrap_err();
    let help = error.help().unwrap().render(|_| Some("use `keep`".to_owned())).unwrap();
    assert_eq!(help, format!("install one with `uv python install {}`, or use `keep`", version()));
    let first = contents(&fixture.compile(&tree(&[one])).tree);
    // An unchanged tree, one that is read again, and one with a further source that another project had.
    for verify in [false, true] {
        assert_eq!(contents(&fixture.compile_with(&tree(&[one]), &none, verify).unwrap().tree), first);
    }
    let other = ("/var/task/shop/b.py", "B = 1\n");
    fixture.compile(&tree(&[other]));
    let both = fixture.compile_with(&tree(&[one, other]), &none, false).unwrap();
    assert_eq!(both.tree.files(), 2);
    assert_eq!(fixture.runs(), 2);
    let changed = ("/var/task/shop/a.py", "A = 2\n");
    assert!(fixture.compile_with(&tree(&[changed, other]), &none, false).is_err());
    // What was pruned is compiled again, to the same bytes.
    for blob in fs::read_dir(fixture.store.root().join("blobs/sha256")).unwrap() {
        fs::remove_file(blob.unwrap().path()).unwrap();
    }
    assert!(fixture.compile_with(&tree(&[one]), &none, false).is_err());
    assert_eq!(contents(&fixture.compile(&tree(&[one])).tree), first);
}

#[test]
fn only_sources_that_python_would_compile_are_compiled() {
    let pyc = compiled_path("/var/task", "kept");
    let other = if version().minor == 12 { 11 } else { 12 };
    let of_other = format!("/opt/python/lib/python3.{other}/site-packages/a.py");
    let own = format!("/opt/python/lib/python{}/site-packages/a.py", version());
    let mut tree = tree(&[
        (&of_other, ""),
        (&own, ""),
        ("/var/task/a.b.py", ""),
        ("/var/task/.py", ""),
        ("/var/task/data.txt", ""),
        ("/var/task/file/a.py", ""),
        ("/var/task/file/__pycache__", "is a file"),
        ("/var/task/kept.py", "1"),
        ("/var/task/stale.py", "1"),
    ]);
    let mtime = 315_532_800_u32;
    let header = |size: u32| {
        [&version().magic()[..], &[0; 4], &mtime.to_le_bytes(), &size.to_le_bytes(), b"N"].concat()
    };
    for (path, size) in [(&pyc, 1), (&compiled_path("/var/task", "stale"), 2)] {
        tree.insert(path.parse().unwrap(), Node::File(FileNode::of_bytes(&header(size), false)));
    }
    tree.insert("/var/task/link.py".parse().unwrap(), Node::Symlink("a.py".to_owned()));
    let compiled = contents(&Fixture::new().compile(&tree).tree);
    let own = compiled_path(own.rsplit_once('/').unwrap().0, "a");
    let expected = [own, compiled_path("/var/task", "stale")];
    assert_eq!(compiled.keys().cloned().collect::<Vec<_>>(), expected);
}

#[test]
fn a_source_that_does_not_compile_is_named_and_others_are_compiled() {
    let deep = format!("x = {}1{}\n", "(".repeat(5000), ")".repeat(5000));
    let long = format!("x = {}1\n", "-".repeat(200_000));
    let names = format!("x = a{}\n", ".b".repeat(100_000));
    let tree = tree(&[
        ("/var/task/deep.py", &deep),
        ("/var/task/good.py", SOURCE),
        ("/var/task/huge.py", "X = 'ab' * 1000000000 + 'x' * 10 ** 9\nY = 1 << 10 ** 10\n"),
        ("/var/task/long.py", &long),
        ("/var/task/names.py", &names),
        ("/var/task/null.py", "a = 1\0\n"),
        ("/var/task/old.py", "print 'x'\n"),
        ("/var/task/runs.py", "import os\nos.abort()\n"),
        ("/var/task/words.py", "# coding: nothing\n"),
    ]);
    let fixture = Fixture::new();
    let Bytecode { tree: compiled, failed } = fixture.compile(&tree);
    let failed: BTreeMap<_, _> =
        failed.into_iter().map(|(path, why)| (path.name().to_owned(), why)).collect();
    for name in ["deep.py", "null.py", "old.py", "words.py"] {
        assert!(failed.contains_key(name), "{name}: {failed:?}");
    }
    assert!(
        failed["old.py"].starts_with("SyntaxError: ") && failed["old.py"].ends_with(" (line 1)"),
        "{failed:?}"
    );
    let compiled = contents(&compiled);
    for name in ["good", "huge", "runs"] {
        assert!(compiled.contains_key(&compiled_path("/var/task", name)), "{name}: {failed:?}");
    }
    // It is not tried again.
    let again = fixture.compile_with(&tree, &Programs::default(), false).unwrap();
    assert_eq!(again.failed.len(), failed.len());
}

/// A folder with a `python3` that ends when it compiles a certain source.
fn fragile(python: &str) -> (tempfile::TempDir, Programs) {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "#!{python}\nimport os, sys\nsource = sys.argv[-1]\n\
         source = source.replace('code = compile', \"b'CRASH' in source and __import__('os').abort()\\n        code = compile\")\n\
         sys.executable = '{}'\nsys.argv = sys.argv[:1]\nexec(source)\n",
        folder.path().join("python3").display(),
    );
    let path = folder.path().join("python3");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let programs = Programs::new(&[folder.path().to_owned()]);
    (folder, programs)
}

#[test]
fn an_interpreter_that_crashes_fails_one_source_only() {
    let which = "import sys; print(sys.executable)";
    let python = Command::new("python3").args(["-c", which]).output().unwrap();
    let (_folder, programs) = fragile(String::from_utf8(python.stdout).unwrap().trim());
    let many: Vec<_> = (0..20).map(|n| (format!("/var/task/m{n}.py"), format!("x = {n}\n"))).collect();
    let mut files: Vec<_> = many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.extend([("/var/task/bad.py", "# CRASH\n"), ("/var/task/worse.py", "# CRASH again\n")]);
    let fixture = Fixture::new();
    let Bytecode { tree, failed } = fixture.compile_with(&tree(&files), &programs, false).unwrap();
    assert_eq!(tree.files(), 20);
    let names: Vec<_> = failed.iter().map(|(path, _)| path.name()).collect();
    assert_eq!(names, ["bad.py", "worse.py"]);
    assert!(failed[0].1.contains("crashes"), "{failed:?}");
}

#[test]
fn an_interpreter_of_another_version_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, answer: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\necho '{answer}'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let magic = crate::text::hex(&version().magic());
    write("python3", "cpython-27 03f30d0a - /usr/bin/python");
    write("python", &format!("{} {magic} t /usr/bin/free-threaded", version().tag()));
    write(&format!("python{}", version()), "command not found");
    let programs = Programs::new(&[folder.path().to_owned()]);
    assert!(interpreter::find(&programs, version()).is_none());
    // uv knows one that is not on the search path.
    let managed = folder.path().join("managed");
    fs::create_dir(&managed).unwrap();
    write("managed/python", &format!("{} {magic} - {}", version().tag(), managed.join("python").display()));
    write("uv", managed.join("python").to_str().unwrap());
    let found = interpreter::find(&programs, version()).map(|found| found.to_string());
    assert_eq!(found, Some(managed.join("python").display().to_string()));
}

#[test]
fn sources_are_never_run() {
    let folder = tempfile::tempdir().unwrap();
    let marker: PathBuf = folder.path().join("ran");
    let source = format!("open('{}', 'w')\n", marker.display());
    fs::write(folder.path().join("marshal.py"), &source).unwrap();
    let names = ["marshal", "importlib/util", "sitecustomize", "encodings/utf_8", "usercustomize"];
    let files: Vec<_> = names.iter().map(|name| format!("/var/task/{name}.py")).collect();
    let files: Vec<_> = files.iter().map(|path| (path.as_str(), source.as_str())).collect();
    let compiled = Fixture::new().compile(&tree(&files));
    assert_eq!(compiled.tree.files(), 5);
    assert!(!Path::new(&marker).exists());
}
