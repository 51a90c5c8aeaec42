//! One configuration file of Docker or Podman: the helper that it names for a registry, and its own entries.
//!
//! Only the necessary parts are read, and an entry only when it is needed: a broken entry for another registry does no harm.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::error::Category;

use crate::fs::{self, FsError};
use crate::registry::credentials::{Identity, Secret};

/// Some tools omit the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a file cannot be used. It contains nothing of the file's content; the parser's message could quote a password.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigFileError {
    #[error(transparent)]
    Read(#[from] FsError),
    #[error("`{}` is not valid JSON (line {line}, column {column})", path.display())]
    Syntax { path: PathBuf, line: usize, column: usize },
    #[error("`{}` is not a valid Docker config file (line {line}, column {column})", path.display())]
    Form { path: PathBuf, line: usize, column: usize },
    #[error("the `auth` of this registry in `{}` is not base64 of USER:PASSWORD", path.display())]
    Entry { path: PathBuf },
}

impl ConfigFileError {
    /// What the user can do about it.
    pub(super) fn help(&self) -> Option<&'static str> {
        match self {
            Self::Read(_) => None,
            Self::Syntax { .. } | Self::Form { .. } => {
                Some("correct the file, or move it away and log in again with `docker login`")
            }
            Self::Entry { .. } => Some("log in to the registry again with `docker login`"),
        }
    }
}

/// A configuration file.
pub(super) struct ConfigFile {
    path: PathBuf,
    content: ConfigContent,
}

/// The necessary parts of the content. Tools write `null` for missing values.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ConfigContent {
    auths: Option<BTreeMap<String, Option<AuthEntry>>>,
    cred_helpers: Option<BTreeMap<String, Option<String>>>,
    creds_store: Option<String>,
}

/// An entry of `auths`. Not `Debug`, since it contains secrets.
#[derive(Deserialize, Default)]
#[serde(default)]
struct AuthEntry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// The most bytes of a file: credentials of thousands of registries.
const SIZE_LIMIT: u64 = 4 * 1024 * 1024;

impl ConfigFile {
    /// Reads a file, unless it is missing or empty.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, ConfigFileError> {
        let bytes = match fs::read(path, SIZE_LIMIT) {
            Ok(bytes) => bytes,
            // The home folder may not be one (`HOME=/dev/null`), or not be readable.
            Err(_) if std::fs::symlink_metadata(path).is_err() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let text = decode_text(&bytes);
        if text.trim_ascii().is_empty() {
            return Ok(None);
        }
        let content = serde_json::from_slice(&text).map_err(|error| {
            let (path, line, column) = (path.to_owned(), error.line(), error.column());
            match error.classify() {
                Category::Data => ConfigFileError::Form { path, line, column },
                Category::Io | Category::Syntax | Category::Eof => {
                    ConfigFileError::Syntax { path, line, column }
                }
            }
        })?;
        Ok(Some(Self { path: path.to_owned(), content }))
    }

    /// The helper for a repository.
    pub(super) fn helper<'a>(&'a self, wanted: &Wanted<'a>) -> Option<NamedHelper<'a>> {
        let helpers = self.content.cred_helpers.iter().flatten();
        let fitting = helpers.filter_map(|(key, helper)| {
            let distance = wanted.distance(key)?;
            Some((
                distance,
                NamedHelper {
                    name: helper.as_deref().unwrap_or_default(),
                    asked_for: key,
                    parents: distance.parents,
                },
            ))
        });
        let own = fitting.min_by_key(|(distance, _)| *distance).map(|(_, helper)| helper);
        let for_all = || {
            let name = self.content.creds_store.as_deref()?;
            Some(NamedHelper {
                name,
                asked_for: wanted.hosts.first()?,
                parents: wanted.parents_of_registry(),
            })
        };
        // An empty name excludes a registry or namespace from the helper for all.
        own.or_else(for_all).filter(|helper| !helper.name.is_empty())
    }

    /// The file's own entry for a repository.
    pub(super) fn entry(&self, wanted: &Wanted<'_>) -> Option<FittingEntry<'_>> {
        let entries = self.content.auths.iter().flatten();
        let fitting = entries.filter_map(|(key, entry)| Some((wanted.distance(key)?, entry.as_ref()?)));
        // Docker writes empty entries if there is a helper.
        let nearest = fitting.filter(|(_, entry)| !entry.is_empty()).min_by_key(|(distance, _)| *distance);
        nearest.map(|(distance, entry)| FittingEntry { file: &self.path, entry, parents: distance.parents })
    }

    /// Whether a key names a namespace of a registry with these hosts, so that its repositories may have different
    /// credentials.
    pub(super) fn has_namespaces(&self, hosts: &[&str]) -> bool {
        let helpers = self.content.cred_helpers.iter().flatten().map(|(key, _)| key);
        let entries = self.content.auths.iter().flatten().map(|(key, _)| key);
        helpers
            .chain(entries)
            .map(|key| Key::parse(key))
            .any(|key| key.host_in(hosts).is_some() && !key.namespace.is_empty())
    }
}

/// The repository for which credentials are looked up.
pub(super) struct Wanted<'a> {
    /// The names of its registry; the first one is what a helper for all registries is asked for.
    pub(super) hosts: &'a [&'a str],
    /// Its name at the registry.
    pub(super) repository: &'a str,
}

