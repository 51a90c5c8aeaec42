//! What changes do to texts.

mod tables;
