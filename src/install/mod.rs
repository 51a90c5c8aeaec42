//! Installs the packages that a list names into the store, for the machine on which the function runs: those of Python as
//! wheels, resolved by uv and downloaded by pip; those of Node.js by the tool that has written the lock file (`node`).
//!
//! Of Python, nothing is unpacked or built, and no code of a package runs, unless a list allows source distributions (`source`). What
//! a tool would have to build is refused before the tool runs (`requirement_files`), and the tools get only what they can do with
//! wheels. `build` runs the programs of a project that make files from its sources: esbuild and make. This room does not know
//! where packages belong in an image, and writes to no folder but the store and temporary ones.

mod base_provides;
mod build;
mod error;
mod folder;
mod job;
mod kept;
mod lists;
mod node;
mod node_modules;
mod pip;
mod program;
mod pylock;
mod requirement_files;
mod scratch;
mod solver;
mod source;
#[cfg(test)]
#[cfg(unix)]
mod stand_ins;
mod text_files;
mod unsolved;
mod uv;
mod uv_workspace;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use serde::{Deserialize, Serialize};

pub(crate) use base_provides::{Choice as ProvidedPackages, Split, leave_out_of_node, split};
pub(crate) use build::{Built, BundleTarget};
pub(crate) use error::InstallError;
use lists::Requested;
pub(crate) use node::{NodePackages, NodeTarget};
use pip::Download;
pub(crate) use program::Programs;
use pylock::LockedPackage;
use solver::Solver;
use uv::Sources;
use uv_workspace::Member;

use crate::event::Reporter;
use crate::fs::{self, FsError};
use crate::project::PackageList;
use crate::store::{Digest, FieldHasher, Store};
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
    /// The members of a workspace that are needed too, whose wheels are built.
    members: Vec<Member>,
}

/// The wheels of a list.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// All of them.
    pub(crate) wheels: Vec<WheelArchive>,
    /// The names of the packages that were built from source, now or before.
    pub(crate) built: Vec<String>,
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
        let digest = digest_of(&requested, list.allow_source, target);
        let is_locked = requested.is_resolved;
        let known = pinned.filter(|(list, _)| *list == digest).map(|(_, wheels)| wheels);
        let known = known.or_else(|| self.store.record(RECORD, &digest).filter(|_| is_locked));
        if let Some(wheels) = known {
            return Ok(Resolution { list: digest, wheels, is_locked, members: requested.members });
        }
        let solver = Solver {
            list,
            requested: &requested,
            target,
            uv: uv.as_ref(),
            programs: &self.programs,
            store: &self.store,
        };
        let resolved = match (solver.solve(&requested, target, &*self.reporter), &uv) {
            // Wheels are better, even of older versions.
            (Err(InstallError::Program { .. }), Some(uv)) if list.allow_source => {
                let job = solver.job(&requested, target, &*self.reporter);
                uv::resolve(uv, Sources::WithoutWheel, &job)
            }
            (result, _) => result,
        };
        let packages =
            resolved.map_err(|error| unsolved::explained(error, list, &requested, target, &solver))?;
        let wheels = chosen(&packages, &requested, list.allow_source, target)?;
        // Before a long build whose result would not be used.
        for source in wheels.iter().filter(|wheel| wheel.is_source()) {
            let package = packages.iter().find(|package| package.has_source(&source.url));
            if let Some(package) = package.filter(|package| solver.is_compiled(package)) {
                source::check_machine(&package.name, target, &self.programs)?;
            }
        }
        if is_locked {
            // The record only saves work, and the store may be read-only.
            let _unrecorded = self.store.write_record(RECORD, &digest, &wheels);
        }
        Ok(Resolution { list: digest, wheels, is_locked, members: requested.members })
    }

    /// Brings wheels into the store. Builds those of members, and of source distributions if `allow_source` is set. This blocks,
    /// and runs pip if any is missing.
    ///
    /// # Errors
    /// When there is no pip, it fails, or a file is not what it should be.
    pub(crate) fn fetch(
        &self,
        resolution: &Resolution,
        target: &PythonTarget,
        allow_source: bool,
    ) -> Result<Fetched, InstallError> {
        let (sources, wheels): (Vec<_>, Vec<_>) =
            resolution.wheels.iter().partition(|it| allow_source && it.is_source());
        let mut wheels = self.fetch_wheels(&wheels, target)?;
        let mut built = Vec::new();
        for source in sources {
            let package = source.source_package()?;
            wheels.push(self.built(source, &package, target)?);
            built.push(package);
        }
        for member in &resolution.members {
            wheels.push(self.built_member(member, target)?);
            built.push(member.name.clone());
        }
        Ok(Fetched { wheels, built })
    }

    fn fetch_wheels(
        &self,
        wheels: &[&PinnedWheel],
        target: &PythonTarget,
    ) -> Result<Vec<WheelArchive>, InstallError> {
        let named: Vec<(&PinnedWheel, WheelName)> =
            wheels.iter().map(|wheel| Ok((*wheel, wheel.name()?))).collect::<Result<_, InstallError>>()?;
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
                // What is in the store is not verified again.
                WheelArchive::read(&file, name.clone())?.verify()?;
                self.add(&file, name, &wheel.sha256)?;
            }
        }
        let read = |(wheel, name): (&PinnedWheel, WheelName)| {
            let blob = self.store.blob(&wheel.sha256).ok_or_else(|| InstallError::Lock {
                what: "the store".to_owned(),
                why: format!("it has lost {name}"),
            })?;
            Ok(WheelArchive::read(&blob.path, name)?)
        };
        named.into_par_iter().map(read).collect()
    }

    /// Moves a downloaded file into the store.
    fn add(&self, file: &Path, name: &WheelName, expected: &Digest) -> Result<(), InstallError> {
        let mut input = fs::open(file)?;
        let mut writer = self.store.writer()?;
        std::io::copy(&mut input, &mut writer).map_err(FsError::because("copy", file))?;
        match writer.commit_as(expected)? {
            Ok(_) => Ok(()),
            Err(found) => {
                Err(InstallError::Changed { file: name.to_string(), expected: expected.clone(), found })
            }
        }
    }
}

