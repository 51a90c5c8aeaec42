//! Any tree of files that a layer can contain is the same after any tool unpacks the image.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{
    Entry, Files, Image, Node, Workspace, assert_same, differences, listing, repository, succeed, tool,
};

/// Few, since each case starts several processes.
const CASES: u32 = 24;

/// Something to create, unless that is impossible.
#[derive(Debug, Clone)]
struct Item {
    /// Selects one of the existing folders.
    folder: Index,
    name: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Folder {
        private: bool,
    },
    File {
        content: Vec<u8>,
        mode: u32,
    },
    /// To something that exists, or to nothing.
    Link(Option<Index>),
}

fn name() -> impl Strategy<Value = String> {
    let plain = "[a-zA-Z0-9._ +@=,~'\"$&%#()\\[\\]{}*?!;<>|^`-]{1,14}";
    let unicode = "[äéñßçøžЖ漢字🦀\u{301}\u{200d}\u{a0}]{1,8}";
    let control = "[a-z\n\t\r\\\\\u{7f}\u{1b}]{1,6}";
    let long = "[a-z]{90,255}";
    let first = "-[a-z-]{1,6}";
    prop_oneof![6 => plain, 3 => unicode, 1 => control, 3 => long, 2 => first]
        // Not a name, a whiteout, or a file that limg itself reads.
        .prop_filter("a name that a file can have", |name| {
            !matches!(name.as_str(), "." | ".." | ".limgignore") && !name.starts_with(".wh.")
        })
}

fn item() -> impl Strategy<Value = Item> {
    let content = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        prop::collection::vec(any::<u8>(), 510..515),
        prop::collection::vec(any::<u8>(), 0..40_000),
    ];
    let mode = prop::sample::select(vec![0o400, 0o600, 0o644, 0o664, 0o755, 0o700, 0o711, 0o654, 0o4755]);
    let kind = prop_oneof![
        2 => any::<bool>().prop_map(|private| Kind::Folder { private }),
        4 => (content, mode).prop_map(|(content, mode)| Kind::File { content, mode }),
        2 => prop::option::weighted(0.8, any::<Index>()).prop_map(Kind::Link),
    ];
    (any::<Index>(), name(), kind).prop_map(|(folder, name, kind)| Item { folder, name, kind })
}

/// Creates the items below `root`. Returns the expected files of the image, with paths relative to `root`.
fn create(items: &[Item], root: &Path) -> Files {
    fs::create_dir_all(root).unwrap();
    let mut files = Files::new();
    let mut folders = vec![String::new()];
    for item in items {
        let folder = item.folder.get(&folders).clone();
        let path = if folder.is_empty() { item.name.clone() } else { format!("{folder}/{}", item.name) };
        let place = root.join(&path);
        // Linux limits paths to 4096 bytes.
        if files.contains_key(&path) || path.len() > 1500 {
            continue;
        }
        let entry = match &item.kind {
            Kind::Folder { private } => {
                fs::create_dir(&place).unwrap();
                let mode = if *private { 0o700 } else { 0o775 };
                fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
                folders.push(path.clone());
                Entry::folder(0o755)
            }
            Kind::File { content, mode } => {
                fs::write(&place, content).unwrap();
                fs::set_permissions(&place, fs::Permissions::from_mode(*mode)).unwrap();
                Entry::file(if mode & 0o111 == 0 { 0o644 } else { 0o755 }, content)
            }
            Kind::Link(to) => {
                let existing: Vec<&String> = files.keys().collect();
                let up = "../".repeat(path.matches('/').count());
                let target = match to {
                    Some(to) if !existing.is_empty() => format!("{up}{}", to.get(&existing)),
                    _ => "nowhere".to_owned(),
                };
                symlink(&target, &place).unwrap();
                Entry::link(&target)
            }
        };
        files.insert(path, entry);
    }
    files
}

