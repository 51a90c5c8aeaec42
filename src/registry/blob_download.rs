//! Downloads blobs into the store (OCI distribution specification, "Pulling blobs").
//!
//! A blob is hashed while it is written, and kept only if its digest is right. A broken transfer is resumed. If the user wants it,
//! several requests fetch one blob. No blob is ever held in memory as a whole.

use std::io::Write as _;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};
use tokio::task::JoinHandle;

use super::blobs::blob_request;
use super::client::{Client, Inner};
use super::endpoint::Endpoint;
use super::error::{ContentError, RegistryError};
use super::transport::Response;
use crate::event::{Activity, Progress};
use crate::fs::FsError;
use crate::project::Repository;
use crate::store::{Blob, BlobWriter, Digest, Growth, Store};
use crate::text::excerpt;

/// How many further bytes justify a fresh series of attempts when a transfer breaks again and again.
const PROGRESS_FOR_NEW_ATTEMPTS: u64 = 16 * 1024 * 1024;

/// The statuses of a blob, of the requested range of it, and of a range that the registry does not send.
const ANSWERS_TO_RANGE: [StatusCode; 3] =
    [StatusCode::OK, StatusCode::PARTIAL_CONTENT, StatusCode::RANGE_NOT_SATISFIABLE];

/// The size in bytes of the parts of a large blob, each of which is in memory until those in front of it are there.
const PART: u64 = 4 * 1024 * 1024;

/// How many bytes are collected before they are written.
const BATCH: usize = 512 * 1024;

impl Client {
    /// Fetches a blob of `size` bytes into the store, unless the store has it.
    ///
    /// # Errors
    /// When the blob does not exist, cannot be fetched, or has another size or digest.
    pub async fn fetch(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: u64,
        store: &Store,
    ) -> Result<Blob, RegistryError> {
        self.fetch_and_show(repository, digest, size, store, None, true).await
    }

    /// As [`fetch`](Self::fetch), and shows what there is of the blob while it is fetched. Unless it is to be kept, nothing of it
    /// is in the store afterwards.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn fetch_growing(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: u64,
        store: &Store,
        growth: Growth,
        keep: bool,
    ) -> Result<(), RegistryError> {
        self.fetch_and_show(repository, digest, size, store, Some(Arc::new(growth)), keep).await.map(drop)
    }

    async fn fetch_and_show(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: u64,
        store: &Store,
        growth: Option<Arc<Growth>>,
        keep: bool,
    ) -> Result<Blob, RegistryError> {
        let stored = || store.blob(digest).filter(|blob| blob.size == size);
        let complete = |blob: Blob| {
            growth.as_ref().map_or(Ok(()), |growth| growth.complete(digest, &blob))?;
            Ok(blob)
        };
        if let Some(blob) = stored() {
            return complete(blob);
        }
        let fetch_lock = self.inner.fetch_lock(digest);
        let _guard = fetch_lock.lock().await;
        if let Some(blob) = stored() {
            return complete(blob);
        }
        let endpoint = self.inner.endpoint(repository).await?;
        let action = format!("fetch {digest} from {endpoint}");
        let activity = Activity::Fetch { what: digest.to_string(), repository: repository.to_string() };
        let progress = &self.inner.progress(activity, size);
        let (inner, endpoint, action) = (&*self.inner, &endpoint, &*action);
        let growth = growth.clone();
        let download = Download { inner, endpoint, digest, size, action, progress, growth, keep };
        match download.run(store).await? {
            Ok(blob) => Ok(blob),
            // A second download shows whether the wrong digest was an accident.
            Err(_) => download.run(store).await?.map_err(|found| {
                RegistryError::content(action, ContentError::Digest { expected: digest.to_string(), found })
            }),
        }
    }
}

/// The download of one blob.
struct Download<'a> {
    inner: &'a Inner,
    endpoint: &'a Endpoint,
    digest: &'a Digest,
    size: u64,
    action: &'a str,
    progress: &'a Progress,
    growth: Option<Arc<Growth>>,
    keep: bool,
}

