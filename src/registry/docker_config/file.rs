//! One configuration file of Docker or Podman: which helper it names for a registry, and its own entries.
//!
//! Only what matters is read, and an entry only when it is asked for: a broken one of another registry does no harm.

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

/// Some tools leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a file does not tell. It holds nothing of the file's content; the parser's message could quote a password.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error(transparent)]
    Read(#[from] FsError),
    #[error("`{}` is not JSON (line {line}, column {column})", path.display())]
    Syntax { path: PathBuf, line: usize, column: usize },
    #[error("`{}` has not the form of Docker's configuration (line {line}, column {column})", path.display())]
    Form { path: PathBuf, line: usize, column: usize },
    #[error("the `auth` of this registry in `{}` is not base64 of USER:PASSWORD", path.display())]
    Entry { path: PathBuf },
}

impl FileError {
    /// How to mend it.
    pub(super) fn help(&self) -> Option<String> {
        let text = match self {
            Self::Read(_) => return None,
            Self::Syntax { .. } | Self::Form { .. } => {
                "mend the file, or move it away and log in again with `docker login`"
            }
            Self::Entry { .. } => "log in to the registry again with `docker login`",
        };
        Some(text.to_owned())
    }
}

/// A file.
pub(super) struct File {
    path: PathBuf,
    content: Content,
}

/// What matters of its content. Tools write `null` where there is nothing.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Content {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    cred_helpers: Option<BTreeMap<String, Option<String>>>,
    creds_store: Option<String>,
}

/// An entry of `auths`. Not `Debug`, since it holds secrets.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

impl File {
    /// Reads a file; one that is not there, or is empty, is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, FileError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            // `HOME=/dev/null` is a way to say that there is no home.
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
                Category::Data => FileError::Form { path, line, column },
                Category::Io | Category::Syntax | Category::Eof => FileError::Syntax { path, line, column },
            }
        })?;
        Ok(Some(Self { path: path.to_owned(), content }))
    }

    /// The helper to ask for a registry of these names, and the name under which it knows the registry.
    pub(super) fn helper<'a>(&'a self, names: &[&'a str]) -> Option<(&'a str, &'a str)> {
        let own =
            self.content.cred_helpers.as_ref().and_then(|helpers| {
                names.iter().find_map(|name| Some((helpers.get(*name)?.as_deref(), *name)))
            });
        let for_all = || Some((self.content.creds_store.as_deref(), *names.first()?));
        // An empty name for one registry keeps it from the helper for all.
        let (helper, name) = own.or_else(for_all)?;
        Some((helper.filter(|helper| !helper.is_empty())?, name))
    }

    /// Whom the file's own entry for a registry of these names tells, if there is one.
    pub(super) fn identity(&self, names: &[&str]) -> Result<Option<Identity>, FileError> {
        let entries = self.content.auths.iter().flatten();
        let fitting = entries.filter_map(|(key, entry)| Some((distance(key, names)?, entry.as_ref()?)));
        // Docker keeps empty entries beside a helper.
        let nearest = fitting.filter(|(_, entry)| !entry.is_empty()).min_by_key(|(distance, _)| *distance);
        let Some((_, entry)) = nearest else { return Ok(None) };
        match entry.identity() {
            None => Err(FileError::Entry { path: self.path.clone() }),
            found => Ok(found),
        }
    }
}

/// How far the key of an entry is from a registry of these names; none when it is another's. A name itself is nearest, by
/// its place; then comes the address of its API, as old logins wrote it; and last a namespace of it, which Podman keeps
/// and Docker takes for the whole registry.
fn distance(key: &str, names: &[&str]) -> Option<usize> {
    if let Some(place) = names.iter().position(|name| *name == key) {
        return Some(place);
    }
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let is_api = matches!(path, "" | "v1" | "v1/" | "v2" | "v2/");
    names.contains(&host).then_some(names.len() + usize::from(!is_api))
}

impl Entry {
    fn is_empty(&self) -> bool {
        let Self { auth, username, identitytoken, password: _ } = self;
        [auth, username, identitytoken].into_iter().all(|text| text.as_deref().is_none_or(str::is_empty))
    }

    /// Whom an entry that is not empty tells; none when it cannot be read.
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

/// The user and the password in `auth`. Only the first colon parts them; some tools write NUL behind the password.
fn decode(auth: &str) -> Option<(String, String)> {
    let encoded: String = auth.split_ascii_whitespace().collect();
    let decoded = String::from_utf8(BASE64.decode(encoded).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    (!user.is_empty()).then(|| (user.to_owned(), password.trim_matches('\0').to_owned()))
}
