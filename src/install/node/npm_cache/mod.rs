//! Installs what a `package-lock.json` pins from the archives in npm's cache, which npm fills.
//!
//! npm writes ten thousand files for what is a stream of bytes to limg. The lock file has the place and the digest of every
//! package, and the cache has the archives under their digests. The result must be what npm would install: where a lock file
//! has anything else than packages of a registry, or the cache lacks an archive in the end, npm does it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha512};
use tar::{Archive, Entry, EntryType};

use super::inputs::Inputs;
use super::installed::accepts;

use crate::install::error::InstallError;
use crate::install::kept::{Kept, KeptWriter};
use crate::install::node_modules;
use crate::store::Store;
use crate::text::hex;

/// The folder of packages in a folder.
const PACKAGES: &str = "node_modules/";

/// How much of a program is read to find the end of its first line, in bytes (npm's bin-links).
const FIRST_LINE: u64 = 2048;

/// Settings with which npm installs other files than those that the lock file has at its places, and their ordinary values
/// (npm documentation, config).
pub(super) const SETTINGS: [(&str, &str); 4] =
    [("bin-links", "true"), ("install-strategy", "hoisted"), ("omit", ""), ("include", "")];

/// What decides about the tree that npm installs, in a manifest.
const DEPENDENCIES: [&str; 4] =
    ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

/// What a manifest may say beyond the lock file.
const FURTHER: [&str; 4] = ["overrides", "bundleDependencies", "bundledDependencies", "workspaces"];

/// A `package-lock.json` (npm documentation, package-lock.json).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    lockfile_version: u32,
    #[serde(default)]
    packages: BTreeMap<String, Package>,
}

/// A package in it.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the lock file")]
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Package {
    version: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
    link: bool,
    dev: bool,
    optional: bool,
    in_bundle: bool,
    os: Option<Value>,
    cpu: Option<Value>,
    libc: Option<Value>,
    bin: BTreeMap<String, String>,
    dependencies: BTreeMap<String, Value>,
    dev_dependencies: BTreeMap<String, Value>,
    optional_dependencies: BTreeMap<String, Value>,
    peer_dependencies: BTreeMap<String, Value>,
    peer_dependencies_meta: BTreeMap<String, Value>,
}

/// Why npm has to do it.
struct NotHere;

/// The packages that npm installs, by their places: without those for development, for an architecture. Nothing if npm has to
/// decide.
pub(super) fn packages(inputs: &Inputs, cpu: &str) -> Option<Packages> {
    let mut lock: Lock = serde_json::from_str(&inputs.lock).ok()?;
    let places = lock.places_for(&inputs.manifest, cpu)?;
    Some(Packages(places.into_iter().filter_map(|place| lock.packages.remove_entry(&place)).collect()))
}

/// Packages by their places.
pub(super) struct Packages(Vec<(String, Package)>);

/// npm's cache of archives.
pub(super) struct NpmCache(PathBuf);

impl NpmCache {
    /// The cache of an npm with these settings, if it installs as lock files say.
    pub(super) fn of(settings: &str) -> Option<Self> {
        let settings = settings.lines().filter_map(|line| line.split_once('='));
        let settings: BTreeMap<&str, &str> =
            settings.map(|(key, value)| (key.trim(), value.trim())).collect();
        let is_ordinary = SETTINGS.iter().all(|(key, value)| settings.get(key) == Some(value));
        let cache = Path::new(settings.get("cache")?);
        (is_ordinary && cache.is_absolute()).then(|| Self(cache.join("_cacache/content-v2")))
    }

    /// What names the packages to npm whose archives are not here.
    pub(super) fn missing(&self, packages: &Packages) -> Vec<String> {
        let missing =
            packages.0.iter().filter(|(_, package)| !package.in_bundle && self.archive(package).is_none());
        missing.filter_map(|(place, package)| package.name_for_npm(place)).collect()
    }

    /// Unpacks packages into the store. Nothing if npm has to do it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(super) fn unpack(&self, packages: &Packages, store: &Store) -> Result<Option<Kept>, InstallError> {
        let Packages(packages) = packages;
        // A bundled package is in the archive of another one.
        let unpacked = || packages.iter().filter(|(_, package)| !package.in_bundle);
        let archives = unpacked().map(|(_, package)| self.archive(package));
        let Some(archives) = archives.collect::<Option<Vec<_>>>() else { return Ok(None) };
        let Ok(programs) = programs(packages) else { return Ok(None) };
        let executable: BTreeSet<&str> = programs.values().map(|program| program.path.as_str()).collect();
        let mut tree = KeptWriter::new(store)?;
        for ((place, package), archive) in unpacked().zip(archives) {
            if unpack(place, package, &archive, &executable, &mut tree).is_err() {
                return Ok(None);
            }
        }
        for (link, Program { package, file, path }) in &programs {
            // npm makes no link to a file that a package lacks.
            if tree.has(path) {
                tree.symlink(link.clone(), format!("../{package}/{file}"));
            }
        }
        tree.finish().map(Some)
    }

    /// Where the archive of a package is. Nothing if it is not in the cache, or not one of a registry.
    fn archive(&self, package: &Package) -> Option<PathBuf> {
        let digest =
            package.integrity.as_deref()?.split_whitespace().find_map(|it| it.strip_prefix("sha512-"))?;
        let digest = hex(&STANDARD.decode(digest).ok()?);
        let (first, second, rest) = (digest.get(..2)?, digest.get(2..4)?, digest.get(4..)?);
        let path = self.0.join("sha512").join(first).join(second).join(rest);
        (package.is_of_registry() && path.is_file()).then_some(path)
    }
}

