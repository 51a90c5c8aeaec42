//! limg builds AWS Lambda container images from function, layer and extension definitions, without a Docker daemon.
//!
//! Data flows one way, and so do imports (`tests/architecture.rs` holds the rule):
//!
//! ```text
//! definitions ──parse──> Project ──plan──> ImagePlan ──build──> Image ──send──> destination
//! ```
//!
//! - [`definition`] turns `limg.yaml` into a [`project::Project`], or into all its [`finding`]s at once.
//! - [`lock`] keeps what was found under names that may move: the digests of images and layers.
//! - [`tree`] turns directories, zips and files into a [`tree::Tree`] of image paths.
//! - [`files`] lays the layers of an image, and trees, over each other, and follows links.
//! - [`plan`] places the trees by Lambda's rules and completes the image config.
//! - [`check`] judges by Lambda's rules whether the planned image would work.
//! - [`layer`] folds a tree into a deterministic layer blob in the [`store`].
//! - [`extract`] takes files from the layers of another image as a tree.
//! - [`image`] joins base, layers and config into manifest and config bytes.
//! - [`layout`], [`registry`] and [`engine`] read bases and deliver images; `aws` knows ECR and fetches layer versions for
//!   [`layer_version`].
//! - [`sample_event`] has what other services send to functions, to invoke them with.
//! - [`pipeline`] runs it all; [`cli`] is the command line.

#[cfg(feature = "aws")]
pub mod aws;
pub mod build_time;
pub mod check;
pub mod cli;
pub mod definition;
pub mod engine;
pub mod event;
pub mod extract;
pub mod failure;
pub mod files;
pub mod finding;
pub mod fs;
pub mod image;
pub mod layer;
pub mod layer_version;
pub mod layout;
pub mod lock;
pub mod pipeline;
pub mod plan;
pub mod project;
pub mod registry;
pub mod runtime;
pub mod sample_event;
pub mod shared;
pub mod store;
pub mod strict_yaml;
pub mod sync;
pub mod text;
pub mod tree;
pub mod units;
