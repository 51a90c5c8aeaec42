//! From text to nodes, and from places to lines.

mod generate;
mod json;
mod lines;
mod rewriting;
mod spans;
mod yaml;
