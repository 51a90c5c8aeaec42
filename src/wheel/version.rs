//! Versions of packages (`PyPA`, version specifiers).

use std::str::FromStr as _;

use pep440_rs::Version;

/// Whether two texts are the same version: `1.0` and `1`, `1.0-RC1` and `1.0rc1`. In the names of files, `_` is in the place of
/// `-` (binary distribution format, "Escaping and Unicode").
pub(super) fn is_same_version(one: &str, other: &str) -> bool {
    let [one, other] = [one, other].map(|text| text.replace('_', "-"));
    match (Version::from_str(&one), Version::from_str(&other)) {
        (Ok(one), Ok(other)) => one == other,
        // Old packages have versions of other forms.
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_in_their_normal_form() {
        for (one, other) in [
            ("1.0", "1"),
            ("1.0.0+Ubuntu_1", "1.0.0+ubuntu.1"),
            ("2.0-RC1", "2.0rc1"),
            ("1!1.0_1", "1!1.0.post1"),
            ("2004d-x", "2004d_x"),
        ] {
            assert!(is_same_version(one, other), "{one} {other}");
        }
        for (one, other) in [("1.0", "1.0.1"), ("1", "1rc1"), ("x", "y"), ("1", "")] {
            assert!(!is_same_version(one, other), "{one} {other}");
        }
    }
}
