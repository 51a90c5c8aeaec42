//! The runtime that an image has, as far as the files of AWS's bases, and of bases that keep their contract, show.

use crate::files::ImageFiles;
use crate::runtime::{self, Contract};

/// Where such bases have the interpreter of a runtime: the beginning of a path that ends with the version.
const INTERPRETERS: [(&str, &str); 2] =
    [("python", "/var/lang/bin/python"), ("ruby", "/var/lang/lib/ruby/gems/")];

/// The contract of the runtime.
pub(super) fn of(files: &ImageFiles) -> Option<&'static Contract> {
    let known = |(language, start): &(&str, &str)| {
        let ids = runtime::ids().into_iter().filter(|id| id.starts_with(language));
        let has = |version: &str| {
            let path = format!("{start}{version}");
            files.index.get(&path).is_some() || files.index.get(&format!("{path}.0")).is_some()
        };
        // The newest first: a base has one.
        ids.rev().find(|id| id.strip_prefix(language).is_some_and(has))
    };
    let node = || {
        let has = |path: &str| files.index.get(path).is_some();
        // Which version it is does not show in the paths; where layers are looked for is the same for most packages.
        (has("/var/lang/bin/node") && !has("/var/lang/bin/python3"))
            .then(|| runtime::ids().into_iter().rev().find(|id| id.starts_with("nodejs")))
            .flatten()
    };
    let id = INTERPRETERS.iter().find_map(known).or_else(node)?;
    runtime::contract(id)
}
