//! The user's configuration, `config.yaml`: what holds for all projects of a user or of a machine, such as where registries
//! are reached. Nothing in it changes what an image is.
//!
//! Nothing here reads the environment: what of it matters is given.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use super::settings::Settings;
use super::size::Size;
use crate::fs::{self, TextError};
use crate::project::ImageReference;
use crate::registry::{ClientSettings, Mirror, MirrorError};
use crate::strict_yaml::{self, FromText, UniqueKeys, YamlError};

/// How the variables begin that name a registry's mirror.
pub(super) const MIRROR_VARIABLE: &str = "LIMG_REGISTRY_MIRROR_";

/// Far more than any configuration needs, and little enough to be read whole.
const BYTES_AT_MOST: u64 = 1024 * 1024;

/// Where the configuration is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfigurationFile {
    /// Its path.
    pub(super) path: PathBuf,
    /// Whether the user named it. Then it must be there.
    pub(super) is_named: bool,
}

/// How much the store may hold unless the user says otherwise: the bases and layers of some projects, and little of a disk.
const DEFAULT_STORE_LIMIT: Size = Size(10_000_000_000);

/// What the user says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Configuration {
    /// About registries.
    pub(super) registries: RegistrySettings,
    /// How much the store may hold.
    store_limit: Option<Size>,
}

/// What the user says about registries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RegistrySettings {
    /// Where the traffic of a host goes instead, by the configuration.
    mirrors: BTreeMap<String, Mirror>,
    /// The same by the environment, by the end of a variable's name. It wins.
    environment_mirrors: BTreeMap<String, Mirror>,
    /// Hosts that may be spoken to in plain HTTP.
    insecure: BTreeSet<String>,
}

/// A configuration that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigurationError {
    /// The file cannot be read as text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// It says what limg does not understand.
    #[error("`{}` cannot be followed: {}{}", path.display(), fault.message, in_line(fault.line))]
    Form { path: PathBuf, fault: YamlError },
    /// A variable names no mirror.
    #[error("`{MIRROR_VARIABLE}{host}` names no mirror")]
    Variable {
        host: String,
        #[source]
        source: MirrorError,
    },
}

/// ` (line 3)`, if a line is known.
fn in_line(line: Option<usize>) -> String {
    line.map(|line| format!(" (line {line})")).unwrap_or_default()
}

impl ConfigurationError {
    /// How to mend it.
    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::Text(TextError::Fs(error)) if error.source.kind() == ErrorKind::NotFound => {
                Some("LIMG_CONFIG names it; unset that for the usual one".to_owned())
            }
            Self::Text(TextError::Fs(_)) => None,
            Self::Text(_) => Some("save it as UTF-8, with nothing but settings in it".to_owned()),
            Self::Form { fault, .. } => Some(fault.help.clone().unwrap_or_else(|| {
                "write `registries: { HOST: { mirror: \"HOST[:PORT][/PREFIX]\", insecure: true } }` or `store: { limit: 10GB }`"
                    .to_owned()
            })),
            Self::Variable { .. } => Some("set it to `HOST[:PORT][/PREFIX]`, or unset it".to_owned()),
        }
    }

    /// Whether the user must change something, not the machine.
    pub(super) fn is_users(&self) -> bool {
        match self {
            Self::Text(TextError::Fs(error)) => error.source.kind() == ErrorKind::NotFound,
            Self::Text(_) | Self::Form { .. } | Self::Variable { .. } => true,
        }
    }
}

/// The configuration as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    registries: Option<UniqueKeys<Host, Registry>>,
    store: Option<WrittenStore>,
}

/// What is written of the store.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStore {
    limit: Option<FromText<Size>>,
}

/// What is written of one registry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registry {
    mirror: Option<FromText<Mirror>>,
    insecure: Option<bool>,
}

/// A registry's host, with its port if it has one, as references name it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Host(String);

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What is no host to a reference, such as a single word, would never be met.
        let reference = format!("{text}/a/a").parse::<ImageReference>().ok();
        reference
            .filter(|reference| reference.repository().name == "a/a")
            .map(|reference| Self(reference.repository().host.to_lowercase()))
            .ok_or_else(|| format!("`{text}` is no host of a registry, such as `registry.example.com:5000`"))
    }
}

