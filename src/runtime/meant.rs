//! Which runtimes a text that is not a runtime id may mean: `3.11`, `node18`, `Python 3.12`, `java`, `NODEJS_22_X`.

use super::{CATALOGUE, Contract, Date, GONE};
use crate::text::nearest;

/// What users call the families of runtimes. Languages without a runtime of their own use `provided`.
const FAMILIES: &[(&str, &[&str])] = &[
    ("python", &["python", "cpython", "py"]),
    ("nodejs", &["nodejs", "node", "js", "javascript", "typescript"]),
    ("java", &["java", "jdk", "openjdk", "corretto", "kotlin", "scala"]),
    ("dotnet", &["dotnet", "dotnetcore", "net", "csharp", "fsharp"]),
    ("ruby", &["ruby", "rb"]),
    ("provided", &["provided", "custom", "bootstrap", "al", "amazonlinux", "go", "golang", "rust"]),
];

/// The runtime ids that a text most likely means, one for each family that it may name. None if it resembles no
/// family.
#[must_use]
pub(crate) fn meant(text: &str, today: Date) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let words: Vec<&str> =
        text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty()).collect();
    let version = numbers(&text);
    if let Some(family) = family(&words) {
        let of_version = by_version(family, &version, today);
        return of_version.or_else(|| nearest_supported(family, &version, today)).into_iter().collect();
    }
    // A number alone, as YAML reads `runtime: 3.11`.
    let is_number = words.iter().all(|word| *word == "x");
    let families = FAMILIES.iter().filter(|_| is_number && !version.is_empty());
    families.filter_map(|(family, _)| by_version(family, &version, today)).collect()
}

/// The newest runtime of a family that AWS supports; if it supports none, the newest.
#[must_use]
pub(crate) fn newest(family: &str, today: Date) -> Option<&'static str> {
    let supported = of_family(family).rev().find(|contract| contract.is_supported(today));
    supported
        .or_else(|| of_family(family).rfind(|contract| !contract.support.preview))
        .map(|it| it.id.as_str())
}

/// The nearest runtime that AWS supports instead of one that it no longer does.
#[must_use]
pub(crate) fn successor(id: &str, today: Date) -> Option<&'static str> {
    let family = family(&id.split(|c: char| !c.is_ascii_alphabetic()).collect::<Vec<_>>())?;
    nearest_supported(family, &numbers(id), today)
}

fn family(words: &[&str]) -> Option<&'static str> {
    let find = |is_name: &dyn Fn(&str) -> bool| {
        let mut families = FAMILIES.iter();
        families.find(|(_, names)| names.iter().any(|name| is_name(name))).map(|(family, _)| *family)
    };
    words.iter().find_map(|word| find(&|name| name == *word)).or_else(|| {
        let names = || FAMILIES.iter().flat_map(|(_, names)| names.iter().copied());
        // Short words resemble too much.
        let mut long = words.iter().filter(|word| word.len() > 3);
        let name = long.find_map(|word| nearest(word, names().filter(|name| name.len() > 3)))?;
        find(&|other| other == name)
    })
}

/// The runtime of a family with this version: written with or without dots, too short, or too long.
fn by_version(family: &str, version: &[u64], today: Date) -> Option<&'static str> {
    if version.is_empty() {
        return newest(family, today);
    }
    let joined = |numbers: &[u64]| numbers.iter().map(u64::to_string).collect::<String>();
    let written = joined(version);
    let id = |contract: &'static Contract| contract.id.as_str();
    if let Some(contract) = of_family(family).find(|contract| joined(&numbers(&contract.id)) == written) {
        return Some(id(contract));
    }
    let gone =
        GONE.iter().find(|gone| numbers(gone) == version && self::family(&[letters(gone)]) == Some(family));
    if let Some(gone) = gone {
        return successor(gone, today);
    }
    let starts = |contract: &&Contract| numbers(&contract.id).starts_with(version);
    let supported = |contract: &&Contract| contract.is_supported(today);
    let continues = |contract: &&Contract| version.starts_with(&numbers(&contract.id));
    let newest = of_family(family).rev().filter(starts).find(supported);
    newest.or_else(|| of_family(family).find(continues)).map(id)
}

