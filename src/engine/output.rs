//! What a container prints: handed on as it comes, and its end remembered for errors.

use std::sync::{Arc, Mutex, PoisonError};

use super::emulator_log::{Weight, weigh};

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

/// The end of what was printed.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    pub(super) fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        // Seldom, since all that is kept is moved.
        if kept.len() > 2 * REMEMBERED {
            let excess = kept.len() - REMEMBERED;
            kept.drain(..excess);
        }
    }

    /// What is remembered. Both streams are in it, so that a line may begin within another one.
    pub(super) fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
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
    fn only_the_end_is_kept() {
        let tail = Tail::default();
        for number in 0..50_000 {
            tail.push(format!("line {number}\n\n").as_bytes());
        }
        let text = tail.text();
        assert!((REMEMBERED..=2 * REMEMBERED).contains(&text.len()), "{}", text.len());
        let lines = last_lines(&text);
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines.last().unwrap(), "line 49999");
        let talk = "23 Nov 2026 16:55:02,259 [INFO] (rapid) Shutting down...";
        assert_eq!(last_lines(&format!("no licence key\n{talk}\n")), ["no licence key"]);
    }
}
