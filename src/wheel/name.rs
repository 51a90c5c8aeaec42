//! The file name of a wheel, which is all that an index says about what it fits (binary distribution format, "File name
//! convention").

use std::fmt;
use std::str::FromStr;

/// The name of a wheel's file: `NAME-VERSION(-BUILD)?-PYTHON-ABI-PLATFORM.whl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelName {
    text: String,
    /// The name of the package, as written.
    pub name: String,
    /// The version, as written.
    pub version: String,
    /// The build: its number and what follows it.
    pub build: Option<(u64, String)>,
    /// The Pythons that it fits, such as `cp312` or `py3`.
    pub pythons: Vec<String>,
    /// The binary interfaces that it needs, such as `cp312`, `abi3` or `none`.
    pub abis: Vec<String>,
    /// The platforms that it fits, such as `manylinux_2_17_x86_64` or `any`.
    pub platforms: Vec<String>,
}

/// A name that is not that of a wheel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not the name of a wheel: {why}")]
pub struct InvalidWheelName {
    /// The name, safe to show.
    pub name: String,
    why: &'static str,
}

impl WheelName {
    /// The file name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The tags of what it fits, such as `cp312-abi3-manylinux_2_17_x86_64`: every combination.
    pub fn tags(&self) -> impl Iterator<Item = String> {
        self.pythons.iter().flat_map(move |python| {
            self.abis.iter().flat_map(move |abi| {
                self.platforms.iter().map(move |platform| format!("{python}-{abi}-{platform}"))
            })
        })
    }
}

impl FromStr for WheelName {
    type Err = InvalidWheelName;

    fn from_str(text: &str) -> Result<Self, InvalidWheelName> {
        parse(text).map_err(|why| InvalidWheelName { name: crate::text::excerpt(text), why })
    }
}

impl fmt::Display for WheelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn parse(text: &str) -> Result<WheelName, &'static str> {
    let stem = text.strip_suffix(".whl").ok_or("it does not end in `.whl`")?;
    let fields: Vec<_> = stem.split('-').collect();
    let (name, version, build, [pythons, abis, platforms]) = match fields[..] {
        [name, version, python, abi, platform] => (name, version, None, [python, abi, platform]),
        [name, version, build, python, abi, platform] => {
            (name, version, Some(parse_build(build)?), [python, abi, platform])
        }
        _ => return Err("it does not have five or six fields with `-` between them"),
    };
    if !is_package_name(name) {
        return Err("its first field is not the name of a package");
    }
    let is_version = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '!');
    if version.is_empty() || !version.chars().all(is_version) {
        return Err("its second field is not a version");
    }
    Ok(WheelName {
        text: text.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        build,
        pythons: parse_tags(pythons)?,
        abis: parse_tags(abis)?,
        platforms: parse_tags(platforms)?,
    })
}

fn parse_build(build: &str) -> Result<(u64, String), &'static str> {
    let end = build.find(|c: char| !c.is_ascii_digit()).unwrap_or(build.len());
    let (number, rest) = build.split_at(end);
    match number.parse() {
        Ok(number) if rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_')) => {
            Ok((number, rest.to_owned()))
        }
        _ => Err("its build does not begin with a number"),
    }
}

/// The tags in a field, with `.` between them.
fn parse_tags(field: &str) -> Result<Vec<String>, &'static str> {
    let is_tag = |tag: &str| !tag.is_empty() && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if field.split('.').all(is_tag) {
        Ok(field.split('.').map(str::to_ascii_lowercase).collect())
    } else {
        Err("a tag of it is empty or has other characters than letters, digits and `_`")
    }
}

/// Whether this can be the name of a package (core metadata specifications, "Name").
pub(super) fn is_package_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let has_good_ends =
        [bytes.first(), bytes.last()].iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric));
    has_good_ends && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// A package's name as it is compared: in lower case, with one `-` for any run of `-`, `_` and `.` (PEP 503).
#[must_use]
pub fn normalised(name: &str) -> String {
    let mut normalised = String::with_capacity(name.len());
    for character in name.chars() {
        if !matches!(character, '-' | '_' | '.') {
            normalised.push(character.to_ascii_lowercase());
        } else if !normalised.ends_with('-') {
            normalised.push('-');
        }
    }
    normalised
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_fields_of_a_name_are_read() {
        let name: WheelName =
            "zope.interface-6.4-1b-cp312.pp310-cp312-manylinux_2_5_x86_64.manylinux1_x86_64.whl"
                .parse()
                .unwrap();
        assert_eq!((name.name.as_str(), name.version.as_str()), ("zope.interface", "6.4"));
        assert_eq!(name.build, Some((1, "b".to_owned())));
        assert_eq!(name.tags().count(), 4);
        assert_eq!(name.tags().nth(1).unwrap(), "cp312-cp312-manylinux1_x86_64");
        let name: WheelName = "a_b-1!2.0+local_1-py2.py3-none-any.whl".parse().unwrap();
        assert_eq!((name.version.as_str(), name.build), ("1!2.0+local_1", None));
    }

    #[test]
    fn other_names_are_refused_with_a_reason() {
        for (name, why) in [
            ("a-1-py3-none-any.zip", "does not end in `.whl`"),
            ("a-1-none-any.whl", "five or six fields"),
            ("a-1-2-3-py3-none-any.whl", "five or six fields"),
            ("-1-py3-none-any.whl", "name of a package"),
            ("../a-1-py3-none-any.whl", "name of a package"),
            ("a-1/2-py3-none-any.whl", "not a version"),
            ("a--py3-none-any.whl", "not a version"),
            ("a-1-x-py3-none-any.whl", "begin with a number"),
            ("a-1-99999999999999999999-py3-none-any.whl", "begin with a number"),
            ("a-1-py3.-none-any.whl", "a tag of it"),
            ("a-1-py3-none-any/b.whl", "a tag of it"),
        ] {
            let error = name.parse::<WheelName>().unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(why), "{error}");
        }
    }

    #[test]
    fn names_are_normalised() {
        assert_eq!(normalised("Zope.Interface"), "zope-interface");
        assert_eq!(normalised("a-_.b__c"), "a-b-c");
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_or_an_error(text in r"[a-z.\-/_!+0-9é]{0,40}(\.whl)?") {
            if let Ok(name) = text.parse::<WheelName>() {
                prop_assert_eq!(name.as_str(), &text);
                prop_assert!(name.tags().count() > 0 && !text.contains('/'));
            }
        }
    }
}
