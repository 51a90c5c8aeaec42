//! The files `WHEEL` and `METADATA`, which have the headers of an e-mail (core metadata specifications).

use super::name::{WheelName, is_package_name, normalised};
use super::version::is_same_version;

/// What a wheel's `METADATA` declares that installing needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The name of the package, as its authors write it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The versions of Python that it supports, such as `>=3.9`.
    pub requires_python: Option<String>,
    /// The packages that it requires, one requirement each, not parsed.
    pub requires_dist: Vec<String>,
}

impl Metadata {
    /// Reads `METADATA` of the wheel `wheel`; or says what is wrong with it.
    pub(super) fn parse(text: &str, wheel: &WheelName) -> Result<Self, String> {
        let mut metadata = Self {
            name: String::new(),
            version: String::new(),
            requires_python: None,
            requires_dist: Vec::new(),
        };
        for (key, value) in headers(text) {
            match key.as_str() {
                "name" => metadata.name = value,
                "version" => metadata.version = value,
                "requires-python" => metadata.requires_python = Some(value),
                "requires-dist" => metadata.requires_dist.push(value),
                _ => {}
            }
        }
        let WheelName { name, version, .. } = wheel;
        if !is_package_name(&metadata.name) || normalised(&metadata.name) != normalised(name) {
            let found = crate::text::excerpt(&metadata.name);
            return Err(format!("its `METADATA` is that of `{found}`, not of `{name}`"));
        }
        if metadata.version.is_empty() {
            return Err("its `METADATA` has no version".to_owned());
        }
        if !is_same_version(&metadata.version, version) {
            let found = crate::text::excerpt(&metadata.version);
            return Err(format!("its `METADATA` is that of version `{found}`, not of `{version}`"));
        }
        Ok(metadata)
    }
}

/// Makes sure that `WHEEL` has a version of the format that this room knows. An installer must refuse another first number
/// ("Installing a wheel").
pub(super) fn check_wheel_version(text: &str) -> Result<(), String> {
    let version = headers(text).into_iter().find(|(key, _)| key == "wheel-version");
    let version = version.map(|(_, value)| value).unwrap_or_default();
    match version.split_once('.') {
        Some(("1", minor)) if minor.parse::<u32>().is_ok() => Ok(()),
        _ => Err(format!(
            "its `WHEEL` has the version `{}` of the format; limg supports 1.x",
            crate::text::excerpt(&version)
        )),
    }
}

/// The headers up to the first empty line: keys in lower case, and values without the line breaks in them.
fn headers(text: &str) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in text.lines().take_while(|line| !line.trim().is_empty()) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = headers.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((key, value)) = line.split_once(':') {
            headers.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn metadata_is_read_up_to_the_description() {
        let text = "Metadata-Version: 2.1\r\nName: Zope.Interface\r\nVersion: 6.4\r\nrequires-python: >=3.7\r\n\
                    Requires-Dist: setuptools\r\nRequires-Dist: a ;\r\n  extra == 'x'\r\n\r\nRequires-Dist: b\r\n";
        let wheel = "zope_interface-6.4.0-py3-none-any.whl".parse().unwrap();
        let metadata = Metadata::parse(text, &wheel).unwrap();
        assert_eq!((metadata.name.as_str(), metadata.version.as_str()), ("Zope.Interface", "6.4"));
        assert_eq!(metadata.requires_python.as_deref(), Some(">=3.7"));
        assert_eq!(metadata.requires_dist, ["setuptools", "a ; extra == 'x'"]);
    }

    #[test]
    fn metadata_of_another_package_is_refused() {
        let why = |text| Metadata::parse(text, &"a-1-py3-none-any.whl".parse().unwrap()).unwrap_err();
        assert_eq!(why("Name: b\nVersion: 1\n"), "its `METADATA` is that of `b`, not of `a`");
        assert_eq!(why("Version: 1\n"), "its `METADATA` is that of ``, not of `a`");
        assert_eq!(why("Name: a\n\nVersion: 1\n"), "its `METADATA` has no version");
        let other = why("Name: a\nVersion: 1.1\n");
        assert_eq!(other, "its `METADATA` is that of version `1.1`, not of `1`");
    }

    #[test]
    fn only_the_first_version_of_the_format_is_supported() {
        assert_eq!(check_wheel_version("Wheel-Version: 1.0\n"), Ok(()));
        assert_eq!(check_wheel_version("Wheel-Version: 1.9\n"), Ok(()));
        for text in ["Wheel-Version: 2.0\n", "Wheel-Version: 1\n", "", "Wheel-Version: 1.x"] {
            assert!(check_wheel_version(text).unwrap_err().contains("limg supports 1.x"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_headers(text in any::<String>()) {
            prop_assert!(headers(&text).len() <= text.lines().count());
        }
    }
}
