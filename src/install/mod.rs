//! Installs the packages that a list names into the store, for the machine on which the function runs: those of Python as
//! wheels, resolved by uv and downloaded by pip; those of Node.js by the tool that has written the lock file (`node`).
//!
//! Of Python, nothing is unpacked or built, and no code of a package runs. What a tool would have to build is refused before the tool
//! runs (`requirement_files`), and the tools get only what they can do with wheels. This room does not know where packages
//! belong in an image, and writes to no folder but the store and temporary ones.

mod build;
mod error;
mod folder;
mod kept;
mod lists;
mod node;
mod pip;
mod program;
mod pylock;
mod requirement_files;
mod scratch;
mod unsolved;
mod uv;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use build::{Built, BundleTarget};
pub(crate) use error::InstallError;
pub(crate) use node::{NodePackages, NodeTarget};
use pip::Download;
pub(crate) use program::Programs;
use pylock::LockedPackage;

use crate::event::{Event, Reporter};
use crate::fs::{self, FsError};
use crate::project::PackageList;
use crate::store::{Blob, Digest, FieldHasher, Store};
use crate::text::excerpt;
use crate::wheel::{InvalidWheelName, Mismatch, PythonTarget, WheelArchive, WheelName};

/// The kind of the store's records of wheels that are in it.
const RECORD: &str = "wheels-1";

/// A wheel that a list stands for on a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PinnedWheel {
    /// Where it is.
    pub url: String,
    /// The digest of its bytes.
    pub sha256: Digest,
}

/// What a list stands for on a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolution {
    /// The digest of what the list requires: another one stands for something else.
    pub list: Digest,
    /// The wheels, in the order of the names of their packages.
    pub wheels: Vec<PinnedWheel>,
    /// Whether the list itself pins all files, so that limg.lock need not.
    pub is_locked: bool,
}

/// What is resolved, and where a tool does it.
struct Job<'a> {
    requested: &'a lists::Requested,
    target: PythonTarget,
    /// The folder of the list, whose settings count.
    folder: &'a Path,
    store: &'a Store,
    reporter: &'a dyn Reporter,
}

/// Receives what only answers a question of limg's own.
struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: Event) {}
}

/// Installs packages.
pub(crate) struct Installer {
    programs: Programs,
    store: Store,
    reporter: Arc<dyn Reporter>,
}

impl Installer {
    /// Wheels go to `store`; `programs` has the tools.
    #[must_use]
    pub(crate) fn new(programs: Programs, store: Store, reporter: Arc<dyn Reporter>) -> Self {
        Self { programs, store, reporter }
    }

