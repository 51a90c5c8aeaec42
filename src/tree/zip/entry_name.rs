//! The names of entries: how they are decoded, and which ones an image can contain.

use crate::project::why_not_on_linux;

/// The characters 0x80 to 0xff of code page 437, the encoding of names that are not UTF-8 (APPNOTE.TXT, appendix D).
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
                     └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The name of an entry, as a path below the archive's root.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EntryName {
    /// Names with `/` between them, none of them empty, `.` or `..`. Empty for the root itself.
    pub(super) path: String,
    /// Whether it ends in `/`, as the names of directories do.
    pub(super) is_directory: bool,
    /// Whether `\` was read as `/`.
    pub(super) has_backslashes: bool,
}

/// Decodes a name in code page 437, whose lower half is ASCII.
pub(super) fn from_cp437(name: &[u8]) -> String {
    let decode = |byte: &u8| match byte.checked_sub(0x80) {
        Some(index) => CP437.chars().nth(usize::from(index)).unwrap_or_default(),
        None => char::from(*byte),
    };
    name.iter().map(decode).collect()
}

/// Normalises a name, or returns why it is rejected. `from_windows` is whether the archive declares that it was made
/// there.
///
/// The format separates names with `/`, but old tools on Windows write `\`. A backslash is read as a separator only
/// if the archive comes from Windows and the name has no `/`: many tools declare DOS wherever they run, and on other
/// systems `\` is an ordinary character.
pub(super) fn normalise(name: &str, from_windows: bool) -> Result<EntryName, &'static str> {
    let has_backslashes = from_windows && name.contains('\\') && !name.contains('/');
    let name = if has_backslashes { name.replace('\\', "/") } else { name.to_owned() };
    if name.is_empty() {
        return Err("has no name");
    }
    if name.contains('\0') {
        return Err("has a NUL character in its name");
    }
    if name.starts_with('/') {
        return Err("has an absolute path as its name");
    }
    let mut path = String::with_capacity(name.len());
    for part in name.split('/') {
        match part {
            // All tools unpack `./a` and `a//b` like this.
            "" | "." => continue,
            ".." => return Err("has `..` in its name, which can point outside the archive"),
            _ if path.is_empty() && has_drive(part) => return Err("has a name with a drive letter"),
            _ => {}
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(part);
    }
    // Even if it is excluded: each of its folders would be matched with the patterns.
    if let Some(why) = why_not_on_linux(&path) {
        return Err(why);
    }
    let is_directory = name.ends_with('/') || path.is_empty();
    Ok(EntryName { path, is_directory, has_backslashes })
}

/// Whether a path begins with a drive letter. `B::Deparse.3` does not: names like this are in Perl's manual.
fn has_drive(name: &str) -> bool {
    matches!(name.as_bytes(), [drive, b':', rest @ ..] if drive.is_ascii_alphabetic() && !rest.starts_with(b":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str, from_windows: bool) -> Result<String, &'static str> {
        normalise(name, from_windows).map(|name| name.path)
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
            assert_eq!(normalise(name, false).unwrap().is_directory, directory, "{name:?}");
        }
    }

    #[test]
    fn names_that_could_point_outside_are_rejected() {
        let long = "x".repeat(256);
        let (deep, wide) = ("a/".repeat(30_000), "a".repeat(200) + "/" + &"a".repeat(200));
        let wide = [wide.as_str(); 11].join("/");
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
            &deep,
            &wide,
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
            normalise("d\\e\\f.py", true),
            Ok(EntryName { path: "d/e/f.py".to_owned(), is_directory: false, has_backslashes: true })
        );
        assert!(normalise("d\\", true).unwrap().is_directory);
        assert_eq!(path("d\\e", false).as_deref(), Ok("d\\e"));
        assert_eq!(path("..\\e", false).as_deref(), Ok("..\\e"), "one odd name, which stays inside");
        assert_eq!(path("d/dev-disk\\x2d1.swap", true).as_deref(), Ok("d/dev-disk\\x2d1.swap"));
    }

    #[test]
    fn code_page_437_has_a_character_for_every_byte() {
        assert_eq!(CP437.chars().count(), 128);
        assert_eq!(from_cp437(b"a\x80\x81\xb0\xe1\xfe\xff"), "aÇü░ß■\u{a0}");
    }
}
