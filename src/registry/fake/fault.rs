//! What a registry does wrong, and when.

use std::ops::RangeInclusive;

use super::http::{Answer, Head};

/// Every time.
pub(crate) const ALWAYS: RangeInclusive<usize> = 1..=usize::MAX;

/// Something that goes wrong with a request. Where a body breaks off it is the request's, if that has one, and else the
/// answer's.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Answers this without doing anything.
    Answer(Answer),
    /// Answers this after so many bytes of the request's body, and hangs up.
    AnswerAt(u64, Answer),
    /// Resets the connection before reading anything.
    Reset,
    /// Resets the connection after so many bytes of the body.
    ResetAt(u64),
    /// Does what it is asked for, and hangs up without an answer.
    Lost,
    /// Hangs up properly after so many bytes of the answer's body.
    Truncated(usize),
    /// Announces a body that is so many bytes longer than it is, or shorter.
    WrongLength(isize),
    /// Sends a body with one wrong bit, and a right length.
    Corrupt,
    /// Names another digest in its headers than that of the body.
    WrongDigest,
    /// Sends nothing more after so many bytes of the answer's body, and keeps the connection.
    StallAt(usize),
    /// Reads nothing, answers nothing, and keeps the connection.
    Stall,
    /// Sends just this, which need not be HTTP, and hangs up.
    Raw(String),
    /// Sends a body without end, with this length announced or none.
    Pour(Option<u64>),
}

/// A fault and when it comes.
#[derive(Debug)]
pub(super) struct Scripted {
    /// The method; empty for any.
    pub(super) method: &'static str,
    /// What the path contains.
    pub(super) path: String,
    /// At which of the requests that fit, counted from 1.
    pub(super) times: RangeInclusive<usize>,
    pub(super) fault: Fault,
    /// How many have come.
    pub(super) seen: usize,
}

impl Scripted {
    /// Counts a request if it fits, and gives the fault if it is its turn.
    pub(super) fn due(&mut self, head: &Head) -> Option<Fault> {
        if !self.method.is_empty() && self.method != head.method || !head.path.contains(&self.path) {
            return None;
        }
        self.seen += 1;
        self.times.contains(&self.seen).then(|| self.fault.clone())
    }
}