    /// Finds what a list stands for on a target: the wheels that were pinned for a list, named by its digest, if it has not
    /// changed since. Otherwise this runs uv, or pip. It blocks.
    ///
    /// # Errors
    /// When the list cannot be read, there is no uv, it finds no solution, or no wheel of a package fits.
    pub(crate) fn resolve(
        &self,
        list: &PackageList,
        target: &PythonTarget,
        pinned: Option<(Digest, Vec<PinnedWheel>)>,
    ) -> Result<Resolution, InstallError> {
        let uv = self.programs.find("uv");
        let requested = lists::read(list, uv.as_ref(), &self.store, &*self.reporter)?;
        let digest = digest_of(&requested, target);
        let is_locked = requested.is_resolved;
        if let Some((_, wheels)) = pinned.filter(|(list, _)| *list == digest) {
            return Ok(Resolution { list: digest, wheels, is_locked });
        }
        if let Some(wheels) = self.store.record(RECORD, &digest).filter(|_| is_locked) {
            return Ok(Resolution { list: digest, wheels, is_locked });
        }
        let folder = fs::folder_of(&list.path);
        let python = pip::python(&self.programs);
        let solve = |job: &Job<'_>| match (&uv, &python) {
            (Some(uv), _) => uv::resolve(uv, job),
            (None, Some(python)) => pip::resolve(python.clone(), job),
            (None, None) => Err(InstallError::no_uv(&list.path)),
        };
        let job = Job {
            requested: &requested,
            target: *target,
            folder,
            store: &self.store,
            reporter: &*self.reporter,
        };
        let packages = solve(&job).map_err(|error| {
            let resolves = |target| solve(&Job { target, reporter: &Silent, ..job }).is_ok();
            unsolved::explained(error, list, &requested, target, resolves)
        })?;
        let wheels = chosen(&packages, &requested, target)?;
        if is_locked {
            // The record only saves work, and the store may be read-only.
            let _unrecorded = self.store.write_record(RECORD, &digest, &wheels);
        }
        Ok(Resolution { list: digest, wheels, is_locked })
    }

    /// Brings wheels into the store. This blocks, and runs pip if any is missing.
    ///
    /// # Errors
    /// When there is no pip, it fails, or a file is not what it should be.
    pub(crate) fn fetch(
        &self,
        wheels: &[PinnedWheel],
        target: &PythonTarget,
    ) -> Result<Vec<WheelArchive>, InstallError> {
        let named: Vec<(&PinnedWheel, WheelName)> =
            wheels.iter().map(|wheel| Ok((wheel, wheel.name()?))).collect::<Result<_, InstallError>>()?;
        let missing: Vec<_> =
            named.iter().filter(|(wheel, _)| self.store.blob(&wheel.sha256).is_none()).collect();
        if !missing.is_empty() {
            let folder = self.store.temporary_folder()?;
            let downloads: Vec<_> = missing
                .iter()
                .map(|(wheel, name)| Download { package: &name.name, url: &wheel.url, sha256: &wheel.sha256 })
                .collect();
            let files = pip::download(&downloads, target, folder.path(), &self.programs, &*self.reporter)?;
            for (wheel, name) in missing {
                let file = files.join(name.as_str());
                if !file.is_file() {
                    return Err(InstallError::Lock {
                        what: "the output of `pip download`".to_owned(),
                        why: format!("it has no {name}"),
                    });
                }
                let blob = self.add(&file, name, &wheel.sha256)?;
                WheelArchive::read(&blob.path, name.clone())?.verify()?;
            }
        }
        let read = |(wheel, name): (&PinnedWheel, WheelName)| {
            let blob = self.store.blob(&wheel.sha256).ok_or_else(|| InstallError::Lock {
                what: "the store".to_owned(),
                why: format!("it has lost {name}"),
            })?;
            Ok(WheelArchive::read(&blob.path, name)?)
        };
        named.into_iter().map(read).collect()
    }

    /// Moves a downloaded file into the store.
    fn add(&self, file: &Path, name: &WheelName, expected: &Digest) -> Result<Blob, InstallError> {
        let mut input = fs::open(file)?;
        let mut writer = self.store.writer()?;
        std::io::copy(&mut input, &mut writer).map_err(FsError::because("copy", file))?;
        writer.commit_as(expected)?.map_err(|found| InstallError::Changed {
            file: name.to_string(),
            expected: expected.clone(),
            found,
        })
    }
}

impl PinnedWheel {
    /// The name of its file, which its URL ends with.
    ///
    /// # Errors
    /// When the URL is not one of a wheel, or would be more than that in a line for pip.
    fn name(&self) -> Result<WheelName, InstallError> {
        let invalid = |why: String| InstallError::Lock { what: "the address of a wheel".to_owned(), why };
        let is_url = ["https://", "http://", "file:///"].iter().any(|scheme| self.url.starts_with(scheme));
        if !is_url || self.url.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(invalid(format!("`{}` is not a URL", excerpt(&self.url))));
        }
        let path = self.url.split(['#', '?']).next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default().replace("%2B", "+").replace("%2b", "+");
        name.parse().map_err(|error: InvalidWheelName| invalid(error.to_string()))
    }
}

/// The digest of all that decides which wheels a list stands for.
fn digest_of(requested: &lists::Requested, target: &PythonTarget) -> Digest {
    let mut hasher = FieldHasher::default();
    hasher.add(format!("{target:?} {}", requested.is_resolved));
    let requirements = &requested.requirements;
    for option in &requirements.options {
        hasher.add(option);
    }
    for (kind, list) in [("requirement", &requirements.lines), ("constraint", &requirements.constraints)] {
        for requirement in list {
            hasher.add(kind);
            hasher.add(&requirement.text);
            requirement.hashes.iter().for_each(|hash| hasher.add(hash));
        }
    }
    hasher.finish()
}

