//! Names: of the project, of functions, of layers, extensions and bases.
//!
//! Project and functions become parts of image names, whose grammar is that of the OCI distribution specification
//! (Pulling manifests, `<name>`); an extension's name becomes a file name.

use std::collections::BTreeMap;
use std::path::Path;

use super::Findings;
use crate::finding::{Code, Finding, Place};

/// The length of a function's name by Lambda's API (`CreateFunction`, `FunctionName`).
const FUNCTION_AT_MOST: usize = 64;
/// With a function's name and a separator this stays below the 255 characters that registries allow.
const PROJECT_AT_MOST: usize = 128;
/// The longest file name of usual file systems.
const ENTRY_AT_MOST: usize = 255;

/// The project's name: as written, or the folder's.
pub(in crate::definition) fn project(written: Option<&str>, root: &Path, findings: &mut Findings) -> String {
    let Some(name) = written else {
        let folder = root.file_name().map(|name| name.to_string_lossy().into_owned());
        return image_name(&folder.unwrap_or_default()).unwrap_or_else(|| "project".to_owned());
    };
    if name.len() > PROJECT_AT_MOST || !is_image_name(name) {
        let message = format!("`{name}` cannot be part of an image name");
        let finding = Finding::error(Code::BadName, findings.at(&["project"]), message);
        findings.add(finding.help(match image_name(name).filter(|name| name.len() <= PROJECT_AT_MOST) {
            Some(better) => format!("`{better}` can"),
            None => format!(
                "use at most {PROJECT_AT_MOST} lower-case letters and digits, with `.`, `_` or `-` between them"
            ),
        }));
    }
    name.to_owned()
}

/// Checks the names of all functions, and that no two give the same image name.
pub(in crate::definition) fn functions<'n>(
    functions: impl IntoIterator<Item = (&'n str, Place)>,
    findings: &mut Findings,
) {
    let mut images: BTreeMap<String, &str> = BTreeMap::new();
    for (name, at) in functions {
        let at = at.on_key();
        let image = name.to_lowercase();
        let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !letters || name.len() > FUNCTION_AT_MOST || !is_image_name(&image) {
            let message = format!("`{name}` is not a valid function name");
            findings.add(Finding::error(Code::BadName, at, message).help(format!(
                "use at most {FUNCTION_AT_MOST} letters and digits, with single `-` or `_` between them"
            )));
        } else if let Some(other) = images.get(&image) {
            let message = format!("`{name}` and `{other}` differ only in case");
            let finding = Finding::error(Code::NameClash, at, message);
            findings.add(finding.help("rename one of them: image names are in lower case"));
        } else {
            images.insert(image, name);
        }
    }
}

/// Whether limg accepts the name of a function whose letters another tool has chosen.
fn is_function(name: &str) -> bool {
    name.len() <= PROJECT_AT_MOST && is_image_name(&name.to_lowercase())
}

/// Checks the name of the image of the function `name` from a definition of another tool.
pub(in crate::definition) fn image(name: &str, image: &str, at: &Place, findings: &mut Findings) {
    if !is_function(image) {
        let message = format!("`{name}` cannot be the name of an image");
        findings.add(Finding::error(Code::BadName, at.clone(), message));
    }
}

/// The name of the image of a function, whose own name may be a path.
pub(in crate::definition) fn of_image(name: &str) -> String {
    let image = name.replace('/', "-");
    if is_function(&image) {
        return image;
    }
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// Checks the name of `kind`: a layer, an extension or a base.
pub(in crate::definition) fn entry(kind: &str, name: &str, at: &Place, findings: &mut Findings) {
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if !begins || !letters || name.len() > ENTRY_AT_MOST {
        let message = format!("`{name}` is not a valid name for {kind}");
        let finding = Finding::error(Code::BadName, at.clone().on_key(), message);
        findings.add(finding.help("use letters, digits, `.`, `_` and `-`, beginning with a letter or digit"));
    }
}

/// Whether a text can be one component of an image name: lower-case letters and digits, with `.`, `_`, `__` or
/// any number of `-` between them.
fn is_image_name(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = text.split(is_word).filter(|part| !part.is_empty());
    text.starts_with(is_word)
        && text.ends_with(is_word)
        && separators
            .into_iter()
            .all(|part| matches!(part, "." | "_" | "__") || part.chars().all(|c| c == '-'))
}

/// The image name that is closest to any text.
fn image_name(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()));
    let name = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names_keep_the_grammar_of_registries() {
        for good in ["shop", "my-shop", "a.b_c-d", "a__b", "a--b", "0"] {
            assert!(is_image_name(good), "{good}");
        }
        for bad in ["", "Shop", "-a", "a-", "a..b", "a._b", "a___b", "a b", "ä"] {
            assert!(!is_image_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_folder_of_any_name_gives_a_project_name() {
        for (folder, name) in [
            ("/src/shop", "shop"),
            ("/src/My Shop (2)", "my-shop-2"),
            ("/src/a_b", "a-b"),
            ("/", "project"),
            ("/ü", "project"),
        ] {
            assert_eq!(
                project(None, Path::new(folder), &mut Findings::new(Place::document(Path::new("limg.yaml")))),
                name,
                "{folder}"
            );
        }
    }
}
