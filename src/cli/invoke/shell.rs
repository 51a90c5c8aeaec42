//! `limg invoke --shell`: a shell in the function's container, with the user's terminal.

use std::io::{self, IsTerminal as _, Read as _};
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::job::Job;
use crate::cli::context::ObjectPins;
use crate::cli::error::CommandError;
use crate::cli::interrupt::Interrupt;
use crate::definition::Loaded;
use crate::engine::{OutputSink, OutputStream, TerminalSize};
use crate::project::Function;

/// How many pieces of input may wait for the shell.
const QUEUE: usize = 8;

/// The size of a terminal that does not report one.
const USUAL_SIZE: (u16, u16) = (80, 24);

pub(super) async fn run(
    job: &Job<'_>,
    loaded: &Loaded,
    objects: ObjectPins,
    function: &Function,
    interrupt: Interrupt,
) -> Result<ExitCode, CommandError> {
    let mut interrupt = interrupt.defer();
    let version = tokio::select! {
        biased;
        () = interrupt.wait() => return Ok(interrupt.report(job.terminal)),
        version = Box::pin(job.build(loaded, objects, function)) => version?,
    };
    version.remove_older().await;
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let raw = is_terminal.then(RawTerminal::enter).transpose().map_err(failed)?;
    let size = raw.as_ref().map(|_| follow_size()).transpose().map_err(failed)?;
    let terminal = Arc::clone(job.terminal);
    let sink: OutputSink = Arc::new(move |stream, bytes| match stream {
        OutputStream::Stdout => terminal.print_bytes(bytes),
        OutputStream::Stderr => terminal.container_output(bytes),
    });
    let status = version.engine.shell(&version.run, size, read_input(), &sink, interrupt.wait()).await;
    drop(raw);
    Ok(match status.map_err(CommandError::Engine)? {
        Some(status) => ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX)),
        None => interrupt.report(job.terminal),
    })
}

/// Reads standard input until it ends, in a thread that does not keep limg from exiting.
fn read_input() -> mpsc::Receiver<Bytes> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = io::stdin().lock().read(&mut buffer) {
            if sender.blocking_send(Bytes::copy_from_slice(&buffer[..length])).is_err() {
                break;
            }
        }
    });
    receiver
}

/// A terminal that passes every key on, until this is dropped.
struct RawTerminal;

impl RawTerminal {
    fn enter() -> io::Result<Self> {
        crossterm::terminal::enable_raw_mode().map(|()| Self)
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _closed = crossterm::terminal::disable_raw_mode();
    }
}

/// The size of the terminal, as it changes.
fn follow_size() -> io::Result<watch::Receiver<TerminalSize>> {
    let size = || {
        let (columns, rows) = crossterm::terminal::size().unwrap_or(USUAL_SIZE);
        TerminalSize { columns, rows }
    };
    let (sender, receiver) = watch::channel(size());
    #[cfg(unix)]
    {
        let mut changes = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::window_change())?;
        tokio::spawn(async move { while changes.recv().await.is_some() && sender.send(size()).is_ok() {} });
    }
    #[cfg(not(unix))]
    drop(sender);
    Ok(receiver)
}

fn failed(source: io::Error) -> CommandError {
    CommandError::System { action: "set up the terminal", source }
}
