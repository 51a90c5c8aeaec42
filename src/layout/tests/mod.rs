//! Images in layouts and archives, written and read back.

mod archives;
mod concurrent_writers;
mod reading;
mod writing;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;
use crate::files::FileIndex;
use crate::image::{BaseImage, NewLayer};
use crate::layer::{self, Recipe};
use crate::project::{Architecture, RunConfig};
use crate::shared::Shared;
use crate::store::Store;
use crate::text::with_causes;
use crate::tree::{FileNode, Node, Tree};

struct Fixture {
    folder: tempfile::TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let (folder, store) = Store::for_test();
        Self { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An image of one layer with one file.
    fn image(&self, content: &str, architecture: Architecture) -> Image {
        let mut tree = Tree::new();
        let file = FileNode::of_bytes(content.as_bytes(), false);
        tree.insert("/opt/file".parse().unwrap(), Node::File(file));
        let recipe = Recipe::new("any", Shared::new(tree), Shared::new(FileIndex::default()), 0);
        let layer = layer::build(&recipe, &self.store, None, &|_| ()).unwrap();
        let new = NewLayer { layer: layer.into(), description: "test".to_owned(), encoder: None };
        let run = RunConfig { command: Some(vec![content.to_owned()]), ..RunConfig::default() };
        Image::assemble(&BaseImage::scratch(architecture), &[new], &run, "1980-01-01T00:00:00Z").unwrap()
    }

    fn layout(&self, images: &[(&Image, &str)]) -> PathBuf {
        let path = self.path("layout");
        write_layout(&path, &named(images)).unwrap();
        path
    }

    /// Reads an image and returns its command, which identifies it.
    fn read(&self, path: &Path, reference: Option<&str>) -> Result<String, String> {
        self.read_for(path, reference, Architecture::X86_64)
    }

    fn read_for(
        &self,
        path: &Path,
        reference: Option<&str>,
        architecture: Architecture,
    ) -> Result<String, String> {
        let read = if path.is_dir() {
            read_oci_directory(path, reference, architecture, &self.store)
        } else if path.extension().is_some_and(|suffix| suffix == "docker") {
            read_docker_archive(path, reference, architecture, &self.store)
        } else {
            read_oci_archive(path, reference, architecture, &self.store)
        };
        read.map(|base| base.run_config().command.unwrap().concat()).map_err(|error| with_causes(&error))
    }
}

fn write_layout(path: &Path, images: &[NamedImage<'_>]) -> Result<(), LayoutError> {
    LayoutDirectory::open(path)?.write(images)
}

fn named<'a>(images: &[(&'a Image, &'a str)]) -> Vec<NamedImage<'a>> {
    images.iter().map(|&(image, name)| NamedImage { image, name }).collect()
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(path, serde_json::to_vec(&value).unwrap()).unwrap();
}

/// The names of all blobs of a layout.
fn blobs_in(layout: &Path) -> Vec<String> {
    crate::fs::names_in(&layout.join("blobs/sha256")).unwrap()
}

/// The names of the blobs that some images need.
fn blobs_of(images: &[&Image]) -> Vec<String> {
    let mut blobs = BTreeSet::new();
    for image in images {
        let digests = image.unique_blobs().into_iter().map(|layer| layer.digest.clone());
        blobs.extend(digests.chain([image.config_digest().clone(), image.digest().unwrap().clone()]));
    }
    blobs.iter().map(|digest| digest.hex().to_owned()).collect()
}

#[test]
fn written_images_are_read_back() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.image("one", Architecture::X86_64), fixture.image("two", Architecture::X86_64));
    let layout = fixture.layout(&[(&one, "a"), (&two, "b:v1")]);
    let (oci, docker) = (fixture.path("images.oci"), fixture.path("images.docker"));
    write_oci_archive(&named(&[(&one, "a"), (&two, "b:v1")]), std::fs::File::create(&oci).unwrap()).unwrap();
    let names = [(&one, "p/a:latest"), (&two, "p/b:v1")];
    write_docker_archive(&named(&names), &BTreeSet::new(), std::fs::File::create(&docker).unwrap()).unwrap();

    for (path, a, b) in [(&layout, "a", "b:v1"), (&oci, "a", "b:v1"), (&docker, "p/a:latest", "p/b:v1")] {
        assert_eq!(fixture.read(path, Some(a)).unwrap(), "one");
        assert_eq!(fixture.read(path, Some(b)).unwrap(), "two");
        let error = fixture.read(path, None).unwrap_err();
        assert!(error.contains("several images"), "{error}");
        let error = fixture.read(path, Some("c")).unwrap_err();
        assert!(error.contains("no image named `c`"), "{error}");
    }
    assert_eq!(fixture.read(&layout, Some(two.digest().unwrap().as_str())).unwrap(), "two");
}
