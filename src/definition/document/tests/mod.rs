//! From text to nodes, and from places to lines.

mod json;
mod lines;
mod spans;
mod yaml;
