//! The output of a container: passed on as it arrives, its end kept for error messages.

use std::sync::{Arc, Mutex};

use super::emulator_log::{EmulatorLine, is_emulator_line};
use crate::sync::lock;

/// One of the two streams of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Receives the container's output, in chunks that may end in the middle of a line. It must not block for long.
pub type OutputSink = Arc<dyn Fn(OutputStream, &[u8]) + Send + Sync>;

/// The bytes that are kept: many times what the emulator logs about a failure, since extensions may print much more
/// when they shut down.
const KEPT: usize = 64 * 1024;

/// The lines of them that an error has.
const ERROR_LINES: usize = 10;

/// The end of the output and, separately, the emulator's log of the current invocation, which a function cannot
/// displace by printing much.
#[derive(Debug, Clone, Default)]
pub(super) struct RecentOutput(Arc<Mutex<Buffers>>);

#[derive(Debug, Default)]
struct Buffers {
    end: Vec<u8>,
    /// The incomplete line of each stream.
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    emulator_log: Vec<u8>,
}

impl RecentOutput {
    pub(super) fn push(&self, stream: OutputStream, bytes: &[u8]) {
        let buffers = &mut *lock(&self.0);
        append(&mut buffers.end, bytes);
        let pending = match stream {
            OutputStream::Stdout => &mut buffers.stdout,
            OutputStream::Stderr => &mut buffers.stderr,
        };
        append(pending, bytes);
        // The bytes before these do not contain a line end.
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { return };
        let incomplete = bytes.len() - end - 1;
        let lines: Vec<u8> = pending.drain(..pending.len().saturating_sub(incomplete)).collect();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            if std::str::from_utf8(line).is_ok_and(is_emulator_line) {
                append(&mut buffers.emulator_log, line);
            }
        }
    }

    /// The end of the output of both streams. A line of one may begin within a line of the other.
    pub(super) fn end(&self) -> String {
        String::from_utf8_lossy(&lock(&self.0).end).into_owned()
    }

    /// The emulator's log since [`RecentOutput::clear_emulator_log`].
    pub(super) fn emulator_log(&self) -> String {
        String::from_utf8_lossy(&lock(&self.0).emulator_log).into_owned()
    }

    pub(super) fn clear_emulator_log(&self) {
        lock(&self.0).emulator_log.clear();
    }
}

/// Appends bytes, and drops the first ones when there are too many.
fn append(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend_from_slice(bytes);
    // Seldom, since dropping moves all that is kept.
    if buffer.len() > 2 * KEPT {
        let excess = buffer.len() - KEPT;
        buffer.drain(..excess);
    }
}

/// The last lines for the message of an error, without those of the emulator's ordinary work.
pub(super) fn last_lines(text: &str) -> Vec<String> {
    let is_useful =
        |line: &&str| !line.is_empty() && EmulatorLine::classify(line) != Some(EmulatorLine::Routine);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(is_useful).collect();
    lines[lines.len().saturating_sub(ERROR_LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulator_line_after_a_long_line_is_found() {
        let output = RecentOutput::default();
        let logged = "23 Nov 2026 16:55:02,259 [INFO] (rapid) INIT REPORT(durationMs: 3.5)\n";
        for _ in 0..5 {
            output.push(OutputStream::Stdout, &vec![b'x'; KEPT]);
        }
        output.push(OutputStream::Stdout, format!("\n{logged}more").as_bytes());
        assert_eq!(output.emulator_log(), logged);
    }

    #[test]
    fn only_the_end_is_kept() {
        let output = RecentOutput::default();
        let logged = "23 Nov 2026 16:55:02,259 [INFO] (rapid) INIT REPORT(durationMs: 3.5)\n";
        output.push(OutputStream::Stderr, &logged.as_bytes()[..30]);
        output.push(OutputStream::Stdout, b"a line of the function");
        output.push(OutputStream::Stderr, &logged.as_bytes()[30..]);
        for number in 0..50_000 {
            output.push(OutputStream::Stdout, format!("line {number}\n\n").as_bytes());
        }
        assert_eq!(output.emulator_log(), logged);
        output.clear_emulator_log();
        assert_eq!(output.emulator_log(), "");
        let text = output.end();
        assert!((KEPT..=2 * KEPT).contains(&text.len()), "{}", text.len());
        let lines = last_lines(&text);
        assert_eq!(lines.len(), ERROR_LINES);
        assert_eq!(lines.last().unwrap(), "line 49999");
        let logged = "23 Nov 2026 16:55:02,259 [INFO] (rapid) Shutting down...";
        assert_eq!(last_lines(&format!("no licence key\n{logged}\n")), ["no licence key"]);
    }
}
