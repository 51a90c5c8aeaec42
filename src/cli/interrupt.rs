//! Signals that end a command early, for example that of Ctrl-C.

use std::io;
use std::process::ExitCode;

use super::error::CommandError;
use super::render::Terminal;

/// The exit codes that shells use for a program that a signal ended: 128 plus the signal's number.
const AFTER_CTRL_C: u8 = 130;
#[cfg(unix)]
const AFTER_TERMINATE: u8 = 143;
#[cfg(unix)]
const AFTER_HANG_UP: u8 = 129;

/// Ctrl-C, and on Unix SIGTERM and SIGHUP. Once registered, none of them ends the program by itself.
pub(super) struct Interrupt {
    /// The exit code for the signal that has arrived.
    code: u8,
    #[cfg(unix)]
    ctrl_c: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    /// None if the program ignores it, as under `nohup`.
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
                code: AFTER_CTRL_C,
                ctrl_c: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hang_up: if ignores_hang_up() { None } else { Some(signal(SignalKind::hangup())?) },
            })
        };
        all().map_err(failed)
    }

    #[cfg(windows)]
    pub(super) fn register() -> Result<Self, CommandError> {
        Ok(Self { code: AFTER_CTRL_C, ctrl_c: tokio::signal::windows::ctrl_c().map_err(failed)? })
    }

    /// Completes when a signal arrives, or has arrived since the registration.
    pub(super) async fn wait(&mut self) {
        #[cfg(unix)]
        {
            self.code = tokio::select! {
                _ = self.ctrl_c.recv() => AFTER_CTRL_C,
                _ = self.terminate.recv() => AFTER_TERMINATE,
                Some(()) = receive(self.hang_up.as_mut()) => AFTER_HANG_UP,
            };
        }
        #[cfg(windows)]
        let _signal = self.ctrl_c.recv().await;
    }
}

impl Interrupt {
    /// Reports that the command was interrupted. Returns its exit code.
    pub(super) fn report(&self, terminal: &Terminal) -> ExitCode {
        terminal.essential("interrupted");
        ExitCode::from(self.code)
    }
}

/// The next signal. Never completes for a signal that is not registered.
#[cfg(unix)]
async fn receive(signal: Option<&mut tokio::signal::unix::Signal>) -> Option<()> {
    signal?.recv().await
}

/// Whether the program was started to outlive its terminal. Only Linux reports that.
#[cfg(unix)]
fn ignores_hang_up() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignored(&status) & 1 == 1)
}

/// The signals that a process ignores, signal 1 in the lowest bit (`proc_pid_status(5)`).
#[cfg(unix)]
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

fn failed(source: io::Error) -> CommandError {
    CommandError::System { action: "listen for interrupts", source }
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
