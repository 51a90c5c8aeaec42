//! The merged files of an image as an `mtree(5)` specification, for `bsdtar` and `mtree`.

use std::fmt::Write as _;

use serde::Serialize;

use super::Layers;
use crate::files::{FileState, OverlayNode};
use crate::store::Digest;

/// The bytes of a name that have a meaning of their own in a specification.
const SPECIAL: &[u8] = br#"#*=?[\""#;

/// What is at a path.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MtreeEntry {
    /// The path in the image.
    pub path: String,
    /// What it is.
    #[serde(flatten)]
    pub state: FileState,
    /// The digest of a file's content. A sparse file has none.
    pub sha256: Option<String>,
}

/// What a program in the image finds, in the byte order of the paths.
pub(super) fn entries(read: &Layers) -> Vec<MtreeEntry> {
    let entries = read.overlay.iter().map(|(path, entry)| {
        let digest = match &entry.node {
            OverlayNode::File(file) if !file.is_sparse => read.contents.digests.get(&file.origin),
            _ => None,
        };
        MtreeEntry {
            path: path.as_str().to_owned(),
            state: FileState::of(&entry.node),
            sha256: digest.map(Digest::hex).map(str::to_owned),
        }
    });
    entries.collect()
}

/// The lines of the specification. What is neither a file nor a directory nor a link is in a comment.
pub(crate) fn lines(entries: &[MtreeEntry]) -> Vec<String> {
    let start = ["#mtree".to_owned(), ". type=dir".to_owned()];
    start.into_iter().chain(entries.iter().map(line)).collect()
}

fn line(MtreeEntry { path, state, sha256 }: &MtreeEntry) -> String {
    let path = format!(".{}", escaped(path));
    match state {
        FileState::File { mode, size } => match sha256 {
            Some(sha256) => format!("{path} type=file mode={mode:04o} size={size} sha256digest={sha256}"),
            None => format!("{path} type=file mode={mode:04o}"),
        },
        FileState::Symlink { target } => format!("{path} type=link link={}", escaped(target)),
        // A folder that only the paths of others imply gets this mode when it is unpacked.
        FileState::Directory { mode } => format!("{path} type=dir mode={:04o}", mode.unwrap_or(0o755)),
        FileState::Other { what } => format!("# {path} {what}"),
    }
}

/// A name as `vis(3)` writes it: bytes that are special or not printable in octal digits.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_graphic() && !SPECIAL.contains(&byte) {
            escaped.push(byte.into());
        } else {
            let _infallible = write!(escaped, "\\{byte:03o}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_byte_with_a_meaning_of_its_own() {
        assert_eq!(escaped("/a b\\c#\n=\u{1b}ü"), "/a\\040b\\134c\\043\\012\\075\\033\\303\\274");
        let file = MtreeEntry {
            path: "/a b".to_owned(),
            state: FileState::File { mode: 0o4755, size: 2 },
            sha256: Some("ab".to_owned()),
        };
        let link = MtreeEntry {
            path: "/l".to_owned(),
            state: FileState::Symlink { target: "a b".to_owned() },
            sha256: None,
        };
        let expected = [
            "#mtree",
            ". type=dir",
            "./a\\040b type=file mode=4755 size=2 sha256digest=ab",
            "./l type=link link=a\\040b",
        ];
        assert_eq!(lines(&[file, link]), expected);
    }
}
