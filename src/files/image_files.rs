//! The files of an image and what their contents show: what kind of program each is, what it is linked to, and which Python
//! package it describes.
//!
//! All layers are read once, and each file is hashed on the way. Nothing here judges what it finds.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{self, Read};
use std::sync::Arc;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use serde::{Deserialize, Serialize};

use super::binary::is_candidate;
use super::elf_facts::ElfFacts;
use super::entry_path::is_whiteout;
use super::index::{FileIndex, IndexEntry};
use super::layer_reader::LayerReadError;
use super::overlay::{Origin, Overlay, OverlayNode};
use super::program::{HEAD, Program, ScriptFault};
use super::secret_files::looks_secret;
use super::tar_entries::TarEntry;
use super::target::Machine;
use crate::project::ImagePath;
use crate::store::{Blob, Digest, HashingReader};
use crate::tree::{Content, FileNode, Node, Tree, TreeError};

/// The largest file that is held in memory to read its tables.
const ELF_LIMIT: u64 = 64 * 1024 * 1024;

/// The most bytes of a package's metadata that are read: more than its headers.
const METADATA_LIMIT: usize = 16 * 1024;

/// The size from which on a file of a tree is compared with those of the image, in bytes: many small files are alike.
const SMALLEST_COPY: u64 = 1024;

/// The longest text that is kept, in bytes: more than people write.
const TEXT_LIMIT: u64 = 256 * 1024;

/// The most bytes of a script's first line that the kernel reads.
const FIRST_LINE: usize = 256;

/// The files of an image, and what is known of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFiles {
    /// What is at each path.
    pub index: FileIndex,
    /// The contents of the regular files, by their paths.
    contents: BTreeMap<ImagePath, FileContent>,
    /// The layers, the lowest first.
    pub layers: Vec<LayerFacts>,
}

/// What is known of the content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileContent {
    /// Its digest. Nothing for a file that was not read as a whole.
    #[serde(rename = "d")]
    pub digest: Option<Digest>,
    /// What the kernel makes of it.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub program: Option<FileProgram>,
    /// The Python package that it describes.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageMetadata>,
    /// Whether its name and content are those of a secret.
    #[serde(rename = "s", default, skip_serializing_if = "is_false")]
    pub looks_secret: bool,
    /// Its text, if it is one that was asked for and not too long.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What the kernel makes of a file that it can, or should, execute or load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileProgram {
    /// A program or library for Linux, and what its tables say unless they could not be read.
    #[serde(rename = "e")]
    Elf(Option<Machine>, Option<ElfFacts>),
    /// A script, and its first line without `#!`.
    #[serde(rename = "s")]
    Script(String),
    /// A script that the kernel cannot start.
    #[serde(rename = "x")]
    DamagedScript(ScriptFault),
    /// A program of another system, such as `macOS on arm64`.
    #[serde(rename = "o")]
    Foreign(String),
}

/// The headers of a Python package's metadata (Python packaging user guide, "Core metadata").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageMetadata {
    /// Its name, as written.
    #[serde(rename = "n")]
    pub name: String,
    /// Its version.
    #[serde(rename = "v")]
    pub version: String,
    /// The versions of Python for which it is.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub requires_python: Option<String>,
}

/// What a layer's archive contains besides files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerFacts {
    /// The size of the archive in bytes.
    pub size: u64,
    /// The number of its entries.
    pub entries: u64,
    /// The number of entries in a folder that neither this archive, in front of them, nor one below has an entry for, and the
    /// first of them.
    pub without_parent: (u64, Option<String>),
    /// The paths of its hard links.
    pub hard_links: Vec<String>,
    /// The number of devices, pipes and the like, and the first of them.
    pub special: (u64, Option<String>),
}

impl ImageFiles {
    /// Reads the layers of an image, the lowest first. The texts of the given files are kept.
    ///
    /// # Errors
    /// When a layer cannot be read or is damaged.
    pub fn read<'a>(
        layers: impl IntoIterator<Item = (&'a Blob, &'a Digest, &'a Digest)>,
        texts: &BTreeSet<ImagePath>,
    ) -> Result<Self, LayerReadError> {
        let mut overlay = Overlay::default();
        let (mut by_origin, mut facts, mut folders) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
        for (number, (blob, digest, diff_id)) in (0..).zip(layers) {
            let mut seen = LayerFacts::default();
            let mut entry = 0;
            let form = overlay.add_blob(blob, digest, diff_id, |tar_entry, path, content| {
                seen.add(tar_entry, path, &mut folders);
                if let Some(path) =
                    path.filter(|_| tar_entry.kind.is_file() || tar_entry.kind.is_contiguous())
                {
                    let keeps_text = texts.contains(path);
                    by_origin.insert(
                        Origin { layer: number, entry },
                        FileContent::read(path, tar_entry.size, keeps_text, content)?,
                    );
                }
                entry += 1;
                Ok(())
            })?;
            facts.push(LayerFacts { size: form.size, ..seen });
        }
        let contents = overlay.below("").filter_map(|(path, entry)| match &entry.node {
            OverlayNode::File(file) => Some((path.clone(), by_origin.get(&file.origin)?.clone())),
            _ => None,
        });
        Ok(Self { contents: contents.collect(), layers: facts, index: overlay.into_index() })
    }

