//! Shared by the tests of the program: the environment of a test, bases made by hand, and readers of images.

mod base;
mod context;
mod image;

pub(crate) use base::write_base;
pub(crate) use context::{Context, sorted_layers, steady};
pub(crate) use image::{Archive, Layout};
