//! A shell in the container of a function.

use std::convert::Infallible;

use bollard::query_parameters::ResizeContainerTTYOptions;
use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};

use super::container::Container;
use super::run_options::SHELL;
use super::{Engine, EngineError, OutputSink, RunOptions};

/// The size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSize {
    /// How many characters a line has.
    pub columns: u16,
    /// The number of lines.
    pub rows: u16,
}

impl Engine {
    /// Runs a shell where the function would run, and returns its exit status; `None` if `cancel` completes first. It
    /// reads `input` until that ends. `terminal` has the size of the user's terminal, if it is at one. The container is
    /// always removed, as by [`Engine::run`].
    ///
    /// # Errors
    /// When the image has no shell, or the engine fails.
    pub async fn shell(
        &self,
        options: &RunOptions,
        terminal: Option<watch::Receiver<TerminalSize>>,
        input: mpsc::Receiver<Bytes>,
        sink: &OutputSink,
        cancel: impl Future<Output = ()>,
    ) -> Result<Option<i64>, EngineError> {
        let description = options.shell(self.address.publish_on(), terminal.is_some());
        let mut container = Container::create(self, options, description).await?;
        let run = async {
            let keyboard = container.start(options, sink, true).await;
            let keyboard = keyboard.map_err(|error| without_shell(error, options))?;
            let container = &container;
            let connect = async {
                tokio::join!(forward(input, keyboard), resize(container, terminal));
                std::future::pending::<Infallible>().await
            };
            tokio::select! {
                status = container.wait() => status,
                never = connect => match never {},
            }
        };
        let result = tokio::select! {
            result = run => Some(result),
            () = cancel => None,
        };
        let (removed, _) = container.close().await;
        let status = result.transpose()?;
        removed.map(|_| status)
    }
}

/// Passes the input on. When it ends, so does that of the shell.
async fn forward(mut input: mpsc::Receiver<Bytes>, mut shell: impl AsyncWrite + Unpin) {
    while let Some(bytes) = input.recv().await {
        let written = async {
            shell.write_all(&bytes).await?;
            shell.flush().await
        };
        // The shell has ended, and its status is on the way.
        if written.await.is_err() {
            return;
        }
    }
    drop(shell.shutdown().await);
}

/// Gives the shell's terminal the size of the user's, whenever that changes.
async fn resize(container: &Container<'_>, terminal: Option<watch::Receiver<TerminalSize>>) {
    let Some(mut terminal) = terminal else { return };
    loop {
        let TerminalSize { columns, rows } = *terminal.borrow_and_update();
        let size = ResizeContainerTTYOptions { w: columns.into(), h: rows.into() };
        // A shell that has just ended has no terminal.
        drop(container.docker.resize_container_tty(&container.id, size).await);
        if terminal.changed().await.is_err() {
            return;
        }
    }
}

/// The error of a start, which fails if the image has no shell.
fn without_shell(error: EngineError, options: &RunOptions) -> EngineError {
    match &error {
        EngineError::Call { source, .. } if source.to_string().contains(&format!("\"{SHELL}\"")) => {
            EngineError::NoShell { function: options.function.clone() }
        }
        _ => error,
    }
}