impl Lock {
    /// The places of the packages that npm installs. Nothing if the lock file has others than those of a registry, or does
    /// not fit the manifest.
    fn places_for(&self, manifest: &Value, cpu: &str) -> Option<Vec<String>> {
        let root = self.packages.get("")?;
        let empty = Map::new();
        let listed = |key: &str| manifest.get(key).and_then(Value::as_object).unwrap_or(&empty);
        let locked = [
            &root.dependencies,
            &root.dev_dependencies,
            &root.optional_dependencies,
            &root.peer_dependencies,
        ];
        let is_in_step =
            DEPENDENCIES.iter().zip(locked).all(|(key, locked)| listed(key).iter().eq(locked.iter()));
        let has_more = FURTHER.iter().any(|key| manifest.get(key).is_some());
        if !(2..=3).contains(&self.lockfile_version) || !is_in_step || has_more {
            return None;
        }
        let fits = |package: &Package| {
            accepts(package.os.as_ref(), "linux")
                && accepts(package.cpu.as_ref(), cpu)
                && accepts(package.libc.as_ref(), "glibc")
        };
        let mut found = BTreeSet::new();
        let mut open = vec![""];
        while let Some(place) = open.pop() {
            for (name, is_optional) in self.packages.get(place)?.needs() {
                let Some((place, package)) = self.resolve(place, name) else {
                    if is_optional {
                        continue;
                    }
                    return None;
                };
                // What is in another package's archive would be unpacked with it.
                let may_be_left_out = package.optional && !package.in_bundle;
                if fits(package) {
                    let is_as_pinned = !package.link && !package.dev && is_place(place);
                    if is_as_pinned && found.insert(place) {
                        open.push(place);
                    } else if !is_as_pinned {
                        return None;
                    }
                } else if !may_be_left_out {
                    return None;
                }
            }
        }
        // npm also installs what nothing needs.
        let is_left = |(place, package): (&String, &Package)| {
            !place.is_empty() && !found.contains(place.as_str()) && !package.dev && !package.optional
        };
        if self.packages.iter().any(is_left) {
            return None;
        }
        Some(found.into_iter().map(str::to_owned).collect())
    }

    /// The package that a name means for the one at a place.
    fn resolve(&self, place: &str, name: &str) -> Option<(&str, &Package)> {
        let found = node_modules::resolve(name, place, "", |place| self.packages.contains_key(place))?;
        self.packages.get_key_value(&found).map(|(place, package)| (place.as_str(), package))
    }
}

impl Package {
    fn is_of_registry(&self) -> bool {
        self.resolved.as_deref().is_none_or(|url| url.starts_with("https://") || url.starts_with("http://"))
    }

    /// What npm's cache takes for the package at a place. Nothing if that could run its code, as a repository would.
    fn name_for_npm(&self, place: &str) -> Option<String> {
        let name = node_modules::name_of(place);
        if let Some(url) = &self.resolved {
            // npm takes other addresses for repositories of well-known hosts.
            let is_archive = url.split(['?', '#']).next()?.rsplit('.').next() == Some("tgz");
            return (self.is_of_registry() && is_archive).then(|| url.clone());
        }
        let version = self.version.as_deref()?;
        let is_version = version.bytes().all(|it| it.is_ascii_alphanumeric() || b".-+".contains(&it));
        (is_version && !name.starts_with('-')).then(|| format!("{name}@{version}"))
    }

    /// The names of the packages that it needs when it runs, and whether they may be missing.
    fn needs(&self) -> impl Iterator<Item = (&str, bool)> {
        let is_optional_peer = |name: &str| {
            self.peer_dependencies_meta.get(name).and_then(|meta| meta.get("optional"))
                == Some(&Value::Bool(true))
        };
        let optional = self.optional_dependencies.keys().map(|name| (name.as_str(), true));
        let needed = self.dependencies.keys().filter(|name| !self.optional_dependencies.contains_key(*name));
        let needed = needed.map(|name| (name.as_str(), false));
        let peers = self.peer_dependencies.keys().map(move |name| (name.as_str(), is_optional_peer(name)));
        needed.chain(optional).chain(peers)
    }
}

