//! Decides which file each changed template is written to, so that the file and the path in the parent are the same.
//!
//! It only compares paths, and writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::definition::document::Document;
use crate::finding::{Code, Finding};
use crate::fs;

/// The new files of the templates that change.
pub(super) struct OutputFiles {
    /// By the files of the originals; nothing where all go to standard output.
    by_original: BTreeMap<PathBuf, Option<PathBuf>>,
}

impl OutputFiles {
    /// Puts each template next to its original, because the paths in it are relative to that folder. The first template gets the
    /// name. A nested one gets it too if no other changed template is in its folder, and otherwise after its own name.
    ///
    /// # Errors
    /// When a template would overwrite one that has been read, or another one of these.
    pub(super) fn decide(
        documents: &[Document],
        changed: &BTreeSet<PathBuf>,
        name: Option<&str>,
    ) -> Result<Self, Vec<Finding>> {
        let mut by_original = BTreeMap::new();
        let Some(name) = name else {
            by_original.extend(changed.iter().map(|file| (file.clone(), None)));
            return Ok(Self { by_original });
        };
        let originals: BTreeSet<PathBuf> = documents.iter().map(|document| real(document.file())).collect();
        let folder = |file: &Path| real(fs::folder_of(file));
        let mut in_folder: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for file in changed {
            *in_folder.entry(folder(file)).or_default() += 1;
        }
        let (mut taken, mut errors) = (BTreeSet::new(), Vec::new());
        for (position, document) in documents.iter().enumerate() {
            let original = document.file();
            if !changed.contains(original) || by_original.contains_key(original) {
                continue;
            }
            let shares = in_folder.get(&folder(original)).is_some_and(|templates| *templates > 1);
            let output = if position > 0 && shares {
                let stem = original.file_stem().unwrap_or_default().to_string_lossy();
                original.with_file_name(format!("{stem}.{name}"))
            } else {
                original.with_file_name(name)
            };
            let is_original = originals.contains(&real(&output));
            if is_original || !taken.insert(real(&output)) {
                let output = fs::normal(&output);
                let message = if is_original {
                    format!(
                        "`{}` is a template of this definition, which `-o` would overwrite",
                        output.display()
                    )
                } else {
                    format!("two templates would be written to `{}`", output.display())
                };
                let finding = Finding::error(Code::NestedTemplate, document.place(), message);
                errors.push(finding.help(if is_original {
                    "use another name"
                } else {
                    "rename one of the originals, or move it to a folder of its own"
                }));
            }
            by_original.insert(original.to_owned(), Some(output));
        }
        if errors.is_empty() { Ok(Self { by_original }) } else { Err(errors) }
    }

    /// Whether a template changes.
    pub(super) fn is_changed(&self, original: &Path) -> bool {
        self.by_original.contains_key(original)
    }

    /// The new file of a template.
    pub(super) fn file(&self, original: &Path) -> Option<PathBuf> {
        self.by_original.get(original).cloned().flatten()
    }

    /// The name of its new file.
    pub(super) fn name(&self, original: &Path) -> Option<String> {
        Some(self.file(original)?.file_name()?.to_string_lossy().into_owned())
    }
}

/// A path without links, as far as it exists: two spellings of one file are equal.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let folder = fs::folder_of(path).canonicalize();
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => fs::normal(path),
    }
}
