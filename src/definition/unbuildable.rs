//! Functions of which no image can be built.

use crate::finding::{Finding, Place};

/// Why limg leaves alone what is an image function in its definition.
pub(super) const IS_IMAGE: &str = "it is an image function already: its own build makes it";

/// A function of which no image can be built.
#[derive(Debug, Clone)]
pub(crate) struct Unbuildable {
    /// Its name in the definition.
    pub name: String,
    /// Where it is defined.
    pub place: Place,
    /// Its runtime, as far as that is known.
    pub runtime: Option<String>,
    /// Why there is no image of it.
    pub why: WhyUnbuildable,
}

/// Why no image of a function can be built.
#[derive(Debug, Clone)]
pub(crate) enum WhyUnbuildable {
    /// limg leaves it alone, for a reason that is a clause such as `it is an image function`.
    LeftAlone(String),
    /// It has errors.
    Errors(Vec<Finding>),
}

impl Unbuildable {
    /// What is wrong with it; nothing if limg leaves it alone.
    pub(crate) fn errors(&self) -> &[Finding] {
        match &self.why {
            WhyUnbuildable::LeftAlone(_) => &[],
            WhyUnbuildable::Errors(findings) => findings,
        }
    }

    /// Why limg leaves it alone, as a clause with its name.
    pub(crate) fn reason_to_leave(&self) -> Option<String> {
        match &self.why {
            WhyUnbuildable::LeftAlone(why) => Some(format!("`{}`, since {why}", self.name)),
            WhyUnbuildable::Errors(_) => None,
        }
    }
}
