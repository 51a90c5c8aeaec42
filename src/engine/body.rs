//! A request body that is written on a blocking thread and sent as it comes.

use std::io::{self, Write};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The bytes of one piece.
const PIECE: usize = 256 * 1024;

/// How many pieces may wait for the engine.
const WAITING: usize = 8;

/// What became of writing a body.
#[derive(Debug)]
pub(super) struct Written<E> {
    /// What the writing function said.
    pub(super) result: Result<(), E>,
    /// How many bytes were handed on.
    pub(super) bytes: u64,
    /// Whether the engine stopped listening. An error of the writing function is then only a consequence.
    pub(super) abandoned: bool,
}

/// Runs `write` on a blocking thread. Gives the stream of what it writes, and what became of it.
///
/// When `write` fails, so does the stream, and with it the request: a body cut short must not look whole.
pub(super) fn stream<E: Send + 'static>(
    write: impl FnOnce(&mut BodyWriter) -> Result<(), E> + Send + 'static,
) -> (impl Stream<Item = io::Result<Bytes>> + Send + 'static, JoinHandle<Written<E>>) {
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let writing = tokio::task::spawn_blocking(move || {
        let mut writer = BodyWriter { sender, piece: Vec::with_capacity(PIECE), bytes: 0, abandoned: false };
        let result = write(&mut writer);
        if result.is_ok() {
            // The last piece. That nobody wants it is noted in `abandoned`.
            drop(writer.flush());
        } else if !writer.abandoned {
            drop(writer.sender.blocking_send(Err(io::Error::other("its source failed"))));
        }
        Written { result, bytes: writer.bytes, abandoned: writer.abandoned }
    });
    (poll_fn(move |context| receiver.poll_recv(context)), writing)
}

/// Cuts what is written to it into pieces.
#[derive(Debug)]
pub(super) struct BodyWriter {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
    bytes: u64,
    abandoned: bool,
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        let length = piece.len() as u64;
        if self.sender.blocking_send(Ok(piece.into())).is_err() {
            self.abandoned = true;
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.bytes += length;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn a_body_arrives_whole_and_in_order() {
        let content: Vec<u8> = (0..3 * PIECE + 7).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let expected = content.clone();
        let (body, writing) = stream(move |output| output.write_all(&content));
        let pieces: Vec<_> = body.map(Result::unwrap).collect().await;
        assert_eq!(pieces.concat(), expected);
        let written = writing.await.unwrap();
        assert!(written.result.is_ok() && !written.abandoned);
        assert_eq!(written.bytes, expected.len() as u64);
    }

    #[tokio::test]
    async fn a_failure_breaks_the_body_off() {
        let (body, writing) = stream(|output| {
            output.write_all(b"half")?;
            Err(io::Error::other("gone"))
        });
        let pieces: Vec<_> = body.collect().await;
        assert!(pieces.last().unwrap().is_err());
        assert_eq!(writing.await.unwrap().result.unwrap_err().to_string(), "gone");
    }

    #[tokio::test]
    async fn a_body_that_nobody_wants_ends_its_thread() {
        let (body, writing) = stream(|output| {
            loop {
                output.write_all(&vec![0; PIECE])?;
            }
        });
        drop(body);
        let written: Written<io::Error> = writing.await.unwrap();
        assert!(written.abandoned);
    }
}
