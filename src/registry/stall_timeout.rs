//! The time-out for stalled requests. A transfer of unknown length may take any time, as long as it makes progress.

use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::sync::lock;

/// How long a request may make no progress.
#[derive(Debug, Clone, Copy)]
pub(super) struct StallLimits {
    /// While bytes are expected to move.
    pub(super) transfer: Duration,
    /// Between the end of the request and the start of its response: before they respond, some registries hash a blob,
    /// or copy it to its final place, which takes long for many gigabytes.
    pub(super) response: Duration,
}

impl Default for StallLimits {
    fn default() -> Self {
        Self { transfer: Duration::from_mins(1), response: Duration::from_mins(10) }
    }
}

/// The time-out of one request.
#[derive(Debug)]
pub(super) struct StallTimeout {
    limits: StallLimits,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    last_progress: Instant,
    limit: Duration,
}

impl StallTimeout {
    /// Starts now.
    pub(super) fn start(limits: StallLimits) -> Self {
        Self { limits, state: Mutex::new(State { last_progress: Instant::now(), limit: limits.transfer }) }
    }

    /// Records progress.
    pub(super) fn progress(&self) {
        lock(&self.state).last_progress = Instant::now();
    }

    /// Records that the whole request is sent. From now on the limit for the response applies.
    pub(super) fn expect_response(&self) {
        *lock(&self.state) = State { last_progress: Instant::now(), limit: self.limits.response };
    }

    /// Waits for some work for as long as there is progress.
    ///
    /// # Errors
    /// The limit that was exceeded.
    pub(super) async fn watch<T>(&self, work: impl Future<Output = T>) -> Result<T, Duration> {
        let mut work = pin!(work);
        loop {
            let before = *lock(&self.state);
            if let Ok(done) = timeout_at(before.last_progress + before.limit, &mut work).await {
                return Ok(done);
            }
            let now = *lock(&self.state);
            if now.last_progress + now.limit <= Instant::now() {
                return Err(now.limit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const LONG: Duration = Duration::from_hours(1);
    const SHORT: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn stalled_work_times_out() {
        let timeout = StallTimeout::start(StallLimits { transfer: SHORT, response: LONG });
        assert_eq!(timeout.watch(pending::<()>()).await, Err(SHORT));
        let timeout = StallTimeout::start(StallLimits { transfer: LONG, response: SHORT });
        timeout.expect_response();
        assert_eq!(timeout.watch(pending::<()>()).await, Err(SHORT));
    }

    #[tokio::test]
    async fn a_response_may_take_longer_than_a_transfer_may_stall() {
        let timeout = StallTimeout::start(StallLimits { transfer: SHORT, response: LONG });
        let work = async {
            timeout.expect_response();
            tokio::time::sleep(20 * SHORT).await;
            7
        };
        assert_eq!(timeout.watch(work).await, Ok(7));
    }
}