    /// These files with trees laid over them, the lowest first. Of the trees' files, only programs, libraries, metadata and what may
    /// be a copy of one of these files are read.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn with_trees<'a>(mut self, trees: impl IntoIterator<Item = &'a Tree>) -> Result<Self, TreeError> {
        let sizes = self.sizes_by_name();
        let may_be_copy = |path: &ImagePath, file: &FileNode| {
            file.size >= SMALLEST_COPY
                && sizes.get(path.name()).is_some_and(|sizes| sizes.contains(&file.size))
        };
        let (mut entries, mut layer) =
            (self.index.into_map(), u32::try_from(self.layers.len()).unwrap_or(u32::MAX));
        for tree in trees {
            let mut read = Vec::new();
            let mut folder = "";
            for (path, node) in tree.iter() {
                // Files of one folder follow each other.
                if path.folder() != folder {
                    folder = path.folder();
                    for folder in path.ancestors() {
                        entries.entry(folder).or_insert(IndexEntry::Directory { mode: 0o755, layer });
                    }
                }
                let entry = match node {
                    Node::Directory => IndexEntry::Directory { mode: 0o755, layer },
                    Node::Symlink(target) => IndexEntry::Symlink { target: target.clone().into(), layer },
                    Node::File(file) => {
                        let mode = if file.executable { 0o755 } else { 0o644 };
                        let may_be_copy = may_be_copy(path, file);
                        if may_be_copy || is_candidate(path, file) || is_metadata(path) {
                            read.push((path, file, may_be_copy));
                        }
                        IndexEntry::File { mode, size: file.size, layer }
                    }
                };
                self.contents.remove(path);
                entries.insert(path.clone(), entry);
            }
            let known = |&(path, file, may_be_copy): &(&ImagePath, &FileNode, bool)| {
                Ok((path.clone(), FileContent::of_file(path, file, may_be_copy)?))
            };
            let known: Vec<_> = read.par_iter().map(known).collect::<Result<_, TreeError>>()?;
            self.contents.extend(known);
            layer = layer.saturating_add(1);
        }
        self.index = FileIndex::full(entries.into_iter());
        Ok(self)
    }

    /// The sizes of the files of each name.
    fn sizes_by_name(&self) -> HashMap<String, HashSet<u64>> {
        let mut sizes: HashMap<String, HashSet<u64>> = HashMap::new();
        for (path, entry) in self.index.entries() {
            if let IndexEntry::File { size, .. } = entry {
                sizes.entry(path.name().to_owned()).or_default().insert(*size);
            }
        }
        sizes
    }

    /// What is known of the content of the file at a path itself.
    #[must_use]
    pub fn content(&self, path: &str) -> Option<&FileContent> {
        self.contents.get(path)
    }

    /// The files with known contents, in the byte order of their paths.
    pub fn contents(&self) -> impl Iterator<Item = (&ImagePath, &FileContent)> {
        self.contents.iter()
    }

    /// The uncompressed size of all layers in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add)
    }

    /// The size in bytes of the regular file at a path itself.
    #[must_use]
    pub fn size_of(&self, path: &str) -> Option<u64> {
        match self.index.get(path)? {
            IndexEntry::File { size, .. } => Some(*size),
            _ => None,
        }
    }

    /// The permission bits of what is at a path itself; none for links and for what is not there.
    #[must_use]
    pub fn mode(&self, path: &str) -> Option<u32> {
        match self.index.get(path)? {
            IndexEntry::Directory { mode, .. } | IndexEntry::File { mode, .. } => Some(*mode),
            IndexEntry::Symlink { .. } | IndexEntry::Other { .. } => None,
        }
    }
}

