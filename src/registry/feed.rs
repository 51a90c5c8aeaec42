//! The content of an upload, as often as it must be sent, read from its file piece by piece.
//!
//! A body that was sent in part cannot be sent on; each attempt opens the content anew.

use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;

use super::pulse::Pulse;
use super::transfer::Transfer;
use crate::fs::FsError;
use crate::store::Blob;

/// The size of a piece in bytes.
const PIECE: usize = 256 * 1024;

/// How many pieces are read ahead.
const AHEAD: usize = 4;

/// Content to send.
pub(super) struct Feed {
    content: Content,
    transfer: Option<Arc<Transfer>>,
    fault: Arc<Mutex<Option<FsError>>>,
}

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
        let (sender, mut receiver) = mpsc::channel(AHEAD);
        match &self.content {
            Content::Bytes(bytes) => {
                let bytes = bytes.clone();
                tokio::spawn(async move { send_pieces(bytes, &sender).await });
            }
            Content::Blob(blob) => {
                let (blob, fault) = (blob.clone(), Arc::clone(&self.fault));
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = read_pieces(&blob, &sender) {
                        // The body must break off, or the registry would take it for whole.
                        let broken = io::Error::from(error.source.kind());
                        *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        drop(sender.blocking_send(Err(broken)));
                    }
                });
            }
        }
        let (pulse, transfer, size) = (Arc::clone(pulse), self.transfer.clone(), self.size());
        let mut sent = 0;
        reqwest::Body::wrap_stream(stream::poll_fn(move |context| {
            let piece: Poll<Option<io::Result<Bytes>>> = receiver.poll_recv(context);
            if let Poll::Ready(Some(Ok(bytes))) = &piece {
                sent += bytes.len() as u64;
                pulse.beat();
                if let Some(transfer) = &transfer {
                    transfer.at(sent);
                }
                if sent >= size {
                    pulse.answer_is_due();
                }
            }
            piece
        }))
    }
}

async fn send_pieces(mut bytes: Bytes, sender: &mpsc::Sender<io::Result<Bytes>>) {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(PIECE));
        if sender.send(Ok(piece)).await.is_err() {
            return;
        }
    }
}

/// Reads a blob until its end or until nobody wants more of it.
fn read_pieces(blob: &Blob, sender: &mpsc::Sender<io::Result<Bytes>>) -> Result<(), FsError> {
    let mut content = blob.open()?;
    let mut left = blob.size;
    while left > 0 {
        let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
        // Fails at once when the file has become shorter.
        content.read_exact(&mut piece).map_err(FsError::because("read", &blob.path))?;
        left -= piece.len() as u64;
        if sender.blocking_send(Ok(piece.into())).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
