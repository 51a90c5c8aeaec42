//! The body of an upload: bytes in memory, or a blob's file, read piece by piece and as often as there are attempts. The file may
//! still grow.
//!
//! A body that was sent in part cannot be resumed; each attempt starts from the beginning.

use std::fs::File;
use std::io::{self, Read as _, Take};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;

use super::stall_timeout::StallTimeout;
use crate::event::Progress;
use crate::fs::FsError;
use crate::store::{Blob, GrowingBlob, GrowingReader};
use crate::sync::lock;

/// The size of a piece in bytes.
const PIECE: usize = 256 * 1024;

/// How long a body waits for a blob to grow before it reports that it still does.
const WAITING: Duration = Duration::from_secs(1);

/// What a request sends.
pub(super) struct UploadBody {
    source: BodySource,
    progress: Option<Arc<Progress>>,
    /// How many bytes the last attempt has sent.
    sent: Arc<AtomicU64>,
    read_error: Arc<Mutex<Option<FsError>>>,
}

#[derive(Clone)]
enum BodySource {
    Bytes(Bytes),
    Blob(Blob),
    Growing(GrowingBlob),
}

impl UploadBody {
    /// A body of bytes in memory.
    pub(super) fn from_bytes(bytes: Bytes) -> Self {
        Self::new(BodySource::Bytes(bytes))
    }

    /// A body read from a blob on this machine.
    pub(super) fn from_blob(blob: Blob) -> Self {
        Self::new(BodySource::Blob(blob))
    }

    /// A body read from a blob that is still being written.
    pub(super) fn from_growing(blob: GrowingBlob) -> Self {
        Self::new(BodySource::Growing(blob))
    }

    fn new(source: BodySource) -> Self {
        Self { source, progress: None, sent: Arc::default(), read_error: Arc::default() }
    }

    /// Reports how much of the body has been sent.
    pub(super) fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// The size in bytes, unless it is that of a blob that is still being made.
    pub(super) fn size(&self) -> Option<u64> {
        match &self.source {
            BodySource::Bytes(bytes) => Some(bytes.len() as u64),
            BodySource::Blob(blob) => Some(blob.size),
            BodySource::Growing(blob) => blob.size(),
        }
    }

    /// How many bytes the last attempt has sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The error that ended the last attempt, if the file could not be read.
    pub(super) fn take_read_error(&self) -> Option<FsError> {
        lock(&self.read_error).take()
    }

    /// The body for one attempt. Each piece that is sent counts as progress.
    pub(super) fn stream(&self, stall_timeout: &Arc<StallTimeout>) -> reqwest::Body {
        let reader = BodyReader {
            source: self.source.clone(),
            file: None,
            growing: None,
            sent: 0,
            shown: Arc::clone(&self.sent),
            size: self.size(),
            progress: self.progress.clone(),
            stall_timeout: Arc::clone(stall_timeout),
        };
        let read_error = Arc::clone(&self.read_error);
        reqwest::Body::wrap_stream(stream::try_unfold(reader, move |mut reader| {
            let read_error = Arc::clone(&read_error);
            async move {
                match reader.next().await {
                    Ok(piece) => Ok(piece.map(|piece| (piece, reader))),
                    // The stream must end with an error, or the registry would take the body for complete.
                    Err(error) => {
                        let broken = io::Error::from(error.source.kind());
                        *lock(&read_error) = Some(error);
                        Err(broken)
                    }
                }
            }
        }))
    }
}

/// Reads a body from its beginning.
struct BodyReader {
    source: BodySource,
    /// The blob's file, once it is open.
    file: Option<Take<File>>,
    /// The reader of a growing blob, once it is read.
    growing: Option<GrowingReader>,
    sent: u64,
    /// Shows how many bytes were sent.
    shown: Arc<AtomicU64>,
    size: Option<u64>,
    progress: Option<Arc<Progress>>,
    stall_timeout: Arc<StallTimeout>,
}

