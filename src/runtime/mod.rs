//! Runtime contracts: what a base image promises about where things go and how they run.
//!
//! The catalogue is the YAML files of `base-images/`, compiled in. A contract says only what the base's own config cannot:
//! environment, entry point and working directory are read from the base that is really used.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::Error as _;

use crate::project::{ImagePath, ImageReference};

/// The folder of a function's own code (Lambda developer guide, configuration-envvars: `LAMBDA_TASK_ROOT`).
pub const TASK_ROOT: &str = "/var/task";

/// The folder of a base's runtime client (`LAMBDA_RUNTIME_DIR`).
pub const RUNTIME_DIR: &str = "/var/runtime";

/// The folder that layers are merged into.
pub const LAYER_ROOT: &str = "/opt";

/// The entry script of AWS's base images and of those that keep its contract: it takes the handler as its one argument.
pub const AWS_ENTRYPOINT: &str = "/lambda-entrypoint.sh";

/// The runtime interface emulator of such an image, which the script starts outside Lambda.
pub const EMULATOR_PATH: &str = "/usr/local/bin/aws-lambda-rie";

/// The program that is put at a contract's `launcher`.
pub const LAUNCHER_SCRIPT: &str = include_str!("../../base-images/launcher.sh");

/// Where limg's own entry script goes on a base that is none of Lambda's.
pub const LIMG_ENTRYPOINT: &str = "/var/runtime/entrypoint";

/// That entry script.
pub const LIMG_ENTRYPOINT_SCRIPT: &str = include_str!("../../base-images/entrypoint.sh");

/// The files of the catalogue.
const FAMILIES: [&str; 6] = [
    include_str!("../../base-images/python.yaml"),
    include_str!("../../base-images/nodejs.yaml"),
    include_str!("../../base-images/java.yaml"),
    include_str!("../../base-images/dotnet.yaml"),
    include_str!("../../base-images/ruby.yaml"),
    include_str!("../../base-images/provided.yaml"),
];

/// What a base image for one runtime id promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// The runtime id, such as `python3.12`.
    pub id: String,
    /// AWS's own image.
    pub image: ImageReference,
    /// Whether the base's bootstrap runs `AWS_LAMBDA_EXEC_WRAPPER` itself.
    pub honours_wrapper: bool,
    /// Where limg's launcher goes, if the base runs a bootstrap that it does not bring.
    pub launcher: Option<ImagePath>,
    /// Search path variables that the base's bootstrap fills with these entries when they are not set.
    pub search_paths: BTreeMap<String, Vec<String>>,
    /// Further search paths that a base must have set which does not keep the contract's start-up.
    pub foreign_search_paths: BTreeMap<String, Vec<String>>,
    /// What starts the handler on such a base, if it has no entry point of its own.
    pub client: Option<Client>,
}

/// How a language's runtime interface client is started.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its command line; the handler follows.
    pub command: Vec<String>,
    /// Variables that it needs, where they are not set.
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
    runtimes: BTreeMap<String, String>,
}

/// The contract of a runtime id.
#[must_use]
pub fn contract(id: &str) -> Option<&'static Contract> {
    CATALOGUE.iter().find(|contract| contract.id == id)
}

/// All runtime ids.
#[must_use]
pub fn ids() -> Vec<&'static str> {
    CATALOGUE.iter().map(|contract| contract.id.as_str()).collect()
}

#[expect(clippy::expect_used, reason = "the files are compiled in, and a test reads them")]
static CATALOGUE: LazyLock<Vec<Contract>> = LazyLock::new(|| {
    FAMILIES.iter().flat_map(|text| contracts(text).expect("the catalogue is well-formed")).collect()
});

fn contracts(text: &str) -> Result<Vec<Contract>, serde_yaml::Error> {
    let family: RuntimeFamily = serde_yaml::from_str(text)?;
    let contract = |(id, version): (String, String)| {
        let fill = |text: &String| text.replace("{version}", &version);
        let entries =
            |(name, entries): (&String, &Vec<String>)| (name.clone(), entries.iter().map(fill).collect());
        Ok(Contract {
            image: fill(&family.image).parse().map_err(serde_yaml::Error::custom)?,
            honours_wrapper: family.honours_wrapper,
            launcher: family.launcher.clone(),
            search_paths: family.search_paths.iter().map(entries).collect(),
            foreign_search_paths: family.foreign_search_paths.iter().map(entries).collect(),
            client: family.client.clone(),
            id,
        })
    };
    family.runtimes.clone().into_iter().map(contract).collect()
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
            "provided.al2",
            "provided.al2023",
        ] {
            assert!(ids.contains(&id), "{id}");
        }
        assert_eq!(ids.len(), 24);
    }

    #[test]
    fn versions_are_filled_in() {
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
}
