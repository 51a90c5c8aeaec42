//! What Serverless packages, observed with globby 11 and micromatch 4, and what the translated patterns keep.

use super::{FILES, kept, translated};

/// The packaged files: only these, or all but these.
enum Packaged {
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}
use Packaged::{AllBut, Only};

/// `exclude`, `include` or `patterns`, and what is packaged of [`FILES`].
const FACTS: &[(&[&str], &[&str], Packaged)] = &[
    (&[], &[], AllBut(&[])),
    (&["*.md"], &[], AllBut(&["x.md"])),
    (&["**.md"], &[], AllBut(&["b/x.md", "x.md"])),
    (&["**/*.md"], &[], AllBut(&["b/x.md", "x.md"])),
    (&["b/*.md"], &[], AllBut(&["b/x.md"])),
    (&["a"], &[], AllBut(&["a"])),
    (&["**/a"], &[], AllBut(&["[k]/a", "a", "b/a", "b/c/a", "c+/a", "f(1)/a"])),
    (&["**a"], &[], AllBut(&["a"])),
    (&["a/**"], &[], AllBut(&["a"])),
    (&["b/**"], &[], AllBut(&["b/a", "b/c/a", "b/c/d/x.js", "b/x.md"])),
    (&["b/***"], &[], AllBut(&["b/a", "b/x.md"])),
    (&["b**"], &[], AllBut(&[])),
    (&["b/**/a"], &[], AllBut(&["b/a", "b/c/a"])),
    (&["b/**/**"], &[], AllBut(&["b/a", "b/c/a", "b/c/d/x.js", "b/x.md"])),
    (&["b/**/*"], &[], AllBut(&["b/a", "b/c/a", "b/c/d/x.js", "b/x.md"])),
    (&["*/**"], &[], Only(&["!", ".env", "a", "foo", "x.md"])),
    (&["*"], &[], AllBut(&["!", ".env", "a", "foo", "x.md"])),
    (&["**"], &[], Only(&[])),
    (&["**/**"], &[], Only(&[])),
    (&["**/c/**"], &[], AllBut(&["b/c/a", "b/c/d/x.js"])),
    (&["b/**/d/**/x.js"], &[], AllBut(&["b/c/d/x.js"])),
    (&["node_modules"], &[], AllBut(&[])),
    (&[], &["!node_modules"], AllBut(&["node_modules/@y/i.js", "node_modules/x/i.js"])),
    (&[], &["!node_modules/"], AllBut(&[])),
    (&["node_modules/"], &[], AllBut(&[])),
    (&[], &["!node_modules/*"], AllBut(&[])),
    (&[], &["!node_modules/**"], AllBut(&["node_modules/@y/i.js", "node_modules/x/i.js"])),
    (&[], &["!**/c"], AllBut(&["b/c/a", "b/c/d/x.js"])),
    (&[], &["!node_modules/@y"], AllBut(&["node_modules/@y/i.js"])),
    (&[], &["!c+"], AllBut(&["c+/a"])),
    (&[], &["!./b"], AllBut(&["b/a", "b/c/a", "b/c/d/x.js", "b/x.md"])),
    (&["./b/**"], &[], AllBut(&["b/a", "b/c/a", "b/c/d/x.js", "b/x.md"])),
    (&["/b/**"], &[], AllBut(&[])),
    (&[], &["!/b/**"], AllBut(&[])),
    (&[], &["!b/?"], AllBut(&["b/a"])),
    (&[], &["!b/[c]"], AllBut(&[])),
    (
        &[],
        &["!{node_modules,b}"],
        AllBut(&["b/a", "b/c/a", "b/c/d/x.js", "b/x.md", "node_modules/@y/i.js", "node_modules/x/i.js"]),
    ),
    (&[], &["!foo*"], AllBut(&["foo"])),
    (&["foo*"], &[], AllBut(&["foo"])),
    (&[], &["!node_modules/**", "node_modules/x/**"], AllBut(&["node_modules/@y/i.js"])),
    (&[], &["!**", "b/**"], Only(&["b/a", "b/c/a", "b/c/d/x.js", "b/x.md"])),
    (&["**"], &["b/c/**"], Only(&["b/c/a", "b/c/d/x.js"])),
    (&["**"], &["**/*.js"], Only(&["b/c/d/x.js", "node_modules/@y/i.js", "node_modules/x/i.js"])),
    (&["**"], &["b/*"], Only(&["b/a", "b/x.md"])),
    (&["**"], &["*/a"], Only(&["[k]/a", "b/a", "c+/a", "f(1)/a"])),
    (&[], &["!b", "b/c/a"], AllBut(&["b/a", "b/c/d/x.js", "b/x.md"])),
    (&[], &["!b/c", "!a", "b/c/a"], AllBut(&["a", "b/c/d/x.js"])),
    (&["b/**", "!b/c/**"], &[], AllBut(&["b/a", "b/x.md"])),
    (&["b/c/**"], &["b/**", "!b/c/d/**"], AllBut(&["b/c/d/x.js"])),
    (&["!b/**"], &[], AllBut(&[])),
    (&["{foo,a}"], &[], AllBut(&["a", "foo"])),
    (&["{foo}"], &[], AllBut(&[])),
    (&["b/{c/**,x.md}"], &[], AllBut(&["b/c/a", "b/c/d/x.js", "b/x.md"])),
    (&["{a..c}"], &[], AllBut(&["a"])),
    (&["(foo|a)"], &[], AllBut(&["a", "foo"])),
    (&["@(foo|a)"], &[], AllBut(&["a", "foo"])),
    (&["?(b/)a"], &[], AllBut(&["a", "b/a"])),
    (&["f(1)/**"], &[], AllBut(&[])),
    (&["f\\(1\\)/**"], &[], AllBut(&["f(1)/a"])),
    (&["[k]/**"], &[], AllBut(&["[k]/a"])),
    (&["\\[k\\]/**"], &[], AllBut(&["[k]/a"])),
    (&["[ab]"], &[], AllBut(&["a"])),
    (&["[!]"], &[], AllBut(&["!"])),
    (&["[!ab]"], &[], AllBut(&["!", "a"])),
    (&["[^ab]"], &[], AllBut(&["!"])),
    (&["b[^a]a"], &[], AllBut(&[])),
    (&["b?a"], &[], AllBut(&[])),
    (&["???"], &[], AllBut(&["foo"])),
    (&["?(foo)"], &[], AllBut(&["foo"])),
    (&["b//a"], &[], AllBut(&[])),
    (&["b/../a"], &[], AllBut(&[])),
    (&["."], &["."], AllBut(&[])),
];

