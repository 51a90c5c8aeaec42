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
    /// How many bytes a second a registry works off before it responds: some hash a blob then, or copy it to its final
    /// place, which takes long for many gigabytes.
    pub(super) bytes_per_second: u32,
}

impl Default for StallLimits {
    fn default() -> Self {
        Self { transfer: Duration::from_mins(1), bytes_per_second: 16 * 1024 * 1024 }
    }
}

impl StallLimits {
    /// How long the response to a request may take once all of its `sent` bytes are there.
    fn response(self, sent: u64) -> Duration {
        self.transfer + Duration::from_secs(sent / u64::from(self.bytes_per_second))
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

    /// Records that the whole request is sent, `sent` bytes. From now on the limit for the response applies.
    pub(super) fn expect_response(&self, sent: u64) {
        *lock(&self.state) = State { last_progress: Instant::now(), limit: self.limits.response(sent) };
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

    #[test]
    fn a_response_may_take_as_long_as_what_was_sent_justifies() {
        for (sent, seconds) in [(0, 60), (4 << 20, 60), (160 << 20, 70), (10 << 30, 700)] {
            assert_eq!(StallLimits::default().response(sent).as_secs(), seconds, "{sent} bytes");
        }
    }

    #[tokio::test]
    async fn stalled_work_times_out() {
        let timeout = StallTimeout::start(StallLimits { transfer: SHORT, bytes_per_second: 1 });
        assert_eq!(timeout.watch(pending::<()>()).await, Err(SHORT));
        let timeout = StallTimeout::start(StallLimits { transfer: SHORT, bytes_per_second: 1 });
        timeout.expect_response(0);
        assert_eq!(timeout.watch(pending::<()>()).await, Err(SHORT));
    }

    #[tokio::test]
    async fn a_response_may_take_longer_than_a_transfer_may_stall() {
        let timeout = StallTimeout::start(StallLimits { transfer: SHORT, bytes_per_second: 1 });
        let work = async {
            timeout.expect_response(LONG.as_secs());
            tokio::time::sleep(20 * SHORT).await;
            7
        };
        assert_eq!(timeout.watch(work).await, Ok(7));
    }
}
