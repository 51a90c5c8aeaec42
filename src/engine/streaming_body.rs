//! A request body that is written on a blocking thread and sent while it is written.

use std::io::{self, Write};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The bytes of one chunk.
const CHUNK: usize = 256 * 1024;

/// How many chunks may wait for the engine.
const QUEUE: usize = 8;

/// How the writing of a body ended.
#[derive(Debug)]
pub(super) struct WrittenBody<E> {
    /// The result of the writing function.
    pub(super) result: Result<(), E>,
    /// The number of bytes passed on.
    pub(super) bytes: u64,
    /// Whether the engine stopped reading. An error of the writing function is then only a consequence.
    pub(super) abandoned: bool,
}

/// Runs `write` on a blocking thread. Returns the stream of what it writes, and how the writing ends.
///
/// When `write` fails, so does the stream, and with it the request: a truncated body must not look complete.
pub(super) fn stream<E: Send + 'static>(
    write: impl FnOnce(&mut BodyWriter) -> Result<(), E> + Send + 'static,
) -> (impl Stream<Item = io::Result<Bytes>> + Send + 'static, JoinHandle<WrittenBody<E>>) {
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    let writing = tokio::task::spawn_blocking(move || {
        let mut writer = BodyWriter { sender, chunk: Vec::with_capacity(CHUNK), bytes: 0, abandoned: false };
        let result = write(&mut writer);
        if result.is_ok() {
            // The last chunk. A failure is recorded in `abandoned`.
            drop(writer.flush());
        } else if !writer.abandoned {
            drop(writer.sender.blocking_send(Err(io::Error::other("its source failed"))));
        }
        WrittenBody { result, bytes: writer.bytes, abandoned: writer.abandoned }
    });
    (poll_fn(move |context| receiver.poll_recv(context)), writing)
}

/// Splits what is written to it into chunks.
#[derive(Debug)]
pub(super) struct BodyWriter {
    sender: mpsc::Sender<io::Result<Bytes>>,
    chunk: Vec<u8>,
    bytes: u64,
    abandoned: bool,
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.len() >= CHUNK {
            self.flush()?;
        }
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        let length = chunk.len() as u64;
        if self.sender.blocking_send(Ok(chunk.into())).is_err() {
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
    async fn a_body_arrives_complete_and_in_order() {
        let content: Vec<u8> = (0..3 * CHUNK + 7).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let expected = content.clone();
        let (body, writing) = stream(move |output| output.write_all(&content));
        let chunks: Vec<_> = body.map(Result::unwrap).collect().await;
        assert_eq!(chunks.concat(), expected);
        let written = writing.await.unwrap();
        assert!(written.result.is_ok() && !written.abandoned);
        assert_eq!(written.bytes, expected.len() as u64);
    }

    #[tokio::test]
    async fn a_failure_fails_the_stream() {
        let (body, writing) = stream(|output| {
            output.write_all(b"half")?;
            Err(io::Error::other("gone"))
        });
        let chunks: Vec<_> = body.collect().await;
        assert!(chunks.last().unwrap().is_err());
        assert_eq!(writing.await.unwrap().result.unwrap_err().to_string(), "gone");
    }

    #[tokio::test]
    async fn writing_ends_when_the_stream_is_dropped() {
        let (body, writing) = stream(|output| {
            loop {
                output.write_all(&vec![0; CHUNK])?;
            }
        });
        drop(body);
        let written: WrittenBody<io::Error> = writing.await.unwrap();
        assert!(written.abandoned);
    }
}
