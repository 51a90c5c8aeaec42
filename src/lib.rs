//! limg builds AWS Lambda container images from function, layer and extension definitions, without a Docker daemon.
//!
//! This crate is the program `limg`. The library exists so that the tests, the benchmarks and `main.rs` can use its parts;
//! it is not a public API and changes with any version.
//!
//! Data flows one way, and so do imports, as `tests/architecture.rs` verifies:
//!
//! ```text
//! definition ──read──> Project ──plan──> ImagePlan ──check──> layers ──assemble──> Image ──deliver──> destination
//! ```
//!
//! | module | what it does |
//! | --- | --- |
//! | `definition` | reads `limg.yaml` into a [`project::Project`], or reports all its [`finding`]s at once |
//! | `lock` | pins what names in registries and layer versions stand for, in `limg.lock` |
//! | [`tree`] | reads directories, zips and files into a [`tree::Tree`] of image paths |
//! | [`wheel`] | reads Python wheels as trees of files, and lays them into one |
//! | [`files`] | knows the files of an image: layers on top of each other, and where links lead |
//! | `bytecode` | compiles Python sources of trees |
//! | `plan` | puts the trees where Lambda expects them, and completes the image config |
//! | `check` | checks a planned image against Lambda's rules |
//! | `exports` | finds what a module of Python, Node.js or Ruby exports |
//! | [`layer`] | writes a tree as a deterministic layer blob into the [`store`] |
//! | `dockerfile` | writes a Dockerfile that makes the same image, and its context |
//! | `extract` | extracts files of another image as a tree |
//! | `fix` | rewrites the layers of an image so that Lambda accepts them |
//! | `compare` | finds what differs between two images |
//! | `inspect` | finds what is in an image, layer by layer |
//! | `report` | writes a page of HTML about images |
//! | [`image`] | assembles a base, layers and a config into an image |
//! | [`layout`], [`registry`], [`engine`] | read base images and deliver images |
//! | `aws` | talks to Amazon ECR, and fetches `layer_version`s |
//! | `pipeline` | runs all of these for a build, a push or an update |
//! | `explain` | explains findings and errors of Lambda |
//! | [`cli`] | is the command line |
//!
//! Everything may use [`finding`], [`failure`], `text`, `units`, `fs` and `sync`.

#[cfg(feature = "aws")]
pub mod aws;
mod build_time;
mod bytecode;
mod check;
pub mod cli;
mod compare;
mod definition;
mod dockerfile;
pub mod engine;
mod event;
mod explain;
mod exports;
mod extract;
pub mod failure;
pub mod files;
pub mod finding;
mod fix;
mod fs;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod image;
mod inspect;
mod install;
pub mod layer;
mod layer_version;
pub mod layout;
mod lock;
mod pipeline;
mod plan;
pub mod project;
pub mod registry;
mod report;
mod response_body;
mod runtime;
mod sample_event;
mod secret;
pub mod shared;
pub mod store;
mod strict_yaml;
mod sync;
mod text;
pub mod tree;
mod units;
pub mod wheel;