#[test]
fn translated_patterns_keep_what_serverless_packages() {
    for (exclude, include, packaged) in FACTS {
        let (lines, inexact) = translated(exclude, include);
        let expected: Vec<_> = match packaged {
            Only(files) => files.to_vec(),
            AllBut(files) => FILES.iter().copied().filter(|file| !files.contains(file)).collect(),
        };
        assert_eq!(kept(&lines), expected, "{exclude:?} {include:?}: {lines:?}");
        assert!(inexact.is_empty(), "{exclude:?} {include:?}: {inexact:?}");
    }
}

#[test]
fn what_gitignore_cannot_express_keeps_more_files() {
    for (exclude, include) in [
        (&["+(foo|a)"][..], &[][..]),
        (&["b/*(a|c)"], &[]),
        (&["[[:alpha:]]"], &[]),
        (&["{1..12}"], &[]),
        (&["\"foo\""], &[]),
        (&["foo|a"], &[]),
        (&["[b-a]"], &[]),
        (&["foo\\"], &[]),
        (&[], &["!!foo"]),
    ] {
        let (lines, inexact) = translated(exclude, include);
        assert_eq!(kept(&lines), FILES, "{exclude:?} {include:?}");
        assert_eq!(inexact.len(), 1, "{exclude:?} {include:?}");
    }
    for (include, expected) in [
        ("b/c/+(d)/**", &["b/c/a", "b/c/d/x.js"][..]),
        ("b/!(a)", &["b/a", "b/c/a", "b/c/d/x.js", "b/x.md"]),
        ("node_modules/@y/+(i).js", &["node_modules/@y/i.js"]),
    ] {
        let (lines, inexact) = translated(&["**"], &[include]);
        let kept = kept(&lines);
        assert!(expected.iter().all(|file| kept.contains(file)), "{include}: {kept:?}");
        assert_eq!(inexact.len(), 1, "{include}");
    }
}

#[test]
fn patterns_of_files_outside_of_the_folder_are_reported() {
    for pattern in ["../shared/**", "./../x", "{../a,b}"] {
        let (lines, inexact) = translated(&[], &[pattern]);
        assert_eq!(kept(&lines), FILES, "{pattern}");
        assert_eq!(inexact, [super::Inexact::Outside], "{pattern}");
    }
    assert!(translated(&["../shared/**"], &["!../x"]).1.is_empty(), "nothing there is part of the folder");
}
