//! The validated domain: what a project consists of once its definition has been read.
//!
//! A value of these types is valid in itself, so later stages check nothing again. Each part knows the [`Place`] where it
//! was defined, so that a later stage can report a finding without knowing the format. This room knows no file format,
//! does not access the disk, and does not know where Lambda expects files: `plan` does.

mod architecture;
mod build;
mod bytecode;
mod ecr;
mod ecr_host;
mod image_path;
mod layer_arn;
mod location;
mod packages;
mod partition;
mod reference;
mod reference_template;
mod repository_template;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::finding::{Allowance, Finding, Place, is_allowed};

pub use architecture::Architecture;
pub use build::{Build, BuildMethod, Bundle, BundleOption, LayerPackages, MakeTarget};
pub use bytecode::BytecodeMode;
pub use ecr::{EcrSettings, Encryption};
pub use ecr_host::EcrHost;
pub use image_path::{ImagePath, ImagePathError, PATH_LIMIT, is_in, why_not_on_linux};
pub use layer_arn::{LayerVersionArn, LayerVersionArnError};
pub use location::{ImageLocation, ImageLocationError, split_tag};
pub use packages::{Install, PackageList, PackageListKind};
pub use partition::{Partition, is_account};
pub use reference::{
    DOCKER_HUB, DOCKER_HUB_API, DOCKER_HUB_HOSTS, ImageReference, ImageReferenceError, Repository, is_tag,
};
pub use reference_template::ReferenceTemplate;
pub use repository_template::{RepositoryTemplate, RepositoryTemplateError};

/// The folder next to a definition that holds the built images; it is never part of an image.
pub const OUTPUT_FOLDER: &str = ".limg";

/// The lock file of the definitions of other tools, next to them.
pub const LOCK_FILE: &str = "limg.lock";

/// The name of a file that lists, in gitignore syntax, what to exclude from its directory.
pub const IGNORE_FILE: &str = ".limgignore";

/// Everything that one definition describes.
#[derive(Debug, Clone)]
pub struct Project {
    /// The project's name: part of image names. Lower case.
    pub name: String,
    /// The folder of the definition. Built images go to its [`OUTPUT_FOLDER`].
    pub root: PathBuf,
    /// The functions, in the order of the definition.
    pub functions: Vec<Function>,
    /// How the repositories in ECR are named.
    pub ecr_repository: RepositoryTemplate,
    /// Settings of the repositories that limg creates in ECR.
    pub ecr: EcrSettings,
    /// Findings that the user allows.
    pub allowances: Arc<[Allowance]>,
}

/// One Lambda function.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name in the definition.
    pub name: String,
    /// Where the function and some of its parts are defined.
    pub places: FunctionPlaces,
    /// The base image and the contract that it keeps.
    pub base: Base,
    /// The handler, which becomes the image's `CMD`. Optional on a base without an entry script.
    pub handler: Option<String>,
    /// The instruction set of the image.
    pub architecture: Architecture,
    /// The function's own code, rooted at the task root.
    pub code: FunctionCode,
    /// Packages that limg installs below the code.
    pub install: Option<Install>,
    /// What becomes of the bytecode of Python in the code, if that is set.
    pub bytecode: Option<BytecodeMode>,
    /// Whether the code has all that it needs, so that no packages are installed although it has a list of them.
    pub is_complete: bool,
    /// Which files of the code go into a layer of dependencies, below the rest of the code.
    pub dependencies: Dependencies,
    /// Layers in merge order: a later one wins.
    pub layers: Vec<Layer>,
    /// Extensions in merge order, after all layers.
    pub extensions: Vec<Extension>,
    /// The function's own wrapper script.
    pub wrapper: Option<Wrapper>,
    /// The function's own handler wrapper.
    pub handler_wrapper: Option<HandlerWrapper>,
    /// Whether the image allows Lambda to take snapshots of it.
    pub snapstart: bool,
    /// The function's own variables in the image, without the one that names a wrapper script.
    pub environment: BTreeMap<String, String>,
    /// The variables of the deployed function's configuration, which override those of the image when the function starts.
    /// Not part of the image.
    pub configuration: BTreeMap<String, String>,
    /// The variables of that configuration whose values only the deployed stack knows.
    pub deployed_variables: Vec<String>,
    /// The command of the project's own tool that installs the dependencies of the code, if the definition belongs to one.
    pub build_command: Option<String>,
    /// The image, which several functions may share.
    pub image: FunctionImage,
    /// Seconds that one invocation may take, 1 to 5,400. Not part of the image.
    pub timeout: u32,
    /// Memory in MB, 128 to 32,768. Not part of the image.
    pub memory: u32,
    /// Findings that the user allows: those of the project.
    pub allowances: Arc<[Allowance]>,
}

