//! What a container prints: handed on as it comes, and its end remembered for errors.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::emulator_log::{Weight, is_talk, weigh};

/// One of the two streams of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Receives what the container prints, in pieces that may end in the middle of a line. It is called between other work
/// and must not block for long.
pub type OutputSink = Arc<dyn Fn(OutputStream, &[u8]) + Send + Sync>;

/// The bytes that are remembered: many times what the emulator says of a failure, since extensions that are told to end
/// may have a lot to say behind it.
const REMEMBERED: usize = 64 * 1024;

/// The lines of them that are told.
const LINES: usize = 10;

/// What was printed: its end, and apart from that what the emulator said of the invocation under way, which no function
/// can push out by printing a lot.
#[derive(Debug, Clone, Default)]
pub(super) struct Record(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    end: Vec<u8>,
    /// The lines that have no end yet.
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    talk: Vec<u8>,
}

impl Record {
    pub(super) fn push(&self, stream: OutputStream, bytes: &[u8]) {
        let kept = &mut *self.kept();
        append(&mut kept.end, bytes);
        let line = match stream {
            OutputStream::Stdout => &mut kept.stdout,
            OutputStream::Stderr => &mut kept.stderr,
        };
        append(line, bytes);
        // What was there before has no line end.
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { return };
        let behind = bytes.len() - end - 1;
        for line in line
            .drain(..line.len().saturating_sub(behind))
            .collect::<Vec<_>>()
            .split_inclusive(|byte| *byte == b'\n')
        {
            if std::str::from_utf8(line).is_ok_and(is_talk) {
                append(&mut kept.talk, line);
            }
        }
    }

    /// The end of all that was printed. Both streams are in it, so that a line may begin within another one.
    pub(super) fn end(&self) -> String {
        String::from_utf8_lossy(&self.kept().end).into_owned()
    }

    /// What the emulator said since [`Record::forget_talk`], line by line.
    pub(super) fn talk(&self) -> String {
        String::from_utf8_lossy(&self.kept().talk).into_owned()
    }

    /// Forgets what the emulator has said so far.
    pub(super) fn forget_talk(&self) {
        self.kept().talk.clear();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds bytes, and forgets the first ones when there are too many.
fn append(kept: &mut Vec<u8>, bytes: &[u8]) {
    kept.extend_from_slice(bytes);
    // Seldom, since all that is kept is moved.
    if kept.len() > 2 * REMEMBERED {
        let excess = kept.len() - REMEMBERED;
        kept.drain(..excess);
    }
}

/// The last lines of a text that tell something, for the message of an error.
pub(super) fn last_lines(text: &str) -> Vec<String> {
    let telling = |line: &&str| !line.is_empty() && weigh(line) != Some(Weight::Ordinary);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(telling).collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn talk_behind_a_long_line_is_found() {
        let record = Record::default();
        let talk = "23 Nov 2026 16:55:02,259 [INFO] (rapid) INIT REPORT(durationMs: 3.5)\n";
        for _ in 0..5 {
            record.push(OutputStream::Stdout, &vec![b'x'; REMEMBERED]);
        }
        record.push(OutputStream::Stdout, format!("\n{talk}more").as_bytes());
        assert_eq!(record.talk(), talk);
    }

    #[test]
    fn only_the_end_is_kept() {
        let record = Record::default();
        let talk = "23 Nov 2026 16:55:02,259 [INFO] (rapid) INIT REPORT(durationMs: 3.5)\n";
        record.push(OutputStream::Stderr, &talk.as_bytes()[..30]);
        record.push(OutputStream::Stdout, b"a line of the function");
        record.push(OutputStream::Stderr, &talk.as_bytes()[30..]);
        for number in 0..50_000 {
            record.push(OutputStream::Stdout, format!("line {number}\n\n").as_bytes());
        }
        assert_eq!(record.talk(), talk);
        record.forget_talk();
        assert_eq!(record.talk(), "");
        let text = record.end();
        assert!((REMEMBERED..=2 * REMEMBERED).contains(&text.len()), "{}", text.len());
        let lines = last_lines(&text);
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines.last().unwrap(), "line 49999");
        let talk = "23 Nov 2026 16:55:02,259 [INFO] (rapid) Shutting down...";
        assert_eq!(last_lines(&format!("no licence key\n{talk}\n")), ["no licence key"]);
    }
}
