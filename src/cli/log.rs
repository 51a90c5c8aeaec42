//! What a container prints, as a user wants to see it: all that the function and its extensions say, without the
//! emulator's talk about its own work.

use crate::engine::OutputStream;

/// Takes pieces of output and gives whole lines back. A stream that ends without a line end keeps its last line until
/// [`Log::rest`].
#[derive(Debug, Default)]
pub(super) struct Log {
    verbose: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
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
        pending.extend_from_slice(bytes);
        let Some(end) = pending.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let lines: Vec<u8> = pending.drain(..=end).collect();
        if self.verbose {
            return lines;
        }
        lines
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| !is_emulator_talk(line))
            .flatten()
            .copied()
            .collect()
    }

    /// What is left of lines without an end.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        for pending in [&mut self.stdout, &mut self.stderr] {
            if !pending.is_empty() {
                rest.append(pending);
                rest.push(b'\n');
            }
        }
        rest
    }
}

/// Whether the emulator tells of its ordinary work, as in `23 Nov 2026 16:15:54,418 [INFO] (rapid) INIT START(…)`. That
/// it resets itself when it is told to end is ordinary too, although it calls it a warning.
fn is_emulator_talk(line: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(line) else { return false };
    // The time before it has a fixed form: `DD Mon YYYY HH:MM:SS,mmm `.
    let Some((time, said)) = line.split_once(" [") else { return false };
    let is_time = time.len() == "23 Nov 2026 16:15:54,418".len()
        && time.starts_with(|first: char| first.is_ascii_digit());
    is_time
        && (said.starts_with("INFO] (rapid) ")
            || said.starts_with("WARNING] (rapid) Reset initiated: SandboxTerminated"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TALK: &str = "23 Nov 2026 16:15:54,418 [INFO] (rapid) INIT START(type: on-demand, phase: init)\n";

    fn shown(verbose: bool, pieces: &[(OutputStream, &str)]) -> String {
        let mut log = Log::new(verbose);
        let mut shown = Vec::new();
        for (stream, piece) in pieces {
            shown.extend(log.push(*stream, piece.as_bytes()));
        }
        shown.extend(log.rest());
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn the_emulators_talk_is_left_out_unless_wanted() {
        let warning = "23 Nov 2026 16:15:54,418 [WARNING] (rapid) First fatal error: Runtime.ExitError\n";
        let all = [TALK, "START RequestId: 1\n", warning, "[INFO] mine\n"].concat();
        let out = OutputStream::Stderr;
        assert_eq!(shown(false, &[(out, &all)]), ["START RequestId: 1\n", warning, "[INFO] mine\n"].concat());
        assert_eq!(shown(true, &[(out, &all)]), all);
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let (out, err) = (OutputStream::Stdout, OutputStream::Stderr);
        let (head, tail) = TALK.split_at(30);
        assert_eq!(shown(false, &[(err, head), (out, "a"), (err, tail), (out, "b\nc")]), "ab\nc\n");
    }
}
