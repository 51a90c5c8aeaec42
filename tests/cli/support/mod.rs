//! Shared by the tests of the whole program: folders of their own, a handmade base image, readers of images,
//! and a registry.

mod base;
mod context;
mod image;
pub(crate) mod registry;

pub(crate) use base::{add_provenance, header, write_base, write_base_with, write_image};
pub(crate) use context::{Context, Run, sorted_layers, steady};
pub(crate) use image::{Archive, Layout};
