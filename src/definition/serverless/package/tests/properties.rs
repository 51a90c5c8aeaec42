//! Translated patterns against a plain reading of the rules of Serverless, for globs of `*`, `?`, `**` and names.

use proptest::prelude::*;

use super::{compiled, keeps, translated};

/// Whether a glob matches a path, both in segments.
fn matches(glob: &[&str], path: &[&str]) -> bool {
    match (glob, path) {
        ([] | ["**"], []) => true,
        (["**", rest @ ..], _) => {
            matches(rest, path) || path.split_first().is_some_and(|(_, below)| matches(glob, below))
        }
        ([name, rest @ ..], [own, below @ ..]) => {
            // After a name that ends with `*`, `/**` requires a slash.
            let requires_slash = name.ends_with('*') && rest.iter().all(|it| *it == "**") && !rest.is_empty();
            is_like(name.as_bytes(), own.as_bytes())
                && !(requires_slash && below.is_empty())
                && matches(rest, below)
        }
        _ => false,
    }
}

fn is_like(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => is_like(rest, name) || (!name.is_empty() && is_like(pattern, &name[1..])),
        ([b'?', rest @ ..], [_, after @ ..]) => is_like(rest, after),
        ([own, rest @ ..], [first, after @ ..]) => own == first && is_like(rest, after),
        _ => false,
    }
}

/// Whether Serverless packages a file.
fn is_packaged(exclude: &[String], include: &[String], file: &str) -> bool {
    let path: Vec<&str> = file.split('/').collect();
    let mut packaged = true;
    let excludes = exclude.iter().map(|pattern| match pattern.strip_prefix('!') {
        Some(glob) => (glob, true, false),
        None => (pattern.as_str(), false, false),
    });
    let includes = include.iter().map(|pattern| match pattern.strip_prefix('!') {
        Some(glob) => (glob, false, true),
        None => (pattern.as_str(), true, false),
    });
    for (glob, included, with_folders) in excludes.chain(includes) {
        let glob: Vec<&str> = glob.split('/').collect();
        let names_folder = with_folders && !glob.last().unwrap().contains(['*', '?']);
        let folders = || (1..path.len()).any(|length| matches(&glob, &path[..length]));
        if matches(&glob, &path) || (names_folder && folders()) {
            packaged = included;
        }
    }
    packaged
}

fn glob() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["a", "b", "c", "**", "*", "a*", "?", "*b", "ab"]);
    (any::<bool>(), prop::collection::vec(segment, 1..4))
        .prop_map(|(negated, segments)| format!("{}{}", if negated { "!" } else { "" }, segments.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn translated_patterns_decide_as_serverless_does(
        exclude in prop::collection::vec(glob(), 0..3),
        include in prop::collection::vec(glob(), 0..4),
        files in prop::collection::vec("(a|b|c|ab|ac)(/(a|b|c|ab|ac)){0,3}", 1..6),
    ) {
        let [excluded, included] = [&exclude, &include].map(|it| it.iter().map(String::as_str).collect::<Vec<_>>());
        let (lines, inexact) = translated(&excluded, &included);
        prop_assert!(inexact.is_empty());
        let patterns = compiled(&lines);
        for file in files {
            let expected = is_packaged(&exclude, &include, &file);
            prop_assert_eq!(keeps(&patterns, &file), expected, "{} with {:?}", file, lines);
        }
    }

    #[test]
    fn every_glob_becomes_valid_patterns(exclude in "\\PC{0,20}|[a*?\\[\\](){},|!@+/.\\\\^ -]{0,30}") {
        for include in [&[][..], &[exclude.as_str()]] {
            let (lines, _) = translated(&[&exclude], include);
            let _valid = compiled(&lines);
        }
    }
}