impl Configuration {
    /// Reads the configuration, if there is one. `variables` are those that begin with [`MIRROR_VARIABLE`], without it.
    ///
    /// # Errors
    /// When the file cannot be read, or it or a variable says what limg does not understand.
    pub(super) fn read(
        file: Option<&ConfigurationFile>,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigurationError> {
        let mut settings = match file {
            Some(file) => Self::of_file(file)?,
            None => Self::default(),
        };
        for (host, text) in variables {
            let mirror =
                text.parse().map_err(|source| ConfigurationError::Variable { host: host.clone(), source })?;
            settings.registries.environment_mirrors.insert(host.clone(), mirror);
        }
        Ok(settings)
    }

    fn of_file(file: &ConfigurationFile) -> Result<Self, ConfigurationError> {
        match fs::read_text(&file.path, BYTES_AT_MOST) {
            Ok(text) => Self::of_text(&text, &file.path),
            Err(TextError::Fs(error)) if error.source.kind() == ErrorKind::NotFound && !file.is_named => {
                Ok(Self::default())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn of_text(text: &str, path: &Path) -> Result<Self, ConfigurationError> {
        // A file of comments alone has no value, which is as good as none.
        let written: Option<Written> = strict_yaml::parse(text)
            .map_err(|fault| ConfigurationError::Form { path: path.to_owned(), fault })?;
        let Written { registries, store } = written.unwrap_or_default();
        let mut settings = RegistrySettings::default();
        for (Host(host), registry) in registries.into_iter().flat_map(|registries| registries.0) {
            if registry.insecure == Some(true) {
                settings.insecure.insert(host.clone());
            }
            if let Some(FromText(mirror)) = registry.mirror {
                settings.mirrors.insert(host, mirror);
            }
        }
        let store_limit = store.unwrap_or_default().limit.map(|FromText(limit)| limit);
        Ok(Self { registries: settings, store_limit })
    }

    /// How many bytes the store may hold. The environment wins.
    pub(super) fn store_limit(&self, settings: &Settings) -> u64 {
        let Size(bytes) = settings.store_limit.or(self.store_limit).unwrap_or(DEFAULT_STORE_LIMIT);
        bytes
    }
}

impl RegistrySettings {
    /// The same, for a client of registries.
    pub(super) fn for_client(self) -> ClientSettings {
        let Self { mirrors, environment_mirrors, insecure } = self;
        ClientSettings { mirrors, environment_mirrors, insecure, ..ClientSettings::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "\
# Of this machine.
registries:
  public.ecr.aws: { mirror: mirror.example.com/ecr-public }
  index.docker.io: { mirror: \"http://127.0.0.1:5000\" }
  Registry.example.com:5000:
    insecure: true
  quay.io: { insecure: false }
";

    fn read(text: &str) -> Result<RegistrySettings, ConfigurationError> {
        Configuration::of_text(text, Path::new("config.yaml")).map(|configuration| configuration.registries)
    }

    #[test]
    fn the_limit_of_the_store_is_a_size() {
        let limit =
            |text| Configuration::of_text(text, Path::new("config.yaml")).map(|read| read.store_limit);
        assert_eq!(limit("store: { limit: 500MB }").unwrap(), Some(Size(500_000_000)));
        for text in ["", "store:", "store: {}", "registries:"] {
            assert_eq!(limit(text).unwrap(), None, "{text:?}");
        }
        for (text, told) in [
            ("store: { limit: much }", "`much` is no size"),
            ("store: { limits: 1GB }", "store: unknown key `limits`"),
        ] {
            let error = limit(text).unwrap_err();
            assert!(error.to_string().contains(told) && error.is_users(), "{text}: {error}");
        }
    }

    fn mirror(text: &str) -> Mirror {
        text.parse().unwrap()
    }

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn mirrors_and_insecure_hosts_are_read() {
        let settings = read(EXAMPLE).unwrap().for_client();
        assert_eq!(
            settings.mirrors,
            BTreeMap::from([
                ("public.ecr.aws".to_owned(), mirror("mirror.example.com/ecr-public")),
                ("docker.io".to_owned(), mirror("http://127.0.0.1:5000")),
            ])
        );
        assert_eq!(settings.insecure, BTreeSet::from(["registry.example.com:5000".to_owned()]));
    }

    #[test]
    fn variables_are_read_beside_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = ConfigurationFile { path: folder.path().join("config.yaml"), is_named: true };
        fs::write_atomically(&file.path, EXAMPLE.as_bytes()).unwrap();
        let variables =
            variables(&[("PUBLIC_ECR_AWS", "near.example.com"), ("LOCALHOST_5000", "127.0.0.1:6000/x")]);
        let settings = Configuration::read(Some(&file), &variables).unwrap().registries.for_client();
        assert_eq!(
            settings.environment_mirrors,
            BTreeMap::from([
                ("PUBLIC_ECR_AWS".to_owned(), mirror("near.example.com")),
                ("LOCALHOST_5000".to_owned(), mirror("127.0.0.1:6000/x")),
            ])
        );
        assert_eq!(settings.mirrors, read(EXAMPLE).unwrap().mirrors);
    }

    #[test]
    fn there_need_be_no_file_unless_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = |is_named| ConfigurationFile { path: folder.path().join("config.yaml"), is_named };
        let none = BTreeMap::new();
        let settings = |file: Option<&ConfigurationFile>| Configuration::read(file, &none);
        assert_eq!(settings(None).unwrap(), Configuration::default());
        assert_eq!(settings(Some(&file(false))).unwrap(), Configuration::default());
        let error = settings(Some(&file(true))).unwrap_err();
        assert!(error.is_users() && error.help().unwrap().contains("LIMG_CONFIG"), "{error}");
        for text in ["", "# nothing\n", "registries:\n", "registries: {}\n"] {
            assert_eq!(read(text).unwrap(), RegistrySettings::default(), "{text:?}");
        }
    }

    #[test]
    fn what_limg_does_not_understand_is_told_with_its_line_and_a_mend() {
        for (text, told, help) in [
            ("registry: {}\n", "unknown key `registry` (line 1)", "did you mean `registries`?"),
            (
                "registries:\n  quay.io:\n    miror: a\n",
                "registries.quay.io: unknown key `miror` (line 3)",
                "did you mean `mirror`?",
            ),
            (
                "registries:\n  quay.io: {}\n  quay.io: {}\n",
                "registries: duplicate key `quay.io` (line 3)",
                "registries:",
            ),
            (
                "registries:\n  https://quay.io: {}\n",
                "`https://quay.io` is no host of a registry",
                "registries:",
            ),
            ("registries:\n  registry: {}\n", "`registry` is no host of a registry", "registries:"),
            ("registries:\n  quay.io/a: {}\n", "`quay.io/a` is no host of a registry", "registries:"),
            ("registries:\n  quay.io: { mirror: ftp://a }\n", "is not a registry address", "registries:"),
            ("registries:\n  quay.io: { insecure: yes }\n", "expected a boolean (line 2)", "registries:"),
            ("registries: [quay.io]\n", "expected a mapping (line 1)", "registries:"),
            ("registries: {", "config.yaml", "registries:"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.to_string().contains(told), "{text}: {error}");
            assert!(error.help().unwrap().contains(help), "{text}: {:?}", error.help());
            assert!(error.is_users());
        }
    }

    #[test]
    fn a_variable_that_names_no_mirror_is_told_without_its_password() {
        let error = Configuration::read(None, &variables(&[("QUAY_IO", "user:hunter2@a")])).unwrap_err();
        assert_eq!(error.to_string(), "`LIMG_REGISTRY_MIRROR_QUAY_IO` names no mirror");
        let shown = format!(
            "{error:?} {}",
            read("registries: { quay.io: { mirror: \"u:hunter2@a\" } }").unwrap_err()
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
