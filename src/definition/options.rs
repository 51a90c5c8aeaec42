//! What a command adds to a definition: values that the format leaves open, and replacements for what it names.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Fetched;
use crate::project::{Architecture, BytecodeMode, ImageLocation, LayerVersionArn};
use crate::runtime::Date;

/// What a command adds to a definition.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(crate) struct Options {
    /// The day, which decides which runtimes help suggests.
    pub today: Date,
    /// The architecture of all functions, if it overrides that of the definition.
    pub architecture: Option<Architecture>,
    /// Files that stand for layer versions: absolute paths.
    pub layers: BTreeMap<LayerVersionArn, PathBuf>,
    /// Runtime ids by those that they replace.
    pub runtimes: BTreeMap<String, String>,
    /// Base images by the ids of the runtimes whose own they replace.
    pub bases: BTreeMap<String, ImageLocation>,
    /// Values of a template's parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// The Region in which the functions will run.
    pub region: Option<String>,
    /// The same, if an option of the command line names it and not only the environment.
    pub region_of_option: Option<String>,
    /// The number of the account in which the functions will run.
    pub account: Option<String>,
    /// The stage of a service of the Serverless Framework.
    pub stage: Option<String>,
    /// Values of the parameters of such a service by name.
    pub service_parameters: BTreeMap<String, String>,
    /// The environment variables that such a service may use.
    pub environment: BTreeMap<String, String>,
    /// The environment of `samconfig.toml`.
    pub environment_of_samconfig: Option<String>,
    /// Which results of the project's own build tool are used.
    pub build_results: BuildResults,
    /// Whether each function gets an image of its own, even if it differs from another only in its configuration.
    pub image_per_function: bool,
    /// Whether functions are included that a tool has added for its own purposes.
    pub helper_functions: bool,
    /// Whether the packages of functions are installed whose directory has a list of them.
    pub install: bool,
    /// What becomes of the bytecode of Python where the definition does not say so.
    pub bytecode: Option<BytecodeMode>,
    /// Whether targets of makefiles run that build functions and layers.
    pub run_makefiles: bool,
    /// Whether source distributions of Python packages are built, in addition to lists that allow it.
    pub allow_source: bool,
    /// What has been fetched from AWS.
    pub fetched: Fetched,
}

/// Which results of the project's own build tool are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum BuildResults {
    /// Those that are newer than their sources.
    #[default]
    Fresh,
    /// All, however old they are.
    Always,
    /// None.
    Never,
}

impl Options {
    /// No additions.
    #[must_use]
    pub(crate) fn new(today: Date) -> Self {
        Self {
            today,
            architecture: None,
            layers: BTreeMap::new(),
            runtimes: BTreeMap::new(),
            bases: BTreeMap::new(),
            parameters: BTreeMap::new(),
            region: None,
            region_of_option: None,
            account: None,
            stage: None,
            service_parameters: BTreeMap::new(),
            environment: BTreeMap::new(),
            environment_of_samconfig: None,
            build_results: BuildResults::default(),
            image_per_function: false,
            install: false,
            bytecode: None,
            run_makefiles: false,
            allow_source: false,
            helper_functions: false,
            fetched: Fetched::default(),
        }
    }

    /// No additions, on the day on which tests run.
    #[cfg(test)]
    pub(crate) fn of_tests() -> Self {
        Self::new(Date::OF_TESTS)
    }
}
