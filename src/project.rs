//! The validated domain: what a project consists of once its definition has been read.
//!
//! A value of these types cannot be wrong in itself; whoever holds one checks nothing again. This module knows no file
//! format, touches no disk and knows nothing of how Lambda places things: that is [`crate::plan`]'s.

mod ecr;
mod layer_arn;
mod location;
mod partition;
mod reference;
mod reference_template;
mod repository_template;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use memchr::memrchr;
use serde::{Deserialize, Serialize};

pub use ecr::{EcrSettings, Encryption};
pub use layer_arn::{LayerVersionArn, LayerVersionArnError};
pub use location::{ImageLocation, ImageLocationError, split_tag};
pub use partition::{Partition, is_account};
pub use reference::{
    DOCKER_HUB, DOCKER_HUB_API, DOCKER_HUB_HOSTS, ImageReference, ImageReferenceError, Repository, is_tag,
};
pub use reference_template::ReferenceTemplate;
pub use repository_template::{RepositoryTemplate, RepositoryTemplateError};

/// The folder beside a definition that holds what was built; no image takes it in.
pub const OUTPUT_FOLDER: &str = ".limg";

/// All that one definition describes.
#[derive(Debug, Clone)]
pub struct Project {
    /// The project's name: part of image names. Lower case.
    pub name: String,
    /// The folder of the definition; what was built goes to [`OUTPUT_FOLDER`] in it.
    pub root: PathBuf,
    /// The functions, in the order of the definition.
    pub functions: Vec<Function>,
    /// How the repositories in ECR are named.
    pub ecr_repository: RepositoryTemplate,
    /// What the repositories in ECR are to be like that limg creates.
    pub ecr: EcrSettings,
}

/// One Lambda function: one image.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name in the definition.
    pub name: String,
    /// The base image and the contract that it keeps.
    pub base: Base,
    /// The handler, which becomes the image's `CMD`. Only a base without an entry script can do without.
    pub handler: Option<String>,
    /// The instruction set of the image.
    pub architecture: Architecture,
    /// The function's own code, rooted at the task root.
    pub code: Source,
    /// What of the code is put into a layer of dependencies, below the rest of it.
    pub dependencies: Dependencies,
    /// Layers in merge order: a later one wins.
    pub layers: Vec<Layer>,
    /// Extensions in merge order, after all layers.
    pub extensions: Vec<Extension>,
    /// The function's own wrapper script.
    pub wrapper: Option<Wrapper>,
    /// The function's own handler wrapper.
    pub handler_wrapper: Option<HandlerWrapper>,
    /// Whether the image says that Lambda may take snapshots of it.
    pub snapstart: bool,
    /// The function's own variables.
    pub environment: BTreeMap<String, String>,
    /// Seconds that one invocation may take, 1 to 900. Not part of the image.
    pub timeout: u32,
    /// Memory in MB, 128 to 10,240. Not part of the image.
    pub memory: u32,
}

/// Which base image a function stands on.
#[derive(Debug, Clone)]
pub struct Base {
    /// The name that the function's `runtime` gives: a runtime id or a key of `bases`.
    pub name: String,
    /// Where the image is, if the definition says so; otherwise the contract's own image.
    pub image: Option<ImageLocation>,
    /// The runtime id whose contract the base keeps, such as `python3.12`.
    pub contract: String,
    /// What takes the place of the image's own entry point: a program's absolute path and its arguments.
    pub entrypoint: Option<Vec<String>>,
}

/// A Lambda layer: a file tree rooted at `/opt`.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Its name in the definition.
    pub name: String,
    /// Where its files are.
    pub source: LayerSource,
}

/// Where the files of a layer come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LayerSource {
    /// A directory or a zip on this machine.
    Files(Source),
    /// A layer that was published in Lambda.
    Version(VersionSource),
    /// A part of another image.
    Image(ImageFiles),
}

/// A version of a layer that was published in Lambda.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionSource {
    /// Which one.
    pub arn: LayerVersionArn,
    /// Whether it is used whatever runtimes and architectures it says it is for.
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

/// A Lambda extension, external (files below `/opt`) or internal (variables and a wrapper), or both.
#[derive(Debug, Clone)]
pub struct Extension {
    /// Its name in the definition; a single executable takes this name in `/opt/extensions`.
    pub name: String,
    /// Where its files are, if it has any.
    pub source: Option<Source>,
    /// Variables that it sets in the function's image.
    pub environment: BTreeMap<String, String>,
    /// Its wrapper script.
    pub wrapper: Option<Wrapper>,
    /// Its handler wrapper.
    pub handler_wrapper: Option<HandlerWrapper>,
}

/// A handler that is called in the place of another, which it finds by a variable and calls itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerWrapper {
    /// Its own name.
    pub handler: String,
    /// The variable in which it looks for the other's.
    pub variable: String,
}

/// Files on this machine that become a tree of the image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Absolute path of the directory, zip or file. It existed when the definition was read.
    pub path: PathBuf,
    /// What is there.
    pub kind: SourceKind,
    /// Whether a symbolic link that leaves the directory is followed, and its target's content taken, instead of refused.
    pub follow: bool,
    /// Patterns of what is left out, in gitignore syntax, on top of the directory's `.limgignore`.
    pub exclude: Vec<String>,
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

/// Which files of a function's code are dependencies, so that an edit of the rest leaves their layer as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Dependencies {
    /// Those that package managers are known to have installed.
    #[default]
    Installed,
    /// None: all code is in one layer.
    Unsplit,
    /// What these patterns match, in gitignore syntax, relative to the code's root.
    Matching(Vec<String>),
}

