//! `config.yaml`: the configuration for all projects of a user or a machine, for example mirrors of registries. It
//! changes no image, except that `layers` names files that stand for layer versions.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use super::units::Size;
use crate::failure::{Failure, FailureKind, kind_of_input};
use crate::finding::Help;
use crate::fs::{self, TextError};
use crate::project::{ImageReference, LayerVersionArn};
use crate::registry::{ClientSettings, Mirror, MirrorError};
use crate::strict_yaml::{self, FromText, UniqueKeys, YamlError};
use crate::text::in_line;

/// The prefix of the variables that name a registry's mirror.
pub(super) const MIRROR_VARIABLE: &str = "LIMG_REGISTRY_MIRROR_";

/// The maximum size of the file: far more than any configuration needs, and small enough to read at once.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// Where to look for `config.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfigurationFile {
    pub(super) path: PathBuf,
    /// Whether the user named the file. If so, it must exist.
    pub(super) is_named: bool,
}

/// The default limit of the store: enough for the bases and layers of several projects, and a small part of a disk.
const DEFAULT_STORE_LIMIT: Size = Size(10_000_000_000);

/// The content of `config.yaml`, with the mirrors of the environment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Configuration {
    /// How to reach registries.
    pub(super) registries: RegistrySettings,
    /// Files that stand for layer versions: absolute paths.
    pub(super) layers: BTreeMap<LayerVersionArn, PathBuf>,
    /// The maximum size of the store.
    store_limit: Option<Size>,
}

/// How to reach registries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RegistrySettings {
    /// The mirrors of hosts in the file.
    mirrors: BTreeMap<String, Mirror>,
    /// The mirrors in the environment, by the rest of the variable's name. They override the file.
    environment_mirrors: BTreeMap<String, Mirror>,
    /// Hosts to use plain HTTP with.
    insecure: BTreeSet<String>,
}

/// A configuration that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigurationError {
    /// The file cannot be read as text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The file has a wrong key or value.
    #[error("`{}` is not valid: {}{}", path.display(), fault.message, in_line(fault.line))]
    Form { path: PathBuf, fault: YamlError },
    /// The value of a variable is not a mirror.
    #[error("`{MIRROR_VARIABLE}{host}` is not a valid mirror")]
    Variable {
        host: String,
        #[source]
        source: MirrorError,
    },
}

impl Failure for ConfigurationError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Text(TextError::Fs(error)) => kind_of_input(error),
            Self::Text(_) | Self::Form { .. } | Self::Variable { .. } => FailureKind::User,
        }
    }

    fn help(&self) -> Option<Help> {
        let help = match self {
            Self::Text(TextError::Fs(error)) if error.source.kind() == ErrorKind::NotFound => {
                "set LIMG_CONFIG to an existing file, or unset it to use the default one"
            }
            Self::Text(TextError::Fs(_)) => return None,
            Self::Text(_) => "save it as a text file in UTF-8, smaller than 1 MiB",
            Self::Form { fault, .. } => fault.help.as_deref().unwrap_or(
                "use `registries: { HOST: { mirror: \"HOST[:PORT][/PREFIX]\", insecure: true } }`, \
                 `layers: { ARN: PATH }` or `store: { limit: 10GB }`",
            ),
            Self::Variable { .. } => "set it to `HOST[:PORT][/PREFIX]`, or unset it",
        };
        Some(help.into())
    }
}

/// The shape of the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    registries: Option<UniqueKeys<Host, Registry>>,
    layers: Option<UniqueKeys<LayerVersionArn, String>>,
    store: Option<WrittenStore>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStore {
    limit: Option<FromText<Size>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registry {
    mirror: Option<FromText<Mirror>>,
    insecure: Option<bool>,
}

/// A registry's host, with an optional port, as in image references.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Host(String);

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A reference never has another host, for example a single word.
        let reference = format!("{text}/a/a").parse::<ImageReference>().ok();
        reference
            .filter(|reference| reference.repository().name == "a/a")
            .map(|reference| Self(reference.repository().host.to_lowercase()))
            .ok_or_else(|| {
                format!("`{text}` is not the host of a registry, for example `registry.example.com:5000`")
            })
    }
}

