//! Serverless Framework services: what limg needs of `serverless.yml`, `serverless.yaml` and `serverless.json`.
//!
//! - [`variables`] replaces `${…}`, but only in the values that are read.
//!
//! It runs no code of a service: a value that a program computes, or that only AWS knows, is reported by its name.

mod variables;
