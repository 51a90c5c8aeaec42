//! The content of an upload, as often as it must be sent, read from its file piece by piece.
//!
//! A body that was sent in part cannot be sent on; each attempt opens the content anew.

use std::fs::File;
use std::io::{self, Read as _, Take};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream;

use super::pulse::Pulse;
use super::transfer::Transfer;
use crate::fs::FsError;
use crate::store::Blob;

/// The size of a piece in bytes.
const PIECE: usize = 256 * 1024;

/// Content to send.
pub(super) struct Feed {
    content: Content,
    transfer: Option<Arc<Transfer>>,
    fault: Arc<Mutex<Option<FsError>>>,
}

#[derive(Clone)]
enum Content {
    Bytes(Bytes),
    Blob(Blob),
}

impl Feed {
    /// Bytes at hand.
    pub(super) fn of_bytes(bytes: Bytes) -> Self {
        Self::new(Content::Bytes(bytes))
    }

    /// A blob on this machine.
    pub(super) fn of_blob(blob: Blob) -> Self {
        Self::new(Content::Blob(blob))
    }

    fn new(content: Content) -> Self {
        Self { content, transfer: None, fault: Arc::default() }
    }

    /// Tells a transfer how far it is.
    pub(super) fn reported_to(mut self, transfer: Transfer) -> Self {
        self.transfer = Some(Arc::new(transfer));
        self
    }

    /// The size in bytes.
    pub(super) fn size(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Blob(blob) => blob.size,
        }
    }

    /// The file that could not be read, if that is why a body broke off.
    pub(super) fn fault(&self) -> Option<FsError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The content from its start, as a body. Each piece that is taken keeps `pulse` going.
    pub(super) fn body(&self, pulse: &Arc<Pulse>) -> reqwest::Body {
        let reader = Reader {
            content: self.content.clone(),
            file: None,
            sent: 0,
            size: self.size(),
            transfer: self.transfer.clone(),
            pulse: Arc::clone(pulse),
        };
        let fault = Arc::clone(&self.fault);
        reqwest::Body::wrap_stream(stream::try_unfold(reader, move |mut reader| {
            let fault = Arc::clone(&fault);
            async move {
                match reader.next().await {
                    Ok(piece) => Ok(piece.map(|piece| (piece, reader))),
                    // The body must break off, or the registry would take it for whole.
                    Err(error) => {
                        let broken = io::Error::from(error.source.kind());
                        *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        Err(broken)
                    }
                }
            }
        }))
    }
}

/// Content on its way.
struct Reader {
    content: Content,
    /// The blob's file, once it is open.
    file: Option<Take<File>>,
    sent: u64,
    size: u64,
    transfer: Option<Arc<Transfer>>,
    pulse: Arc<Pulse>,
}

impl Reader {
    /// The next piece, or none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, FsError> {
        let left = usize::try_from(self.size.saturating_sub(self.sent)).unwrap_or(PIECE);
        let length = left.min(PIECE);
        if length == 0 {
            return Ok(None);
        }
        let piece = match &mut self.content {
            Content::Bytes(bytes) => bytes.split_to(bytes.len().min(PIECE)),
            Content::Blob(blob) => {
                let (own, file) = (blob.clone(), self.file.take());
                // A thread is only taken for the reading itself: many uploads may wait for their registry.
                let read = tokio::task::spawn_blocking(move || read(&own, file, length)).await;
                let (piece, file) =
                    read.map_err(|error| FsError::because("read", &blob.path)(error.into()))??;
                self.file = Some(file);
                piece
            }
        };
        self.sent += piece.len() as u64;
        self.pulse.beat();
        if let Some(transfer) = &self.transfer {
            transfer.at(self.sent);
        }
        if self.sent == self.size {
            self.pulse.answer_is_due();
        }
        Ok(Some(piece))
    }
}

/// Reads the next bytes of a blob, which is opened first if need be.
fn read(blob: &Blob, file: Option<Take<File>>, length: usize) -> Result<(Bytes, Take<File>), FsError> {
    let mut file = file.map_or_else(|| blob.open(), Ok)?;
    let mut piece = vec![0; length];
    // Fails when the file has become shorter.
    file.read_exact(&mut piece).map_err(FsError::because("read", &blob.path))?;
    Ok((piece.into(), file))
}

#[cfg(test)]
mod tests {
    use super::super::pulse::Patience;
    use super::*;

    fn reader(content: Content, size: u64) -> Reader {
        let pulse = Arc::new(Pulse::new(Patience::default()));
        Reader { content, file: None, sent: 0, size, transfer: None, pulse }
    }

    async fn pieces(mut reader: Reader) -> Result<Vec<Bytes>, FsError> {
        let mut pieces = Vec::new();
        while let Some(piece) = reader.next().await? {
            pieces.push(piece);
        }
        Ok(pieces)
    }

    #[tokio::test]
    async fn content_comes_whole_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        for size in [0, 1, PIECE, 2 * PIECE + 7] {
            let content: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
            std::fs::write(&path, [b"head", content.as_slice(), b"tail"].concat()).unwrap();
            let blob = Blob { path: path.clone(), offset: 4, size: size as u64, in_store: false };
            let bytes = Content::Bytes(content.clone().into());
            for source in [Content::Blob(blob), bytes] {
                let pieces = pieces(reader(source, size as u64)).await.unwrap();
                assert_eq!(pieces.concat(), content);
                assert!(pieces.iter().all(|piece| piece.len() <= PIECE));
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_breaks_the_body_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("short");
        std::fs::write(&path, b"short").unwrap();
        let blob = Blob { path, offset: 0, size: 6, in_store: false };
        let error = pieces(reader(Content::Blob(blob), 6)).await.unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::UnexpectedEof);
    }
}
