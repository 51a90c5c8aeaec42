//! The parsers of what limg does not trust, for the fuzz targets in `tests/fuzz`. Compiled only by `cargo fuzz` and in tests.
//!
//! Each function takes any bytes and must return: it may neither panic, nor run for long, nor need more memory than a small
//! multiple of its input. Results are compared with another reader where there is one. The tests pass the seeds of the
//! targets to each function, intact and damaged: building the targets takes minutes.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a panic is how a fuzz target and a test fail"
)]

use std::cell::OnceCell;
use std::io;
use std::path::PathBuf;

use crate::files::{FileIndex, Machine, Overlay, Program};
use crate::image::BaseImage;
use crate::layer::Recipe;
use crate::lock::Lock;
use crate::project::{Architecture, ImagePath, ImageReference, LayerVersionArn, Source, SourceKind};
use crate::shared::Shared;
use crate::store::Store;
use crate::tree::{Node, Tree};
use crate::{definition, engine, image, layer, layout, registry, strict_yaml};

/// A folder and a store that all inputs of a process share.
struct Scratch {
    folder: tempfile::TempDir,
    store: Store,
}

impl Scratch {
    fn with<T>(work: impl FnOnce(&Self) -> T) -> T {
        thread_local! { static SCRATCH: OnceCell<Scratch> = const { OnceCell::new() } }
        SCRATCH.with(|scratch| {
            work(scratch.get_or_init(|| {
                let folder = tempfile::tempdir().expect("a temporary folder can be created");
                let store = Store::open(&folder.path().join("store")).expect("a store can be created");
                Self { folder, store }
            }))
        })
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("a temporary file can be written");
        path
    }
}

/// A definition.
pub fn definition(bytes: &[u8]) {
    Scratch::with(|scratch| {
        let file = scratch.file("limg.yaml", bytes);
        if let Err(error) =
            definition::load(&file, &definition::Options::new(crate::runtime::Date::new(2026, 1, 1)))
        {
            let _parsed = error.to_string();
        }
    });
}

/// YAML without the features that limg's own files do not use, and the lock file.
pub fn settings(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _parsed = strict_yaml::parse::<serde_json::Value>(text);
    }
    Scratch::with(|scratch| {
        let _parsed = Lock::read(&scratch.file("limg.lock", bytes));
    });
}

/// A zip archive, up to a layer of its files.
pub fn zip(bytes: &[u8]) {
    Scratch::with(|scratch| {
        let path = scratch.file("layer.zip", bytes);
        let source = Source::new(path, SourceKind::Zip);
        let root: ImagePath = "/opt".parse().expect("the path is valid");
        let Ok(tree) = Tree::load(&source, &root) else { return };
        assert!(tree.iter().all(|(path, _)| path.is_below("/opt")), "a path leads out of the root");
        if tree.size() > 1 << 24 {
            return; // a bomb only costs time here
        }
        let recipe = Recipe::new("zip", Shared::new(tree), Shared::new(FileIndex::default()), 0);
        if layer::build(&recipe, &scratch.store, None, &|_| ()).is_ok() {
            for (_, node) in recipe.tree.iter() {
                let Node::File(file) = node else { continue };
                let mut open = file.content.open().expect("a file of a layer can be opened");
                let size = io::copy(&mut open, &mut io::sink()).expect("a file of a layer can be read");
                assert_eq!(size, file.size, "a file has another size than stated");
            }
        }
    });
}

/// The tar archive of a layer, over another one.
pub fn layer(bytes: &[u8]) {
    let mut overlay = Overlay::default();
    if overlay.add_layer(bytes, |_, _, _| Ok(())).is_ok()
        && overlay.add_layer(bytes, |_, _, _| Ok(())).is_ok()
    {
        let _parsed = overlay.into_index();
    }
}

/// An archive with an image, of either kind.
pub fn archive(bytes: &[u8]) {
    Scratch::with(|scratch| {
        let file = scratch.file("image.tar", bytes);
        let _parsed = layout::read_oci_archive(&file, None, Architecture::X86_64, &scratch.store);
        let _parsed = layout::read_docker_archive(&file, None, Architecture::X86_64, &scratch.store);
    });
}

/// A manifest or a config of an image, and an index, as registries send them.
pub fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = image::parse_manifest(bytes) {
        let _parsed = image::manifest_layers(&manifest, bytes);
    }
    let _parsed = image::diff_ids(bytes);
    let _parsed =
        BaseImage::without_manifest(bytes, Vec::new(), Architecture::Arm64).map(|base| base.run_config());
    registry::fuzzing::answer(bytes);
}

