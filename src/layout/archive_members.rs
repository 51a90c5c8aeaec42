//! Lists the members of a tar archive, each as a range of the archive.
//!
//! Archives may come from untrusted sources: records for long names are limited, and contents are not read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};

use crate::files::TarEntries;

/// The content of a member is padded to a multiple of this.
const BLOCK: u64 = 512;

/// The members of an archive by name.
pub(super) struct ArchiveMembers(BTreeMap<String, Member>);

enum Member {
    File(Range),
    /// A link to another member.
    Link(String),
}

/// The content of a member as a range of the archive, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl ArchiveMembers {
    /// Lists an archive.
    ///
    /// # Errors
    /// When it is not an uncompressed tar archive, is truncated, or has more members than limg can list.
    pub(super) fn list(mut archive: &File) -> io::Result<Self> {
        let length = archive.metadata()?.len();
        let mut members = BTreeMap::new();
        let mut listed = 0;
        loop {
            // With a new reader for each entry, contents can be skipped by seeking.
            let mut entries = TarEntries::after(listed, archive);
            let Some(entry) = entries.next_entry()? else { return Ok(Self(members)) };
            listed = entries.listed();
            let range = Range { offset: archive.stream_position()?, size: entry.size };
            let end = range.offset.checked_add(range.size.next_multiple_of(BLOCK));
            // The padding at the end of the archive may be missing.
            let next = end.filter(|_| range.offset + range.size <= length);
            archive.seek(SeekFrom::Start(next.ok_or(io::ErrorKind::UnexpectedEof)?))?;

            let name = normalised(&entry.name, "");
            if entry.kind.is_file() {
                members.insert(name, Member::File(range));
            } else if entry.kind.is_symlink() || entry.kind.is_hard_link() {
                // `docker save` writes a layer that several images share once, and links to it.
                let folder = if entry.kind.is_symlink() { parent(&name) } else { "" };
                let target = normalised(&entry.target, folder);
                members.insert(name, Member::Link(target));
            }
        }
    }

    /// The content of the member with this name; a link is followed once.
    pub(super) fn get(&self, name: &str) -> Option<Range> {
        let member = match self.0.get(&normalised(name, ""))? {
            Member::Link(target) => self.0.get(target)?,
            file @ Member::File(_) => file,
        };
        match member {
            Member::File(range) => Some(*range),
            Member::Link(_) => None,
        }
    }
}

fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Resolves a name relative to `folder`, without `.` and `..`.
pub(super) fn normalised(name: &str, folder: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in folder.split('/').chain(name.split('/')) {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join("/")
}
