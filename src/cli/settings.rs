//! What the arguments and the environment decide before the work begins.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::args::{Arguments, Command, InvokeArguments};
use super::config_yaml::{ConfigurationFile, MIRROR_VARIABLE};
use super::error::CommandError;
use super::units::Size;
use crate::build_time::BuildTime;
use crate::definition::check_variable;
use crate::engine::{DockerHost, EMULATOR_VARIABLES};
use crate::fs;
use crate::registry::{DockerConfigPaths, Proxies};
use crate::runtime::Date;

/// The arguments of the process, with the name of the program.
pub(super) fn process_arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// The day in UTC.
fn today() -> Date {
    let date = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date();
    let number = |number: i8| u8::try_from(number).unwrap_or_default();
    Date::new(u16::try_from(date.year()).unwrap_or_default(), number(date.month()), number(date.day()))
}

/// The environment of the process. Nothing else in limg reads it.
#[derive(Debug)]
pub(super) struct Environment {
    variables: BTreeMap<String, String>,
    directory: PathBuf,
    today: Date,
    home: Option<PathBuf>,
    cache: Option<PathBuf>,
    configuration: Option<PathBuf>,
}

impl Environment {
    pub(super) fn of_process() -> Self {
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        let folders = etcetera::choose_base_strategy().ok();
        Self {
            variables: std::env::vars_os().filter_map(text).collect(),
            directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            today: today(),
            home: etcetera::home_dir().ok(),
            cache: folders.as_ref().map(etcetera::BaseStrategy::cache_dir),
            configuration: folders.as_ref().map(etcetera::BaseStrategy::config_dir),
        }
    }

    /// The value of a variable that is set and not empty.
    fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The variables of an invoked function that the command line sets. `--env` overrides files, and later files
    /// override earlier ones.
    fn variables_of_invoke(
        &self,
        arguments: &InvokeArguments,
    ) -> Result<BTreeMap<String, String>, CommandError> {
        let mut variables = BTreeMap::new();
        for file in &arguments.environment_files {
            variables.extend(self.variables_of_file(file)?);
        }
        variables.extend(self.function_variables(&arguments.environment)?);
        Ok(variables)
    }

    /// The proxies in the variables that most programs read, in upper or lower case.
    fn proxies(&self) -> Proxies {
        let get = |name: &str| self.get(name).or_else(|| self.get(&name.to_lowercase()));
        // In a CGI program, a request's header `Proxy` becomes HTTP_PROXY.
        if self.get("REQUEST_METHOD").is_some() {
            return Proxies::default();
        }
        let all = get("ALL_PROXY");
        let exceptions = get("NO_PROXY").unwrap_or_default();
        Proxies::new(get("HTTP_PROXY").or(all), get("HTTPS_PROXY").or(all), exceptions)
    }

    /// The variables of `--env NAME=VALUE`, or `--env NAME` for one that is set here. Errors never contain a value.
    fn function_variables(&self, written: &[String]) -> Result<BTreeMap<String, String>, CommandError> {
        let variable = |written: &String| {
            let (name, value) = match written.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (written.as_str(), None),
            };
            if check_variable(name).is_err() && value.is_none() && !self.variables.contains_key(name) {
                return Err(CommandError::NotAVariable);
            }
            check_function_variable(name)?;
            let value = value.map(str::to_owned).or_else(|| self.variables.get(name).cloned());
            let value = value.ok_or_else(|| CommandError::UnsetVariable { name: name.to_owned() })?;
            Ok((name.to_owned(), value))
        };
        written.iter().map(variable).collect()
    }

    /// The variables of `--env-file`. Errors never contain a value.
    fn variables_of_file(&self, file: &Path) -> Result<BTreeMap<String, String>, CommandError> {
        let text = fs::read_text(&self.directory.join(file), ENV_FILE_LIMIT);
        let text = text.map_err(CommandError::EnvFile)?;
        let lines = text.lines().map(str::trim_start).enumerate();
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let variable = |(position, line): (usize, &str)| {
            let (name, value) = match line.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (line.trim_end(), None),
            };
            check_function_variable(name).map_err(|error| CommandError::EnvFileLine {
                file: file.to_owned(),
                line: position + 1,
                error: Box::new(error),
            })?;
            // Like Docker, this leaves out a variable that is not set.
            let value = value.or_else(|| self.variables.get(name).map(String::as_str));
            Ok(value.map(|value| (name.to_owned(), value.to_owned())))
        };
        lines.map(variable).filter_map(Result::transpose).collect()
    }

    /// The variables that are set, not empty, and whose names start with `prefix`, by the rest of their names.
    fn with_prefix(&self, prefix: &str) -> BTreeMap<String, String> {
        let rest =
            |name: &String| name.strip_prefix(prefix).filter(|rest| !rest.is_empty()).map(str::to_owned);
        let variables = self.variables.iter().filter(|(_, value)| !value.is_empty());
        variables.filter_map(|(name, value)| Some((rest(name)?, value.clone()))).collect()
    }
}

