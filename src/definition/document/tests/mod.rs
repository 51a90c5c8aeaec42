//! From text to nodes, and from places to lines.

mod json;
mod lines;
mod yaml;
