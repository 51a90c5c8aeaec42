//! Filters what a container prints: keeps the lines of the function and its extensions, and drops those of the emulator
//! about its own work.

use crate::engine::{EmulatorLine, OutputStream};

/// The longest line that is held until it ends. A longer line is not the emulator's, and is passed on in pieces.
const LINE_LIMIT: usize = 64 * 1024;

/// Turns pieces of output into whole lines. [`ContainerLog::rest`] returns the last lines if they have no line end.
#[derive(Debug, Default)]
pub(super) struct ContainerLog {
    verbose: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// The emulator's lines about failures.
    held: Vec<u8>,
    /// Whether those lines are shown at once, because no response summarises them.
    shows_failures: bool,
}

impl ContainerLog {
    /// A log that drops nothing if `verbose` is set.
    pub(super) fn new(verbose: bool) -> Self {
        Self { verbose, ..Self::default() }
    }

    /// The lines to show after this piece.
    pub(super) fn push(&mut self, stream: OutputStream, bytes: &[u8]) -> Vec<u8> {
        let pending = match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        };
        let before = pending.len();
        pending.extend_from_slice(bytes);
        // The pending bytes have no line end.
        let end = match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => before + end + 1,
            None if pending.len() > LINE_LIMIT => pending.len(),
            None => return Vec::new(),
        };
        let lines: Vec<u8> = pending.drain(..end).collect();
        self.shown(&lines)
    }

    /// The unfinished lines.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        for mut pending in [std::mem::take(&mut self.stdout), std::mem::take(&mut self.stderr)] {
            if !pending.is_empty() {
                pending.push(b'\n');
                rest.extend(self.shown(&pending));
            }
        }
        rest
    }

    /// From now on passes on the emulator's lines about failures. Returns those that were held.
    pub(super) fn show_failures(&mut self) -> Vec<u8> {
        self.shows_failures = true;
        self.take_held()
    }

    /// The emulator's lines about failures, several for each. They matter if no response summarises them.
    pub(super) fn take_held(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    fn shown(&mut self, lines: &[u8]) -> Vec<u8> {
        let mut shown = Vec::new();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            match std::str::from_utf8(line).ok().and_then(EmulatorLine::classify).filter(|_| !self.verbose) {
                Some(EmulatorLine::Routine) => {}
                Some(EmulatorLine::Failure) if !self.shows_failures => self.held.extend_from_slice(line),
                Some(EmulatorLine::Failure | EmulatorLine::Notable) | None => {
                    shown.extend(without_returns(line));
                }
            }
        }
        shown
    }
}

/// Replaces carriage returns by line feeds. Some runtimes write tracebacks with carriage returns, which keeps them in
/// one entry of Lambda's log; on a terminal each line would overwrite the one before.
fn without_returns(line: &[u8]) -> Vec<u8> {
    let content = line.trim_ascii_end().len();
    let mut line = line.to_vec();
    for byte in &mut line[..content] {
        if *byte == b'\r' {
            *byte = b'\n';
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDINARY: &str =
        "23 Nov 2026 16:15:54,418 [INFO] (rapid) INIT START(type: on-demand, phase: init)\n";
    const FAILURE: &str =
        "23 Nov 2026 16:15:54,418 [WARNING] (rapid) First fatal error stored in appctx: Runtime.ExitError\n";
    const NOTABLE: &str = "23 Nov 2026 16:15:54,418 [WARNING] (rapid) Deadline: the agent extension-x-1 did not exit; Killing it.\n";

    /// The lines that are shown, and those that are held.
    fn shown(verbose: bool, pieces: &[(OutputStream, &str)]) -> (String, String) {
        let mut log = ContainerLog::new(verbose);
        let mut shown = Vec::new();
        for (stream, piece) in pieces {
            shown.extend(log.push(*stream, piece.as_bytes()));
        }
        shown.extend(log.rest());
        (String::from_utf8(shown).unwrap(), String::from_utf8(log.take_held()).unwrap())
    }

    #[test]
    fn lines_of_the_emulator_are_dropped_unless_verbose() {
        let all = [ORDINARY, "START RequestId: 1\n", FAILURE, "[INFO] mine\n", NOTABLE].concat();
        let few = ["START RequestId: 1\n", "[INFO] mine\n", NOTABLE].concat();
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            assert_eq!(shown(false, &[(stream, &all)]), (few.clone(), FAILURE.to_owned()));
            assert_eq!(shown(true, &[(stream, &all)]), (all.clone(), String::new()));
        }
    }

    #[test]
    fn lines_are_whole_wherever_they_are_cut() {
        let (out, err) = (OutputStream::Stdout, OutputStream::Stderr);
        let (head, tail) = ORDINARY.split_at(30);
        assert_eq!(shown(false, &[(err, head), (out, "a"), (err, tail), (out, "b\nc")]).0, "ab\nc\n");
        // The function stops within a line, and the emulator continues it.
        assert_eq!(shown(false, &[(out, "50 %"), (out, ORDINARY)]).0, format!("50 %{ORDINARY}"));
    }

    #[test]
    fn a_long_line_is_passed_on_in_pieces() {
        let mut log = ContainerLog::new(false);
        let piece = vec![b'x'; LINE_LIMIT / 2 + 1];
        assert_eq!(log.push(OutputStream::Stdout, &piece), b"");
        assert_eq!(log.push(OutputStream::Stdout, &piece), piece.repeat(2));
        assert_eq!(log.push(OutputStream::Stdout, b"end"), b"");
        assert_eq!(log.push(OutputStream::Stdout, b" of it\nnext"), b"end of it\n");
        assert_eq!(log.rest(), b"next\n");
    }

    #[test]
    fn failures_that_no_response_summarises_are_shown() {
        let mut log = ContainerLog::new(false);
        assert_eq!(log.push(OutputStream::Stderr, FAILURE.as_bytes()), b"");
        assert_eq!(log.show_failures(), FAILURE.as_bytes());
        let lines = [ORDINARY, FAILURE].concat();
        assert_eq!(log.push(OutputStream::Stderr, lines.as_bytes()), FAILURE.as_bytes());
        assert_eq!(log.take_held(), b"");
    }

    #[test]
    fn a_traceback_is_shown_line_by_line() {
        let error = "[ERROR] OSError: no luck\rTraceback:\r  File\r\n";
        let expected = "[ERROR] OSError: no luck\nTraceback:\n  File\r\n";
        assert_eq!(shown(false, &[(OutputStream::Stdout, error)]).0, expected);
        assert_eq!(shown(true, &[(OutputStream::Stdout, error)]).0, expected);
    }
}
