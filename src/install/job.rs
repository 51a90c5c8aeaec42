//! What a tool resolves, and where.

use std::path::Path;

use super::lists::Requested;
use crate::event::Reporter;
use crate::store::Store;
use crate::wheel::PythonTarget;

/// Requirements to be resolved for a target.
pub(super) struct Job<'a> {
    pub(super) requested: &'a Requested,
    pub(super) target: PythonTarget,
    /// The folder of the list, whose settings count.
    pub(super) folder: &'a Path,
    pub(super) store: &'a Store,
    pub(super) reporter: &'a dyn Reporter,
}
