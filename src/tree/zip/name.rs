//! The names of entries: which ones an image can hold, and how.

/// The most bytes that Linux takes for one name of a path (`NAME_MAX` of limits.h).
const NAME_LIMIT: usize = 255;

/// The name of an entry, as a path below the archive's root.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The path, `/` between its names, none of them empty, `.` or `..`. Empty for the root itself.
    pub(super) path: String,
    /// Whether it ended as directories' names do.
    pub(super) directory: bool,
    /// Whether `\` stood for `/`.
    pub(super) backslashes: bool,
}

/// Reads a name, or says why it cannot be taken. `windows` tells whether the archive was made there.
///
/// The format has `/` between names, but old tools of Windows write `\`. Only a name from there that has no `/` is read
/// so: many tools call themselves DOS wherever they run, and elsewhere `\` is a character like any other, which is kept.
pub(super) fn read(name: &str, windows: bool) -> Result<Name, &'static str> {
    let backslashes = windows && name.contains('\\') && !name.contains('/');
    let replaced = if backslashes { name.replace('\\', "/") } else { name.to_owned() };
    if replaced.is_empty() {
        return Err("has no name");
    }
    if replaced.contains('\0') {
        return Err("has a NUL in its name");
    }
    if replaced.starts_with('/') {
        return Err("has an absolute name; an entry's name is relative to the archive's root");
    }
    let mut path = String::with_capacity(replaced.len());
    for name in replaced.split('/') {
        match name {
            // What every tool that unpacks does with `./a` and `a//b`.
            "" | "." => continue,
            ".." => return Err("has `..` in its name, which can lead out of the archive's root"),
            _ if name.len() > NAME_LIMIT => {
                return Err("has a name longer than the 255 bytes that Linux takes");
            }
            _ if path.is_empty() && has_drive(name) => return Err("has a name with a drive letter"),
            _ => {}
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(name);
    }
    let directory = replaced.ends_with('/') || path.is_empty();
    Ok(Name { path, directory, backslashes })
}

/// Whether a path begins with a drive of Windows. `B::Deparse.3` is no such: Perl's manual has names like that.
fn has_drive(name: &str) -> bool {
    matches!(name.as_bytes(), [drive, b':', rest @ ..] if drive.is_ascii_alphabetic() && !rest.starts_with(b":"))
}

/// A name without control characters.
pub(super) fn printable(name: &str) -> String {
    let mut printable = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_control() {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str, windows: bool) -> Result<String, &'static str> {
        read(name, windows).map(|name| name.path)
    }

    #[test]
    fn names_are_normalised() {
        for (name, expected) in [
            ("a", "a"),
            ("a/b.py", "a/b.py"),
            ("./a", "a"),
            ("././a/./b//c", "a/b/c"),
            ("a/", "a"),
            ("./", ""),
            (".", ""),
            ("..a/b..", "..a/b.."),
            ("B::Deparse.3", "B::Deparse.3"),
            ("d/c:", "d/c:"),
            (" ", " "),
        ] {
            assert_eq!(path(name, false).as_deref(), Ok(expected), "{name:?}");
            assert_eq!(path(name, true).as_deref(), Ok(expected), "{name:?}");
        }
        for (name, directory) in [("a", false), ("a/", true), ("./", true), (".", true), ("a/b", false)] {
            assert_eq!(read(name, false).unwrap().directory, directory, "{name:?}");
        }
    }

    #[test]
    fn names_that_could_lead_elsewhere_are_refused() {
        let long = "x".repeat(256);
        for name in [
            "",
            "/",
            "/etc/passwd",
            "//a",
            "..",
            "../a",
            "a/../b",
            "a/..",
            "./../a",
            "C:",
            "c:/a",
            "C:a",
            "./C:/a",
            "a\0",
            "a/\0b",
            &long,
        ] {
            assert!(path(name, false).is_err(), "{name:?}");
            assert!(path(name, true).is_err(), "{name:?}");
        }
        for name in ["\\a", "\\\\host\\a", "..\\a", "a\\..\\b", "C:\\a"] {
            assert!(path(name, true).is_err(), "{name:?}");
        }
        assert_eq!(path(&long[1..], false).unwrap().len(), 255);
    }

    #[test]
    fn backslashes_separate_where_windows_wrote_them() {
        assert_eq!(
            read("d\\e\\f.py", true),
            Ok(Name { path: "d/e/f.py".to_owned(), directory: false, backslashes: true })
        );
        assert!(read("d\\", true).unwrap().directory);
        assert_eq!(path("d\\e", false).as_deref(), Ok("d\\e"));
        assert_eq!(path("..\\e", false).as_deref(), Ok("..\\e"), "one odd name, which leads nowhere");
        assert_eq!(path("d/dev-disk\\x2d1.swap", true).as_deref(), Ok("d/dev-disk\\x2d1.swap"));
    }

    #[test]
    fn messages_hold_no_control_characters() {
        assert_eq!(printable("ü\x1b[2J\n"), "ü\\u{1b}[2J\\n");
    }
}
