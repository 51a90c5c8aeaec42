//! The fields of functions and layers that every format of definitions has: what they may contain, and what to do if they
//! do not. A format finds a value and its place; this part decides what the value means.

pub(super) mod architecture;
pub(super) mod build_output;
pub(super) mod bundle;
pub(super) mod configuration;
pub(super) mod environment;
mod findings;
pub(super) mod handler;
pub(super) mod image;
pub(super) mod layer_version;
pub(super) mod name;
pub(super) mod package_list;
pub(super) mod runtime;
pub(super) mod source;

pub(super) use findings::Findings;
