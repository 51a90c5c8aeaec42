//! Progress bars of the work under way, on a terminal.
//!
//! The caller escapes the text of a bar.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::sync::lock;

/// The layout of a bar. The numbers come first, because long names are cut at the terminal's edge.
const TEMPLATE: &str =
    "{bar:20} {decimal_bytes:>9} of {decimal_total_bytes:<9} {decimal_bytes_per_sec:>11}  {wide_msg}";

/// The same while the size is unknown.
const WITHOUT_TOTAL: &str = "{spinner:>20} {decimal_bytes:>9} {decimal_bytes_per_sec:>24}  {wide_msg}";

/// The bars of the work under way, by the ids of its events.
pub(super) struct Bars {
    all: MultiProgress,
    style: ProgressStyle,
    without_total: ProgressStyle,
    by_id: Mutex<HashMap<u64, ProgressBar>>,
}

impl fmt::Debug for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bars").finish_non_exhaustive()
    }
}

impl Bars {
    pub(super) fn new() -> Self {
        let style = |template| {
            let style = ProgressStyle::with_template(template);
            style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
        };
        let (style, without_total) = (style(TEMPLATE), style(WITHOUT_TOTAL));
        Self { all: MultiProgress::new(), style, without_total, by_id: Mutex::default() }
    }

    /// Shows a bar for work on `total` bytes, if that is known, which `text` describes.
    pub(super) fn begin(&self, id: u64, text: String, total: Option<u64>) {
        let mut bars = lock(&self.by_id);
        let new = || total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let bar = bars.entry(id).or_insert_with(|| self.all.add(new()));
        let style = if total.is_some() { &self.style } else { &self.without_total };
        bar.set_style(style.clone());
        bar.set_message(text);
    }

    /// Moves a bar to a number of bytes.
    pub(super) fn move_to(&self, id: u64, bytes: u64) {
        if let Some(bar) = lock(&self.by_id).get(&id) {
            let is_first = bar.position() == 0;
            bar.set_position(bytes);
            if is_first {
                // A bar may begin later than its work; what was done before says nothing about the speed.
                bar.reset_eta();
            }
        }
    }

    /// Removes a bar.
    pub(super) fn end(&self, id: u64) {
        if let Some(bar) = lock(&self.by_id).remove(&id) {
            bar.finish_and_clear();
        }
    }

    /// Removes all bars.
    pub(super) fn end_all(&self) {
        lock(&self.by_id).drain().for_each(|(_, bar)| bar.finish_and_clear());
    }

    /// Hides the bars while something else is written.
    pub(super) fn hide_while<T>(&self, write: impl FnOnce() -> T) -> T {
        self.all.suspend(write)
    }
}
