//! Blobs fetched into the store (OCI distribution specification, "Pulling blobs").
//!
//! A blob is hashed while it is written, and only one with the right digest is kept. A transfer that broke off is gone on
//! with; whole blobs are never in memory.

use std::io::{self, Write as _};
use std::path::PathBuf;

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::client::{Client, Inner, content, protocol};
use super::error::{ContentError, RegistryError};
use super::place::Place;
use super::pull::blob_request;
use super::refusal::safe;
use super::transfer::Transfer;
use super::transport::Answer;
use crate::event::Direction;
use crate::fs::FsError;
use crate::project::Repository;
use crate::store::{Blob, BlobWriter, Digest, Store};

/// How many pieces wait to be written at most.
const BEHIND: usize = 16;

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
        let mut sink = Sink::open(store);
        let mut attempts = self.inner.attempts(self.doing);
        while let Err(error) = self.part(&mut sink, store).await {
            attempts.after(error).await?;
        }
        sink.finish(self.digest).await
    }

    /// Fetches what is missing, as far as it comes.
    async fn part(&self, sink: &mut Sink, store: &Store) -> Result<(), RegistryError> {
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
                    *sink = Sink::open(store);
                }
            }
            _ => {
                let found = sink.written;
                *sink = Sink::open(store);
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
                let range = range.map_or("no part".to_owned(), |range| format!("`{}`", safe(range)));
                Err(protocol(self.doing, format!("{range} came instead of `{expected}`")))
            }
        }
    }

    fn truncated(&self, found: u64) -> RegistryError {
        content(self.doing, ContentError::Truncated { expected: self.size, found })
    }
}

/// A blob that is hashed and written on a thread of its own.
pub(crate) struct Sink {
    pieces: mpsc::Sender<Bytes>,
    writer: JoinHandle<Result<BlobWriter, FsError>>,
    /// How many bytes were given to it.
    pub(crate) written: u64,
    /// The store's folder, for messages.
    root: PathBuf,
}

impl Sink {
    /// Starts with nothing written. Dropped unfinished, it leaves nothing.
    pub(crate) fn open(store: &Store) -> Self {
        let (pieces, mut waiting) = mpsc::channel::<Bytes>(BEHIND);
        let (store, root) = (store.clone(), store.root().to_owned());
        let writer = tokio::task::spawn_blocking(move || {
            let mut writer = store.writer()?;
            while let Some(piece) = waiting.blocking_recv() {
                writer.write_all(&piece).map_err(FsError::because("write into", store.root()))?;
            }
            Ok(writer)
        });
        Self { pieces, writer, written: 0, root }
    }

    pub(crate) async fn push(&mut self, piece: Bytes) -> Result<(), RegistryError> {
        let length = piece.len() as u64;
        if self.pieces.send(piece).await.is_ok() {
            self.written += length;
            return Ok(());
        }
        // It stops listening when it fails, and only then.
        let stopped = match (&mut self.writer).await? {
            Err(error) => error,
            Ok(_) => FsError::because("write into", &self.root)(io::ErrorKind::BrokenPipe.into()),
        };
        Err(stopped.into())
    }

    /// Keeps the blob, if it is the one of `expected`. The inner error is the digest that it has instead.
    pub(crate) async fn finish(self, expected: &Digest) -> Result<Result<Blob, Digest>, RegistryError> {
        drop(self.pieces);
        let writer = self.writer.await??;
        let expected = expected.clone();
        Ok(tokio::task::spawn_blocking(move || writer.commit_as(&expected)).await??)
    }
}
