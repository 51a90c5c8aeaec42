//! The intrinsic functions of templates, evaluated as far as limg needs a value and no further.
//!
//! ```text
//! documents ──stack──> Stacks ──evaluate──> one level of a value, or why only the deployed stack knows it
//! ```
//!
//! - `stack` holds the templates, with the values of their parameters, and which resource is which nested stack.
//! - `expression` is a value that has not been evaluated: a node with the scope that it is read in.
//! - `evaluate` recognises functions. Each group of them has its file: `reference`, `substitute`, `texts`, `mapping`,
//!   `condition`, `json_text`, `dynamic_reference`.
//! - `section` lists resources, conditions and outputs, with those that the loops of `for_each` make.
//! - `memory` evaluates nothing twice that may be expensive, and ends what takes too long.
//! - `unresolved` says why a value is not known, in limg's words.
//!
//! This part knows no resource and no property, and reads no file. It never calls AWS.

mod condition;
mod dynamic_reference;
mod entries;
mod evaluate;
mod expression;
mod for_each;
mod function;
mod json_text;
mod mapping;
mod memory;
mod reference;
mod section;
mod stack;
mod substitute;
mod texts;
mod unresolved;

pub(super) use expression::{Expression, Reference, StackId, Value};
pub(super) use for_each::PREFIX as LOOP_PREFIX;
pub(in crate::definition) use stack::PseudoParameters;
pub(super) use stack::{Given, Stacks};
pub(super) use unresolved::Unresolved;

#[cfg(test)]
mod tests;
