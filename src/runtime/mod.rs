//! Runtime contracts: what limg may assume about a base image for a Lambda runtime.
//!
//! The catalogue is compiled in from the YAML files in `base-images/`. A contract contains only what the base's config does
//! not: environment, entry point and working directory are read from the actual base. This room takes no clock: what
//! depends on the day gets it as a parameter.

mod date;
mod language;
mod meant;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

pub(crate) use self::date::Date;
pub(crate) use self::language::Language;
pub(crate) use self::meant::{meant, newest, successor};
use crate::project::{ImagePath, ImageReference};

/// The folder of a function's code (Lambda developer guide, configuration-envvars: `LAMBDA_TASK_ROOT`).
pub(crate) const TASK_ROOT: &str = "/var/task";

/// The folder of a base's runtime interface client (`LAMBDA_RUNTIME_DIR`).
pub(crate) const RUNTIME_DIR: &str = "/var/runtime";

/// The folder that layers are merged into.
pub(crate) const LAYER_ROOT: &str = "/opt";

/// The variable that names the wrapper script, which a base's bootstrap starts instead of the language's interpreter (Lambda
/// developer guide, runtimes-modify).
pub(crate) const WRAPPER_VARIABLE: &str = "AWS_LAMBDA_EXEC_WRAPPER";

/// The entry script of AWS's base images, and of bases that keep their contract. Its only argument is the handler.
pub(crate) const AWS_ENTRYPOINT: &str = "/lambda-entrypoint.sh";

/// The runtime interface emulator, which that script starts outside Lambda.
pub(crate) const EMULATOR_PATH: &str = "/usr/local/bin/aws-lambda-rie";

/// The program that limg adds at [`Contract::launcher`].
pub(crate) const LAUNCHER_SCRIPT: &str = include_str!("../../base-images/launcher.sh");

/// The path of limg's entry script on a base that is not one of Lambda's.
pub(crate) const LIMG_ENTRYPOINT: &str = "/var/runtime/entrypoint";

/// The content of that script.
pub(crate) const LIMG_ENTRYPOINT_SCRIPT: &str = include_str!("../../base-images/entrypoint.sh");

/// The files of the catalogue.
const FAMILIES: [&str; 6] = [
    include_str!("../../base-images/python.yaml"),
    include_str!("../../base-images/nodejs.yaml"),
    include_str!("../../base-images/java.yaml"),
    include_str!("../../base-images/dotnet.yaml"),
    include_str!("../../base-images/ruby.yaml"),
    include_str!("../../base-images/provided.yaml"),
];

/// The contract of the base images for one runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contract {
    /// The id of the runtime, such as `python3.12`.
    pub id: String,
    /// AWS's base image.
    pub image: ImageReference,
    /// Whether the base's bootstrap runs the wrapper in `AWS_LAMBDA_EXEC_WRAPPER`.
    pub honours_wrapper: bool,
    /// The path of limg's launcher, if the base runs a bootstrap that it does not contain.
    pub launcher: Option<ImagePath>,
    /// Search path variables that the base's bootstrap sets to these entries if they are not set.
    pub search_paths: BTreeMap<String, Vec<String>>,
    /// Further search path variables, or other entries, which limg sets on a base that does not start as the contract
    /// requires.
    pub foreign_search_paths: BTreeMap<String, Vec<String>>,
    /// Starts the handler on such a base, if it has no entry point.
    pub client: Option<Client>,
    /// How long AWS supports it.
    pub support: Support,
}

/// How long AWS supports a runtime (facts 12.2). Images keep running after each of these days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Support {
    /// Whether only a preview of the base image exists.
    pub preview: bool,
    /// The day on which AWS stops patching the base image, if it is known.
    pub deprecated: Option<Date>,
    /// The last day on which Lambda creates zip functions.
    pub no_create: Option<Date>,
    /// The last day on which Lambda updates them.
    pub no_update: Option<Date>,
}

impl Contract {
    /// Whether AWS supports the runtime on a day.
    #[must_use]
    pub(crate) fn is_supported(&self, today: Date) -> bool {
        !self.support.preview && self.support.deprecated.is_none_or(|deprecated| today < deprecated)
    }

    /// The language of the runtime, if it has one.
    #[must_use]
    pub(crate) fn language(&self) -> Option<Language> {
        Language::of(&self.id)
    }

    /// The folders in a search path variable that the base's bootstrap sets; none if it does not set it.
    pub(crate) fn search_path(&self, variable: &str) -> impl Iterator<Item = &str> {
        self.search_paths.get(variable).into_iter().flatten().map(String::as_str)
    }
}

/// The command for a language's runtime interface client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Client {
    /// The command line, to which the handler is appended.
    pub command: Vec<String>,
    /// The name of its package: of the folder or program that an image with it contains. Not for Java, whose archives may
    /// contain it under any name.
    pub package: Option<String>,
    /// Variables that it needs, set if they are not set already.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

/// A file of the catalogue.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuntimeFamily {
    image: String,
    honours_wrapper: bool,
    launcher: Option<ImagePath>,
    #[serde(default)]
    search_paths: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    foreign_search_paths: BTreeMap<String, Vec<String>>,
    client: Option<Client>,
    runtimes: BTreeMap<String, RuntimeVersion>,
    gone: Vec<String>,
}

/// A runtime of a family.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuntimeVersion {
    version: String,
    #[serde(default)]
    preview: bool,
    deprecated: Option<Date>,
    no_create: Option<Date>,
    no_update: Option<Date>,
}

