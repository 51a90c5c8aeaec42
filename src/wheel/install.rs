//! Lays wheels into one tree, with the files that an installer writes.

use std::collections::BTreeMap;
use std::fmt;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use serde_json::json;

use super::archive::{DirectUrl, RECORD, WheelArchive, WheelFile};
use super::console_script::{PLACEHOLDER, is_launcher, launcher, with_interpreter};
use super::error::WheelError;
use super::name::normalised;
use super::placement::{BIN, place};
use super::record;
use crate::fs::read_at_most;
use crate::project::ImagePath;
use crate::text::visible_line;
use crate::tree::{self, FileNode, IMAGE_SIZE_LIMIT, Node, Tree, TreeError};
use crate::units;

/// The file with the name of the program that installed a package (recording installed projects).
const INSTALLER: &str = "INSTALLER";

/// Where a package came from.
const DIRECT_URL: &str = "direct_url.json";

/// What installers write into the folder of metadata. Those in a wheel are not installed: nothing installed it yet.
const WRITTEN: [&str; 4] = [INSTALLER, "REQUESTED", DIRECT_URL, RECORD];

/// The most bytes of a script whose first line is replaced.
const SCRIPT_LIMIT: u64 = 16 * 1024 * 1024;

/// Wheels in one tree.
#[derive(Debug)]
pub struct Installation {
    /// Their files.
    pub tree: Tree,
    /// The files that several of them contain, each with other bytes, sorted by path.
    pub conflicts: Vec<FileConflict>,
}

/// A file that two wheels contain with different bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileConflict {
    /// Its path in the image.
    pub path: ImagePath,
    /// The file name of the wheel whose file is in the tree.
    pub kept: String,
    /// That of the other wheel.
    pub dropped: String,
}

/// Lays wheels into one tree below `root`. The programs run with `interpreter`, an absolute path in the image.
///
/// If two wheels contain a file with different bytes, that of the package whose name comes first in the alphabet is kept.
/// pip keeps the same one if neither package requires the other: it installs those in the reverse order of their names.
///
/// # Errors
/// When a wheel breaks a rule of its format, or two wheels cannot be in one tree.
pub fn install<'a>(
    wheels: impl IntoIterator<Item = &'a WheelArchive>,
    root: &ImagePath,
    interpreter: &str,
) -> Result<Installation, WheelError> {
    let mut wheels: Vec<_> =
        wheels.into_iter().map(|wheel| (normalised(&wheel.name().name), wheel)).collect();
    wheels.sort_by(|(one, _), (other, _)| one.cmp(other));
    let files = wheels.par_iter().map(|(_, wheel)| {
        let below_root = |(path, file): (String, WheelFile)| {
            // Only a message needs the name.
            let what = fmt::from_fn(|f| write!(f, "{}: {}", wheel.name(), visible_line(&path)));
            let path = tree::join(root, &path, &what).map_err(WheelError::reading(wheel.name()))?;
            Ok((path, file))
        };
        installed_files(wheel, interpreter)?.into_iter().map(below_root).collect::<Result<Vec<_>, _>>()
    });
    let files: Vec<_> = files.collect();
    let mut merged = Vec::new();
    for (at, ((name, wheel), files)) in wheels.iter().zip(files).enumerate() {
        if let Some((_, previous)) =
            at.checked_sub(1).map(|at| &wheels[at]).filter(|(other, _)| other == name)
        {
            return Err(together(previous, wheel, format!("both are of the package `{name}`")));
        }
        merged.extend(files?.into_iter().map(|(path, file)| (path, *wheel, file)));
    }
    // Files at one path stay in the order of their wheels.
    merged.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    merge(merged)
}

/// Keeps the first of the files at each path. They are sorted by path.
fn merge(mut files: Vec<(ImagePath, &WheelArchive, WheelFile)>) -> Result<Installation, WheelError> {
    let mut conflicts = Vec::new();
    files.dedup_by(|(other_path, other, dropped), (path, wheel, kept)| {
        if path == other_path && kept.hash != dropped.hash {
            conflicts.push(FileConflict {
                path: path.clone(),
                kept: wheel.name().to_string(),
                dropped: other.name().to_string(),
            });
        }
        path == other_path
    });
    let mut last = "";
    for (path, wheel, _) in &files {
        // The files of one folder follow each other.
        if path.folder() == std::mem::replace(&mut last, path.folder()) {
            continue;
        }
        for folder in path.folders() {
            if let Ok(at) = files.binary_search_by(|(other, ..)| other.as_str().cmp(folder)) {
                let why = format!(
                    "`{}` is a file, and `{}` is below it",
                    visible_line(folder),
                    visible_line(path.as_str())
                );
                return Err(together(files[at].1, wheel, why));
            }
        }
    }
    let tree: Tree = files.into_iter().map(|(path, _, file)| (path, Node::File(file.node))).collect();
    if tree.size() > IMAGE_SIZE_LIMIT {
        return Err(WheelError::TooLarge { limit: units::limit(IMAGE_SIZE_LIMIT) });
    }
    Ok(Installation { tree, conflicts })
}

