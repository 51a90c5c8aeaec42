//! What changes do to texts.

mod generated;
mod tables;
