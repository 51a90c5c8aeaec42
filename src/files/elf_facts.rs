//! What a program or shared library needs to be loaded, and what a library provides: the names and versions that the dynamic
//! loader compares (`ld.so(8)`; Linux Standard Base, "Symbol Versioning").

use std::collections::BTreeMap;

use object::elf::{self, Verdaux, Verdef, Vernaux, Verneed};
use object::pod::{self, Pod};
use object::{LittleEndian, U32};
use serde::{Deserialize, Serialize};

use super::elf_dynamic::Dynamic;
use crate::tree::{Content, TreeError};

/// The most bytes of a table of versions. That of the GNU C library has 3 KB.
const VERSIONS_LIMIT: u64 = 256 * 1024;

/// The most entries that are read of a list in such a table.
const LIST_LIMIT: usize = 10_000;

/// What the dynamic loader reads of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElfFacts {
    /// The path of the loader, if it is a program that is not static.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// The name under which others need it.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The names of the libraries that it needs.
    #[serde(rename = "n", default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<String>,
    /// The folders in which these are looked for before the usual ones; `$ORIGIN` stands for its own folder.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub search_path: Vec<String>,
    /// The versions that it needs of each library.
    #[serde(rename = "v", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub needed_versions: BTreeMap<String, Vec<String>>,
    /// The versions that it provides.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
}

