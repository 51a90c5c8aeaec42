//! The parsers of what limg does not trust, for the fuzz targets in `tests/fuzz`. Only compiled by `cargo fuzz`.
//!
//! Each function takes any bytes and must return: it may neither panic, nor run for long, nor need more memory than a small
//! multiple of its input. Results are compared with another reader where there is one.

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
        if let Err(error) = definition::load(&file, crate::runtime::Date::new(2026, 1, 1)) {
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
        if layer::build(&recipe, &scratch.store, &|_| ()).is_ok() {
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
    if overlay.add_layer(bytes, |_, _| {}).is_ok() && overlay.add_layer(bytes, |_, _| {}).is_ok() {
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
