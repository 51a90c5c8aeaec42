//! Entries of layers: which are special files, the folders above one, and new ones.

use tar::EntryType;

use crate::files::{RawEntry, TarEntry, is_whiteout};
use crate::layer::header;
use crate::project::ImagePath;

/// Whether an entry is a device, a pipe or the like. A sparse file is none, although its type has a letter of its own.
pub(super) fn is_special(entry: &TarEntry, path: &ImagePath) -> bool {
    let kind = entry.kind;
    let is_usual = kind.is_file()
        || kind.is_contiguous()
        || kind.is_dir()
        || kind.is_symlink()
        || kind.is_hard_link()
        || kind.is_gnu_sparse();
    !is_usual && !is_whiteout(path)
}

/// The folders above an entry, the outermost first: their paths, and their names in the style of the entry's own.
pub(super) fn parents(name: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
    let style: &[u8] = match name {
        [b'.', b'/', ..] => b"./",
        [b'/', ..] => b"/",
        _ => b"",
    };
    let names = name.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
    let mut names: Vec<&[u8]> = names.collect();
    names.pop();
    let (mut path, mut written) = (String::new(), style.to_owned());
    names.into_iter().map(move |name| {
        path.extend(["/", &String::from_utf8_lossy(name)]);
        written.extend([name, b"/"].concat());
        (path.clone(), written.clone())
    })
}

/// An entry that the layer did not have.
pub(super) fn new_entry(kind: EntryType, name: Vec<u8>, mode: u32, mtime: u64) -> RawEntry {
    let header = header(kind, mode, mtime);
    RawEntry { header, name, target: Vec::new(), attributes: Vec::new(), sparse_map: Vec::new() }
}
