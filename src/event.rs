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
    /// Files of a layer had changed although neither their sizes nor their times had, so that it is made anew.
    Stale {
        /// What the layer holds.
        name: String,
    },
    /// A blob was not what its name says, and was removed.
    Damaged {
        /// What its digest should be.
        digest: String,
    },
    /// A blob is on its way from or to a registry.
    Transfer(TransferEvent),
    /// A request failed in a way that may pass, and is made again.
    Retry {
        /// What was being done, such as `upload sha256:… to registry.example.com/shop/orders`.
        action: String,
        /// Why it failed, on one line and without secrets.
        cause: String,
        /// How long limg waits first.
        wait: Duration,
    },
    /// A public registry refused the stored credentials, and answered without any.
    StaleCredentials {
        /// The registry's host.
        host: String,
    },
    /// A registry took a blob over from another repository of its own.
    Mounted {
        /// The blob's digest.
        digest: String,
        /// The repository that has it now, with its host.
        repository: String,
        /// The name of the repository that it came from.
        from: String,
    },
    /// An image is in a registry, with its tags, although others could not be sent.
    Pushed {
        /// The repository, with its host.
        repository: String,
        /// The image's digest.
        digest: String,
    },
    /// There are no such images to take layers from.
    CacheMissing {
        /// Their references.
        images: Vec<String>,
    },
    /// An image that layers were to be taken from cannot be used for that.
    CacheUnusable {
        /// Its reference, and what it was wanted for.
        image: String,
        /// Why not, on one line.
        why: String,
    },
    /// A registry that layers were to be taken from refuses, or cannot be reached. They are made instead.
    CacheFailed {
        /// The first image, or repository, that it was asked for in vain.
        image: String,
        /// Why, on one line and without secrets.
        why: String,
        /// How to mend it.
        help: Option<String>,
    },
    /// A registry did not take a blob over from another repository of its own, so that it had to be sent again.
    NotMounted {
        /// The registry's host.
        host: String,
    },
}

/// A step of a blob's way from or to a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferEvent {
    /// Tells transfers of one run apart.
    pub id: u64,
    /// How far it is.
    pub progress: Progress,
}

/// How far a transfer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It begins. A transfer that is tried again goes on under its id.
    Begun {
        /// Which way it goes.
        direction: Direction,
        /// The repository, with its host.
        repository: String,
        /// What is transferred, such as the digest.
        what: String,
        /// Its size in bytes.
        total: u64,
    },
    /// This many bytes have gone over. After a failed attempt it may be fewer than before.
    At(u64),
    /// It is over, well or not.
    Ended,
}

/// Which way a transfer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From a registry into the store.
    Fetch,
    /// To a registry.
    Send,
}

/// How a layer blob came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerEvent {
    /// What the layer holds, such as `layer utils` or `code of orders`.
    pub name: String,
    /// The number of files and links in it.
    pub files: u64,
    /// The size of the compressed blob in bytes; of the tar where none was made.
    pub size: u64,
    /// Where it comes from.
    pub provenance: Provenance,
    /// The time that making or finding it took.
    pub took: Duration,
}

/// Where a layer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// It was made.
    Built,
    /// It was there before: in the store, or as it is in another image that the definition names.
    Reused,
    /// An image in a registry has it that the user named for that.
    Cached,
}

/// Receives events, possibly from several threads at once.
pub trait Reporter: Send + Sync {
    /// Takes note of one event.
    fn report(&self, event: Event);
}

/// All events of a test.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Events(pub(crate) std::sync::Mutex<Vec<Event>>);

#[cfg(test)]
impl Reporter for Events {
    fn report(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}