/// Names: references of images, layer versions, paths in images.
pub fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(reference) = text.parse::<ImageReference>() {
        let shown = reference.to_string();
        assert_eq!(shown.parse::<ImageReference>().ok(), Some(reference), "{shown} is another reference");
    }
    if let Ok(arn) = text.parse::<LayerVersionArn>() {
        assert_eq!(arn.to_string(), text, "a layer version is shown as it was written");
    }
    if let Ok(path) = text.parse::<ImagePath>() {
        assert!(
            path.as_str().starts_with('/') && !path.as_str().split('/').any(|part| part == ".."),
            "{path}"
        );
    }
}

/// The first bytes of a program.
pub fn program(bytes: &[u8]) {
    let _parsed = Program::of(bytes);
    let _parsed = Machine::of(bytes);
}

/// A deflate stream that limg copies from a zip archive.
pub fn deflate(bytes: &[u8]) {
    layer::fuzzing::joinable(bytes);
}

/// Docker's configuration.
pub fn docker_config(bytes: &[u8]) {
    Scratch::with(|scratch| registry::fuzzing::docker_config(&scratch.file("config.json", bytes)));
}

/// What the emulator answers and logs.
pub fn emulator(bytes: &[u8]) {
    engine::fuzzing::answer(bytes);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    /// What is in a file below `tests/fuzz`.
    fn read(path: &str) -> String {
        fs::read_to_string(Path::new("tests/fuzz").join(path)).unwrap()
    }

    fn names_in(folder: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(Path::new("tests/fuzz").join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Passes a target its seeds, and each of them with bytes replaced and cut off.
    fn survives(name: &str, target: fn(&[u8])) {
        let folder = Path::new("tests/fuzz/seeds").join(name);
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let seeds: Vec<_> = files.map(|file| fs::read(file).unwrap()).collect();
        for seed in &seeds {
            target(seed);
        }
        let replaced = vec((any::<Index>(), any::<u8>()), 0..6);
        let damage = (select(seeds), replaced, proptest::option::of(any::<Index>()));
        proptest!(ProptestConfig::with_cases(500), |((mut bytes, replaced, end) in damage)| {
            for (at, byte) in replaced {
                *at.get_mut(&mut bytes) = byte;
            }
            if let Some(end) = end {
                bytes.truncate(end.index(bytes.len()));
            }
            target(&bytes);
        });
    }

    macro_rules! targets {
        ($($name:ident),*) => {
            const NAMES: &[&str] = &[$(stringify!($name)),*];
            $(#[test] fn $name() { survives(stringify!($name), super::$name); })*
        };
    }
    targets!(
        archive,
        definition,
        deflate,
        docker_config,
        emulator,
        layer,
        manifest,
        names,
        program,
        settings,
        zip
    );

    #[test]
    fn each_function_has_a_fuzz_target_and_seeds() {
        let names: BTreeSet<_> = NAMES.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(names_in("seeds"), names);
        assert_eq!(names_in("fuzz_targets"), names.iter().map(|name| format!("{name}.rs")).collect());
        let manifest = read("Cargo.toml");
        for name in NAMES {
            let program = format!(
                "#![no_main]\nlibfuzzer_sys::fuzz_target!(|bytes: &[u8]| limg::fuzzing::{name}(bytes));\n"
            );
            assert_eq!(read(&format!("fuzz_targets/{name}.rs")), program);
            let entry = format!("[[bin]]\nname = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n");
            assert!(manifest.contains(&entry), "tests/fuzz/Cargo.toml lacks {entry}");
        }
        assert_eq!(manifest.matches("[[bin]]").count(), NAMES.len());
    }

    #[test]
    fn the_fuzz_targets_have_the_same_dependencies_as_limg() {
        let own = fs::read_to_string("Cargo.lock").unwrap();
        let packages = |lock: &str| -> BTreeSet<String> {
            let packages = lock.split("[[package]]\n").skip(1);
            packages.map(|package| package.lines().take(2).collect::<Vec<_>>().join(", ")).collect()
        };
        let name = |package: &String| package.split(", ").next().unwrap().to_owned();
        let own = packages(&own);
        let own_names: BTreeSet<_> = own.iter().map(name).collect();
        let others: Vec<_> = packages(&read("Cargo.lock")).difference(&own).cloned().collect();
        let others: Vec<_> = others.iter().filter(|package| own_names.contains(&name(package))).collect();
        assert_eq!(
            others, [""; 0],
            "other versions than in Cargo.lock: copy that to tests/fuzz/Cargo.lock and run \
             `cargo metadata --manifest-path tests/fuzz/Cargo.toml`"
        );
    }
}
