//! Whether something still moves: the only limit on time that a transfer of unknown length can have.

use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// How long is waited for a sign of life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// How long nothing may move.
    pub(super) idle: Duration,
    /// How long a registry may take to answer once it has the whole of what it is sent: some hash a blob, or copy it to
    /// where it stays, before they do, and many gigabytes take their time.
    pub(super) answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { idle: Duration::from_mins(1), answer: Duration::from_mins(10) }
    }
}

/// The sign of life of one request.
#[derive(Debug)]
pub(super) struct Pulse {
    patience: Patience,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    last: Instant,
    limit: Duration,
}

impl Pulse {
    /// Begins now.
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, state: Mutex::new(State { last: Instant::now(), limit: patience.idle }) }
    }

    /// Something moves.
    pub(super) fn beat(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).last = Instant::now();
    }

    /// All is sent, and the registry has work to do.
    pub(super) fn answer_is_due(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) =
            State { last: Instant::now(), limit: self.patience.answer };
    }

    /// Waits for some work as long as something moves.
    ///
    /// # Errors
    /// When nothing moved for this long.
    pub(super) async fn watch<T>(&self, work: impl Future<Output = T>) -> Result<T, Duration> {
        let mut work = pin!(work);
        loop {
            let before = self.state();
            if let Ok(done) = timeout_at(before.last + before.limit, &mut work).await {
                return Ok(done);
            }
            let now = self.state();
            if now.last + now.limit <= Instant::now() {
                return Err(now.limit);
            }
        }
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const LONG: Duration = Duration::from_hours(1);
    const SHORT: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn what_does_not_move_is_given_up() {
        let pulse = Pulse::new(Patience { idle: SHORT, answer: LONG });
        assert_eq!(pulse.watch(pending::<()>()).await, Err(SHORT));
        let pulse = Pulse::new(Patience { idle: LONG, answer: SHORT });
        pulse.answer_is_due();
        assert_eq!(pulse.watch(pending::<()>()).await, Err(SHORT));
    }

    #[tokio::test]
    async fn an_answer_that_is_due_may_take_longer() {
        let pulse = Pulse::new(Patience { idle: SHORT, answer: LONG });
        let work = async {
            pulse.answer_is_due();
            tokio::time::sleep(20 * SHORT).await;
            7
        };
        assert_eq!(pulse.watch(work).await, Ok(7));
    }
}