impl BodyReader {
    /// The next piece, or none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, FsError> {
        let left = self.size.map(|size| size.saturating_sub(self.sent));
        let length = left.and_then(|left| usize::try_from(left).ok()).unwrap_or(PIECE).min(PIECE);
        let piece = if length == 0 { None } else { self.read(length).await? };
        let is_last = piece.is_none() || self.size == Some(self.sent);
        self.shown.store(self.sent, Ordering::Relaxed);
        self.stall_timeout.progress();
        if let Some(progress) = &self.progress {
            progress.at(self.sent);
        }
        if is_last {
            self.stall_timeout.expect_response(self.sent);
        }
        Ok(piece)
    }

    /// The next piece of at most so many bytes, or none at the end.
    async fn read(&mut self, length: usize) -> Result<Option<Bytes>, FsError> {
        let piece = match &mut self.source {
            BodySource::Bytes(bytes) => Some(bytes.split_to(bytes.len().min(length))),
            BodySource::Blob(blob) => {
                let (own, file) = (blob.clone(), self.file.take());
                // A thread is used for the reading only, since many uploads may be waiting for their registry.
                let read = tokio::task::spawn_blocking(move || read(&own, file, length)).await;
                let (piece, file) =
                    read.map_err(|error| FsError::because("read", &blob.path)(error.into()))??;
                self.file = Some(file);
                Some(piece)
            }
            BodySource::Growing(blob) => {
                let reader = self.growing.get_or_insert_with(|| blob.reader());
                growing(reader, length, &self.stall_timeout).await?.map(Bytes::from)
            }
        };
        self.sent += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Ok(piece)
    }
}

/// The next bytes of a growing blob. While it does not grow, it is not the registry that makes no progress.
async fn growing(
    reader: &mut GrowingReader,
    length: usize,
    stall_timeout: &StallTimeout,
) -> Result<Option<Vec<u8>>, FsError> {
    loop {
        if let Ok(piece) = tokio::time::timeout(WAITING, reader.next(length)).await {
            let failed = FsError::because("read what is being written into", Path::new("the store"));
            return piece.map_err(failed);
        }
        stall_timeout.progress();
    }
}

/// Reads the next bytes of a blob, and opens it first if necessary.
fn read(blob: &Blob, file: Option<Take<File>>, length: usize) -> Result<(Bytes, Take<File>), FsError> {
    let mut file = file.map_or_else(|| blob.open(), Ok)?;
    let mut piece = vec![0; length];
    // Fails if the file has become shorter.
    file.read_exact(&mut piece).map_err(FsError::because("read", &blob.path))?;
    Ok((piece.into(), file))
}

#[cfg(test)]
mod tests {
    use super::super::stall_timeout::StallLimits;
    use super::*;

    fn reader(source: BodySource, size: u64) -> BodyReader {
        let stall_timeout = Arc::new(StallTimeout::start(StallLimits::default()));
        let size = Some(size);
        let shown = Arc::default();
        BodyReader { source, file: None, growing: None, sent: 0, shown, size, progress: None, stall_timeout }
    }

    async fn pieces(mut reader: BodyReader) -> Result<Vec<Bytes>, FsError> {
        let mut pieces = Vec::new();
        while let Some(piece) = reader.next().await? {
            pieces.push(piece);
        }
        Ok(pieces)
    }

    #[tokio::test]
    async fn a_body_is_read_completely_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        for size in [0, 1, PIECE, 2 * PIECE + 7] {
            let content: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
            std::fs::write(&path, [b"head", content.as_slice(), b"tail"].concat()).unwrap();
            let blob = Blob { path: path.clone(), offset: 4, size: size as u64, in_store: false };
            let bytes = BodySource::Bytes(content.clone().into());
            for source in [BodySource::Blob(blob), bytes] {
                let pieces = pieces(reader(source, size as u64)).await.unwrap();
                assert_eq!(pieces.concat(), content);
                assert!(pieces.iter().all(|piece| piece.len() <= PIECE));
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("short");
        std::fs::write(&path, b"short").unwrap();
        let blob = Blob { path, offset: 0, size: 6, in_store: false };
        let error = pieces(reader(BodySource::Blob(blob), 6)).await.unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::UnexpectedEof);
    }
}
