//! How often and how soon something is tried again.
//!
//! Waits grow exponentially and are drawn at random below their bound ("full jitter"), so that many clients that failed
//! together do not come back together. What may be tried again is the error's own knowledge.

use std::error::Error;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use crate::event::{Event, Reporter};
use crate::text::root_cause;

/// The longest wait that a registry is given when it asks for one.
const LONGEST_ASKED: Duration = Duration::from_mins(1);

/// An error after which the same may succeed.
pub(crate) trait Transient: Error + Sized + 'static {
    /// Whether the same request may succeed a little later.
    fn is_transient(&self) -> bool;

    /// How long the other side asks limg to wait.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// Why the request failed, on one line and without secrets.
    fn reason(&self) -> String {
        root_cause(self).to_string()
    }
}

/// When to try again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    /// The bound of the first wait; each further one is twice as long.
    pub(crate) base: Duration,
    /// The bound that no wait exceeds.
    pub(crate) longest: Duration,
    /// How often something is tried in all.
    pub(crate) attempts: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_millis(500), longest: Duration::from_secs(30), attempts: 5 }
    }
}

impl Backoff {
    /// The wait after `failed` failures, given a random number of 0 to 1.
    fn wait(&self, failed: u32, asked: Option<Duration>, random: f64) -> Duration {
        if let Some(asked) = asked {
            // A little later than asked, for the same reason.
            return asked.min(LONGEST_ASKED) + self.base.mul_f64(random);
        }
        let bound = self.base.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1)));
        bound.min(self.longest).mul_f64(random)
    }
}

/// The attempts at one thing.
pub(crate) struct Attempts<'a> {
    backoff: Backoff,
    reporter: &'a dyn Reporter,
    doing: &'a str,
    failed: u32,
}

impl<'a> Attempts<'a> {
    /// Starts with none made.
    pub(crate) fn new(backoff: Backoff, reporter: &'a dyn Reporter, doing: &'a str) -> Self {
        Self { backoff, reporter, doing, failed: 0 }
    }

    /// Waits after an attempt that failed, if there is to be another one; otherwise gives its error back.
    pub(crate) async fn after<E: Transient>(&mut self, error: E) -> Result<(), E> {
        let passes = error.is_transient();
        self.after_if(passes, error).await
    }

    /// As [`after`](Self::after), where the caller knows better whether another attempt may succeed.
    pub(crate) async fn after_if<E: Transient>(&mut self, passes: bool, error: E) -> Result<(), E> {
        self.failed += 1;
        if !passes || self.failed >= self.backoff.attempts {
            return Err(error);
        }
        let wait = self.backoff.wait(self.failed, error.retry_after(), random());
        self.reporter.report(Event::Retry { action: self.doing.to_owned(), cause: error.reason(), wait });
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// A number of 0 to 1. The standard library's hashers are keyed at random, which is random enough here.
fn random() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::super::error::RegistryError;
    use super::super::refusal::Refusal;
    use super::*;
    use crate::event::Events;

    fn refused(status: u16) -> RegistryError {
        let status = StatusCode::from_u16(status).unwrap();
        let refusal = Box::new(Refusal::new(status, &HeaderMap::new(), b"busy"));
        RegistryError::Refused { doing: "read a of b".to_owned(), refusal }
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_so_often() {
        let events = Events::default();
        let backoff = Backoff { base: Duration::ZERO, ..Backoff::default() };
        let mut attempts = Attempts::new(backoff, &events, "read a of b");
        for _ in 1..backoff.attempts {
            attempts.after(refused(503)).await.unwrap();
        }
        assert_eq!(attempts.after(refused(503)).await.unwrap_err().status(), Some(503));
        let events = events.0.into_inner().unwrap();
        assert_eq!(events.len(), 4);
        let Event::Retry { action, cause, wait: _ } = &events[0] else { panic!("{events:?}") };
        assert_eq!((action.as_str(), cause.as_str()), ("read a of b", "503 Service Unavailable: busy"));
    }

    #[tokio::test]
    async fn what_does_not_pass_is_not_tried_again() {
        let events = Events::default();
        let mut attempts = Attempts::new(Backoff::default(), &events, "read a of b");
        assert_eq!(attempts.after(refused(404)).await.unwrap_err().status(), Some(404));
        assert!(events.0.into_inner().unwrap().is_empty());
    }

    #[test]
    fn waits_grow_to_a_bound() {
        let backoff = Backoff::default();
        let bounds: Vec<_> = (1..=8).map(|failed| backoff.wait(failed, None, 1.0).as_millis()).collect();
        assert_eq!(bounds, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!(backoff.wait(4, None, 0.0), Duration::ZERO);
        assert_eq!(backoff.wait(u32::MAX, None, 1.0), backoff.longest);
    }

    #[test]
    fn a_wait_that_is_asked_for_is_given_within_reason() {
        let backoff = Backoff::default();
        let wait = |asked, random| backoff.wait(1, Some(Duration::from_secs(asked)), random);
        assert_eq!(wait(7, 0.0), Duration::from_secs(7));
        assert_eq!(wait(7, 1.0), Duration::from_millis(7500));
        assert_eq!(wait(3600, 0.0), LONGEST_ASKED);
    }

    #[test]
    fn waits_differ() {
        let draws: Vec<_> = (0..20).map(|_| random()).collect();
        assert!(draws.iter().all(|draw| (0.0..=1.0).contains(draw)));
        assert!(draws.iter().any(|draw| draw.total_cmp(&draws[0]).is_ne()));
    }
}
