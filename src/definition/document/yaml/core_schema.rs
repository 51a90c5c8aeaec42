//! The types of single values: the YAML 1.2 core schema (yaml.org/spec/1.2.2, section 10.3), and binary integers.
//!
//! `2012-10-17`, `yes` and `012345678901` are text, as users expect of versions, answers and accounts.

use crate::definition::document::node::ScalarKind;

/// The type of a plain scalar without a tag.
pub(super) fn kind(text: &str) -> ScalarKind {
    if is_null(text) {
        return ScalarKind::Null;
    }
    if let Some(value) = boolean(text) {
        return ScalarKind::Boolean(value);
    }
    if let Some(value) = integer(text) {
        return ScalarKind::Integer(value);
    }
    decimal(text).map_or(ScalarKind::Text, ScalarKind::Decimal)
}

/// The type of a scalar whose tag is one of the core schema, by the name after `!!`, or what the text should be instead.
pub(super) fn tagged_kind(name: &str, text: &str) -> Result<ScalarKind, &'static str> {
    match name {
        "null" => is_null(text).then_some(ScalarKind::Null).ok_or("null"),
        "bool" => boolean(text).map(ScalarKind::Boolean).ok_or("a boolean"),
        "int" => integer(text).map(ScalarKind::Integer).ok_or("an integer"),
        "float" => {
            let value = decimal(text).or_else(|| text.parse().ok().filter(|value: &f64| value.is_finite()));
            value.map(ScalarKind::Decimal).ok_or("a number")
        }
        _ => Ok(ScalarKind::Text),
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// A number of digits that begins with 0, such as the id of an account, is text. What does not fit is the largest number.
fn integer(text: &str) -> Option<i128> {
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let radixes = [("0x", 16), ("0o", 8), ("0b", 2)];
    let prefixed = radixes.iter().find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, *radix)));
    let (digits, radix) = prefixed.unwrap_or((digits, 10));
    if !digits.starts_with(|first: char| first.is_digit(radix)) || (radix == 10 && has_leading_zero(digits)) {
        return None;
    }
    // A second sign is not a digit, so it fails here.
    let size = u128::from_str_radix(digits, radix).ok()?;
    let size = i128::try_from(size).unwrap_or(i128::MAX);
    Some(if is_negative { -size } else { size })
}

fn has_leading_zero(digits: &str) -> bool {
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|digit| digit.is_ascii_digit())
}

fn decimal(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => return Some(f64::NEG_INFINITY),
        ".inf" | ".Inf" | ".INF" => return Some(f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    // Rust also accepts names such as `infinity`, which are not finite.
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite())?;
    (!has_leading_zero(unsigned)).then_some(value)
}
