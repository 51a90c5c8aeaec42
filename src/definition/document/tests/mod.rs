//! From text to nodes, and from places to lines.

pub(in crate::definition::document) mod generate;
mod json;
mod lines;
mod rewriting;
mod spans;
mod yaml;