/// Checks the name of a variable that the user sets for an invoked function.
fn check_function_variable(name: &str) -> Result<(), CommandError> {
    check_variable(name).map_err(|error| CommandError::Variable { name: name.to_owned(), error })?;
    if EMULATOR_VARIABLES.contains(&name) {
        return Err(CommandError::EmulatorVariable { name: name.to_owned() });
    }
    Ok(())
}

/// The settings of all commands.
#[derive(Debug)]
pub(super) struct Settings {
    /// The definition, if the user named one.
    pub(super) file: Option<PathBuf>,
    /// The working directory.
    pub(super) directory: PathBuf,
    /// The folder of the store: `LIMG_STORE`, or `limg` in the user's cache folder, if the user has one.
    pub(super) store: Option<PathBuf>,
    /// `LIMG_STORE_LIMIT`.
    pub(super) store_limit: Option<Size>,
    /// `config.yaml`, if the user has a folder for it.
    pub(super) configuration: Option<ConfigurationFile>,
    /// The values of `LIMG_REGISTRY_MIRROR_<HOST>`, by `<HOST>`.
    pub(super) mirrors: BTreeMap<String, String>,
    /// The day in UTC on which limg runs. Nothing in an image depends on it.
    pub(super) today: Date,
    /// `SOURCE_DATE_EPOCH`, or the default time.
    pub(super) time: BuildTime,
    /// The Docker Engine, by the docker client's variables and files.
    pub(super) docker: DockerHost,
    /// `LIMG_RIE`.
    pub(super) emulator: Option<PathBuf>,
    /// The Region of `AWS_REGION` or `AWS_DEFAULT_REGION`.
    pub(super) region: Option<String>,
    /// All variables of the environment, for definitions that name some.
    pub(super) environment: BTreeMap<String, String>,
    /// The AWS variables that an invoked function gets.
    pub(super) aws: BTreeMap<String, String>,
    /// `--env-file` and `--env`: further variables of an invoked function.
    pub(super) variables: BTreeMap<String, String>,
    /// `--ca-file`.
    pub(super) certificates: Option<PathBuf>,
    /// The proxies for registries and AWS: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    pub(super) proxies: Proxies,
    /// Where Docker and Podman keep credentials.
    pub(super) credentials: DockerConfigPaths,
}

/// The size of a file of variables at most, in bytes: many times what Lambda accepts.
const ENV_FILE_LIMIT: u64 = 1024 * 1024;

/// The variables that Lambda sets and that a function needs to call AWS from this machine.
const AWS_VARIABLES: [&str; 5] =
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"];

impl Settings {
    /// Whether a file is in the store, such as one that has been fetched.
    pub(super) fn is_in_store(&self, file: &Path) -> bool {
        self.store.as_deref().is_some_and(|store| file.starts_with(store))
    }

