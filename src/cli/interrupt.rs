//! Signals that end a command early, for example that of Ctrl-C.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::error::CommandError;
use super::render::Terminal;

/// The exit codes that shells use for a program that a signal ended: 128 plus the signal's number.
const AFTER_CTRL_C: u8 = 130;
#[cfg(unix)]
const AFTER_TERMINATE: u8 = 143;
#[cfg(unix)]
const AFTER_HANG_UP: u8 = 129;

/// How long interrupted work may take to remove its unfinished files.
pub(super) const CLEANUP_TIMEOUT: Duration = Duration::from_secs(1);

/// The signals, which end the program until a command defers them.
pub(super) struct Interrupt {
    is_deferred: Arc<AtomicBool>,
    arrived: watch::Receiver<Option<u8>>,
}

/// The signals while a command reacts to them itself.
pub(super) struct DeferredInterrupt {
    /// The exit code for the signal that has arrived.
    arrived: watch::Receiver<Option<u8>>,
}

impl Interrupt {
    /// From now on, a signal ends the program with a message and an exit code.
    pub(super) fn register(terminal: &Arc<Terminal>) -> Result<Self, CommandError> {
        let mut signals = Signals::register()
            .map_err(|source| CommandError::System { action: "listen for interrupts", source })?;
        let (sender, arrived) = watch::channel(None);
        let is_deferred = Arc::<AtomicBool>::default();
        let (terminal, command_ends) = (Arc::clone(terminal), Arc::clone(&is_deferred));
        // A task of its own, because a command may block its thread, for example while it reads standard input.
        tokio::spawn(async move {
            let code = signals.wait().await;
            if command_ends.load(Ordering::SeqCst) {
                let _ended = sender.send(Some(code));
            } else {
                report(&terminal);
                std::process::exit(code.into());
            }
        });
        Ok(Self { is_deferred, arrived })
    }

    /// From now on, the command itself ends early, because it has something to clean up.
    pub(super) fn defer(self) -> DeferredInterrupt {
        self.is_deferred.store(true, Ordering::SeqCst);
        DeferredInterrupt { arrived: self.arrived }
    }
}

impl DeferredInterrupt {
    /// Completes when a signal arrives, or has arrived.
    pub(super) async fn wait(&mut self) {
        // The sender lives as long as no signal has arrived.
        let _arrived = self.arrived.wait_for(Option::is_some).await;
    }

    /// Reports that the command was interrupted. Returns its exit code.
    pub(super) fn report(&self, terminal: &Terminal) -> ExitCode {
        report(terminal);
        ExitCode::from(self.arrived.borrow().unwrap_or(AFTER_CTRL_C))
    }
}

fn report(terminal: &Terminal) {
    terminal.end_bars();
    terminal.essential("interrupted");
}

/// Ctrl-C, and on Unix SIGTERM and SIGHUP. Once registered, none of them ends the program by itself.
struct Signals {
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

#[cfg(unix)]
impl Signals {
    fn register() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            ctrl_c: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: if ignores_hang_up() { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    /// The exit code for the next signal.
    async fn wait(&mut self) -> u8 {
        tokio::select! {
            _ = self.ctrl_c.recv() => AFTER_CTRL_C,
            _ = self.terminate.recv() => AFTER_TERMINATE,
            Some(()) = receive(self.hang_up.as_mut()) => AFTER_HANG_UP,
        }
    }
}

#[cfg(windows)]
impl Signals {
    fn register() -> io::Result<Self> {
        Ok(Self { ctrl_c: tokio::signal::windows::ctrl_c()? })
    }

    /// The exit code for the next signal.
    async fn wait(&mut self) -> u8 {
        let _signal = self.ctrl_c.recv().await;
        AFTER_CTRL_C
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        assert_eq!(ignored("Name:\tlimg\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"), 0x1001);
        assert_eq!(ignored("Name:\tlimg\n"), 0);
    }
}
