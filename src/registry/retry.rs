//! How often and how soon a failed operation is tried again.
//!
//! Waits grow exponentially. Each is drawn at random below its bound ("full jitter"), so that many clients that failed
//! together do not retry together. Whether an error permits another attempt is decided by the error itself.

use std::error::Error;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::sync::SemaphorePermit;

use crate::event::{Event, Reporter};
use crate::text::root_cause;

/// The longest wait that limg grants when a registry asks for one.
const MAX_REQUESTED_WAIT: Duration = Duration::from_mins(1);

/// An error after which another attempt may succeed.
pub(crate) trait Transient: Error + Sized + 'static {
    /// Whether the same operation may succeed a little later.
    fn is_transient(&self) -> bool;

    /// How long the registry asks limg to wait.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// Why the operation failed, on one line and without secrets.
    fn reason(&self) -> String {
        root_cause(self).to_string()
    }
}

/// When to try again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    /// The bound of the first wait; each further bound is twice as long.
    pub(crate) base: Duration,
    /// The largest bound.
    pub(crate) longest: Duration,
    /// The number of attempts.
    pub(crate) attempts: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_millis(500), longest: Duration::from_secs(30), attempts: 5 }
    }
}

impl Backoff {
    /// The wait after `failed` attempts, given a random number between 0 and 1.
    fn wait(&self, failed: u32, requested: Option<Duration>, random: f64) -> Duration {
        if let Some(requested) = requested {
            // The random part spreads the clients here too.
            return requested.min(MAX_REQUESTED_WAIT) + self.base.mul_f64(random);
        }
        let bound = self.base.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1)));
        bound.min(self.longest).mul_f64(random)
    }
}

/// The attempts at one operation.
pub(crate) struct Attempts<'a> {
    backoff: Backoff,
    reporter: &'a dyn Reporter,
    action: &'a str,
    failed: u32,
    /// Permission for the operation, if its number is limited.
    _permit: Option<SemaphorePermit<'a>>,
}

impl<'a> Attempts<'a> {
    /// Starts before the first attempt. `action` names the operation in events.
    pub(crate) fn new(backoff: Backoff, reporter: &'a dyn Reporter, action: &'a str) -> Self {
        Self { backoff, reporter, action, failed: 0, _permit: None }
    }

    /// Holds a permit until the operation has succeeded or failed for good.
    pub(super) fn with_permit(self, permit: Option<SemaphorePermit<'a>>) -> Self {
        Self { _permit: permit, ..self }
    }

    /// Forgets the failed attempts.
    pub(super) fn start_again(&mut self) {
        self.failed = 0;
    }

    /// Repeats an operation until it succeeds or fails for good.
    pub(super) async fn run<T, E: Transient, F>(mut self, operation: impl Fn() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        loop {
            match operation().await {
                Ok(value) => return Ok(value),
                Err(error) => self.after(error).await?,
            }
        }
    }

    /// Waits after a failed attempt, or returns its error if there is not to be another one.
    pub(crate) async fn after<E: Transient>(&mut self, error: E) -> Result<(), E> {
        let is_transient = error.is_transient();
        self.after_if(is_transient, error).await
    }

    /// As [`after`](Self::after), where the caller knows whether another attempt may succeed.
    pub(crate) async fn after_if<E: Transient>(&mut self, may_succeed: bool, error: E) -> Result<(), E> {
        self.failed += 1;
        if !may_succeed || self.failed >= self.backoff.attempts {
            return Err(error);
        }
        let wait = self.backoff.wait(self.failed, error.retry_after(), random());
        self.reporter.report(Event::Retry { action: self.action.to_owned(), cause: error.reason(), wait });
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// A number between 0 and 1. The standard library keys its hashers at random, which is random enough here.
fn random() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::super::error::RegistryError;
    use super::super::error_response::ErrorResponse;
    use super::super::sent_secrets::SentSecrets;
    use super::*;
    use crate::event::Events;

    fn rejected(status: u16) -> RegistryError {
        let status = StatusCode::from_u16(status).unwrap();
        let response = ErrorResponse::new(status, &HeaderMap::new(), b"busy", &SentSecrets::default());
        RegistryError::rejected("read a of b", response)
    }

    #[tokio::test]
    async fn a_transient_failure_is_retried_a_limited_number_of_times() {
        let events = Events::default();
        let backoff = Backoff { base: Duration::ZERO, ..Backoff::default() };
        let mut attempts = Attempts::new(backoff, &events, "read a of b");
        for _ in 1..backoff.attempts {
            attempts.after(rejected(503)).await.unwrap();
        }
        assert_eq!(attempts.after(rejected(503)).await.unwrap_err().status(), Some(503));
        let events = events.0.lock().unwrap();
        assert_eq!(events.len(), 4);
        let Event::Retry { action, cause, wait: _ } = &events[0] else { panic!("{events:?}") };
        assert_eq!((action.as_str(), cause.as_str()), ("read a of b", "503 Service Unavailable: busy"));
    }

    #[tokio::test]
    async fn a_permanent_failure_is_not_retried() {
        let events = Events::default();
        let mut attempts = Attempts::new(Backoff::default(), &events, "read a of b");
        assert_eq!(attempts.after(rejected(404)).await.unwrap_err().status(), Some(404));
        assert!(events.0.lock().unwrap().is_empty());
    }

    #[test]
    fn waits_grow_up_to_a_limit() {
        let backoff = Backoff::default();
        let bounds: Vec<_> = (1..=8).map(|failed| backoff.wait(failed, None, 1.0).as_millis()).collect();
        assert_eq!(bounds, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!(backoff.wait(4, None, 0.0), Duration::ZERO);
        assert_eq!(backoff.wait(u32::MAX, None, 1.0), backoff.longest);
    }

    #[test]
    fn a_requested_wait_is_granted_up_to_a_limit() {
        let backoff = Backoff::default();
        let wait = |requested, random| backoff.wait(1, Some(Duration::from_secs(requested)), random);
        assert_eq!(wait(7, 0.0), Duration::from_secs(7));
        assert_eq!(wait(7, 1.0), Duration::from_millis(7500));
        assert_eq!(wait(3600, 0.0), MAX_REQUESTED_WAIT);
    }

    #[test]
    fn waits_are_random() {
        let draws: Vec<_> = (0..20).map(|_| random()).collect();
        assert!(draws.iter().all(|draw| (0.0..=1.0).contains(draw)));
        assert!(draws.iter().any(|draw| draw.total_cmp(&draws[0]).is_ne()));
    }
}
