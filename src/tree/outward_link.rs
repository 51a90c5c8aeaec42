//! Symbolic links that lead out of their own tree: to a path of the image, or to something of the machine that builds it.
//!
//! A link is judged where it lies in the image (facts 12.5). Which files an image has is not known here, so links that
//! seem to mean a file of this machine are only recorded; whether the image has the file is for a rule to say.

use std::path::Path;

use crate::project::{ImagePath, is_in};

/// The folders of Lambda and the kernel: a link to such a path means the image, whether or not the build machine has the
/// path too.
const OF_LAMBDA: &[&str] = &["/dev", "/opt", "/proc", "/sys", "/var/lang", "/var/runtime", "/var/task"];

/// What functions fill at run time, and where file systems are mounted. The same holds for links to it, unless they are to be
/// followed: build machines keep projects there.
const OF_RUN_TIME: &[&str] = &["/mnt", "/tmp"];

/// Where base images have files, and build machines as well.
const OF_SYSTEM: &[&str] =
    &["/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/run", "/sbin", "/usr", "/var"];

/// Where machines keep the files of people: no base for Lambda has files that a function could use there.
const OF_PEOPLE: &[&str] = &["/Users", "/home", "/root"];

/// What a link leads to that means the build machine, unless the image has what it points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineLink {
    /// Something that no base image has.
    Certain,
    /// Something that a base image may have.
    UnlessInBase,
}

/// A link on its way from a source to the image.
pub(super) struct Outward<'a> {
    /// Its path in the image.
    pub(super) path: &'a ImagePath,
    /// Its target as written, with `/` between names.
    pub(super) target: &'a str,
    /// The link on this machine, and the source that contains it; nothing for an entry of an archive.
    pub(super) on_machine: Option<(&'a Path, &'a Path)>,
}

impl Outward<'_> {
    /// What the link leads to on this machine, if it seems to mean that.
    pub(super) fn machine_link(&self) -> Option<MachineLink> {
        let exists = || self.on_machine.is_some_and(|(link, _)| link.try_exists().unwrap_or(true));
        let Some(absolute) = self.same_path_in_both() else {
            return exists().then_some(MachineLink::Certain);
        };
        if let Some(place) =
            below_one_of(OF_LAMBDA, &absolute).or_else(|| below_one_of(OF_RUN_TIME, &absolute))
        {
            return self.is_own(&absolute, place).then_some(MachineLink::Certain);
        }
        if let Some(place) = below_one_of(OF_SYSTEM, &absolute) {
            let own = self.is_own(&absolute, place).then_some(MachineLink::Certain);
            return own.or_else(|| exists().then_some(MachineLink::UnlessInBase));
        }
        (below_one_of(OF_PEOPLE, &absolute).is_some() || exists()).then_some(MachineLink::Certain)
    }

    /// Whether the link means the image and nothing of this machine, even if links are followed.
    pub(super) fn is_of_image(&self) -> bool {
        self.same_path_in_both().is_some_and(|absolute| {
            below_one_of(OF_LAMBDA, &absolute).is_some_and(|place| !self.is_own(&absolute, place))
        })
    }

    /// The normalised target if it names the same path in the image and on this machine: an absolute one, or one that
    /// climbs to the root of both.
    fn same_path_in_both(&self) -> Option<String> {
        if self.target.starts_with('/') {
            return Some(normalised("", self.target));
        }
        let folder = self.on_machine?.0.parent()?.to_str().filter(|folder| folder.starts_with('/'))?;
        let in_image = normalised(self.path.folder(), self.target);
        (normalised(folder, self.target) == in_image).then_some(in_image)
    }

    /// Whether a path has more in common with the source on this machine than `place`: it is a part of the project that
    /// happens to be below such a place, not a path of the image.
    fn is_own(&self, path: &str, place: &str) -> bool {
        let Some(source) = self.on_machine.and_then(|(_, source)| source.to_str()) else { return false };
        let names = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let common = names(path).iter().zip(&names(source)).take_while(|(one, other)| one == other).count();
        common > names(place).len()
    }
}

/// The one of these folders that a path is or lies below, the longest if there are several.
fn below_one_of<'a>(folders: &[&'a str], path: &str) -> Option<&'a str> {
    folders.iter().copied().filter(|folder| is_in(path, folder)).max_by_key(|folder| folder.len())
}

/// The path that a target leads to from a folder, without looking for further links; the root is the empty text.
fn normalised(folder: &str, target: &str) -> String {
    let mut path = folder.to_owned();
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." => path.truncate(path.rfind('/').unwrap_or_default()),
            name => path.extend(["/", name]),
        }
    }
    path
}

/// Whether a link is one that pnpm makes for packages that use others without declaring it, and that leads out of its
/// tree: `pnpm deploy` leaves one to the package in its workspace. Nothing that is installed needs it.
pub(super) fn is_needless(below_root: &str) -> bool {
    format!("/{below_root}").contains("/node_modules/.pnpm/node_modules/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a link at this path of the image means whose file is not on this machine, in a project at `/tmp/x/project`.
    fn of(path: &str, target: &str) -> Option<MachineLink> {
        let path = path.parse().unwrap();
        let link = Path::new("/tmp/x/project/functions/f/missing/link");
        let outward = Outward {
            path: &path,
            target,
            on_machine: Some((link, Path::new("/tmp/x/project/functions/f"))),
        };
        outward.machine_link()
    }

    #[test]
    fn paths_of_the_image_are_recognised_without_looking_at_this_machine() {
        for target in [
            "/opt",
            "/opt/nodejs/node_modules",
            "/var/task/x",
            "/tmp/cache",
            "/tmp",
            "/proc/self/fd/1",
            "/mnt/efs",
        ] {
            assert_eq!(of("/var/task/missing/link", target), None, "{target}");
        }
        // Not there, so they lead nowhere on this machine either.
        for target in ["/usr/no/such/file", "/no/such/file", "../../no/such/file"] {
            assert_eq!(of("/var/task/missing/link", target), None, "{target}");
        }
    }

    #[test]
    fn paths_of_the_project_and_of_people_are_of_this_machine() {
        for target in
            ["/tmp/x/shared", "/tmp//x/./project/lib", "/home/ada/lib", "/Users/ada/lib", "/root/lib"]
        {
            assert_eq!(of("/var/task/missing/link", target), Some(MachineLink::Certain), "{target}");
        }
    }

    #[test]
    fn a_relative_link_that_climbs_to_the_root_is_like_an_absolute_one() {
        let up = "../../../../../../../..";
        assert_eq!(of("/var/task/missing/link", &format!("{up}/opt/lib")), None);
        assert_eq!(of("/var/task/missing/link", &format!("{up}/home/ada/lib")), Some(MachineLink::Certain));
    }

    #[test]
    fn only_the_links_of_pnpm_for_undeclared_packages_are_needless() {
        for (path, needless) in [
            ("node_modules/.pnpm/node_modules/fn", true),
            ("nodejs/node_modules/.pnpm/node_modules/@ws/fn", true),
            ("node_modules/.pnpm/is-odd@3.0.1/node_modules/is-number", false),
            ("node_modules/fn", false),
        ] {
            assert_eq!(is_needless(path), needless, "{path}");
        }
    }
}
