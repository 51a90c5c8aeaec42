//! Scripts that were saved under Windows, as the kernel and shells of Linux read them.

/// The largest script that is rewritten, in bytes: it is held in memory.
pub(super) const LIMIT: u64 = 4 * 1024 * 1024;

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A script without a byte order mark and without the carriage returns in front of line feeds.
pub(super) fn unix(script: &[u8]) -> Vec<u8> {
    let script = script.strip_prefix(MARK).unwrap_or(script);
    let mut converted = Vec::with_capacity(script.len());
    for line in script.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => converted.extend([line, b"\n"].concat()),
            None => converted.extend(line),
        }
    }
    converted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_endings_become_those_of_unix_and_nothing_else_changes() {
        for (before, after) in [
            ("#!/bin/sh\r\necho a\r\n", "#!/bin/sh\necho a\n"),
            ("\u{feff}#!/bin/sh\r\nx", "#!/bin/sh\nx"),
            ("#!/bin/sh\nprintf 'a\rb'\r\n\r", "#!/bin/sh\nprintf 'a\rb'\n\r"),
            ("", ""),
        ] {
            assert_eq!(unix(before.as_bytes()), after.as_bytes(), "{before:?}");
            assert_eq!(unix(after.as_bytes()), after.as_bytes());
        }
    }
}
