//! The time that an image bears: of every entry of its layers and of its config.

/// 1980-01-01, the earliest time that a zip can hold, in seconds since 1970.
const DEFAULT: u64 = 315_532_800;

/// A time that an image can bear, from `SOURCE_DATE_EPOCH` or 1980-01-01.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuildTime {
    seconds: u64,
    rfc3339: String,
}

impl BuildTime {
    /// The time so many seconds after 1970. Nothing if a layer cannot hold it: a tar header has 33 bits for the time (POSIX
    /// pax, "ustar Interchange Format").
    #[must_use]
    pub(crate) fn from_seconds(seconds: u64) -> Option<Self> {
        let signed = i64::try_from(seconds).ok().filter(|seconds| *seconds < 1 << 33)?;
        let rfc3339 = jiff::Timestamp::from_second(signed).ok()?.to_string();
        Some(Self { seconds, rfc3339 })
    }

    /// Seconds since 1970, for the entries of layers.
    #[must_use]
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds
    }

    /// The same in RFC 3339, for the config (OCI image specification, config.md, `created`).
    #[must_use]
    pub(crate) fn rfc3339(&self) -> &str {
        &self.rfc3339
    }
}

impl Default for BuildTime {
    fn default() -> Self {
        Self { seconds: DEFAULT, rfc3339: "1980-01-01T00:00:00Z".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_its_seconds_say() {
        assert_eq!(BuildTime::from_seconds(DEFAULT), Some(BuildTime::default()));
    }

    #[test]
    fn only_what_a_tar_header_holds_is_a_time() {
        assert_eq!(BuildTime::from_seconds(1_700_000_000).unwrap().rfc3339(), "2023-11-14T22:13:20Z");
        assert!(BuildTime::from_seconds((1 << 33) - 1).is_some());
        assert!(BuildTime::from_seconds(1 << 33).is_none() && BuildTime::from_seconds(u64::MAX).is_none());
    }
}
