//! Where the files of a wheel go below the root of an installation, as `pip install --target` places them.
//!
//! | in the wheel | below the root |
//! | --- | --- |
//! | `X.data/purelib/`, `X.data/platlib/`, `X.data/data/` | what is in them |
//! | `X.data/scripts/` | `bin/` |
//! | `X.data/headers/` | `include/PACKAGE/`, as uv does; pip adds the version of its own Python |
//! | all others | the same path |

/// Where a file goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placement {
    /// The path below the root.
    pub(super) path: String,
    /// Whether it is a program, whose first line may have to name the interpreter.
    pub(super) is_script: bool,
}

/// The folder of programs.
pub(super) const BIN: &str = "bin";

/// Places a file of the wheel of a package, or says why it has no place.
pub(super) fn place(path: &str, package: &str) -> Result<Placement, String> {
    let unchanged = |path: &str| Ok(Placement { path: path.to_owned(), is_script: false });
    let Some((top, below)) = path.split_once('/').filter(|(top, _)| top.strip_suffix(".data").is_some())
    else {
        return unchanged(path);
    };
    match below.split_once('/') {
        Some(("purelib" | "platlib" | "data", below)) => unchanged(below),
        Some(("scripts", below)) => Ok(Placement { path: format!("{BIN}/{below}"), is_script: true }),
        Some(("headers", below)) => unchanged(&format!("include/{package}/{below}")),
        _ => Err(format!(
            "`{}` is in `{top}`, but not in one of its folders purelib, platlib, data, scripts and headers",
            crate::text::visible_line(path)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_folders_are_spread() {
        for (path, expected, is_script) in [
            ("a/b.py", "a/b.py", false),
            ("a-1.data/purelib/a/b.py", "a/b.py", false),
            ("a-1.data/platlib/a/c.so", "a/c.so", false),
            ("a-1.data/data/etc/a/a.json", "etc/a/a.json", false),
            ("a-1.data/scripts/run", "bin/run", true),
            ("a-1.data/headers/a.h", "include/A/a.h", false),
            ("a/x.data/scripts/run", "a/x.data/scripts/run", false),
            ("x.data", "x.data", false),
        ] {
            let placement = place(path, "A").unwrap();
            assert_eq!((placement.path.as_str(), placement.is_script), (expected, is_script));
        }
        for path in ["a-1.data/x", "a-1.data/other/x", "a-1.data/scripts"] {
            assert!(place(path, "A").unwrap_err().contains(path), "{path}");
        }
    }
}
