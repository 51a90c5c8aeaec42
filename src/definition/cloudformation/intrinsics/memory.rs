//! What has been evaluated already, and how much more may be: hostile templates must end quickly.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::entries::{Entries, Section};
use super::expression::{StackId, Value};
use super::unresolved::{Unresolved, Why};
use crate::finding::Place;

/// How much may be evaluated for one definition, in steps of the paths to values and in [`BYTES_A_STEP`]. The 500 functions of
/// a large one need a twentieth.
const WORK_AT_MOST: usize = 10_000_000;

/// How deep functions may be nested, through parameters and outputs of nested stacks too. The stack of a thread holds far
/// more.
const DEPTH_AT_MOST: usize = 60;

/// How many bytes of memory cost as much as a step of a path, which is a text of its own.
const BYTES_A_STEP: usize = 8;

/// Results by stack and name. `None` while one is being evaluated.
pub(super) type Results<T> = RefCell<BTreeMap<(StackId, String), Option<Result<T, Unresolved>>>>;

/// Sections by stack.
type Sections<'t> = RefCell<BTreeMap<(StackId, Section), Rc<Entries<'t>>>>;

/// What has been evaluated already, and how much more may be.
#[derive(Debug)]
pub(super) struct Memory<'t> {
    pub(super) parameters: Results<Value<'t>>,
    pub(super) conditions: Results<bool>,
    pub(super) outputs: Results<Value<'t>>,
    pub(super) sections: Sections<'t>,
    work: Cell<usize>,
    depth: Cell<usize>,
}

impl Memory<'_> {
    pub(super) fn new() -> Self {
        Self {
            parameters: RefCell::default(),
            conditions: RefCell::default(),
            outputs: RefCell::default(),
            sections: RefCell::default(),
            work: Cell::new(WORK_AT_MOST),
            depth: Cell::new(0),
        }
    }

    /// Forgets all results, since there is one more stack that they may depend on.
    pub(super) fn forget(&self) {
        self.parameters.borrow_mut().clear();
        self.conditions.borrow_mut().clear();
        self.outputs.borrow_mut().clear();
        self.sections.borrow_mut().clear();
    }

    /// Pays for a number of values at a place, each of which has a copy of the path to it.
    pub(super) fn pay_for_values(&self, place: &Place, values: usize) -> Result<(), Unresolved> {
        self.pay(place, values.saturating_mul(place.path().steps().len() + 1))
    }

    /// Pays for a number of bytes that are copied or looked at.
    pub(super) fn pay_for_bytes(&self, place: &Place, bytes: usize) -> Result<(), Unresolved> {
        self.pay(place, bytes / BYTES_A_STEP)
    }

    fn pay(&self, place: &Place, steps: usize) -> Result<(), Unresolved> {
        let left = self.work.get().checked_sub(steps);
        self.work.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| Unresolved::new(place, Why::TooMuchWork))
    }

    /// Evaluates one level deeper.
    pub(super) fn deeper<T>(
        &self,
        place: &Place,
        evaluate: impl FnOnce() -> Result<T, Unresolved>,
    ) -> Result<T, Unresolved> {
        let depth = self.depth.get();
        if depth >= DEPTH_AT_MOST {
            return Err(Unresolved::new(place, Why::TooMuchWork));
        }
        self.depth.set(depth + 1);
        let result = evaluate();
        self.depth.set(depth);
        result
    }
}

/// The result for a name in a stack, evaluated at most once. One that needs itself is a cycle.
pub(super) fn once<T: Clone>(
    results: &Results<T>,
    stack: StackId,
    name: &str,
    at: &Place,
    evaluate: impl FnOnce() -> Result<T, Unresolved>,
) -> Result<T, Unresolved> {
    let key = (stack, name.to_owned());
    match results.borrow().get(&key) {
        Some(Some(result)) => return result.clone(),
        Some(None) => return Err(Unresolved::new(at, Why::Cycle { name: name.to_owned() })),
        None => {}
    }
    results.borrow_mut().insert(key.clone(), None);
    let result = evaluate();
    results.borrow_mut().insert(key, Some(result.clone()));
    result
}
