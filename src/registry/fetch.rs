//! Blobs fetched into the store (OCI distribution specification, "Pulling blobs").
//!
//! A blob is hashed while it is written, and only one with the right digest is kept. A transfer that broke off is gone on
//! with; whole blobs are never in memory.

use std::io::Write as _;

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};
use tokio::task::JoinHandle;

use super::client::{Client, Inner, content, protocol};
use super::error::{ContentError, RegistryError};
use super::place::Place;
use super::pull::blob_request;
use super::transfer::Transfer;
use super::transport::Answer;
use crate::event::Direction;
use crate::fs::FsError;
use crate::project::Repository;
use crate::store::{Blob, BlobWriter, Digest, Store};
use crate::text::excerpt;

/// How many bytes further than ever before count as new hope for a transfer that breaks off again and again.
const HEADWAY: u64 = 16 * 1024 * 1024;

/// How many bytes are collected before they are written.
const BATCH: usize = 512 * 1024;

impl Client {
    /// Fetches a blob of `size` bytes into the store, unless it is there.
    ///
    /// # Errors
    /// When there is none, or it cannot be fetched, or has another size or digest.
    pub async fn fetch(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: u64,
        store: &Store,
    ) -> Result<Blob, RegistryError> {
        let kept = || store.blob(digest).filter(|blob| blob.size == size);
        if let Some(blob) = kept() {
            return Ok(blob);
        }
        let fetching = self.inner.fetching(digest);
        let _alone = fetching.lock().await;
        if let Some(blob) = kept() {
            return Ok(blob);
        }
        let place = self.inner.place(repository).await?;
        let doing = format!("fetch {digest} from {place}");
        let transfer = Transfer::begin(
            self.inner.reporter.clone(),
            Direction::Fetch,
            repository.to_string(),
            digest.to_string(),
            size,
        );
        let fetch =
            Fetch { inner: &self.inner, place: &place, digest, size, doing: &doing, transfer: &transfer };
        match fetch.whole(store).await? {
            Ok(blob) => Ok(blob),
            // Once more, from the beginning: that shows whether it was an accident.
            Err(_) => fetch.whole(store).await?.map_err(|found| {
                content(&doing, ContentError::Digest { expected: digest.to_string(), found })
            }),
        }
    }
}

/// One blob to fetch.
struct Fetch<'a> {
    inner: &'a Inner,
    place: &'a Place,
    digest: &'a Digest,
    size: u64,
    doing: &'a str,
    transfer: &'a Transfer,
}

