//! The patterns of `package` as patterns in gitignore syntax with the same meaning.
//!
//! Serverless lists all files below the service's folder, and then the last pattern that matches the path of a file decides
//! about it (`package-service.js` of versions 1 to 4: globby 11 and micromatch 4). In gitignore too the last pattern that
//! matches decides, but three things differ:
//!
//! - A pattern of Serverless is relative to the root: `*.md` matches in the root only, as `/*.md` does in gitignore.
//! - A pattern of gitignore also matches folders, and nothing below an excluded folder is ever included again. So a pattern
//!   that excludes files is followed by one that brings back the folders that it matches, and one that includes files is
//!   preceded by some that bring back the folders above them.
//! - `a/**` matches a file `a` too in Serverless, and in gitignore only what is below `a`.
//!
//! What gitignore cannot express, such as `!(a|b)`, excludes nothing, or includes all that is below its folder: limg may add
//! a file that Serverless leaves out, and never leaves out one that Serverless adds.

use super::glob::{self, Meaning, Segments};

/// What a pattern does with the files that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// They are part of the package.
    Include,
    /// They are not.
    Exclude,
    /// Neither they are, nor what is in folders that the pattern names: one with `!` in `package.patterns` or
    /// `package.include`.
    ExcludeWithFolders,
}

/// What could not be translated exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inexact {
    /// Files outside of the folder would be part of the package.
    Outside,
    /// gitignore cannot express the pattern.
    Approximate,
}

/// Adds lines in gitignore syntax that do the same as a pattern after those before it.
pub(super) fn translate(glob: &str, effect: Effect, lines: &mut Vec<String>) -> Result<(), Inexact> {
    match (glob::read(glob), effect) {
        (Meaning::Paths(paths), Effect::Include) => paths.iter().for_each(|path| include(path, lines)),
        (Meaning::Paths(paths), _) => {
            for path in &paths {
                exclude(path, effect == Effect::ExcludeWithFolders && glob::names_folders(path), lines);
            }
        }
        (Meaning::Below(mut folder), Effect::Include) => {
            folder.push("**".to_owned());
            include(&folder, lines);
            return Err(Inexact::Approximate);
        }
        (Meaning::Below(_), _) => return Err(Inexact::Approximate),
        (Meaning::Outside, Effect::Include) => return Err(Inexact::Outside),
        (Meaning::Outside, _) => {}
    }
    Ok(())
}

fn exclude(path: &Segments, with_folders: bool, lines: &mut Vec<String>) {
    let line = line(path);
    match all_below(path) {
        Some(folder) => {
            lines.extend((!folder.is_empty()).then(|| format!("{}/", self::line(folder))));
            lines.extend(glob::matches_without_slash(folder).then(|| self::line(folder)));
            lines.push(line);
        }
        None if with_folders => lines.extend([line.clone(), format!("{line}/**")]),
        None => lines.extend([line.clone(), format!("!{line}/")]),
    }
}

fn include(path: &Segments, lines: &mut Vec<String>) {
    lines.extend((1..path.len()).map(|length| format!("!{}/", line(&path[..length]))));
    let folder = all_below(path).filter(|folder| glob::matches_without_slash(folder));
    lines.extend(folder.map(|folder| format!("!{}", line(folder))));
    lines.push(format!("!{}", line(path)));
}

fn line(path: &[String]) -> String {
    format!("/{}", path.join("/"))
}

/// For a glob of all that is below a folder: the folder.
fn all_below(path: &Segments) -> Option<&[String]> {
    let mut folder = &path[..];
    while let [above @ .., last] = folder
        && last == "**"
    {
        folder = above;
    }
    (folder.len() < path.len()).then_some(folder)
}
