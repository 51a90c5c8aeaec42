//! Which files the patterns of `package` keep.

mod facts;
mod properties;
mod services;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::gitignore::{Effect, Inexact, translate};

/// The files of a service, sorted.
const FILES: &[&str] = &[
    "!",
    ".env",
    "[k]/a",
    "a",
    "b/a",
    "b/c/a",
    "b/c/d/x.js",
    "b/x.md",
    "c+/a",
    "f(1)/a",
    "foo",
    "foobar/x",
    "node_modules/@y/i.js",
    "node_modules/x/i.js",
    "s/foo",
    "x.md",
];

/// The patterns of `exclude`, and of `include` or `patterns`, in gitignore syntax; and what is not exact in them.
fn translated(exclude: &[&str], include: &[&str]) -> (Vec<String>, Vec<Inexact>) {
    let of_exclude = exclude.iter().map(|pattern| match pattern.strip_prefix('!') {
        Some(glob) => (glob, Effect::Include),
        None => (*pattern, Effect::Exclude),
    });
    let of_include = include.iter().map(|pattern| match pattern.strip_prefix('!') {
        Some(glob) => (glob, Effect::ExcludeWithFolders),
        None => (*pattern, Effect::Include),
    });
    let mut lines = Vec::new();
    let inexact =
        of_exclude.chain(of_include).filter_map(|(glob, effect)| translate(glob, effect, &mut lines).err());
    let inexact = inexact.collect();
    (lines, inexact)
}

fn compiled(lines: &[String]) -> Gitignore {
    let mut builder = GitignoreBuilder::new("");
    for line in lines {
        builder.add_line(None, line).unwrap();
    }
    builder.build().unwrap()
}

/// Whether a walk that does not enter excluded folders keeps a file.
fn keeps(patterns: &Gitignore, file: &str) -> bool {
    let mut folders = file.match_indices('/').map(|(end, _)| &file[..end]);
    !folders.any(|folder| patterns.matched(folder, true).is_ignore())
        && !patterns.matched(file, false).is_ignore()
}

/// Those of [`FILES`] that patterns in gitignore syntax keep.
fn kept(lines: &[String]) -> Vec<&'static str> {
    let patterns = compiled(lines);
    FILES.iter().copied().filter(|file| keeps(&patterns, file)).collect()
}
