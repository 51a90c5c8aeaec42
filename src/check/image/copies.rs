//! Files of the function that the system below it has too: the image is larger than it has to be.

use std::collections::BTreeMap;

use super::{ImageSubject, is_of_function};
use crate::finding::{Code, Finding};
use crate::project::ImagePath;
use crate::store::Digest;
use crate::text::count;
use crate::units::size;

/// The size from which on copies are worth a word, in bytes.
const WORTH_A_WORD: u64 = 1024 * 1024;

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let mut of_system: BTreeMap<(&Digest, &str), &ImagePath> = BTreeMap::new();
    let mut of_function = Vec::new();
    for (path, content) in subject.files.contents() {
        let Some(digest) = &content.digest else { continue };
        if is_of_function(path) {
            of_function.push((path, digest));
        } else {
            of_system.insert((digest, path.name()), path);
        }
    }
    let copy = |(path, digest): &(&'_ ImagePath, &Digest)| {
        let of_system = of_system.get(&(*digest, path.name()))?;
        Some((subject.files.size_of(path.as_str())?, path.to_string(), of_system.to_string()))
    };
    let mut copies: Vec<(u64, String, String)> = of_function.iter().filter_map(copy).collect();
    copies.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    let total: u64 = copies.iter().map(|(size, ..)| size).sum();
    let Some((_, largest, original)) = copies.first().filter(|_| total >= WORTH_A_WORD) else {
        return Vec::new();
    };
    let message = format!(
        "{} with {} are copies of files that the base has too: `{largest}` is the same as `{original}`",
        count(copies.len(), "file"),
        size(total)
    );
    vec![
        Finding::warning(Code::CopyOfBase, subject.place.clone(), message)
            .about(copies.iter().map(|(_, path, _)| path))
            .help("leave them out if the versions of the base will do"),
    ]
}
