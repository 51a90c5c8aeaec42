//! Serverless Framework services: what limg needs of `serverless.yml`, `serverless.yaml` and `serverless.json`.
//!
//! - [`artifacts`] finds the packages that `serverless package` has written.
//! - [`builders`] tells what makes packages other than the files themselves.
//! - [`package`] reads which files belong to the package of a function or layer.
//! - [`values`] reads values by their types.
//! - [`variables`] replaces `${…}`, but only in the values that are read.
//!
//! It runs no code of a service: a value that a program computes, or that only AWS knows, is reported by its name.

mod artifacts;
mod builders;
#[cfg(test)]
mod fixture;
mod package;
mod values;
mod variables;
