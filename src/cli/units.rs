//! Sizes as users write them, and durations as they read them.

use std::str::FromStr;
use std::time::Duration;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

/// Units in lower case, with their numbers of bytes.
const UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("b", 1),
    ("kb", 1000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// A text that is not a size.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a size, for example `10GB` or `500MB`")]
pub(super) struct SizeError(String);

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.trim_start().to_ascii_lowercase();
        let bytes = || {
            let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
            number.parse::<u64>().ok()?.checked_mul(factor)
        };
        bytes().map(Self).ok_or_else(|| SizeError(text.to_owned()))
    }
}

/// A duration with two digits after the point: `1.25 s`.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("0", 0),
            ("12", 12),
            ("12B", 12),
            ("3 kB", 3000),
            ("500MB", 500_000_000),
            ("10GB", 10_000_000_000),
            ("10 gib", 10 << 30),
            ("2TB", 2_000_000_000_000),
        ] {
            assert_eq!(text.parse::<Size>().unwrap(), Size(bytes), "{text}");
        }
        for bad in ["", "GB", "-1", "1.5GB", "10 XB", "10GB!", "99999999999TB", "ten"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }
}