/// A helper for a repository.
pub(super) struct NamedHelper<'a> {
    /// The part after `docker-credential-` in the program's name.
    pub(super) name: &'a str,
    pub(super) asked_for: &'a str,
    /// By how many names the repository is longer than the key.
    pub(super) parents: usize,
}

/// An entry for a repository.
pub(super) struct FittingEntry<'a> {
    file: &'a Path,
    entry: &'a AuthEntry,
    /// By how many names the repository is longer than the key.
    pub(super) parents: usize,
}

impl FittingEntry<'_> {
    pub(super) fn identity(&self) -> Result<Identity, ConfigFileError> {
        self.entry.identity().ok_or_else(|| ConfigFileError::Entry { path: self.file.to_owned() })
    }
}

/// How far a key is from a repository: the most specific key holds (containers-auth.json(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Distance {
    /// By how many names the repository is longer.
    parents: usize,
    /// Whether the key is a URL, as old logins wrote it.
    is_url: bool,
    /// The position of the key's host among the names of the registry.
    host: usize,
}

impl Wanted<'_> {
    /// The distance of a key; none if it belongs to another registry or namespace.
    fn distance(&self, key: &str) -> Option<Distance> {
        // Docker's key for Docker Hub is a URL.
        if let Some(host) = self.hosts.iter().position(|host| *host == key) {
            return Some(Distance { parents: self.parents_of_registry(), is_url: false, host });
        }
        let key = Key::parse(key);
        let host = key.host_in(self.hosts)?;
        let parents = if key.namespace.is_empty() {
            self.parents_of_registry()
        } else {
            let rest = self.repository.strip_prefix(key.namespace)?;
            if !rest.is_empty() && !rest.starts_with('/') {
                return None;
            }
            rest.matches('/').count()
        };
        Some(Distance { parents, is_url: key.is_url, host })
    }

    /// By how many names the repository is longer than the host alone.
    fn parents_of_registry(&self) -> usize {
        self.repository.matches('/').count() + 1
    }
}

/// A key of `auths` or `credHelpers`: `HOST`, `HOST/NAMESPACE`, or the URL of either or of the registry's API.
struct Key<'a> {
    host: &'a str,
    /// The names that repositories start with; empty for the whole registry.
    namespace: &'a str,
    is_url: bool,
}

impl<'a> Key<'a> {
    fn parse(key: &'a str) -> Self {
        let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
        let is_url = bare.is_some();
        let (host, path) = bare.unwrap_or(key).split_once('/').unwrap_or((bare.unwrap_or(key), ""));
        let namespace = path.trim_end_matches('/');
        // Without a scheme and a slash at the end, `v1` is a namespace.
        let is_api = matches!(namespace, "v1" | "v2") && (is_url || path.ends_with('/'));
        Self { host, namespace: if is_api { "" } else { namespace }, is_url }
    }

    /// The position of the host among the names of a registry.
    fn host_in(&self, hosts: &[&str]) -> Option<usize> {
        hosts.iter().position(|host| host.eq_ignore_ascii_case(self.host))
    }
}

impl AuthEntry {
    fn is_empty(&self) -> bool {
        let Self { auth, username, identitytoken, password: _ } = self;
        [auth, username, identitytoken].into_iter().all(|text| text.as_deref().is_none_or(str::is_empty))
    }

    /// The identity in an entry that is not empty; none if it cannot be decoded.
    fn identity(&self) -> Option<Identity> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = given(&self.identitytoken) {
            return Some(Identity::Token(Secret::new(token)));
        }
        let (user, password) = match given(&self.auth) {
            Some(auth) => decode(&auth)?,
            None => (given(&self.username)?, self.password.clone().unwrap_or_default()),
        };
        Some(Identity::Password { user, password: Secret::new(password) })
    }
}

/// The content of a file in UTF-8 without a byte order mark: PowerShell and editors of Windows write one, and UTF-16.
fn decode_text(bytes: &[u8]) -> Cow<'_, [u8]> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<_> = rest.as_chunks().0.iter().map(|pair| unit(*pair)).collect();
        Cow::Owned(String::from_utf16_lossy(&units).into_bytes())
    };
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => Cow::Borrowed(rest),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        bytes => Cow::Borrowed(bytes),
    }
}

/// The user and the password in `auth`. The first colon separates them; some tools add NUL characters to the password.
fn decode(auth: &str) -> Option<(String, String)> {
    let encoded: String = auth.split_ascii_whitespace().collect();
    let decoded = String::from_utf8(BASE64.decode(encoded).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    (!user.is_empty()).then(|| (user.to_owned(), password.trim_matches('\0').to_owned()))
}
