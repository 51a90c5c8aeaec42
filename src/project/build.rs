//! Files of an image that a program makes from a folder of sources when the image is built.

use std::path::PathBuf;

use super::{PackageList, Source};

/// Files that are made from a folder of sources.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Build {
    /// The folder. Programs get a copy of it.
    pub source: Source,
    /// How they are made.
    pub method: BuildMethod,
}

/// How files are made from sources.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum BuildMethod {
    /// esbuild bundles modules of Node.js.
    Esbuild(Bundle),
    /// make runs a target.
    Make(MakeTarget),
    /// The sources of a layer themselves, with the packages of a list.
    Packages(LayerPackages),
}

/// What esbuild bundles, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bundle {
    /// The packages that are installed for it, esbuild among them.
    pub packages: Option<PackageList>,
    /// The modules that bundles begin with, below the folder of sources. The suffix may be missing.
    pub entry_points: Vec<String>,
    /// Options of esbuild, by their names without `--`.
    pub options: Vec<(String, BundleOption)>,
}

/// The value of an option of esbuild.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum BundleOption {
    /// `--NAME`, or `--NAME=false`.
    Flag(bool),
    /// `--NAME=VALUE`.
    Text(String),
    /// `--NAME:VALUE` for each.
    List(Vec<String>),
}

/// A target of a makefile that writes into the folder that `ARTIFACTS_DIR` names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MakeTarget {
    /// Its name.
    pub name: String,
    /// The makefile.
    pub makefile: PathBuf,
    /// Where make runs, below the folder of sources; empty for that folder.
    pub folder: String,
}

/// The packages of a layer that also has sources of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LayerPackages {
    /// The packages, if there is a list.
    pub list: Option<PackageList>,
    /// Whether they are those of Node.js, and not of Python.
    pub are_of_node: bool,
}

impl Bundle {
    /// The option of a name.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&BundleOption> {
        self.options.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }
}