/// The contract of a runtime id.
#[must_use]
pub(crate) fn contract(id: &str) -> Option<&'static Contract> {
    CATALOGUE.iter().find(|contract| contract.id == id)
}

/// All runtime ids, those of a family together, the oldest first.
#[must_use]
pub(crate) fn ids() -> Vec<&'static str> {
    CATALOGUE.iter().map(|contract| contract.id.as_str()).collect()
}

/// Whether this is the id of a runtime that Lambda no longer has.
#[must_use]
pub(crate) fn is_gone(id: &str) -> bool {
    GONE.iter().any(|gone| gone == id)
}

static CATALOGUE: LazyLock<Vec<Contract>> =
    LazyLock::new(|| families().flat_map(|family| contracts(&family)).collect());

/// The ids of runtimes that Lambda no longer has.
static GONE: LazyLock<Vec<String>> = LazyLock::new(|| families().flat_map(|family| family.gone).collect());

#[expect(clippy::expect_used, reason = "the files are compiled in, and a test reads them")]
fn families() -> impl Iterator<Item = RuntimeFamily> {
    FAMILIES.iter().map(|text| serde_yaml::from_str(text).expect("the catalogue is well-formed"))
}

#[expect(clippy::expect_used, reason = "the files are compiled in, and a test reads them")]
fn contracts(family: &RuntimeFamily) -> Vec<Contract> {
    let contract = |(id, runtime): (&String, &RuntimeVersion)| {
        let RuntimeVersion { version, preview, deprecated, no_create, no_update } = runtime;
        let fill = |text: &String| text.replace("{version}", version);
        let entries =
            |(name, entries): (&String, &Vec<String>)| (name.clone(), entries.iter().map(fill).collect());
        Contract {
            image: fill(&family.image).parse().expect("the catalogue's images are references"),
            honours_wrapper: family.honours_wrapper,
            launcher: family.launcher.clone(),
            search_paths: family.search_paths.iter().map(entries).collect(),
            foreign_search_paths: family.foreign_search_paths.iter().map(entries).collect(),
            client: family.client.clone(),
            support: Support {
                preview: *preview,
                deprecated: *deprecated,
                no_create: *no_create,
                no_update: *no_update,
            },
            id: id.clone(),
        }
    };
    let mut contracts: Vec<Contract> = family.runtimes.iter().map(contract).collect();
    // By number: `python3.9` is older than `python3.10`.
    contracts.sort_by_key(|contract| meant::numbers(&contract.id));
    contracts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runtime_of_lambda_has_a_contract() {
        let ids = ids();
        for id in [
            "nodejs18.x",
            "nodejs20.x",
            "nodejs22.x",
            "nodejs24.x",
            "python3.9",
            "python3.10",
            "python3.11",
            "python3.12",
            "python3.13",
            "python3.14",
            "java8.al2",
            "java11",
            "java17",
            "java21",
            "java25",
            "dotnet6",
            "dotnet8",
            "dotnet9",
            "dotnet10",
            "ruby3.2",
            "ruby3.3",
            "ruby3.4",
            "ruby4.0",
            "java8.al2023",
            "java11.al2023",
            "java17.al2023",
            "nodejs26.x",
            "python3.15",
            "provided.al2",
            "provided.al2023",
        ] {
            assert!(ids.contains(&id), "{id}");
        }
        assert_eq!(ids.len(), 30);
    }

    #[test]
    fn the_version_is_inserted() {
        let python = contract("python3.12").unwrap();
        assert_eq!(python.image.to_string(), "public.ecr.aws/lambda/python:3.12");
        assert_eq!(python.search_paths["PYTHONPATH"][0], "/opt/python/lib/python3.12/site-packages");
        let node = contract("nodejs22.x").unwrap();
        assert_eq!(node.search_paths["NODE_PATH"][0], "/opt/nodejs/node22/node_modules");
        assert_eq!(
            contract("provided.al2023").unwrap().launcher.as_ref().unwrap().as_str(),
            "/var/runtime/bootstrap"
        );
        assert!(contract("cobol").is_none());
    }

    #[test]
    fn every_deprecation_has_its_dates() {
        for id in ids() {
            let Support { preview, deprecated, no_create, no_update } = contract(id).unwrap().support;
            // Lambda has no zip functions of .NET 9.
            assert_eq!(no_create.is_some(), deprecated.is_some() && id != "dotnet9", "{id}");
            assert_eq!(no_create.is_some(), no_update.is_some(), "{id}");
            assert!(
                deprecated.is_none() || (deprecated <= no_create && no_create < no_update) || id == "dotnet9"
            );
            assert!(!preview || deprecated.is_none(), "{id}");
            assert!(!is_gone(id), "{id}");
        }
        let python = contract("python3.9").unwrap();
        assert_eq!(python.support.deprecated, Some(Date::new(2025, 12, 15)));
        assert!(
            python.is_supported(Date::new(2025, 12, 14)) && !python.is_supported(Date::new(2025, 12, 15))
        );
        assert!(!contract("nodejs26.x").unwrap().is_supported(Date::new(2025, 12, 14)));
    }

    #[test]
    fn ids_of_a_family_are_in_the_order_of_their_versions() {
        let python: Vec<_> = ids().into_iter().filter(|id| id.starts_with("python")).collect();
        assert_eq!(python[..3], ["python3.9", "python3.10", "python3.11"]);
    }
}
