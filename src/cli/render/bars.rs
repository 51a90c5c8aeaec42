//! Transfers under way: one progress bar each on a terminal, one line each elsewhere.
//!
//! The caller escapes the text of a bar.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::event::{Direction, Progress, TransferEvent};
use crate::sync::lock;
use crate::units::size;

/// The layout of a bar. The numbers come first, because long names are cut at the terminal's edge.
const TEMPLATE: &str =
    "{bar:20} {decimal_bytes:>9} of {decimal_total_bytes:<9} {decimal_bytes_per_sec:>11}  {wide_msg}";

/// The length of an abbreviated digest.
const ABBREVIATED: usize = "sha256:".len() + 12;

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
    pub(super) fn new() -> Self {
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { all: MultiProgress::new(), style: style.progress_chars("=> "), by_id: Mutex::default() }
    }

    /// Shows a step of a transfer, which `text` describes.
    pub(super) fn show(&self, event: &TransferEvent, text: String) {
        let mut bars = lock(&self.by_id);
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

    /// Hides the bars while something else is written.
    pub(super) fn hide_while<T>(&self, write: impl FnOnce() -> T) -> T {
        self.all.suspend(write)
    }
}

/// A transfer in words. A bar shows the size itself.
pub(super) fn text(progress: &Progress, with_size: bool) -> String {
    let Progress::Begun { direction, repository, what, total } = progress else { return String::new() };
    let size = if with_size { format!(" ({})", size(*total)) } else { String::new() };
    let what = what.get(..ABBREVIATED).filter(|_| what.starts_with("sha256:")).unwrap_or(what);
    match direction {
        Direction::Fetch => format!("fetching {what}{size} from {repository}"),
        Direction::Send => format!("uploading {what}{size} to {repository}"),
    }
}