impl Function {
    /// Where the function, its base, its layers and its extensions are defined.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        let layers = self.layers.iter().map(|layer| &layer.place);
        let extensions = self.extensions.iter().map(|extension| &extension.place);
        [&self.places.function, &self.base.place].into_iter().chain(layers).chain(extensions)
    }

    /// The findings that the user does not allow.
    #[must_use]
    pub fn without_allowed(&self, findings: Vec<Finding>) -> Vec<Finding> {
        findings.into_iter().filter(|finding| !is_allowed(&self.allowances, finding)).collect()
    }
}

/// The image of a function. Functions that differ only in their handler and in what is not part of an image may share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionImage {
    /// Its name: that of the first function that uses it.
    pub name: String,
    /// The handler of that function, which is the image's `CMD`. The configuration of the other functions overrides it.
    pub handler: Option<String>,
}

/// A function's own code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FunctionCode {
    /// Files on this machine.
    Files(Source),
    /// Files whose content is in the definition.
    Inline(Vec<InlineFile>),
    /// Files that are made from sources on this machine.
    Built(Build),
}

impl FunctionCode {
    /// The files themselves, if they are on this machine.
    #[must_use]
    pub fn files(&self) -> Option<&Source> {
        match self {
            Self::Files(source) => Some(source),
            Self::Inline(_) | Self::Built(_) => None,
        }
    }

    /// What is on this machine: the files themselves, or those that they are made from.
    #[must_use]
    pub fn sources(&self) -> Option<&Source> {
        match self {
            Self::Files(source) | Self::Built(Build { source, .. }) => Some(source),
            Self::Inline(_) => None,
        }
    }
}

/// A file whose content is in the definition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InlineFile {
    /// Its name in the root of the code.
    pub name: String,
    /// Its content.
    pub content: String,
}

/// Where a function and those of its parts are defined that have no type of their own.
#[derive(Debug, Clone)]
pub struct FunctionPlaces {
    /// The function itself.
    pub function: Place,
    /// Its runtime.
    pub runtime: Place,
    /// Its handler.
    pub handler: Place,
    /// Its code.
    pub code: Place,
    /// What it declares about dependencies.
    pub dependencies: Place,
    /// Its list of extensions.
    pub extensions: Place,
}

/// The base image of a function.
#[derive(Debug, Clone)]
pub struct Base {
    /// The name that the function's `runtime` gives: a runtime id, or the name of a base of the definition.
    pub name: String,
    /// Where the image is named: in the base's own definition, or else by the function's runtime.
    pub place: Place,
    /// Where the image is, if the definition names one; otherwise the contract's own image.
    pub image: Option<ImageLocation>,
    /// The runtime id whose contract the base keeps, such as `python3.12`.
    pub contract: String,
    /// What replaces the image's own entry point.
    pub entrypoint: Option<EntryPoint>,
}

/// The command that starts the handler on a base.
#[derive(Debug, Clone)]
pub struct EntryPoint {
    /// The absolute path of a program in the image, and its arguments.
    pub command: Vec<String>,
    /// Where it is defined.
    pub place: Place,
}

/// A Lambda layer: a file tree rooted at `/opt`.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Its name in the definition.
    pub name: String,
    /// Where it is defined.
    pub place: Place,
    /// Where its files come from.
    pub source: LayerSource,
    /// Where the definition names the source.
    pub source_place: Place,
    /// What becomes of the bytecode of Python in it, if that is set.
    pub bytecode: Option<BytecodeMode>,
}

/// Where the files of a layer come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LayerSource {
    /// A directory or a zip on this machine.
    Files(Source),
    /// A layer that was published in Lambda.
    Version(VersionSource),
    /// Files of another image.
    Image(ImageFiles),
    /// Packages that limg installs.
    Packages(PackageList),
    /// Files that are made from sources on this machine.
    Built(Build),
}

impl LayerSource {
    /// The packages that limg installs as the layer, or below its sources.
    #[must_use]
    pub fn packages(&self) -> Option<&PackageList> {
        match self {
            Self::Packages(list) => Some(list),
            Self::Built(Build { method: BuildMethod::Packages(packages), .. }) => packages.list.as_ref(),
            Self::Files(_) | Self::Version(_) | Self::Image(_) | Self::Built(_) => None,
        }
    }

    /// As [`packages`](Self::packages), to be changed.
    pub fn packages_mut(&mut self) -> Option<&mut PackageList> {
        match self {
            Self::Packages(list) => Some(list),
            Self::Built(Build { method: BuildMethod::Packages(packages), .. }) => packages.list.as_mut(),
            Self::Files(_) | Self::Version(_) | Self::Image(_) | Self::Built(_) => None,
        }
    }
}