impl Download<'_> {
    /// Downloads the blob, resuming as often as necessary. The inner error is the wrong digest that it has.
    async fn run(&self, store: &Store) -> Result<Result<Blob, Digest>, RegistryError> {
        let mut sink = self.sink(store);
        let mut attempts = self.inner.attempts(self.action).await;
        let mut furthest = 0;
        while let Err(error) = self.resume(&mut sink, store).await {
            // Over a bad connection a large blob breaks off more often than the attempts at a small one allow.
            if sink.written >= furthest + PROGRESS_FOR_NEW_ATTEMPTS {
                furthest = sink.written;
                attempts.start_again();
            }
            attempts.after(error).await?;
        }
        sink.finish(self.digest).await
    }

    fn sink(&self, store: &Store) -> BlobSink {
        BlobSink { growth: self.growth.clone(), keep: self.keep, ..BlobSink::new(store) }
    }

    /// Downloads what is missing.
    async fn resume(&self, sink: &mut BlobSink, store: &Store) -> Result<(), RegistryError> {
        let further = self.inner.further_permits(self.further_requests(self.size - sink.written));
        if further.is_empty() || !self.resume_in_parts(sink, 1 + further.len()).await? {
            drop(further);
            self.resume_at_once(sink, store).await?;
        }
        Ok(())
    }

    /// How many requests, in addition to one, may download `missing` bytes at once.
    fn further_requests(&self, missing: u64) -> usize {
        let parts = usize::try_from(missing.div_ceil(PART)).unwrap_or(usize::MAX);
        self.inner.requests_per_blob().min(parts).saturating_sub(1)
    }

    /// Downloads what is missing in parts, of which `at_once` are requested at a time. False if the registry sends no ranges.
    async fn resume_in_parts(&self, sink: &mut BlobSink, at_once: usize) -> Result<bool, RegistryError> {
        let mut begin = sink.written;
        let ranges = std::iter::from_fn(|| {
            let range = begin..(begin + PART).min(self.size);
            begin = range.end;
            (!range.is_empty()).then_some(range)
        });
        let mut parts = stream::iter(ranges.map(|range| self.part(range))).buffered(at_once);
        while let Some(part) = parts.next().await {
            let Some(pieces) = part? else { return Ok(false) };
            for piece in pieces {
                sink.push(piece).await?;
            }
            self.progress.at(sink.written);
        }
        Ok(true)
    }

    /// Downloads a part. None if the registry sends no ranges.
    async fn part(&self, range: Range<u64>) -> Result<Option<Vec<Bytes>>, RegistryError> {
        let mut request = blob_request(self.endpoint, Method::GET, self.digest, self.action);
        let bytes = HeaderValue::from_str(&format!("bytes={}-{}", range.start, range.end - 1));
        request.headers.extend(bytes.ok().map(|bytes| (RANGE, bytes)));
        let mut response = self.inner.send(self.endpoint, &request, &ANSWERS_TO_RANGE).await?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            return Ok(None);
        }
        self.check_range(&response, &range)?;
        let expected = range.end - range.start;
        let (mut pieces, mut found) = (Vec::new(), 0);
        while let Some(piece) = response.piece().await? {
            found += piece.len() as u64;
            if found > expected {
                return Err(self.error(ContentError::TooLarge { limit: expected }));
            }
            pieces.push(piece);
        }
        if found < expected {
            return Err(self.error(ContentError::Truncated { expected, found }));
        }
        Ok(Some(pieces))
    }

    /// Downloads what is missing, in one request.
    async fn resume_at_once(&self, sink: &mut BlobSink, store: &Store) -> Result<(), RegistryError> {
        let mut request = blob_request(self.endpoint, Method::GET, self.digest, self.action);
        if sink.written > 0 {
            let range = HeaderValue::from_str(&format!("bytes={}-", sink.written));
            request.headers.extend(range.ok().map(|range| (RANGE, range)));
        }
        let mut response = self.inner.send(self.endpoint, &request, &ANSWERS_TO_RANGE).await?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if sink.written > 0 => {
                self.check_range(&response, &(sink.written..self.size))?;
            }
            StatusCode::PARTIAL_CONTENT => return Err(self.unexpected_range(&response, "the whole blob")),
            StatusCode::OK => {
                let length = response.header(&CONTENT_LENGTH).and_then(|length| length.parse().ok());
                if let Some(found) = length.filter(|length| *length != self.size) {
                    return Err(self.error(ContentError::Size { expected: self.size, found }));
                }
                // The registry does not support ranges.
                if sink.written > 0 {
                    *sink = self.sink(store);
                }
            }
            _ => {
                let found = sink.written;
                *sink = self.sink(store);
                return Err(self.error(ContentError::Truncated { expected: self.size, found }));
            }
        }
        while let Some(piece) = response.piece().await? {
            if sink.written + piece.len() as u64 > self.size {
                return Err(self.error(ContentError::TooLarge { limit: self.size }));
            }
            sink.push(piece).await?;
            self.progress.at(sink.written);
        }
        if sink.written < self.size {
            return Err(self.error(ContentError::Truncated { expected: self.size, found: sink.written }));
        }
        Ok(())
    }

    /// Fails unless a partial response has a range (RFC 9110, section 14.4).
    fn check_range(&self, response: &Response, expected: &Range<u64>) -> Result<(), RegistryError> {
        let expected = format!("bytes {}-{}/{}", expected.start, expected.end - 1, self.size);
        if response.header(&CONTENT_RANGE) == Some(expected.as_str()) {
            return Ok(());
        }
        Err(self.unexpected_range(response, &format!("`{expected}`")))
    }

    fn unexpected_range(&self, response: &Response, expected: &str) -> RegistryError {
        let range = response.header(&CONTENT_RANGE);
        let range = range.map_or("no range".to_owned(), |range| format!("`{}`", excerpt(range)));
        RegistryError::protocol(self.action, format!("it contains {range} instead of {expected}"))
    }

    fn error(&self, source: ContentError) -> RegistryError {
        RegistryError::content(self.action, source)
    }
}

