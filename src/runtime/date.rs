//! Days of the calendar, as the catalogue and its callers name them.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A day, such as 2026-11-29. Later days are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The day with these numbers, which the caller took from a calendar.
    #[must_use]
    pub(crate) const fn new(year: u16, month: u8, day: u8) -> Self {
        Self { year, month, day }
    }

    /// The day on which tests run, unless they are about days.
    #[cfg(test)]
    pub(crate) const OF_TESTS: Self = Self::new(2026, 11, 29);
}

impl FromStr for Date {
    type Err = String;

    /// Reads `2026-11-29`, and no other form.
    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (year, rest) = text.split_once('-')?;
            let (month, day) = rest.split_once('-')?;
            let date = Self::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
            (date.to_string() == text && (1..=12).contains(&date.month) && (1..=31).contains(&date.day))
                .then_some(date)
        };
        read().ok_or_else(|| format!("`{text}` is not a date such as 2026-11-29"))
    }
}

impl TryFrom<String> for Date {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_ordered_and_written_as_they_were_read() {
        let dates: Vec<Date> =
            ["2025-12-15", "2026-01-02", "2026-11-29"].map(|text| text.parse().unwrap()).into();
        assert!(dates.is_sorted());
        assert_eq!(dates[1].to_string(), "2026-01-02");
        for bad in ["2026-1-2", "2026-13-01", "2026-01-32", "2026-01", "tomorrow", "2026-01-02T03", ""] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
    }
}
