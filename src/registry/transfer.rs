//! Progress events of one blob, not more often than a person can follow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::event::{Direction, Event, Progress, Reporter, TransferEvent};
use crate::sync::lock;

/// The shortest time between two progress events of one transfer.
const INTERVAL: Duration = Duration::from_millis(100);

/// The id of the next transfer of this process.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The transfer of a blob. It ends when this is dropped.
pub(crate) struct Transfer {
    id: u64,
    reporter: Arc<dyn Reporter>,
    last_report: Mutex<Option<Instant>>,
}

impl Transfer {
    /// Begins a transfer of `total` bytes.
    pub(crate) fn begin(
        reporter: Arc<dyn Reporter>,
        direction: Direction,
        repository: String,
        what: String,
        total: u64,
    ) -> Self {
        let transfer =
            Self { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), reporter, last_report: Mutex::new(None) };
        transfer.report(Progress::Begun { direction, repository, what, total });
        transfer
    }

    /// Reports how many bytes have been transferred.
    pub(crate) fn at(&self, bytes: u64) {
        let mut last = lock(&self.last_report);
        if last.is_none_or(|last| last.elapsed() >= INTERVAL) {
            *last = Some(Instant::now());
            drop(last);
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
    fn a_transfer_reports_its_start_its_end_and_some_progress() {
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
