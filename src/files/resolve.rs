//! Symbolic links, followed as the Linux kernel follows them (`path_resolution(7)`).

use crate::project::ImagePath;

/// The most symbolic links that the kernel follows for one path.
const LINK_LIMIT: usize = 40;

/// The most names that are walked for one path, those in the targets of links included. The kernel has no such limit: there,
/// 40 links of 2,000 names each are valid. A small archive can contain thousands of those, so that following them would
/// take minutes; real paths need fewer than a hundred names.
const NAME_LIMIT: usize = 1000;

/// What is at a path, as [`resolve`] needs to know it.
#[derive(Debug)]
pub enum Step<'a, T> {
    /// A symbolic link with this target.
    Link(&'a str),
    /// A directory.
    Directory(T),
    /// A file, a device or a pipe: nothing can be below it.
    Other(T),
}

/// Where a path stops that leads to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadEnd {
    /// There is nothing at this path, or nothing can be below it.
    At(String),
    /// The links on the way lead to each other, or there are too many of them, or of the names in their targets.
    Loop,
    /// At the root, which always exists but is not a path of an image.
    Root,
}

/// As [`trace`], for callers that need not know where a path stops.
pub fn resolve<'a, T>(path: &ImagePath, look: impl Fn(&str) -> Option<Step<'a, T>>) -> Option<T> {
    trace(path, look).ok()
}

/// Follows every symbolic link on the way to a path, inside the image, and gives what `look` gives for the path at the
/// end. `look` is called only for paths whose folders are directories, not links.
///
/// # Errors
/// When the path leads to nothing, to the root, through too many links or names, or through something that is not a directory.
pub fn trace<'a, T>(path: &ImagePath, look: impl Fn(&str) -> Option<Step<'a, T>>) -> Result<T, DeadEnd> {
    let mut pending: Vec<&str> = path.relative().rsplit('/').collect();
    let mut names = pending.len();
    let mut place = String::new();
    let mut is_directory = true;
    let mut links = 0;
    while let Some(name) = pending.pop() {
        if !is_directory {
            return Err(DeadEnd::At(place));
        }
        let parent = place.len();
        match name {
            "" | "." => continue,
            ".." => {
                place.truncate(place.rfind('/').unwrap_or_default());
                continue;
            }
            name => place.extend(["/", name]),
        }
        match look(&place) {
            None | Some(Step::Link("")) => return Err(DeadEnd::At(place)),
            Some(Step::Directory(_)) => {}
            Some(Step::Other(_)) => is_directory = false,
            Some(Step::Link(_)) if links == LINK_LIMIT => return Err(DeadEnd::Loop),
            Some(Step::Link(target)) => {
                links += 1;
                names += target.split('/').count();
                if names > NAME_LIMIT {
                    return Err(DeadEnd::Loop);
                }
                place.truncate(if target.starts_with('/') { 0 } else { parent });
                pending.extend(target.rsplit('/'));
            }
        }
    }
    if place.is_empty() {
        return Err(DeadEnd::Root);
    }
    match look(&place) {
        Some(Step::Directory(found) | Step::Other(found)) => Ok(found),
        Some(Step::Link(_)) | None => Err(DeadEnd::At(place)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Resolves a path in an image of directories (`/`), links (their target) and files (an empty text).
    fn resolved(entries: &[(&str, &str)], path: &str) -> Option<String> {
        let entries: BTreeMap<&str, &str> = entries.iter().copied().collect();
        resolve(&path.parse().unwrap(), |path| {
            let (path, entry) = entries.get_key_value(path)?;
            Some(match *entry {
                "/" => Step::Directory((*path).to_owned()),
                "" => Step::Other((*path).to_owned()),
                target => Step::Link(target),
            })
        })
    }

    #[test]
    fn links_are_followed_from_their_own_folder_or_the_root() {
        let entries = [
            ("/bin", "usr/bin"),
            ("/usr", "/"),
            ("/usr/bin", "/"),
            ("/usr/bin/sh", "dash"),
            ("/usr/bin/dash", ""),
            ("/absolute", "/bin/sh"),
            ("/up", "usr/../bin/sh"),
            ("/above-the-root", "../../../bin/sh"),
            ("/usr/bin/X11", "."),
            ("/usr/parent", ".."),
            ("/slash", "usr/bin/"),
        ];
        for path in ["/bin/sh", "/usr/bin/sh", "/absolute", "/up", "/above-the-root", "/bin/X11/X11/dash"] {
            assert_eq!(resolved(&entries, path).as_deref(), Some("/usr/bin/dash"), "{path}");
        }
        for path in ["/bin", "/slash", "/usr/bin/X11", "/bin/X11/X11"] {
            assert_eq!(resolved(&entries, path).as_deref(), Some("/usr/bin"), "{path}");
        }
        assert_eq!(resolved(&entries, "/usr/parent"), None, "the root has no path");
        assert_eq!(resolved(&entries, "/usr/parent/absolute").as_deref(), Some("/usr/bin/dash"));
    }

    #[test]
    fn a_path_through_something_that_is_not_a_directory_leads_nowhere() {
        let entries = [
            ("/file", ""),
            ("/slash", "file/"),
            ("/dot", "file/."),
            ("/back", "file/../file"),
            ("/missing", "nowhere"),
            ("/past", "nowhere/../file"),
        ];
        for path in ["/file/x", "/slash", "/dot", "/back", "/missing", "/missing/x", "/past"] {
            assert_eq!(resolved(&entries, path), None, "{path}");
        }
    }

    #[test]
    fn forty_links_are_followed_and_no_more() {
        let targets: Vec<_> =
            (0..=41).map(|number| (format!("/{number}"), (number + 1).to_string())).collect();
        let mut entries: Vec<_> = targets.iter().map(|(path, target)| (&path[..], &target[..])).collect();
        entries.push(("/42", ""));
        assert_eq!(resolved(&entries, "/2").as_deref(), Some("/42"));
        assert_eq!(resolved(&entries, "/1"), None);
        assert_eq!(resolved(&[("/loop", "loop")], "/loop"), None);
    }

    #[test]
    fn links_to_very_many_names_are_not_followed() {
        let target = |hops: usize| format!("{}file", "folder/../".repeat(hops));
        let (most, more) = (target(499), target(500));
        let entries =
            [("/file", ""), ("/folder", "/"), ("/most", &most[..]), ("/more", &more), ("/through", "./most")];
        assert_eq!(resolved(&entries, "/most").as_deref(), Some("/file"));
        assert_eq!(resolved(&entries, "/more"), None);
        assert_eq!(resolved(&entries, "/through"), None, "the names of all links on the way count together");

        let looked = std::cell::Cell::new(0);
        let (up, inner) = ("k/".to_owned() + &"../k/".repeat(500), "n/../".repeat(700) + "n");
        let end = trace(&"/kk".parse().unwrap(), |path| {
            looked.set(looked.get() + 1);
            Some(match path {
                "/kk" => Step::Link(&up),
                "/k" => Step::Link(&inner),
                _ => Step::Directory(()),
            })
        });
        assert_eq!(end, Err(DeadEnd::Loop));
        assert!(looked.get() <= NAME_LIMIT, "{looked:?}");
    }
}
