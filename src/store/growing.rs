//! A blob that is read while it is still being written.
//!
//! A reader gets the last byte only when the blob is in the store, and so has its digest: what is sent elsewhere is complete there
//! only if it is right. The size of a blob that is made here is unknown until then.

use std::fs::File;
use std::io;
use std::sync::Arc;

use tokio::sync::watch;

use super::{Blob, Digest};
use crate::fs::{self, FsError};

/// The side that writes. When it is dropped before the blob is complete, readers fail.
#[derive(Debug)]
pub struct Growth(watch::Sender<State>);

/// The side that reads. Clones read on their own.
#[derive(Debug, Clone)]
pub struct GrowingBlob {
    state: watch::Receiver<State>,
    expected_size: Option<u64>,
}

/// What there is of a blob so far.
#[derive(Debug, Clone, Default)]
struct State {
    /// The file with it, which another one replaces if writing begins again.
    file: Option<Arc<File>>,
    /// Where the blob begins in the file.
    offset: u64,
    /// How many of its bytes are there.
    written: u64,
    /// Its digest, once it is in the store.
    digest: Option<Digest>,
}

impl State {
    /// How many bytes can be read.
    fn readable(&self) -> u64 {
        if self.digest.is_some() { self.written } else { self.written.saturating_sub(1) }
    }
}

/// Reads a blob from its beginning.
#[derive(Debug)]
pub struct GrowingReader {
    state: watch::Receiver<State>,
    /// The file that was read so far.
    file: Option<Arc<File>>,
    position: u64,
}

impl Growth {
    /// Both sides of a blob, of which the size in bytes may be known.
    #[must_use]
    pub fn new(expected_size: Option<u64>) -> (Self, GrowingBlob) {
        let (sender, state) = watch::channel(State::default());
        (Self(sender), GrowingBlob { state, expected_size })
    }

    /// Begins to write, or begins again: nothing of the blob is there.
    pub(super) fn begin(&self, file: File) {
        self.0.send_replace(State { file: Some(Arc::new(file)), ..State::default() });
    }

    /// So many further bytes are in the file.
    pub(super) fn wrote(&self, bytes: u64) {
        self.0.send_modify(|state| state.written += bytes);
    }

    /// The blob is complete, with this digest; it is in the store, unless it was written to be read only meanwhile.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn complete(&self, digest: &Digest, blob: &Blob) -> Result<(), FsError> {
        let opened = self.0.borrow().file.is_none().then(|| fs::open(&blob.path)).transpose()?;
        self.0.send_modify(|state| {
            if let Some(file) = opened {
                (state.file, state.offset) = (Some(Arc::new(file)), blob.offset);
            }
            (state.written, state.digest) = (blob.size, Some(digest.clone()));
        });
        Ok(())
    }
}

impl GrowingBlob {
    /// Waits until something of the blob is there, or nothing will be.
    pub async fn begun(&self) {
        let mut state = self.state.clone();
        // Whether writing failed shows when the blob is read.
        let _abandoned = state.wait_for(|state| state.file.is_some()).await;
    }

    /// Its size in bytes, if that is known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        let state = self.state.borrow();
        state.digest.as_ref().map(|_| state.written).or(self.expected_size)
    }

    /// Its digest, if it is in the store.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.state.borrow().digest.clone()
    }

    /// Waits until it is in the store, or will never be.
    pub async fn completed(&self) -> Option<Digest> {
        let mut state = self.state.clone();
        state.wait_for(|state| state.digest.is_some()).await.ok().and_then(|state| state.digest.clone())
    }

    /// Starts to read.
    #[must_use]
    pub fn reader(&self) -> GrowingReader {
        GrowingReader { state: self.state.clone(), file: None, position: 0 }
    }
}