/// A program of a package, which gets a link in `.bin`.
struct Program<'a> {
    /// The name of the package.
    package: &'a str,
    /// The path of its file in the package.
    file: &'a str,
    /// The whole path of the file.
    path: String,
}

/// The programs of packages by the paths of their links.
fn programs(packages: &[(String, Package)]) -> Result<BTreeMap<String, Program<'_>>, NotHere> {
    let mut programs: BTreeMap<String, Program<'_>> = BTreeMap::new();
    for (place, Package { bin, .. }) in packages {
        let (folder, package) = place.split_at(place.rfind(PACKAGES).ok_or(NotHere)? + PACKAGES.len());
        for (name, file) in bin {
            let file = file.trim_start_matches("./");
            if !is_name(name) || !is_relative(file) {
                return Err(NotHere);
            }
            let link = format!("{folder}.bin/{name}");
            if let Some(other) = programs.get(&link)
                && !comes_first(package, other.package)?
            {
                continue;
            }
            programs.insert(link, Program { package, file, path: format!("{place}/{file}") });
        }
    }
    Ok(programs)
}

/// Whether npm links the programs of a package before those of another, and not over them: in the order of their names, as
/// `localeCompare` has it, which is that of bytes where only lower case letters and digits decide.
fn comes_first(package: &str, other: &str) -> Result<bool, NotHere> {
    let differs = package.bytes().zip(other.bytes()).find(|(own, other)| own != other);
    match differs {
        None => Ok(package.len() < other.len()),
        Some((own, other))
            if [own, other].iter().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit()) =>
        {
            Ok(own < other)
        }
        Some(_) => Err(NotHere),
    }
}

/// Writes the files of an archive to the place of their package. Those that are programs become `executable`.
fn unpack(
    place: &str,
    package: &Package,
    archive: &Path,
    executable: &BTreeSet<&str>,
    tree: &mut KeptWriter<'_>,
) -> Result<(), NotHere> {
    let mut hashed = Hashed { inner: File::open(archive)?, hash: Sha512::new() };
    let mut entries = Archive::new(MultiGzDecoder::new(BufReader::new(&mut hashed)));
    for entry in entries.entries()? {
        let entry = entry?;
        let is_file = matches!(entry.header().entry_type(), EntryType::Regular | EntryType::Continuous);
        let path = String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| NotHere)?;
        let Some((_, path)) = path.split_once('/').filter(|(_, path)| is_file && !path.is_empty()) else {
            continue;
        };
        if !is_relative(path) {
            return Err(NotHere);
        }
        let mut path = format!("{place}/{path}");
        let is_program = executable.contains(path.as_str());
        let is_executable = is_program || entry.header().mode()? & 0o111 != 0;
        // As npm does (pacote): one takes the place of the other, unless both are there.
        if let Some(folder) = path.strip_suffix("/.gitignore") {
            path = format!("{folder}/.npmignore");
            if tree.has(&path) {
                continue;
            }
        }
        if is_program {
            tree.file(path, is_executable, &mut with_unix_line(entry)?)?;
        } else {
            tree.file(path, is_executable, &mut { entry })?;
        }
    }
    io::copy(&mut entries.into_inner(), &mut io::sink())?;
    io::copy(&mut hashed, &mut io::sink())?;
    let found = STANDARD.encode(hashed.hash.finalize());
    let is_pinned =
        |integrity: &str| integrity.split_whitespace().any(|it| it.strip_prefix("sha512-") == Some(&found));
    if package.integrity.as_deref().is_some_and(is_pinned) { Ok(()) } else { Err(NotHere) }
}

/// The content of a program. npm changes the end of a first line `#!…` that was written on Windows.
fn with_unix_line<R: Read>(mut entry: Entry<'_, R>) -> Result<impl Read + use<'_, R>, NotHere> {
    let mut head = Vec::new();
    entry.by_ref().take(FIRST_LINE).read_to_end(&mut head)?;
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.starts_with(b"#!") && line.ends_with(b"\r") {
        return Err(NotHere);
    }
    Ok(io::Cursor::new(head).chain(entry))
}

/// Whether a package may be there: `node_modules/NAME`, below others.
fn is_place(place: &str) -> bool {
    place.starts_with(PACKAGES) && is_relative(place)
}

/// Whether a path leads to something below the folder in which it is.
fn is_relative(path: &str) -> bool {
    !path.contains('\\') && path.split('/').all(is_name)
}

fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0'])
}

/// Bytes that are hashed as they are read.
struct Hashed<R> {
    inner: R,
    hash: Sha512,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

impl From<io::Error> for NotHere {
    fn from(_: io::Error) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests;
