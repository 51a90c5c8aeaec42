//! The user's wish to end a command early.

use std::io;

use super::error::CommandError;

/// What a shell reports of a program that Ctrl-C ended: 128 and the signal's number.
pub(super) const INTERRUPTED: u8 = 130;

/// Ctrl-C, and where there are such things being told to end and the loss of the terminal. From its making on, none of
/// them ends the program by itself.
pub(super) struct Interrupt {
    #[cfg(unix)]
    ctrl_c: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    /// Nothing where it is ignored, as under `nohup`.
    #[cfg(unix)]
    hang_up: Option<tokio::signal::unix::Signal>,
    #[cfg(windows)]
    ctrl_c: tokio::signal::windows::CtrlC,
}

impl Interrupt {
    #[cfg(unix)]
    pub(super) fn register() -> Result<Self, CommandError> {
        use tokio::signal::unix::{SignalKind, signal};
        let all = || {
            Ok(Self {
                ctrl_c: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hang_up: if ignores_hang_up() { None } else { Some(signal(SignalKind::hangup())?) },
            })
        };
        all().map_err(failed)
    }

    #[cfg(windows)]
    pub(super) fn register() -> Result<Self, CommandError> {
        Ok(Self { ctrl_c: tokio::signal::windows::ctrl_c().map_err(failed)? })
    }

    /// Completes when one of them comes, or has come since it was made.
    pub(super) async fn wait(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.terminate.recv() => {}
            Some(()) = receive(self.hang_up.as_mut()) => {}
        }
        #[cfg(windows)]
        let _come = self.ctrl_c.recv().await;
    }
}

/// The next signal, if it is listened for.
#[cfg(unix)]
async fn receive(signal: Option<&mut tokio::signal::unix::Signal>) -> Option<()> {
    signal?.recv().await
}

/// Whether the program was started to outlive its terminal. Linux tells; elsewhere it is taken not to be.
#[cfg(unix)]
fn ignores_hang_up() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignored(&status) & 1 == 1)
}

/// The signals that a process ignores, the first in the lowest bit (`proc_pid_status(5)`).
#[cfg(unix)]
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

fn failed(source: io::Error) -> CommandError {
    CommandError::Start { what: "listening for interrupts", source }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        assert_eq!(ignored("Name:\tlimg\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"), 0x1001);
        assert_eq!(ignored("Name:\tlimg\n"), 0);
    }
}
