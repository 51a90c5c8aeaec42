//! Transfers as they go: a bar each on a terminal, else a line each.
//!
//! What a bar shows may come from anywhere, so that its text is made visible by the caller.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::render::size;
use crate::event::{Direction, Progress, TransferEvent};

/// How a bar looks: how far it is comes first, since long names are cut at the terminal's edge.
const TEMPLATE: &str =
    "{bar:20} {decimal_bytes:>9} of {decimal_total_bytes:<9} {decimal_bytes_per_sec:>11}  {wide_msg}";

/// How much is shown of a digest.
const SHOWN: usize = "sha256:".len() + 12;

/// The bars of the transfers under way.
pub(super) struct Bars {
    all: MultiProgress,
    style: ProgressStyle,
    by_id: Mutex<HashMap<u64, ProgressBar>>,
}

impl fmt::Debug for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bars").finish_non_exhaustive()
    }
}

impl Bars {
    /// Bars on standard error.
    pub(super) fn new() -> Self {
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { all: MultiProgress::new(), style: style.progress_chars("=> "), by_id: Mutex::default() }
    }

    /// Shows a step of a transfer. `text` says what it is.
    pub(super) fn show(&self, event: &TransferEvent, text: String) {
        let mut bars = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        match event.progress {
            Progress::Begun { total, .. } => {
                let bar = bars.entry(event.id).or_insert_with(|| self.all.add(ProgressBar::new(total)));
                bar.set_style(self.style.clone());
                bar.set_message(text);
            }
            Progress::At(bytes) => {
                if let Some(bar) = bars.get(&event.id) {
                    bar.set_position(bytes);
                }
            }
            Progress::Ended => {
                if let Some(bar) = bars.remove(&event.id) {
                    bar.finish_and_clear();
                }
            }
        }
    }

    /// Takes the bars off the terminal while something else is written.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.all.suspend(write)
    }
}

/// What a transfer is, in words: without its size beside a bar, which shows it.
pub(super) fn text(progress: &Progress, with_size: bool) -> String {
    let Progress::Begun { direction, repository, what, total } = progress else { return String::new() };
    let size = if with_size { format!(" ({})", size(*total)) } else { String::new() };
    // As much of a digest as tells blobs apart.
    let what = what.get(..SHOWN).filter(|_| what.starts_with("sha256:")).unwrap_or(what);
    match direction {
        Direction::Fetch => format!("fetching {what}{size} from {repository}"),
        Direction::Send => format!("sending {what}{size} to {repository}"),
    }
}
