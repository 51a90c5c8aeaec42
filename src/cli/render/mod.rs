//! What a user sees: results on standard output, everything else on standard error.

mod bars;
mod check_formats;
mod events;
mod findings;
mod images;
mod json;
mod table;
mod terminal;

pub(super) use self::images::AmountReport;
pub(super) use self::table::{Align, table};
pub(super) use self::terminal::{Terminal, TerminalOptions};
