//! A blob that is read while it is still being written.
//!
//! A reader gets the last byte only when the blob is in the store, and so has its digest: what is sent elsewhere is complete there
//! only if it is right.

use std::fs::File;
use std::io;
use std::sync::Arc;

use tokio::sync::watch;

use super::Blob;
use crate::fs::{self, FsError};

/// The side that writes. When it is dropped before the blob is complete, readers fail.
#[derive(Debug)]
pub struct Growth(watch::Sender<State>);

/// The side that reads. Clones read on their own.
#[derive(Debug, Clone)]
pub struct GrowingBlob {
    state: watch::Receiver<State>,
    /// The size that the blob will have, in bytes.
    pub size: u64,
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
    /// Whether the blob is in the store.
    is_complete: bool,
}

/// Reads a blob from its beginning.
#[derive(Debug)]
pub struct GrowingReader {
    state: watch::Receiver<State>,
    /// The file that was read so far.
    file: Option<Arc<File>>,
    position: u64,
    size: u64,
}

impl Growth {
    /// Both sides of a blob of `size` bytes.
    #[must_use]
    pub fn new(size: u64) -> (Self, GrowingBlob) {
        let (sender, state) = watch::channel(State::default());
        (Self(sender), GrowingBlob { state, size })
    }

    /// Begins to write, or begins again: nothing of the blob is there.
    pub fn begin(&self, file: File) {
        self.0.send_replace(State { file: Some(Arc::new(file)), ..State::default() });
    }

    /// So many bytes are in the file.
    pub fn wrote(&self, bytes: u64) {
        self.0.send_modify(|state| state.written = bytes);
    }

    /// The blob is in the store.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn complete(&self, blob: &Blob) -> Result<(), FsError> {
        let opened = self.0.borrow().file.is_none().then(|| fs::open(&blob.path)).transpose()?;
        self.0.send_modify(|state| {
            if let Some(file) = opened {
                (state.file, state.offset) = (Some(Arc::new(file)), blob.offset);
            }
            (state.written, state.is_complete) = (blob.size, true);
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

    /// Starts to read.
    #[must_use]
    pub fn reader(&self) -> GrowingReader {
        GrowingReader { state: self.state.clone(), file: None, position: 0, size: self.size }
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
        if self.position == self.size {
            return Ok(None);
        }
        let state = self.available().await?;
        let (Some(file), Some(end)) = (state.file, state.written.checked_sub(self.position)) else {
            return Err(begun_again());
        };
        if !Arc::ptr_eq(self.file.get_or_insert_with(|| Arc::clone(&file)), &file) {
            return Err(begun_again());
        }
        let end = if state.is_complete { end } else { end.min(self.size - self.position - 1) };
        let length = length.min(usize::try_from(end).unwrap_or(length));
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

    /// The state in which there are further bytes to read.
    async fn available(&mut self) -> io::Result<State> {
        let (position, size, own) = (self.position, self.size, self.file.clone());
        let is_available = |state: &State| {
            let has_more = state.written > position && (state.is_complete || position + 1 < size);
            let is_other = matches!((&own, &state.file), (Some(own), Some(file)) if !Arc::ptr_eq(own, file));
            has_more || is_other
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
        let (growth, blob) = Growth::new(11);
        let mut reader = blob.reader();
        assert!(waits(&mut reader).await);
        let mut writer = store.writer().unwrap();
        growth.begin(writer.reopen().unwrap());
        blob.begun().await;
        writer.write_all(b"hello ").unwrap();
        growth.wrote(6);
        assert_eq!((text(&mut reader, 4).await, text(&mut reader, 4).await), ("hell".into(), "o ".into()));
        assert!(waits(&mut reader).await);
        writer.write_all(b"world").unwrap();
        growth.wrote(11);
        assert_eq!(text(&mut reader, 100).await, "worl");
        assert!(waits(&mut reader).await, "it may still be another one than it should");
        let stored = writer.commit_as(&Digest::of(b"hello world")).unwrap().unwrap();
        growth.complete(&stored).unwrap();
        assert_eq!(text(&mut reader, 100).await, "d");
        assert_eq!(reader.next(100).await.unwrap(), None);
        drop(growth);
        assert_eq!(text(&mut blob.reader(), 100).await, "hello world");
    }

    #[tokio::test]
    async fn a_blob_that_is_written_again_or_given_up_is_an_error() {
        let (_folder, store) = Store::for_test();
        let (growth, blob) = Growth::new(4);
        let mut reader = blob.reader();
        let begin = |content: &[u8]| {
            let mut writer = store.writer().unwrap();
            growth.begin(writer.reopen().unwrap());
            writer.write_all(content).unwrap();
            growth.wrote(content.len() as u64);
        };
        begin(b"ab");
        assert_eq!(text(&mut reader, 100).await, "ab");
        begin(b"x");
        assert_eq!(reader.next(100).await.unwrap_err().kind(), io::ErrorKind::Interrupted);
        let mut reader = blob.reader();
        assert_eq!(text(&mut reader, 100).await, "x");
        drop(growth);
        blob.begun().await;
        assert_eq!(reader.next(100).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_blob_of_the_store_is_there_at_once() {
        let (_folder, store) = Store::for_test();
        let stored = store.add_blob(b"stored").unwrap();
        let (growth, blob) = Growth::new(6);
        growth.complete(&stored).unwrap();
        drop(growth);
        blob.begun().await;
        assert_eq!(text(&mut blob.reader(), 100).await, "stored");
    }
}