impl ElfFacts {
    /// Reads a little-endian file of 64 bits; `head` is its beginning. Nothing if it has another form.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(content: &Content, head: &[u8]) -> Result<Option<Self>, TreeError> {
        let Some(dynamic) = Dynamic::read(content, head)? else { return Ok(None) };
        let folders = dynamic.all(elf::DT_RUNPATH).chain(dynamic.all(elf::DT_RPATH)).map(text);
        let folders = folders.flat_map(|path| path.split(':').map(str::to_owned).collect::<Vec<_>>());
        let table = |tag| match dynamic.value(tag) {
            Some(address) => dynamic.from(address, VERSIONS_LIMIT),
            None => Ok(None),
        };
        Ok(Some(Self {
            interpreter: dynamic.interpreter().filter(|path| !path.is_empty()).map(text),
            name: dynamic.all(elf::DT_SONAME).next().map(text),
            needed: dynamic.all(elf::DT_NEEDED).map(text).collect(),
            search_path: folders.filter(|folder| !folder.is_empty()).collect(),
            needed_versions: needed_versions(&table(elf::DT_VERNEED)?.unwrap_or_default(), &dynamic),
            versions: provided_versions(&table(elf::DT_VERDEF)?.unwrap_or_default(), &dynamic),
        }))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The entries of a list, each of which has the distance to the next one.
fn entries<T: Pod>(
    table: &[u8],
    start: usize,
    next: impl Fn(&T) -> u32,
) -> impl Iterator<Item = (usize, &T)> {
    let mut at = Some(start);
    std::iter::from_fn(move || {
        let here = at?;
        let (entry, _) = pod::from_bytes::<T>(table.get(here..)?).ok()?;
        at = match next(entry) {
            0 => None,
            distance => here.checked_add(usize::try_from(distance).ok()?),
        };
        Some((here, entry))
    })
    .take(LIST_LIMIT)
}

fn needed_versions(table: &[u8], dynamic: &Dynamic<'_>) -> BTreeMap<String, Vec<String>> {
    let mut needed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (at, library) in entries::<Verneed<LittleEndian>>(table, 0, |entry| number(entry.vn_next)) {
        let Some(name) = dynamic.name(number(library.vn_file).into()) else { continue };
        let versions =
            entries::<Vernaux<LittleEndian>>(table, at + number(library.vn_aux) as usize, |entry| {
                number(entry.vna_next)
            });
        // A weak version may be missing.
        let strong =
            versions.filter(|(_, version)| !version.vna_flags.get(LittleEndian).contains(elf::VER_FLG_WEAK));
        let names = strong.filter_map(|(_, version)| dynamic.name(number(version.vna_name).into()).map(text));
        needed.entry(text(name)).or_default().extend(names.take(LIST_LIMIT));
    }
    needed
}

fn provided_versions(table: &[u8], dynamic: &Dynamic<'_>) -> Vec<String> {
    let definitions = entries::<Verdef<LittleEndian>>(table, 0, |entry| number(entry.vd_next));
    // The first one is the name of the library itself.
    let own =
        |definition: &Verdef<LittleEndian>| definition.vd_flags.get(LittleEndian).contains(elf::VER_FLG_BASE);
    let versions = definitions.filter(|(_, definition)| !own(definition));
    let name = |(at, definition): (usize, &Verdef<LittleEndian>)| {
        let at = at + number(definition.vd_aux) as usize;
        let (_, name) = entries::<Verdaux<LittleEndian>>(table, at, |entry| number(entry.vda_next)).next()?;
        dynamic.name(number(name.vda_name).into()).map(text)
    };
    versions.filter_map(name).collect()
}

fn number(field: U32<LittleEndian>) -> u32 {
    field.get(LittleEndian)
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::super::program::HEAD;
    use super::super::target::tests::elf;
    use super::*;

    const SEGMENTS: u64 = 3;
    const HEADERS: u64 = 64 + SEGMENTS * 56;
    const ADDRESS: u64 = 0x1000;

    /// The names of a file, each with its offset.
    struct Names(Vec<u8>);

    impl Names {
        fn add(&mut self, name: &str) -> u32 {
            let offset = u32::try_from(self.0.len()).unwrap();
            self.0.extend(name.bytes().chain([0]));
            offset
        }
    }

    /// A program or library for `x86_64` with these facts.
    pub(crate) fn elf_file(facts: &ElfFacts) -> Vec<u8> {
        let mut names = Names(vec![0]);
        let mut dynamic: Vec<(u64, u64)> = Vec::new();
        dynamic.extend(facts.needed.iter().map(|name| (1, names.add(name).into())));
        dynamic.extend(facts.name.iter().map(|name| (14, names.add(name).into())));
        if !facts.search_path.is_empty() {
            dynamic.push((29, names.add(&facts.search_path.join(":")).into()));
        }
        let mut needed = Vec::new();
        for (number, (library, versions)) in facts.needed_versions.iter().enumerate() {
            let size = u32::try_from(16 + 16 * versions.len()).unwrap();
            let next = if number + 1 < facts.needed_versions.len() { size } else { 0 };
            needed.extend([1, 0]);
            needed.extend(u16::try_from(versions.len()).unwrap().to_le_bytes());
            needed.extend([names.add(library), 16, next].map(u32::to_le_bytes).concat());
            for (position, version) in versions.iter().enumerate() {
                let next = if position + 1 < versions.len() { 16 } else { 0 };
                needed.extend([0; 8]);
                needed.extend([names.add(version), next].map(u32::to_le_bytes).concat());
            }
        }
        let mut provided = Vec::new();
        let own = facts.name.clone().unwrap_or_default();
        for (number, version) in [&own].into_iter().chain(&facts.versions).enumerate() {
            let next = if number < facts.versions.len() { 28 } else { 0 };
            let base = u16::from(number == 0);
            provided.extend([1, base, 0, 1].map(u16::to_le_bytes).concat());
            provided.extend([0, 20, next, names.add(version), 0].map(u32::to_le_bytes).concat());
        }
        let loader: Vec<u8> = facts.interpreter.iter().flat_map(|path| path.bytes().chain([0])).collect();
        // Behind the first bytes, as in a large file.
        let mut at = HEADERS + loader.len() as u64 + 5000;
        let mut place = |table: &[u8]| {
            let start = at;
            at += table.len() as u64;
            start + ADDRESS
        };
        let (needed_at, provided_at) = (place(&needed), place(&provided));
        let names_at = place(&names.0);
        if !facts.needed_versions.is_empty() {
            dynamic.push((0x6fff_fffe, needed_at));
        }
        if !facts.versions.is_empty() {
            dynamic.push((0x6fff_fffc, provided_at));
        }
        dynamic.extend([(5, names_at), (10, names.0.len() as u64), (0, 0)]);
        let dynamic: Vec<u8> =
            dynamic.iter().flat_map(|(tag, value)| [*tag, *value]).flat_map(u64::to_le_bytes).collect();
        let dynamic_at = names_at - ADDRESS + names.0.len() as u64;
        let mut file = elf(62, 2, 1);
        file[32..40].copy_from_slice(&64_u64.to_le_bytes());
        file[56] = u8::try_from(SEGMENTS).unwrap();
        for (kind, offset, address, size) in [
            (3, HEADERS, 0, loader.len() as u64),
            (1, 0, ADDRESS, dynamic_at),
            (2, dynamic_at, 0, dynamic.len() as u64),
        ] {
            file.extend(u64::to_le_bytes(kind));
            for number in [offset, address, address, size, size, 8] {
                file.extend(u64::to_le_bytes(number));
            }
        }
        file.extend(loader);
        file.resize(usize::try_from(needed_at - ADDRESS).unwrap(), 0);
        for table in [needed, provided, names.0, dynamic] {
            file.extend(table);
        }
        file
    }

    fn read(file: &[u8]) -> Option<ElfFacts> {
        let content = Content::Bytes(Arc::from(file));
        ElfFacts::read(&content, &content.head(HEAD).unwrap()).unwrap()
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn example() -> ElfFacts {
        ElfFacts {
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
            name: Some("libown.so.1".to_owned()),
            needed: texts(&["libm.so.6", "libc.so.6"]),
            search_path: texts(&["$ORIGIN/../lib", "/opt/lib"]),
            needed_versions: [
                ("libc.so.6".to_owned(), texts(&["GLIBC_2.2.5", "GLIBC_2.34"])),
                ("libm.so.6".to_owned(), texts(&["GLIBC_2.29"])),
            ]
            .into(),
            versions: texts(&["OWN_1.0", "OWN_2.0"]),
        }
    }

    #[test]
    fn all_facts_are_read() {
        assert_eq!(read(&elf_file(&example())), Some(example()));
        let plain = ElfFacts { needed: texts(&["libc.so.6"]), ..ElfFacts::default() };
        assert_eq!(read(&elf_file(&plain)), Some(plain));
        assert_eq!(read(&elf(62, 2, 1)), Some(ElfFacts::default()), "a static program");
        assert_eq!(read(b"#!/bin/sh"), None);
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn a_real_program_needs_versions_of_glibc() {
        let facts = read(&std::fs::read(std::env::current_exe().unwrap()).unwrap()).unwrap();
        assert!(facts.interpreter.unwrap().contains("ld-linux"));
        assert!(facts.needed_versions["libc.so.6"].iter().any(|version| version.starts_with("GLIBC_2.")));
    }

    #[test]
    fn a_damaged_file_is_survived() {
        let whole = elf_file(&example());
        for length in (0..whole.len()).step_by(3) {
            drop(read(&whole[..length]));
        }
        for at in (0..300).chain(5000..whole.len()) {
            for value in [0, 0x10, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                drop(read(&damaged));
            }
        }
    }
}
