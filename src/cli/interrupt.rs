//! The user's wish to end a command early.

use std::io;

use super::failure::Failure;

/// What a shell reports of a program that Ctrl-C ended: 128 and the signal's number.
pub(super) const INTERRUPTED: u8 = 130;

/// Ctrl-C, and where there is such a thing being told to end. From its making on, neither ends the program by itself.
pub(super) struct Interrupt {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Interrupt {
    #[cfg(unix)]
    pub(super) fn register() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let both = || {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        };
        both().map_err(failed)
    }

    #[cfg(windows)]
    pub(super) fn register() -> Result<Self, Failure> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c().map_err(failed)? })
    }

    /// Completes when one of them comes, or has come since it was made.
    pub(super) async fn wait(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(windows)]
        let _come = self.interrupt.recv().await;
    }
}

fn failed(source: io::Error) -> Failure {
    Failure::Start { what: "listening for interrupts", source }
}