impl Fetch<'_> {
    /// Fetches the whole blob, in as many parts as it takes. The inner error is the digest that it has instead.
    async fn whole(&self, store: &Store) -> Result<Result<Blob, Digest>, RegistryError> {
        let mut sink = BlobSink::new(store);
        let mut attempts = self.inner.attempts(self.doing);
        let mut furthest = 0;
        while let Err(error) = self.part(&mut sink, store).await {
            // A bad line breaks a large blob off more often than one would try a small one.
            if sink.written >= furthest + HEADWAY {
                furthest = sink.written;
                attempts = self.inner.attempts(self.doing);
            }
            attempts.after(error).await?;
        }
        sink.finish(self.digest).await
    }

    /// Fetches what is missing, as far as it comes.
    async fn part(&self, sink: &mut BlobSink, store: &Store) -> Result<(), RegistryError> {
        let mut request = blob_request(self.place, Method::GET, self.digest, self.doing);
        if sink.written > 0 {
            let range = HeaderValue::from_str(&format!("bytes={}-", sink.written));
            request.headers.extend(range.ok().map(|range| (RANGE, range)));
        }
        let good = [StatusCode::OK, StatusCode::PARTIAL_CONTENT, StatusCode::RANGE_NOT_SATISFIABLE];
        let mut answer = self.inner.ask(self.place, &request, &good).await?;
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => self.check_range(&answer, sink.written)?,
            StatusCode::OK => {
                let length = answer.header(&CONTENT_LENGTH).and_then(|length| length.parse().ok());
                if let Some(found) = length.filter(|length| *length != self.size) {
                    return Err(content(self.doing, ContentError::Size { expected: self.size, found }));
                }
                // The registry does not know parts.
                if sink.written > 0 {
                    *sink = BlobSink::new(store);
                }
            }
            _ => {
                let found = sink.written;
                *sink = BlobSink::new(store);
                return Err(self.truncated(found));
            }
        }
        while let Some(piece) = answer.piece().await? {
            if sink.written + piece.len() as u64 > self.size {
                return Err(content(self.doing, ContentError::TooLarge { limit: self.size }));
            }
            sink.push(piece).await?;
            self.transfer.at(sink.written);
        }
        if sink.written == self.size { Ok(()) } else { Err(self.truncated(sink.written)) }
    }

    /// Fails unless a part begins where the last one ended and goes to the blob's end (RFC 9110, section 14.4).
    fn check_range(&self, answer: &Answer, from: u64) -> Result<(), RegistryError> {
        let expected = format!("bytes {from}-{}/{}", self.size.saturating_sub(1), self.size);
        match answer.header(&CONTENT_RANGE) {
            Some(range) if from > 0 && range == expected => Ok(()),
            range => {
                let range = range.map_or("no part".to_owned(), |range| format!("`{}`", excerpt(range)));
                Err(protocol(self.doing, format!("{range} came instead of `{expected}`")))
            }
        }
    }

    fn truncated(&self, found: u64) -> RegistryError {
        content(self.doing, ContentError::Truncated { expected: self.size, found })
    }
}

/// A blob that is hashed and written beside its transfer, a batch at a time: a thread is only taken for the writing itself,
/// since many blobs may wait for their registry.
pub(crate) struct BlobSink {
    store: Store,
    /// The batch that is being collected.
    batch: Vec<Bytes>,
    batched: usize,
    /// The batch that is being written, once there is one.
    writing: Option<JoinHandle<Result<BlobWriter, FsError>>>,
    /// How many bytes were given to it.
    pub(crate) written: u64,
}

impl BlobSink {
    /// Starts with nothing written. Dropped unfinished, it leaves nothing.
    pub(crate) fn new(store: &Store) -> Self {
        Self { store: store.clone(), batch: Vec::new(), batched: 0, writing: None, written: 0 }
    }

    pub(crate) async fn push(&mut self, piece: Bytes) -> Result<(), RegistryError> {
        self.written += piece.len() as u64;
        self.batched += piece.len();
        self.batch.push(piece);
        if self.batched >= BATCH {
            let begun = self.settle().await?;
            let (store, batch) = (self.store.clone(), std::mem::take(&mut self.batch));
            self.batched = 0;
            self.writing = Some(tokio::task::spawn_blocking(move || write(begun, &store, batch)));
        }
        Ok(())
    }

    /// Waits for the batch that is being written.
    async fn settle(&mut self) -> Result<Option<BlobWriter>, RegistryError> {
        match self.writing.take() {
            Some(writing) => Ok(Some(writing.await??)),
            None => Ok(None),
        }
    }

    /// Keeps the blob, if it is the one of `expected`. The inner error is the digest that it has instead.
    pub(crate) async fn finish(mut self, expected: &Digest) -> Result<Result<Blob, Digest>, RegistryError> {
        let begun = self.settle().await?;
        let expected = expected.clone();
        let finish = move || write(begun, &self.store, self.batch)?.commit_as(&expected);
        Ok(tokio::task::spawn_blocking(finish).await??)
    }
}

/// Writes a batch into a blob, which is begun if need be.
fn write(begun: Option<BlobWriter>, store: &Store, batch: Vec<Bytes>) -> Result<BlobWriter, FsError> {
    let mut writer = begun.map_or_else(|| store.writer(), Ok)?;
    for piece in batch {
        writer.write_all(&piece).map_err(FsError::because("write into", store.root()))?;
    }
    Ok(writer)
}
