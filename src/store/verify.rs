//! Whether blobs are what their names say: for users who do not trust their disk, or themselves.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::{Digest, Store};
use crate::fs::FsError;

/// What a store that checks its blobs has checked.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// Whether each blob was what its name says when it was asked for first.
    done: Mutex<BTreeMap<Digest, Arc<OnceLock<bool>>>>,
}

impl Checks {
    /// Reads a blob when it is asked for the first time, and removes one that is damaged. Waits for another thread that is
    /// at it.
    pub(super) fn check(&self, digest: &Digest, path: &Path) {
        let once = {
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(done.entry(digest.clone()).or_default())
        };
        once.get_or_init(|| {
            // One that cannot be read fails where its bytes are needed.
            let good = Digest::of_file(path).map_or(true, |found| found == *digest);
            // Whoever else uses it is better off without it.
            good || std::fs::remove_file(path).is_err()
        });
    }

    /// The blobs that were damaged and are gone.
    pub(super) fn removed(&self) -> Vec<Digest> {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.iter().filter(|(_, good)| good.get() == Some(&false)).map(|(digest, _)| digest.clone()).collect()
    }
}

impl Store {
    /// Reads all blobs and gives those that are not what their names say.
    ///
    /// # Errors
    /// When the store cannot be listed or one of them cannot be read.
    pub fn damaged(&self) -> Result<Vec<Digest>, FsError> {
        let blobs = self.contents()?.blobs;
        let damaged = blobs.into_par_iter().map(|blob| {
            let good = Digest::of_file(&self.blob_path(&blob.digest))? == blob.digest;
            Ok((!good).then_some(blob.digest))
        });
        Ok(damaged.collect::<Result<Vec<_>, FsError>>()?.into_iter().flatten().collect())
    }
}
