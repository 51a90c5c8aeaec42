//! Everything worth telling a user while limg works, and the trait that receives it.
//!
//! Library code reports; only `crate::cli` prints. An event carries facts, never a finished sentence.

use std::time::Duration;

use crate::problem::Problem;
use crate::project::ImagePath;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A base image is being taken over into the store because it is not in a form that can be used in place.
    BaseImport {
        /// The base as the definition names it.
        base: String,
    },
    /// Something in the definition, or in the files that it names, deserves a look but does not stop the work.
    Warning(Problem),
    /// A later layer or extension replaced a file of an earlier one.
    Overwrite {
        /// The path in the image.
        path: ImagePath,
        /// Whose file is in the image.
        winner: String,
        /// Whose file was replaced.
        loser: String,
    },
    /// Metadata of a user's file was changed beyond the normalisation that every file gets.
    Adjusted {
        /// The path in the image.
        path: ImagePath,
        /// What was changed and why.
        what: String,
    },
    /// A layer blob is there.
    Layer(LayerEvent),
}

/// How a layer blob came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerEvent {
    /// What the layer holds, such as `layer utils` or `code of orders`.
    pub name: String,
    /// The number of files and links in it.
    pub files: u64,
    /// The size of the compressed blob in bytes.
    pub size: u64,
    /// Whether an unchanged layer was found in the store.
    pub reused: bool,
    /// The time that making or finding it took.
    pub took: Duration,
}

/// Receives events, possibly from several threads at once.
pub trait Reporter: Send + Sync {
    /// Takes note of one event.
    fn report(&self, event: Event);
}
