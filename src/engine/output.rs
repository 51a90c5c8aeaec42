//! What a container prints: handed on as it comes, and its end remembered for errors.

use std::sync::{Arc, Mutex, PoisonError};

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

/// The bytes that are remembered.
const REMEMBERED: usize = 8 * 1024;

/// The lines of them that are told.
const LINES: usize = 10;

/// The end of what was printed.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    pub(super) fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        let excess = kept.len().saturating_sub(REMEMBERED);
        kept.drain(..excess);
    }

    /// The last lines.
    pub(super) fn lines(&self) -> Vec<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&kept);
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(LINES)..].iter().map(|line| (*line).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let tail = Tail::default();
        for number in 0..5000 {
            tail.push(format!("line {number}\n\n").as_bytes());
        }
        let lines = tail.lines();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines.last().unwrap(), "line 4999");
        assert!(tail.0.lock().unwrap().len() <= REMEMBERED);
    }
}