#[test]
#[ignore = "needs umoci; `make test` runs it"]
fn a_tree_is_unchanged_after_unpacking() {
    drop((tool("umoci"), tool("tar"), tool("gzip")));
    let workspace = Workspace::new();
    workspace.write_program("code/bootstrap", "#!/nothing\n");
    let number = Cell::new(0);
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..Config::default()
    });
    let check = |items: Vec<Item>| {
        number.set(number.get() + 1);
        round_trip(&items, &workspace, &format!("case-{}", number.get()))
    };
    let result = runner.run(&prop::collection::vec(item(), 1..40), check);
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Compares without a panic, so that proptest can look for a smaller failing tree.
fn round_trip(items: &[Item], workspace: &Workspace, case: &str) -> Result<(), TestCaseError> {
    let compare = |tool: &str, unpacked: Files, expected: &Files| match differences(
        tool,
        &below_opt(unpacked),
        "the sources",
        expected,
    ) {
        Some(differences) => Err(TestCaseError::fail(differences)),
        None => Ok(()),
    };
    let expected = create(items, &workspace.path(case).join("layer"));
    workspace.write(
        "limg.yaml",
        format!(
            "project: trees\n\
             bases: {{ nothing: {{ image: scratch, contract: provided.al2023 }} }}\n\
             layers: {{ tree: {{ path: {case}/layer }} }}\n\
             functions: {{ f: {{ runtime: nothing, code: code, layers: [tree] }} }}\n"
        ),
    );
    let built = workspace.build(&["-o", "oci:images"]);
    let mut image = Image::of_layout(&workspace.path("images"), Some("f"));
    let layers = built["f"]["layers"].as_array().unwrap();
    if let Some(place) = layers.iter().position(|layer| layer["name"] == "layer tree") {
        let unpacked = workspace.path(case).join("tar");
        fs::create_dir(&unpacked).unwrap();
        let layer = image.layers.swap_remove(place);
        succeed(
            tool("tar")
                .args(["--extract", "--gzip", "--preserve-permissions", "--file"])
                .arg(layer)
                .arg("-C")
                .arg(&unpacked),
        );
        compare("GNU tar", listing(&unpacked), &expected)?;
    }
    let (source, bundle) = (workspace.path("images:f"), workspace.path(case).join("umoci"));
    succeed(tool("umoci").args(["unpack", "--rootless", "--image"]).arg(source).arg(&bundle));
    let mut unpacked = listing(&bundle.join("rootfs"));
    unpacked.retain(|path, _| !path.starts_with("var"));
    compare("umoci", unpacked, &expected)
}

/// The files below `opt`. There must not be any others.
fn below_opt(files: Files) -> Files {
    let below = |(path, entry): (String, Entry)| {
        if path == "opt" {
            assert_eq!((entry.mode, entry.node), (0o755, Node::Folder));
            return None;
        }
        let path = path.strip_prefix("opt/").unwrap_or_else(|| panic!("{path:?} is not below opt"));
        Some((path.to_owned(), entry))
    };
    files.into_iter().filter_map(below).collect()
}

/// limg reuses the deflate streams of an archive in the layer. The tools that read it have different inflaters: umoci
/// that of Go, GNU tar that of gzip.
#[test]
#[ignore = "needs umoci, Python and zip; `make test` runs it"]
fn files_of_an_archive_are_unchanged_after_unpacking() {
    let workspace = Workspace::new();
    workspace.write_program("code/bootstrap", "#!/nothing\n");
    let files = workspace.path("files");
    succeed(tool("cp").args(["--recursive", "--no-preserve=mode"]).arg(repository().join("src")).arg(&files));
    let program = fs::read(env!("CARGO_BIN_EXE_limg")).unwrap();
    workspace.write_program("files/limg", &program[..program.len().min(12 << 20)]);
    workspace.write("files/zeros", vec![0; 5 << 20]);
    let expected = listing(&files);
    for level in ["-1", "-6", "-9"] {
        let archive = format!("../zip{level}.zip");
        succeed(tool("zip").args(["-q", "-r", level, &archive, "."]).current_dir(&files));
    }
    succeed(tool("python3").args(["-m", "zipfile", "-c", "../python.zip", "."]).current_dir(&files));
    for archive in ["zip-1", "zip-6", "zip-9", "python"] {
        workspace.write(
            "limg.yaml",
            format!(
                "project: archives\n\
                 bases: {{ nothing: {{ image: scratch, contract: provided.al2023 }} }}\n\
                 layers: {{ files: {{ path: {archive}.zip }} }}\n\
                 functions: {{ f: {{ runtime: nothing, code: code, layers: [files] }} }}\n"
            ),
        );
        workspace.build(&["-o", "oci:images"]);
        let layer = Image::of_layout(&workspace.path("images"), Some("f")).layers.swap_remove(0);
        let unpacked = workspace.path(archive).join("tar");
        fs::create_dir_all(&unpacked).unwrap();
        succeed(tool("tar").args(["-xzpf"]).arg(layer).arg("-C").arg(&unpacked));
        assert_same(archive, &below_opt(listing(&unpacked)), "the files", &expected);
        let bundle = workspace.path(archive).join("umoci");
        succeed(
            tool("umoci")
                .args(["unpack", "--rootless", "--image"])
                .arg(workspace.path("images:f"))
                .arg(&bundle),
        );
        let mut unpacked = listing(&bundle.join("rootfs"));
        unpacked.retain(|path, _| !path.starts_with("var"));
        assert_same(archive, &below_opt(unpacked), "the files", &expected);
    }
}