/// Hashes and writes a blob during its transfer, one batch at a time. A thread is used for the writing only, since many
/// blobs may be waiting for their registry.
pub(crate) struct BlobSink {
    store: Store,
    batch: Vec<Bytes>,
    /// The size of the batch in bytes.
    batched: usize,
    /// The last batch, while it is written.
    writing: Option<JoinHandle<Result<BlobWriter, FsError>>>,
    /// Where what is written is shown.
    growth: Option<Arc<Growth>>,
    /// Whether the blob is in the store afterwards.
    keep: bool,
    /// How many bytes have been pushed.
    pub(crate) written: u64,
}

impl BlobSink {
    /// An empty sink. If it is dropped unfinished, it leaves nothing in the store.
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            batch: Vec::new(),
            batched: 0,
            writing: None,
            growth: None,
            keep: true,
            written: 0,
        }
    }

    pub(crate) async fn push(&mut self, piece: Bytes) -> Result<(), RegistryError> {
        self.written += piece.len() as u64;
        self.batched += piece.len();
        self.batch.push(piece);
        if self.batched >= BATCH {
            let writer = self.writer().await?;
            let (store, batch) = (self.store.clone(), std::mem::take(&mut self.batch));
            self.batched = 0;
            let growth = self.growth.clone();
            self.writing = Some(tokio::task::spawn_blocking(move || write(writer, &store, growth, batch)));
        }
        Ok(())
    }

    /// The writer, once the last batch is written; none before the first.
    async fn writer(&mut self) -> Result<Option<BlobWriter>, RegistryError> {
        match self.writing.take() {
            Some(writing) => Ok(Some(writing.await??)),
            None => Ok(None),
        }
    }

    /// Ends the blob, and keeps it if it has the expected digest and is to be kept. The inner error is the digest that it has instead.
    pub(crate) async fn finish(mut self, expected: &Digest) -> Result<Result<Blob, Digest>, RegistryError> {
        let writer = self.writer().await?;
        let expected = expected.clone();
        let finish = move || {
            let writer = write(writer, &self.store, self.growth, self.batch)?;
            if self.keep { writer.commit_as(&expected) } else { writer.discard_as(&expected) }
        };
        Ok(tokio::task::spawn_blocking(finish).await??)
    }

    /// Keeps the blob, the digest of which nothing says beforehand.
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "registries name digests"))]
    pub(crate) async fn finish_any(mut self) -> Result<(Blob, Digest), RegistryError> {
        let writer = self.writer().await?;
        let finish = move || write(writer, &self.store, self.growth, self.batch)?.commit();
        let (digest, blob) = tokio::task::spawn_blocking(finish).await??;
        Ok((blob, digest))
    }
}

/// Writes a batch, with a new writer if there is none, which is shown in `growth`.
fn write(
    writer: Option<BlobWriter>,
    store: &Store,
    growth: Option<Arc<Growth>>,
    batch: Vec<Bytes>,
) -> Result<BlobWriter, FsError> {
    let new = || {
        let mut writer = store.writer()?;
        growth.map_or(Ok(()), |growth| writer.show(growth))?;
        Ok(writer)
    };
    let mut writer = writer.map_or_else(new, Ok)?;
    for piece in batch {
        writer.write_all(&piece).map_err(FsError::because("write into", store.root()))?;
    }
    Ok(writer)
}