/// A wrapper script: a program that is given the runtime's command line and ends by executing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrapper {
    /// A path inside the image, brought by a layer, an extension, the code or the base.
    InImage(ImagePath),
    /// A file on this machine, which limg places below `/opt/wrappers`.
    Local(PathBuf),
}

/// An instruction set, by Lambda's names.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
pub enum Architecture {
    /// 64-bit x86; `amd64` in OCI JSON.
    #[default]
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM; `arm64` in OCI JSON too.
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    /// Both.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Arm64];

    /// Lambda's word: `x86_64` or `arm64`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// The word of the OCI image specification (config.md, `architecture`): `amd64` or `arm64`.
    #[must_use]
    pub fn oci_name(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// `e_machine` of its programs: `EM_X86_64` or `EM_AARCH64` (System V ABI, "ELF Header").
    #[must_use]
    pub fn elf_machine(self) -> u16 {
        match self {
            Self::X86_64 => 62,
            Self::Arm64 => 183,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
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
    /// Labels beside those that the base has.
    pub labels: BTreeMap<String, String>,
}

/// An absolute, normalised path inside an image, with `/` between its names; never the root itself.
///
/// No name is empty, `.` or `..`, so that joining one to a folder can never lead out of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImagePath(String);

/// Why a text is not an [`ImagePath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImagePathError {
    /// It does not begin with `/`.
    #[error("`{0}` is not absolute")]
    NotAbsolute(String),
    /// It names the root.
    #[error("`{0}` is the root of the image")]
    Root(String),
    /// It has an empty name, `.`, `..` or a NUL.
    #[error("`{0}` is not a plain path: it has an empty name, `.`, `..` or a NUL")]
    NotPlain(String),
}

impl ImagePath {
    /// Joins a relative path, `/` between its names, below this one.
    ///
    /// # Errors
    /// When `relative` is empty, absolute, or has an empty name, `.`, `..` or a NUL.
    pub fn join(&self, relative: &str) -> Result<Self, ImagePathError> {
        let text = format!("{}/{relative}", self.0);
        if are_plain(relative) { Ok(Self(text)) } else { Err(ImagePathError::NotPlain(text)) }
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its leading `/`, as a tar archive names it.
    #[must_use]
    pub fn relative(&self) -> &str {
        &self.0[1..]
    }

    /// The last name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0[self.end_of_folder() + 1..]
    }

    /// The folder that holds it, or none when that is the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        Some(self.folder()).filter(|folder| !folder.is_empty()).map(|folder| Self(folder.to_owned()))
    }

    /// All folders above it, the outermost first, without the root.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        self.folders().map(|folder| Self(folder.to_owned()))
    }

    /// As [`parent`](Self::parent), of its text; nothing when that is the root.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.0[..self.end_of_folder()]
    }

    /// Where the last `/` stands.
    fn end_of_folder(&self) -> usize {
        // A path begins with one.
        memrchr(b'/', self.0.as_bytes()).unwrap_or_default()
    }

    /// As [`ancestors`](Self::ancestors), of their texts.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').skip(1).map(|(end, _)| &self.0[..end])
    }

    /// Whether it lies below `folder`.
    #[must_use]
    pub fn is_below(&self, folder: &str) -> bool {
        self.0.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl Borrow<str> for ImagePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImagePath {
    type Err = ImagePathError;

    fn from_str(text: &str) -> Result<Self, ImagePathError> {
        let Some(names) = text.strip_prefix('/') else {
            return Err(ImagePathError::NotAbsolute(text.to_owned()));
        };
        if names.is_empty() {
            return Err(ImagePathError::Root(text.to_owned()));
        }
        if are_plain(names) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ImagePathError::NotPlain(text.to_owned()))
        }
    }
}

/// Whether names with `/` between them lead down and nowhere else.
fn are_plain(names: &str) -> bool {
    !names.contains('\0') && !names.split('/').any(|name| matches!(name, "" | "." | ".."))
}

impl TryFrom<String> for ImagePath {
    type Error = ImagePathError;

    fn try_from(text: String) -> Result<Self, ImagePathError> {
        text.parse()
    }
}

impl From<ImagePath> for String {
    fn from(path: ImagePath) -> Self {
        path.0
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_paths_are_absolute_and_plain() {
        for good in ["/opt", "/opt/extensions/log-shipper", "/var/task/a b/ü.py", "/opt/.wh.x"] {
            assert_eq!(good.parse::<ImagePath>().unwrap().as_str(), good);
        }
        for bad in ["", "/", "opt", "opt/x", "/opt/", "//opt", "/opt/../etc", "/./opt", "/opt/..", "/a\0b"] {
            assert!(bad.parse::<ImagePath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn image_paths_know_their_folders() {
        let path: ImagePath = "/opt/extensions/a".parse().unwrap();
        let above: Vec<_> = path.ancestors().map(String::from).collect();
        assert_eq!(above, ["/opt", "/opt/extensions"]);
        assert_eq!(path.parent().unwrap().as_str(), "/opt/extensions");
        assert_eq!("/opt".parse::<ImagePath>().unwrap().parent(), None);
        assert!(path.is_below("/opt") && path.is_below("/opt/extensions") && !path.is_below("/op"));
        assert!(path.join("../x").is_err() && path.join("/x").is_err() && path.join("").is_err());
    }
}