impl PinnedWheel {
    /// The name of its file, which its URL ends with.
    ///
    /// # Errors
    /// When the URL is not one of a wheel, or would be more than that in a line for pip.
    fn name(&self) -> Result<WheelName, InstallError> {
        let name = self.file_name()?;
        name.parse().map_err(|error: InvalidWheelName| not_an_address(error.to_string()))
    }

    /// Whether its URL ends like those of source distributions.
    fn is_source(&self) -> bool {
        self.file_name().is_ok_and(|name| source::package_of(&name).is_some())
    }

    /// The name of the package of a source distribution.
    ///
    /// # Errors
    /// As [`Self::name`].
    fn source_package(&self) -> Result<String, InstallError> {
        let name = self.file_name()?;
        let package = source::package_of(&name).filter(|package| requirement_files::is_name(package));
        let package = package.filter(|package| !package.contains('['));
        let why = || not_an_address(format!("`{}` is not a source distribution", excerpt(&name)));
        package.map(str::to_owned).ok_or_else(why)
    }

    fn file_name(&self) -> Result<String, InstallError> {
        let is_url = ["https://", "http://", "file:///"].iter().any(|scheme| self.url.starts_with(scheme));
        if !is_url || self.url.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(not_an_address(format!("`{}` is not a URL", excerpt(&self.url))));
        }
        let path = self.url.split(['#', '?']).next().unwrap_or_default();
        Ok(path.rsplit('/').next().unwrap_or_default().replace("%2B", "+").replace("%2b", "+"))
    }
}

fn not_an_address(why: String) -> InstallError {
    InstallError::Lock { what: "the address of a wheel".to_owned(), why }
}