/// The best wheel of each package.
fn chosen(
    packages: &[LockedPackage],
    requested: &lists::Requested,
    target: &PythonTarget,
) -> Result<Vec<PinnedWheel>, InstallError> {
    let mut wheels = BTreeMap::new();
    for package in packages {
        let hashes = requested.requirements.hashes_of(&package.name);
        let version = package.version.clone().unwrap_or_default();
        let candidates: Vec<(WheelName, &pylock::LockedWheel)> = package
            .wheels
            .iter()
            .filter_map(|wheel| Some((wheel.file_name()?.parse().ok()?, wheel)))
            .filter(|(_, wheel)| {
                let is_allowed = |sha256: Digest| hashes.iter().any(|hash| *hash == sha256.as_str());
                hashes.is_empty() || wheel.sha256().is_some_and(is_allowed)
            })
            .collect();
        let best = target.best(candidates.iter().map(|(name, _)| name));
        let best = best.and_then(|best| candidates.iter().find(|(name, _)| name == best));
        let pinned = best
            .and_then(|(_, wheel)| Some(PinnedWheel { url: wheel.url.clone()?, sha256: wheel.sha256()? }));
        let Some(pinned) = pinned else {
            let nearest: Option<Mismatch> =
                candidates.iter().filter_map(|(name, _)| target.mismatch(name)).min();
            return Err(InstallError::NoWheel {
                package: package.name.clone(),
                version,
                target: target_of(target),
                why: match nearest {
                    Some(nearest) => format!("the nearest one {nearest}"),
                    None if hashes.is_empty() => "the index has none".to_owned(),
                    None => "the index has none with a hash of the list".to_owned(),
                },
            });
        };
        wheels.insert(package.name.clone(), pinned);
    }
    Ok(wheels.into_values().collect())
}

fn target_of(target: &PythonTarget) -> String {
    format!("Python 3.{} for {}", target.python_minor, target.architecture.linux_name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Architecture;

    const TARGET: PythonTarget =
        PythonTarget { python_minor: 12, glibc_minor: 34, architecture: Architecture::X86_64 };

    fn name(url: &str) -> Result<String, String> {
        let wheel = PinnedWheel { url: url.to_owned(), sha256: Digest::of(b"x") };
        wheel.name().map(|name| name.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_address_of_a_wheel_is_one_word_that_ends_with_its_name() {
        let url = "https://example.com/ab/torch-2.4.0%2Bcpu-cp312-cp312-linux_x86_64.whl#sha256=ab";
        assert_eq!(name(url).as_deref(), Ok("torch-2.4.0+cpu-cp312-cp312-linux_x86_64.whl"));
        for url in [
            "https://example.com/six-1-py3-none-any.whl\n--index-url=https://other.example",
            "https://example.com/six-1-py3-none-any.whl --hash=x",
            "six-1-py3-none-any.whl",
            "git+https://example.com/six-1-py3-none-any.whl",
            "https://example.com/six-1.tar.gz",
        ] {
            assert!(name(url).is_err(), "{url}");
        }
    }

    fn packages(wheels: &str) -> Vec<LockedPackage> {
        let text =
            format!("lock-version = '1.0'\n[[packages]]\nname = 'six'\nversion = '1'\nwheels = [{wheels}]\n");
        pylock::parse(&text, "x", Path::new("x")).unwrap()
    }

    fn choose(wheels: &str, list: &str) -> Result<String, String> {
        let requirements = requirement_files::of_text(list, Path::new("x")).unwrap();
        let requested = lists::Requested { requirements, is_resolved: false };
        let chosen = chosen(&packages(wheels), &requested, &TARGET).map_err(|error| error.to_string())?;
        Ok(chosen.into_iter().map(|wheel| wheel.url).collect())
    }

    #[test]
    fn the_best_wheel_with_a_hash_of_the_list_is_chosen() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let wheel = |tags: &str, digest: &Digest| {
            format!(
                "{{ url = 'https://e.com/six-1-{tags}.whl', hashes = {{ sha256 = '{}' }} }},",
                digest.hex()
            )
        };
        let native = wheel("cp312-cp312-manylinux_2_34_x86_64", &one);
        let pure = wheel("py3-none-any", &other);
        let both = format!("{pure}{native}");
        assert!(choose(&both, "six").unwrap().contains("manylinux"));
        assert!(choose(&both, &format!("six==1 --hash={other}")).unwrap().contains("none-any"));
        let error = choose(&native, &format!("six==1 --hash={other}")).unwrap_err();
        assert_eq!(
            error,
            "no wheel of six 1 runs on Python 3.12 for x86_64: the index has none with a hash of the list"
        );
        let error = choose(&wheel("cp312-cp312-manylinux_2_39_x86_64", &one), "six").unwrap_err();
        assert!(error.ends_with("the nearest one needs glibc 2.39, but the image has 2.34"), "{error}");
        assert!(choose("", "six").unwrap_err().ends_with("the index has none"));
    }
}
