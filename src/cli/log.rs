//! What a container prints, as a user wants to see it: all that the function and its extensions say, without the
//! emulator's talk about its own work.

use crate::engine::{EmulatorLine, OutputStream};

/// The longest line that is kept back until it ends; a longer one is no line of the emulator's, and is handed on in pieces.
const LONGEST: usize = 64 * 1024;

/// Takes pieces of output and gives whole lines back. A stream that ends without a line end keeps its last line until
/// [`Log::rest`].
#[derive(Debug, Default)]
pub(super) struct Log {
    verbose: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// What the emulator says of failures.
    held: Vec<u8>,
    /// Whether that is shown like all else, because no answer sums it up.
    shows_failures: bool,
}

impl Log {
    /// With `verbose` nothing is left out.
    pub(super) fn new(verbose: bool) -> Self {
        Self { verbose, ..Self::default() }
    }

    /// The lines to show now that this piece has come.
    pub(super) fn push(&mut self, stream: OutputStream, bytes: &[u8]) -> Vec<u8> {
        let pending = match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        };
        let before = pending.len();
        pending.extend_from_slice(bytes);
        // What was there before has no line end.
        let end = match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => before + end + 1,
            None if pending.len() > LONGEST => pending.len(),
            None => return Vec::new(),
        };
        let lines: Vec<u8> = pending.drain(..end).collect();
        self.shown(&lines)
    }

    /// What is left of lines without an end.
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

    /// From now on failures are shown as the emulator tells them. Gives what was held back of them.
    pub(super) fn show_failures(&mut self) -> Vec<u8> {
        self.shows_failures = true;
        self.held()
    }

    /// What the emulator said of a failure, for the case that nothing sums it up: it takes several lines for each.
    pub(super) fn held(&mut self) -> Vec<u8> {
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

/// The line with line ends where it goes back to its beginning. Some runtimes write tracebacks that way, because Lambda's
/// log then keeps them together; on a terminal each line would hide the one before.
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

    const TALK: &str = "23 Nov 2026 16:15:54,418 [INFO] (rapid) INIT START(type: on-demand, phase: init)\n";
    const FAILURE: &str =
        "23 Nov 2026 16:15:54,418 [WARNING] (rapid) First fatal error stored in appctx: Runtime.ExitError\n";
    const NOTABLE: &str = "23 Nov 2026 16:15:54,418 [WARNING] (rapid) Deadline: the agent extension-x-1 did not exit; Killing it.\n";

    /// What is shown, and what is held back.
    fn shown(verbose: bool, pieces: &[(OutputStream, &str)]) -> (String, String) {
        let mut log = Log::new(verbose);
        let mut shown = Vec::new();
        for (stream, piece) in pieces {
            shown.extend(log.push(*stream, piece.as_bytes()));
        }
        shown.extend(log.rest());
        (String::from_utf8(shown).unwrap(), String::from_utf8(log.held()).unwrap())
    }

    #[test]
    fn the_emulators_talk_is_left_out_unless_wanted() {
        let all = [TALK, "START RequestId: 1\n", FAILURE, "[INFO] mine\n", NOTABLE].concat();
        let few = ["START RequestId: 1\n", "[INFO] mine\n", NOTABLE].concat();
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            assert_eq!(shown(false, &[(stream, &all)]), (few.clone(), FAILURE.to_owned()));
            assert_eq!(shown(true, &[(stream, &all)]), (all.clone(), String::new()));
        }
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let (out, err) = (OutputStream::Stdout, OutputStream::Stderr);
        let (head, tail) = TALK.split_at(30);
        assert_eq!(shown(false, &[(err, head), (out, "a"), (err, tail), (out, "b\nc")]).0, "ab\nc\n");
        // A function that ends within a line; the emulator goes on in it.
        assert_eq!(shown(false, &[(out, "50 %"), (out, TALK)]).0, format!("50 %{TALK}"));
    }

    #[test]
    fn a_long_line_comes_in_pieces() {
        let mut log = Log::new(false);
        let piece = vec![b'x'; LONGEST / 2 + 1];
        assert_eq!(log.push(OutputStream::Stdout, &piece), b"");
        assert_eq!(log.push(OutputStream::Stdout, &piece), piece.repeat(2));
        assert_eq!(log.push(OutputStream::Stdout, b"end"), b"");
        assert_eq!(log.push(OutputStream::Stdout, b" of it\nnext"), b"end of it\n");
        assert_eq!(log.rest(), b"next\n");
    }

    #[test]
    fn failures_that_no_answer_sums_up_are_shown() {
        let mut log = Log::new(false);
        assert_eq!(log.push(OutputStream::Stderr, FAILURE.as_bytes()), b"");
        assert_eq!(log.show_failures(), FAILURE.as_bytes());
        let lines = [TALK, FAILURE].concat();
        assert_eq!(log.push(OutputStream::Stderr, lines.as_bytes()), FAILURE.as_bytes());
        assert_eq!(log.held(), b"");
    }

    #[test]
    fn a_traceback_is_shown_line_by_line() {
        let error = "[ERROR] OSError: no luck\rTraceback:\r  File\r\n";
        let expected = "[ERROR] OSError: no luck\nTraceback:\n  File\r\n";
        assert_eq!(shown(false, &[(OutputStream::Stdout, error)]).0, expected);
        assert_eq!(shown(true, &[(OutputStream::Stdout, error)]).0, expected);
    }
}