impl GrowingReader {
    /// How many bytes have been read.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next bytes, at most `length`, once they are there; none at the end. If this is dropped while it waits, nothing is lost.
    ///
    /// # Errors
    /// When writing has ended early or begun again, or the file cannot be read.
    pub async fn next(&mut self, length: usize) -> io::Result<Option<Vec<u8>>> {
        let state = self.available().await?;
        let Some(left) = state.readable().checked_sub(self.position) else { return Err(begun_again()) };
        let Some(file) = state.file else { return Err(begun_again()) };
        if !Arc::ptr_eq(self.file.get_or_insert_with(|| Arc::clone(&file)), &file) {
            return Err(begun_again());
        }
        if left == 0 {
            return Ok(None);
        }
        let length = length.min(usize::try_from(left).unwrap_or(length));
        let at = state.offset + self.position;
        let piece = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; length];
            read_exact_at(&file, &mut piece, at)?;
            Ok::<_, io::Error>(piece)
        });
        let piece = piece.await.map_err(io::Error::other)??;
        self.position += piece.len() as u64;
        Ok(Some(piece))
    }

    /// The state in which there are further bytes to read, or all have been read.
    async fn available(&mut self) -> io::Result<State> {
        let (position, own) = (self.position, self.file.clone());
        let is_available = |state: &State| {
            let is_other = matches!((&own, &state.file), (Some(own), Some(file)) if !Arc::ptr_eq(own, file));
            state.readable() > position || state.digest.is_some() || is_other
        };
        let state = self.state.wait_for(is_available).await;
        state.map(|state| state.clone()).map_err(|_| io::ErrorKind::UnexpectedEof.into())
    }
}

fn begun_again() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "the blob is written again from its beginning")
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[read..];
        at += read as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::super::{Digest, Store};
    use super::*;

    async fn waits(reader: &mut GrowingReader) -> bool {
        timeout(Duration::from_millis(20), reader.next(100)).await.is_err()
    }

    async fn text(reader: &mut GrowingReader, length: usize) -> String {
        String::from_utf8(reader.next(length).await.unwrap().unwrap_or_default()).unwrap()
    }

    #[tokio::test]
    async fn bytes_are_read_as_they_are_written_and_the_last_one_at_the_end() {
        let (_folder, store) = Store::for_test();
        let (growth, blob) = Growth::new(Some(11));
        let mut reader = blob.reader();
        assert!(waits(&mut reader).await);
        let mut writer = store.writer().unwrap();
        writer.show(Arc::new(growth)).unwrap();
        blob.begun().await;
        writer.write_all(b"hello ").unwrap();
        assert_eq!((text(&mut reader, 4).await, text(&mut reader, 4).await), ("hell".into(), "o".into()));
        assert!(waits(&mut reader).await);
        writer.write_all(b"world").unwrap();
        assert_eq!(text(&mut reader, 100).await, " worl");
        assert!(waits(&mut reader).await, "it may still be another one than it should");
        assert_eq!((blob.digest(), blob.size()), (None, Some(11)));
        let digest = Digest::of(b"hello world");
        writer.commit_as(&digest).unwrap().unwrap();
        assert_eq!((blob.completed().await, blob.size()), (Some(digest), Some(11)));
        assert_eq!(text(&mut reader, 100).await, "d");
        assert_eq!(reader.next(100).await.unwrap(), None);
        assert_eq!(text(&mut blob.reader(), 100).await, "hello world");
    }

    #[tokio::test]
    async fn a_blob_that_is_written_again_or_given_up_is_an_error() {
        let (_folder, store) = Store::for_test();
        let (growth, blob) = Growth::new(None);
        let growth = Arc::new(growth);
        let mut reader = blob.reader();
        let begin = |content: &[u8]| {
            let mut writer = store.writer().unwrap();
            writer.show(Arc::clone(&growth)).unwrap();
            writer.write_all(content).unwrap();
        };
        begin(b"ab");
        assert_eq!(text(&mut reader, 100).await, "a");
        begin(b"xy");
        assert_eq!(reader.next(100).await.unwrap_err().kind(), io::ErrorKind::Interrupted);
        let mut reader = blob.reader();
        assert_eq!(text(&mut reader, 100).await, "x");
        drop(growth);
        blob.begun().await;
        assert_eq!(reader.next(100).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!((blob.completed().await, blob.size()), (None, None));
    }

    #[tokio::test]
    async fn a_blob_of_the_store_is_there_at_once() {
        let (_folder, store) = Store::for_test();
        let stored = store.add_blob(b"stored").unwrap();
        let (growth, blob) = Growth::new(None);
        growth.complete(&Digest::of(b"stored"), &stored).unwrap();
        drop(growth);
        blob.begun().await;
        assert_eq!((text(&mut blob.reader(), 100).await, blob.size()), ("stored".to_owned(), Some(6)));
    }
}
