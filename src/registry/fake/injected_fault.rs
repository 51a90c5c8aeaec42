//! Faults that a test injects into the responses of a fake registry.

use std::ops::RangeInclusive;

use super::http::{RequestHead, Response};

/// At every request.
pub(crate) const ALWAYS: RangeInclusive<usize> = 1..=usize::MAX;

/// A fault in the handling of a request. "The body" is the request's, if it has one, else the response's.
#[derive(Debug, Clone)]
pub(crate) enum InjectedFault {
    /// Sends this response without doing anything.
    Respond(Response),
    /// Sends this response after so many bytes of the request's body, and hangs up.
    RespondAfter(u64, Response),
    /// Redirects to the same path on another host, with this status.
    Redirect(u16, String),
    /// Repeats the request's authorization and body in an error with this status, as written and decoded.
    RepeatSecrets(u16),
    /// Resets the connection before reading anything.
    Reset,
    /// Resets the connection after so many bytes of the body.
    ResetAfter(u64),
    /// Does what is requested, and hangs up without a response.
    LoseResponse,
    /// Hangs up properly after so many bytes of the response's body.
    TruncateAfter(usize),
    /// Announces a body that is so many bytes longer than the real one, or shorter.
    WrongLength(isize),
    /// Sends a body with one wrong bit and the right length.
    Corrupt,
    /// Reports another digest than that of the body.
    WrongDigest,
    /// Sends nothing more after so many bytes of the response's body, and keeps the connection open.
    StallAfter(usize),
    /// Reads nothing, sends nothing, and keeps the connection open.
    Stall,
    /// Sends exactly this, which need not be HTTP, and hangs up.
    Raw(String),
    /// Sends an endless body, with this length announced or none.
    Endless(Option<u64>),
}

/// A fault and the requests in which it occurs.
#[derive(Debug)]
pub(super) struct ScheduledFault {
    /// The method of the requests; empty for any.
    pub(super) method: &'static str,
    /// A part of their path.
    pub(super) path: String,
    /// The numbers of the matching requests, counted from 1.
    pub(super) times: RangeInclusive<usize>,
    pub(super) fault: InjectedFault,
    /// How many matching requests there have been.
    pub(super) seen: usize,
}

impl ScheduledFault {
    /// Counts a request if it matches, and returns the fault if it occurs in this one.
    pub(super) fn due(&mut self, head: &RequestHead) -> Option<InjectedFault> {
        if !self.method.is_empty() && self.method != head.method || !head.path.contains(&self.path) {
            return None;
        }
        self.seen += 1;
        self.times.contains(&self.seen).then(|| self.fault.clone())
    }
}