/// The oldest supported runtime that is not older than a version, or else the newest.
fn nearest_supported(family: &str, version: &[u64], today: Date) -> Option<&'static str> {
    let mut supported = of_family(family).filter(|contract| contract.is_supported(today));
    let next = supported.find(|contract| numbers(&contract.id).as_slice() >= version);
    next.map(|contract| contract.id.as_str()).or_else(|| newest(family, today))
}

/// The runtimes of a family, from the oldest to the newest.
fn of_family(family: &str) -> impl DoubleEndedIterator<Item = &'static Contract> {
    CATALOGUE.iter().filter(move |contract| letters(&contract.id) == family)
}

/// The letters at the beginning of an id.
fn letters(id: &str) -> &str {
    id.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default()
}

/// All numbers in a text, such as 3 and 12 of `python3.12`. Ids of a family are in the order of their numbers.
pub(super) fn numbers(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = Date::new(2026, 11, 29);

    #[test]
    fn a_slip_means_the_runtime_that_a_person_would_read() {
        for (text, expected) in [
            ("3.11", &["python3.11"][..]),
            ("3.10", &["python3.10"]),
            ("3.4", &["ruby3.4"]),
            ("4.0", &["ruby4.0"]),
            ("18", &["nodejs18.x"]),
            ("22.x", &["nodejs22.x"]),
            ("21", &["java21"]),
            ("8", &["java8.al2", "dotnet8"]),
            ("node18", &["nodejs18.x"]),
            ("node", &["nodejs24.x"]),
            ("nodejs", &["nodejs24.x"]),
            ("nodejs18", &["nodejs18.x"]),
            ("nodejs-22", &["nodejs22.x"]),
            ("node:20", &["nodejs20.x"]),
            ("NODEJS_22_X", &["nodejs22.x"]),
            ("lambda.Runtime.PYTHON_3_12", &["python3.12"]),
            ("public.ecr.aws/lambda/python:3.13", &["python3.13"]),
            ("python", &["python3.14"]),
            ("python3", &["python3.14"]),
            ("python 3.12", &["python3.12"]),
            ("Python3.11", &["python3.11"]),
            ("python312", &["python3.12"]),
            ("python3.12.4", &["python3.12"]),
            ("pyhton3.12", &["python3.12"]),
            ("py39", &["python3.9"]),
            ("java", &["java25"]),
            ("java 17", &["java17"]),
            ("corretto21", &["java21"]),
            ("dotnet", &["dotnet10"]),
            (".NET 8", &["dotnet8"]),
            ("dotnet8.0", &["dotnet8"]),
            ("ruby", &["ruby4.0"]),
            ("provided", &["provided.al2023"]),
            ("al2023", &["provided.al2023"]),
            ("go", &["provided.al2023"]),
            ("rust", &["provided.al2023"]),
            ("cobol", &[]),
            ("slim", &[]),
            ("99", &[]),
            ("x", &[]),
            ("", &[]),
        ] {
            assert_eq!(meant(text, TODAY), expected, "{text}");
        }
    }

    #[test]
    fn a_runtime_that_is_gone_means_the_nearest_that_is_supported() {
        for (gone, expected) in [
            ("python2.7", "python3.11"),
            ("python3.8", "python3.11"),
            ("nodejs", "nodejs24.x"),
            ("nodejs8.10", "nodejs22.x"),
            ("nodejs16.x", "nodejs22.x"),
            ("java8", "java8.al2"),
            ("go1.x", "provided.al2023"),
            ("ruby2.7", "ruby3.3"),
            ("dotnetcore3.1", "dotnet10"),
            ("dotnet5", "dotnet10"),
            ("dotnet7", "dotnet10"),
        ] {
            assert!(GONE.contains(&gone.to_owned()), "{gone}");
            assert_eq!(meant(gone, TODAY), [expected], "{gone}");
        }
        assert!(GONE.iter().all(|gone| meant(gone, TODAY).len() == 1));
        assert_eq!(meant("python3.8", Date::new(2028, 1, 1)), ["python3.12"]);
    }

    #[test]
    fn a_preview_is_newer_than_the_newest() {
        assert_eq!(newest("python", TODAY), Some("python3.14"));
        assert_eq!(newest("python", Date::new(2040, 1, 1)), Some("python3.14"));
        assert_eq!(successor("python3.9", TODAY), Some("python3.11"));
        assert_eq!(successor("provided.al2", TODAY), Some("provided.al2023"));
        assert_eq!(successor("dotnet9", TODAY), Some("dotnet10"));
    }
}
