//! What is read of the contents of files while layers are laid over each other.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::files::{Origin, TarEntry, for_each_recorded, node_manifest};
use crate::project::ImagePath;
use crate::store::{Digest, HashingReader};
use crate::tree::LISTING_LIMIT;

/// What a view needs of contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Nothing,
    /// What packages declare of themselves.
    Packages,
    /// The digests of all files.
    Digests,
}

/// What was read, by the entries that have it.
pub(super) struct Contents {
    wanted: Wanted,
    pub(super) digests: BTreeMap<Origin, Digest>,
    /// Names and versions of packages of Node.js.
    pub(super) node_packages: BTreeMap<Origin, (String, String)>,
    /// The paths that distributions of Python list, relative to the folder that they are installed in.
    pub(super) records: BTreeMap<Origin, Vec<String>>,
    /// The bytes of all these paths.
    recorded: usize,
}

impl Contents {
    pub(super) fn new(wanted: Wanted) -> Self {
        let (digests, node_packages, records) = Default::default();
        Self { wanted, digests, node_packages, records, recorded: 0 }
    }

    /// Reads the entries of a layer, one after another.
    pub(super) fn reader_of(
        &mut self,
        layer: u32,
    ) -> impl FnMut(&TarEntry, Option<&ImagePath>, &mut dyn Read) -> io::Result<()> {
        let mut origin = Origin { layer, entry: 0 };
        move |entry, path, content| {
            if let Some(path) = path.filter(|_| entry.kind.is_file() || entry.kind.is_contiguous()) {
                self.read(origin, path.as_str(), content)?;
            }
            origin.entry += 1;
            Ok(())
        }
    }

    fn read(&mut self, origin: Origin, path: &str, content: &mut dyn Read) -> io::Result<()> {
        match self.wanted {
            Wanted::Nothing => {}
            Wanted::Digests => {
                self.digests.insert(origin, HashingReader::new(content).finish()?);
            }
            Wanted::Packages if path.ends_with(".dist-info/RECORD") => self.read_record(origin, content)?,
            Wanted::Packages => {
                if let Some(package) = node_manifest(path, content)? {
                    self.node_packages.insert(origin, package);
                }
            }
        }
        Ok(())
    }

    /// Reads the list of a distribution. Beyond the limit of all files of an image there are no more lists: what such
    /// distributions contain is then guessed from names.
    fn read_record(&mut self, origin: Origin, content: &mut dyn Read) -> io::Result<()> {
        let mut paths = Vec::new();
        for_each_recorded(content, |path| {
            if self.recorded < LISTING_LIMIT {
                self.recorded += path.len() + size_of::<String>();
                paths.push(path.to_owned());
            }
        })?;
        if self.recorded < LISTING_LIMIT {
            self.records.insert(origin, paths);
        }
        Ok(())
    }
}
