//! Progress events of one piece of work, not more often than a person can follow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Activity, Event, ProgressEvent, Reporter, Step};
use crate::sync::lock;

/// The shortest time between two events of one piece of work.
const INTERVAL: Duration = Duration::from_millis(100);

/// The id of the next piece of work of this process.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Reports the progress of one piece of work, which ends when this is dropped.
pub(crate) struct Progress {
    id: u64,
    reporter: Arc<dyn Reporter>,
    state: Mutex<State>,
}

struct State {
    /// What is reported first, unless it has been.
    beginning: Option<Step>,
    /// When the next event may be reported.
    next: Instant,
}

impl Progress {
    /// Begins work on `total` bytes, if that is known.
    pub(crate) fn begin(
        reporter: Arc<dyn Reporter>,
        activity: Activity,
        total: impl Into<Option<u64>>,
    ) -> Self {
        let progress = Self::begin_after(Duration::ZERO, reporter, activity, total);
        progress.report_beginning(&mut lock(&progress.state));
        progress
    }

    /// The same for work that usually takes so little time that it is not worth an event. Nothing is reported before it
    /// has taken longer than `delay`.
    pub(crate) fn begin_after(
        delay: Duration,
        reporter: Arc<dyn Reporter>,
        activity: Activity,
        total: impl Into<Option<u64>>,
    ) -> Self {
        let beginning = Some(Step::Begun { activity, total: total.into() });
        let state = State { beginning, next: Instant::now() + delay };
        Self { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), reporter, state: Mutex::new(state) }
    }

    /// Reports how many bytes are done.
    pub(crate) fn at(&self, bytes: u64) {
        let now = Instant::now();
        let mut state = lock(&self.state);
        if now >= state.next {
            self.report_beginning(&mut state);
            state.next = now + INTERVAL;
            drop(state);
            self.report(Step::At(bytes));
        }
    }

    fn report_beginning(&self, state: &mut State) {
        if let Some(beginning) = state.beginning.take() {
            self.report(beginning);
        }
    }

    fn report(&self, step: Step) {
        self.reporter.report(Event::Progress(ProgressEvent { id: self.id, step }));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if lock(&self.state).beginning.is_none() {
            self.report(Step::Ended);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Events;

    fn activity() -> Activity {
        Activity::Pack { layer: "code of orders".to_owned() }
    }

    /// The steps that are reported while `work` runs.
    fn steps(work: impl FnOnce(Arc<dyn Reporter>)) -> Vec<Step> {
        let events = Arc::new(Events::default());
        work(Arc::<Events>::clone(&events));
        let events = events.0.lock().unwrap();
        let step = |event: &Event| match event {
            Event::Progress(progress) => progress.step.clone(),
            other => panic!("{other:?}"),
        };
        events.iter().map(step).collect()
    }

    #[test]
    fn work_reports_its_start_its_end_and_some_progress() {
        let steps = steps(|reporter| {
            let progress = Progress::begin(reporter, activity(), 10_000);
            (1..=10_000).for_each(|bytes| progress.at(bytes));
        });
        assert_eq!(steps[..2], [Step::Begun { activity: activity(), total: Some(10_000) }, Step::At(1)]);
        assert_eq!(steps.last(), Some(&Step::Ended));
        assert!(steps.len() < 5000, "{} reports", steps.len());
    }

    #[test]
    fn work_that_ends_early_reports_nothing() {
        let reported = steps(|reporter| {
            let progress = Progress::begin_after(Duration::from_hours(1), reporter, activity(), 2);
            progress.at(1);
            progress.at(2);
        });
        assert_eq!(reported, []);
        let reported = steps(|reporter| {
            let progress = Progress::begin_after(Duration::from_millis(1), reporter, activity(), 2);
            std::thread::sleep(Duration::from_millis(2));
            progress.at(1);
        });
        assert_eq!(
            reported,
            [Step::Begun { activity: activity(), total: Some(2) }, Step::At(1), Step::Ended]
        );
    }
}
