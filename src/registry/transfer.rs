//! Progress of one blob on its way, reported often enough for an eye and no more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Direction, Event, Progress, Reporter, TransferEvent};

/// The least time between two reports of one transfer.
const PACE: Duration = Duration::from_millis(100);

/// Tells transfers of one process apart.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A blob on its way. It is over when this is dropped.
pub(crate) struct Transfer {
    id: u64,
    reporter: Arc<dyn Reporter>,
    reported: Mutex<Option<Instant>>,
}

impl Transfer {
    /// Begins one of `total` bytes.
    pub(crate) fn begin(
        reporter: Arc<dyn Reporter>,
        direction: Direction,
        repository: String,
        what: String,
        total: u64,
    ) -> Self {
        let transfer =
            Self { id: NEXT.fetch_add(1, Ordering::Relaxed), reporter, reported: Mutex::new(None) };
        transfer.report(Progress::Begun { direction, repository, what, total });
        transfer
    }

    /// This many bytes have gone over.
    pub(crate) fn at(&self, bytes: u64) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.is_none_or(|last| last.elapsed() >= PACE) {
            *reported = Some(Instant::now());
            drop(reported);
            self.report(Progress::At(bytes));
        }
    }

    fn report(&self, progress: Progress) {
        self.reporter.report(Event::Transfer(TransferEvent { id: self.id, progress }));
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.report(Progress::Ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Events;

    #[test]
    fn a_transfer_begins_and_ends_and_does_not_chatter() {
        let events = Arc::new(Events::default());
        let reporter: Arc<dyn Reporter> = Arc::<Events>::clone(&events);
        let transfer =
            Transfer::begin(reporter, Direction::Fetch, "a/b".to_owned(), "blob".to_owned(), 10_000);
        for bytes in 1..=10_000 {
            transfer.at(bytes);
        }
        drop(transfer);
        let events = events.0.lock().unwrap();
        let progress: Vec<_> = events
            .iter()
            .map(|event| match event {
                Event::Transfer(transfer) => &transfer.progress,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(matches!(progress[0], Progress::Begun { total: 10_000, .. }));
        assert_eq!(progress[1], &Progress::At(1));
        assert_eq!(progress.last(), Some(&&Progress::Ended));
        assert!(progress.len() < 5000, "{} reports", progress.len());
    }
}
