//! A wheel that is read and checked.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::entry_points::{self, EntryPoint};
use super::error::WheelError;
use super::headers::{Metadata, check_wheel_version};
use super::name::{WheelName, normalised};
use super::record::{self, Row};
use super::version::is_same_version;
use crate::fs::read_at_most;
use crate::project::ImagePath;
use crate::text::visible_line;
use crate::tree::{FileNode, Node, Tree, TreeError};

/// The most bytes of a list or description in a wheel. A list of 100,000 files has as many.
const TEXT_LIMIT: u64 = 16 * 1024 * 1024;

/// Where a wheel's files are while it is read.
const ROOT: &str = "/wheel";

/// The list of a wheel's files.
pub(super) const RECORD: &str = "RECORD";

/// The list's signatures, which it cannot list. They are deprecated, and no installer checks them.
const SIGNATURES: [&str; 2] = ["RECORD.jws", "RECORD.p7s"];

/// A wheel on this machine. Its files are where they are in the archive.
#[derive(Debug)]
pub struct WheelArchive {
    name: WheelName,
    metadata: Metadata,
    entry_points: Vec<EntryPoint>,
    direct_url: Option<DirectUrl>,
    /// The name of the folder with its metadata, `NAME-VERSION.dist-info`.
    pub(super) info: String,
    /// By their paths in the wheel.
    pub(super) files: BTreeMap<String, WheelFile>,
}

/// A file of a wheel.
#[derive(Debug, Clone)]
pub(super) struct WheelFile {
    pub(super) node: FileNode,
    /// As in `RECORD`; none for that itself and its signatures.
    pub(super) hash: Option<String>,
}

/// Where a package came from, if it was not found by its name in an index (recording the direct URL origin).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectUrl {
    /// The URL of the wheel. A user name and a password in it are left out where it is recorded.
    pub url: String,
    /// The SHA-256 of the wheel in hexadecimal digits.
    pub sha256: String,
}

impl WheelArchive {
    /// Reads the lists of a wheel. `name` is its file name in the index; the file itself may have any.
    ///
    /// # Errors
    /// When it cannot be read, contains what an image cannot, or breaks a rule of its format.
    pub fn read(path: &Path, name: WheelName) -> Result<Self, WheelError> {
        let mut files = files(path).map_err(WheelError::reading(&name))?;
        let invalid = |why: String| WheelError::invalid(&name, why);
        let info = info_folder(&files, &name).map_err(invalid)?;
        let text = |file: &str| {
            let Some(file) = files.get(&format!("{info}/{file}")) else { return Ok(None) };
            read_text(&file.node).map(Some).map_err(WheelError::reading(&name))
        };
        let required = |file: &str| text(file)?.ok_or_else(|| invalid(format!("it has no `{info}/{file}`")));
        check_wheel_version(&required("WHEEL")?).map_err(invalid)?;
        let metadata = Metadata::parse(&required("METADATA")?, &name).map_err(invalid)?;
        let programs = text("entry_points.txt")?.unwrap_or_default();
        let entry_points = entry_points::parse(&programs).map_err(invalid)?;
        let rows = record::parse(&required(RECORD)?).map_err(invalid)?;
        check_record(rows, &mut files, &info).map_err(invalid)?;
        Ok(Self { metadata, entry_points, direct_url: None, info, files, name })
    }

    /// The same wheel with a record of where it came from.
    #[must_use]
    pub fn with_direct_url(self, direct_url: DirectUrl) -> Self {
        Self { direct_url: Some(direct_url), ..self }
    }

    /// Its file name.
    #[must_use]
    pub fn name(&self) -> &WheelName {
        &self.name
    }

    /// What it declares about its package.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The programs that an installer creates for it, sorted by name.
    #[must_use]
    pub fn entry_points(&self) -> &[EntryPoint] {
        &self.entry_points
    }

    pub(super) fn direct_url(&self) -> Option<&DirectUrl> {
        self.direct_url.as_ref()
    }

