//! One configuration file of Docker or Podman: the helper that it names for a registry, and its own entries.
//!
//! Only the necessary parts are read, and an entry only when it is needed: a broken entry for another registry does no harm.

use std::collections::BTreeMap;
use std::io;
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

impl ConfigFile {
    /// Reads a file, unless it is missing or empty.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, ConfigFileError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            // `HOME=/dev/null` is a way to have no home folder.
            Err(FsError { source, .. })
                if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        let content = serde_json::from_slice(&bytes).map_err(|error| {
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

    /// The helper for a registry with these names, and the name to ask it for.
    pub(super) fn helper<'a>(&'a self, names: &[&'a str]) -> Option<(&'a str, &'a str)> {
        let own =
            self.content.cred_helpers.as_ref().and_then(|helpers| {
                names.iter().find_map(|name| Some((helpers.get(*name)?.as_deref(), *name)))
            });
        let for_all = || Some((self.content.creds_store.as_deref(), *names.first()?));
        // An empty name for one registry excludes it from the helper for all.
        let (helper, name) = own.or_else(for_all)?;
        Some((helper.filter(|helper| !helper.is_empty())?, name))
    }

    /// The identity in the file's own entry for a registry with these names.
    pub(super) fn identity(&self, names: &[&str]) -> Result<Option<Identity>, ConfigFileError> {
        let entries = self.content.auths.iter().flatten();
        let fitting = entries.filter_map(|(key, entry)| Some((distance(key, names)?, entry.as_ref()?)));
        // Docker writes empty entries if there is a helper.
        let nearest = fitting.filter(|(_, entry)| !entry.is_empty()).min_by_key(|(distance, _)| *distance);
        let Some((_, entry)) = nearest else { return Ok(None) };
        match entry.identity() {
            None => Err(ConfigFileError::Entry { path: self.path.clone() }),
            found => Ok(found),
        }
    }
}

/// How far the key of an entry is from a registry with these names; none if it is another registry's. A name itself is
/// nearest, by its position; next is the URL of the API, as old logins wrote it; last is a namespace, which Podman writes
/// and Docker takes for the whole registry.
fn distance(key: &str, names: &[&str]) -> Option<usize> {
    if let Some(position) = names.iter().position(|name| *name == key) {
        return Some(position);
    }
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let is_api = matches!(path, "" | "v1" | "v1/" | "v2" | "v2/");
    names.contains(&host).then_some(names.len() + usize::from(!is_api))
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

/// The user and the password in `auth`. The first colon separates them; some tools add NUL characters to the password.
fn decode(auth: &str) -> Option<(String, String)> {
    let encoded: String = auth.split_ascii_whitespace().collect();
    let decoded = String::from_utf8(BASE64.decode(encoded).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    (!user.is_empty()).then(|| (user.to_owned(), password.trim_matches('\0').to_owned()))
}
