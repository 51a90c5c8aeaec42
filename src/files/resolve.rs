//! Symbolic links, followed as the kernel follows them.

use crate::project::ImagePath;

/// How many links a path may lead through, as Linux limits it (`path_resolution(7)`).
const LINK_LIMIT: usize = 40;

/// What stands at a path, to [`follow`].
#[derive(Debug)]
pub enum Step<'a, T> {
    /// A symbolic link with this target.
    Link(&'a str),
    /// Anything else.
    End(T),
}

/// Resolves a path as the kernel does: `look` tells what stands at a path whose folders hold no link. Nothing when it
/// leads nowhere or through too many links.
pub fn follow<'a, T>(path: &ImagePath, look: impl Fn(&ImagePath) -> Option<Step<'a, T>>) -> Option<T> {
    let mut pending: Vec<String> = path.relative().rsplit('/').map(str::to_owned).collect();
    let mut place: Vec<String> = Vec::new();
    let mut links = 0;
    let mut found = None;
    while let Some(name) = pending.pop() {
        match name.as_str() {
            "" | "." => continue,
            ".." => {
                place.pop();
                continue;
            }
            _ => place.push(name),
        }
        found = match look(&format!("/{}", place.join("/")).parse().ok()?)? {
            Step::End(end) => Some(end),
            Step::Link(_) if links == LINK_LIMIT => return None,
            Step::Link(target) => {
                links += 1;
                place.pop();
                if target.starts_with('/') {
                    place.clear();
                }
                pending.extend(target.rsplit('/').map(str::to_owned));
                None
            }
        };
    }
    found
}