fn together(one: &WheelArchive, other: &WheelArchive, why: String) -> WheelError {
    WheelError::Together { one: one.name().to_string(), other: other.name().to_string(), why }
}

/// The files of a wheel by their paths below the root, and those that the installer writes.
fn installed_files(
    wheel: &WheelArchive,
    interpreter: &str,
) -> Result<BTreeMap<String, WheelFile>, WheelError> {
    let invalid = |why: String| WheelError::invalid(wheel.name(), why);
    let mut files = Files { wheel, files: BTreeMap::new() };
    for (path, file) in &wheel.files {
        let own_name = path.strip_prefix(&wheel.info).and_then(|path| path.strip_prefix('/'));
        if own_name.is_some_and(|name| WRITTEN.contains(&name)) {
            continue;
        }
        let place = place(path, &wheel.name().name).map_err(invalid)?;
        let name = place.path.rsplit('/').next().unwrap_or_default();
        if place.is_script && is_launcher(name, wheel.entry_points()) {
            continue;
        }
        let script = if place.is_script { script(&file.node, interpreter) } else { Ok(None) };
        let script = script.map_err(WheelError::reading(wheel.name()))?;
        files.add(place.path, script.unwrap_or_else(|| file.clone()))?;
    }
    for program in wheel.entry_points() {
        let text = launcher(program, interpreter);
        files.add(format!("{BIN}/{}", program.name), written(text.as_bytes(), true))?;
    }
    files.add(format!("{}/{INSTALLER}", wheel.info), written(b"limg\n", false))?;
    if let Some(origin) = wheel.direct_url() {
        let text = direct_url(origin);
        files.add(format!("{}/{DIRECT_URL}", wheel.info), written(text.as_bytes(), false))?;
    }
    let path = format!("{}/{RECORD}", wheel.info);
    let list = list(&files.files, &path);
    files.add(path, written(list.as_bytes(), false))?;
    Ok(files.files)
}

/// The files of one wheel.
struct Files<'a> {
    wheel: &'a WheelArchive,
    files: BTreeMap<String, WheelFile>,
}

impl Files<'_> {
    fn add(&mut self, path: String, file: WheelFile) -> Result<(), WheelError> {
        let why = format!("two of its files are installed as `{}`", visible_line(&path));
        match self.files.insert(path, file) {
            None => Ok(()),
            Some(_) => Err(WheelError::invalid(self.wheel.name(), why)),
        }
    }
}

/// A file that limg writes.
fn written(bytes: &[u8], executable: bool) -> WheelFile {
    WheelFile { node: FileNode::of_bytes(bytes, executable), hash: Some(record::hash_of(bytes)) }
}

/// A script with the interpreter in its first line, if that has a placeholder.
fn script(file: &FileNode, interpreter: &str) -> Result<Option<WheelFile>, TreeError> {
    if file.content.head(PLACEHOLDER.len())? != PLACEHOLDER {
        return Ok(None);
    }
    let bytes =
        read_at_most(file.content.open()?, SCRIPT_LIMIT).map_err(TreeError::reading(&file.content))?;
    Ok(Some(written(&with_interpreter(&bytes, interpreter), file.executable)))
}

/// The list of an installation, which is at `own_path`: sorted, as pip and uv do, with the ends of lines of Linux.
fn list(files: &BTreeMap<String, WheelFile>, own_path: &str) -> String {
    let own = WheelFile { node: FileNode::of_bytes(b"", false), hash: None };
    let mut rows: BTreeMap<&str, &WheelFile> =
        files.iter().map(|(path, file)| (path.as_str(), file)).collect();
    rows.insert(own_path, &own);
    let mut list = String::new();
    for (path, WheelFile { node, hash }) in rows {
        // Without a hash, the size says nothing: the list cannot contain its own.
        record::write_row(&mut list, path, hash.as_deref(), hash.as_ref().map(|_| node.size));
    }
    list
}

fn direct_url(origin: &DirectUrl) -> String {
    let DirectUrl { url, sha256 } = origin;
    let info = json!({ "hash": format!("sha256={sha256}"), "hashes": { "sha256": sha256 } });
    json!({ "archive_info": info, "url": without_credentials(url) }).to_string()
}

/// A URL without what is in front of the `@` of its host.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{}", &rest[end..])
}
