//! What limg reports while it works, and the trait that receives it.
//!
//! Library code reports events; only `crate::cli` prints them. An event contains facts, not sentences.

mod progress;

use std::time::Duration;

use crate::finding::{Finding, Help};
use crate::project::ImagePath;

pub(crate) use progress::Progress;

/// An event worth reporting to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A base image is being imported into the store because its layers cannot be used in place.
    BaseImport {
        /// The base image, as the definition names it.
        base: String,
    },
    /// Another program is run, or has written a line.
    Program {
        /// Its command line, or the line.
        line: String,
    },
    /// Something about the definition, or the files that it names, is worth knowing and does not stop the work.
    Finding(Finding),
    /// Files that no function needs did not become part of layers, without a pattern that says so.
    LeftOut {
        /// What does not contain them, such as `code of orders`, each with their paths below the root of its source; those of
        /// folders end in `/`.
        owners: Vec<(String, Vec<String>)>,
    },
    /// Packages of a list were left to the base image, or not although it has them.
    BaseProvides {
        /// The list.
        list: String,
        /// The packages that are left out, with their versions in the base, if these are known.
        left_out: Vec<(String, Option<String>)>,
        /// The packages that are installed nevertheless, each with the reason.
        installed: Vec<(String, String)>,
    },
    /// A file of a later layer or extension replaced one of an earlier layer or extension.
    Overwritten {
        /// The path in the image.
        path: ImagePath,
        /// The owner of the file that is in the image.
        winner: String,
        /// The owner of the file that was replaced.
        loser: String,
    },
    /// The metadata of a user's file was changed beyond the normalisation of all files.
    Adjusted {
        /// The path in the image.
        path: ImagePath,
        /// The change and its reason.
        what: String,
    },
    /// A layer is finished.
    Layer(LayerEvent),
    /// All layers of a build are finished.
    LayersFinished {
        /// How many of them are as before.
        reused: usize,
        /// How many come from cache images.
        cached: usize,
    },
    /// Files of a layer have changed although their sizes and times have not: the layer is rebuilt.
    Stale {
        /// What the layer contains.
        name: String,
    },
    /// The content of a blob did not match its digest: the blob was removed.
    Damaged {
        /// The expected digest.
        digest: String,
    },
    /// Progress of work that may take long.
    Progress(ProgressEvent),
    /// A request failed in a way that may be temporary, and is retried.
    Retry {
        /// The operation: `upload sha256:… to registry.example.com/shop/orders`.
        action: String,
        /// The cause, on one line and without secrets.
        cause: String,
        /// How long limg waits before it retries.
        wait: Duration,
    },
    /// A public registry rejected the stored credentials but allowed anonymous access.
    StaleCredentials {
        /// The registry's host.
        host: String,
    },
    /// A registry mounted a blob from another of its repositories.
    Mounted {
        /// The blob's digest.
        digest: String,
        /// The repository that it was mounted into, with its host.
        repository: String,
        /// The name of the repository that it was mounted from.
        from: String,
    },
    /// A repository was created.
    RepositoryCreated {
        /// The repository, with its host.
        repository: String,
    },
    /// An image was pushed with its tags although the push of others failed.
    Pushed {
        /// The repository, with its host.
        repository: String,
        /// The image's digest.
        digest: String,
    },
    /// Cache images do not exist.
    CacheMissing {
        /// Their references.
        images: Vec<String>,
    },
    /// An image cannot be used as a cache.
    CacheUnusable {
        /// Its reference and architecture.
        image: String,
        /// The reason, on one line.
        why: String,
    },
    /// A cache registry denies access or cannot be reached. The layers are built instead.
    CacheFailed {
        /// The first image or repository that could not be read.
        image: String,
        /// The reason, on one line and without secrets.
        why: String,
        /// A suggested fix.
        help: Option<Help>,
    },
    /// A registry did not mount a blob from another of its repositories: the blob was uploaded again.
    NotMounted {
        /// The registry's host.
        host: String,
    },
    /// Layers were sent while they were made, before limg knew that the registry has them.
    SentForNothing {
        /// How many bytes of them were sent.
        bytes: u64,
    },
}

/// A step of work that may take long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressEvent {
    /// Identifies the piece of work within this process.
    pub id: u64,
    /// The step.
    pub step: Step,
}

/// How far work has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It has begun. A retry keeps the id.
    Begun {
        /// The work.
        activity: Activity,
        /// Its size in bytes, if it is known.
        total: Option<u64>,
    },
    /// This many bytes are done. After a failed attempt it may be fewer than before.
    At(u64),
    /// It has ended, successfully or not.
    Ended,
}

/// Work that may take long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activity {
    /// Something is fetched from a registry into the store.
    Fetch {
        /// A digest, or an ARN.
        what: String,
        /// The repository, with its host.
        repository: String,
    },
    /// A blob is sent to a registry.
    Send {
        /// Its digest, or what the layer contains if that is still being made.
        what: String,
        /// The repository, with its host.
        repository: String,
    },
    /// Python sources are compiled.
    Compile {
        /// What contains them.
        what: String,
    },
    /// A layer is made: its files are read, and packed into a tar.
    Pack {
        /// What the layer contains.
        layer: String,
    },
}

/// A finished layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerEvent {
    /// What the layer contains: `layer utils`, `code of orders` …
    pub name: String,
    /// The digest of its blob, if it was compressed.
    pub digest: Option<String>,
    /// The number of its files and links.
    pub files: u64,
    /// The size of the compressed blob in bytes; of the tar if it was not compressed.
    pub size: u64,
    /// How it was obtained.
    pub provenance: Provenance,
    /// The time it took to make or find it.
    pub took: Duration,
}

/// How a layer was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// limg built it now.
    Built,
    /// It is unchanged in the store, or comes from another image that the definition names.
    Reused,
    /// It comes from a cache image in a registry.
    Cached,
}

/// Receives events, possibly from several threads at the same time.
pub trait Reporter: Send + Sync {
    /// Reports one event.
    fn report(&self, event: Event);
}

/// Records all events of a test.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Events(pub(crate) std::sync::Mutex<Vec<Event>>);

#[cfg(test)]
impl Reporter for Events {
    fn report(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}
