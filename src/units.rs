//! Numbers of bytes as people read them: decimal units for sizes, binary units for limits.

/// A size in decimal units with one digit after the point: `12.3 MB`.
#[must_use]
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 3] = ["kB", "MB", "GB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    // Only one digit after the point is shown, so whole numbers of tenths are exact.
    let mut tenths = bytes / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A limit in the largest binary unit of which it is a whole number: `10 GiB`.
#[must_use]
pub(crate) fn limit(bytes: u64) -> String {
    const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = UNITS.into_iter().find(|(_, bits)| bytes >> bits > 0 && bytes.is_multiple_of(1 << bits));
    whole.map_or_else(|| format!("{bytes} bytes"), |(unit, bits)| format!("{} {unit}", bytes >> bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_234_567, "1.2 MB"),
            (999_999, "999.9 kB"),
            (12_345_678_901, "12.3 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn limits_are_binary() {
        for (bytes, text) in [
            (10 << 30, "10 GiB"),
            (250 << 20, "250 MiB"),
            (4096, "4 KiB"),
            (1536 << 20, "1536 MiB"),
            (1000, "1000 bytes"),
            (0, "0 bytes"),
        ] {
            assert_eq!(limit(bytes), text);
        }
    }
}
