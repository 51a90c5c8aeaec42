//! Verifies that blobs match their digests, for users who suspect disk corruption.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::{Digest, Store};
use crate::fs::FsError;
use crate::sync::lock;

/// The blobs that a verifying store has verified.
#[derive(Debug, Default)]
pub(super) struct Verified {
    /// Whether each blob was intact when it was first requested.
    intact: Mutex<BTreeMap<Digest, Arc<OnceLock<bool>>>>,
}

impl Verified {
    /// Reads a blob when it is first requested, and removes it if it is damaged. Waits for another thread that is reading
    /// the same blob.
    pub(super) fn verify(&self, digest: &Digest, path: &Path) {
        let once = Arc::clone(lock(&self.intact).entry(digest.clone()).or_default());
        once.get_or_init(|| {
            // A blob that cannot be read fails where its bytes are needed.
            let is_intact = Digest::of_file(path).map_or(true, |found| found == *digest);
            is_intact || std::fs::remove_file(path).is_err()
        });
    }

    /// The damaged blobs that were removed.
    pub(super) fn removed(&self) -> Vec<Digest> {
        let intact = lock(&self.intact);
        intact
            .iter()
            .filter(|(_, once)| once.get() == Some(&false))
            .map(|(digest, _)| digest.clone())
            .collect()
    }
}

impl Store {
    /// Reads all blobs and returns those that do not match their digests.
    ///
    /// # Errors
    /// When the store cannot be listed or a blob cannot be read.
    pub fn damaged(&self) -> Result<Vec<Digest>, FsError> {
        let blobs = self.contents()?.blobs;
        let damaged = blobs.into_par_iter().map(|blob| {
            let is_intact = Digest::of_file(&self.blob_path(&blob.digest))? == blob.digest;
            Ok((!is_intact).then_some(blob.digest))
        });
        Ok(damaged.collect::<Result<Vec<_>, FsError>>()?.into_iter().flatten().collect())
    }
}