    pub(super) fn resolve(arguments: &Arguments, environment: &Environment) -> Result<Self, CommandError> {
        let Arguments { file, ca_file, command, .. } = arguments;
        let store = match (environment.get("LIMG_STORE"), &environment.cache) {
            (Some(store), _) => Some(environment.directory.join(store)),
            (None, cache) => cache.as_ref().map(|cache| cache.join("limg")),
        };
        let limit = environment.get("LIMG_STORE_LIMIT").map(str::parse::<Size>);
        let store_limit = limit.transpose().map_err(CommandError::StoreLimit)?;
        let configuration = match (environment.get("LIMG_CONFIG"), &environment.configuration) {
            (Some(file), _) => {
                Some(ConfigurationFile { path: environment.directory.join(file), is_named: true })
            }
            (None, Some(folder)) => {
                Some(ConfigurationFile { path: folder.join("limg").join("config.yaml"), is_named: false })
            }
            (None, None) => None,
        };
        let time = environment.get("SOURCE_DATE_EPOCH").map_or_else(
            || Ok(BuildTime::default()),
            |text| {
                let time = text.parse().ok().and_then(BuildTime::from_seconds);
                time.ok_or_else(|| CommandError::SourceDateEpoch(text.to_owned()))
            },
        )?;
        let path = |name: &str| environment.get(name).map(PathBuf::from);
        let aws = |name: &&str| Some(((*name).to_owned(), environment.get(name)?.to_owned()));
        Ok(Self {
            file: file.clone(),
            directory: environment.directory.clone(),
            store,
            store_limit,
            configuration,
            mirrors: environment.with_prefix(MIRROR_VARIABLE),
            today: environment.today,
            time,
            docker: DockerHost {
                address: environment.get("DOCKER_HOST").map(str::to_owned),
                tls: environment.get("DOCKER_TLS_VERIFY").is_some(),
                certificates: path("DOCKER_CERT_PATH"),
                context: environment.get("DOCKER_CONTEXT").map(str::to_owned),
                configuration: path("DOCKER_CONFIG")
                    .or_else(|| environment.home.as_ref().map(|home| home.join(".docker"))),
            },
            emulator: environment.get("LIMG_RIE").map(PathBuf::from),
            variables: match command {
                Command::Invoke(arguments) => environment.variables_of_invoke(arguments)?,
                _ => BTreeMap::new(),
            },
            region: ["AWS_REGION", "AWS_DEFAULT_REGION"]
                .into_iter()
                .find_map(|name| environment.get(name))
                .map(str::to_owned),
            environment: environment.variables.clone(),
            aws: AWS_VARIABLES.iter().filter_map(aws).collect(),
            certificates: ca_file.clone(),
            proxies: environment.proxies(),
            credentials: DockerConfigPaths {
                home: environment.home.clone(),
                registry_auth_file: path("REGISTRY_AUTH_FILE"),
                docker_config: path("DOCKER_CONFIG"),
                runtime: path("XDG_RUNTIME_DIR"),
                config_home: path("XDG_CONFIG_HOME"),
                path: environment
                    .get("PATH")
                    .map(|path| std::env::split_paths(path).collect())
                    .unwrap_or_default(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::failure::help_text;

    fn resolve(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Settings, CommandError> {
        let arguments = Arguments::parse_from([&["limg"], arguments].concat());
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = Environment {
            variables: variables.iter().map(own).collect(),
            directory: "/home/u/shop".into(),
            today: Date::OF_TESTS,
            home: Some("/home/u".into()),
            cache: Some("/home/u/.cache".into()),
            configuration: Some("/home/u/.config".into()),
        };
        Settings::resolve(&arguments, &environment)
    }

    #[test]
    fn the_store_is_in_the_cache_unless_named() {
        assert_eq!(resolve(&["schema"], &[]).unwrap().store, Some("/home/u/.cache/limg".into()));
        assert_eq!(
            resolve(&["schema"], &[("LIMG_STORE", "s")]).unwrap().store,
            Some("/home/u/shop/s".into())
        );
        assert_eq!(
            resolve(&["schema"], &[("LIMG_STORE", "")]).unwrap().store,
            Some("/home/u/.cache/limg".into())
        );
        let arguments = Arguments::parse_from(["limg", "schema"]);
        let homeless = Environment {
            variables: BTreeMap::new(),
            directory: "/".into(),
            today: Date::OF_TESTS,
            home: None,
            cache: None,
            configuration: None,
        };
        let store = Settings::resolve(&arguments, &homeless).map(|settings| settings.store);
        assert_eq!(store.unwrap(), None, "it is not needed to print the schema");
    }

    #[test]
    fn the_limit_of_the_store_is_a_size() {
        let limit =
            |text| resolve(&["schema"], &[("LIMG_STORE_LIMIT", text)]).map(|settings| settings.store_limit);
        assert_eq!(limit("").unwrap(), None);
        assert_eq!(limit("2GB").unwrap(), Some(Size(2_000_000_000)));
        let error = limit("much").unwrap_err();
        assert_eq!((error.to_string().as_str(), error.exit_code()), ("LIMG_STORE_LIMIT is not a size", 2));
    }

    #[test]
    fn the_configuration_is_the_users_unless_named() {
        let file = |path: &str, is_named| Some(ConfigurationFile { path: path.into(), is_named });
        let usual = file("/home/u/.config/limg/config.yaml", false);
        assert_eq!(resolve(&["schema"], &[]).unwrap().configuration, usual);
        assert_eq!(resolve(&["schema"], &[("LIMG_CONFIG", "")]).unwrap().configuration, usual);
        let named = resolve(&["schema"], &[("LIMG_CONFIG", "c.yaml")]).unwrap();
        assert_eq!(named.configuration, file("/home/u/shop/c.yaml", true));
    }

    #[test]
    fn variables_name_the_mirrors_of_hosts() {
        let variables = [
            ("LIMG_REGISTRY_MIRROR_PUBLIC_ECR_AWS", "mirror.example.com"),
            ("LIMG_REGISTRY_MIRROR_QUAY_IO", ""),
            ("LIMG_REGISTRY_MIRROR_", "x"),
            ("LIMG_REGISTRY_MIRROR", "x"),
        ];
        let expected = [("PUBLIC_ECR_AWS".to_owned(), "mirror.example.com".to_owned())];
        assert_eq!(resolve(&["schema"], &variables).unwrap().mirrors, expected.into());
    }

    #[test]
    fn proxies_are_named_by_variables_in_either_case() {
        let shown = |variables: &[(&str, &str)]| {
            let proxies = resolve(&["schema"], variables).unwrap().proxies;
            let of = |url: &str| {
                proxies.proxy(&url.parse().unwrap()).map_or("-", |proxy| proxy.host_str().unwrap())
            };
            [of("http://a.com/").to_owned(), of("https://a.com/").to_owned()]
        };
        for (variables, expected) in [
            (&[][..], ["-", "-"]),
            (&[("HTTPS_PROXY", "http://one:1")], ["-", "one"]),
            (&[("https_proxy", "one:1"), ("http_proxy", "two")], ["two", "one"]),
            (&[("HTTPS_PROXY", "one"), ("https_proxy", "two")], ["-", "one"]),
            (&[("HTTPS_PROXY", ""), ("https_proxy", "two")], ["-", "two"]),
            (&[("ALL_PROXY", "all"), ("HTTPS_PROXY", "one")], ["all", "one"]),
            (&[("all_proxy", "all"), ("NO_PROXY", "a.com:443")], ["all", "-"]),
            (&[("ALL_PROXY", "all"), ("no_proxy", "a.com")], ["-", "-"]),
            (&[("ALL_PROXY", "all"), ("REQUEST_METHOD", "GET")], ["-", "-"]),
        ] {
            assert_eq!(shown(variables), expected, "{variables:?}");
        }
    }

    #[test]
    fn source_date_epoch_is_the_time_of_images() {
        assert_eq!(resolve(&["schema"], &[]).unwrap().time, BuildTime::default());
        let settings = resolve(&["schema"], &[("SOURCE_DATE_EPOCH", "1700000000")]).unwrap();
        assert_eq!(Some(settings.time), BuildTime::from_seconds(1_700_000_000));
        for bad in ["yesterday", "-1", "99999999999999"] {
            assert!(resolve(&["schema"], &[("SOURCE_DATE_EPOCH", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn variables_of_a_function_have_a_value_or_are_copied() {
        let variables = |arguments: &[&str]| {
            let here = [("STAGE", "test"), ("NOTHING", ""), ("AWS_REGION", "eu-west-1")];
            resolve(&[&["invoke"], arguments].concat(), &here).map(|settings| settings.variables)
        };
        let own = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let given =
            ["--env", "STAGE", "--env", "NOTHING", "--env", "A1=x=y", "--env", "B1=", "--env", "A1=z"];
        let expected = own(&[("A1", "z"), ("B1", ""), ("NOTHING", ""), ("STAGE", "test")]);
        assert_eq!(variables(&given).unwrap(), expected);
        for (bad, message) in [
            ("MISSING", "`MISSING` is not set in limg's own environment"),
            ("AWS_REGION", "Lambda sets `AWS_REGION` itself"),
            ("AWS_SECRET_ACCESS_KEY=hush", "Lambda sets `AWS_SECRET_ACCESS_KEY` itself"),
            (
                "AWS_LAMBDA_FUNCTION_TIMEOUT=60",
                "limg sets `AWS_LAMBDA_FUNCTION_TIMEOUT` itself, for the emulator",
            ),
            (
                "AWS_LAMBDA_FUNCTION_HANDLER=hush",
                "limg sets `AWS_LAMBDA_FUNCTION_HANDLER` itself, for the emulator",
            ),
            ("A-B=hush", "`A-B` is not a valid variable name"),
            ("=hush", "`` is not a valid variable name"),
            ("hush hush", "`--env` requires NAME=VALUE, or the NAME of a variable that is set"),
        ] {
            let error = variables(&["--env", bad]).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.exit_code()), (message, 2));
            assert!(!help_text(&error).contains("hush"));
        }
    }

    #[test]
    fn files_of_variables_are_read_as_docker_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dev.env");
        let name = file.to_str().unwrap();
        let variables = |text: &[u8], more: &[&str]| {
            std::fs::write(&file, text).unwrap();
            let here = [("STAGE", "test"), ("AWS_REGION", "eu-west-1")];
            resolve(&[&["invoke", "--env-file", name], more].concat(), &here)
                .map(|settings| settings.variables.into_iter().collect::<Vec<_>>())
        };
        let own = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
        };
        let text =
            "\u{feff}# comment\r\n\r\n  AA=1\r\nBB=\"x # y\"\r\nCC= a=b \r\nDD=\r\nSTAGE\r\nMISSING\r\nAA=2";
        let expected = [("AA", "2"), ("BB", "\"x # y\""), ("CC", " a=b "), ("DD", ""), ("STAGE", "test")];
        assert_eq!(variables(text.as_bytes(), &[]).unwrap(), own(&expected));
        assert_eq!(variables(b"AA=1\nBB=2", &["--env", "AA=3"]).unwrap(), own(&[("AA", "3"), ("BB", "2")]));

        let line = |text: &str| variables(text.as_bytes(), &[]).unwrap_err();
        for (text, reason) in [
            ("AA=1\n\nexport AA=hush", "line 3: `export AA` is not a valid variable name"),
            ("=hush", "line 1: `` is not a valid variable name"),
            ("AWS_REGION", "line 1: Lambda sets `AWS_REGION` itself"),
            ("AWS_LAMBDA_FUNCTION_TIMEOUT=9", "line 1: limg sets `AWS_LAMBDA_FUNCTION_TIMEOUT` itself"),
        ] {
            let error = line(text);
            assert!(error.to_string().contains(reason), "{error}");
            assert!(error.exit_code() == 2 && !help_text(&error).contains("hush"), "{error}");
        }
        assert_eq!(variables(b"AA=\xff", &[]).unwrap_err().exit_code(), 2);
        std::fs::remove_file(&file).unwrap();
        let error = resolve(&["invoke", "--env-file", name], &[]).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
    }
}