    /// Compares every file with its hash in `RECORD`, on all cores: everything is inflated.
    ///
    /// # Errors
    /// When a file cannot be read or has another hash.
    pub fn verify(&self) -> Result<(), WheelError> {
        let files: Vec<_> = self.files.iter().collect();
        files.par_iter().try_for_each(|(path, WheelFile { node, hash })| {
            let Some(hash) = hash else { return Ok(()) };
            let content = node.content.open().map_err(WheelError::reading(&self.name))?;
            let has_hash = record::has_hash(content, hash)
                .map_err(TreeError::reading(&node.content))
                .map_err(WheelError::reading(&self.name))?;
            if has_hash {
                return Ok(());
            }
            let path = visible_line(path);
            Err(WheelError::invalid(&self.name, format!("`{path}` does not have the hash in its `RECORD`")))
        })
    }
}

/// The files of a wheel without hashes.
fn files(path: &Path) -> Result<BTreeMap<String, WheelFile>, TreeError> {
    let root: ImagePath = ROOT.parse().map_err(|source| TreeError::Path { what: ROOT.to_owned(), source })?;
    let tree = Tree::load_wheel(path, &root)?;
    let files = tree.iter().filter_map(|(path, node)| {
        let Node::File(node) = node else { return None };
        let path = path.as_str().strip_prefix(ROOT)?.trim_start_matches('/');
        Some((path.to_owned(), WheelFile { node: node.clone(), hash: None }))
    });
    Ok(files.collect())
}

/// The one folder with the metadata of the package.
fn info_folder(files: &BTreeMap<String, WheelFile>, name: &WheelName) -> Result<String, String> {
    let tops = files.keys().filter_map(|path| path.split_once('/')).map(|(top, _)| top);
    let mut folders: Vec<_> = tops.filter(|top| top.ends_with(".dist-info")).collect();
    folders.dedup();
    match folders[..] {
        [] => Err("it has no `.dist-info` folder".to_owned()),
        [folder] if is_info_of(folder, name) => Ok(folder.to_owned()),
        [folder] => {
            Err(format!("its metadata is in `{}`, that of another package or version", visible_line(folder)))
        }
        [one, other, ..] => Err(format!(
            "it has the `.dist-info` folders of two packages, `{}` and `{}`",
            visible_line(one),
            visible_line(other)
        )),
    }
}

/// Whether a folder is `NAME-VERSION.dist-info` of a wheel's name. Old tools wrote a `-` in a name as it is.
fn is_info_of(folder: &str, name: &WheelName) -> bool {
    let stem = folder.strip_suffix(".dist-info").unwrap_or_default();
    stem.match_indices('-').any(|(at, _)| {
        normalised(&stem[..at]) == normalised(&name.name) && is_same_version(&stem[at + 1..], &name.version)
    })
}

fn read_text(file: &FileNode) -> Result<String, TreeError> {
    let bytes = read_at_most(file.content.open()?, TEXT_LIMIT).map_err(TreeError::reading(&file.content))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Makes sure that the list and the files match, and adds the hashes to the files. Installers must refuse files that are not
/// listed or have no hash ("Signed wheel files").
fn check_record(
    mut rows: BTreeMap<String, Row>,
    files: &mut BTreeMap<String, WheelFile>,
    info: &str,
) -> Result<(), String> {
    for (path, file) in files {
        let row = rows.remove(path);
        let own_name = path.strip_prefix(info).and_then(|path| path.strip_prefix('/')).unwrap_or_default();
        if own_name == RECORD || SIGNATURES.contains(&own_name) {
            continue;
        }
        let Some(Row { hash: Some(hash), size }) = row else {
            return Err(format!("its `RECORD` has no hash for `{}`", visible_line(path)));
        };
        if size.is_some_and(|size| size != file.node.size) {
            return Err(format!("`{}` does not have the size in its `RECORD`", visible_line(path)));
        }
        file.hash = Some(hash);
    }
    match rows.keys().next() {
        Some(path) => Err(format!("its `RECORD` lists `{}`, which is not in it", visible_line(path))),
        None => Ok(()),
    }
}