impl LayerFacts {
    fn add(&mut self, entry: &TarEntry, path: Option<&ImagePath>, folders: &mut BTreeSet<String>) {
        self.entries += 1;
        let Some(path) = path else { return };
        let count = |counter: &mut (u64, Option<String>)| {
            counter.0 += 1;
            counter.1.get_or_insert_with(|| path.to_string());
        };
        let folder = path.folder();
        if !folder.is_empty() && !folders.contains(folder) {
            count(&mut self.without_parent);
        }
        if entry.kind.is_dir() || entry.kind.is_symlink() {
            folders.insert(path.to_string());
        } else if entry.kind.is_hard_link() {
            self.hard_links.push(path.to_string());
        } else if !entry.kind.is_file() && !entry.kind.is_contiguous() && !is_whiteout(path) {
            count(&mut self.special);
        }
    }
}

impl FileContent {
    /// Reads the content of a file in an archive.
    fn read(path: &ImagePath, size: u64, keeps_text: bool, content: &mut dyn Read) -> io::Result<Self> {
        let mut hashed = HashingReader::new(content);
        let mut head = Vec::new();
        hashed.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        let mut package = None;
        if is_metadata(path) {
            hashed.by_ref().take(METADATA_LIMIT as u64).read_to_end(&mut head)?;
            package = PackageMetadata::parse(&String::from_utf8_lossy(&head));
        }
        let looks_secret = looks_secret(path, |limit| {
            hashed.by_ref().take((limit - head.len().min(limit)) as u64).read_to_end(&mut head)?;
            Ok::<_, io::Error>(head.clone())
        })?;
        let mut text = None;
        if keeps_text && size <= TEXT_LIMIT {
            hashed.by_ref().take(TEXT_LIMIT).read_to_end(&mut head)?;
            text = Some(String::from_utf8_lossy(&head).into_owned());
        }
        let is_elf = head.starts_with(b"\x7fELF") && size <= ELF_LIMIT;
        if is_elf {
            hashed.by_ref().take(size.saturating_sub(head.len() as u64)).read_to_end(&mut head)?;
        }
        let digest = Some(hashed.finish()?);
        let first = head.len().min(HEAD);
        let program = match Program::of(&head[..first]) {
            Program::Elf(machine) if is_elf => {
                let whole = Content::Bytes(Arc::from(head));
                // The content is in memory, so that reading it cannot fail.
                let facts = whole.head(HEAD).and_then(|head| ElfFacts::read(&whole, &head));
                Some(FileProgram::Elf(machine, facts.unwrap_or_default()))
            }
            program => FileProgram::of(program, &head),
        };
        Ok(Self { digest, program, package, looks_secret, text })
    }

    /// Reads the parts of a file that show what it is, or all of it.
    fn of_file(path: &ImagePath, file: &FileNode, is_hashed: bool) -> Result<Self, TreeError> {
        let head = file.content.head(HEAD)?;
        let package = if is_metadata(path) {
            PackageMetadata::parse(&String::from_utf8_lossy(&file.content.head(METADATA_LIMIT)?))
        } else {
            None
        };
        let program = match Program::of(&head) {
            Program::Elf(machine) => Some(FileProgram::Elf(machine, ElfFacts::read(&file.content, &head)?)),
            program => FileProgram::of(program, &head),
        };
        let digest = if is_hashed {
            let hashed = HashingReader::new(file.content.open()?);
            Some(hashed.finish().map_err(TreeError::reading(&file.content))?)
        } else {
            None
        };
        // Those of trees are found when the trees are read.
        Ok(Self { digest, program, package, looks_secret: false, text: None })
    }
}

/// Whether a field is left out of the record.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Whether a path is that of a Python package's metadata.
fn is_metadata(path: &ImagePath) -> bool {
    path.name() == "METADATA" && path.folder().ends_with(".dist-info")
        || path.name() == "PKG-INFO" && path.folder().ends_with(".egg-info")
}

impl FileProgram {
    fn of(program: Program, head: &[u8]) -> Option<Self> {
        Some(match program {
            Program::Elf(machine) => Self::Elf(machine, None),
            Program::Foreign(target) => Self::Foreign(target.to_string()),
            Program::DamagedScript(fault) => Self::DamagedScript(fault),
            Program::Script => {
                let line = head.get(2..)?.split(|byte| *byte == b'\n').next().unwrap_or_default();
                let line = &line[..line.len().min(FIRST_LINE)];
                Self::Script(String::from_utf8_lossy(line).trim().to_owned())
            }
            Program::Other => return None,
        })
    }
}

impl PackageMetadata {
    /// Reads the headers of a metadata file. Nothing without a name and a version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let headers = || text.lines().take_while(|line| !line.is_empty());
        let find = |name: &str| {
            headers().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
        };
        Some(Self {
            name: find("Name")?,
            version: find("Version")?,
            requires_python: find("Requires-Python"),
        })
    }
}