/// A version of a layer that was published in Lambda.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionSource {
    /// Which one.
    pub arn: LayerVersionArn,
    /// Whether it is used regardless of the runtimes and architectures that it declares.
    pub ignore_compatibility: bool,
}

/// Files of an image in a registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageFiles {
    /// The image.
    pub reference: ImageReference,
    /// The file or folder in that image.
    pub path: ImagePath,
    /// Its place in the function's image: `/opt`, where layers are, or below it.
    pub to: ImagePath,
}

/// A Lambda extension: external (files below `/opt`), internal (variables and a wrapper), or both.
#[derive(Debug, Clone)]
pub struct Extension {
    /// Its name in the definition. A single executable gets this name in `/opt/extensions`.
    pub name: String,
    /// Where it is defined.
    pub place: Place,
    /// Where its files are, if it has any.
    pub source: Option<Source>,
    /// Where the definition names the source.
    pub source_place: Place,
    /// What becomes of the bytecode of Python in it, if that is set.
    pub bytecode: Option<BytecodeMode>,
    /// Variables that it sets in the function's image, without the one that names a wrapper script.
    pub environment: BTreeMap<String, String>,
    /// Its wrapper script.
    pub wrapper: Option<Wrapper>,
    /// Its handler wrapper.
    pub handler_wrapper: Option<HandlerWrapper>,
}

/// A handler that Lambda calls instead of the function's own, which it finds in a variable and calls itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerWrapper {
    /// Its own name.
    pub handler: String,
    /// The variable in which it looks for the other handler.
    pub variable: String,
}

/// Files on this machine that become a tree of the image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Absolute path of the directory, zip or file. It existed when the definition was read.
    pub path: PathBuf,
    /// What kind of source it is.
    pub kind: SourceKind,
    /// Whether a symbolic link that leaves the directory is replaced by what it points to instead of rejected.
    pub follow: bool,
    /// Patterns of files to leave out, in gitignore syntax, in addition to the directory's `.limgignore`.
    pub exclude: Vec<String>,
    /// Whether files of a directory that functions do not need are left out without a pattern.
    pub default_excludes: bool,
    /// The definition that names the source: the `.limgignore` next to it applies too.
    pub definition: Option<PathBuf>,
}

impl Source {
    /// A source of which every file is taken, unless its own `.limgignore` excludes it.
    #[must_use]
    pub fn new(path: PathBuf, kind: SourceKind) -> Self {
        Self { path, kind, follow: false, exclude: Vec::new(), default_excludes: false, definition: None }
    }

    /// The `.limgignore` next to the definition, if it is not in the source's own root.
    #[must_use]
    pub fn outer_ignore_file(&self) -> Option<PathBuf> {
        let folder = self.definition.as_ref()?.parent()?;
        (folder != self.path).then(|| folder.join(IGNORE_FILE))
    }
}

/// What a [`Source`] is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceKind {
    /// A directory: its content is taken.
    Directory,
    /// A zip archive, laid out as Lambda lays it out: its content is taken.
    Zip,
    /// One file: the file itself is taken, under its own name.
    File,
}

/// Which files of a function's code are dependencies, whose layer an edit of the rest does not change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Dependencies {
    /// Files that package managers have installed.
    #[default]
    Installed,
    /// No files: all code is in one layer.
    Unsplit,
    /// Files that match these patterns, in gitignore syntax, relative to the root of the code.
    Matching(Vec<String>),
}

/// A wrapper script: a program that gets the runtime's command line and ends by executing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapper {
    /// Where the script comes from.
    pub script: WrapperScript,
    /// Where the definition names it.
    pub place: Place,
    /// Whether the deployed function's configuration names it, so that the image need not.
    pub is_configured: bool,
}

/// Where a wrapper script comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrapperScript {
    /// A path in the image, provided by a layer, an extension, the code or the base.
    InImage(ImagePath),
    /// A file on this machine, which limg places below `/opt/wrappers`.
    Local(PathBuf),
}

/// The part of an image config that Lambda honours (Lambda developer guide, images-create).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunConfig {
    /// Variables in their order.
    pub environment: Vec<(String, String)>,
    /// The program and its fixed arguments.
    pub entrypoint: Option<Vec<String>>,
    /// Further arguments: the handler, in an image for Lambda.
    pub command: Option<Vec<String>>,
    /// The working directory.
    pub working_directory: Option<String>,
    /// Labels in addition to those of the base.
    pub labels: BTreeMap<String, String>,
}
