//! What the report has of an image: the values of its section, small for an image of any size.

use std::collections::BTreeSet;

use super::environment::{self, Variable};
use super::size_tree::{self, Node};
use super::startup::Startup;
use crate::files::{FileState, ImageFiles};
use crate::inspect::{Amount, Duplicate, FileEntry, LayerFacts, LayersView, Package, WholeImage};
use crate::project::{Architecture, RunConfig};
use crate::store::Digest;

/// How many rows the tables of packages and files have.
const ROWS: usize = 15;

/// The largest of many things.
#[derive(Debug)]
pub(crate) struct Top<T> {
    /// The first of them.
    pub items: Vec<T>,
    /// The number of all of them.
    pub number: usize,
    /// The size of all of them in bytes.
    pub size: u64,
}

impl<T> Top<T> {
    fn of(mut items: Vec<T>, size: impl Fn(&T) -> u64) -> Self {
        let (number, size) = (items.len(), items.iter().map(size).fold(0, u64::saturating_add));
        items.truncate(ROWS);
        Self { items, number, size }
    }
}

/// A finding about an image, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReportedFinding {
    /// Whether Lambda would reject the image or fail on it.
    pub is_error: bool,
    /// Its stable code.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// Where it is, such as `limg.yaml:12`.
    pub place: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// What `limg check` finds in an image.
#[derive(Debug, Default)]
pub(crate) struct ReportedFindings {
    /// The findings, errors first, as far as they are shown.
    pub shown: Vec<ReportedFinding>,
    /// The number of all errors.
    pub errors: usize,
    /// The number of all warnings.
    pub warnings: usize,
}

/// An image, as the report shows it.
#[derive(Debug)]
pub(crate) struct ImageReport {
    /// The function, or the image as the user named it.
    pub name: String,
    /// Whether it is that of a function.
    pub is_function: bool,
    /// The base as the definition names it.
    pub base: Option<String>,
    /// The digest of its manifest, if it has one.
    pub digest: Option<Digest>,
    /// The digest of its config.
    pub config_digest: Digest,
    /// Its architecture.
    pub architecture: Architecture,
    /// Its layers.
    pub layers: LayersView,
    /// The files that a program in the image finds.
    pub(super) tree: Vec<Node>,
    /// The largest packages.
    pub packages: Top<Package>,
    /// The files of lower layers that higher ones replace or delete. The base's own layers do that among themselves.
    pub overwritten: Top<FileEntry>,
    /// The contents that several files have, one of them above the base. The size is what they waste.
    pub duplicates: Top<Duplicate>,
    /// What only the base has several times.
    pub duplicates_of_base: Amount,
    /// What Lambda starts.
    pub startup: Startup,
    /// The variables of the image.
    pub environment: Vec<Variable>,
    /// What `limg check` finds.
    pub findings: ReportedFindings,
    /// The digests of the tars of the layers that the image had when it was pushed last, if that is known.
    pub pushed_layers: Option<BTreeSet<String>>,
}

/// What identifies an image.
#[derive(Debug, Clone)]
pub(crate) struct ImageIdentity {
    /// The function, or the image as the user named it.
    pub name: String,
    /// The base as the definition names it; only images of functions have one.
    pub base: Option<String>,
    /// The digest of its manifest, if it has one.
    pub digest: Option<Digest>,
    /// The digest of its config.
    pub config_digest: Digest,
    /// Its architecture.
    pub architecture: Architecture,
}

impl ImageReport {
    /// Whether a layer is new since the image was pushed last.
    pub(super) fn is_new(&self, layer: &LayerFacts) -> bool {
        self.pushed_layers.as_ref().is_some_and(|pushed| !pushed.contains(layer.diff_id.as_str()))
    }

    /// The report of an image without findings. `run` is how it runs, and `files` are its files.
    #[must_use]
    pub(crate) fn new(
        identity: ImageIdentity,
        image: WholeImage,
        run: &RunConfig,
        files: &ImageFiles,
    ) -> Self {
        let tree = size_tree::layers(&image);
        let ImageIdentity { name, base, digest, config_digest, architecture } = identity;
        let WholeImage { layers, packages, overwritten, duplicates, files: _ } = image;
        let of_base = layers.layers.iter().take_while(|layer| layer.made_by == "base").count();
        let is_of_base = |layer: u32| layer as usize <= of_base;
        let (of_base, duplicates): (Vec<_>, _) =
            duplicates.into_iter().partition(|duplicate| is_of_base(duplicate.highest_layer));
        let overwritten = overwritten
            .into_iter()
            .filter(|file| file.hidden.is_none_or(|hidden| !is_of_base(hidden.by_layer)));
        let of_base = Top::of(of_base, Duplicate::wasted);
        Self {
            is_function: base.is_some(),
            name,
            base,
            digest,
            config_digest,
            architecture,
            tree,
            packages: Top::of(packages, |package| package.amount.size),
            overwritten: Top::of(overwritten.collect(), file_size),
            duplicates: Top::of(duplicates, Duplicate::wasted),
            duplicates_of_base: Amount { files: of_base.number as u64, size: of_base.size },
            startup: Startup::of(run, files),
            environment: environment::variables(run),
            layers,
            findings: ReportedFindings::default(),
            pushed_layers: None,
        }
    }
}

/// The size of a file in bytes.
pub(super) fn file_size(file: &FileEntry) -> u64 {
    match file.state {
        FileState::File { size, .. } => size,
        _ => 0,
    }
}