impl Configuration {
    /// Reads the file, if there is one. `variables` are the mirrors in the environment, by the rest of the variable's
    /// name after [`MIRROR_VARIABLE`].
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
        match fs::read_text(&file.path, SIZE_LIMIT) {
            Ok(text) => Self::of_text(&text, &file.path),
            // A home folder that is not one, or that cannot be read, contains no settings.
            Err(TextError::Fs(_)) if !file.is_named && std::fs::symlink_metadata(&file.path).is_err() => {
                Ok(Self::default())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn of_text(text: &str, path: &Path) -> Result<Self, ConfigurationError> {
        // A file that contains only comments has no value.
        let written: Option<Written> = strict_yaml::parse(text)
            .map_err(|fault| ConfigurationError::Form { path: path.to_owned(), fault })?;
        let Written { registries, layers, store } = written.unwrap_or_default();
        let folder = fs::folder_of(path);
        let layers = layers.into_iter().flat_map(|layers| layers.0);
        let layers = layers.map(|(arn, path)| (arn, folder.join(path))).collect();
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
        Ok(Self { registries: settings, layers, store_limit })
    }

    /// The maximum size of the store in bytes. `override_limit` is that of the environment.
    pub(super) fn store_limit(&self, override_limit: Option<Size>) -> u64 {
        let Size(bytes) = override_limit.or(self.store_limit).unwrap_or(DEFAULT_STORE_LIMIT);
        bytes
    }
}

impl RegistrySettings {
    /// The same as settings of the registry client.
    pub(super) fn for_client(self) -> ClientSettings {
        let Self { mirrors, environment_mirrors, insecure } = self;
        ClientSettings { mirrors, environment_mirrors, insecure, ..ClientSettings::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::help_text;

    const EXAMPLE: &str = "\
# For this machine.
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
        for (text, message) in [
            ("store: { limit: much }", "`much` is not a size"),
            ("store: { limits: 1GB }", "store: unknown key `limits`"),
        ] {
            let error = limit(text).unwrap_err();
            assert!(
                error.to_string().contains(message) && error.kind() == FailureKind::User,
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn files_that_stand_for_layer_versions_are_relative_to_the_file() {
        let arn = "arn:aws:lambda:eu-west-1:580247275435:layer:Insights:53";
        let text = format!("layers: {{ \"{arn}\": layers/insights.zip }}\n");
        let configuration = Configuration::of_text(&text, Path::new("/etc/limg/config.yaml")).unwrap();
        let expected = [(arn.parse().unwrap(), PathBuf::from("/etc/limg/layers/insights.zip"))];
        assert_eq!(configuration.layers, expected.into());
        let error = Configuration::of_text("layers: { x: y }\n", Path::new("config.yaml")).unwrap_err();
        assert!(error.to_string().contains("`x` is not the ARN of a layer version"), "{error}");
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
    fn variables_are_read_in_addition_to_the_file() {
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
    fn the_file_is_optional_unless_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = |is_named| ConfigurationFile { path: folder.path().join("config.yaml"), is_named };
        let none = BTreeMap::new();
        let settings = |file: Option<&ConfigurationFile>| Configuration::read(file, &none);
        assert_eq!(settings(None).unwrap(), Configuration::default());
        assert_eq!(settings(Some(&file(false))).unwrap(), Configuration::default());
        let error = settings(Some(&file(true))).unwrap_err();
        assert!(error.kind() == FailureKind::User && help_text(&error).contains("LIMG_CONFIG"), "{error}");
        for text in ["", "# nothing\n", "registries:\n", "registries: {}\n"] {
            assert_eq!(read(text).unwrap(), RegistrySettings::default(), "{text:?}");
        }
    }

    #[test]
    fn mistakes_are_reported_with_their_line_and_help() {
        for (text, message, help) in [
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
                "`https://quay.io` is not the host of a registry",
                "registries:",
            ),
            ("registries:\n  registry: {}\n", "`registry` is not the host of a registry", "registries:"),
            ("registries:\n  quay.io/a: {}\n", "`quay.io/a` is not the host of a registry", "registries:"),
            ("registries:\n  quay.io: { mirror: ftp://a }\n", "is not a registry address", "registries:"),
            ("registries:\n  quay.io: { insecure: yes }\n", "expected a boolean (line 2)", "registries:"),
            ("registries: [quay.io]\n", "expected a mapping (line 1)", "registries:"),
            ("registries: {", "config.yaml", "registries:"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.to_string().contains(message), "{text}: {error}");
            assert!(help_text(&error).contains(help), "{text}: {error}");
            assert_eq!(error.kind(), FailureKind::User);
        }
    }

    #[test]
    fn a_wrong_mirror_in_a_variable_is_reported_without_its_password() {
        let error = Configuration::read(None, &variables(&[("QUAY_IO", "user:hunter2@a")])).unwrap_err();
        assert_eq!(error.to_string(), "`LIMG_REGISTRY_MIRROR_QUAY_IO` is not a valid mirror");
        let shown = format!(
            "{error:?} {}",
            read("registries: { quay.io: { mirror: \"u:hunter2@a\" } }").unwrap_err()
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
