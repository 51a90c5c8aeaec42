//! Shared by the tests of the whole program: folders of their own, a handmade base image, and readers of images.

mod base;
mod context;
mod image;

pub(crate) use base::write_base;
pub(crate) use context::{Context, sorted_layers, steady};
pub(crate) use image::{Archive, Layout};
