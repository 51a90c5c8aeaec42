//! Where definitions are: their names, and the search for one.

use std::path::{Path, PathBuf};

use super::{DefinitionError, serverless};
use crate::fs::{self, FsError};

/// The names of limg's own definitions, in the order in which they are looked for.
pub(crate) const NAMES: &[&str] = &["limg.yaml", "limg.yml"];

/// The names of definitions of other tools, in the same order. They are looked for where there is none of limg's own.
const OTHER_NAMES: &[&str] = &[
    "template.yaml",
    "template.yml",
    "template.json",
    "serverless.template",
    "sam.yaml",
    ASSEMBLY,
    serverless::FILE_NAMES[0],
    serverless::FILE_NAMES[1],
    serverless::FILE_NAMES[2],
    // limg does not run programs, and says what to do instead.
    "serverless.ts",
    "serverless.js",
    "serverless.mjs",
    "serverless.cjs",
];

/// The folder that CDK writes, a cloud assembly.
const ASSEMBLY: &str = "cdk.out";

/// The file of a cloud assembly that lists what is in it.
pub(super) const ASSEMBLY_MANIFEST: &str = "manifest.json";

const MIB: u64 = 1024 * 1024;

/// The definition that governs the folder `start`: limg's own in it or in the nearest folder above, or else one of another
/// tool.
///
/// # Errors
/// When there is none.
pub(crate) fn find(start: &Path) -> Result<PathBuf, DefinitionError> {
    let start = std::path::absolute(start).map_err(FsError::because("find", start))?;
    let nearest = |names| start.ancestors().find_map(|folder| first(folder, names));
    nearest(NAMES)
        .or_else(|| nearest(OTHER_NAMES))
        .ok_or_else(|| DefinitionError::NotFound { start: start.clone() })
}

/// The definition in a folder that the user named, or else the folder itself. A file is that file.
pub(super) fn in_folder(path: PathBuf) -> PathBuf {
    let manifest = path.join(ASSEMBLY_MANIFEST);
    let own = first(&path, NAMES);
    let own = own.or_else(|| fs::symlink_metadata(&manifest).is_ok().then_some(manifest));
    let own = own.or_else(|| first(&path, &[serverless::STATE]));
    own.or_else(|| first(&path, OTHER_NAMES))
        .map_or(path, |found| if found.ends_with(ASSEMBLY) { found.join(ASSEMBLY_MANIFEST) } else { found })
}

/// The folder of the outermost cloud assembly around a folder, which CDK has written: each has a manifest, and a file that
/// says so (aws-cdk-lib, `CloudAssembly`).
pub(super) fn assembly_around(folder: &Path) -> Option<PathBuf> {
    let exists = |path: PathBuf| fs::symlink_metadata(&path).is_ok();
    let is_assembly =
        |folder: &&Path| exists(folder.join(ASSEMBLY_MANIFEST)) && exists(folder.join(ASSEMBLY));
    folder.ancestors().take_while(is_assembly).last().map(Path::to_owned)
}

/// How large a definition may be, in bytes. Tools write JSON that no person would: the manifest of a cloud assembly has a line
/// for each construct.
pub(super) fn bytes_at_most(file: &Path) -> u64 {
    let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if is_json { 64 * MIB } else { MIB }
}

/// The first of some names in a folder. A directory or a dangling link counts too: reading it then reports what is wrong.
fn first(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    let exists = |path: &PathBuf| {
        let path = if path.ends_with(ASSEMBLY) { path.join(ASSEMBLY_MANIFEST) } else { path.clone() };
        fs::symlink_metadata(&path).is_ok()
    };
    names.iter().map(|name| folder.join(name)).find(exists)
}