/// The digest of all that decides which wheels a list stands for.
fn digest_of(requested: &Requested, allow_source: bool, target: &PythonTarget) -> Digest {
    let mut hasher = FieldHasher::default();
    hasher.add(format!("{target:?} {}", requested.is_resolved));
    if allow_source {
        hasher.add("source");
    }
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

/// The best wheel of each package; with `allow_source`, the source distribution of those that have none.
fn chosen(
    packages: &[LockedPackage],
    requested: &Requested,
    allow_source: bool,
    target: &PythonTarget,
) -> Result<Vec<PinnedWheel>, InstallError> {
    let mut wheels = BTreeMap::new();
    for package in packages {
        let hashes = requested.requirements.hashes_of(&package.name);
        let version = package.version.clone().unwrap_or_default();
        let is_allowed =
            |sha256: Digest| hashes.is_empty() || hashes.iter().any(|hash| *hash == sha256.as_str());
        let candidates: Vec<(WheelName, &pylock::LockedFile)> = package
            .wheels
            .iter()
            .filter_map(|wheel| Some((wheel.file_name()?.parse().ok()?, wheel)))
            .filter(|(_, wheel)| hashes.is_empty() || wheel.sha256().is_some_and(is_allowed))
            .collect();
        let best = target.best(candidates.iter().map(|(name, _)| name));
        let best = best.and_then(|best| candidates.iter().find(|(name, _)| name == best));
        let pinned = best
            .and_then(|(_, wheel)| Some(PinnedWheel { url: wheel.url.clone()?, sha256: wheel.sha256()? }));
        let source = package.sdist.as_ref().and_then(|source| {
            Some(PinnedWheel {
                url: source.url.clone()?,
                sha256: source.sha256().filter(|it| is_allowed(it.clone()))?,
            })
        });
        let source = source.filter(PinnedWheel::is_source);
        let has_source = source.is_some();
        let pinned = pinned.or(source.filter(|_| allow_source));
        let Some(pinned) = pinned else {
            let nearest: Option<Mismatch> =
                candidates.iter().filter_map(|(name, _)| target.mismatch(name)).min();
            return Err(InstallError::NoWheel {
                package: package.name.clone(),
                version,
                target: target_of(target),
                has_source,
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

/// The full version of a target's Python for uv and pip. Without its last number, they take it for the first release of the
/// minor version, and refuse what needs a later one (`>=3.11.5`). Lambda keeps its runtimes at the last.
fn python_version(target: &PythonTarget) -> String {
    format!("3.{}.{LAST_PATCH}", target.python_minor)
}

/// More than any minor version of Python has had.
const LAST_PATCH: u32 = 99;

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

    fn choose_with(wheels: &str, list: &str, allow_source: bool) -> Result<String, String> {
        let requirements = requirement_files::of_text(list, Path::new("x")).unwrap();
        let requested = Requested::new(requirements, false);
        let chosen = chosen(&packages(wheels), &requested, allow_source, &TARGET);
        Ok(chosen.map_err(|error| error.to_string())?.into_iter().map(|wheel| wheel.url).collect())
    }

    fn choose(wheels: &str, list: &str) -> Result<String, String> {
        choose_with(wheels, list, false)
    }

    #[test]
    fn a_source_distribution_is_chosen_if_it_is_allowed_and_there_is_no_wheel() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let file = |name: &str, digest: &Digest| {
            format!("{{ url = 'https://e.com/{name}', hashes = {{ sha256 = '{}' }} }}", digest.hex())
        };
        let wheel = |tags: &str| file(&format!("six-1-{tags}.whl"), &one);
        let package = |wheel: &str| format!("{wheel}]\nsdist = {}\nx = [", file("six-1.tar.gz", &other));
        let (foreign, pure) = (package(&wheel("cp312-cp312-win32")), package(&wheel("py3-none-any")));
        assert!(choose(&foreign, "six").unwrap_err().ends_with("is built for Windows"));
        assert!(choose_with(&foreign, "six", true).unwrap().ends_with("/six-1.tar.gz"));
        assert!(choose_with(&pure, "six", true).unwrap().ends_with("/six-1-py3-none-any.whl"));
        let hash = |digest: &Digest| format!("six==1 --hash={digest}");
        assert!(choose_with(&pure, &hash(&other), true).unwrap().ends_with("/six-1.tar.gz"));
        assert!(choose_with(&foreign, &hash(&one), true).is_err());
    }

    #[test]
    fn a_pinned_source_distribution_is_not_built_unless_that_is_allowed() {
        let url = "https://example.com/six-1.tar.gz".to_owned();
        let pinned = PinnedWheel { url, sha256: Digest::of(b"x") };
        assert_eq!(pinned.source_package().unwrap(), "six");
        let resolution =
            Resolution { list: Digest::of(b"x"), wheels: vec![pinned], is_locked: true, members: Vec::new() };
        let store = tempfile::tempdir().unwrap();
        let installer =
            Installer::new(Programs::default(), Store::open(store.path()).unwrap(), Arc::new(solver::Silent));
        let error =
            |allow_source| installer.fetch(&resolution, &TARGET, allow_source).unwrap_err().to_string();
        assert!(error(false).contains("`six-1.tar.gz` is not the name of a wheel"), "{}", error(false));
        assert_eq!(error(true), "there is no `pip` to build `six` from source");
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
